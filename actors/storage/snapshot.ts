/** Snapshots of a storage shard in an object store (rule 16): taken in slices, complete with their last object, loaded into an empty store. */
import type { Objects } from '../../bus/objects.ts'
import type { Clock } from '../../bus/world.ts'
import type { MapVersion } from '../../protocol/ids.ts'
import type { Key, KeyRange } from '../../protocol/key.ts'
import {
  decodeEnd,
  encodeEnd,
  endName,
  partName,
  SnapshotDamaged,
  type SnapshotEnd,
  type SnapshotJournal,
  SnapshotPartReader,
  SnapshotPartWriter,
  type SnapshotVersion,
} from '../../protocol/snapshot.ts'
import { type Tau, tau } from '../../protocol/time.ts'
import type { AppliedPosition, StoreSnapshot, VersionStore } from './version-store.ts'

/** A part is put when it has so much; a single row may be larger. */
const partBytes = 524_288
/** Looked through in one turn. */
const sliceBytes = 262_144
const prefix = 'snapshot-'

/** Hears how far it has come. */
export type Progress = (done: { readonly parts: number; readonly bytes: number; readonly of: number | undefined }) => void

/** Newer ones sort behind older ones; `chance` keeps two that are taken at once apart. */
export function snapshotName(positions: readonly AppliedPosition[], chance: string): string {
  const newest = Math.max(0, ...positions.map((position) => position?.tau ?? 0))
  return `${prefix}${String(newest).padStart(17, '0')}-${Buffer.from(chance, 'latin1').toString('hex')}`
}

export interface SnapshotParts {
  readonly clock: Clock
  readonly objects: Objects
  readonly name: string
  readonly snapshot: StoreSnapshot
  readonly journals: readonly SnapshotJournal[]
  readonly mapVersion: MapVersion
  readonly range: KeyRange
  readonly progress?: Progress
}

/** What is in memory at a time is one part, or one row where that is larger. Closes the store's snapshot, one way or the other. */
export async function takeSnapshot(parts: SnapshotParts): Promise<SnapshotEnd> {
  const { clock, objects, name, snapshot, journals, mapVersion, range, progress } = parts
  const writer = new SnapshotPartWriter(name)
  const put = async (): Promise<void> => {
    const where = partName(name, writer.number)
    await objects.put(where, writer.take())
    progress?.({ parts: writer.number, bytes: writer.bytes, of: undefined })
  }
  try {
    for (let goesOn = true; goesOn; ) {
      goesOn = snapshot.walk(sliceBytes, (key, at, postImage) => {
        if (key >= range.start && key < range.end) writer.add(key, at, postImage)
      })
      if (writer.length >= partBytes || (!goesOn && writer.length > 0)) await put()
      await new Promise<void>((resolve) => clock.soon(resolve))
    }
    const hex = (key: string): string => Buffer.from(key, 'latin1').toString('hex')
    const end: SnapshotEnd = {
      name,
      range: { start: hex(range.start), end: hex(range.end) },
      mapVersion,
      versionHorizon: snapshot.versionHorizon,
      journals,
      parts: writer.number,
      partHash: writer.partHash,
      versions: writer.versions,
      bytes: writer.bytes,
    }
    await objects.put(endName(name), encodeEnd(end))
    return end
  } finally {
    snapshot.close()
  }
}

/** Names of the snapshots that are there, complete or not, oldest first. */
async function snapshotsIn(objects: Objects): Promise<Map<string, boolean>> {
  const found = new Map<string, boolean>()
  for (const object of await objects.list(prefix)) {
    const name = object.slice(0, object.indexOf('/'))
    found.set(name, found.get(name) === true || object === endName(name))
  }
  return found
}

export interface FoundSnapshots {
  /** Undefined: there is none. */
  readonly newest: SnapshotEnd | undefined
  /** Those whose end never came: one that is being taken, or was cut off. */
  readonly incomplete: readonly string[]
}

/** Throws SnapshotDamaged where the end of the newest cannot be read. */
export async function findSnapshots(objects: Objects): Promise<FoundSnapshots> {
  for (;;) {
    const found = await snapshotsIn(objects)
    const incomplete = [...found].filter(([, isComplete]) => !isComplete).map(([name]) => name)
    const [newest] = [...found].flatMap(([name, isComplete]) => (isComplete ? [name] : [])).reverse()
    if (newest === undefined) return { newest, incomplete }
    const bytes = await objects.get(endName(newest))
    // Gone since it was listed: newer ones have taken its place.
    if (bytes !== undefined) return { newest: decodeEnd(newest, bytes), incomplete }
  }
}

/** Reads all of it in order, and checks all of it. Throws SnapshotDamaged. */
export async function* readSnapshot(objects: Objects, end: SnapshotEnd, progress?: Progress): AsyncIterable<SnapshotVersion[]> {
  const reader = new SnapshotPartReader(end.name)
  while (reader.number < end.parts) {
    const where = partName(end.name, reader.number)
    const part = await objects.get(where)
    if (part === undefined) throw new SnapshotDamaged(`${where} is missing`)
    yield reader.read(part)
    progress?.({ parts: reader.number, bytes: reader.bytes, of: end.bytes })
  }
  reader.checkAgainst(end)
}

/** Fills the store, which is empty until the last version has come. `cut`: versions above it are left out. */
export async function loadSnapshot(
  objects: Objects,
  end: SnapshotEnd,
  store: VersionStore,
  options: { readonly clock: Clock; readonly cut?: Tau; readonly progress?: Progress },
): Promise<void> {
  const { versionHorizon, journals } = end
  const lowest = Math.min(...journals.map(({ tau: at }) => at))
  const load = await store.load({ versionHorizon, positions: journals.map(({ sequence, tau: at }) => ({ sequence, tau: at })) })
  const cut = options.cut ?? tau(Number.MAX_SAFE_INTEGER)
  const isBuried = burial(Math.min(versionHorizon, lowest))
  for await (const versions of readSnapshot(objects, end, options.progress)) {
    await load.put(versions.filter((version) => version.tau <= cut && !isBuried(version)))
    await new Promise<void>((resolve) => options.clock.soon(resolve))
  }
  await load.complete()
}

/**
 * Nobody can see what a tombstone at or below `bound` hides, and nobody brings an older version any more: neither it nor what lies below it is
 * needed, where it is the newest of its key. (The horizon may have moved while rows were gathered: older versions can be there.)
 */
function burial(bound: number): (version: SnapshotVersion) => boolean {
  let last: Key | undefined
  let buried: Key | undefined
  return ({ key, tau: at, postImage }) => {
    if (key !== last && postImage === undefined && at <= bound) buried = key
    last = key
    return key === buried
  }
}

/** Removes what nobody needs any more: all but the newest complete ones and those in use, and what was cut off before the oldest of the newest. */
export async function removeOldSnapshots(objects: Objects, kept: number, inUse: ReadonlySet<string> = new Set()): Promise<void> {
  const found = await snapshotsIn(objects)
  const complete = [...found].flatMap(([name, isComplete]) => (isComplete ? [name] : []))
  const oldestKept = complete.at(-kept)
  if (oldestKept === undefined) return
  for (const [name] of found) {
    if (name >= oldestKept || inUse.has(name)) continue
    // The end first: from then on it is no snapshot, and parts that stay behind are only room.
    await objects.remove(endName(name))
    for (const part of await objects.list(`${name}/`)) await objects.remove(part)
  }
}
