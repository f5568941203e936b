import { SqlError, unsupported } from '../../protocol/errors.ts'
import { typeByOid } from '../../protocol/values/registry.ts'
import type { InputSettings, SqlType } from '../../protocol/values/type.ts'
import { decodeUtf8 } from '../../protocol/values/utf8.ts'
import type { Value } from '../../protocol/values/value.ts'
import { readOnlyTransaction } from './block.ts'
import { CopyBinary } from './copy-binary.ts'
import { CopyIn, copyFormatError } from './copy-in.ts'
import { CopyLines, csvFields, textFields } from './copy-lines.ts'
import { type CopyOption, type CopyOptions, readCopyOptions } from './copy-options.ts'
import { CopyWriter } from './copy-out.ts'
import { RowPump } from './execution.ts'
import { type Answer, newRun, openPlanned } from './planned.ts'
import { PreparedStatement } from './prepared.ts'
import type { Session } from './session.ts'
import type { Table } from './sql/catalog/schema.ts'
import { execute, executeAtOnce } from './sql/execute/execute.ts'
import { type Run, Suspension } from './sql/execute/run.ts'
import type { Plan } from './sql/plan/node.ts'
import { arrived, type Task } from './task.ts'

interface CopyStmt {
  readonly relation?: { readonly relname: string; readonly schemaname?: string }
  readonly query?: unknown
  readonly attlist?: readonly { readonly String: { readonly sval: string } }[]
  readonly is_from?: boolean
  readonly is_program?: boolean
  readonly filename?: string
  readonly options?: readonly CopyOption[]
  readonly whereClause?: unknown
}

export function* copy(session: Session, statement: PreparedStatement): Task<Answer> {
  const body = statement.body as CopyStmt
  const isFrom = body.is_from === true
  if (body.filename !== undefined)
    throw unsupported(`COPY ${isFrom ? 'FROM' : 'TO'} ${body.is_program === true ? 'PROGRAM' : 'a file of the server'}`)
  const options = readCopyOptions(body.options ?? [], isFrom, (location) => statement.parsed.positionOf(location))
  if (!isFrom) return yield* copyTo(session, statement, body, options)
  if (body.whereClause !== undefined) throw unsupported('COPY FROM with WHERE')
  if (session.block.readOnly) throw readOnlyTransaction('COPY FROM')
  return yield* copyFrom(session, statement, body, options)
}

const listed = ({ attlist = [] }: CopyStmt): readonly string[] => attlist.map((node) => node.String.sval)

/** The statement whose rows go out, or whose parameters come in, made of the same parse tree. */
function derived(statement: PreparedStatement, node: unknown): PreparedStatement {
  const made = new PreparedStatement({ ...statement.parsed, node }, [], undefined)
  // An INSERT's parameters are ours: a $ in the text is a delimiter or a quote.
  made.infersParameters = statement.kind === 'CopyStmt' && (statement.body as CopyStmt).query === undefined
  return made
}

const selectHead = { limitOption: 'LIMIT_OPTION_DEFAULT', op: 'SETOP_NONE' }

/** The table that is named, with the columns COPY means: those listed, or all. */
function* tableAndColumns(
  session: Session,
  statement: PreparedStatement,
  body: CopyStmt,
): Task<{ table: Table; names: readonly string[] }> {
  const unplaced = new PreparedStatement({ ...statement.parsed, positionOf: () => undefined }, [], undefined)
  const probe = derived(unplaced, { SelectStmt: { ...selectHead, fromClause: [{ RangeVar: body.relation }] } })
  yield* session.plan(probe)
  const catalog = yield* arrived(session.catalog())
  const { bound } = session.planFor(probe, catalog, true)
  const name = body.relation?.relname ?? ''
  const relation = catalog.relationByOid(bound.relations[0] ?? 0)
  if (relation?.kind !== 'table') {
    const to = body.is_from === true ? 'to' : 'from'
    const hint = body.is_from === true ? {} : { hint: 'Try the COPY (SELECT ...) TO variant.' }
    throw new SqlError('42809', `cannot copy ${to} ${relation?.kind === 'sequence' ? 'sequence' : 'view'} "${name}"`, hint)
  }
  const all = relation.columns.filter(({ dropped }) => !dropped).map((column) => column.name)
  const wanted = listed(body)
  for (const [i, column] of wanted.entries()) {
    if (!all.includes(column)) throw new SqlError('42703', `column "${column}" of relation "${name}" does not exist`)
    if (wanted.indexOf(column) !== i) throw new SqlError('42701', `column "${column}" specified more than once`)
  }
  return { table: relation, names: wanted.length > 0 ? wanted : all }
}

