import { type Keeping, StorageKeeping, storageId, TrimBounds } from '../../actors/bootstrap.ts'
import { route } from '../../actors/crossbar/route.ts'
import { Journal } from '../../actors/journal/journal.ts'
import { apply } from '../../actors/storage/apply.ts'
import { MemoryVersionStore } from '../../actors/storage/version-store-memory.ts'
import { everything, singleMap } from '../../actors/topology.ts'
import { DirectoryObjects } from '../../bus/directory-objects.ts'
import { LogCorrupt } from '../../bus/log.ts'
import type { Objects } from '../../bus/objects.ts'
import type { World } from '../../bus/world.ts'
import { partition } from '../../protocol/ids.ts'
import { type Key, storagePrefix } from '../../protocol/key.ts'
import type { CommittedTransaction, Write } from '../../protocol/messages.ts'
import { bodyOf, encodeCommit, encodeStatement } from '../../protocol/record.ts'
import { type Tau, tau } from '../../protocol/time.ts'
import { SimulatedDisk } from './disk.ts'
import { Kernel } from './kernel.ts'
import { SimulatedNetwork } from './network.ts'
import { epochMicros, SimulatedProcess } from './process.ts'
import type { SeededRandom } from './random.ts'
import { SharedStream } from './shared-log.ts'

const p0 = partition(0)
const keeping: Keeping = { sayMs: 40, silentMs: 4_000, bytesMin: 1_500, bytesMost: 6_000, recordsMicros: 100_000 }
const replicaCount = 3
const loadMsMax = 6_000
/** Small, so that old versions go while others still read. */
const horizonMicros = 200_000

export interface ReplicasReport {
  readonly violations: readonly string[]
  readonly counters: ReadonlyMap<string, number>
}

interface Commit {
  readonly at: Tau
  readonly sequence: number
  readonly writes: readonly Write[]
}

/**
 * Storage actors on one journal that is trimmed behind them: they crash, sleep and lose their disks while commits go on, snapshots are taken and
 * old ones removed. Whatever one of them holds must be what the journal said, at every tau that it still answers for.
 */
class Replicas {
  readonly kernel: Kernel
  readonly violations: string[] = []
  private readonly random: SeededRandom
  private readonly stream: SharedStream
  private readonly objectsDisk: SimulatedDisk
  private readonly network: SimulatedNetwork
  private readonly commits: Commit[] = []
  private readonly stores = new Map<SimulatedProcess, MemoryVersionStore>()
  private readonly processes: readonly SimulatedProcess[]
  private isWriting = true
  /** Loads one after the other whose tail was gone when they ended. */
  private wasted = 0

  constructor(seed: number) {
    const kernel = new Kernel(seed)
    this.kernel = kernel
    this.random = kernel.random('replicas')
    this.stream = new SharedStream(kernel, 'journal')
    this.objectsDisk = new SimulatedDisk(kernel, 'objects')
    this.network = new SimulatedNetwork(kernel)
    this.processes = Array.from({ length: replicaCount }, (_, i) => new SimulatedProcess(kernel, this.network, `storage ${i}`))
  }

  async run(): Promise<void> {
    const { kernel } = this
    await this.play(this.write(), 60_000)
    const [late, ...early] = this.processes as [SimulatedProcess, ...SimulatedProcess[]]
    for (const process of early) this.start(process)
    // Whoever comes late finds a journal that nobody has kept for it.
    kernel.after(1_000_000 + this.random.integer(2_500_000), 'join', () => this.start(late))
    kernel.after(this.random.pick([0, 2_500_000, 4_500_000]), 'faults', () => this.disturb())
    this.lookLater()
    await kernel.run(kernel.now + loadMsMax * 1_000)
    this.isWriting = false
    for (const process of this.processes) process.resume()
    const last = this.commits.at(-1)?.sequence ?? 0
    const isCaughtUp = (): boolean =>
      this.processes.every((process) => (this.stores.get(process)?.applied(p0).sequence ?? 0) >= last)
    await kernel.run(kernel.now + 20_000_000, isCaughtUp)
    if (!isCaughtUp()) this.violations.push('liveness: a replica has not caught up')
    for (const store of this.stores.values()) this.look(store)
    kernel.count('entries trimmed', this.stream.first - 1)
  }

  private async play(script: Promise<void>, limitMs: number): Promise<void> {
    let hasEnded = false
    script.then(
      () => {
        hasEnded = true
      },
      (error: unknown) => this.kernel.fail(error),
    )
    await this.kernel.run(this.kernel.now + limitMs * 1_000, () => hasEnded)
  }

