/** Bugs on purpose in what several partitions agree on: one for each rule that only they need. */

import { ConflictWindow } from '../../actors/adjudicator/conflict-window.ts'
import { Decisions } from '../../actors/adjudicator/decisions.ts'
import { Leader } from '../../actors/adjudicator/lead.ts'
import { Held, Promises } from '../../actors/adjudicator/promises.ts'
import { Voter } from '../../actors/adjudicator/vote.ts'
import { GroupCommit } from '../../actors/journal/group-commit.ts'
import { Journal } from '../../actors/journal/journal.ts'
import { BusCircle } from '../../actors/query-processor/circle-bus.ts'
import { Storage } from '../../actors/storage/storage.ts'
import { MemoryVersionStore } from '../../actors/storage/version-store-memory.ts'
import { pinnedTo } from '../../protocol/key.ts'
import type { CommitRequest, Vote } from '../../protocol/messages.ts'
import type { Fault } from './fault-plan.ts'
import { both, crashes, forgetful, isUnderLoad, type PlantedBug, replace } from './planted-bugs.ts'
import type { RunSettings } from './settings.ts'

const crowd: Partial<RunSettings> = { clients: 12, faultyMs: 2_000 }

const doubles: readonly Fault[] = [{ kind: 'lossy network', at: 0, for: 2_000, drop: 0.05, duplicate: 0.4, slow: 0.1 }]

type World = { clock: { after(ms: number, action: () => void): void } }
type Yes = Vote & { kind: 'yes' }
type Open = { held: Held | undefined }

/** Changes a voter's yes, and what it holds for it. */
const yes = (change: (vote: Yes, self: Record<string, unknown>, open: Open) => Vote): (() => void) =>
  replace(Voter, 'judge', (original, self, values) => {
    const look = (vote: unknown): Vote =>
      (vote as Vote).kind === 'yes' ? change(vote as Yes, self, values[1] as Open) : (vote as Vote)
    const vote = original(...values)
    return vote instanceof Promise ? vote.then(look) : look(vote)
  })

const windowOf = (self: Record<string, unknown>): ConflictWindow => (self.needs as { window: ConflictWindow }).window

