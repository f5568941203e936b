import { ByteWriter } from '../../protocol/bytes.ts'
import type { SessionOutput } from '../../protocol/session.ts'
import type { OutputSettings, SqlType } from '../../protocol/values/type.ts'
import type { Value } from '../../protocol/values/value.ts'
import type { CopyOptions } from './copy-options.ts'
import type { RowSink } from './execution.ts'
import type { OutputColumn } from './sql/bind/bound.ts'
import { typeOf } from './sql/plan/sql-type.ts'

export const binarySignature = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1')

const escapes: Readonly<Record<string, string>> = {
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
}

/** Rows as lines (or tuples) of COPY TO STDOUT. */
export class CopyWriter implements RowSink {
  private readonly output: SessionOutput
  private readonly options: CopyOptions
  private readonly settings: OutputSettings
  private readonly columns: readonly OutputColumn[]
  private readonly types: readonly SqlType[]
  private readonly forced: readonly boolean[]
  private readonly special: RegExp
  private readonly writer = new ByteWriter(4_096)
  private readonly field = new ByteWriter(1_024)

  constructor(output: SessionOutput, columns: readonly OutputColumn[], options: CopyOptions, settings: OutputSettings) {
    this.output = output
    this.options = options
    this.settings = settings
    this.columns = columns
    this.types = columns.map(({ type }) => typeOf(type))
    const { forceQuote, delimiter, quote, escape: escaping, format } = options
    this.forced = columns.map(({ name }) => forceQuote === '*' || forceQuote.includes(name))
    const quotedDelimiter = delimiter.replace(/[\\\]^-]/g, '\\$&')
    const quotedQuote = `${quote}${escaping}`.replace(/[\\\]^-]/g, '\\$&')
    this.special =
      format === 'csv'
        ? new RegExp(`[\\r\\n${quotedDelimiter}${quotedQuote}]`)
        : new RegExp(`[\\b\\f\\n\\r\\t\\v\\\\${quotedDelimiter}]`, 'g')
  }

  begin(): void {
    if (this.options.format === 'binary') {
      this.writer.reset()
      this.writer.bytes(binarySignature)
      this.writer.i32(0)
      // In one message with the first tuple, as PostgreSQL sends it: clients rely on it.
      this.writer.i32(0)
    } else if (this.options.header !== false) {
      this.line(this.columns.map(({ name }) => (this.options.format === 'csv' ? this.csv(name, false) : this.escaped(name))))
    }
  }

  row(row: readonly Value[]): void {
    if (this.options.format === 'binary') {
      this.binary(row)
      return
    }
    const isCsv = this.options.format === 'csv'
    const texts = this.types.map((type, i) => {
      const value = row[i] as Value
      if (value === null || value === undefined) return this.options.nullText
      const text = type.output(value, this.settings)
      return isCsv ? this.csv(text, this.forced[i] === true) : this.escaped(text)
    })
    this.line(texts)
  }

  end(): void {
    if (this.options.format !== 'binary') return
    this.writer.i16(-1)
    this.output.copyData(this.writer.view())
  }

  private line(texts: readonly string[]): void {
    this.writer.reset()
    this.writer.utf8(`${texts.join(this.options.delimiter)}\n`)
    this.output.copyData(this.writer.view())
  }

  private escaped(text: string): string {
    return text.replace(this.special, (c) => escapes[c] ?? `\\${c}`)
  }

  /** Quoted when it holds something special, when it would read as NULL, or when it would be the end marker as the only field. */
  private csv(text: string, isForced: boolean): string {
    const { quote, escape: escaping, nullText } = this.options
    const isAlone = this.columns.length === 1 && text === '\\.'
    if (!isForced && !isAlone && text !== nullText && !this.special.test(text)) return text
    let out = quote
    for (const c of text) out += c === quote || c === escaping ? escaping + c : c
    return out + quote
  }

  private binary(row: readonly Value[]): void {
    const { writer, field } = this
    writer.i16(this.types.length)
    for (const [i, type] of this.types.entries()) {
      const value = row[i] as Value
      if (value === null || value === undefined) {
        writer.i32(-1)
        continue
      }
      field.reset()
      type.send(value, field)
      writer.i32(field.length)
      writer.bytes(field.view())
    }
    this.output.copyData(writer.view())
    writer.reset()
  }
}
