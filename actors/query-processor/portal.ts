import { assert } from '../../protocol/assert.ts'
import { ByteReader } from '../../protocol/bytes.ts'
import { SqlError } from '../../protocol/errors.ts'
import { typeByOid } from '../../protocol/values/registry.ts'
import type { InputSettings } from '../../protocol/values/type.ts'
import { decodeUtf8 } from '../../protocol/values/utf8.ts'
import type { Value } from '../../protocol/values/value.ts'
import { type AsideThreads, awaited } from './aside-threads.ts'
import { type Execution, RowPump } from './execution.ts'
import type { Interrupts } from './interrupts.ts'
import type { PreparedStatement } from './prepared.ts'
import { type Formats, formatsOf } from './result.ts'
import type { OutputColumn } from './sql/bind/bound.ts'
import { textInput } from './sql/functions/aside.ts'
import type { Task } from './task.ts'

/** A statement with its parameters, and how its result is to look. */
export interface PortalSource {
  readonly statement: PreparedStatement
  readonly parameters: readonly Value[]
  /** Format codes as Bind gave them. */
  readonly formats: readonly number[]
}

/** What a portal says that has no more rows. */
const emptyTags = new Map([
  ['SelectStmt', 'SELECT 0'],
  ['InsertStmt', 'INSERT 0 0'],
  ['UpdateStmt', 'UPDATE 0'],
  ['DeleteStmt', 'DELETE 0'],
  ['VariableShowStmt', 'SHOW'],
  ['ExplainStmt', 'EXPLAIN'],
])
const changes = new Set(['InsertStmt', 'UpdateStmt', 'DeleteStmt'])

/** A bound statement that is run, perhaps in several goes. */
export class Portal {
  readonly source: PortalSource
  /** One statement of several in one simple query message. */
  readonly isOneOfSeveral: boolean
  rows = 0
  done = false
  private opening: { readonly execution: Execution; readonly pump: RowPump } | undefined

  /** For pg_cursors; only a client's own portals say. */
  readonly madeAt: bigint

  constructor(source: PortalSource, isOneOfSeveral: boolean, madeAt = 0n) {
    this.madeAt = madeAt
    this.source = source
    this.isOneOfSeveral = isOneOfSeveral
  }

  opened(execution: Execution): void {
    this.opening = { execution, pump: new RowPump(execution) }
  }

  get execution(): Execution | undefined {
    return this.opening?.execution
  }

  get running(): { readonly execution: Execution; readonly pump: RowPump } {
    assert(this.opening !== undefined, 'a portal is opened before it is pumped')
    return this.opening
  }

  formatsFor(columns: readonly OutputColumn[]): Formats {
    return formatsOf(this.source.formats, columns.length)
  }

  /** Run to its end before: what answers with rows has no more of them, everything else cannot be run twice. */
  repeatedTag(name: string): string {
    const { kind, columns } = this.source.statement
    const tag = emptyTags.get(kind)
    if (tag !== undefined && (columns !== undefined || !changes.has(kind))) return tag
    throw new SqlError('55000', `portal "${name}" cannot be run`)
  }

  close(): void {
    const { opening } = this
    if (opening === undefined) return
    this.opening = undefined
    opening.pump.close()
  }
}

/** The parameters of a Bind message as values of the statement's types. */
export function boundParameters(
  statement: PreparedStatement,
  name: string,
  formats: readonly number[],
  parameters: readonly (Buffer | null)[],
  settings: InputSettings,
  /** Those that were read already, by their places. */
  known?: ReadonlyMap<number, Value>,
): Value[] {
  const types = statement.parameterTypes
  if (formats.length > 1 && formats.length !== parameters.length) {
    throw new SqlError('08P01', `bind message has ${formats.length} parameter formats but ${parameters.length} parameters`)
  }
  if (parameters.length !== types.length) {
    throw new SqlError(
      '08P01',
      `bind message supplies ${parameters.length} parameters, but prepared statement "${name}" requires ${types.length}`,
    )
  }
  return parameters.map((bytes, i) => {
    if (bytes === null) return null
    const value = known?.get(i)
    if (value !== undefined) return value
    const format = formats.length === 0 ? 0 : (formats[formats.length === 1 ? 0 : i] as number)
    const type = typeByOid(types[i] as number)
    if (type === undefined) throw new SqlError('42P18', `could not determine data type of parameter $${i + 1}`)
    const where = (error: unknown): unknown =>
      error instanceof SqlError ? error.with({ where: parameterContext(i, format, bytes) }) : error
    try {
      if (format === 0) return type.input(decodeUtf8(bytes, 0, bytes.length), -1, settings)
      if (format === 1) {
        const reader = new ByteReader(bytes)
        const value = type.receive(reader, -1)
        if (reader.remaining > 0) throw new SqlError('22P03', `incorrect binary data format in bind parameter ${i + 1}`)
        return value
      }
    } catch (error) {
      if (error instanceof RangeError) throw new SqlError('08P01', 'insufficient data left in message')
      throw where(error)
    }
    throw new SqlError('22023', `unsupported format code: ${format}`)
  })
}

/** Documents so long are read aside; in bytes. */
const asideBytesMin = 1_000_000

const noPlaces: readonly number[] = []

/** Places of the parameters that take long to read: texts of json and jsonb. */
export function longParameters(
  { parameterTypes }: PreparedStatement,
  formats: readonly number[],
  parameters: readonly (Buffer | null)[],
): readonly number[] {
  let places: number[] | undefined
  for (let i = 0; i < parameters.length; i++) {
    const bytes = parameters[i]
    if (bytes === null || bytes === undefined || bytes.length < asideBytesMin) continue
    const isDocument = parameterTypes[i] === 114 || parameterTypes[i] === 3802
    if (isDocument && (formats[formats.length === 1 ? 0 : i] ?? 0) === 0) (places ??= []).push(i)
  }
  return places ?? noPlaces
}

/** As longParameters found them, read aside. */
export function* readAside(
  threads: AsideThreads,
  { parameterTypes }: PreparedStatement,
  places: readonly number[],
  parameters: readonly (Buffer | null)[],
  interrupts: Interrupts,
): Task<Map<number, Value>> {
  const values = new Map<number, Value>()
  for (const i of places) {
    const bytes = parameters[i] as Buffer
    try {
      const reading = threads.ask(textInput(parameterTypes[i] as number), [decodeUtf8(bytes, 0, bytes.length)])
      values.set(i, yield* awaited(reading, interrupts))
    } catch (error) {
      throw error instanceof SqlError && error.code !== '57014' ? error.with({ where: parameterContext(i, 0, bytes) }) : error
    }
  }
  return values
}

/** As PostgreSQL says it with log_parameter_max_length_on_error = 0: the value itself is not told. */
function parameterContext(index: number, format: number, bytes: Buffer): string {
  const value = format === 0 ? ` = ${bytes.length === 0 ? "''" : "'...'"}` : ''
  return `unnamed portal parameter $${index + 1}${value}`
}
