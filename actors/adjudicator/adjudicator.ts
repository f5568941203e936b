/**
 * The adjudicator of one partition: says when a transaction begins, whether it may commit, and what became of it.
 * From: query processors. To: the journal.
 * Invariant: an id is decided once, and nothing is answered before the journal holds it.
 */
import { BusError, type MaybePromise, type Registration } from '../../bus/bus.ts'
import type { World } from '../../bus/world.ts'
import { beginStep, type Traced } from '../../observability/tracing.ts'
import { assert } from '../../protocol/assert.ts'
import type { Epoch, MapVersion, Partition } from '../../protocol/ids.ts'
import type { KeyRange } from '../../protocol/key.ts'
import { includes } from '../../protocol/key-ranges.ts'
import { leaseMicros, longBytesMin, longKeysMin, versionHorizonMicros } from '../../protocol/limits.ts'
import type {
  AdjudicatorRequests,
  BeginAnswer,
  ClosedAnswer,
  CommitAnswer,
  CommitRequest,
  HoldingsAnswer,
  MoveAnswer,
  MoveRequest,
  Outcome,
  OutcomeRequest,
  PrepareRequest,
  SettleRequest,
  ShortRequest,
  Stamped,
  Verdict,
  VoteAnswer,
} from '../../protocol/messages.ts'
import { PackedWrites } from '../../protocol/packed-writes.ts'
import { subjects } from '../../protocol/subjects.ts'
import { type Tau, tau } from '../../protocol/time.ts'
import { type Answering, answering, ask, Fenced, type HighestClock, Lifecycle } from '../actor.ts'
import { everything, type Topology } from '../topology.ts'
import { adjudicate, enterAll, type Judgement, type Jurisdiction } from './adjudicate.ts'
import { adjudicateLong } from './adjudicate-long.ts'
import { ConflictWindow, Stamp } from './conflict-window.ts'
import { Decisions } from './decisions.ts'
import { concerns, Domain } from './domain.ts'
import { isOwn, Leader, sharesOf } from './lead.ts'
import type { Claim, Claims } from './records.ts'
import { Voter } from './vote.ts'

const windowEntriesMax = 1_000_000
/** Accepted and not yet in the journal; beyond that clients are told to come back. */
const waitingMax = 100_000
/** What is on its way between two owners is waited for so long. */
const movingMsMax = 250
/** A journal that had no room for an open is tried again. */
const openAgainMs = 500
/** A request that was never seen may still be under way: its id stays barred as long as its `until` can last. */
const barredMicros = 600_000_000

interface Term extends Claim {
  readonly window: ConflictWindow
  readonly decisions: Decisions
  /** Where there are several partitions. */
  readonly across: Across | undefined
}

interface Across {
  readonly domain: Domain
  readonly voter: Voter
  readonly leader: Leader
}

export class Adjudicator {
  readonly lifecycle: Lifecycle
  private readonly world: World
  private readonly clock: HighestClock
  private readonly partition: Partition
  private readonly topology: Topology
  private readonly claims: Claims
  private isOpening = false
  private term: Term | undefined
  private serving: Registration | undefined
  /** Long transactions enter their keys one after the other. */
  private longOnes: Promise<unknown> = Promise.resolve()

  constructor(world: World, clock: HighestClock, topology: Topology, partition: Partition, claims: Claims) {
    this.world = world
    this.clock = clock
    this.partition = partition
    this.topology = topology
    this.claims = claims
    topology.onStated(() => this.openLater())
    this.lifecycle = new Lifecycle(`adjudicator ${partition}`, world, {
      recover: () => this.recover(),
      drain: () => this.drain(),
      drop: () => this.drop(),
    })
  }

  get epoch(): Epoch | undefined {
    return this.term?.epoch
  }

  /** Says again in the journal which ranges are owned, so that the earlier statement may be trimmed (rule 17). */
  async restate(): Promise<void> {
    await this.term?.records.state({ content: () => this.claims.restatement() })
  }

