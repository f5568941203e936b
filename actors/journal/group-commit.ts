import { BusError, type MaybePromise } from '../../bus/bus.ts'
import type { World } from '../../bus/world.ts'
import { metrics } from '../../observability/metrics.ts'
import { beginStep, type Traced } from '../../observability/tracing.ts'
import { assert } from '../../protocol/assert.ts'
import { SqlError } from '../../protocol/errors.ts'
import type { MapVersion, Sequence } from '../../protocol/ids.ts'
import { journalMessageBytesMax } from '../../protocol/limits.ts'
import type { CommittedTransaction } from '../../protocol/messages.ts'
import { PackedWrites } from '../../protocol/packed-writes.ts'
import { type Body, bodyOf, encodeCommit, encodeStatement, type StageMessage, type Statement } from '../../protocol/record.ts'
import { type Tau, tau, tauMax, tauZero } from '../../protocol/time.ts'
import { Fenced, type HighestClock } from '../actor.ts'
import type { Appended, Ownership, RecordContent } from './journal.ts'

/** An accepted transaction on its way into a record. */
export interface Joined {
  readonly transaction: CommittedTransaction
  /** In no record above this tau. */
  readonly until: Tau
  /** Its encoded size, roughly. */
  readonly bytes: number
  /** Its writes and checks lie in the stage: its record says only that they count. */
  readonly isStaged: boolean
  /** The record's tau is fixed: what meets these entries is refused up to it, whatever becomes of the append. */
  fixed(tau: Tau): void
  settled(fate: Fate): void
}

type Fate =
  | { readonly kind: 'committed'; readonly tau: Tau }
  /** The record's tau would have been above `until`: abandoned before it was sent. */
  | { readonly kind: 'late'; readonly tau: Tau }
  | { readonly kind: 'full' }
  /** Nobody here knows: the owner is deposed or stopped. */
  | { readonly kind: 'lost' }

/** What an owner states of its ranges, in a record of its own. */
export interface Stating {
  /** Made when it is sent. */
  content(): Statement
  /** This has joined and would follow it: it is abandoned instead (rule 20). */
  bars?(transaction: CommittedTransaction): boolean
}

interface Wanted {
  readonly stating: Stating
  readonly resolve: (outcome: 'stated' | 'full') => void
  readonly reject: (error: unknown) => void
}

/** 'lost': nobody here writes any more. */
export type StageFate = 'staged' | 'full' | 'lost'

/** The last acknowledged record. */
export interface Acknowledged {
  readonly tau: Tau
  readonly horizon: Tau
  readonly sequence: Sequence
}

const nothing = new PackedWrites([])

const diskFull = (): SqlError =>
  new SqlError('53100', 'could not write to the journal: No space left on device', { hint: 'Check free disk space.' })

/**
 * The owner's pen: what is adjudicated while an append is in flight forms the next record (rule 2), and every record's tau and horizon
 * are fixed here (rule 3). The owner moves on to (tau, n) first, then answers (rule 5).
 */
