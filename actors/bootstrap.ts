/**
 * What keeps storage actors and trimmed journals together (rules 16 and 17): every storage actor says what it has on its disk, somebody takes
 * a snapshot now and then, owners trim below both, and whoever lacks what is gone from a journal loads the newest snapshot.
 */
import { type Log, LogCorrupt } from '../bus/log.ts'
import type { Objects } from '../bus/objects.ts'
import type { Timer, World } from '../bus/world.ts'
import { epoch, type Partition, type Sequence, sequence, type Vector } from '../protocol/ids.ts'
import { decodeMessage, messageHash } from '../protocol/record.ts'
import { SnapshotDamaged, type SnapshotEnd, type SnapshotJournal } from '../protocol/snapshot.ts'
import { findSnapshots, loadSnapshot, type Progress, removeOldSnapshots, snapshotName, takeSnapshot } from './storage/snapshot.ts'
import type { AppliedPosition, VersionStore } from './storage/version-store.ts'
import { everything, type RangeMap } from './topology.ts'

export interface Keeping {
  /** How often a storage actor says what it has synced, and looks whether a snapshot is due. */
  readonly sayMs: number
  /** Owners forget a storage actor that has been silent for so long: it will load a snapshot when it comes back. */
  readonly silentMs: number
  /** A snapshot is due when so much of the journals lies above the newest; of a large database half of its size, up to the most. */
  readonly bytesMin: number
  readonly bytesMost: number
  /** For outcome queries records stay so long, in tau, as long as there is room. */
  readonly recordsMicros: number
}

export const keepingDefault: Keeping = {
  sayMs: 5_000,
  silentMs: 600_000,
  bytesMin: 2 ** 26,
  bytesMost: 2 ** 28,
  recordsMicros: 60_000_000,
}

const registered = 'storage/'
/** The last one may be in use, and the one before it just now. */
const snapshotsKept = 2
/** What another one has begun and not completed for so long is nobody's. */
const unfinishedMs = 600_000

/** What a storage actor says of itself. The count goes up with every word, so that silence shows. */
interface Registered {
  readonly count: number
  readonly positions: readonly number[]
  /** The snapshot that it is loading. */
  readonly loading?: string
}

export interface StorageKeepingParts {
  readonly world: World
  readonly objects: Objects
  /** One a partition, from partition 0 on. */
  readonly logs: readonly Log[]
  readonly map: RangeMap
  readonly store: VersionStore
  /** Outlives the process, not its disk. */
  readonly id: string
  readonly keeping?: Keeping
  readonly progress?: Progress
}

/** The part of one storage actor. */
export class StorageKeeping {
  private readonly parts: StorageKeepingParts
  private readonly keeping: Keeping
  private count: number
  private timer: Timer | undefined
  private isOpen = true
  private saidAt = 0
  /** When each unfinished snapshot of somebody else was first seen, monotonic. */
  private readonly unfinished = new Map<string, number>()

  constructor(parts: StorageKeepingParts) {
    this.parts = parts
    this.keeping = parts.keeping ?? keepingDefault
    // Another word than the last one of the process before.
    this.count = parts.world.clock.monotonic()
  }

  /** Before it follows: loads the newest snapshot where its own position is gone from a journal, or it has nothing at all. */
  async prepare(): Promise<void> {
    const { logs, store, objects, world } = this.parts
    const isEmpty = logs.every((_, p) => this.applied(p).sequence === 0)
    for (let before = ''; isEmpty || this.isBehind(); ) {
      const { newest } = await findSnapshots(objects)
      if (newest === undefined && !this.isBehind()) break
      if (newest === undefined)
        throw new LogCorrupt('storage lacks entries that the journal no longer has, and there is no snapshot')
      // Said before anything is read: what follows the snapshot stays from now on.
      await this.say(
        newest.journals.map((journal) => journal.sequence),
        newest.name,
      )
      const isGone = logs.some((log, p) => log.first() > (newest.journals[p]?.sequence ?? 0) + 1)
      if (!isGone) {
        for (const [p, log] of logs.entries()) await checkOrigin(newest, p, log)
        try {
          await loadSnapshot(objects, newest, store, { clock: world.clock, progress: (done) => this.loaded(done, newest) })
          break
        } catch (error) {
          // It went while it was read: then there is a newer one.
          if (!(error instanceof SnapshotDamaged) || newest.name === before) throw error
        }
      }
      if (isGone && newest.name === before) throw new LogCorrupt(`the journal begins behind the newest snapshot, ${newest.name}`)
      before = newest.name
    }
    await this.say(this.synced())
  }

