/**
 * journal.append: makes a decision true for ever.
 * From: the adjudicator, by way of group-commit.ts. To: the crossbar, which follows.
 * Invariant: one owner writes, one message is in flight, and nothing is answered before its append is acknowledged.
 *
 * THE COMMIT POINT. A transaction lies whole in exactly one record of exactly one journal. It is committed when the log has acknowledged
 * that record's last message at the sequence its writer expected; before that it is nothing, afterwards it can never be taken back. Whatever
 * else happens (answers, post-images, versions in storage) follows from that one append and can be repeated from the journal.
 * Once an append was sent nobody says "aborted": the identical bytes are sent again until the log has answered (rule 6).
 */
import { BusError, type MaybePromise, type Registration } from '../../bus/bus.ts'
import type { AppendOutcome, Log, LogEntry } from '../../bus/log.ts'
import type { World } from '../../bus/world.ts'
import { assert } from '../../protocol/assert.ts'
import { epoch, type MapVersion, mapVersion, type Owner, type Partition, type Sequence, sequence } from '../../protocol/ids.ts'
import type { KeyRange } from '../../protocol/key.ts'
import { leaseMicros } from '../../protocol/limits.ts'
import type { Holdings, JournalRecord, RecordHead, SealedRange, Staging } from '../../protocol/messages.ts'
import {
  type Body,
  bodyOf,
  bodyParts,
  encodeLast,
  encodePart,
  encodeStage,
  encodeStaged,
  encodeStatement,
  messageHash,
  partCount,
  type StageEnd,
  type StageMessage,
  type Statement,
  type Writer,
} from '../../protocol/record.ts'
import { type Tau, tau } from '../../protocol/time.ts'
import { Fenced } from '../actor.ts'
import { Chain, type JournalEnd, type ReadRecord } from './chain.ts'
import { Retention, trimmable } from './retention.ts'

const resendDelayMs = 50
/** How often who stands by looks whether the owner is still there. */
const standByMs = 50
/** A log that keeps failing is given up: the process stops and a new start reads what is really there. */
const resendsMax = 400
/** Our own disk that does not answer has failed. */
const resendsToDiskMax = 3

/**
 * Gets every record in order, each once. A promise holds back the acknowledgement of the record until the receiver is through with it.
 * What this process stages comes before its record, which then only says that it counts.
 */
export type Deliver = (record: JournalRecord | Staging, at: Sequence) => MaybePromise<void>

export type Appended =
  | { readonly kind: 'appended'; readonly sequence: Sequence; readonly sentAt: number }
  | { readonly kind: 'full' }

export class Journal {
  private readonly world: World
  private readonly log: Log
  private readonly partition: Partition
  private readonly chain: Chain
  private readonly retention = new Retention()
  private reached = sequence(0)
  private deliver: Deliver = () => undefined
  private delivering: Promise<void> | undefined
  private deposed: (() => void) | undefined
  private following: Registration | undefined
  private isClosed = false
  private failed: ((error: unknown) => void) | undefined
  private stated: ((holdings: Holdings) => void) | undefined
  private failure: { error: unknown } | undefined
  /** Monotonic time at which the last foreign record came in (rule 1). */
  private heardAt = Number.NEGATIVE_INFINITY
  /** The message under way and the record it completes: delivered as it is, without decoding what we just encoded. */
  private own: { readonly bytes: Buffer; readonly hash: string; readonly record: JournalRecord | undefined } | undefined

  constructor(world: World, log: Log, partition: Partition) {
    this.world = world
    this.log = log
    this.partition = partition
    this.chain = new Chain(partition)
  }

  /** Reads the log to its end, checks all of it, and delivers every record above `applied`; then goes on following. */
  async open(applied: Sequence, deliver: Deliver): Promise<void> {
    assert(this.following === undefined, 'a journal is opened once')
    this.reached = applied
    this.deliver = deliver
    const failed = (error: unknown): void => this.fail(error)
    const following = this.log.follow(this.log.first(), (entry) => this.take(entry), failed)
    this.following = following
    if (following.caughtUp !== undefined) await following.caughtUp
    this.rethrow()
    await this.delivering
    this.rethrow()
  }

  /** `failed` hears, once, why no more records will come: damage, or a reader that could not take one (rule 18). */
  onFailure(failed: (error: unknown) => void): void {
    this.failed = failed
  }

