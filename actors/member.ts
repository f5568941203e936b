/** One process of a database on NATS: the actors of its roles, behind the same bus and the same journals as everybody's. */
import type { Log } from '../bus/log.ts'
import type { Objects } from '../bus/objects.ts'
import type { World } from '../bus/world.ts'
import type { Position } from '../observability/metric-families.ts'
import { assert } from '../protocol/assert.ts'
import type { Partition, Sequence } from '../protocol/ids.ts'
import { tau } from '../protocol/time.ts'
import { HighestClock } from './actor.ts'
import { Adjudicator } from './adjudicator/adjudicator.ts'
import { type Keeping, keepingDefault, StorageKeeping, TrimBounds } from './bootstrap.ts'
import { checkMap, checkPosition, claimsOf, positionOf, type RunningCircle } from './circle.ts'
import type { Role } from './config.ts'
import { Crossbar } from './crossbar/crossbar.ts'
import { Journal } from './journal/journal.ts'
import { Monitor } from './monitor.ts'
import { Presence } from './presence.ts'
import { answerRollCalls } from './roll-call.ts'
import { Storage } from './storage/storage.ts'
import type { VersionStore } from './storage/version-store.ts'
import { evenMap, Topology } from './topology.ts'

export interface MemberParts {
  readonly world: World
  /** One log a partition, from partition 0 on. */
  readonly logs: readonly Log[]
  readonly roles: ReadonlySet<Role>
  /** What the process is called, and where clients connect to it ('' as long as they cannot). */
  readonly called: string
  readonly listens: () => string
  /** Where the process stores rows. */
  readonly versionStore: VersionStore | undefined
  /** Where the database keeps its snapshots, for storage and for owners. */
  readonly objects?: Objects | undefined
  /** The name of the storage actor. */
  readonly storageId?: string
  readonly keeping?: Keeping | undefined
}

/** Nobody answers for a partition. */
export class NobodyOwns extends Error {
  override readonly name = 'NobodyOwns'
}

/** Readers of several journals are behind by no more. */
const mapMicrosMax = 5_000_000
const ownedMsMax = 60_000
/** Room is short when a journal fills this much: then storage actors that lag behind are not waited for. */
const keptBytesMax = 2 ** 28

/**
 * Starts what the roles ask for, and resolves when every partition has an owner, here or elsewhere. An adjudicator whose partition is owned
 * stands by: it follows the journal and claims when the owner falls silent.
 */
