import { SqlError } from '../errors.ts'
import type { OutputSettings, SqlType } from './type.ts'
import type { SqlRow, Value } from './value.ts'

const anonymous = (): SqlError => new SqlError('0A000', `input of anonymous composite types is ${'not'} implemented`)

/**
 * The pseudo type of row values. It knows nothing of the fields' types: what shows, compares or sends a row calls the functions below
 * with them.
 */
export const recordType: SqlType<SqlRow> = {
  oid: 2249,
  name: 'record',
  displayName: 'record',
  category: 'P',
  preferred: false,
  length: -1,
  elementOid: 0,
  arrayOid: 0,
  input() {
    throw anonymous()
  },
  output() {
    throw new SqlError('0A000', 'a row of unknown columns cannot be shown')
  },
  receive() {
    throw anonymous()
  },
  send() {
    throw new SqlError('0A000', 'a row of unknown columns cannot be shown')
  },
  encode() {
    throw new SqlError('0A000', 'a row of unknown columns cannot be stored')
  },
  decode() {
    throw new SqlError('0A000', 'a row of unknown columns cannot be stored')
  },
}

const needsQuotes = /[\s"\\(),]|^$/
const special = /["\\]/g

function quoteField(text: string): string {
  return needsQuotes.test(text) ? `"${text.replace(special, '$&$&')}"` : text
}

/** record_out: `(1,"a b",)`; `outputs` show the fields. */
export function outputRow(
  row: SqlRow,
  outputs: readonly ((value: Value, settings: OutputSettings) => string)[],
  settings: OutputSettings,
): string {
  const fields = row.fields.map((field, i) =>
    field === null ? '' : quoteField((outputs[i] as (value: Value, settings: OutputSettings) => string)(field, settings)),
  )
  return `(${fields.join(',')})`
}

/** record_cmp: field by field, NULL last and equal to NULL. */
export function compareRows(a: SqlRow, b: SqlRow, compares: readonly ((a: Value, b: Value) => number)[]): number {
  for (let i = 0; i < compares.length; i++) {
    const left = a.fields[i] as Value
    const right = b.fields[i] as Value
    if (left === null || right === null) {
      if (left === right) continue
      return left === null ? 1 : -1
    }
    const order = (compares[i] as (a: Value, b: Value) => number)(left, right)
    if (order !== 0) return order
  }
  return 0
}