/** FORCE_... names columns: of the table (undefined for a query), and among those that are copied. */
function checkReferenced(
  option: string,
  names: readonly string[] | '*',
  columns: readonly string[],
  table: Table | undefined,
): void {
  if (names === '*') return
  for (const name of names) {
    if (columns.includes(name)) continue
    if (table?.columns.some((column) => column.name === name && !column.dropped) === true) {
      throw new SqlError('42P10', `${option} column "${name}" not referenced by COPY`)
    }
    const of = table === undefined ? '' : ` of relation "${table.name}"`
    throw new SqlError('42703', `column "${name}"${of} does not exist`)
  }
}

/* ---------------------------------------------------------------- TO STDOUT */

function* copyTo(session: Session, statement: PreparedStatement, body: CopyStmt, options: CopyOptions): Task<Answer> {
  let query = body.query
  let table: Table | undefined
  if (body.relation !== undefined) {
    const found = yield* tableAndColumns(session, statement, body)
    const { names } = found
    table = found.table
    const targetList = names.map((sval) => ({ ResTarget: { val: { ColumnRef: { fields: [{ String: { sval } }] } } } }))
    query = { SelectStmt: { ...selectHead, targetList, fromClause: [{ RangeVar: body.relation }] } }
  }
  const source = derived(statement, query)
  if (!source.isPlannable) throw unsupported('COPY of this statement')
  const execution = yield* arrived(openPlanned(session, { statement: source, parameters: [], formats: [] }))
  const pump = new RowPump(execution)
  try {
    const { columns } = execution
    if (columns === undefined) throw new SqlError('0A000', 'COPY query must have a RETURNING clause')
    checkReferenced(
      'FORCE_QUOTE',
      options.forceQuote,
      columns.map(({ name }) => name),
      table,
    )
    const format = options.format === 'binary' ? 1 : 0
    const writer = new CopyWriter(session.output, columns, options, session.environment.current().input)
    session.output.copyOutResponse(
      format,
      columns.map(() => format),
    )
    writer.begin()
    const rows = yield* pump.pump(writer, 0, session.interrupts, session.output)
    writer.end()
    session.output.copyDone()
    return { tag: `COPY ${rows}` }
  } finally {
    pump.close()
  }
}

/* ---------------------------------------------------------------- FROM STDIN */

/** Rows between two looks at the clock. */
const rowsPerTurn = 64

function* copyFrom(session: Session, statement: PreparedStatement, body: CopyStmt, options: CopyOptions): Task<Answer> {
  const { table, names } = yield* tableAndColumns(session, statement, body)
  checkReferenced('FORCE_NOT_NULL', options.forceNotNull, names, table)
  checkReferenced('FORCE_NULL', options.forceNull, names, table)
  const insert = derived(statement, insertNode(body, names))
  yield* session.plan(insert)
  const catalog = yield* arrived(session.catalog())
  const { plan } = session.planFor(insert, catalog, true)
  const values: Value[] = new Array<Value>(names.length).fill(null)
  const { run, release } = newRun(session, catalog, values)
  const stream = new CopyIn()
  session.copyIn = stream
  try {
    const format = options.format === 'binary' ? 1 : 0
    session.output.copyInResponse(
      format,
      names.map(() => format),
    )
    const load = new CopyLoad(session, { table, names, types: columnTypes(table, names), options, plan, run, values })
    if (options.format === 'binary') yield* load.binary(stream)
    else yield* load.lines(stream)
    return { tag: `COPY ${load.rows}` }
  } finally {
    session.copyIn = undefined
    stream.close()
    release()
  }
}