  /** `stated` hears what the journal says of the map, now and whenever it says something new. */
  onStated(stated: (holdings: Holdings) => void): void {
    this.stated = stated
    if (this.chain.end !== undefined) stated(this.chain.end.holdings)
  }

  private fail(error: unknown): void {
    if (this.failure !== undefined) return
    this.failure = { error }
    this.failed?.(error)
  }

  get end(): JournalEnd | undefined {
    return this.chain.end
  }

  /**
   * Makes this process the owner (rules 1 and 8): an epoch record with a new random owner, right behind the last message read.
   * Its tau lies above everything an earlier owner may have promised. Throws Fenced when another claim was quicker.
   */
  async claim(options: {
    /** Of a journal without records; any other says itself what its partition holds. */
    readonly ranges: readonly KeyRange[]
    readonly mapVersion: MapVersion
    /** This seal has been opened, and need not be repeated. */
    readonly isOpened?: (sealed: SealedRange) => boolean
    readonly leadMicros: number
    /** Somebody else has written. */
    readonly deposed: () => void
    /** An owner has been heard of just now: it need not be deposed, however silent its journal is. */
    readonly isOwned?: () => boolean
  }): Promise<Ownership> {
    const { leadMicros } = options
    await this.waitForPredecessor(options.isOwned ?? (() => false))
    const before = this.chain.end
    const floor = before === undefined ? tau(0) : tau(Math.max(before.horizon, before.tau))
    const clock = this.world.clock.now()
    const owner = this.world.random('owner').bytes(16) as Owner
    const ownership = new Ownership(this, {
      partition: this.partition,
      epoch: epoch((before?.epoch ?? 0) + 1),
      owner,
      mapVersion: before?.mapVersion ?? options.mapVersion,
      floor,
    })
    // The clock may stand behind the log: then the log wins.
    const claimTau = tau(Math.max(floor + 1, clock))
    const statement = this.restatement(options.isOpened) ?? ({ kind: 'epoch', ranges: options.ranges } as const)
    const horizon = tau(Math.max(claimTau, clock + leadMicros))
    const outcome = await ownership.append(statement, bodyOf(encodeStatement(statement)), { tau: claimTau, horizon })
    if (outcome.kind === 'full') throw new Error('the journal has no room for a claim: free disk space and start again')
    this.checkOwner(owner)
    ownership.claimedAt = outcome.sentAt
    this.deposed = options.deposed
    return ownership
  }

  /** All that the journal says of the map, to be said again; undefined where it has said nothing. */
  restatement(isOpened: (sealed: SealedRange) => boolean = () => false): (Statement & { kind: 'epoch' }) | undefined {
    if (this.chain.end === undefined) return undefined
    const { ranges, sealed, opened } = this.chain.end.holdings
    return { kind: 'epoch', ranges, sealed: sealed.filter((one) => !isOpened(one)), opened }
  }

  /** Rule 1: a claim may be sent once the predecessor's lease has run out, it said farewell, or a lock proves it dead. */
  private async waitForPredecessor(isOwned: () => boolean): Promise<void> {
    for (;;) {
      const isVacant = this.log.exclusive || this.chain.end === undefined || this.chain.end.released
      if (isVacant && this.own === undefined) return
      const rest = this.heardAt + leaseMicros * 1.1 - this.world.clock.monotonic()
      if (this.isClosed) throw new BusError('closed', 'journal')
      // What this process had under way when it was deposed is settled first.
      if (rest <= 0 && this.own === undefined && !isOwned()) return
      await this.world.clock.sleep(Math.max(standByMs, Math.ceil(rest / 1_000)))
    }
  }

  /** Records from the first held on; the content of those that were not staged is decoded on demand. */
  async *records(from: Sequence): AsyncIterable<ReadRecord> {
    const chain = new Chain(this.partition, false)
    for await (const entry of this.log.read(from)) {
      const record = chain.accept(entry)
      if (record !== undefined) yield record
    }
  }

  /**
   * Rule 17: gives up what every reader has, up to a record boundary at or below `synced`; unless space is short, only what is older than
   * `olderThan`. True: the owner should restate its ranges first.
   */
  trim(synced: Sequence, olderThan: Tau | undefined): boolean {
    const { end } = this.chain
    const { openStage } = this.chain
    const wanted = this.retention.upTo(synced, olderThan, openStage === undefined ? undefined : sequence(openStage.stage))
    if (end === undefined || wanted === undefined) return false
    const { to, rangesAreInTheWay } = trimmable(wanted, end)
    this.log.trim(to)
    this.retention.trimmed(to)
    return rangesAreInTheWay
  }

