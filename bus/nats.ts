import type { Msg, Subscription } from '@nats-io/transport-node'
import { SqlError } from '../protocol/errors.ts'
import { decodeFailure, encodeFailure, type Failure } from '../protocol/message-codec.ts'
import { type Bus, BusError, type MaybePromise, type Registration } from './bus.ts'
import { EmbeddedBus } from './embedded.ts'
import type { Nats } from './nats-connection.ts'
import { Parcels } from './nats-parcels.ts'
import type { Clock } from './world.ts'

type Handler = (message: never) => unknown

/** Messages as bytes (protocol/message-codec.ts). Decoding checks everything and throws for what is no message. */
export interface Codec {
  encodeQuestion(message: unknown): Buffer
  decodeQuestion(bytes: Uint8Array): unknown
  encodeAnswer(question: unknown, answer: unknown): Buffer
  decodeAnswer(question: unknown, bytes: Uint8Array): unknown
}

/** Storage answers within ten seconds that it is behind; a commit waits for an append, and that for an election. */
const requestMsMax = 15_000
const answered = 0
const failed = 1
const reasons = ['no-responders', 'timeout', 'closed'] as const

/**
 * The bus over NATS: an addressee in this process is called as on the embedded bus, any other is asked over the network. An answer is one byte
 * that tells an answer from a failure, then its encoding; what is too large for one message travels as a parcel.
 */
export class NatsBus implements Bus {
  private readonly nats: Nats
  private readonly codec: Codec
  private readonly parcels: Parcels
  private readonly here = new EmbeddedBus()
  /** Subjects with a handler in this process. */
  private readonly served = new Map<string, number>()
  private readonly subscriptions = new Map<Registration, Subscription>()
  private isClosed = false

  constructor(nats: Nats, clock: Clock, codec: Codec) {
    this.nats = nats
    this.codec = codec
    this.parcels = new Parcels(nats, clock)
  }

  serve(subject: string, handler: Handler, options?: { readonly queue?: string }): Registration {
    const local = this.here.serve(subject, handler, options)
    this.served.set(subject, (this.served.get(subject) ?? 0) + 1)
    const queue = options?.queue
    const subscription = this.nats.connection.subscribe(subject, {
      ...(queue === undefined ? {} : { queue }),
      callback: (error, message) => {
        if (error === null) void this.answer(message, handler)
      },
    })
    return this.registered(local, subscription, () => {
      const left = (this.served.get(subject) ?? 1) - 1
      if (left === 0) this.served.delete(subject)
      else this.served.set(subject, left)
    })
  }

  request<Answer>(subject: string, message: unknown, options?: { readonly timeoutMs?: number }): MaybePromise<Answer> {
    if (this.isClosed || this.served.has(subject)) return this.here.request<Answer>(subject, message)
    return this.ask(subject, message, options?.timeoutMs ?? requestMsMax) as Promise<Answer>
  }

  publish(subject: string, message: unknown): void {
    this.here.publish(subject, message)
    // Nobody is promised what is published without a connection.
    if (!this.isClosed && this.nats.isConnected) this.nats.connection.publish(subject, this.codec.encodeQuestion(message))
  }

  forsake(subject: string): void {
    this.nats.replies.forsake(subject)
  }

  subscribe(subject: string, handler: (message: never) => void): Registration {
    const local = this.here.subscribe(subject, handler)
    const subscription = this.nats.connection.subscribe(subject, {
      callback: (error, message) => {
        if (error === null) this.heard(message, handler)
      },
    })
    return this.registered(local, subscription, () => {})
  }

  /** Resolves when the server knows of everything that is served and subscribed so far. */
  async settled(): Promise<void> {
    await this.nats.connection.flush()
  }

  /** The connection stays: others use it too. */
  close(): void {
    if (this.isClosed) return
    this.isClosed = true
    for (const registration of [...this.subscriptions.keys()]) registration.close()
    this.parcels.close()
    this.here.close()
  }

  private registered(local: Registration, subscription: Subscription, closed: () => void): Registration {
    let isOpen = true
    const registration: Registration = {
      close: () => {
        if (!isOpen) return
        isOpen = false
        this.subscriptions.delete(registration)
        subscription.unsubscribe()
        local.close()
        closed()
      },
    }
    this.subscriptions.set(registration, subscription)
    return registration
  }

  private async ask(subject: string, message: unknown, timeoutMs: number): Promise<unknown> {
    // Without a connection nobody has been asked: the caller may ask again.
    if (!this.nats.isConnected) throw new BusError('no-responders', subject)
    const sent = this.parcels.wrap(this.codec.encodeQuestion(message))
    const reply = await this.nats.replies.ask(subject, sent, timeoutMs)
    const bytes = await this.parcels.unwrap(reply.data)
    if (bytes[0] === answered) return this.codec.decodeAnswer(message, bytes.subarray(1))
    throw errorOf(decodeFailure(bytes.subarray(1)), subject)
  }

  private async answer(message: Msg, handler: Handler): Promise<void> {
    let answer: Buffer
    try {
      const question = this.codec.decodeQuestion(await this.parcels.unwrap(message.data))
      const given = await handler(question as never)
      answer = labelled(answered, this.codec.encodeAnswer(question, given))
    } catch (error) {
      answer = labelled(failed, encodeFailure(failureOf(error)))
    }
    if (message.reply && !this.nats.connection.isClosed()) this.nats.connection.publish(message.reply, this.parcels.wrap(answer))
  }

  private heard(message: Msg, handler: (message: never) => void): void {
    let content: unknown
    try {
      content = this.codec.decodeQuestion(message.data)
    } catch {
      // Not one of ours: whatever it is, nobody acts on it.
      return
    }
    handler(content as never)
  }
}

function labelled(label: number, bytes: Buffer): Buffer {
  const whole = Buffer.allocUnsafe(bytes.length + 1)
  whole[0] = label
  bytes.copy(whole, 1)
  return whole
}

function failureOf(error: unknown): Failure {
  if (error instanceof SqlError) return { kind: 'sql', error }
  if (error instanceof BusError) return { kind: 'bus', reason: error.reason }
  return { kind: 'bug', message: String(error) }
}

function errorOf(failure: Failure, subject: string): Error {
  switch (failure.kind) {
    case 'sql':
      return failure.error
    case 'bus':
      return new BusError(reasons.find((reason) => reason === failure.reason) ?? 'timeout', subject)
    case 'bug':
      return new Error(failure.message)
  }
}
