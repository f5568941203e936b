// One client's connection from accept to close: start-up, TLS, authentication; what is said then is the conversation's business.
// From: bus/sockets (bytes). To: query-processor.statement, through extended-query.
// Invariant: nothing reaches a query session before its client was let in, and every session that was opened is closed once.

import { type ActorRefFrom, createActor, setup } from 'xstate'
import type { ServerSocket, TlsCredentials } from '../../bus/sockets.ts'
import type { World } from '../../bus/world.ts'
import { countTransaction, metrics } from '../../observability/metrics.ts'
import { beginLate, beginTrace, joinTrace, lookingName, type Traced } from '../../observability/tracing.ts'
import { unreachable } from '../../protocol/assert.ts'
import { SqlError } from '../../protocol/errors.ts'
import { type BackendSink, BackendWriter, type OutputBuffer } from '../../protocol/pg/backend-messages.ts'
import { FrontendParser, type StartupPacket } from '../../protocol/pg/frontend-messages.ts'
import type { QueryProcessorPort, QuerySession } from '../../protocol/session.ts'
import { machineClock } from '../actor.ts'
import { authenticate, type Client, cancelSecretBytes, readStartupMessage, unsupportedProtocol } from './authenticate.ts'
import { type Connection, Conversation } from './extended-query.ts'

/** A client that has not been let in after this long is let go. */
const loginMsMax = 10_000
/** How long a closing connection waits for its client to read and its session to end what it does. */
const closeMsMax = 5_000
/** Who has rested so long works at a person's pace, and what it does next is recorded. */
const leisureMicrosMin = 1_000_000
/** A session writes on while fewer bytes than this wait for the operating system. */
const waitingBytesMax = 262_144

const tlsYes = Buffer.from('S')
const no = Buffer.from('N')
export const applicationProtocol = 'postgresql'

/** From accept to being let in. While a session serves there is nothing to decide, and no actor: 10,000 idle ones would be 40 MB. */
const arrivalMachine = setup({
  types: { events: {} as { type: 'secure' } | { type: 'secured' } | { type: 'admitted' } },
  delays: { login: loginMsMax },
}).createMachine({
  id: 'arrival',
  initial: 'unknown',
  states: {
    unknown: {
      initial: 'startup',
      after: { login: 'late' },
      states: {
        startup: { on: { secure: 'securing' } },
        securing: { on: { secured: 'startup' } },
      },
      on: { admitted: 'admitted' },
    },
    admitted: { type: 'final' },
    late: { type: 'final' },
  },
})

/** From the last word to the end: both the socket and the query session close, or time is up for them. */
const departureMachine = setup({
  types: { events: {} as { type: 'released' } },
  delays: { close: closeMsMax },
}).createMachine({
  id: 'departure',
  initial: 'closing',
  states: {
    closing: { after: { close: 'closed' }, on: { released: 'closed' } },
    closed: { type: 'final' },
  },
})

/** What a session needs of the frontend it belongs to. */
export interface SessionHost {
  readonly world: World
  readonly queryProcessor: QueryProcessorPort
  readonly output: OutputBuffer
  readonly tls: TlsCredentials | undefined
  readonly trustNetwork: boolean
  /** A transaction that takes longer is traced, sampled or not. */
  readonly slowMicros: number
  /** Throws the FATAL SqlError for why no one is let in now; returns the backend id. */
  admit(session: ClientSession): number
  cancel(backendId: number, secret: Buffer): void
  leave(session: ClientSession): void
  /** A bug of ours that a client met. */
  bug(error: unknown): void
}

export class ClientSession implements BackendSink, Connection {
  /** 0 until the client was let in. */
  backendId = 0
  /** Allows its bearer to cancel; a binary string. */
  secret = ''
  private readonly host: SessionHost
  private readonly socket: ServerSocket
  private readonly parser = new FrontendParser()
  private readonly writer: BackendWriter
  private arrival: ActorRefFrom<typeof arrivalMachine> | undefined
  private departure: ActorRefFrom<typeof departureMachine> | undefined
  private conversation: Conversation | undefined
  private client: Client | undefined
  private query: QuerySession | undefined
  /** The root of the transaction under way, where it is traced. */
  private span: Traced | undefined
  /** Its last error's SQLSTATE. */
  private failure: string | undefined
  /** Microseconds of the monotonic clock. */
  private beganAt = 0
  private restedAt = Number.NEGATIVE_INFINITY
  /** SET traceparent: the client's trace, '' without one. */
  private followed = ''
  /** It is `taudb trace`, which nobody wants to see among the traces. */
  private isLooking = false
  private encrypted = false
  private tlsAsked = false
  private gssAsked = false
  private socketClosed = false
  private destroyed = false
  private shuttingDown: SqlError | undefined

