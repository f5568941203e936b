import type { Notice, SqlError } from './errors.ts'
import type { Oid } from './ids.ts'

/**
 * What a frontend and a query processor say to each other about one client session. The frontend knows sockets and bytes; the query
 * processor knows SQL. Results leave the query processor as backend messages written into `SessionOutput`, so that the same bytes serve a
 * socket in this process and a message on the bus.
 */

/** A column of a RowDescription. `format` 0 text, 1 binary. */
export interface FieldDescription {
  readonly name: string
  readonly tableOid: Oid
  readonly attnum: number
  readonly typeOid: Oid
  readonly typeLength: number
  readonly typmod: number
  readonly format: 0 | 1
}

export type TransactionStatus = 'I' | 'T' | 'E'

/** The backend messages a query processor sends; named as in the PostgreSQL manual, chapter 55.7. */
export interface SessionOutput {
  rowDescription(fields: readonly FieldDescription[]): void
  parameterDescription(types: readonly Oid[]): void
  noData(): void
  parseComplete(): void
  bindComplete(): void
  closeComplete(): void
  portalSuspended(): void
  emptyQueryResponse(): void
  commandComplete(tag: string): void
  error(error: SqlError): void
  notice(notice: Notice): void
  parameterStatus(name: string, value: string): void
  readyForQuery(status: TransactionStatus): void
  copyInResponse(format: 0 | 1, columnFormats: readonly (0 | 1)[]): void
  copyOutResponse(format: 0 | 1, columnFormats: readonly (0 | 1)[]): void
  copyData(bytes: Uint8Array): void
  copyDone(): void
  /**
   * Starts a DataRow of `columns` fields in the shared buffer; then one `field` call each; then `endRow`.
   * `fieldText` writes a JavaScript string as UTF-8.
   */
  beginRow(columns: number): void
  fieldNull(): void
  fieldText(text: string): void
  fieldBytes(bytes: Uint8Array): void
  endRow(): void
  /** Undefined while the client keeps up; else a promise to wait for before writing on: a slow reader never fills memory. */
  drain(): Promise<void> | undefined
}

/** Given to the query processor when a client has been let in. */
export interface SessionStart {
  readonly user: string
  readonly database: string
  /** Start-up parameters beside user and database, `options` already taken apart (-c name=value). */
  readonly parameters: ReadonlyMap<string, string>
  readonly backendId: number
  readonly clientAddress: string
  readonly output: SessionOutput
  /** Ends the connection after a FATAL error (idle_in_transaction_session_timeout, shutdown). */
  terminate(error: SqlError): void
  /** SET traceparent: what follows belongs to this trace of the client's; '' to none. */
  follow?(traceparent: string): void
}

/**
 * One session of a query processor. Calls come one at a time in the client's order: the frontend waits for a returned promise before the
 * next call. An error inside an extended-protocol message is written to the output and skips everything up to Sync; that is
 * the session's own business, as is ReadyForQuery.
 */
export interface QuerySession {
  /** ParameterStatus of every reported setting, for the start-up answer. */
  reportedParameters(): Iterable<readonly [string, string]>
  /**
   * What follows, up to the next ReadyForQuery outside a transaction, belongs to this W3C trace. `isLate`: so does the statement that is
   * ending now, from its beginning.
   */
  trace(traceparent: string, isLate?: boolean): void
  /** How the transaction ended that was the last one to end without an error; asked once a transaction. */
  takeEnding(): 'read' | 'commit' | 'rollback'
  /** Simple protocol: everything, ReadyForQuery included. While COPY FROM STDIN runs, its promise is pending and copy* calls come in. */
  query(sql: string): void | Promise<void>
  parse(name: string, sql: string, parameterTypes: readonly Oid[]): void | Promise<void>
  bind(
    portal: string,
    statement: string,
    parameterFormats: readonly number[],
    parameters: readonly (Buffer | null)[],
    resultFormats: readonly number[],
  ): void | Promise<void>
  describeStatement(name: string): void | Promise<void>
  describePortal(name: string): void | Promise<void>
  /** rowsMax 0 = all. */
  execute(portal: string, rowsMax: number): void | Promise<void>
  closeStatement(name: string): void
  closePortal(name: string): void
  sync(): void | Promise<void>
  /** The client sent Flush and waits: an answer that was held back (to repeat a statement that lost a conflict) is written now. */
  flush(): void
  /**
   * A message that the frontend could not read (08P01, 22021) or refuses (FunctionCall): as if the error had been raised inside it.
   * Written to the output, aborts the transaction, skips up to Sync; ignored where the session skips already.
   */
  reject(error: SqlError): void | Promise<void>
  /** Accepted while COPY FROM STDIN runs, ignored otherwise. A promise asks the frontend to read no more until it settles. */
  copyData(bytes: Buffer): void | Promise<void>
  copyDone(): void | Promise<void>
  copyFail(message: string): void | Promise<void>
  /** In place of copyDone or copyFail: a message that has no place here (08P01), or none at all. */
  copyBroken(error: SqlError): void | Promise<void>
  /** Comes at any time, also while a call is pending: the running statement ends with 57014. */
  cancel(): void
  /** The client is gone: roll back, release everything. */
  close(): void
}

export interface QueryProcessorPort {
  /** Refuses with a FATAL SqlError (3D000 unknown database, 22023 bad parameter, 53300 too many). */
  openSession(start: SessionStart): QuerySession
}