  private async recover(): Promise<void> {
    const claim = await this.claims.claim((error) => this.deposed(error))
    const window = new ConflictWindow(claim.floor, { entriesMax: windowEntriesMax, ageMicrosMax: versionHorizonMicros })
    const isAlone = this.topology.map.partitions.length === 1
    const across = isAlone ? undefined : this.acrossPartitions(claim, window)
    const term: Term = { ...claim, window, decisions: new Decisions(), across }
    this.term = term
    const answers: Answering<AdjudicatorRequests> = {
      begin: ({ clock }) => this.begin(clock),
      closed: ({ clock, at }) => this.closed(clock, at),
      commit: (request) => this.commit(request),
      outcome: (request) => this.outcome(request),
      prepare: (request) => this.prepare(request),
      settle: (request) => this.settle(request),
      holdings: ({ clock }) => this.holdings(clock),
      move: (request) => this.move(request),
    }
    this.serving = this.world.bus.serve(
      subjects.adjudicator(this.partition, claim.epoch),
      answering<AdjudicatorRequests>(answers),
    )
    this.topology.owned(this.partition, claim.epoch)
    this.openLater()
  }

  private acrossPartitions(claim: Claim, window: ConflictWindow): Across {
    const { world, clock, topology, partition } = this
    const { records, epoch } = claim
    const domain = new Domain(partition, this.claims.holdings().ranges)
    const elsewhere = (): MaybePromise<Verdict & { kind: 'tooOld' }> => this.elsewhere(domain, records)
    const voter = new Voter({
      world,
      clock,
      window,
      records,
      jurisdiction: () => jurisdictionOf(epoch, records, domain),
      isStale: (map) => this.isStale(domain, map),
      elsewhere,
      outcome: (id, tauStart) => {
        const request: OutcomeRequest = { kind: 'outcome', clock: clock.read(), id, tauStart }
        return ask<AdjudicatorRequests, 'outcome'>(world, topology.adjudicator(id.leader), request)
      },
    })
    const leader = new Leader({
      world,
      clock,
      topology,
      partition,
      records,
      voter,
      join: (request, share, until) => {
        const term = this.owned()
        if (term.epoch !== epoch) throw new BusError('closed', `adjudicator ${partition}`)
        const stamp = new Stamp()
        enterAll(term.window, stamp, share)
        voter.reads(stamp, share.checks)
        return this.join(term, { ...request, until }, stamp, false)
      },
    })
    return { domain, voter, leader }
  }

  /** Finishes what was accepted, says farewell in the journal, and answers nothing after it. */
  private async drain(): Promise<void> {
    await this.longOnes.catch(() => {})
    await this.term?.records.farewell().catch(() => {})
    this.drop()
  }

  private drop(): void {
    this.serving?.close()
    this.serving = undefined
    this.term?.across?.voter.stop()
    this.term?.records.stop(new BusError('closed', 'adjudicator'))
    this.term = undefined
  }

  private deposed(error: unknown): void {
    if (error instanceof Fenced) this.lifecycle.fence()
    else this.lifecycle.fail(error)
  }

  private owned(): Term {
    if (this.term === undefined) throw new BusError('closed', `adjudicator ${this.partition}`)
    return this.term
  }

  /** Rule 12: what is acknowledged, said while nobody else can have written more. */
  private begin(stamp: number): MaybePromise<BeginAnswer> {
    this.clock.hear(stamp)
    const { records } = this.owned()
    if (this.claims.exclusive || this.world.clock.monotonic() - records.leaseFrom < leaseMicros) return this.beginning()
    return records.barrier().then(() => this.beginning())
  }

  private beginning(): BeginAnswer {
    const { acknowledged, mapVersion } = this.owned().records
    return { tau: acknowledged.tau, sequence: acknowledged.sequence, mapVersion, clock: this.clock.read() }
  }

  /** Rule 13. */
  private closed(stamp: number, at: Tau): MaybePromise<ClosedAnswer> {
    this.clock.hear(stamp)
    const closed = this.owned().records.closeAt(at)
    if (closed instanceof Promise) return closed.then((sequence) => ({ sequence, clock: this.clock.read() }))
    return { sequence: closed, clock: this.clock.read() }
  }

  /** Rules 4 to 6. */
  private commit(request: CommitRequest): MaybePromise<CommitAnswer> {
    this.clock.hear(request.clock)
    const term = this.owned()
    assert(request.id.leader === this.partition, 'a transaction asks its leader')
    const verdict = term.decisions.find(request.id) ?? this.traced(term, request)
    if (verdict instanceof Promise) return verdict.then((settled) => ({ verdict: settled, clock: this.clock.read() }))
    return { verdict, clock: this.clock.read() }
  }

  private traced(term: Term, request: CommitRequest): MaybePromise<Verdict> {
    const span = beginStep('adjudicator.adjudicate', request.traceparent, {
      'taudb.tau_start': request.tauStart,
      'taudb.writes': request.writes.length,
      'taudb.checks': request.checks.length,
    })
    const verdict = this.decide(term, request, span)
    // An accepted transaction has been adjudicated; what it waits for now is the append.
    span?.end()
    return verdict
  }

