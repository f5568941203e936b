import { BusError, type MaybePromise } from '../../bus/bus.ts'
import type { Random, World } from '../../bus/world.ts'
import { assert } from '../../protocol/assert.ts'
import { SqlError } from '../../protocol/errors.ts'
import { partition, type Sequence, type TransactionId } from '../../protocol/ids.ts'
import type { KeyRange } from '../../protocol/key.ts'
import type {
  AdjudicatorRequests,
  BeginAnswer,
  ClosedAnswer,
  CommitAnswer,
  CommitRequest,
  GetAnswer,
  GetRequest,
  HoldingsAnswer,
  Outcome,
  OutcomeRequest,
  ScanAnswer,
  ScanRequest,
  StorageRequests,
  VacuumRequest,
} from '../../protocol/messages.ts'
import { type Tau, tau, tauMax, tauZero } from '../../protocol/time.ts'
import { ask, HighestClock } from '../actor.ts'
import type { ShardPlace, Topology } from '../topology.ts'
import type { Circle, Snapshot } from './circle.ts'
import { moveRange, type RangeMove } from './move-range.ts'
import { placed } from './placement.ts'
import { ReplicaReads } from './replica-reads.ts'
import { run, type Task } from './task.ts'

/** How long a commit may wait to be decided, in microseconds beyond what is known of the time (rule 4). */
const untilMicros = 5_000_000

const retryMs = 50
const beginMsMax = 1_000
const getMsMax = 500
/** A batch looks at some ten thousand keys at most. */
const scanMsMax = 2_000
const vacuumMsMax = 600_000
const outcomeMsMax = 1_000
const commitMsMin = 1_500
const commitShare = 0.3

/** Doubts remembered. */
const doubtedMax = 10_000

/** A begin on its way to an owner, and the one that follows it. */
interface Asking {
  readonly current: Promise<BeginAnswer>
  next: Promise<BeginAnswer> | undefined
}

/** The circle over the bus: typed questions to the owners of partitions and to storage. */
export class BusCircle implements Circle {
  private readonly world: World
  private readonly topology: Topology
  private readonly highest: HighestClock
  private readonly boot: string
  private readonly patienceMs: number
  private counter = 0
  private tauHeard: Tau = tauZero
  private readonly doubted = new Map<number, TransactionId>()
  private readonly asking: Asking[] = []
  private readonly reads: ReplicaReads

  /** `patienceMs`: how long to go on asking where owners and replicas are other processes; 0 where they live and die with this one. */
  constructor(world: World, topology: Topology, random: Random, patienceMs = 0) {
    this.patienceMs = patienceMs
    this.world = world
    this.topology = topology
    this.highest = new HighestClock(world.clock)
    this.boot = random.bytes(8)
    this.reads = new ReplicaReads(world, topology)
  }

  clock(): number {
    return this.highest.read()
  }

  /** With several partitions the leader is chosen when it is known what is written. */
  newId(): TransactionId {
    const leader = partition(0)
    return { leader, epoch: this.topology.epochOf(leader), boot: this.boot, counter: ++this.counter }
  }

  nextTurn(): Promise<void> {
    return new Promise((resolve) => this.world.clock.soon(resolve))
  }

  until(): Tau {
    return tau(Math.max(this.tauHeard, this.clock()) + untilMicros)
  }

  /** Rule 12. */
  begin(atLeast: Tau): MaybePromise<Snapshot> {
    const { partitions } = this.topology.map
    if (partitions.length === 1) {
      const answer = this.askBegin(0)
      if (!(answer instanceof Promise) && answer.tau >= atLeast) {
        this.hear(answer.clock, answer.tau)
        return { tau: answer.tau, vector: [answer.sequence] }
      }
      return run(this.beginEverywhere(atLeast, [answer]))
    }
    return run(
      this.beginEverywhere(
        atLeast,
        partitions.map(({ partition: p }) => this.askBegin(p)),
      ),
    )
  }