  constructor(host: SessionHost, socket: ServerSocket) {
    this.host = host
    this.socket = socket
    this.writer = new BackendWriter(host.output, this, this.copyBegan)
    this.arrival = createActor(arrivalMachine, { clock: machineClock(host.world.clock) })
    this.arrival.subscribe({
      next: ({ value }) => {
        if (value === 'late') this.destroy()
      },
      error: (error) => host.bug(error),
    })
    this.arrival.start()
    socket.open({
      bytes: (buffer, end) => this.received(buffer, end),
      ended: () => this.ended(),
      closed: () => this.gone(),
    })
  }

  // --- login

  private received(buffer: Buffer, end: number): void {
    if (this.conversation !== undefined) {
      this.conversation.received(buffer, end)
      return
    }
    this.parser.feed(buffer, 0, end)
    this.login()
    this.parser.release()
  }

  private login(): void {
    try {
      while (this.arrival?.getSnapshot().matches({ unknown: 'startup' })) {
        const packet = this.parser.nextStartup()
        if (packet === undefined) return
        this.startup(packet)
      }
    } catch (error) {
      this.broken(error)
    }
  }

  private startup(packet: StartupPacket): void {
    switch (packet.type) {
      case 'sslRequest':
        if (this.tlsAsked || this.encrypted) throw unsupportedProtocol(1234, 5679)
        this.tlsAsked = true
        if (this.host.tls === undefined) this.socket.send(no)
        else this.negotiatedTls(this.host.tls)
        return
      case 'gssEncRequest':
        if (this.gssAsked) throw unsupportedProtocol(1234, 5680)
        this.gssAsked = true
        this.socket.send(no)
        return
      case 'tlsHello':
        if (this.encrypted || this.tlsAsked || this.host.tls === undefined) {
          this.destroy()
          return
        }
        void this.secure(this.host.tls, this.parser.takeUnread(), true)
        return
      case 'cancel':
        this.host.cancel(packet.backendId, packet.secret)
        this.leave()
        return
      case 'startup':
        this.admit(readStartupMessage(packet))
        return
      default:
        unreachable(packet)
    }
  }

  private negotiatedTls(tls: TlsCredentials): void {
    if (this.parser.unread > 0) {
      // Plain bytes behind the request were put there by somebody in the middle, to be taken for encrypted ones (CVE-2021-23214).
      this.destroy()
      return
    }
    this.socket.send(tlsYes)
    void this.secure(tls, Buffer.alloc(0), false)
  }

  private async secure(tls: TlsCredentials, received: Buffer, direct: boolean): Promise<void> {
    this.arrival?.send({ type: 'secure' })
    try {
      const protocol = await this.socket.secure(tls, received)
      // Without ALPN a direct handshake could be another protocol's, turned on us (ALPACA).
      if (direct && protocol !== applicationProtocol) throw new Error('direct TLS needs the application protocol "postgresql"')
    } catch {
      this.destroy()
      return
    }
    this.encrypted = true
    this.arrival?.send({ type: 'secured' })
    this.login()
  }

  private admit(client: Client): void {
    const { host, writer, socket } = this
    if (client.negotiate !== undefined) writer.negotiateProtocolVersion(client.protocol, client.negotiate)
    authenticate(client, { address: socket.clientAddress, encrypted: this.encrypted, trustNetwork: host.trustNetwork })
    this.backendId = host.admit(this)
    this.secret = host.world.random('cancel-keys').bytes(cancelSecretBytes(client.protocol))
    const session = host.queryProcessor.openSession({
      user: client.user,
      database: client.database,
      parameters: client.parameters,
      backendId: this.backendId,
      clientAddress: socket.clientAddress,
      output: writer,
      terminate: (error) => this.terminate(error),
      follow: (traceparent) => this.follow(traceparent),
    })
    this.query = session
    metrics.clientsAccepted++
    this.client = client
    this.isLooking = client.parameters.get('application_name') === lookingName
    this.conversation = new Conversation(this.parser, writer, session, this)
    writer.authenticationOk()
    for (const [name, value] of session.reportedParameters()) writer.parameterStatus(name, value)
    writer.backendKeyData(this.backendId, this.secret)
    writer.readyForQuery('I')
    writer.rested = this.transactionEnded
    writer.failed = this.failed
    this.arrival?.send({ type: 'admitted' })
    this.arrival = undefined
    this.conversation.run()
  }

  // --- what the frontend asks

  cancel(): void {
    this.conversation?.cancel()
  }

  /** Ends with `error` as soon as no transaction is open. */
  shutDown(error: SqlError): void {
    this.shuttingDown = error
    if (this.conversation === undefined || this.conversation.idle) this.terminate(error)
  }

  /** Ends now, with a last word to the client. */
  terminate(error: SqlError): void {
    if (this.leaving) return
    if (this.arrival?.getSnapshot().matches({ unknown: 'securing' })) {
      // A last word could not be read before the handshake is over.
      this.destroy()
      return
    }
    this.writer.error(error.with({ severity: 'FATAL' }))
    this.writer.flush()
    this.leave()
  }

