import { hash } from 'node:crypto'
import type { JetStreamManager } from '@nats-io/jetstream'
import type { MsgHdrs } from '@nats-io/transport-node'
import { assert } from '../protocol/assert.ts'
import { type Sequence, sequence } from '../protocol/ids.ts'
import { BusError } from './bus.ts'
import type { AppendOutcome, Following, Log, LogEntry } from './log.ts'
import { LogCorrupt } from './log.ts'
import type { Nats } from './nats-connection.ts'
import { StreamFollower } from './nats-follower.ts'
import {
  answered,
  apiCode,
  ensureJournalStream,
  JetStreamRefused,
  type JournalStreamOptions,
  journalSubject,
} from './nats-streams.ts'
import type { Clock } from './world.ts'

/** An append that is not answered by then has an unknown outcome: it is sent again. */
const appendMsMax = 1_000
/** Requests about the stream; 1 s is the least that a fetch may wait. */
const requestMsMax = 2_000
/** How long an append waits for a connection before it says "unknown". */
const connectionMsMax = 5_000
/** A server that has forgotten what it acknowledged stays so; one that has just been elected may need a moment. */
const forgottenMsMax = 15_000
/** Rule 17: from here on the owner takes no commits. */
const crowdedShare = 0.9
const readBatch = 256
const readMsMax = 30_000
/** What a message takes in the store beside its payload: record header, subject, our headers. */
const storedOverheadBytes = 220

const wrongLastSequence = new Set([10_071, 10_164])
const storeFailed = 10_077
const accountLimits = new Set([10_002, 10_028, 10_047])
const noMessage = 10_037
const limitReached = /maximum (bytes|messages)|resource limits|insufficient/i

interface PubAck {
  readonly seq?: number
  readonly error?: { readonly code: number; readonly err_code: number; readonly description: string }
}

interface Follower {
  readonly stream: StreamFollower
  /** Called when it has come to a sequence. */
  waiting: { readonly for: number; readonly reached: () => void; readonly failed: (error: unknown) => void }[]
}

/**
 * One partition's journal as a JetStream stream. An acknowledgement means that the stream's replicas have the message, and, with
 * `sync_interval: always`, that it is on their disks. Message ids and expected sequences make a resend safe (rule 6); whatever is unclear is
 * looked up at the stream leader, never at a replica.
 */
export class NatsLog implements Log {
  readonly exclusive = false
  private readonly nats: Nats
  private readonly manager: JetStreamManager
  private readonly clock: Clock
  private readonly stream: string
  private readonly subject: string
  private readonly bytesMax: number
  private readonly newHeaders: () => MsgHdrs
  private firstHeld: number
  private lastHeld: number
  /** The highest sequence that a server has acknowledged to us. */
  private acknowledged = 0
  private bytesHeld: number
  private bytesUnmeasured = 0
  private underway: { readonly at: number; readonly id: string; readonly bytes: Buffer } | undefined
  /** The slot of an append whose outcome is not known: a copy of it may still arrive. */
  private unsure: number | undefined
  private forgottenSince: number | undefined
  private trimming: { to: number; isUnderWay: boolean } = { to: 0, isUnderWay: false }
  private isOpen = true
  private readonly followers = new Set<Follower>()

  /** Makes the stream when it is not there. Throws StreamDiffers or JetStreamRefused. */
  static async open(nats: Nats, clock: Clock, options: JournalStreamOptions): Promise<NatsLog> {
    const { jetstreamManager } = await import('@nats-io/jetstream')
    const { headers } = await import('@nats-io/transport-node')
    const manager = await jetstreamManager(nats.connection, { checkAPI: false, timeout: requestMsMax })
    const info = await ensureJournalStream(nats, manager, clock, options)
    const { name: stream, max_bytes: bytesMax } = info.config
    const subject = journalSubject(options.partition, options.database)
    return new NatsLog({ nats, manager, clock, stream, subject, bytesMax, newHeaders: headers }, info.state)
  }

  private constructor(
    parts: {
      readonly nats: Nats
      readonly manager: JetStreamManager
      readonly clock: Clock
      readonly stream: string
      readonly subject: string
      readonly bytesMax: number
      readonly newHeaders: () => MsgHdrs
    },
    state: { readonly first_seq: number; readonly last_seq: number; readonly bytes: number },
  ) {
    this.nats = parts.nats
    this.manager = parts.manager
    this.clock = parts.clock
    this.stream = parts.stream
    this.subject = parts.subject
    this.bytesMax = parts.bytesMax
    this.newHeaders = parts.newHeaders
    this.firstHeld = Math.max(1, state.first_seq)
    this.lastHeld = state.last_seq
    this.bytesHeld = state.bytes
  }

  last(): Sequence {
    return sequence(this.lastHeld)
  }

  first(): Sequence {
    return sequence(this.firstHeld)
  }

