// Takes a client's messages in order and calls the query session with them, one at a time; says when to flush, to pause and to stop.
// From: frontend.session (bytes of one client). To: query-processor.statement (QuerySession).
// Invariant: the next call begins when the one before has settled, except for what COPY FROM STDIN and cancel allow.

import { traceparentIn } from '../../observability/traceparent.ts'
import { unreachable } from '../../protocol/assert.ts'
import { SqlError, unsupported } from '../../protocol/errors.ts'
import type { BackendWriter } from '../../protocol/pg/backend-messages.ts'
import {
  type FrontendMessage,
  type FrontendParser,
  type Malformed,
  protocolViolation,
} from '../../protocol/pg/frontend-messages.ts'
import type { QuerySession } from '../../protocol/session.ts'

/** Input that a busy session has not come to is not read beyond this. */
const unreadBytesMax = 262_144

/** What a conversation asks of the connection it runs over. */
export interface Connection {
  pauseReading(): void
  resumeReading(): void
  /** The client said goodbye, or all it said before it closed its side is done. */
  finished(): void
  /** The session cannot go on. SqlErrors are for the client, everything else is a bug of ours. */
  broken(error: unknown): void
  /**
   * The traceparent of what follows, up to the next ReadyForQuery outside a transaction; '' where nobody traces it. `wanted`: the trace that the
   * client has named for it, or ''.
   */
  transactionBegins(wanted: string): string
  /** The client names a trace for the transaction under way. */
  transactionJoins(wanted: string): void
  /** Between two transactions, with nothing left to do. */
  rested(): void
  /** The query session is closed. */
  released(): void
}

const typeBytes: Readonly<Record<string, string>> = {
  bind: 'B',
  close: 'C',
  describe: 'D',
  execute: 'E',
  functionCall: 'F',
  parse: 'P',
  password: 'p',
  query: 'Q',
}

function outOfPlace(message: FrontendMessage): SqlError {
  if (message.type === 'malformed') return message.error
  const byte = (typeBytes[message.type] ?? '?').charCodeAt(0).toString(16).toUpperCase()
  return new SqlError('08P01', `unexpected message type 0x${byte} during COPY from stdin`)
}

export class Conversation {
  private readonly parser: FrontendParser
  private readonly writer: BackendWriter
  private readonly session: QuerySession
  private readonly connection: Connection
  /** A call of the session has not settled. */
  private calling = false
  /** A call beside it (copy data) or the client's slow reading has not settled. */
  private blocked = false
  private running = false
  private clientEnded = false
  /** Nothing is read and called any more; the session is closed as soon as it is free. */
  private over = false
  private sessionClosed = false

  constructor(parser: FrontendParser, writer: BackendWriter, session: QuerySession, connection: Connection) {
    this.parser = parser
    this.writer = writer
    this.session = session
    this.connection = connection
  }

  /** Not inside a transaction and nothing to do. */
  get idle(): boolean {
    return !this.calling && !this.blocked && !this.running && this.writer.status === 'I' && this.parser.unread === 0
  }

  get closed(): boolean {
    return this.sessionClosed
  }

  received(buffer: Buffer, end: number): void {
    if (this.over) return
    this.parser.feed(buffer, 0, end)
    this.run()
  }

  /** The client sends no more: what it has sent is still done. */
  ended(): void {
    this.clientEnded = true
    this.run()
  }

  cancel(): void {
    if (!this.sessionClosed) this.session.cancel()
  }

  /** Stops the conversation: a running call is canceled, then the session closed. */
  stop(): void {
    if (this.over) return
    this.over = true
    if (this.running) return
    if (this.calling) this.interrupt()
    else this.closeSession()
  }

  /** Does not wait for a running call any longer. */
  closeSession(): void {
    if (this.sessionClosed) return
    this.sessionClosed = true
    this.over = true
    try {
      this.session.close()
    } catch (error) {
      this.connection.broken(error)
    }
    this.writer.discard()
    this.connection.released()
  }

  private interrupt(): void {
    try {
      if (this.writer.copyIn) {
        this.writer.copyIn = false
        this.watch(this.session.copyBroken(new SqlError('08006', 'unexpected EOF on client connection with an open transaction')))
      } else this.session.cancel()
    } catch (error) {
      this.connection.broken(error)
    }
  }

  /** Reads and calls until there is nothing to read or a call must be waited for. */
  run(): void {
    if (this.running || this.over) return
    this.running = true
    const { parser, writer } = this
    let exhausted = false
    try {
      while (this.ready()) {
        const message = parser.next()
        if (message === undefined) {
          exhausted = true
          break
        }
        if (writer.isFresh && message.type !== 'terminate') this.begin(message)
        else if (message.type === 'query' || message.type === 'parse') this.join(message.sql)
        if (writer.copyIn) this.duringCopy(message)
        else this.call(this.dispatch(message))
        const slow = writer.drain()
        if (slow !== undefined) this.block(slow)
      }
      parser.release()
      if (writer.flushDue && !this.over) writer.flush()
    } catch (error) {
      this.over = true
      this.connection.broken(error)
    }
    this.running = false
    this.afterRun(exhausted)
  }