/** `INSERT INTO t (a, b) VALUES ($1, $2)`: defaults, checks and indexes are the insert's business. */
function insertNode({ relation }: CopyStmt, names: readonly string[]): unknown {
  const items = names.map((_, i) => ({ ParamRef: { number: i + 1, location: -1 } }))
  return {
    InsertStmt: {
      relation,
      cols: names.map((name) => ({ ResTarget: { name, location: -1 } })),
      selectStmt: { SelectStmt: { ...selectHead, valuesLists: [{ List: { items } }] } },
      override: 'OVERRIDING_SYSTEM_VALUE',
    },
  }
}

function columnTypes(table: Table, names: readonly string[]): { type: SqlType; typmod: number }[] {
  return names.map((name) => {
    const column = table.columns.find((one) => one.name === name && !one.dropped)
    return { type: typeByOid(column?.type.oid ?? 0) as SqlType, typmod: column?.type.typmod ?? -1 }
  })
}

interface Load {
  readonly table: Table
  readonly names: readonly string[]
  readonly types: readonly { type: SqlType; typmod: number }[]
  readonly options: CopyOptions
  readonly plan: Plan
  readonly run: Run
  /** The parameters of the insert, filled anew for every row. */
  readonly values: Value[]
}

class CopyLoad {
  rows = 0
  private line = 0
  private reading = false
  private readonly session: Session
  private readonly load: Load
  private readonly settings: InputSettings
  private readonly affected = { rows: 0 }

  constructor(session: Session, load: Load) {
    this.session = session
    this.load = load
    this.settings = session.inputSettings()
  }

  *lines(stream: CopyIn): Task<void> {
    const { options } = this.load
    const lines = new CopyLines(options)
    let text = ''
    let field: string | undefined
    try {
      for (;;) {
        field = undefined
        text = ''
        this.reading = true
        const line = lines.next()
        if (line === undefined) {
          const chunk = yield* stream.next()
          if (chunk === undefined) {
            lines.end()
            const last = lines.next()
            if (last === undefined) return
            this.reading = false
            this.line++
            text = decodeUtf8(last, 0, last.length)
            field = yield* this.take(text, (at) => (field = at))
            return
          }
          lines.feed(chunk)
          continue
        }
        this.reading = false
        this.line++
        text = decodeUtf8(line, 0, line.length)
        field = yield* this.take(text, (at) => (field = at))
      }
    } catch (error) {
      throw this.located(error, text, field)
    }
  }

  private *take(text: string, tell: (field: string) => void): Task<undefined> {
    const { options, names } = this.load
    if (this.line === 1 && options.header !== false) {
      if (options.header === 'match') this.matchHeader(text)
      return undefined
    }
    if (options.format === 'csv') this.csvValues(text, tell)
    else this.textValues(text, tell)
    tell('')
    if (names.length > 0 || text === '') yield* this.insert()
    return undefined
  }

  private matchHeader(text: string): void {
    const { options, names } = this.load
    const fields = options.format === 'csv' ? csvFields(text, options).map((one) => one.text) : textFields(text, options)
    if (fields.length !== names.length) {
      throw copyFormatError(`wrong number of fields in header line: got ${fields.length}, expected ${names.length}`)
    }
    for (const [i, name] of names.entries()) {
      const field = fields[i]
      if (field === name) continue
      const got = field === null ? 'null value ("\\N")' : `"${field}"`
      throw copyFormatError(`column name mismatch in header line field ${i + 1}: got ${got}, expected "${name}"`)
    }
  }