  private decide(term: Term, request: CommitRequest, span: Traced | undefined): MaybePromise<Verdict> {
    const { records, window, decisions } = term
    const { acknowledged } = records
    window.prune(acknowledged.tau)
    const crowding = decisions.prune(acknowledged.tau)
    if (crowding !== undefined) records.demand(crowding)
    // A copy that comes after its time: it may have been decided and forgotten, so it gets no answer of ours (rule 4).
    if (request.until <= acknowledged.tau) throw new BusError('timeout', 'commit')
    if (request.id.epoch !== term.epoch) return this.foreignEpoch(term, request)
    const refusal = this.refusal(term)
    if (refusal !== undefined) return decisions.keep(request.id, request.until, refusal)
    if (term.across !== undefined && request.map !== undefined && this.isStale(term.across.domain, request.map))
      return decisions.keep(request.id, request.until, this.elsewhere(term.across.domain, records))
    if (!isShort(request)) {
      if (term.across !== undefined && !isOwn([], request.checks, this.topology, this.partition))
        return decisions.keep(request.id, request.until, tooLarge)
      return decisions.keepLong(request.id, request.until, this.decideLong(term, request))
    }
    const shares = term.across === undefined ? undefined : sharesOf(request, this.topology, this.partition)
    if (term.across !== undefined && shares !== undefined)
      return decisions.keep(request.id, request.until, term.across.leader.decide(request, shares))
    const judgement = adjudicate(window, this.jurisdiction(term), request)
    if (span !== undefined) tell(span, judgement)
    if (judgement.kind !== 'accept') return decisions.keep(request.id, request.until, this.refused(term, judgement))
    const stamp = new Stamp()
    enterAll(window, stamp, request)
    term.across?.voter.joins(stamp, request)
    return decisions.keep(request.id, request.until, this.join(term, request, stamp, false))
  }

  /** Into the record being built; answered when that is acknowledged. */
  private join(term: Term, request: CommitRequest, stamp: Stamp, isStaged: boolean): Promise<Verdict> {
    term.window.join(stamp)
    return new Promise((resolve, reject) => {
      term.records.join({
        transaction: request,
        until: request.until,
        bytes: isStaged ? 0 : bytesOf(request),
        isStaged,
        fixed: (tau) => stamp.fix(tau),
        settled: (fate) => {
          switch (fate.kind) {
            case 'committed':
              return resolve({ kind: 'commit', tauCommit: fate.tau })
            case 'late':
              return resolve({ kind: 'tooOld', atLeast: fate.tau })
            case 'full':
              return resolve(diskFull)
            case 'lost':
              return reject(new BusError('closed', `adjudicator ${this.partition}`))
          }
        },
      })
    })
  }

  /** A transaction too large for one turn: others are decided between its slices, and meet what it has entered. */
  private async decideLong(term: Term, request: CommitRequest): Promise<Verdict> {
    const earlier = this.longOnes
    let done = (): void => {}
    this.longOnes = new Promise<void>((resolve) => {
      done = resolve
    })
    const domain = term.across?.domain
    try {
      await earlier
      if (this.term !== term) throw new BusError('closed', `adjudicator ${this.partition}`)
      const stamp = new Stamp()
      const seals = domain?.seals
      const judgement = await adjudicateLong(this.world, term.window, () => this.jurisdiction(term), request, stamp, term.records)
      if (this.term !== term || judgement === 'lost') throw new BusError('closed', `adjudicator ${this.partition}`)
      let verdict: Verdict
      if (judgement === 'full' || judgement.kind !== 'accept') {
        term.window.withdraw(stamp)
        const isElsewhere =
          domain?.seals === seals && judgement !== 'full' && judgement.kind === 'outside' && judgement.reason === 'range'
        if (isElsewhere && term.across !== undefined) verdict = tooLarge
        else verdict = judgement === 'full' ? diskFull : await this.refused(term, judgement)
      } else if (domain?.seals !== seals) {
        term.window.withdraw(stamp)
        verdict = { kind: 'tooOld', atLeast: term.records.acknowledged.tau }
      } else {
        term.across?.voter.joins(stamp, request)
        verdict = await this.join(term, request, stamp, true)
      }
      if (verdict.kind !== 'commit') await term.records.unstage()
      return verdict
    } finally {
      done()
    }
  }

  private jurisdiction({ epoch, records, across }: Term): Jurisdiction {
    return jurisdictionOf(epoch, records, across?.domain)
  }