  private objectsFor(world: World): Objects {
    const objects = new DirectoryObjects(
      this.objectsDisk.attach(() => true),
      'objects',
    )
    // Far away: what is loaded takes its time, and others go on.
    const slowly = async <T>(step: () => Promise<T>): Promise<T> => {
      await world.clock.sleep(1 + this.random.integer(60))
      return await step()
    }
    return {
      place: objects.place,
      put: (name, bytes) => slowly(() => objects.put(name, bytes)),
      get: async (name) => {
        if (name.includes('part-')) await world.clock.sleep(200 + this.random.integer(700))
        return await slowly(() => objects.get(name))
      },
      list: (prefix) => slowly(() => objects.list(prefix)),
      remove: (name) => slowly(() => objects.remove(name)),
      close: () => objects.close(),
    }
  }

  /** The owner: commits, and trims. Resolves when the first commits are there. */
  private async write(): Promise<void> {
    const world = new SimulatedProcess(this.kernel, this.network, 'owner').start()
    const log = this.stream.attach(world)
    const journal = new Journal(world, log, p0)
    await journal.open(log.last(), () => undefined)
    const [place] = singleMap.partitions
    const claim = { ranges: place?.ranges ?? [], mapVersion: singleMap.version, leadMicros: 1_000_000, deposed: () => {} }
    const owner = await journal.claim(claim)
    let counter = 0
    const commit = async (): Promise<void> => {
      const { end } = journal
      const at = tau(Math.max((end?.tau ?? 0) + 1, world.clock.now()))
      const writes = this.someWrites(counter)
      const id = { leader: p0, epoch: owner.writer.epoch, boot: 'simulate', counter: counter++ }
      const transaction: CommittedTransaction = { id, tauStart: tau(at - 1), writes, checks: [], traceparent: '' }
      const times = { tau: at, horizon: tau(Math.max(end?.horizon ?? 0, at + 1_000_000)) }
      // Readers may have it before its writer knows.
      this.commits.push({ at, sequence: (end?.sequence ?? 0) + 1, writes })
      await owner.append({ kind: 'commit', transactions: [transaction] }, encodeCommit([{ transaction }]), times)
    }
    let mustRestate = false
    const restate = async (): Promise<void> => {
      const { end } = journal
      const at = tau(Math.max((end?.tau ?? 0) + 1, world.clock.now()))
      const statement = { kind: 'epoch', ranges: claim.ranges } as const
      const times = { tau: at, horizon: tau(Math.max(end?.horizon ?? 0, at + 1_000_000)) }
      mustRestate = false
      await owner.append(statement, bodyOf(encodeStatement(statement)), times)
    }
    for (let i = 0; i < 20; i++) await commit()
    const goOn = async (): Promise<void> => {
      while (this.isWriting) {
        await (mustRestate ? restate() : commit())
        await world.clock.sleep(this.random.integer(25))
      }
    }
    goOn().catch((error: unknown) => this.kernel.fail(error))
    const bounds = new TrimBounds(world, this.objectsFor(world), keeping)
    const trim = async (): Promise<void> => {
      for (;;) {
        await world.clock.sleep(keeping.sayMs)
        const [bound] = await bounds.look(1, () => false)
        if (bound !== undefined && journal.trim(bound, undefined)) mustRestate = true
      }
    }
    trim().catch((error: unknown) => this.kernel.fail(error))
  }

  private someWrites(counter: number): Write[] {
    const writes = new Map<Key, Write>()
    for (let left = 1 + this.random.integer(4); left > 0; left--) {
      const key = (storagePrefix(7) + String.fromCharCode(97 + this.random.integer(26))) as Key
      const isDelete = this.random.chance(0.35)
      const postImage = isDelete ? undefined : Buffer.from(`${counter} ${'x'.repeat(this.random.integer(40))}`)
      writes.set(key, { key, operation: isDelete ? 'delete' : 'update', mode: 'X', postImage })
    }
    return [...writes.values()]
  }

  private start(process: SimulatedProcess): void {
    this.follow(process, process.start()).catch((error: unknown) => {
      if (!(error instanceof LogCorrupt)) this.kernel.fail(error)
      else this.leftBehind(process, error)
    })
  }