  /** Says what is synced, and takes a snapshot when it is time, until it is closed. */
  start(): void {
    this.timer = this.parts.world.clock.after(this.keeping.sayMs, () => {
      void this.look().then(() => {
        if (this.isOpen) this.start()
      })
    })
  }

  close(): void {
    this.isOpen = false
    this.timer?.cancel()
  }

  private async look(): Promise<void> {
    try {
      await this.say(this.synced())
      if (await this.isDue()) await this.take()
    } catch {
      // The place for objects does not answer, or is damaged: nothing is trimmed, and the next look tries again.
    }
  }

  /** A long load is no silence. */
  private loaded(done: Parameters<Progress>[0], { name, journals }: SnapshotEnd): void {
    this.parts.progress?.(done)
    const now = this.parts.world.clock.monotonic()
    if (now - this.saidAt < this.keeping.sayMs * 1_000) return
    this.say(
      journals.map((journal) => journal.sequence),
      name,
    ).catch(() => {})
  }

  private applied(p: number): AppliedPosition {
    return this.parts.store.applied(p as Partition)
  }

  private synced(): Vector {
    return this.parts.logs.map((_, p) => this.parts.store.synced(p as Partition))
  }

  private isBehind(): boolean {
    return this.parts.logs.some((log, p) => this.applied(p).sequence + 1 < log.first())
  }

  private async say(positions: readonly number[], loading?: string): Promise<void> {
    const said: Registered = { count: ++this.count, positions, ...(loading === undefined ? {} : { loading }) }
    this.saidAt = this.parts.world.clock.monotonic()
    await this.parts.objects.put(registered + this.parts.id, Buffer.from(JSON.stringify(said)))
  }

  private async isDue(): Promise<boolean> {
    const { logs, objects, world } = this.parts
    const { newest, incomplete } = await findSnapshots(objects)
    const { bytesMin, bytesMost } = this.keeping
    const wanted = Math.min(bytesMost, Math.max(bytesMin, (newest?.bytes ?? 0) / 2))
    let above = 0
    for (const [p, log] of logs.entries()) {
      const held = log.last() - log.first() + 1
      const missing = this.applied(p).sequence - (newest?.journals[p]?.sequence ?? 0)
      if (held > 0 && missing > 0) above += log.bytesUsed() * Math.min(1, missing / held)
    }
    if (above < wanted) return false
    const now = world.clock.monotonic()
    for (const name of incomplete) if (!this.unfinished.has(name)) this.unfinished.set(name, now)
    return incomplete.every((name) => now - (this.unfinished.get(name) as number) > unfinishedMs * 1_000)
  }

  private async take(): Promise<void> {
    const { world, objects, logs, map, store, progress } = this.parts
    const snapshot = await store.snapshot()
    const name = snapshotName(snapshot.positions, world.random('snapshot').bytes(4))
    try {
      const journals = await journalsAt(logs, snapshot.positions)
      const given = { clock: world.clock, objects, name, snapshot, journals, mapVersion: map.version, range: everything }
      await takeSnapshot({ ...given, ...(progress === undefined ? {} : { progress }) })
    } finally {
      snapshot.close()
    }
    const inUse = new Set<string>()
    for (const one of await objects.list(registered)) inUse.add(read(await objects.get(one)).loading ?? '')
    await removeOldSnapshots(objects, snapshotsKept, inUse)
  }
}

/** Each journal at a position: what of it is in the journal says which one it is. */
export async function journalsAt(
  logs: readonly Pick<Log, 'read'>[],
  positions: readonly AppliedPosition[],
): Promise<readonly SnapshotJournal[]> {
  const journals: SnapshotJournal[] = []
  for (const [p, log] of logs.entries()) {
    const { sequence: at, tau } = positions[p] ?? { sequence: sequence(0), tau: 0 as AppliedPosition['tau'] }
    const bytes = at === 0 ? undefined : await entryAt(log, at)
    if (at > 0 && bytes === undefined) throw new LogCorrupt(`entry ${at} of the journal is gone, and storage has just applied it`)
    const said = bytes === undefined ? { hash: '', epoch: epoch(0) } : { hash: hashOf(bytes), epoch: decodeMessage(bytes).epoch }
    journals.push({ sequence: at, tau, closed: tau, ...said })
  }
  return journals
}