  /** Rule 9: another partition's transaction has keys here. */
  private prepare(request: PrepareRequest): MaybePromise<VoteAnswer> {
    this.clock.hear(request.clock)
    const term = this.owned()
    assert(term.across !== undefined, 'there are several partitions')
    const refusal = this.refusal(term)
    if (refusal?.kind === 'refused') return { vote: { kind: 'no', verdict: refusal }, clock: this.clock.read() }
    term.window.prune(term.records.acknowledged.tau)
    const vote = term.across.voter.prepare(request)
    if (vote instanceof Promise) return vote.then((settled) => ({ vote: settled, clock: this.clock.read() }))
    return { vote, clock: this.clock.read() }
  }

  /** Rule 11. */
  private settle(request: SettleRequest): Stamped {
    this.clock.hear(request.clock)
    this.owned().across?.voter.settle(request)
    return { clock: this.clock.read() }
  }

  private holdings(stamp: number): HoldingsAnswer {
    this.clock.hear(stamp)
    this.owned()
    return { holdings: this.claims.holdings(), clock: this.clock.read() }
  }

  /** Rule 20, the giver: from here on `range` is refused, and what would follow the seal in the journal is abandoned. */
  private async move({ clock, range, to }: MoveRequest): Promise<MoveAnswer> {
    this.clock.hear(clock)
    const term = this.owned()
    const { across, records } = term
    const unfit = this.unfit(term, range, to)
    if (across === undefined || unfit !== undefined) return unfit ?? refusedMove('22023', 'there is one partition')
    across.domain.seal(range)
    across.voter.seal(range)
    const outcome = await records.state({
      content: () => ({ kind: 'seal', range, to }),
      bars: (transaction) => concerns(range, transaction),
    })
    across.domain.sealed(outcome === 'stated')
    return outcome === 'full' ? { ...diskFull } : { kind: 'sealed', version: records.mapVersion }
  }

  private unfit(term: Term, range: KeyRange, to: Partition): (MoveAnswer & { kind: 'refused' }) | undefined {
    if (!this.lifecycle.serving) return { ...shuttingDown }
    if (term.across?.domain.isSealing) return refusedMove('55006', `partition ${this.partition} is giving places away already`)
    if (to === this.partition || !this.topology.map.partitions.some(({ partition }) => partition === to))
      return refusedMove('22023', `there is no other partition ${to}`)
    if (!includes(this.claims.holdings().ranges, range))
      return refusedMove('22023', `partition ${this.partition} does not hold all of these places`)
    return undefined
  }

  private openLater(): void {
    if (this.isOpening || this.term === undefined || this.topology.unopened(this.partition).length === 0) return
    this.isOpening = true
    const over = (): void => {
      this.isOpening = false
    }
    this.openAll().then(over, over)
  }

  /** Rule 20, the receiver: what the others' journals have given to this partition is taken, whoever asked for it and whatever has died since. */
  private async openAll(): Promise<void> {
    for (;;) {
      const { term } = this
      const [given] = this.topology.unopened(this.partition)
      if (term?.across === undefined || given === undefined) return
      const { range, from, version, horizon } = given
      // What the giver's journal holds of the range, or has promised, lies at or below its horizon.
      term.records.demand(horizon)
      const outcome = await term.records.state({
        content: () => ({ kind: 'open', range, from, sealed: version, floor: horizon }),
      })
      if (outcome === 'stated') term.across.domain.opened(range, horizon)
      else await this.world.clock.sleep(openAgainMs)
    }
  }

  private isStale(domain: Domain, map: readonly MapVersion[]): boolean {
    return domain.isSealing || (map[this.partition] ?? 0) < this.claims.holdings().version
  }

  /** Whoever tries again shall find the newer map: a seal under way is waited for, and so is an open that may come. */
  private elsewhere(domain: Domain, records: Claim['records']): MaybePromise<Verdict & { kind: 'tooOld' }> {
    return Promise.race([domain.change(), this.world.clock.sleep(movingMsMax)]).then(() => ({
      kind: 'tooOld',
      atLeast: records.acknowledged.tau,
    }))
  }

  /** Reasons that have nothing to do with the transaction itself. */
  private refusal(term: Term): Verdict | undefined {
    if (!this.lifecycle.serving) {
      return shuttingDown
    }
    if (this.claims.crowded()) return diskFull
    if (term.records.waitingCount >= waitingMax)
      return { kind: 'refused', code: '53000', message: 'too many commits are waiting' }
    return undefined
  }

