import type { ByteWriter } from '../bytes.ts'
import { invalidText, SqlError } from '../errors.ts'
import { need } from './binary-input.ts'
import { isSpace } from './space.ts'
import type { SqlType } from './type.ts'

const digitOf = (code: number): number => {
  if (code >= 48 && code <= 57) return code - 48
  const lower = code | 32
  return lower >= 97 && lower <= 102 ? lower - 87 : 99
}

const valueOutOfRange = (type: string, text: string): SqlError =>
  new SqlError('22003', `value "${text}" is out of range for type ${type}`)

/** Plain decimal text of at most 15 digits, the everyday case; NaN for anything else. */
function plainInteger(text: string): number {
  const length = text.length
  let at = length > 0 && text.charCodeAt(0) === 45 ? 1 : 0
  const negative = at === 1
  if (length === at || length - at > 15) return Number.NaN
  let value = 0
  for (; at < length; at++) {
    const digit = text.charCodeAt(at) - 48
    if (digit < 0 || digit > 9) return Number.NaN
    value = value * 10 + digit
  }
  return negative && value !== 0 ? -value : value
}

/**
 * pg_strtoint*_safe: white space, sign, 0x 0o 0b, underscores between digits. `limit` is 2^(bits - 1). Overflow is noticed while digits are
 * read, so it comes before a complaint about what follows them, except in the very last digit.
 */
function parseInteger(text: string, limit: bigint, type: string): bigint {
  let at = 0
  while (isSpace(text.charCodeAt(at))) at++
  const negative = text[at] === '-'
  if (negative || text[at] === '+') at++
  let base = 10
  if (text[at] === '0') {
    const letter = text[at + 1]?.toLowerCase()
    base = letter === 'x' ? 16 : letter === 'o' ? 8 : letter === 'b' ? 2 : 10
    if (base !== 10) at += 2
  }
  const first = at
  const isDigit = (position: number): boolean => digitOf(text.charCodeAt(position)) < base
  const bigBase = BigInt(base)
  const highest = limit / bigBase
  let value = 0n
  for (;;) {
    if (isDigit(at)) {
      if (value > highest) throw valueOutOfRange(type, text)
      value = value * bigBase + BigInt(digitOf(text.charCodeAt(at++)))
    } else if (text[at] === '_') {
      if ((base === 10 && at === first) || !isDigit(at + 1)) throw invalidText(type, text)
      at++
    } else {
      break
    }
  }
  if (at === first) throw invalidText(type, text)
  while (at < text.length && isSpace(text.charCodeAt(at))) at++
  if (at < text.length) throw invalidText(type, text)
  if (negative ? value > limit : value >= limit) throw valueOutOfRange(type, text)
  return negative ? -value : value
}

function parseInt2(text: string): number {
  const value = plainInteger(text)
  return value >= -0x8000 && value < 0x8000 ? value : Number(parseInteger(text, 0x8000n, 'smallint'))
}

function parseInt4(text: string): number {
  const value = plainInteger(text)
  return value >= -0x80000000 && value < 0x80000000 ? value : Number(parseInteger(text, 0x80000000n, 'integer'))
}

function parseInt8(text: string): bigint {
  const value = plainInteger(text)
  return Number.isNaN(value) ? parseInteger(text, 0x8000000000000000n, 'bigint') : BigInt(value)
}

/** As few big-endian two's complement bytes as hold the value; none for 0. Shared by rows' int2, int4 and small int8. */
export function encodeSmall(value: number, writer: ByteWriter): void {
  if (value === 0) return
  writer.reserve(4)
  const { buffer } = writer
  let at = writer.length
  if (value >= -0x80 && value < 0x80) {
    buffer[at++] = value
  } else if (value >= -0x8000 && value < 0x8000) {
    buffer[at++] = value >> 8
    buffer[at++] = value
  } else if (value >= -0x800000 && value < 0x800000) {
    buffer[at++] = value >> 16
    buffer[at++] = value >> 8
    buffer[at++] = value
  } else {
    buffer[at++] = value >> 24
    buffer[at++] = value >> 16
    buffer[at++] = value >> 8
    buffer[at++] = value
  }
  writer.length = at
}

export function decodeSmall(buffer: Buffer, start: number, end: number): number {
  if (start === end) return 0
  let value = ((buffer[start] as number) << 24) >> 24
  for (let at = start + 1; at < end; at++) value = (value << 8) | (buffer[at] as number)
  return value
}

const byNumber = (a: number, b: number): number => a - b
const itself = <T>(value: T): T => value

export const int2Type: SqlType<number> = {
  oid: 21,
  name: 'int2',
  displayName: 'smallint',
  category: 'N',
  preferred: false,
  length: 2,
  elementOid: 0,
  arrayOid: 1005,
  input: parseInt2,
  output: (value) => String(value),
  receive(reader) {
    need(reader, 2)
    return reader.i16()
  },
  send: (value, writer) => writer.i16(value),
  compare: byNumber,
  hashKey: itself,
  encodeKey: (value, writer) => writer.i16(((value ^ 0x8000) << 16) >> 16),
  encode: encodeSmall,
  decode: decodeSmall,
}

export const int4Type: SqlType<number> = {
  oid: 23,
  name: 'int4',
  displayName: 'integer',
  category: 'N',
  preferred: false,
  length: 4,
  elementOid: 0,
  arrayOid: 1007,
  input: parseInt4,
  output: (value) => String(value),
  receive(reader) {
    need(reader, 4)
    return reader.i32()
  },
  send: (value, writer) => writer.i32(value),
  compare: byNumber,
  hashKey: itself,
  encodeKey: (value, writer) => writer.i32(value ^ 0x80000000),
  encode: encodeSmall,
  decode: decodeSmall,
}

const int4Min = -0x80000000n
const int4Max = 0x7fffffffn
const int6Min = -0x800000000000n
const int6Max = 0x7fffffffffffn

export const int8Type: SqlType<bigint> = {
  oid: 20,
  name: 'int8',
  displayName: 'bigint',
  category: 'N',
  preferred: false,
  length: 8,
  elementOid: 0,
  arrayOid: 1016,
  input: parseInt8,
  output: (value) => value.toString(),
  receive(reader) {
    need(reader, 8)
    return reader.i64()
  },
  send: (value, writer) => writer.i64(value),
  compare: (a, b) => (a < b ? -1 : a > b ? 1 : 0),
  hashKey: itself,
  encodeKey: (value, writer) => writer.i64(BigInt.asIntN(64, value ^ 0x8000000000000000n)),
  encode: encodeInt8,
  decode: decodeInt8,
}

export function encodeInt8(value: bigint, writer: ByteWriter): void {
  if (value >= int4Min && value <= int4Max) {
    encodeSmall(Number(value), writer)
  } else if (value >= int6Min && value <= int6Max) {
    writer.reserve(6)
    writer.length = writer.buffer.writeIntBE(Number(value), writer.length, 6)
  } else {
    writer.i64(value)
  }
}

export function decodeInt8(buffer: Buffer, start: number, end: number): bigint {
  const length = end - start
  if (length <= 4) return BigInt(decodeSmall(buffer, start, end))
  return length === 6 ? BigInt(buffer.readIntBE(start, 6)) : buffer.readBigInt64BE(start)
}
