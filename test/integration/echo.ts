/**
 * A query processor of a dozen words, for tests of the wire: it keeps the whole contract of `protocol/session.ts` (error states, portals
 * with row limits, COPY, cancel) and knows no SQL.
 */
import { notice, queryCanceled, SqlError } from '../../protocol/errors.ts'
import type {
  FieldDescription,
  QueryProcessorPort,
  QuerySession,
  SessionStart,
  TransactionStatus,
} from '../../protocol/session.ts'

const int4 = 23
const text = 25

interface Statement {
  readonly words: readonly string[]
  readonly parameterTypes: readonly number[]
}

interface Portal extends Statement {
  readonly parameters: readonly (Buffer | null)[]
  sent: number
}

export class EchoQueryProcessor implements QueryProcessorPort {
  readonly sessions = new Set<EchoSession>()
  /** What `copy in` received. */
  readonly copied: string[] = []
  opened = 0

  openSession(start: SessionStart): QuerySession {
    if (start.parameters.get('application_name') === 'refused')
      throw new SqlError('22023', 'invalid value for parameter "application_name": "refused"', { severity: 'FATAL' })
    this.opened++
    const session = new EchoSession(start, this)
    this.sessions.add(session)
    return session
  }
}

export class EchoSession implements QuerySession {
  takeEnding(): 'read' {
    return 'read'
  }

  readonly start: SessionStart
  private readonly owner: EchoQueryProcessor
  private status: TransactionStatus = 'I'
  private skipping = false
  private readonly statements = new Map<string, Statement>()
  private readonly portals = new Map<string, Portal>()
  /** Ends the statement that waits. */
  private interrupt: ((error: SqlError) => void) | undefined
  private copy: { chunks: string[]; done: (error?: SqlError) => void } | undefined

  constructor(start: SessionStart, owner: EchoQueryProcessor) {
    this.start = start
    this.owner = owner
  }

  trace(): void {}

  reportedParameters(): Iterable<readonly [string, string]> {
    return [
      ['server_version', '16.14'],
      ['server_encoding', 'UTF8'],
      ['client_encoding', 'UTF8'],
      ['DateStyle', 'ISO, MDY'],
      ['integer_datetimes', 'on'],
      ['standard_conforming_strings', 'on'],
    ]
  }

  async query(sql: string): Promise<void> {
    const { output } = this.start
    try {
      const statements = sql.split(';').filter((part) => part.trim() !== '')
      if (statements.length === 0) output.emptyQueryResponse()
      for (const part of statements) {
        const portal: Portal = { words: part.trim().split(/\s+/), parameterTypes: [], parameters: [], sent: 0 }
        this.describe(portal)
        const running = this.run(portal, 0)
        if (running !== undefined) await running
      }
    } catch (error) {
      this.failed(error)
    }
    this.skipping = false
    output.readyForQuery(this.status)
  }

  parse(name: string, sql: string, parameterTypes: readonly number[]): void {
    if (this.skipping) return
    const words = sql.trim().split(/\s+/)
    const count = new Set(sql.match(/\$\d+/g)).size
    const types = Array.from({ length: count }, (_, i) => parameterTypes[i] || text)
    this.statements.set(name, { words, parameterTypes: types })
    this.start.output.parseComplete()
  }

  bind(portal: string, statement: string, _formats: readonly number[], parameters: readonly (Buffer | null)[]): void {
    this.guarded(() => {
      const prepared = this.statements.get(statement)
      if (prepared === undefined) throw new SqlError('26000', `prepared statement "${statement}" does not exist`)
      this.portals.set(portal, { ...prepared, parameters, sent: 0 })
      this.start.output.bindComplete()
    })
  }

  describeStatement(name: string): void {
    this.guarded(() => {
      const statement = this.statements.get(name)
      if (statement === undefined) throw new SqlError('26000', `prepared statement "${name}" does not exist`)
      this.start.output.parameterDescription(statement.parameterTypes)
      this.describe(statement)
      if (this.fields(statement).length === 0) this.start.output.noData()
    })
  }

  describePortal(name: string): void {
    this.guarded(() => {
      const portal = this.portals.get(name)
      if (portal === undefined) throw new SqlError('34000', `portal "${name}" does not exist`)
      this.describe(portal)
      if (this.fields(portal).length === 0) this.start.output.noData()
    })
  }

  execute(name: string, rowsMax: number): void | Promise<void> {
    if (this.skipping) return undefined
    try {
      const portal = this.portals.get(name)
      if (portal === undefined) throw new SqlError('34000', `portal "${name}" does not exist`)
      const running = this.run(portal, rowsMax)
      if (running !== undefined) return running.catch((error) => this.failed(error))
    } catch (error) {
      this.failed(error)
    }
    return undefined
  }

  closeStatement(name: string): void {
    if (this.skipping) return
    this.statements.delete(name)
    this.start.output.closeComplete()
  }

  closePortal(name: string): void {
    if (this.skipping) return
    this.portals.delete(name)
    this.start.output.closeComplete()
  }

  sync(): void {
    this.skipping = false
    this.start.output.readyForQuery(this.status)
  }