  /** The first message of a transaction: is it one to follow? */
  private begin(message: FrontendMessage): void {
    this.writer.isFresh = false
    const wanted = message.type === 'query' || message.type === 'parse' ? traceparentIn(message.sql) : ''
    const traceparent = this.connection.transactionBegins(wanted)
    if (traceparent !== '') this.session.trace(traceparent)
  }

  private join(sql: string): void {
    const wanted = traceparentIn(sql)
    if (wanted !== '') this.connection.transactionJoins(wanted)
  }

  private afterRun(exhausted: boolean): void {
    if (this.over) {
      if (this.calling) this.interrupt()
      else this.closeSession()
    } else if (exhausted && this.clientEnded) {
      if (this.calling) this.interrupt()
      else this.connection.finished()
    } else if (this.ready()) {
      this.connection.resumeReading()
      if (this.writer.status === 'I' && !this.calling) this.connection.rested()
    } else if (this.parser.unread > unreadBytesMax) this.connection.pauseReading()
  }

  private ready(): boolean {
    return !this.over && !this.blocked && (!this.calling || this.writer.copyIn)
  }

  private call(result: void | Promise<void>): void {
    if (result === undefined) return
    this.calling = true
    result.then(this.settled, this.failed)
  }

  private readonly settled = (): void => {
    this.calling = false
    this.writer.copyIn = false
    if (this.over) this.closeSession()
    else this.run()
  }

  private readonly failed = (error: unknown): void => {
    this.calling = false
    this.writer.copyIn = false
    if (!this.over) {
      this.over = true
      this.connection.broken(error)
    }
    this.closeSession()
  }

  private block(result: void | Promise<void>): void {
    if (result === undefined) return
    this.blocked = true
    result.then(this.unblocked, this.failedBeside)
  }

  /** Like block, for a conversation that is over. */
  private watch(result: void | Promise<void>): void {
    if (result !== undefined) result.catch(this.failedBeside)
  }

  private readonly unblocked = (): void => {
    this.blocked = false
    this.run()
  }

  private readonly failedBeside = (error: unknown): void => {
    this.blocked = false
    if (this.over) return
    this.connection.broken(error)
    this.stop()
  }

  private dispatch(message: FrontendMessage): void | Promise<void> {
    const { session } = this
    switch (message.type) {
      case 'bind':
        return session.bind(
          message.portal,
          message.statement,
          message.parameterFormats,
          message.parameters,
          message.resultFormats,
        )
      case 'execute':
        return session.execute(message.portal, message.rowsMax)
      case 'sync':
        return session.sync()
      case 'query':
        return session.query(message.sql)
      case 'describe':
        return message.of === 'statement' ? session.describeStatement(message.name) : session.describePortal(message.name)
      case 'parse':
        return session.parse(message.name, message.sql, message.parameterTypes)
      case 'close':
        return message.of === 'statement' ? session.closeStatement(message.name) : session.closePortal(message.name)
      case 'flush':
        session.flush()
        this.writer.flushDue = true
        return undefined
      case 'copyData':
      case 'copyDone':
      case 'copyFail':
        // What was on its way when the copy failed.
        return undefined
      case 'terminate':
        this.connection.finished()
        return undefined
      case 'functionCall':
        return this.rejectQuery(unsupported('the fast-path function call protocol'))
      case 'malformed':
        return this.reject(message)
      case 'password':
        throw protocolViolation('invalid frontend message type 112')
      default:
        return unreachable(message)
    }
  }

  private reject(message: Malformed): void | Promise<void> {
    if (message.of === 'extended') return this.session.reject(message.error)
    if (message.of === 'query') return this.rejectQuery(message.error)
    throw message.error.with({ severity: 'FATAL' })
  }

  /** An error in place of a simple query's answer, which ends with ReadyForQuery. */
  private rejectQuery(error: SqlError): void | Promise<void> {
    const rejected = this.session.reject(error)
    return rejected === undefined ? this.session.sync() : rejected.then(() => this.session.sync())
  }

  /** The call of the COPY itself is pending and settles after copyDone or copyFail, or when the data is refused. */
  private duringCopy(message: FrontendMessage): void {
    const { session, writer } = this
    switch (message.type) {
      case 'copyData':
        this.block(session.copyData(message.bytes))
        break
      case 'copyDone':
        writer.copyIn = false
        this.block(session.copyDone())
        break
      case 'copyFail':
        writer.copyIn = false
        this.block(session.copyFail(message.message))
        break
      case 'flush':
      case 'sync':
        // Clients of the extended protocol send Sync behind Execute before they know that it is a COPY.
        break
      case 'terminate':
        this.connection.finished()
        break
      default:
        writer.copyIn = false
        this.block(session.copyBroken(outOfPlace(message)))
    }
  }
}
