import { assert } from '../../../../protocol/assert.ts'
import { ByteWriter } from '../../../../protocol/bytes.ts'
import { SqlError } from '../../../../protocol/errors.ts'
import { type Key, keyBytesMax, storagePrefix } from '../../../../protocol/key.ts'
import type { Mode } from '../../../../protocol/messages.ts'
import type { Value } from '../../../../protocol/values/value.ts'
import type { Index, Table } from '../catalog/schema.ts'
import { sqlType } from './sql-type.ts'

/**
 * Where rows and index entries lie.
 *
 * Row: storage prefix of the table, then each primary-key column's key encoding; without a primary key the hidden 8-byte row id.
 * Index entry: storage prefix of the index, then per column a marker byte (0x01 value, 0x02 NULL sorting last, 0x00 NULL sorting first) and
 * the key encoding, all bytes of the column inverted for DESC. An entry of a unique index without NULL (or NULLS NOT DISTINCT) ends
 * here and is written X; every other entry goes on with the row key's tail and is written E. The post-image is that tail in both cases.
 */
const writer = new ByteWriter(2_048)

const markerValue = 0x01
const markerNullLast = 0x02
const markerNullFirst = 0x00

/** Columns of the primary key are never NULL. */
export function encodeKeyColumn(typeOid: number, value: Value, into: ByteWriter): void {
  const type = sqlType(typeOid)
  assert(type.encodeKey !== undefined && value !== null, 'a key column has an order and a value')
  type.encodeKey(value, into)
}

/** One column of an index entry. `nullsFirst` is as declared; inverting a DESC column's bytes turns its marker round as well. */
export function encodeIndexColumn(
  typeOid: number,
  value: Value,
  order: { readonly descending: boolean; readonly nullsFirst: boolean },
  into: ByteWriter,
): void {
  const start = into.length
  if (value === null) into.u8(order.nullsFirst !== order.descending ? markerNullFirst : markerNullLast)
  else {
    into.u8(markerValue)
    encodeKeyColumn(typeOid, value, into)
  }
  if (order.descending) invert(into, start)
}

function invert(into: ByteWriter, start: number): void {
  const { buffer, length } = into
  for (let i = start; i < length; i++) buffer[i] = ~(buffer[i] as number) & 0xff
}

const columnType = (table: Table, attnum: number): number => {
  const column = table.columns[attnum - 1]
  assert(column !== undefined, 'a key column exists')
  return column.type.oid
}

/** The key of a row of a table with a primary key; `row` is in full width, by attnum - 1. */
export function rowKey(table: Table, row: readonly Value[]): Key {
  const primary = table.primaryKey
  assert(primary !== undefined, 'a table without primary key takes its keys from nextRowId')
  writer.reset()
  for (const { attnum } of primary.columns) encodeKeyColumn(columnType(table, attnum), row[attnum - 1] as Value, writer)
  const key = (storagePrefix(table.storageId) + writer.buffer.latin1Slice(0, writer.length)) as Key
  if (key.length > keyBytesMax) throw keyTooLong(key.length, primary.name)
  return key
}

export const hiddenRowKey = (table: Table, rowId: Key): Key => (storagePrefix(table.storageId) + rowId) as Key

/** The row key without its storage prefix: what index entries hold. */
const rowKeyTail = (key: Key): string => key.slice(4)

export interface IndexEntry {
  readonly key: Key
  readonly mode: Mode
  readonly postImage: Buffer
  /** Nobody else may hold this key. */
  readonly unique: boolean
}

export function indexEntry(table: Table, index: Index, row: readonly Value[], key: Key): IndexEntry {
  writer.reset()
  let hasNull = false
  for (const column of index.columns) {
    const value = row[column.attnum - 1] ?? null
    if (value === null) hasNull = true
    encodeIndexColumn(columnType(table, column.attnum), value, column, writer)
  }
  const unique = index.unique && (!hasNull || index.nullsNotDistinct)
  const tail = rowKeyTail(key)
  const columns = writer.buffer.latin1Slice(0, writer.length)
  const entry = (storagePrefix(index.storageId) + columns + (unique ? '' : tail)) as Key
  if (entry.length > keyBytesMax) throw keyTooLong(entry.length, index.name)
  return { key: entry, mode: unique ? 'X' : 'E', postImage: Buffer.from(tail, 'latin1'), unique }
}

/** The row that an index entry stands for. */
export const rowKeyOfEntry = (table: Table, postImage: Uint8Array): Key =>
  (storagePrefix(table.storageId) +
    Buffer.from(postImage.buffer, postImage.byteOffset, postImage.byteLength).latin1Slice()) as Key

const keyTooLong = (bytes: number, index: string): SqlError =>
  new SqlError('54000', `index row size ${bytes} exceeds maximum ${keyBytesMax} for index "${index}"`, {
    hint: 'Values larger than 1/3 of a buffer page cannot be indexed.\nConsider a function index of an MD5 hash of the value, or use full text indexing.',
  })
