/** The error and notice fields of the PostgreSQL protocol, chapter 55.8 of the manual. */
export interface SqlErrorFields {
  readonly severity?: 'ERROR' | 'FATAL' | 'PANIC' | 'WARNING' | 'NOTICE' | 'INFO' | 'LOG' | 'DEBUG'
  readonly detail?: string
  readonly hint?: string
  /** In characters from 1, as the wire wants it. Code that knows UTF-8 byte offsets converts at the parser's door. */
  readonly position?: number
  readonly internalPosition?: number
  readonly internalQuery?: string
  readonly where?: string
  readonly schema?: string
  readonly table?: string
  readonly column?: string
  readonly datatype?: string
  readonly constraint?: string
}

/** A mistake or a refusal that the client is told about: SQLSTATE, message and fields. Not for bugs: those are `assert`. */
export class SqlError extends Error {
  override readonly name = 'SqlError'
  readonly code: string
  readonly fields: SqlErrorFields

  constructor(code: string, message: string, fields: SqlErrorFields = {}) {
    super(message)
    this.code = code
    this.fields = fields
  }

  /** The same error with more fields; what is already set wins. */
  with(fields: SqlErrorFields): SqlError {
    return new SqlError(this.code, this.message, { ...fields, ...this.fields })
  }
}

/** What is said aside: WARNING, NOTICE and below. */
export interface Notice {
  readonly code: string
  readonly message: string
  readonly fields: SqlErrorFields
}

export function notice(message: string, fields: SqlErrorFields = {}, code = '00000'): Notice {
  return { code, message, fields: { severity: 'NOTICE', ...fields } }
}

/** `position` is 1-based in characters; undefined where it is not known. */
function at(position: number | undefined): SqlErrorFields {
  return position === undefined ? {} : { position }
}

export const unsupported = (feature: string, position?: number): SqlError =>
  new SqlError('0A000', `${feature} is not supported`, at(position))

export const invalidText = (type: string, text: string): SqlError =>
  new SqlError('22P02', `invalid input syntax for type ${type}: "${text}"`)

export const outOfRange = (type: string): SqlError => new SqlError('22003', `${type} out of range`)

export const divisionByZero = (): SqlError => new SqlError('22012', 'division by zero')

/** First committer wins: the transaction lost (Aurora DSQL's text). */
export const changeConflict = (): SqlError => new SqlError('40001', 'change conflicts with another transaction (OC000)')

/** The catalog the statement was bound with is no longer true (Aurora DSQL's text). */
export const schemaConflict = (): SqlError => new SqlError('40001', 'schema has been updated by another transaction (OC001)')

export const queryCanceled = (reason = 'user request'): SqlError => new SqlError('57014', `canceling statement due to ${reason}`)

export const outOfMemory = (what: string): SqlError => new SqlError('53200', 'out of memory', { detail: what })

/** The engine refuses a value of that size, not us: nothing is lost but the statement. */
export const isTooLargeForEngine = (error: unknown): boolean =>
  error instanceof Error &&
  /^(Invalid (string|array|typed array) length|Array buffer allocation|Cannot create a string longer)/.test(error.message)