  flush(): void {}

  reject(error: SqlError): void {
    if (!this.skipping) this.failed(error)
  }

  copyData(bytes: Buffer): void {
    this.copy?.chunks.push(bytes.toString())
  }

  copyDone(): void {
    this.copy?.done()
  }

  copyFail(message: string): void {
    this.copy?.done(new SqlError('57014', `COPY from stdin failed: ${message}`))
  }

  copyBroken(error: SqlError): void {
    this.copy?.done(error)
  }

  cancel(): void {
    this.interrupt?.(queryCanceled())
  }

  close(): void {
    this.owner.sessions.delete(this)
  }

  private guarded(action: () => void): void {
    if (this.skipping) return
    try {
      action()
    } catch (error) {
      this.failed(error)
    }
  }

  private failed(error: unknown): void {
    if (!(error instanceof SqlError)) throw error
    this.start.output.error(error)
    this.skipping = true
    if (this.status === 'T') this.status = 'E'
  }

  private fields({ words }: Statement): FieldDescription[] {
    const field = (name: string, typeOid: number): FieldDescription => ({
      name,
      tableOid: 0,
      attnum: 0,
      typeOid,
      typeLength: typeOid === int4 ? 4 : -1,
      typmod: -1,
      format: 0,
    })
    if (words[0] === 'rows') return [field('n', int4), field('filler', text)]
    if (words[0] === 'echo') return words.slice(1).map((_, i) => field(`column${i + 1}`, text))
    return []
  }

  private describe(statement: Statement): void {
    const fields = this.fields(statement)
    if (fields.length > 0) this.start.output.rowDescription(fields)
  }

  private run(portal: Portal, rowsMax: number): Promise<void> | undefined {
    const { output } = this.start
    const [verb = '', first = '', second = ''] = portal.words
    const value = (word: string): string | null => {
      if (!word.startsWith('$')) return word
      return portal.parameters[Number(word.slice(1)) - 1]?.toString() ?? null
    }
    if (this.status === 'E' && verb !== 'rollback')
      throw new SqlError('25P02', 'current transaction is aborted, commands ignored until end of transaction block')
    switch (verb) {
      case 'echo':
        output.beginRow(portal.words.length - 1)
        for (const word of portal.words.slice(1)) {
          const shown = value(word)
          if (shown === null) output.fieldNull()
          else output.fieldText(shown)
        }
        output.endRow()
        output.commandComplete('SELECT 1')
        return undefined
      case 'rows':
        return this.rows(portal, rowsMax, Number(value(first)), 'x'.repeat(Number(second || 1)))
      case 'begin':
        this.status = 'T'
        output.commandComplete('BEGIN')
        return undefined
      case 'commit':
      case 'rollback':
        this.status = 'I'
        output.commandComplete(verb.toUpperCase())
        return undefined
      case 'say':
        output.notice(notice(portal.words.slice(1).join(' ')))
        output.commandComplete('DO')
        return undefined
      case 'sleep':
        return this.sleep()
      case 'fail':
        throw new SqlError(first, portal.words.slice(2).join(' '), { detail: 'as asked', position: 1 })
      case 'bug':
        throw new TypeError('a bug as asked')
      case 'leave':
        this.start.terminate(new SqlError('57P05', 'terminating connection due to idle-session timeout'))
        return undefined
      case 'copy':
        return first === 'in' ? this.copyIn() : this.copyOut()
      default:
        throw new SqlError('42601', `syntax error at or near "${verb}"`, { position: 1 })
    }
  }

  private async rows(portal: Portal, rowsMax: number, count: number, filler: string): Promise<void> {
    const { output } = this.start
    let sent = 0
    while (portal.sent < count) {
      if (rowsMax > 0 && sent === rowsMax) {
        output.portalSuspended()
        return
      }
      output.beginRow(2)
      output.fieldText(String(portal.sent))
      output.fieldText(filler)
      output.endRow()
      portal.sent++
      sent++
      const slow = output.drain()
      if (slow !== undefined) await slow
    }
    output.commandComplete(`SELECT ${sent}`)
  }

  /** Until canceled. */
  private sleep(): Promise<void> {
    return new Promise((_, reject) => {
      this.interrupt = (error) => {
        this.interrupt = undefined
        reject(error)
      }
    })
  }

  private copyIn(): Promise<void> {
    const { output } = this.start
    const chunks: string[] = []
    const done = new Promise<void>((resolve, reject) => {
      this.copy = {
        chunks,
        done: (error) => {
          this.copy = undefined
          if (error !== undefined) return reject(error)
          const lines = chunks.join('')
          this.owner.copied.push(lines)
          output.commandComplete(`COPY ${lines.split('\n').length - 1}`)
          resolve()
        },
      }
    })
    output.copyInResponse(0, [0])
    return done
  }

  private copyOut(): undefined {
    const { output } = this.start
    output.copyOutResponse(0, [0])
    for (let i = 1; i <= 3; i++) output.copyData(Buffer.from(`${i}\n`))
    output.copyDone()
    output.commandComplete('COPY 3')
  }
}
