/** Puts the circle together in one process: journal, adjudicator, crossbar and storage, each behind the bus. */
import { type Log, LogCorrupt } from '../bus/log.ts'
import type { World } from '../bus/world.ts'
import { assert } from '../protocol/assert.ts'
import { tau } from '../protocol/time.ts'
import { Fenced, HighestClock } from './actor.ts'
import { Adjudicator } from './adjudicator/adjudicator.ts'
import type { Claims } from './adjudicator/records.ts'
import { Crossbar } from './crossbar/crossbar.ts'
import { GroupCommit } from './journal/group-commit.ts'
import { Journal } from './journal/journal.ts'
import { findOutcome } from './journal/outcome.ts'
import { Storage } from './storage/storage.ts'
import type { VersionStore } from './storage/version-store.ts'
import { type RangeMap, singleMap, Topology } from './topology.ts'

/** How far a record's horizon lies ahead of the clock (rule 3). */
const leadMicros = 1_000_000

/** What of the journal stays although storage has it on disk: for outcome queries, and for looking at. */
export interface Retention {
  /** Records younger than this, in tau, unless there are too many. */
  readonly recordsMicros: number
  readonly bytesMax: number
  /** How often it is looked at. */
  readonly trimDelayMs: number
}

const retentionDefault: Retention = { recordsMicros: 60_000_000, bytesMax: 128 * 2 ** 20, trimDelayMs: 5_000 }

export interface CircleParts {
  readonly world: World
  readonly log: Log
  readonly versionStore: VersionStore
  readonly map?: RangeMap
  readonly retention?: Retention
}

export interface RunningCircle {
  /** Where the actors listen: query processors ask by it. */
  readonly topology: Topology
  readonly clock: HighestClock
  /** Finishes what was accepted, says farewell, and closes log and store. */
  close(): Promise<void>
}

/** Starts the four actors in the order in which they need each other, and resolves when the circle serves. */
export async function startCircle({
  world,
  log,
  versionStore,
  map = singleMap,
  retention = retentionDefault,
}: CircleParts): Promise<RunningCircle> {
  const [place] = map.partitions
  assert(place !== undefined && map.partitions.length === 1, 'one process runs one partition')
  const { partition, ranges } = place
  const topology = new Topology(map)
  const clock = new HighestClock(world.clock)
  const journal = new Journal(world, log, partition)
  const claims: Claims = {
    exclusive: log.exclusive,
    crowded: () => log.crowded() || versionStore.crowded(),
    find: (id, tauStart) => findOutcome(journal, world.clock, id, tauStart),
    async claim(deposed) {
      const ownership = await journal.claim({
        ranges,
        mapVersion: map.version,
        leadMicros,
        deposed: () => deposed(new Fenced(`another owner has claimed partition ${partition}`)),
      })
      const { end } = journal
      assert(end !== undefined, 'a claim is a record')
      const records = new GroupCommit(world, clock, ownership, {
        claimed: end,
        claimedAt: ownership.claimedAt,
        leadMicros,
        failed: deposed,
      })
      return { epoch: ownership.writer.epoch, floor: ownership.floor, records }
    },
  }
  const storages = map.shards.map(({ shard }) => new Storage(world, map, shard, versionStore))
  const crossbar = new Crossbar(world, map, (deliver) => journal.open(versionStore.applied(partition).sequence, deliver))
  const adjudicator = new Adjudicator(world, clock, topology, partition, claims)
  for (const storage of storages) await storage.lifecycle.start()
  checkPosition(log, versionStore.applied(partition).sequence)
  await crossbar.lifecycle.start()
  await adjudicator.lifecycle.start()

  let isOpen = true
  const trimLater = (): void => {
    world.clock.after(retention.trimDelayMs, () => {
      const { end } = journal
      if (!isOpen || end === undefined) return
      const used = log.bytesUsed()
      const isShort = used > retention.bytesMax || log.crowded()
      const olderThan = isShort ? undefined : tau(Math.max(0, end.tau - retention.recordsMicros))
      const rangesAreInTheWay = journal.trim(versionStore.synced(partition), olderThan)
      if (rangesAreInTheWay && used > retention.bytesMax / 4) adjudicator.restate().catch(() => {})
      trimLater()
    })
  }
  trimLater()

  return {
    topology,
    clock,
    async close() {
      isOpen = false
      await adjudicator.lifecycle.drain()
      await crossbar.lifecycle.drain()
      journal.close()
      for (const storage of storages) await storage.lifecycle.drain()
      await log.close()
    },
  }
}

/** Storage and journal must be of one piece: what storage has applied was in this journal, and what it lacks still is. */
function checkPosition(log: Log, applied: number): void {
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