export const partitionBugs: readonly PlantedBug[] = [
  {
    name: 'the vector names only the first journal',
    breaks: 'rule 14, CompleteSnapshot',
    workload: 'bank',
    oracle: 'complete-snapshot',
    plant: () =>
      replace(BusCircle, 'begin', async (original, _, values) => {
        const { tau, vector } = (await original(...values)) as { tau: number; vector: readonly number[] }
        return { tau, vector: [vector[0], 0] }
      }),
  },
  {
    name: 'storage waits for the first journal only',
    breaks: 'rule 14, R3',
    workload: 'bank',
    oracle: 'bank',
    settings: crowd,
    plant: () => replace(Storage, 'covers', (original, _, [vector]) => original([(vector as readonly number[])[0], 0])),
  },
  {
    name: 'begin asks one owner and has the others close at its time',
    breaks: 'rule 12, RealTime',
    workload: 'bank',
    oracle: 'real-time',
    settings: crowd,
    plant: () =>
      replace(BusCircle, 'beginEverywhere', (original, self, [atLeast, asked]) => {
        const turn = ((self.turn as number | undefined) ?? 0) + 1
        self.turn = turn
        if (!isUnderLoad(self) || turn % 16 !== 0) return original(atLeast, asked)
        const [first, ...rest] = asked as readonly unknown[]
        const others = rest.map(async (answer) => ({ ...((await answer) as object), tau: 0 }))
        for (const lowered of others) lowered.catch(() => {})
        return original(atLeast, [first, ...others])
      }),
  },
  {
    name: 'closed is said beyond the horizon of the journal',
    breaks: 'rule 13, PromiseBounded',
    workload: 'bank',
    oracle: 'promise-bounded',
    plant: () =>
      replace(GroupCommit, 'closeAt', (original, self, [at]) => {
        const acknowledged = self.acknowledged as { horizon: number }
        self.acknowledged = { ...acknowledged, horizon: Number.MAX_SAFE_INTEGER }
        try {
          return original(at)
        } finally {
          self.acknowledged = acknowledged
        }
      }),
  },
  {
    name: 'closed is said while a lower record is in flight',
    breaks: 'rule 13, CompleteSnapshot',
    workload: 'bank',
    oracle: 'complete-snapshot',
    settings: crowd,
    plant: () => replace(GroupCommit, 'closeAt', (_, self) => (self.acknowledged as { sequence: number }).sequence),
  },
  {
    name: 'records do not lie above what was closed',
    breaks: 'rule 3, CompleteSnapshot',
    workload: 'bank',
    oracle: 'complete-snapshot',
    settings: crowd,
    plant: () =>
      replace(GroupCommit, 'closeAt', (original, self, values) => {
        const sequence = original(...values)
        self.closed = 0
        return sequence
      }),
  },
  {
    name: 'votes are good beyond the horizon of the journal',
    breaks: 'rule 9, PromiseBounded',
    workload: 'bank',
    oracle: 'promise-bounded',
    plant: () => yes((vote) => ({ ...vote, tauMax: (vote.tauMax + 2_000_000) as never })),
  },
  {
    name: 'a yes enters nothing',
    breaks: 'rule 9, FirstCommitterWins',
    workload: 'list-append',
    oracle: 'list-append',
    settings: crowd,
    plant: () => replace(Promises, 'hold', (_, self, [held]) => void (self.open as Set<unknown>).add(held)),
  },
  {
    name: 'a promise is removed by a timeout',
    breaks: 'rule 11, FirstCommitterWins',
    workload: 'list-append',
    oracle: 'list-append',
    settings: crowd,
    plant: () =>
      yes((vote, self, open) => {
        const { world } = self.needs as { world: World }
        const { held } = open
        if (held !== undefined) world.clock.after(1, () => windowOf(self).promises.drop(held))
        return vote
      }),
  },
  {
    name: 'a kept promise leaves no entry',
    breaks: 'rule 11, FirstCommitterWins',
    workload: 'list-append',
    oracle: 'list-append',
    settings: crowd,
    plant: () => replace(ConflictWindow, 'enterAt', () => undefined),
  },
  {
    name: 'the leader does not heed the earliest end of the promises',
    breaks: 'rule 10, tauMax',
    workload: 'list-append',
    oracle: 'vote-bounds',
    settings: crowd,
    plant: () =>
      both(
        // A voter may promise as little as it likes.
        yes((vote, self, open) => {
          const tauMax = vote.tauMin + 400
          const { held } = open
          if (held === undefined) return vote
          windowOf(self).promises.drop(held)
          open.held = new Held(held, held.marks, held.reads, tauMax as never)
          windowOf(self).promises.hold(open.held)
          return { ...vote, tauMax: tauMax as never }
        }),
        replace(Leader, 'conclude', (original, _, [request, shares, votes]) =>
          original(
            request,
            shares,
            (votes as readonly Vote[]).map((vote) => ({ ...vote, tauMax: Number.MAX_SAFE_INTEGER })),
          ),
        ),
      ),
  },
  {
    name: 'the leader does not heed what its voters have read up to',
    breaks: 'rule 10, tau_q',
    workload: 'bank',
    oracle: 'vote-bounds',
    settings: crowd,
    plant: () =>
      both(
        replace(Leader, 'conclude', (original, _, [request, shares, votes]) =>
          original(
            request,
            shares,
            (votes as readonly Vote[]).map((vote) => ({ ...vote, tauMin: 1 })),
          ),
        ),
      ),
  },
  {
    name: 'a vote does not wait for the record that has read what it changes',
    breaks: 'rule 9, ReadCheck',
    workload: 'index-build',
    oracle: 'specification',
    settings: crowd,
    faults: [{ kind: 'disturbed streams', at: 0, for: 2_000, lost: 0.2, unacknowledged: 0.2, late: 0 }],
    plant: () => replace(Voter, 'unsentReader', () => undefined),
  },
  {
    name: 'one yes is enough',
    breaks: 'rule 10, FirstCommitterWins',
    workload: 'list-append',
    oracle: 'list-append',
    settings: crowd,
    plant: () =>
      replace(Leader, 'askFor', async (original, self, values) => {
        const vote = (await original(...values)) as Vote
        const { records } = self.needs as { records: { acknowledged: { horizon: number } } }
        const isOwn = values[1] === self.partition
        return vote.kind === 'no' && !isOwn ? { kind: 'yes', tauMin: 1, tauMax: records.acknowledged.horizon } : vote
      }),
  },
  {
    name: 'a request over several partitions is decided twice',
    breaks: 'rule 4, AtMostOnce',
    workload: 'bank',
    oracle: 'abort-is-final',
    settings: crowd,
    faults: doubles,
    plant: () =>
      both(
        replace(Decisions, 'find', () => undefined),
        forgetful(),
      ),
  },
  {
    name: 'one transaction has two leaders',
    breaks: 'rule 4, one id has one leader',
    workload: 'bank',
    oracle: 'abort-is-final',
    settings: crowd,
    plant: () =>
      replace(BusCircle, 'commit', (original, self, [given]) => {
        if (!isUnderLoad(self)) return original(given)
        const request = given as CommitRequest
        const leader = (1 - request.id.leader) as never
        const { topology } = self as unknown as { topology: { epochOf(partition: never): never } }
        const second = { ...request, id: { ...request.id, leader, epoch: topology.epochOf(leader) } }
        return Promise.any([original(request), original(second)])
      }),
  },
  {
    name: 'an abandoned transaction is told as committed',
    breaks: 'rule 10, DurableAcknowledgement',
    workload: 'bank',
    oracle: 'durable-acknowledgement',
    settings: crowd,
    plant: () =>
      replace(Leader, 'abandon', (original, self, values) => {
        original(...values)
        return { kind: 'commit', tauCommit: (self.needs as { records: { spent: number } }).records.spent }
      }),
  },
  {
    name: 'abandoned before the append that is under way',
    breaks: 'rule 6, AbortIsFinal',
    workload: 'bank',
    oracle: 'abort-is-final',
    settings: crowd,
    plant: () =>
      replace(Leader, 'conclude', (original, self, values) => {
        const verdict = original(...values)
        if (!(verdict instanceof Promise)) return verdict
        const { world, records } = self.needs as { world: World; records: { acknowledged: { tau: number } } }
        const late = new Promise((resolve) =>
          world.clock.after(2, () => resolve({ kind: 'tooOld', atLeast: records.acknowledged.tau })),
        )
        return Promise.race([verdict, late])
      }),
  },
  {
    name: 'no floor for what an earlier owner has promised',
    breaks: 'rule 8, FloorSound',
    workload: 'list-append',
    oracle: 'list-append',
    settings: { clients: 12, faultyMs: 8_000, apart: false },
    faults: crashes,
    plant: () =>
      replace(Journal, 'claim', async (original, _, values) => {
        const ownership = (await original(...values)) as { floor: number }
        Object.defineProperty(ownership, 'floor', { value: 0 })
        return ownership
      }),
  },
  {
    name: 'DDL marks the catalog of one partition',
    breaks: 'rule 21',
    workload: 'index-build',
    oracle: 'index-build',
    settings: crowd,
    plant: () =>
      replace(BusCircle, 'placed', (original, _, values) => {
        const request = original(...values) as CommitRequest
        const checks = request.checks.filter(
          (check) => !('key' in check && check.mode === 'X' && pinnedTo(check.key) !== undefined),
        )
        return { ...request, checks }
      }),
  },
  {
    name: 'the version that arrived last is taken for the newest',
    breaks: 'rule 14, versions by tau',
    workload: 'list-append',
    oracle: 'list-append',
    // A storage that starts anew reads one journal after the other.
    settings: { ...crowd, checkpointDelayMs: 100_000 },
    faults: [{ kind: 'crash', at: 1_900, process: 'storage', for: 20 }],
    plant: () =>
      replace(MemoryVersionStore, 'write', (original, self, [write, at]) => {
        const rows = self.rows as { get(key: string): { tau: number } | undefined; set(key: string, version: object): void }
        const { key, postImage } = write as { key: string; postImage: Uint8Array | undefined }
        const before = rows.get(key)
        if (before === undefined || before.tau < (at as number)) return original(write, at)
        rows.set(key, { tau: at, postImage, older: before })
        return undefined
      }),
  },
]