async function entryAt(log: Pick<Log, 'read'>, at: Sequence): Promise<Buffer | undefined> {
  for await (const entry of log.read(at)) return entry.sequence === at ? entry.bytes : undefined
  return undefined
}

const hashOf = (bytes: Buffer): string => Buffer.from(messageHash(bytes), 'latin1').toString('hex')

/** Was the snapshot taken of this journal? Throws LogCorrupt where it shows that it was not. */
async function checkOrigin({ name, journals }: SnapshotEnd, p: number, log: Log): Promise<void> {
  const { sequence: at, hash } = journals[p] ?? { sequence: sequence(0), hash: '' }
  if (journals.length > 0 && journals[p] === undefined) throw new LogCorrupt(`${name} knows nothing of partition ${p}`)
  if (at > log.last()) throw new LogCorrupt(`${name} has entry ${at}, and the journal ends with entry ${log.last()}`)
  if (at === 0 || at < log.first()) return
  const bytes = await entryAt(log, at)
  if (bytes !== undefined && hashOf(bytes) !== hash) throw new LogCorrupt(`${name} was taken of another journal`)
}

/** The part of an owner: how far may the journals be trimmed? */
export class TrimBounds {
  private readonly world: World
  private readonly objects: Objects
  private readonly keeping: Keeping
  /** What each storage actor said last, and when that was new, monotonic. */
  private readonly heard = new Map<string, { readonly count: number; readonly at: number }>()

  constructor(world: World, objects: Objects, keeping: Keeping = keepingDefault) {
    this.world = world
    this.objects = objects
    this.keeping = keeping
  }

  /** Strikes off who is silent, and answers the bound of each partition, where `isShort` says that room is. */
  async look(partitions: number, isShort: (p: number) => boolean): Promise<readonly Sequence[]> {
    const actors = await this.actors()
    const { newest } = await findSnapshots(this.objects)
    return Array.from({ length: partitions }, (_, p) => {
      const synced = actors.map((positions) => positions[p] ?? 0)
      return trimBound(synced, newest?.journals[p]?.sequence, isShort(p))
    })
  }

  private async actors(): Promise<(readonly number[])[]> {
    const now = this.world.clock.monotonic()
    const found: (readonly number[])[] = []
    for (const name of await this.objects.list(registered)) {
      const said = read(await this.objects.get(name))
      const known = this.heard.get(name)
      if (known?.count !== said.count) this.heard.set(name, { count: said.count, at: now })
      else if (now - known.at > this.keeping.silentMs * 1_000) {
        await this.objects.remove(name)
        this.heard.delete(name)
        continue
      }
      found.push(said.positions)
    }
    return found
  }
}

/**
 * Rule 17. A snapshot stays between the journal and whoever comes anew, so nothing above it goes. Where room is short, storage actors that are
 * behind the snapshot will have to load it, and those that come anew wait for the next one.
 */
export function trimBound(synced: readonly number[], snapshot: Sequence | undefined, isShort: boolean): Sequence {
  const lowest = synced.length === 0 ? 0 : Math.min(...synced)
  const held = snapshot ?? 0
  return sequence(isShort ? Math.max(lowest, held) : Math.min(lowest, held))
}

/** What cannot be read holds everything: it is written anew, or its writer is silent. */
function read(bytes: Buffer | undefined): Registered {
  try {
    const said = JSON.parse(String(bytes)) as Registered
    if (Number.isSafeInteger(said.count) && Array.isArray(said.positions)) return said
  } catch {}
  return { count: -1, positions: [] }
}

/** A storage actor's own name, made with its disk. */
export async function storageId(world: World, path: string): Promise<string> {
  const { files } = world
  const known = files.exists(path) ? String(files.read(path)).trim() : ''
  if (/^[0-9a-f]{16}$/.test(known)) return known
  const made = Buffer.from(world.random('storage id').bytes(8), 'latin1').toString('hex')
  await files.replace(path, Buffer.from(made))
  return made
}