  /** `asked`: the answers of all owners, as they come. */
  private *beginEverywhere(atLeast: Tau, asked: readonly MaybePromise<BeginAnswer>[]): Task<Snapshot> {
    const { partitions } = this.topology.map
    let tauStart = atLeast
    const answers: BeginAnswer[] = []
    for (const one of asked) {
      const answer = one instanceof Promise ? ((yield one) as BeginAnswer) : one
      this.hear(answer.clock, answer.tau)
      tauStart = tauMax(tauStart, answer.tau)
      answers.push(answer)
    }
    if (partitions.some(({ partition: p }, i) => (answers[i] as BeginAnswer).mapVersion > this.topology.versionOf(p))) {
      yield* this.fetchMap()
      const anew = this.topology.map.partitions.map(({ partition: p }) => this.askBegin(p))
      return yield* this.beginEverywhere(tauStart, anew)
    }
    const vector: Sequence[] = []
    for (const [i, { partition: p }] of partitions.entries()) {
      const { tau: last, sequence } = answers[i] as BeginAnswer
      if (last === tauStart) {
        vector[p] = sequence
        continue
      }
      const closing = this.answered(() =>
        ask<AdjudicatorRequests, 'closed'>(
          this.world,
          this.topology.adjudicator(p),
          { kind: 'closed', clock: this.clock(), at: tauStart },
          this.within(beginMsMax),
        ),
      )
      const closed = closing instanceof Promise ? ((yield closing) as ClosedAnswer) : closing
      this.highest.hear(closed.clock)
      vector[p] = closed.sequence
    }
    return { tau: tauStart, vector }
  }

  /** Ranges have been moved: what every journal says of them (rule 20). */
  private *fetchMap(): Task<void> {
    for (const { partition: p } of this.topology.map.partitions) {
      const asking = this.answered(() =>
        ask<AdjudicatorRequests, 'holdings'>(
          this.world,
          this.topology.adjudicator(p),
          { kind: 'holdings', clock: this.clock() },
          this.within(beginMsMax),
        ),
      )
      const { holdings } = asking instanceof Promise ? ((yield asking) as HoldingsAnswer) : asking
      this.topology.stated(p, holdings)
    }
  }

  /** One question per owner is under way; whoever comes meanwhile goes into the next one. */
  private askBegin(p: number): MaybePromise<BeginAnswer> {
    const asking = this.asking[p]
    if (asking !== undefined) {
      if (asking.next !== undefined) return asking.next
      const again = (): MaybePromise<BeginAnswer> => this.askBegin(p)
      asking.next = asking.current.then(again, again)
      // Whoever asks several owners hears of the first that does not answer.
      asking.next.catch(() => {})
      return asking.next
    }
    const answer = this.answered(() =>
      ask<AdjudicatorRequests, 'begin'>(
        this.world,
        this.topology.adjudicator(partition(p)),
        { kind: 'begin', clock: this.clock() },
        this.within(beginMsMax),
      ),
    )
    if (!(answer instanceof Promise)) return answer
    this.asking[p] = { current: answer, next: undefined }
    const over = (): void => {
      delete this.asking[p]
    }
    answer.then(over, over)
    return answer
  }

  private hear(clock: number, last: Tau): void {
    this.highest.hear(clock)
    if (last > this.tauHeard) this.tauHeard = last
  }

  get(request: GetRequest): MaybePromise<GetAnswer> {
    const shard = this.topology.shardOf(request.key)
    return this.answered(() => this.reads.ask<GetAnswer>(shard, request, this.within(getMsMax)))
  }

  /** A range over several shards is read one shard at a time; `resume` says where the next begins. */
  scan(request: ScanRequest): MaybePromise<ScanAnswer> {
    const { shards } = this.topology.map
    if (shards.length === 1) return this.answered(() => this.reads.ask<ScanAnswer>(0, request, this.within(scanMsMax)))
    const { range, reverse } = request
    const place = reverse
      ? shards.findLast((shard) => shard.range.start < range.end)
      : shards.find((shard) => shard.range.end > range.start)
    assert(place !== undefined, 'the map covers every range')
    const part = clip(range, place)
    const answer = this.answered(() =>
      this.reads.ask<ScanAnswer>(place.shard, { ...request, range: part }, this.within(scanMsMax)),
    )
    const goOn = (arrived: ScanAnswer): ScanAnswer => {
      if (arrived.resume !== undefined) return arrived
      if (reverse) return part.start === range.start ? arrived : { ...arrived, resume: part.start }
      return part.end === range.end ? arrived : { ...arrived, resume: part.end }
    }
    return answer instanceof Promise ? answer.then(goOn) : goOn(answer)
  }

