import { BusError, type MaybePromise } from '../../bus/bus.ts'
import type { World } from '../../bus/world.ts'
import { SqlError } from '../../protocol/errors.ts'
import type { Partition } from '../../protocol/ids.ts'
import type {
  AdjudicatorRequests,
  Check,
  CommitRequest,
  Mark,
  SettleRequest,
  ShortRequest,
  Verdict,
  Vote,
} from '../../protocol/messages.ts'
import { type Tau, tau, tauMax, tauZero } from '../../protocol/time.ts'
import { ask, type HighestClock } from '../actor.ts'
import type { Topology } from '../topology.ts'
import type { Records } from './records.ts'
import type { Voter } from './vote.ts'

/** Times a PREPARE, or what became of it, is said to an owner that does not answer. After that he has to ask. */
const saidMax = 3
const sayAgainMs = 40
/** The client's answer waits so long for the voters to hear of the commit, so that his next transaction does not meet a promise of this one. */
const hearingMs = 20

/** What of a transaction lies in one partition. */
export interface PartitionShare {
  readonly writes: Mark[]
  readonly checks: Check[]
}

/** By partition; undefined where everything lies in `own`. Ranges are checked everywhere, and what is never checked is entered in `own`. */
export function sharesOf(
  { writes, checks }: Pick<ShortRequest, 'writes' | 'checks'>,
  topology: Topology,
  own: Partition,
): Map<Partition, PartitionShare> | undefined {
  if (isOwn(writes, checks, topology, own)) return undefined
  const shares = new Map<Partition, PartitionShare>([[own, { writes: [], checks: [] }]])
  const share = (partition: Partition): PartitionShare => {
    const known = shares.get(partition) ?? { writes: [], checks: [] }
    shares.set(partition, known)
    return known
  }
  for (const write of writes) share(write.mode === 'E' ? own : topology.partitionOf(write.key)).writes.push(write)
  for (const check of checks) {
    if ('key' in check) share(topology.partitionOf(check.key)).checks.push(check)
    else for (const { partition } of topology.map.partitions) share(partition).checks.push(check)
  }
  return shares
}

export function isOwn(writes: readonly Mark[], checks: readonly Check[], topology: Topology, own: Partition): boolean {
  for (const { key, mode } of writes) if (mode !== 'E' && topology.partitionOf(key) !== own) return false
  for (const check of checks) if ('range' in check || topology.partitionOf(check.key) !== own) return false
  return true
}

export interface LeaderNeeds {
  readonly world: World
  readonly clock: HighestClock
  readonly topology: Topology
  readonly partition: Partition
  readonly records: Records
  readonly voter: Voter
  /** Puts the transaction into the record being built, in no record above `until`. */
  join(request: CommitRequest, share: PartitionShare, until: Tau): Promise<Verdict>
}

/** What a transaction over several partitions goes through at its leader (rules 9 to 11): votes, one record, and word to the voters. */
export class Leader {
  private readonly needs: LeaderNeeds

  constructor(needs: LeaderNeeds) {
    this.needs = needs
  }

  decide(request: CommitRequest, shares: ReadonlyMap<Partition, PartitionShare>): MaybePromise<Verdict> {
    if (request.inOrder === true) return this.oneByOne(request, shares).then((votes) => this.conclude(request, shares, votes))
    const votes: MaybePromise<Vote>[] = []
    for (const [partition, share] of shares) votes.push(this.askFor(request, partition, share))
    const gathered = allOrOneNo(votes)
    if (gathered instanceof Promise) return gathered.then((known) => this.conclude(request, shares, known))
    return this.conclude(request, shares, gathered)
  }

  /** In partition order: of many that stand in each other's way, one gets through (rule 24). */
  private async oneByOne(request: CommitRequest, shares: ReadonlyMap<Partition, PartitionShare>): Promise<readonly Vote[]> {
    const votes: Vote[] = []
    for (const [partition, share] of [...shares].sort(([a], [b]) => a - b)) {
      const vote = await this.askFor(request, partition, share)
      votes.push(vote)
      if (vote.kind === 'no') break
    }
    return votes
  }

  private conclude(
    request: CommitRequest,
    shares: ReadonlyMap<Partition, PartitionShare>,
    votes: readonly Vote[],
  ): MaybePromise<Verdict> {
    const { records, voter, partition } = this.needs
    let [tauMin, until] = [tauZero, request.until]
    for (const vote of votes) {
      if (vote.kind === 'no') return this.abandon(request, shares, vote.verdict)
      tauMin = tauMax(tauMin, vote.tauMin)
      until = tau(Math.min(until, vote.tauMax))
    }
    if (tauMin > until || records.spent >= until)
      return this.abandon(request, shares, { kind: 'tooOld', atLeast: records.acknowledged.tau })
    // A range of it has been given away since: this owner no longer knows what is written there.
    if (!voter.withdraw(request.id)) return this.abandon(request, shares, { kind: 'tooOld', atLeast: records.acknowledged.tau })
    // Between the votes' bounds, or it is told to be too late.
    records.demand(tau(tauMin - 1))
    const own = shares.get(partition) ?? { writes: [], checks: [] }
    return this.needs.join(request, own, until).then((verdict) => {
      if (verdict.kind === 'commit') return this.announce(request, shares, verdict)
      return this.abandon(request, shares, verdict)
    })
  }

