import { ByteWriter } from '../../protocol/bytes.ts'
import { SqlError } from '../../protocol/errors.ts'
import type { FieldDescription, SessionOutput } from '../../protocol/session.ts'
import type { OutputSettings, SqlType } from '../../protocol/values/type.ts'
import type { Value } from '../../protocol/values/value.ts'
import type { OutputColumn } from './sql/bind/bound.ts'
import { sqlType, typeOf } from './sql/plan/sql-type.ts'

type Row = readonly Value[]
export type Formats = readonly (0 | 1)[]

/** Result format codes of Bind: none = all text, one = for all, else one per column. */
export function formatsOf(codes: readonly number[], columns: number): Formats {
  for (const code of codes) if (code !== 0 && code !== 1) throw new SqlError('22023', `unsupported format code: ${code}`)
  if (codes.length === 0) return new Array<0>(columns).fill(0)
  if (codes.length === 1) return new Array<0 | 1>(columns).fill(codes[0] as 0 | 1)
  if (codes.length !== columns) {
    throw new SqlError('08P01', `bind message has ${codes.length} result formats but query has ${columns} columns`)
  }
  return codes as Formats
}

export function describe(columns: readonly OutputColumn[], formats?: Formats): FieldDescription[] {
  return columns.map((column, i) => ({
    name: column.name,
    tableOid: column.tableOid,
    attnum: column.attnum,
    typeOid: column.type.oid,
    typeLength: sqlType(column.type.oid).length,
    typmod: column.type.typmod,
    format: formats?.[i] ?? 0,
  }))
}

const binary = new ByteWriter(1_024)

/** In a row instead of a value: the text it is for the client. */
export class WrittenText {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

const writtenText = (type: SqlType, value: Value, settings: OutputSettings): string =>
  (value as unknown) instanceof WrittenText ? (value as unknown as WrittenText).text : type.output(value, settings)

/** Writes rows of one result as DataRow messages. */
export class RowWriter {
  private readonly output: SessionOutput
  private readonly types: readonly SqlType[]
  private readonly formats: Formats
  private readonly settings: OutputSettings

  constructor(output: SessionOutput, columns: readonly OutputColumn[], formats: Formats, settings: OutputSettings) {
    this.output = output
    this.types = columns.map(({ type }) => typeOf(type))
    this.formats = formats
    this.settings = settings
  }

  row(row: Row): void {
    const { output, types, formats } = this
    const width = types.length
    output.beginRow(width)
    for (let i = 0; i < width; i++) {
      const value = row[i] as Value
      if (value === null || value === undefined) output.fieldNull()
      else if (formats[i] === 0) output.fieldText(writtenText(types[i] as SqlType, value, this.settings))
      else {
        binary.reset()
        ;(types[i] as SqlType).send(value, binary)
        output.fieldBytes(binary.view())
      }
    }
    output.endRow()
  }
}

/** A column of a result that is not a query's. */
export function plainColumn(name: string, oid = 25): OutputColumn {
  return { name, type: { oid, typmod: -1 }, tableOid: 0, attnum: 0 }
}
