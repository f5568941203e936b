/** Bugs on purpose in what happens when places move from one partition to another (rule 20). */
import { Adjudicator } from '../../actors/adjudicator/adjudicator.ts'
import { Domain } from '../../actors/adjudicator/domain.ts'
import { Voter } from '../../actors/adjudicator/vote.ts'
import { GroupCommit } from '../../actors/journal/group-commit.ts'
import { Journal } from '../../actors/journal/journal.ts'
import { type RangeMap, Topology } from '../../actors/topology.ts'
import { contains, type Key, pinnedTo, placeOf } from '../../protocol/key.ts'
import type { RangesStated } from '../../protocol/messages.ts'
import type { Fault } from './fault-plan.ts'
import { both, type PlantedBug, replace } from './planted-bugs.ts'
import type { RunSettings } from './settings.ts'

const moving: Partial<RunSettings> = { clients: 12, faultyMs: 2_000, movesMs: 20 }

/** Whoever has just given or taken places dies. */
const deadly: readonly Fault[] = [{ kind: 'deadly moves', at: 0, for: 2_000, chance: 0.5 }]

/** Appends take longer than a horizon lies ahead. */
const slowAppends: readonly Fault[] = [{ kind: 'disturbed streams', at: 0, for: 4_000, lost: 0.85, unacknowledged: 0, late: 0 }]

export const moveBugs: readonly PlantedBug[] = [
  {
    name: 'the receiver forgets the floor of what it has opened',
    breaks: 'rule 20, FirstCommitterWins',
    workload: 'list-append',
    oracle: 'list-append',
    settings: moving,
    plant: () => replace(Domain, 'floorOf', () => 0),
  },
  {
    name: "the floor of an open is not the seal's horizon",
    breaks: 'rule 20, PromiseBounded',
    workload: 'bank',
    oracle: 'moves',
    settings: moving,
    plant: () =>
      replace(Topology, 'unopened', (original, _, values) =>
        (original(...values) as { horizon: number }[]).map((sealed) => ({ ...sealed, horizon: sealed.horizon - 500_000 })),
      ),
  },
  {
    name: 'the open does not lie above the horizon of the seal',
    breaks: 'rule 20',
    workload: 'bank',
    oracle: 'moves',
    settings: moving,
    plant: () =>
      replace(GroupCommit, 'state', (original, self, values) => {
        self.demanded = 0
        return original(...values)
      }),
  },
  {
    name: 'the giver goes on deciding for who has an old map',
    breaks: 'rule 20, FirstCommitterWins',
    workload: 'list-append',
    oracle: 'list-append',
    settings: moving,
    plant: () =>
      both(
        replace(Domain, 'owns', () => true),
        // Half of the time the leader and who asks it have the map that the database began with.
        replace(Topology, 'partitionOf', (original, self, [key]) => {
          self.isOld = self.isOld !== true
          const place = placeOf(key as Key)
          const old = (self.even as RangeMap).partitions.find(({ ranges }) => ranges.some((range) => contains(range, place)))
          return self.isOld && pinnedTo(key as Key) === undefined ? old?.partition : original(key)
        }),
      ),
  },
  {
    name: 'what has joined before the seal goes into the journal behind it',
    breaks: 'rule 20, FirstCommitterWins',
    workload: 'list-append',
    oracle: 'list-append',
    settings: { ...moving, faultyMs: 4_000 },
    faults: slowAppends,
    plant: () =>
      both(
        replace(Domain, 'seal', () => undefined),
        replace(Voter, 'seal', () => undefined),
        replace(GroupCommit, 'abandon', () => undefined),
      ),
  },
  {
    name: 'a successor claims what has been given away',
    breaks: 'rule 20, one owner for a place',
    workload: 'bank',
    oracle: 'moves',
    settings: moving,
    faults: deadly,
    plant: () =>
      replace(Journal, 'restatement', (original, self, values) => {
        const statement = original(...values) as RangesStated | undefined
        const { end } = self.chain as { end: { holdings: RangesStated } | undefined }
        const back = (end?.holdings.sealed ?? []).map(({ range }) => range)
        return statement === undefined ? undefined : { ...statement, ranges: [...statement.ranges, ...back] }
      }),
  },
  {
    name: 'a successor does not open what its predecessor was given',
    breaks: 'rule 20, completed by successors',
    workload: 'bank',
    oracle: 'liveness',
    settings: moving,
    faults: deadly,
    plant: () =>
      replace(Adjudicator, 'openLater', (original, self) => {
        if ((self.lifecycle as { serving: boolean }).serving) original()
      }),
  },
]