  firstHeld(): Sequence {
    return this.log.first()
  }

  /** Where to begin to find every record above `tauStart` that is held. */
  recordsAbove(tauStart: Tau): Sequence {
    const first = this.log.first()
    const found = this.retention.atOrBelow(tauStart)
    return found === undefined || found < first ? first : found
  }

  get openStage(): StageEnd | undefined {
    return this.chain.openStage
  }

  /** Hands writes to their readers-to-be, who keep them out of sight until the record comes that names the stage. */
  preview(staging: Staging): MaybePromise<void> {
    if (staging.kind === 'unstage') this.chain.forgetStage()
    return this.deliver(staging, this.reached)
  }

  monotonic(): number {
    return this.world.clock.monotonic()
  }

  close(): void {
    this.isClosed = true
    this.following?.close()
  }

  /**
   * Sends one message until the log has answered for good (rule 6). Used by the owner only: behind the record of another one nothing of
   * `owner` may follow but a claim, and the log would take it.
   */
  async send(bytes: Buffer, record: JournalRecord | undefined, owner: Owner): Promise<Sequence | 'full'> {
    assert(this.own === undefined, 'one message is in flight')
    this.rethrow()
    const { end } = this.chain
    const isClaim = record?.kind === 'epoch' && record.epoch !== end?.epoch
    if (!isClaim) this.checkOwner(owner)
    const expected = end?.sequence ?? sequence(0)
    this.own = { bytes, hash: messageHash(bytes), record }
    try {
      for (let sent = 1; ; sent++) {
        const outcome = await this.log.append(bytes, expected)
        this.rethrow()
        const answer = await this.judge(outcome, bytes, expected)
        if (answer !== 'resend') {
          if (answer === 'full') return 'full'
          await this.delivering
          return sequence(expected + 1)
        }
        if (sent >= (this.log.exclusive ? resendsToDiskMax : resendsMax))
          throw new Error('the journal does not answer: giving up')
        await this.world.clock.sleep(resendDelayMs)
      }
    } finally {
      this.own = undefined
    }
  }

  private async judge(outcome: AppendOutcome, bytes: Buffer, expected: Sequence): Promise<'appended' | 'full' | 'resend'> {
    switch (outcome.kind) {
      case 'appended':
        assert(outcome.sequence === expected + 1, 'an append lands where it was expected')
        // A late acknowledgement: another owner may have written behind it by now.
        assert((this.chain.end?.sequence ?? 0) >= outcome.sequence, 'what is acknowledged has been followed')
        return 'appended'
      case 'full':
        return 'full'
      case 'unknown':
        return 'resend'
      case 'refused':
        for await (const entry of this.log.read(sequence(expected + 1))) {
          if (entry.sequence === expected + 1 && entry.bytes.equals(bytes)) return 'appended'
          break
        }
        if (outcome.last <= expected) return 'resend'
        throw this.fenced()
    }
  }

  /** Throws Fenced once the journal is another's. */
  checkOwner(owner: Owner): void {
    if (this.chain.end?.owner !== owner) throw this.fenced()
  }

  private fenced(): Fenced {
    return new Fenced(`another owner has written to partition ${this.partition}`)
  }

  private take(entry: LogEntry): void {
    if (this.failure !== undefined) return
    try {
      const { own } = this
      const said = this.chain.end?.holdings
      const isOwn = own !== undefined && (own.bytes === entry.bytes || own.bytes.equals(entry.bytes))
      const read = isOwn ? this.chain.accept(entry, own.hash) : this.chain.accept(entry)
      if (!isOwn) {
        this.heardAt = this.world.clock.monotonic()
        // Somebody else writes: what this process owned it owns no longer.
        this.deposed?.()
        this.deposed = undefined
      }
      if (read === undefined) return
      const { holdings } = this.chain.end as JournalEnd
      if (holdings !== said) this.stated?.(holdings)
      this.retention.note(read.sequence, read.tau, read.from)
      if (read.sequence <= this.reached) return
      const record = isOwn ? own.record : read.decode()
      assert(record !== undefined, 'a record above the applied position is held whole')
      this.hand(record, read.sequence)
      this.reached = read.sequence
    } catch (error) {
      this.fail(error)
    }
  }