  placed(request: CommitRequest): CommitRequest {
    return this.topology.map.partitions.length === 1 ? request : placed(request, this.topology)
  }

  commit(request: CommitRequest): MaybePromise<CommitAnswer> {
    const subject = this.topology.adjudicator(request.id.leader)
    // Who has no answer by then asks what became of the transaction; a large one is long on its way.
    const msMax = Math.max(commitMsMin, ((request.until - this.clock()) / 1_000) * commitShare)
    const answer = ask<AdjudicatorRequests, 'commit'>(this.world, subject, request, this.within(msMax))
    if (!(answer instanceof Promise)) return this.decided(answer)
    return answer.then(
      (arrived) => this.decided(arrived),
      (error: unknown) => {
        this.doubt(request.id)
        throw error
      },
    )
  }

  /** Its number may have been shown, and somebody may ask by it: then the leader must be found again. */
  private doubt(id: TransactionId): void {
    if (this.topology.map.partitions.length === 1) return
    if (this.doubted.size >= doubtedMax) this.doubted.delete(this.doubted.keys().next().value as number)
    this.doubted.set(id.counter, id)
  }

  private decided(answer: CommitAnswer): CommitAnswer {
    this.hear(answer.clock, answer.verdict.kind === 'commit' ? answer.verdict.tauCommit : tauZero)
    return answer
  }

  outcome(request: OutcomeRequest): MaybePromise<Outcome> {
    const id = this.doubted.get(request.id.counter) ?? request.id
    const question = (): MaybePromise<Outcome> =>
      ask<AdjudicatorRequests, 'outcome'>(
        this.world,
        this.topology.adjudicator(id.leader),
        { ...request, id },
        this.within(outcomeMsMax),
      )
    return this.patienceMs > 0 ? this.answered(question) : question()
  }

  /** What may be asked any number of times. Owners and replicas follow one another: who finds the last one gone asks the next one. */
  private answered<Answer>(question: () => MaybePromise<Answer>): MaybePromise<Answer> {
    const again = (error: unknown): MaybePromise<Answer> =>
      this.patienceMs > 0 && error instanceof BusError ? this.insist(question, error) : unreachable(error)
    try {
      const answer = question()
      return answer instanceof Promise ? answer.catch(again) : answer
    } catch (error) {
      return again(error)
    }
  }

  private async insist<Answer>(question: () => MaybePromise<Answer>, first: BusError): Promise<Answer> {
    const until = this.world.clock.monotonic() + this.patienceMs * 1_000
    let error: unknown = first
    while (error instanceof BusError && this.world.clock.monotonic() < until) {
      await this.world.clock.sleep(retryMs)
      try {
        return await question()
      } catch (next) {
        error = next
      }
    }
    return unreachable(error)
  }

  /** Undefined where an answer is a call: nobody needs to be given up. */
  private within(timeoutMs: number): { readonly timeoutMs: number } | undefined {
    return this.patienceMs > 0 ? { timeoutMs } : undefined
  }

  moveRange(move: RangeMove): Promise<void> {
    const { world, topology } = this
    const fetchMap = async (): Promise<void> => await run(this.fetchMap())
    return moveRange({ world, topology, clock: () => this.clock(), fetchMap }, move)
  }

  async vacuum(): Promise<void> {
    const request: VacuumRequest = { kind: 'vacuum', clock: this.clock() }
    for (const { shard } of this.topology.map.shards) {
      await this.answered(() =>
        ask<StorageRequests, 'vacuum'>(this.world, this.topology.storage(shard), request, this.within(vacuumMsMax)),
      )
    }
  }
}

/** Nothing has been changed by a begin or a read that finds nobody: the client may try the whole transaction again. */
function unreachable(error: unknown): never {
  if (!(error instanceof BusError)) throw error
  throw new SqlError('57P03', 'part of the database does not answer', {
    detail: error.message,
    hint: 'Nothing was changed: repeat the transaction.',
  })
}

function clip(range: KeyRange, { range: shard }: ShardPlace): KeyRange {
  const startsInside = range.start > shard.start
  const endsInside = range.end < shard.end
  return { start: startsInside ? range.start : shard.start, end: endsInside ? range.end : shard.end }
}