  private textValues(text: string, tell: (field: string) => void): void {
    const { options, names } = this.load
    const fields = names.length === 0 && text === '' ? [] : textFields(text, options)
    this.checkExtra(fields.length)
    for (const [i, field] of fields.entries()) this.put(i, field, tell)
    this.checkMissing(fields.length, tell)
  }

  private csvValues(text: string, tell: (field: string) => void): void {
    const { options, names } = this.load
    const fields = names.length === 0 && text === '' ? [] : csvFields(text, options)
    this.checkExtra(fields.length)
    for (const [i, { text: field, isNull }] of fields.entries()) {
      const name = names[i] as string
      const forcedNull = options.forceNull.includes(name) && field === options.nullText
      const forcedText = options.forceNotNull.includes(name)
      this.put(i, forcedNull || (isNull && !forcedText) ? null : field, tell)
    }
    this.checkMissing(fields.length, tell)
  }

  private checkExtra(count: number): void {
    if (count > this.load.names.length) throw copyFormatError('extra data after last expected column')
  }

  /** Behind the fields that are there: what is wrong in one of those is told first. */
  private checkMissing(count: number, tell: (field: string) => void): void {
    const { names } = this.load
    if (count >= names.length) return
    tell('')
    throw copyFormatError(`missing data for column "${names[count]}"`)
  }

  private put(i: number, field: string | null, tell: (field: string) => void): void {
    const { types, names, values } = this.load
    if (field === null) {
      values[i] = null
      return
    }
    const { type, typmod } = types[i] as Load['types'][number]
    try {
      values[i] = type.input(field, typmod, this.settings)
    } catch (error) {
      tell(`, column ${names[i]}: "${clipped(field)}"`)
      throw error
    }
  }

  *binary(stream: CopyIn): Task<void> {
    const { types, names, values } = this.load
    const tuples = new CopyBinary()
    try {
      for (;;) {
        this.line++
        const tuple = yield* tuples.next(stream)
        if (tuple === undefined) return
        this.checkBinaryCount(tuple.length)
        for (const [i, bytes] of tuple.entries()) {
          const { type, typmod } = types[i] as Load['types'][number]
          try {
            values[i] = bytes === null ? null : tuples.value(bytes, type, typmod)
          } catch (error) {
            throw error instanceof SqlError
              ? error.with({ where: `COPY ${this.load.table.name}, line ${this.line}, column ${names[i]}` })
              : error
          }
        }
        yield* this.insert()
      }
    } catch (error) {
      throw error instanceof SqlError ? error.with({ where: `COPY ${this.load.table.name}, line ${this.line}` }) : error
    }
  }

  private checkBinaryCount(count: number): void {
    if (count !== this.load.names.length) {
      throw copyFormatError(`row field count is ${count}, expected ${this.load.names.length}`)
    }
  }

  private *insert(): Task<void> {
    const { plan, run } = this.load
    if (executeAtOnce(plan, run, this.affected) === undefined) {
      for (const item of execute(plan, run, this.affected)) {
        if (!(item instanceof Suspension)) continue
        if (item.promise !== undefined) yield this.session.interrupts.guard(item.promise)
      }
    }
    this.rows++
    if (this.rows % rowsPerTurn !== 0) return
    this.session.interrupts.check()
    if (this.session.interrupts.isDue()) yield this.session.interrupts.pause()
  }

  /** CONTEXT: COPY t, line 2, column a: "x" */
  private located(error: unknown, text: string, field: string | undefined): unknown {
    if (!(error instanceof SqlError)) return error
    // What is wrong between two lines is told of the next one.
    const where = `COPY ${this.load.table.name}, line ${this.reading ? this.line + 1 : this.line}`
    if (field !== undefined && field !== '') return error.with({ where: where + field })
    if (error.code === '23505' || text === '') return error.with({ where })
    return error.with({ where: `${where}: "${clipped(text)}"` })
  }
}

/** limit_printout_length */
function clipped(text: string): string {
  return text.length <= 100 ? text : `${text.slice(0, 100)}...`
}
