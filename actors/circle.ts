/** Puts the circle together in one process: journals, adjudicators, crossbar and storage, each behind the bus. */
import { type Log, LogCorrupt } from '../bus/log.ts'
import type { World } from '../bus/world.ts'
import { log as logLine } from '../observability/log.ts'
import type { Position } from '../observability/metric-families.ts'
import { assert } from '../protocol/assert.ts'
import type { Partition } from '../protocol/ids.ts'
import { horizonLeadMicros } from '../protocol/limits.ts'
import type { SealedRange } from '../protocol/messages.ts'
import { tau } from '../protocol/time.ts'
import { Fenced, HighestClock } from './actor.ts'
import { Adjudicator } from './adjudicator/adjudicator.ts'
import type { Claims } from './adjudicator/records.ts'
import { Crossbar } from './crossbar/crossbar.ts'
import { GroupCommit } from './journal/group-commit.ts'
import { Journal } from './journal/journal.ts'
import { findOutcome } from './journal/outcome.ts'
import { Monitor } from './monitor.ts'
import { Storage } from './storage/storage.ts'
import type { VersionStore } from './storage/version-store.ts'
import { evenMap, singleMap, Topology } from './topology.ts'

/** What of the journal stays although storage has it on disk: for outcome queries, and for looking at. */
export interface Retention {
  /** Records younger than this, in tau, unless there are too many. */
  readonly recordsMicros: number
  readonly bytesMax: number
  /** How often it is looked at. */
  readonly trimDelayMs: number
}

export const retentionDefault: Retention = { recordsMicros: 60_000_000, bytesMax: 128 * 2 ** 20, trimDelayMs: 5_000 }

export interface CircleParts {
  readonly world: World
  /** One log a partition, from partition 0 on. */
  readonly logs: readonly Log[]
  readonly versionStore: VersionStore
  readonly retention?: Retention
}

export interface RunningCircle {
  /** Where the actors listen: query processors ask by it. */
  readonly topology: Topology
  readonly clock: HighestClock
  /** Where the journals end and how far storage has come. */
  positions(): Position[]
  /** Finishes what was accepted, says farewell, and closes logs and store. */
  close(): Promise<void>
}

/** The journals say that the database is divided otherwise. */
export class MapRefused extends Error {
  override readonly name = 'MapRefused'
}

/** One partition: its journal, and the adjudicator that writes it. */
interface Place {
  readonly partition: Partition
  readonly log: Log
  readonly journal: Journal
  readonly adjudicator: Adjudicator
}

/** Starts the actors in the order in which they need each other, and resolves when the circle serves. */
export async function startCircle({
  world,
  logs,
  versionStore,
  retention = retentionDefault,
}: CircleParts): Promise<RunningCircle> {
  const map = evenMap(logs.length)
  const topology = new Topology(map)
  const clock = new HighestClock(world.clock)
  const places = map.partitions.map(({ partition }): Place => {
    const log = logs[partition]
    assert(log !== undefined, 'every partition has a log')
    const journal = new Journal(world, log, partition)
    journal.onStated((holdings) => topology.stated(partition, holdings))
    const claims = claimsOf({ world, clock, topology, partition, log, journal, versionStore })
    return { partition, log, journal, adjudicator: new Adjudicator(world, clock, topology, partition, claims) }
  })
  const storages = map.shards.map(({ shard }) => new Storage(world, map, shard, versionStore))
  const monitor = new Monitor(world)
  const crossbar = new Crossbar(world, map, async (deliver) => {
    const receive = monitor.beside(deliver)
    for (const { partition, journal } of places) await journal.open(versionStore.applied(partition).sequence, receive)
  })
  for (const storage of storages) await storage.lifecycle.start()
  for (const { shard } of map.shards) topology.servedHere(shard)
  for (const { partition, log } of places) checkPosition(log, versionStore.applied(partition).sequence)
  await crossbar.lifecycle.start()
  checkMap(topology)
  for (const { adjudicator } of places) await adjudicator.lifecycle.start()

  let isOpen = true
  const trimLater = (): void => {
    world.clock.after(retention.trimDelayMs, () => {
      if (!isOpen) return
      for (const place of places) trim(place, versionStore, retention)
      trimLater()
    })
  }
  trimLater()

  const positions = (): Position[] =>
    places.map(({ partition, log, adjudicator: { epoch } }) => ({ ...positionOf(partition, log, versionStore), epoch }))
  monitor.follow(positions)

  return {
    topology,
    clock,
    positions,
    async close() {
      isOpen = false
      monitor.close()
      for (const { adjudicator } of places) await adjudicator.lifecycle.drain()
      await crossbar.lifecycle.drain()
      for (const { journal } of places) journal.close()
      for (const storage of storages) await storage.lifecycle.drain()
      for (const { log } of places) await log.close()
    },
  }
}

