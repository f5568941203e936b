import type { JetStreamManager } from '@nats-io/jetstream'
import type { Msg, Subscription } from '@nats-io/transport-node'
import { sequence } from '../protocol/ids.ts'
import type { LogEntry } from './log.ts'
import { LogCorrupt } from './log.ts'
import type { Nats } from './nats-connection.ts'
import { apiCode } from './nats-streams.ts'
import type { Clock, Timer } from './world.ts'

const heartbeatMs = 1_000
/** Without a sign of life for this long the consumer is made anew: its server may be gone. */
const silenceMsMax = 3_500
const retryMs = 250
/** The server forgets a consumer that nobody listens to. */
const inactiveMs = 10_000
const nanosPerMs = 1_000_000
const streamNotFound = 10_059
const control = 100

export interface FollowedStream {
  readonly nats: Nats
  readonly manager: JetStreamManager
  readonly clock: Clock
  readonly stream: string
  /** The bytes of the message with this id, where this process has it under way for that place. */
  own(at: number, id: string): Buffer | undefined
}

/**
 * Every message of a stream from a sequence on, in order, each once, whatever happens to servers and connection: a push consumer that is made
 * anew from where it was left whenever it falls silent or a message is missing. It may sit on any replica: it can lag, it cannot be wrong.
 * Who appends himself has the bytes: from then on only headers are sent back to him, until one tells of a message that is not his.
 */
export class StreamFollower {
  next: number
  private readonly from: FollowedStream
  private readonly onEntry: (entry: LogEntry) => void
  private readonly onFailure: (error: unknown) => void
  private subscription: Subscription | undefined
  private consumer: string | undefined
  private silence: Timer | undefined
  private heardAt = 0
  /** Grows with every consumer: what an earlier one still sends is not heard. */
  private attempt = 0
  private headsOnly = false
  private isOpen = true
  private readonly stopWatching: () => void

  constructor(from: FollowedStream, next: number, onEntry: (entry: LogEntry) => void, onFailure: (error: unknown) => void) {
    this.from = from
    this.next = next
    this.onEntry = onEntry
    this.onFailure = onFailure
    this.stopWatching = from.nats.onState((state) => {
      if (state === 'connected') void this.restart()
    })
    void this.restart()
    this.watchSilence()
  }

  /** An entry that this process has appended and that is acknowledged: no need to wait for it to come back. */
  appended(entry: LogEntry): void {
    if (!this.isOpen) return
    if (entry.sequence === this.next) this.deliver(entry)
    // It may have come back before its acknowledgement.
    if (entry.sequence === this.next - 1 && !this.headsOnly) this.listen(true)
  }

  /** For whole messages or for their headers. */
  private listen(headsOnly: boolean): void {
    this.headsOnly = headsOnly
    void this.restart()
  }

  close(): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.stopWatching()
    this.silence?.cancel()
    this.drop()
  }

  private deliver(entry: LogEntry): void {
    this.next = entry.sequence + 1
    this.onEntry(entry)
  }

  private async restart(): Promise<void> {
    const { nats, manager, clock, stream } = this.from
    const attempt = ++this.attempt
    this.drop()
    this.heardAt = clock.monotonic()
    if (!nats.isConnected) return
    try {
      const inbox = `${nats.inbox}.follow.${stream}.${Math.trunc(clock.monotonic())}.${attempt}`
      this.subscription = nats.connection.subscribe(inbox, {
        callback: (error, message) => {
          if (error === null && attempt === this.attempt && this.isOpen) this.arrived(message)
        },
      })
      const { name } = await manager.consumers.add(stream, {
        deliver_subject: inbox,
        deliver_policy: 'by_start_sequence',
        opt_start_seq: this.next,
        ack_policy: 'none',
        replay_policy: 'instant',
        headers_only: this.headsOnly,
        flow_control: true,
        idle_heartbeat: heartbeatMs * nanosPerMs,
        inactive_threshold: inactiveMs * nanosPerMs,
        mem_storage: true,
        num_replicas: 1,
        max_deliver: 1,
      })
      if (attempt === this.attempt && this.isOpen) this.consumer = name
      else void manager.consumers.delete(stream, name).catch(() => {})
    } catch (error) {
      if (attempt !== this.attempt || !this.isOpen) return
      if (apiCode(error) === streamNotFound) {
        this.fail(new LogCorrupt(`the stream ${stream} is gone`))
        return
      }
      clock.after(retryMs, () => {
        if (attempt === this.attempt && this.isOpen) void this.restart()
      })
    }
  }

  private drop(): void {
    const { manager, stream, nats } = this.from
    this.subscription?.unsubscribe()
    this.subscription = undefined
    const { consumer } = this
    this.consumer = undefined
    if (consumer !== undefined && nats.isConnected) void manager.consumers.delete(stream, consumer).catch(() => {})
  }

  private arrived(message: Msg): void {
    this.heardAt = this.from.clock.monotonic()
    if (message.headers?.code === control && message.data.length === 0) {
      // Flow control: the server waits until it hears that we have kept up.
      const stalled = message.headers.get('Nats-Consumer-Stalled')
      if (message.reply) message.respond()
      else if (stalled !== '') this.from.nats.connection.publish(stalled)
      return
    }
    const at = streamSequence(message.reply)
    if (at === undefined || at < this.next) return
    if (at > this.next) {
      void this.gap(at)
      return
    }
    if (this.headsOnly) {
      const bytes = this.from.own(at, message.headers?.get('Nats-Msg-Id') ?? '')
      if (bytes === undefined) this.listen(false)
      else this.deliver({ sequence: sequence(at), bytes })
      return
    }
    const { data } = message
    this.deliver({ sequence: sequence(at), bytes: Buffer.from(data.buffer, data.byteOffset, data.byteLength) })
  }

  /** A message was lost on the way, or has been trimmed before we had it. */
  private async gap(at: number): Promise<void> {
    const { attempt } = this
    const { manager, stream } = this.from
    try {
      const { state } = await manager.streams.info(stream)
      if (attempt !== this.attempt || !this.isOpen) return
      if (state.first_seq > this.next) {
        this.fail(
          new LogCorrupt(
            `the stream ${stream} begins with message ${state.first_seq}, and message ${this.next} was not read yet`,
          ),
        )
        return
      }
    } catch {
      if (attempt !== this.attempt || !this.isOpen) return
    }
    if (at > this.next) void this.restart()
  }

  private watchSilence(): void {
    this.silence = this.from.clock.after(heartbeatMs, () => {
      if (!this.isOpen) return
      if (this.from.clock.monotonic() - this.heardAt > silenceMsMax * 1_000) void this.restart()
      this.watchSilence()
    })
  }

  private fail(error: unknown): void {
    this.close()
    this.onFailure(error)
  }
}

/** `$JS.ACK.<stream>.<consumer>.<delivered>.<stream sequence>.<consumer sequence>.<time>.<pending>`, from 2.10 on with domain and account before. */
function streamSequence(reply: string | undefined): number | undefined {
  if (reply === undefined || !reply.startsWith('$JS.ACK.')) return undefined
  const words = reply.split('.')
  const at = Number(words.length === 9 ? words[5] : words[7])
  return Number.isSafeInteger(at) ? at : undefined
}