  // --- Connection

  pauseReading(): void {
    this.socket.pause()
  }

  resumeReading(): void {
    this.socket.resume()
  }

  finished(): void {
    this.writer.flush()
    this.leave()
  }

  broken(error: unknown): void {
    if (error instanceof SqlError) {
      this.terminate(error)
      return
    }
    this.host.bug(error)
    const message = error instanceof Error ? error.message : String(error)
    this.terminate(new SqlError('XX000', `internal error: ${message}`))
  }

  transactionBegins(wanted: string): string {
    const now = this.host.world.clock.monotonic()
    this.beganAt = now
    const followed = wanted === '' ? this.followed : wanted
    const span =
      followed === ''
        ? beginTrace('frontend.session', now - this.restedAt >= leisureMicrosMin && !this.isLooking)
        : joinTrace('frontend.session', followed, this.host.world.clock.now())
    return span === undefined ? '' : this.traced(span)
  }

  transactionJoins(wanted: string): void {
    if (this.span?.isSampled === true) return
    const joined = joinTrace('frontend.session', wanted, this.beganMicros())
    if (joined === undefined) return
    this.endTrace()
    this.query?.trace(this.traced(joined))
  }

  private traced(span: Traced): string {
    span.set('client.address', this.socket.clientAddress)
    span.set('db.user', this.client?.user ?? '')
    span.set('db.namespace', this.client?.database ?? '')
    this.span = span
    return span.traceparent
  }

  /** What nobody has traced is traced from what is known now: its client, its last statement, and how long it took. */
  private traceLate(why: 'error' | 'slow'): void {
    const span = beginLate('frontend.session', this.beganMicros())
    if (span === undefined) return
    span.set('taudb.late', why)
    this.query?.trace(this.traced(span), true)
  }

  /** The wall clock when the transaction began. */
  private beganMicros(): number {
    const { clock } = this.host.world
    return clock.now() - (clock.monotonic() - this.beganAt)
  }

  private readonly failed = (code: string): void => {
    if (this.writer.isFresh || this.conversation?.closed !== false) return
    this.failure = code
    metrics.errorCodes.add(code)
    if (this.span === undefined) this.traceLate('error')
  }

  private readonly transactionEnded = (): void => {
    const now = this.host.world.clock.monotonic()
    this.restedAt = now
    const ending = this.query?.takeEnding() ?? 'read'
    countTransaction(ending, this.failure, now - this.beganAt)
    if (this.span === undefined && now - this.beganAt >= this.host.slowMicros) this.traceLate('slow')
    this.endTrace(this.failure)
    this.failure = undefined
  }

  private endTrace(failure?: string): void {
    this.span?.end(failure)
    this.span = undefined
  }

  private follow(traceparent: string): void {
    this.followed = traceparent
    if (traceparent !== '' && this.writer.status !== 'I') this.transactionJoins(traceparent)
  }

  rested(): void {
    if (this.shuttingDown !== undefined) this.terminate(this.shuttingDown)
  }

  // --- BackendSink

  send(bytes: Buffer): boolean {
    return this.socket.send(bytes)
  }

  drain(): Promise<void> | undefined {
    return this.socket.waitingBytes > waitingBytesMax ? this.socket.drained() : undefined
  }

  /** The session is ready for copy data when the call that said so has returned. */
  private readonly copyBegan = (): void => {
    queueMicrotask(() => this.conversation?.run())
  }

  // --- closing

  private ended(): void {
    if (this.conversation !== undefined) this.conversation.ended()
    else this.leave()
  }

  private get leaving(): boolean {
    return this.departure !== undefined || this.destroyed
  }

  /** Closes behind everything that was sent; a running call is canceled and waited for. */
  private leave(): void {
    if (this.leaving) return
    this.arrival?.stop()
    this.arrival = undefined
    this.departure = createActor(departureMachine, { clock: machineClock(this.host.world.clock) })
    this.departure.subscribe({
      next: ({ value }) => {
        if (value === 'closed') this.destroy()
      },
      error: (error) => this.host.bug(error),
    })
    this.departure.start()
    this.conversation?.stop()
    this.socket.end()
    this.released()
  }

  /** The socket is closed, by whomever. */
  private gone(): void {
    this.socketClosed = true
    this.leave()
    this.released()
  }

  released(): void {
    if (!this.destroyed && this.socketClosed && this.conversation?.closed !== false) this.departure?.send({ type: 'released' })
  }

  private destroy(): void {
    if (this.destroyed) return
    this.destroyed = true
    this.endTrace('the connection was closed')
    this.arrival?.stop()
    this.arrival = undefined
    this.departure?.stop()
    this.conversation?.closeSession()
    this.writer.discard()
    this.socket.destroy()
    this.host.leave(this)
  }
}