export function positionOf(partition: Partition, log: Log, store: VersionStore | undefined): Omit<Position, 'epoch'> {
  return {
    partition,
    sequence: log.last(),
    applied: store?.applied(partition).sequence,
    synced: store?.synced(partition),
  }
}

/** The journal of one partition as its adjudicator sees it. */
export function claimsOf({
  world,
  clock,
  topology,
  partition,
  log,
  journal,
  versionStore,
  isOwned,
}: {
  readonly world: World
  readonly clock: HighestClock
  readonly topology: Topology
  readonly partition: Partition
  readonly log: Log
  readonly journal: Journal
  readonly versionStore: VersionStore | undefined
  /** Another process says that it owns the partition. */
  readonly isOwned?: () => boolean
}): Claims {
  const isOpened = (sealed: SealedRange): boolean => topology.isOpened({ from: partition, ...sealed })
  return {
    exclusive: log.exclusive,
    crowded: () => log.crowded() || versionStore?.crowded() === true,
    find: (id, tauStart) => findOutcome(journal, world.clock, id, tauStart),
    holdings() {
      assert(journal.end !== undefined, 'an owner has claimed')
      return journal.end.holdings
    },
    restatement() {
      const statement = journal.restatement(isOpened)
      assert(statement !== undefined, 'an owner has claimed')
      return statement
    },
    async claim(deposed) {
      const ownership = await journal.claim({
        ranges: topology.initialRanges(partition),
        mapVersion: singleMap.version,
        isOpened,
        leadMicros: horizonLeadMicros,
        deposed: () => {
          logLine('warning', 'partition lost to another owner', { partition })
          deposed(new Fenced(`another owner has claimed partition ${partition}`))
        },
        ...(isOwned === undefined ? {} : { isOwned }),
      })
      const { end } = journal
      assert(end !== undefined, 'a claim is a record')
      logLine('info', 'partition owned', { partition, epoch: ownership.writer.epoch })
      const records = new GroupCommit(world, clock, ownership, {
        claimed: end,
        claimedAt: ownership.claimedAt,
        leadMicros: horizonLeadMicros,
        failed: deposed,
      })
      return { epoch: ownership.writer.epoch, floor: ownership.floor, records }
    },
  }
}

function trim({ partition, log, journal, adjudicator }: Place, versionStore: VersionStore, retention: Retention): void {
  const { end } = journal
  if (end === undefined) return
  const used = log.bytesUsed()
  const isShort = used > retention.bytesMax || log.crowded()
  const olderThan = isShort ? undefined : tau(Math.max(0, end.tau - retention.recordsMicros))
  const rangesAreInTheWay = journal.trim(versionStore.synced(partition), olderThan)
  if (rangesAreInTheWay && used > retention.bytesMax / 4) adjudicator.restate().catch(() => {})
}

/** Storage and journal must be of one piece: what storage has applied was in this journal, and what it lacks still is. */
export function checkPosition(log: Log, applied: number): void {
  if (applied > log.last()) {
    throw new LogCorrupt(
      `storage has applied entry ${applied}, and the journal ends with entry ${log.last()}: its end is missing`,
    )
  }
  if (applied + 1 < log.first()) {
    throw new LogCorrupt(
      `storage ends with entry ${applied}, and the journal begins with entry ${log.first()}: entries are missing`,
    )
  }
}

/** Every place is some partition's, as the journals say: else nobody would watch over its keys, or two would. */
export function checkMap(topology: Topology): void {
  const gap = topology.gap()
  if (gap !== undefined)
    throw new MapRefused(`the journals of ${topology.map.partitions.length} partitions are not of one database: ${gap}`)
}