  async append(bytes: Uint8Array, expected: Sequence): Promise<AppendOutcome> {
    if (this.underway !== undefined || !this.isOpen) return { kind: 'unknown' }
    const id = hash('sha256', bytes, 'base64url')
    this.underway = { at: expected + 1, id, bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length) }
    try {
      const outcome = await this.send(bytes, id, expected)
      if (outcome.kind === 'unknown') this.unsure = expected
      else if (outcome.kind === 'appended') await this.landed(this.underway.bytes, outcome.sequence)
      return outcome
    } finally {
      this.underway = undefined
    }
  }

  private async send(bytes: Uint8Array, id: string, expected: Sequence): Promise<AppendOutcome> {
    if (!(await this.nats.connected(this.clock, connectionMsMax))) return { kind: 'unknown' }
    const headers = this.newHeaders()
    headers.set('Nats-Msg-Id', id)
    headers.set('Nats-Expected-Last-Sequence', String(expected))
    headers.set('Nats-Expected-Stream', this.stream)
    let answer: PubAck
    try {
      const reply = await this.nats.replies.ask(this.subject, bytes, appendMsMax, headers)
      answer = reply.json<PubAck>()
    } catch (error) {
      // No responders is an election, or a stream that is gone: which of them shows when its state is asked for.
      if (error instanceof BusError || error instanceof SyntaxError) return { kind: 'unknown' }
      throw error
    }
    if (answer.error !== undefined) return await this.refused(answer.error, bytes, expected)
    const { seq } = answer
    assert(typeof seq === 'number', 'an acknowledgement names a sequence')
    if (seq === expected + 1) return { kind: 'appended', sequence: sequence(seq) }
    // The same message stands elsewhere, so that the slot cannot be had with it.
    return { kind: 'refused', last: sequence(Math.max(seq, this.lastHeld)) }
  }

  /** Rule 6: what stands in the slot decides, and only the stream leader is asked. */
  private async refused(error: NonNullable<PubAck['error']>, bytes: Uint8Array, expected: number): Promise<AppendOutcome> {
    const { err_code: code, description } = error
    if (!wrongLastSequence.has(code)) {
      const isFull = (code === storeFailed || accountLimits.has(code)) && limitReached.test(description)
      // A copy sent before may be on its way still: then "full" would be a promise that nobody can keep.
      if (isFull && this.unsure !== expected) return { kind: 'full' }
      return { kind: 'unknown' }
    }
    const last = Number(/sequence: (\d+)/.exec(description)?.[1] ?? Number.NaN)
    if (last < expected) return this.forgotten(last, expected)
    const slot = await this.slot(expected + 1)
    if (slot === 'unknown') return { kind: 'unknown' }
    if (slot === 'empty') return { kind: 'refused', last: sequence(expected) }
    if (slot !== 'trimmed' && slot.equals(bytes)) return { kind: 'appended', sequence: sequence(expected + 1) }
    const end = Math.max(expected + 1, this.lastHeld, Number.isNaN(last) ? 0 : last)
    return { kind: 'refused', last: sequence(end) }
  }

  /** The stream ends before what it should: the caller's mistake, a new leader that has not caught up yet, or lost messages. */
  private forgotten(last: number, expected: number): AppendOutcome {
    if (expected > this.acknowledged) return { kind: 'refused', last: sequence(last) }
    this.forgottenSince ??= this.clock.monotonic()
    if (this.clock.monotonic() - this.forgottenSince < forgottenMsMax * 1_000) return { kind: 'unknown' }
    throw new LogCorrupt(
      `the stream ${this.stream} ends with message ${last}, and message ${this.acknowledged} was acknowledged: the servers have lost what ` +
        'they promised to keep; do they all run with sync_interval: always?',
    )
  }

  private async slot(at: number): Promise<Buffer | 'empty' | 'trimmed' | 'unknown'> {
    try {
      const found = await this.manager.streams.getMessage(this.stream, { seq: at })
      if (found !== null) return Buffer.from(found.data)
    } catch (error) {
      if (apiCode(error) !== noMessage) return 'unknown'
    }
    try {
      const { state } = await this.manager.streams.info(this.stream)
      return state.last_seq >= at && state.first_seq > at ? 'trimmed' : 'empty'
    } catch {
      return 'unknown'
    }
  }

  /** Followers get it before the append is answered: at once where they are up to it, else when they have come to it. */
  private async landed(bytes: Buffer, at: Sequence): Promise<void> {
    this.unsure = undefined
    this.forgottenSince = undefined
    if (at > this.acknowledged) this.acknowledged = at
    if (at > this.lastHeld) {
      this.lastHeld = at
      this.bytesHeld += bytes.length + storedOverheadBytes
      this.bytesUnmeasured += bytes.length + storedOverheadBytes
      if (this.bytesUnmeasured > this.bytesMax / 100) void this.measure()
    }
    const entry = { sequence: at, bytes }
    for (const follower of this.followers) {
      follower.stream.appended(entry)
      if (follower.stream.next <= at) await this.reaches(follower, at)
    }
  }

  async *read(from: Sequence): AsyncIterable<LogEntry> {
    const { jetstream } = await import('@nats-io/jetstream')
    const { state } = await answered(this.clock, () => this.manager.streams.info(this.stream))
    const last = Math.max(state.last_seq, this.lastHeld)
    let next = Math.max(from, state.first_seq, 1)
    for (const until = this.clock.monotonic() + readMsMax * 1_000; next <= last; ) {
      const before = next
      try {
        const start = { deliver_policy: 'by_start_sequence', opt_start_seq: next } as const
        const consumer = await jetstream(this.nats.connection, { timeout: requestMsMax }).consumers.get(this.stream, start)
        while (next <= last) {
          const count = Math.min(readBatch, last - next + 1)
          let got = 0
          for await (const { seq, data } of await consumer.fetch({ max_messages: count, expires: requestMsMax })) {
            if (seq !== next) throw new LogCorrupt(`the stream ${this.stream} has message ${seq} where ${next} belongs`)
            got++
            yield { sequence: sequence(next++), bytes: Buffer.from(data.buffer, data.byteOffset, data.byteLength) }
          }
          if (got === 0) break
        }
        await consumer.delete().catch(() => {})
      } catch (error) {
        if (error instanceof LogCorrupt) throw error
        await this.clock.sleep(50)
      }
      if (next === before && this.clock.monotonic() > until)
        throw new JetStreamRefused(`the stream ${this.stream} cannot be read`)
    }
  }

  follow(from: Sequence, onEntry: (entry: LogEntry) => void, onFailure?: (error: unknown) => void): Following {
    const { nats, manager, clock, stream } = this
    const heard = (entry: LogEntry): void => {
      if (entry.sequence > this.lastHeld) {
        this.lastHeld = entry.sequence
        this.bytesHeld += entry.bytes.length + storedOverheadBytes
      }
      onEntry(entry)
      if (follower.waiting.length > 0) this.tell(follower)
    }
    const failed = (error: unknown): void => {
      for (const waiting of follower.waiting.splice(0)) waiting.failed(error)
      onFailure?.(error)
    }
    const start = Math.max(from, this.firstHeld)
    const own = (at: number, id: string): Buffer | undefined =>
      this.underway?.at === at && this.underway.id === id ? this.underway.bytes : undefined
    const followed = { nats, manager, clock, stream, own }
    const follower: Follower = { stream: new StreamFollower(followed, start, heard, failed), waiting: [] }
    this.followers.add(follower)
    const caughtUp = this.catchUp(follower)
    caughtUp.catch(() => {})
    return {
      caughtUp,
      close: () => {
        follower.stream.close()
        this.followers.delete(follower)
        for (const waiting of follower.waiting.splice(0)) waiting.failed(new BusError('closed', this.stream))
      },
    }
  }

  private async catchUp(follower: Follower): Promise<void> {
    const { state } = await answered(this.clock, () => this.manager.streams.info(this.stream))
    if (state.last_seq > this.lastHeld) this.lastHeld = state.last_seq
    if (follower.stream.next <= state.last_seq) await this.reaches(follower, state.last_seq)
  }

  private reaches(follower: Follower, at: number): Promise<void> {
    return new Promise((reached, failed) => follower.waiting.push({ for: at, reached, failed }))
  }

  private tell(follower: Follower): void {
    const { next } = follower.stream
    const ready = follower.waiting.filter((waiting) => waiting.for < next)
    if (ready.length === 0) return
    follower.waiting = follower.waiting.filter((waiting) => waiting.for >= next)
    for (const { reached } of ready) reached()
  }

  /** A purge of what lies below; the stream's own first sequence is the truth, so a lost answer costs nothing. */
  trim(to: Sequence): void {
    const bound = Math.min(to, this.lastHeld)
    if (bound > this.trimming.to) this.trimming.to = bound
    if (!this.trimming.isUnderWay) void this.purge()
  }

  private async purge(): Promise<void> {
    this.trimming.isUnderWay = true
    try {
      while (this.isOpen && this.firstHeld < this.trimming.to) {
        const { to } = this.trimming
        await this.manager.streams.purge(this.stream, { seq: to })
        if (to > this.firstHeld) this.firstHeld = to
        await this.measure()
      }
    } catch {
      // The next trim tries again.
    } finally {
      this.trimming.isUnderWay = false
    }
  }

  private async measure(): Promise<void> {
    this.bytesUnmeasured = 0
    try {
      const { state } = await this.manager.streams.info(this.stream)
      this.bytesHeld = state.bytes
    } catch {
      // An estimate will do until the next time.
    }
  }

  crowded(): boolean {
    return this.bytesMax > 0 && this.bytesHeld > this.bytesMax * crowdedShare
  }

  bytesUsed(): number {
    return this.bytesHeld
  }

  /** The connection stays: others use it too. */
  async close(): Promise<void> {
    this.isOpen = false
    for (const { stream } of this.followers) stream.close()
    this.followers.clear()
  }
}