  /** A refusal names the tau from which it would pass: known once the record that bars has been sent. */
  private refused(term: Term, judgement: Exclude<Judgement, { kind: 'accept' }>): MaybePromise<Verdict> {
    switch (judgement.kind) {
      case 'tooOld':
        return { kind: 'tooOld', atLeast: judgement.floor ?? term.window.floor }
      case 'outside':
        if (judgement.reason === 'range' && term.across !== undefined) return this.elsewhere(term.across.domain, term.records)
        // Whoever asks knows more than this owner, which is deposed and does not know it yet: no answer.
        throw new BusError('timeout', `commit outside the ${judgement.reason}`)
      case 'barred': {
        const { key, mode, by } = judgement
        if (by.isFixed) return { kind: 'conflict', key, mode, atLeast: tau(by.tau) }
        return new Promise((resolve) => by.whenFixed((atLeast) => resolve({ kind: 'conflict', key, mode, atLeast })))
      }
    }
  }

  /** The id was an earlier owner's to decide (rule 7): what that one wrote stands, what it did not write is aborted. */
  private async foreignEpoch(term: Term, request: CommitRequest): Promise<Verdict> {
    if (request.id.epoch > term.epoch) throw new BusError('timeout', 'commit')
    const outcome = await this.claims.find(request.id, request.tauStart)
    if (outcome.kind === 'unknown') throw new BusError('timeout', 'commit')
    if (outcome.kind === 'committed') return { kind: 'commit', tauCommit: outcome.tauCommit }
    return { kind: 'tooOld', atLeast: term.window.floor }
  }

  /** Rule 7. An id that nobody has heard of is barred first, so that the answer stays true. */
  private async outcome({ clock, id, tauStart }: OutcomeRequest): Promise<Outcome> {
    this.clock.hear(clock)
    const term = this.owned()
    if (id.epoch > term.epoch) throw new BusError('timeout', 'outcome')
    // No turn between looking and barring: of two who ask at the same time the second finds what the first has left.
    const known = term.decisions.find(id)
    if (known !== undefined) {
      const verdict = await known
      return verdict.kind === 'commit' ? { kind: 'committed', tauCommit: verdict.tauCommit } : { kind: 'aborted' }
    }
    if (id.epoch === term.epoch) {
      const until = tau(Math.max(term.records.acknowledged.horizon, this.clock.read()) + barredMicros)
      term.decisions.bar(id, until, { kind: 'tooOld', atLeast: term.records.acknowledged.tau })
    }
    return await this.claims.find(id, tauStart)
  }
}

/** In the words of a verdict. A long transaction's judgement takes many turns: its verdict stands on the commit that asked. */
function tell(span: Traced, judgement: Judgement): void {
  if (judgement.kind === 'accept') span.set('taudb.verdict', 'commit')
  else if (judgement.kind !== 'barred') span.set('taudb.verdict', judgement.kind)
  else {
    span.set('taudb.verdict', 'conflict')
    span.set('taudb.conflict_key', Buffer.from(judgement.key, 'latin1').toString('hex'))
  }
}

function jurisdictionOf(epoch: Epoch, { acknowledged: { horizon } }: Claim['records'], domain: Domain | undefined): Jurisdiction {
  return domain === undefined ? { epoch, ranges: [everything], horizon } : { epoch, ranges: [], domain, horizon }
}

const refusedMove = (code: string, message: string): MoveAnswer & { kind: 'refused' } => ({ kind: 'refused', code, message })

const shuttingDown = {
  kind: 'refused',
  code: '57P01',
  message: 'terminating connection due to administrator command',
} as const satisfies Verdict

const diskFull = {
  kind: 'refused',
  code: '53100',
  message: 'could not write to the journal: No space left on device',
} as const satisfies Verdict

const tooLarge: Verdict = {
  kind: 'refused',
  code: '54000',
  message: `a transaction over several partitions is limited to ${longKeysMin} keys and ${longBytesMin} bytes`,
}

function isShort(request: CommitRequest): request is ShortRequest {
  const { writes, checks } = request
  if (writes instanceof PackedWrites || writes.length + checks.length > longKeysMin) return false
  let bytes = 0
  for (const { postImage } of writes) if (postImage !== undefined) bytes += postImage.length
  return bytes <= longBytesMin
}

/** Roughly what the transaction takes in its record. */
function bytesOf({ writes, checks }: CommitRequest): number {
  let bytes = 128 + checks.length * 32
  for (const { key, postImage } of writes) bytes += key.length + 8 + (postImage === undefined ? 0 : postImage.length)
  return bytes
}
