import type { Key } from '../../../../protocol/key.ts'
import type { SqlType } from '../../../../protocol/values/type.ts'
import type { Value } from '../../../../protocol/values/value.ts'
import type { Table } from '../catalog/schema.ts'
import { type Layout, rowKeyColumn, type Slot } from '../plan/node.ts'
import { sqlType } from '../plan/sql-type.ts'
import type { Row } from './frame.ts'

export type RowDecoder = (key: Key, bytes: Uint8Array) => Row

/**
 * Decodes exactly the columns of `layout` (the row's key first where it is asked for, then columns ascending), without a reader object and
 * without touching bytes behind the last one wanted. The form is that of protocol/row.ts.
 */
export function compileRowDecoder(table: Table, layout: Layout): RowDecoder {
  const withKey = layout[0]?.column === rowKeyColumn
  const columns = (withKey ? layout.slice(1) : layout).map((slot: Slot) => slot.column)
  const types: SqlType[] = columns.map((column) => sqlType(table.columns[column]!.type.oid))
  const missing: Value[] = columns.map((column) => table.columns[column]!.missing ?? null)
  const first = withKey ? 1 : 0
  const width = layout.length
  const last = columns.at(-1) ?? -1

  return (key, bytes) => {
    const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const row = new Array<Value>(width)
    if (withKey) row[0] = key
    let at = 0
    let stored = buffer[at++] as number
    if (stored >= 0x80) stored = (stored & 0x7f) + (buffer[at++] as number) * 0x80
    let wanted = 0
    let next = columns[0] as number
    const end = Math.min(stored - 1, last)
    for (let i = 0; i <= end; i++) {
      let length = buffer[at++] as number
      if (length >= 0x80) {
        length &= 0x7f
        let scale = 0x80
        for (;;) {
          const byte = buffer[at++] as number
          length += (byte & 0x7f) * scale
          if (byte < 0x80) break
          scale *= 0x80
        }
      }
      if (length === 0) {
        if (i === next) {
          row[first + wanted] = null
          next = columns[++wanted] as number
        }
        continue
      }
      const start = at
      at += length - 1
      if (i === next) {
        row[first + wanted] = (types[wanted] as SqlType).decode(buffer, start, at)
        next = columns[++wanted] as number
      }
    }
    for (; wanted < columns.length; wanted++) row[first + wanted] = missing[wanted] as Value
    return row
  }
}