  private async follow(process: SimulatedProcess, world: World): Promise<void> {
    const { kernel } = this
    const store = new MemoryVersionStore(world.clock, { files: world.files, path: 'data/image' })
    const before = store.applied(p0).sequence
    const log = this.stream.attach(world)
    const id = await storageId(world, 'data/id')
    const parts = { world, objects: this.objectsFor(world), logs: [log], map: singleMap, store, id, keeping }
    const own = new StorageKeeping(parts)
    // Others write the image while it is being loaded, too.
    const checkpointLater = (): void => {
      world.clock.after(60 + this.random.integer(200), () => {
        store.checkpoint().then(checkpointLater, checkpointLater)
      })
    }
    checkpointLater()
    await own.prepare()
    const loaded = store.applied(p0).sequence
    if (loaded !== before) {
      kernel.count('snapshot loaded')
      if (log.first() > loaded + 1) {
        if (++this.wasted > 1)
          this.violations.push('registered: the tails of two snapshots in a row were trimmed while they were loaded')
      } else this.wasted = 0
    }
    this.look(store)
    const journal = new Journal(world, log, p0)
    journal.onFailure((error) => this.leftBehind(process, error))
    if (log.first() > loaded + 1) throw new LogCorrupt('left behind')
    await journal.open(loaded, (record, at) => {
      if ('writes' in record) return undefined
      for (const [, images] of route(record, at, singleMap)) void apply(store, images)
      return undefined
    })
    this.stores.set(process, store)
    own.start()
    const vacuumLater = (): void => {
      world.clock.after(100, () => {
        void store.vacuum(tau(Math.max(0, store.applied(p0).tau - horizonMicros)))
        vacuumLater()
      })
    }
    vacuumLater()
  }

  private leftBehind(process: SimulatedProcess, error: unknown): void {
    this.kernel.count('left behind')
    if (/no snapshot|begins behind the newest/.test(String(error))) this.violations.push(`trim-safe: ${String(error)}`)
    this.kernel.after(0, 'supervisor', () => this.crash(process, false))
  }

  private crash(process: SimulatedProcess, losesDisk: boolean): void {
    if (process.state === 'down') return
    process.crash()
    this.stores.delete(process)
    if (losesDisk) {
      this.kernel.count('disk lost')
      const files = process.disk.attach(() => true)
      for (const path of process.disk.paths()) files.remove(path)
      // Removed for good.
      files.syncDirectory('data')
    }
    this.kernel.after(1_000 + this.random.integer(300_000), 'restart', () => {
      if (process.state === 'down') this.start(process)
    })
  }

  private disturb(): void {
    this.kernel.after(100_000 + this.random.integer(700_000), 'fault', () => {
      if (!this.isWriting) return
      const process = this.random.pick(this.processes.filter(({ state }) => state !== 'down'))
      if (process === undefined) return this.disturb()
      const draw = this.random.integer(10)
      if (draw < 5) this.crash(process, draw < 3)
      else {
        process.pause()
        // Sometimes long enough to be struck off.
        this.kernel.after((draw < 8 ? 500_000 : 5_000_000) * this.random.fraction(), 'resume', () => process.resume())
      }
      this.disturb()
    })
  }

  private lookLater(): void {
    this.kernel.after(50_000, 'look', () => {
      for (const store of this.stores.values()) this.look(store)
      this.lookLater()
    })
  }

  /** What a reader finds at its position, and at some tau before it, against the journal from its beginning. */
  private look(store: MemoryVersionStore): void {
    const { sequence, tau: newest } = store.applied(p0)
    if (newest < epochMicros) return
    const oldest = Math.max(store.versionHorizon, newest - 2 * horizonMicros)
    for (const at of [newest, tau(oldest + this.random.integer(newest - oldest + 1))]) {
      const found: string[] = []
      store.scan(everything, { reverse: false, at }, (key, bytes, start, end) => {
        found.push(`${key.slice(4)}=${bytes.toString('latin1', start, end)}`)
        return true
      })
      const rows = new Map<string, string>()
      for (const commit of this.commits) {
        if (commit.sequence > sequence || commit.at > at) break
        for (const { key, postImage } of commit.writes) {
          if (postImage === undefined) rows.delete(key.slice(4))
          else rows.set(key.slice(4), `${key.slice(4)}=${String(postImage)}`)
        }
      }
      const expected = [...rows.values()].sort()
      this.kernel.count('looks')
      if (found.join() !== expected.join())
        this.violations.push(`replicas: at ${at} ${found.join()} instead of ${expected.join()}`)
    }
  }
}

/** One run: everything follows from the seed. */
export async function simulateReplicas(seed: number): Promise<ReplicasReport> {
  const replicas = new Replicas(seed)
  try {
    await replicas.run()
  } catch (error) {
    replicas.violations.push(`assertion: ${error instanceof Error ? error.stack : String(error)}`)
  }
  return { violations: replicas.violations, counters: replicas.kernel.counters }
}