export class GroupCommit {
  acknowledged: Acknowledged
  /** Tau of the record under way; it and everything after it lies above `closed`. */
  private inFlight: Tau | undefined
  private closed = tauZero
  /** Horizon that somebody waits for. */
  private asked = tauZero
  private demanded = tauZero
  private building: Joined[] = []
  private underway: readonly Joined[] = []
  private wanted: { heartbeat: boolean; farewell: boolean } = { heartbeat: false, farewell: false }
  private statements: Wanted[] = []
  private statementUnderway: Wanted | undefined
  /** One batch may go before a statement, and no more. */
  private statementIsDue = false
  private isSending = false
  private isScheduled = false
  private stopped: unknown
  private sends = 0
  private sentAt: number
  /** The farewell has been sent. A successor who reads it waits for nobody, so the lease ends here, whenever it is acknowledged (rule 1). */
  private hasLeft = false
  private staging:
    | { readonly message: Pick<StageMessage, 'goesOn' | 'payload'>; readonly isFirst: boolean; settle(fate: StageFate): void }
    | undefined
  private waiting: { readonly after: number; readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = []
  private readonly world: World
  private readonly clock: HighestClock
  private readonly ownership: Ownership
  private readonly leadMicros: number
  private readonly failed: (error: unknown) => void

  constructor(
    world: World,
    clock: HighestClock,
    ownership: Ownership,
    options: {
      readonly claimed: Acknowledged
      readonly claimedAt: number
      readonly leadMicros: number
      /** The owner is deposed or the journal is broken: nothing more will be answered. */
      readonly failed: (error: unknown) => void
    },
  ) {
    this.world = world
    this.clock = clock
    this.ownership = ownership
    this.acknowledged = options.claimed
    this.sentAt = options.claimedAt
    this.leadMicros = options.leadMicros
    this.failed = options.failed
  }

  /** Takes an accepted transaction; `settled` is called once, after the append that holds it. */
  join(joined: Joined): void {
    this.building.push(joined)
    this.kick()
  }

  /** Appends one message of the stage between two records. One transaction is staged at a time. */
  stage(message: Pick<StageMessage, 'goesOn' | 'payload'>, isFirst: boolean): Promise<StageFate> {
    assert(this.staging === undefined, 'one message is staged at a time')
    if (this.stopped !== undefined) return Promise.resolve('lost')
    const staged = new Promise<StageFate>((settle) => {
      this.staging = { message, isFirst, settle }
    })
    this.kick()
    return staged
  }

  /** Where staged writes wait for their record. */
  preview(writes: PackedWrites): MaybePromise<void> {
    return this.ownership.preview({ kind: 'stage', writes })
  }

  /** The staged transaction will not be committed. */
  unstage(): MaybePromise<void> {
    if (this.stopped === undefined) return this.ownership.preview({ kind: 'unstage', writes: nothing })
  }

  /** Transactions waiting for the next record. */
  get waitingCount(): number {
    return this.building.length
  }

  /** Monotonic time at which the last acknowledged record was first sent: the lease counts from it (rule 12). */
  get leaseFrom(): number {
    return this.hasLeft ? Number.NEGATIVE_INFINITY : this.sentAt
  }

  /** No later record has a tau at or below it. */
  demand(above: Tau): void {
    this.demanded = tauMax(this.demanded, above)
  }

  /** No record that is sent from now on has a tau at or below it. */
  get spent(): Tau {
    return tauMax(tauMax(this.inFlight ?? this.acknowledged.tau, this.closed), this.demanded)
  }

  /** The journal holds a horizon at or above it: at once, or after an append that says so. */
  reach(horizon: Tau): MaybePromise<void> {
    if (this.acknowledged.horizon >= horizon) return undefined
    this.asked = tauMax(this.asked, horizon)
    return this.barrier().then(() => this.reach(horizon))
  }

  /**
   * Rule 13: from now on every record with tau <= `at` has a sequence <= the answer. Waits for the append in flight where that lies at
   * or below `at`, and for a heartbeat where `at` lies beyond the horizon that the journal holds.
   */
  closeAt(at: Tau): MaybePromise<Sequence> {
    if (at > this.acknowledged.horizon) {
      this.asked = tauMax(this.asked, at)
      return this.barrier().then(() => this.closeAt(at))
    }
    if (this.inFlight !== undefined && this.inFlight <= at)
      return this.nextAcknowledgement(this.sends).then(() => this.closeAt(at))
    this.closed = tauMax(this.closed, at)
    return this.acknowledged.sequence
  }

  /** Resolves when a record that was first sent after now has been acknowledged. */
  barrier(): Promise<void> {
    this.wanted.heartbeat = true
    this.kick()
    return this.nextAcknowledgement(this.sends + 1)
  }

  /** Appends a statement, behind one batch at most of what has joined before. */
  state(stating: Stating): Promise<'stated' | 'full'> {
    if (this.stopped !== undefined) return Promise.reject(this.stopped)
    return new Promise((resolve, reject) => {
      this.statements.push({ stating, resolve, reject })
      this.kick()
    })
  }

  /** Of the map, as the last acknowledged record has it. */
  get mapVersion(): MapVersion {
    return this.ownership.writer.mapVersion
  }

  /** The last record of this owner: a successor need not wait for the lease (rule 1). Everything that joined goes before it. */
  async farewell(): Promise<void> {
    while (
      this.stopped === undefined &&
      (this.isSending || this.isScheduled || this.building.length > 0 || this.statements.length > 0 || this.staging !== undefined)
    ) {
      await this.nextAcknowledgement(this.sends)
    }
    this.wanted.farewell = true
    this.kick()
    await this.nextAcknowledgement(this.sends + 1)
    this.stop(new BusError('closed', 'journal'))
  }

  /** Drops everything unanswered. */
  stop(error: unknown): void {
    if (this.stopped !== undefined) return
    this.stopped = error
    for (const joined of [...this.underway, ...this.building]) joined.settled({ kind: 'lost' })
    this.underway = []
    this.building = []
    this.staging?.settle('lost')
    this.staging = undefined
    this.statementUnderway?.reject(error)
    for (const { reject } of [...this.statements.splice(0), ...this.waiting.splice(0)]) reject(error)
  }

  private nextAcknowledgement(after: number): Promise<void> {
    if (this.stopped !== undefined) return Promise.reject(this.stopped)
    const promise = new Promise<void>((resolve, reject) => this.waiting.push({ after, resolve, reject }))
    this.kick()
    return promise
  }

  /** Whatever comes in before the event loop has turned once goes into the same record. */
  private kick(): void {
    if (this.isSending || this.isScheduled || this.stopped !== undefined) return
    this.isScheduled = true
    this.world.clock.soon(() => {
      this.isScheduled = false
      this.sendAll().catch((error: unknown) => {
        this.isSending = false
        // What was under way when this owner was deposed is refused a little later: its successor in this process is at work by then.
        const isOldNews = this.stopped !== undefined && error instanceof Fenced
        this.stop(new BusError('closed', 'journal'))
        if (!isOldNews) this.failed(error)
      })
    })
  }

  private async sendAll(): Promise<void> {
    if (this.isSending || this.stopped !== undefined) return
    this.isSending = true
    do {
      await this.sendOne()
      if (this.stopped !== undefined) return
      await this.stageOne()
      if (this.stopped !== undefined) return
    } while (this.hasWork() || this.staging !== undefined)
    this.isSending = false
    this.wake()
  }

  /** After every record one message of a large transaction: neither waits for more than one append of the other. */
  private async stageOne(): Promise<void> {
    const { staging } = this
    if (staging === undefined) return
    const appended = await this.ownership.stage(staging.message, staging.isFirst)
    if (this.stopped !== undefined) return
    this.staging = undefined
    staging.settle(appended === 'full' ? 'full' : 'staged')
  }

  private hasWork(): boolean {
    const { heartbeat, farewell } = this.wanted
    return this.building.length > 0 || heartbeat || farewell || this.statements.length > 0
  }

  private async sendOne(): Promise<void> {
    if (!this.hasWork()) return
    const clock = this.clock.read()
    const { acknowledged } = this
    const recordTau = tau(Math.max(acknowledged.tau + 1, this.closed + 1, this.demanded + 1, clock))
    const horizon = tau(Math.max(acknowledged.horizon, recordTau, this.asked, clock + this.leadMicros))
    const statement = this.statementIsDue || this.building.length === 0 ? this.statements.shift() : undefined
    if (statement !== undefined) this.abandon(statement.stating, recordTau)
    const batch = statement === undefined ? this.takeBatch(recordTau) : []
    const next = statement === undefined ? this.content(batch) : this.stating(statement.stating)
    if (next === undefined) return
    this.statementIsDue = statement === undefined && this.statements.length > 0
    this.statementUnderway = statement
    this.sends++
    this.inFlight = recordTau
    this.underway = batch
    for (const joined of batch) joined.fixed(recordTau)
    const spans = traced(batch, recordTau)
    const times = { tau: recordTau, horizon }
    const outcome =
      next.body === undefined
        ? await this.ownership.appendStaged(next.content, times)
        : await this.ownership.append(next.content, next.body, times)
    if (spans !== undefined) for (const span of spans) span?.end(outcome.kind === 'full' ? 'disk full' : undefined)
    if (this.stopped !== undefined) return
    this.inFlight = undefined
    this.underway = []
    this.statementUnderway = undefined
    statement?.resolve(outcome.kind === 'full' ? 'full' : 'stated')
    this.acknowledge(outcome, times, batch)
  }

  private stating(stating: Stating): { content: RecordContent; body: Body } {
    const content = stating.content()
    this.wanted.heartbeat = false
    return { content, body: bodyOf(encodeStatement(content)) }
  }

  /** What the statement leaves no room for. Its tau is spent: whoever was refused because of them tries again from there. */
  private abandon({ bars }: Stating, recordTau: Tau): void {
    if (bars === undefined) return
    const barred = this.building.filter(({ transaction }) => bars(transaction))
    if (barred.length === 0) return
    this.building = this.building.filter((joined) => !barred.includes(joined))
    this.demand(recordTau)
    for (const joined of barred) {
      joined.fixed(recordTau)
      joined.settled({ kind: 'late', tau: recordTau })
    }
  }

  private acknowledge(outcome: Appended, times: { readonly tau: Tau; readonly horizon: Tau }, batch: readonly Joined[]): void {
    if (outcome.kind === 'full') {
      // The tau is spent: entries that carry it stay, and the next record lies above.
      this.demand(times.tau)
      for (const joined of batch) joined.settled({ kind: 'full' })
      if (batch.length > 0) this.wanted.heartbeat ||= this.waiting.length > 0
      else for (const { reject } of this.waiting.splice(0)) reject(diskFull())
      return
    }
    this.acknowledged = { ...times, sequence: outcome.sequence }
    this.sentAt = outcome.sentAt
    metrics.appendMicros.observe(this.world.clock.monotonic() - outcome.sentAt)
    if (batch.length > 0) metrics.recordTransactions.observe(batch.length)
    for (const joined of batch) joined.settled({ kind: 'committed', tau: times.tau })
    this.wake()
  }

  private wake(): void {
    if (this.waiting.length === 0) return
    const due = this.waiting.filter(({ after }) => after <= this.sends)
    if (due.length === 0) return
    this.waiting = this.waiting.filter(({ after }) => after > this.sends)
    for (const { resolve } of due) resolve()
  }

  /** As many as one message holds; a larger transaction goes alone, in parts or staged. Those whose time is over are told so. */
  private takeBatch(recordTau: Tau): Joined[] {
    let bytes = 0
    let count = 0
    for (const joined of this.building) {
      if (count > 0 && (joined.isStaged || bytes + joined.bytes > journalMessageBytesMax * 0.9)) break
      bytes += joined.bytes
      count++
      if (joined.isStaged) break
    }
    const taken = count === this.building.length ? this.building : this.building.slice(0, count)
    this.building = count === this.building.length ? [] : this.building.slice(count)
    if (taken.every(({ until }) => until >= recordTau)) return taken
    const batch: Joined[] = []
    for (const joined of taken) {
      if (joined.until >= recordTau) batch.push(joined)
      else {
        this.demand(recordTau)
        joined.fixed(recordTau)
        joined.settled({ kind: 'late', tau: recordTau })
      }
    }
    return batch
  }

  /** No body: it has been staged. */
  private content(
    batch: readonly Joined[],
  ): { content: RecordContent; body: Body } | { content: RecordContent & { kind: 'commit' }; body: undefined } | undefined {
    const { wanted } = this
    const [first] = batch
    if (first?.isStaged) {
      wanted.heartbeat = false
      return { content: { kind: 'commit', transactions: [first.transaction], isStaged: true }, body: undefined }
    }
    if (batch.length > 0) {
      wanted.heartbeat = false
      const content = { kind: 'commit', transactions: batch.map(({ transaction }) => transaction) } as const
      return { content, body: encodeCommit(batch) }
    }
    if (!wanted.heartbeat && !wanted.farewell) return undefined
    const content = { kind: 'heartbeat', released: wanted.farewell && !wanted.heartbeat } as const
    if (content.released) {
      wanted.farewell = false
      this.hasLeft = true
    }
    wanted.heartbeat = false
    return { content, body: bodyOf(encodeStatement(content)) }
  }
}

/** A span for every traced transaction of the record; nothing where none is. */
function traced(batch: readonly Joined[], recordTau: Tau): readonly (Traced | undefined)[] | undefined {
  let spans: (Traced | undefined)[] | undefined
  for (const { transaction } of batch) {
    if (transaction.traceparent === '') continue
    const attributes = { 'taudb.tau_commit': recordTau, 'taudb.transactions': batch.length }
    spans ??= []
    spans.push(beginStep('journal.append', transaction.traceparent, attributes))
  }
  return spans
}