export async function startMember(parts: MemberParts): Promise<RunningCircle> {
  const { world, logs, roles, called, listens, versionStore, objects, storageId: id, keeping = keepingDefault } = parts
  const map = evenMap(logs.length)
  const topology = new Topology(map)
  const clock = new HighestClock(world.clock)
  const presence = new Presence(world, clock, topology)
  const follows = versionStore !== undefined || roles.has('adjudicator')
  const places = map.partitions.map(({ partition }) => {
    const log = logs[partition]
    assert(log !== undefined, 'every partition has a log')
    const journal = new Journal(world, log, partition)
    journal.onStated((holdings) => topology.stated(partition, holdings))
    return { partition, log, journal }
  })
  const adjudicators: (readonly [Partition, Adjudicator])[] = []
  let isOpen = true
  let serves = false
  const attendance = answerRollCalls(world, clock, called, () => ({
    roles: [...roles],
    serves: serves && !(roles.has('frontend') && listens() === ''),
    listens: listens(),
    partitions: places.map(({ partition }) => {
      const adjudicator = adjudicators.find(([of]) => of === partition)?.[1]
      const epoch = adjudicator?.lifecycle.serving === true ? adjudicator.epoch : undefined
      return { partition, epoch, applied: versionStore?.applied(partition).sequence }
    }),
  }))
  const storageKeeping =
    versionStore === undefined || objects === undefined || id === undefined
      ? undefined
      : new StorageKeeping({ world, objects, logs, map, store: versionStore, id, keeping })
  await storageKeeping?.prepare()
  const storages = versionStore === undefined ? [] : map.shards.map(({ shard }) => new Storage(world, map, shard, versionStore))
  for (const storage of storages) await storage.lifecycle.start()
  if (versionStore !== undefined) for (const { shard } of map.shards) topology.servedHere(shard)
  const applied = (partition: Partition, log: Log): Sequence => versionStore?.applied(partition).sequence ?? log.last()
  if (versionStore !== undefined) for (const { partition, log } of places) checkPosition(log, applied(partition, log))
  const monitor = new Monitor(world)
  const crossbar = new Crossbar(world, map, async (deliver) => {
    const receive = monitor.beside(versionStore === undefined ? (): undefined => undefined : deliver)
    for (const { partition, log, journal } of places) {
      await journal.open(applied(partition, log), receive)
      // Whoever only follows would not notice, and answer from what it has for ever.
      journal.onFailure((error) => world.failed(`journal of partition ${partition}`, error))
    }
  })
  if (follows) await crossbar.lifecycle.start()
  if (follows) await wholeMap(world, topology)
  if (roles.has('adjudicator')) {
    for (const { partition, log, journal } of places) {
      const isOwned = (): boolean => presence.isOwned(partition)
      const claims = claimsOf({ world, clock, topology, partition, log, journal, versionStore, isOwned })
      adjudicators.push([partition, new Adjudicator(world, clock, topology, partition, claims)])
    }
  }
  const serving = new Map(adjudicators.map(([partition, { lifecycle }]) => [partition, lifecycle.start()]))
  presence.speakFor(adjudicators, storages)
  const close = async (): Promise<void> => {
    isOpen = false
    monitor.close()
    storageKeeping?.close()
    attendance.close()
    presence.close()
    for (const [, { lifecycle }] of adjudicators) await lifecycle.drain()
    if (follows) await crossbar.lifecycle.drain()
    for (const { journal } of places) journal.close()
    for (const storage of storages) await storage.lifecycle.drain()
    for (const { log } of places) await log.close()
  }
  try {
    for (const { partition } of places) {
      const elsewhere = presence.owned(partition)
      const here = serving.get(partition)
      const late = new Promise<void>((_, reject) => {
        const nobody = new NobodyOwns(`nobody owns partition ${partition}: start a process with the role adjudicator`)
        world.clock.after(ownedMsMax, () => reject(nobody))
      })
      // Whoever stands by serves later or never.
      here?.catch(() => {})
      await Promise.race([elsewhere, late, ...(here === undefined ? [] : [here])])
    }
  } catch (error) {
    await close().catch(() => {})
    throw error
  }
  storageKeeping?.start()
  const bounds = objects === undefined ? undefined : new TrimBounds(world, objects, keeping)
  const isShort = (p: number): boolean => (logs[p]?.bytesUsed() ?? 0) > keptBytesMax || logs[p]?.crowded() === true
  const trim = async (): Promise<void> => {
    const own = adjudicators.filter(([, { epoch }]) => epoch !== undefined)
    if (bounds === undefined || own.length === 0) return
    const bound = await bounds.look(logs.length, isShort)
    for (const [partition, adjudicator] of own) {
      const { journal } = places[partition] as (typeof places)[number]
      const { end } = journal
      if (adjudicator.epoch === undefined || end === undefined) continue
      const olderThan = isShort(partition) ? end.tau : Math.max(0, end.tau - keeping.recordsMicros)
      if (journal.trim(bound[partition] as Sequence, tau(olderThan))) adjudicator.restate().catch(() => {})
    }
  }
  const trimLater = (): void => {
    world.clock.after(keeping.sayMs, () => {
      if (!isOpen) return
      // Where objects cannot be had, nothing is trimmed: the next one tries again.
      trim().then(trimLater, trimLater)
    })
  }
  trimLater()
  serves = true
  const positions = (): Position[] =>
    places.map(({ partition, log }) => ({
      ...positionOf(partition, log, versionStore),
      epoch: adjudicators.find(([of]) => of === partition)?.[1].epoch,
    }))
  monitor.follow(positions)
  return { topology, clock, positions, close }
}

/** Journals are read one after the other, and ranges may be moved meanwhile: what one says last, another one says a little later. */
async function wholeMap(world: World, topology: Topology): Promise<void> {
  const until = world.clock.monotonic() + mapMicrosMax
  while (topology.gap() !== undefined && world.clock.monotonic() < until) await world.clock.sleep(50)
  checkMap(topology)
}