  /** In order: while one delivery takes its time, the next ones wait for it. */
  private hand(record: JournalRecord, at: Sequence): void {
    const earlier = this.delivering
    const delivery = earlier === undefined ? this.deliver(record, at) : earlier.then(() => this.deliver(record, at))
    if (delivery === undefined) return
    const settled = delivery.then(
      () => {
        if (this.delivering === settled) this.delivering = undefined
      },
      (error: unknown) => {
        this.fail(error)
      },
    )
    this.delivering = settled
  }

  private rethrow(): void {
    if (this.failure !== undefined) throw this.failure.error
  }
}

/** The right to write, from an accepted claim until another one. */
export class Ownership {
  writer: Writer & { readonly mapVersion: MapVersion }
  /** Transactions that began below it are refused: an empty window knows nothing about them (rule 8). */
  readonly floor: Tau
  /** Monotonic time at which the claim was first sent: the first lease counts from it. */
  claimedAt = Number.NEGATIVE_INFINITY
  private readonly journal: Journal

  constructor(journal: Journal, writer: Writer & { readonly mapVersion: MapVersion; readonly floor: Tau }) {
    this.journal = journal
    this.floor = writer.floor
    this.writer = { partition: writer.partition, epoch: writer.epoch, owner: writer.owner, mapVersion: writer.mapVersion }
  }

  /**
   * Appends one record, in parts where it is too large for one message. 'full' is final: nothing of it will ever count, since the last
   * message alone is the commit point and later records leave unfinished parts void.
   */
  async append(content: RecordContent, body: Body, times: RecordTimes): Promise<Appended> {
    const { journal } = this
    const moves = content.kind === 'seal' || content.kind === 'open'
    const writer = moves ? { ...this.writer, mapVersion: mapVersion(this.writer.mapVersion + 1) } : this.writer
    const sentAt = journal.monotonic()
    const head: RecordHead = { ...writer, ...times, prevHash: journal.end?.hash ?? '' }
    const lastPart = partCount(body) - 1
    let part = 0
    let at: Sequence | 'full' = 'full'
    for (const payload of bodyParts(body)) {
      const prevHash = journal.end?.hash ?? ''
      const isLast = part++ === lastPart
      const message = isLast ? encodeLast(content.kind, head, prevHash, lastPart, payload) : encodePart(writer, prevHash, payload)
      const record = isLast ? ({ ...head, ...content } as JournalRecord) : undefined
      at = await journal.send(message, record, writer.owner)
      if (at === 'full') return { kind: 'full' }
    }
    assert(at !== 'full', 'a record has a message')
    this.writer = writer
    return { kind: 'appended', sequence: at, sentAt }
  }

  /** Appends one message of the stage: its first one where `isFirst`, which voids the stage before. */
  async stage(message: Pick<StageMessage, 'goesOn' | 'payload'>, isFirst: boolean): Promise<'appended' | 'full'> {
    const { journal, writer } = this
    journal.checkOwner(writer.owner)
    const end = journal.end as JournalEnd
    const open = isFirst ? undefined : journal.openStage
    assert(isFirst || open !== undefined, 'a stage goes on where it was left')
    const at = open === undefined ? { stage: end.sequence + 1, index: 0 } : { stage: open.stage, index: open.messages }
    const staged = await journal.send(encodeStage(writer, end.hash, { ...at, ...message }), undefined, writer.owner)
    return staged === 'full' ? 'full' : 'appended'
  }

  /** The record of the transaction that was staged: one small message, and the commit point. */
  async appendStaged(content: RecordContent & { kind: 'commit' }, times: RecordTimes): Promise<Appended> {
    const { journal, writer } = this
    journal.checkOwner(writer.owner)
    const [transaction] = content.transactions
    const { openStage } = journal
    assert(transaction !== undefined && openStage !== undefined, 'what a record names has been staged')
    const sentAt = journal.monotonic()
    const prevHash = journal.end?.hash ?? ''
    const head: RecordHead = { ...writer, ...times, prevHash }
    const message = encodeStaged(head, prevHash, openStage, transaction)
    const at = await journal.send(message, { ...head, ...content }, writer.owner)
    return at === 'full' ? { kind: 'full' } : { kind: 'appended', sequence: at, sentAt }
  }

  preview(staging: Pick<Staging, 'kind' | 'writes'>): MaybePromise<void> {
    return this.journal.preview({ ...staging, partition: this.writer.partition })
  }
}

interface RecordTimes {
  readonly tau: Tau
  readonly horizon: Tau
}

/** A record without its head. */
export type RecordContent = JournalRecord extends infer R ? (R extends JournalRecord ? Omit<R, keyof RecordHead> : never) : never