  private abandon(request: CommitRequest, shares: ReadonlyMap<Partition, PartitionShare>, verdict: Verdict): Verdict {
    this.needs.voter.withdraw(request.id)
    void this.tell(request, shares, undefined)
    return verdict
  }

  private announce(
    request: CommitRequest,
    shares: ReadonlyMap<Partition, PartitionShare>,
    verdict: Verdict & { kind: 'commit' },
  ): MaybePromise<Verdict> {
    const heard = this.tell(request, shares, verdict.tauCommit)
    if (heard === undefined) return verdict
    return Promise.race([heard, this.needs.world.clock.sleep(hearingMs)]).then(() => verdict)
  }

  /** Undefined: everybody has heard. */
  private tell(
    { id, until }: CommitRequest,
    shares: ReadonlyMap<Partition, PartitionShare>,
    tauCommit: Tau | undefined,
  ): Promise<unknown> | undefined {
    const { topology, partition, clock, world } = this.needs
    const hearing: Promise<unknown>[] = []
    for (const voter of shares.keys()) {
      if (voter === partition) continue
      const heard = said(world, () => {
        const message: SettleRequest = { kind: 'settle', clock: clock.read(), id, until, tauCommit }
        return ask<AdjudicatorRequests, 'settle'>(world, topology.adjudicator(voter), message)
      })
      if (heard instanceof Promise) hearing.push(heard.catch(() => {}))
    }
    return hearing.length === 0 ? undefined : Promise.all(hearing)
  }

  /** Whoever cannot be asked has not said yes. */
  private askFor(request: CommitRequest, partition: Partition, share: PartitionShare): MaybePromise<Vote> {
    const { id, tauStart, until } = request
    const map = request.map === undefined ? {} : { map: request.map }
    const { world, topology, clock, voter } = this.needs
    const no = (error: unknown): Vote => ({ kind: 'no', verdict: this.unanswered(error) })
    try {
      const vote =
        partition === this.needs.partition
          ? voter.vote({ id, tauStart, ...share, ...map }, true)
          : said(world, () => {
              const prepare = { kind: 'prepare', clock: clock.read(), id, tauStart, until, ...share, ...map } as const
              const answer = ask<AdjudicatorRequests, 'prepare'>(world, topology.adjudicator(partition), prepare)
              const take = (arrived: Awaited<typeof answer>): Vote => {
                clock.hear(arrived.clock)
                return arrived.vote
              }
              return answer instanceof Promise ? answer.then(take) : take(answer)
            })
      return vote instanceof Promise ? vote.catch(no) : vote
    } catch (error) {
      return no(error)
    }
  }

  private unanswered(error: unknown): Exclude<Verdict, { kind: 'commit' }> {
    if (error instanceof SqlError) return { kind: 'refused', code: error.code, message: error.message }
    if (!(error instanceof BusError)) throw error
    return { kind: 'tooOld', atLeast: this.needs.records.acknowledged.tau }
  }
}

/** Every voter's yes, or the first no: then nobody waits for the others. */
function allOrOneNo(votes: readonly MaybePromise<Vote>[]): MaybePromise<readonly Vote[]> {
  const known = votes.filter((vote): vote is Vote => !(vote instanceof Promise))
  const no = known.find(({ kind }) => kind === 'no')
  if (no !== undefined) return [no]
  if (known.length === votes.length) return known
  return new Promise((resolve, reject) => {
    const arrived: Vote[] = []
    for (const vote of votes) {
      Promise.resolve(vote).then((one) => {
        arrived.push(one)
        if (one.kind === 'no' || arrived.length === votes.length) resolve(one.kind === 'no' ? [one] : arrived)
      }, reject)
    }
  })
}

/** Says it again while nobody answers: whoever has heard it twice answers alike. */
function said<Answer>(world: World, say: () => MaybePromise<Answer>, times = 1): MaybePromise<Answer> {
  const again = (error: unknown): Promise<Answer> => {
    if (!(error instanceof BusError) || times >= saidMax) throw error
    return world.clock.sleep(sayAgainMs).then(() => said(world, say, times + 1))
  }
  try {
    const answer = say()
    return answer instanceof Promise ? answer.catch(again) : answer
  } catch (error) {
    return again(error)
  }
}
