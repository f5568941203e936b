import { ByteWriter } from './bytes.ts'
import type { SqlType } from './values/type.ts'
import type { Value } from './values/value.ts'

/**
 * A stored row: varint column count, then for each column varint (length + 1) and the type's bytes, 0 for NULL.
 * Columns stand in attnum order, dropped ones included (as NULL). A row may be shorter than the table is wide:
 * columns added later read as `missing`.
 */
const writer = new ByteWriter(4_096)

export function encodeRow(types: readonly SqlType[], values: readonly Value[]): Buffer {
  writer.reset()
  writer.varint(values.length)
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as Value
    const at = writer.length
    writer.u8(0)
    if (value === null) continue
    ;(types[i] as SqlType).encode(value, writer)
    const size = writer.length - at
    if (size < 0x80) writer.buffer[at] = size
    else widenLength(at, size)
  }
  return writer.take()
}

/** The length did not fit the one byte kept for it: the value moves to make room. */
function widenLength(at: number, size: number): void {
  let extra = 1
  for (let rest = Math.floor(size / 0x4000); rest > 0; rest = Math.floor(rest / 0x80)) extra++
  writer.reserve(extra + 8)
  const end = at + size
  writer.buffer.copyWithin(at + 1 + extra, at + 1, end)
  writer.length = at
  writer.varint(size)
  writer.length = end + extra
}

/** Decodes the columns named in `wanted` (positions, ascending); others are left undefined in the result, absent ones are `missing[i] ?? null`. */
export function decodeRow(
  bytes: Uint8Array,
  types: readonly SqlType[],
  missing: readonly Value[],
  wanted?: readonly number[],
): Value[] {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const width = types.length
  const row = new Array<Value>(width)
  let at = 0
  let stored = buffer[at++] as number
  if (stored >= 0x80) {
    stored = wideVarint(buffer, at - 1)
    at = varintEnd
  }
  let next = 0
  for (let i = 0; i < width; i++) {
    const isWanted = wanted === undefined || wanted[next] === i
    if (isWanted) next++
    if (i >= stored) {
      if (isWanted) row[i] = missing[i] ?? null
      continue
    }
    let size = buffer[at++] as number
    if (size >= 0x80) {
      size = wideVarint(buffer, at - 1)
      at = varintEnd
    }
    if (size === 0) {
      if (isWanted) row[i] = null
      continue
    }
    const end = at + size - 1
    if (end > buffer.length) throw new RangeError('read beyond the end of the row')
    if (isWanted) row[i] = (types[i] as SqlType).decode(buffer, at, end)
    at = end
    if (wanted !== undefined && next === wanted.length) break
  }
  return row
}

/** Where the varint that `wideVarint` read last ends. */
let varintEnd = 0

function wideVarint(buffer: Buffer, start: number): number {
  let value = 0
  let unit = 1
  for (let at = start; ; at++) {
    const byte = buffer[at]
    if (byte === undefined) throw new RangeError('read beyond the end of the row')
    value += (byte & 0x7f) * unit
    if (byte < 0x80) {
      varintEnd = at + 1
      return value
    }
    unit *= 0x80
  }
}
