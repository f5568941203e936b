import { ByteReader, ByteWriter } from './bytes.ts'
import type { SqlType } from './values/type.ts'
import type { Value } from './values/value.ts'

/**
 * A stored row: varint column count, then for each column varint (length + 1) and the type's bytes, 0 for NULL.
 * Columns stand in attnum order, dropped ones included (as NULL). A row may be shorter than the table is wide:
 * columns added later read as `missing`.
 */
const writer = new ByteWriter(4_096)
const value = new ByteWriter(1_024)

export function encodeRow(types: readonly SqlType[], values: readonly Value[]): Buffer {
  writer.reset()
  writer.varint(values.length)
  for (let i = 0; i < values.length; i++) {
    const v = values[i] as Value
    if (v === null) {
      writer.u8(0)
      continue
    }
    value.reset()
    ;(types[i] as SqlType).encode(v, value)
    writer.varint(value.length + 1)
    writer.bytes(value.view())
  }
  return writer.take()
}

/** Decodes the columns named in `wanted` (positions, ascending); others are left undefined in the result, absent ones are `missing[i] ?? null`. */
export function decodeRow(
  bytes: Uint8Array,
  types: readonly SqlType[],
  missing: readonly Value[],
  wanted?: readonly number[],
): Value[] {
  const reader = new ByteReader(bytes)
  const stored = reader.varint()
  const width = types.length
  const row = new Array<Value>(width)
  let next = 0
  for (let i = 0; i < width; i++) {
    const isWanted = wanted === undefined || wanted[next] === i
    if (isWanted) next++
    if (i >= stored) {
      if (isWanted) row[i] = missing[i] ?? null
      continue
    }
    const length = reader.varint()
    if (length === 0) {
      if (isWanted) row[i] = null
      continue
    }
    const start = reader.at
    reader.at = start + length - 1
    if (isWanted) row[i] = (types[i] as SqlType).decode(reader.buffer, start, reader.at)
    if (wanted !== undefined && next === wanted.length) break
  }
  return row
}
