import { createHash } from 'node:crypto'
import { SqlError, unsupported } from '../../../../protocol/errors.ts'
import { bytesToHex, compareBytes, decodeEscape, decodeHex } from '../../../../protocol/values/bytea.ts'
import { decodeUtf8 } from '../../../../protocol/values/utf8.ts'
import { aggregate } from './aggregate.ts'
import { comparisons, ordering } from './comparison.ts'
import type { Implementations, ScalarFunction } from './registry.ts'
import { negativeLength } from './text.ts'

type Functions = Record<string, ScalarFunction>

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/* ---------------------------------------------------------------- parts */

function joinBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

function slice(bytes: Uint8Array, start: number, length?: number): Uint8Array {
  if (length !== undefined && length < 0) throw negativeLength()
  const end = length === undefined || start + length > 0x7fffffff ? bytes.length : start + length - 1
  return bytes.slice(Math.max(start, 1) - 1, Math.max(end, 0))
}

function overlay(bytes: Uint8Array, replacement: Uint8Array, start: number, length: number): Uint8Array {
  if (start <= 0) throw negativeLength()
  if (start + length > 0x7fffffff) throw new SqlError('22003', 'integer out of range')
  return joinBytes(slice(bytes, 1, start - 1), replacement, slice(bytes, start + length))
}

function trim(bytes: Uint8Array, set: Uint8Array, atStart: boolean, atEnd: boolean): Uint8Array {
  let start = 0
  let end = bytes.length
  if (atStart) while (start < end && set.includes(bytes[start] as number)) start++
  if (atEnd) while (end > start && set.includes(bytes[end - 1] as number)) end--
  return bytes.slice(start, end)
}

function checkIndex(index: number | bigint, count: number): number {
  if (index < 0 || index >= count) throw new SqlError('2202E', `index ${index} out of valid range, 0..${count - 1}`)
  return Number(index)
}

function withByte(bytes: Uint8Array, index: number, value: number): Uint8Array {
  const copy = bytes.slice()
  copy[checkIndex(index, bytes.length)] = value
  return copy
}

function withBit(bytes: Uint8Array, index: bigint, value: number): Uint8Array {
  const bit = checkIndex(index, bytes.length * 8)
  if (value !== 0 && value !== 1) throw new SqlError('22023', 'new bit must be 0 or 1')
  const copy = bytes.slice()
  const mask = 1 << (bit % 8)
  const at = Math.floor(bit / 8)
  copy[at] = value === 1 ? (copy[at] as number) | mask : (copy[at] as number) & ~mask
  return copy
}

function bitCount(bytes: Uint8Array): bigint {
  let count = 0
  for (const byte of bytes) for (let rest = byte; rest > 0; rest &= rest - 1) count++
  return BigInt(count)
}

const parts: Functions = {
  byteaoctetlen: (_context, bytes: Uint8Array) => bytes.length,
  byteacat: (_context, a: Uint8Array, b: Uint8Array) => joinBytes(a, b),
  bytea_substr: (_context, bytes: Uint8Array, start: number, length: number) => slice(bytes, start, length),
  bytea_substr_no_len: (_context, bytes: Uint8Array, start: number) => slice(bytes, start),
  byteapos: (_context, bytes: Uint8Array, part: Uint8Array) => bufferOf(bytes).indexOf(part) + 1,
  byteaoverlay: (_context, bytes: Uint8Array, replacement: Uint8Array, start: number, length: number) =>
    overlay(bytes, replacement, start, length),
  byteaoverlay_no_len: (_context, bytes: Uint8Array, replacement: Uint8Array, start: number) =>
    overlay(bytes, replacement, start, replacement.length),
  byteatrim: (_context, bytes: Uint8Array, set: Uint8Array) => trim(bytes, set, true, true),
  bytealtrim: (_context, bytes: Uint8Array, set: Uint8Array) => trim(bytes, set, true, false),
  byteartrim: (_context, bytes: Uint8Array, set: Uint8Array) => trim(bytes, set, false, true),
  byteaGetByte: (_context, bytes: Uint8Array, index: number) => bytes[checkIndex(index, bytes.length)] as number,
  byteaSetByte: (_context, bytes: Uint8Array, index: number, value: number) => withByte(bytes, index, value),
  byteaGetBit: (_context, bytes: Uint8Array, index: bigint) => {
    const bit = checkIndex(index, bytes.length * 8)
    return ((bytes[Math.floor(bit / 8)] as number) >> (bit % 8)) & 1
  },
  byteaSetBit: (_context, bytes: Uint8Array, index: bigint, value: number) => withBit(bytes, index, value),
  bytea_bit_count: (_context, bytes: Uint8Array) => bitCount(bytes),
}

/* ---------------------------------------------------------------- encode and decode */

/** NUL and bytes above 127 as octal, backslash doubled; other control characters stay (esc_encode). */
function toEscape(bytes: Uint8Array): string {
  return bufferOf(bytes)
    .latin1Slice()
    .replace(/[\0\\\x80-\xff]/g, (c) => (c === '\\' ? '\\\\' : `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`))
}

/** A line feed behind every 76 characters. */
const toBase64 = (bytes: Uint8Array): string => bufferOf(bytes).toString('base64').replace(/.{76}/g, '$&\n')

const base64Digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const base64Problem = (message: string, hint?: string): SqlError =>
  new SqlError('22023', message, hint === undefined ? {} : { hint })

function fromBase64(text: string): Uint8Array {
  const bytes: number[] = []
  let group = 0
  let count = 0
  let padding = 0
  for (const character of text) {
    if (character === ' ' || character === '\t' || character === '\n' || character === '\r') continue
    let digit = 0
    if (character === '=') {
      if (padding === 0) {
        if (count !== 2 && count !== 3) throw base64Problem('unexpected "=" while decoding base64 sequence')
        padding = count - 1
      }
    } else {
      digit = base64Digits.indexOf(character)
      if (digit < 0) throw base64Problem(`invalid symbol "${character}" found while decoding base64 sequence`)
    }
    group = (group << 6) | digit
    if (++count < 4) continue
    bytes.push((group >> 16) & 255)
    if (padding !== 1) bytes.push((group >> 8) & 255)
    if (padding === 0) bytes.push(group & 255)
    group = 0
    count = 0
  }
  if (count !== 0) {
    throw base64Problem('invalid base64 end sequence', 'Input data is missing padding, is truncated, or is otherwise corrupted.')
  }
  return Uint8Array.from(bytes)
}

function encode(bytes: Uint8Array, format: string): string {
  switch (format.toLowerCase()) {
    case 'hex':
      return bytesToHex(bytes)
    case 'base64':
      return toBase64(bytes)
    case 'escape':
      return toEscape(bytes)
    default:
      throw new SqlError('22023', `unrecognized encoding: "${format}"`)
  }
}

function decode(text: string, format: string): Uint8Array {
  switch (format.toLowerCase()) {
    case 'hex':
      return decodeHex(text)
    case 'base64':
      return fromBase64(text)
    case 'escape': {
      const bytes = decodeEscape(text)
      if (bytes === undefined) throw new SqlError('22P02', 'invalid input syntax for type bytea')
      return bytes
    }
    default:
      throw new SqlError('22023', `unrecognized encoding: "${format}"`)
  }
}

/* ---------------------------------------------------------------- character encodings */

type Charset = 'utf8' | 'latin1' | 'ascii'

const charsetNames: Readonly<Record<Charset, string>> = { utf8: 'UTF8', latin1: 'LATIN1', ascii: 'SQL_ASCII' }

const charsets: ReadonlyMap<string, Charset> = new Map([
  ['utf8', 'utf8'],
  ['unicode', 'utf8'],
  ['latin1', 'latin1'],
  ['iso88591', 'latin1'],
  ['sqlascii', 'ascii'],
] as const)

/** Encodings that PostgreSQL knows and we do not convert. */
const otherCharset =
  /^(win\d+|windows\d+|latin\d+|iso8859\d+|euc\w+|koi8\w*|sjis|shiftjis|big5|gbk|gb18030|johab|uhc|muleinternal|mskanji|alt|tcvn\d*|abc|vscii)$/

function charset(name: string, which: 'source encoding' | 'destination encoding' | 'encoding'): Charset {
  const key = name.toLowerCase().replace(/[^a-z0-9]/g, '')
  const known = charsets.get(key)
  if (known !== undefined) return known
  if (otherCharset.test(key)) throw unsupported(`encoding ${name}`)
  throw new SqlError('22023', `invalid ${which} name "${name}"`)
}

function decodeBytes(bytes: Uint8Array, from: Charset): string {
  const buffer = bufferOf(bytes)
  if (from === 'utf8') return decodeUtf8(buffer, 0, buffer.length)
  if (bytes.includes(0)) throw new SqlError('22021', `invalid byte sequence for encoding "${charsetNames[from]}": 0x00`)
  // Bytes above 127 of an unknown encoding must still be text here.
  if (from === 'ascii') return decodeUtf8(buffer, 0, buffer.length)
  return buffer.latin1Slice()
}

function encodeText(text: string, to: Charset): Uint8Array {
  if (to !== 'latin1') return Uint8Array.from(Buffer.from(text))
  for (const character of text) {
    if ((character.codePointAt(0) as number) < 0x100) continue
    const bytes = [...Buffer.from(character)].map((byte) => `0x${byte.toString(16)}`).join(' ')
    throw new SqlError('22P05', `character with byte sequence ${bytes} in encoding "UTF8" has no equivalent in encoding "LATIN1"`)
  }
  return Uint8Array.from(Buffer.from(text, 'latin1'))
}

const digest = (algorithm: string, bytes: Uint8Array | string): Uint8Array =>
  Uint8Array.from(createHash(algorithm).update(bytes).digest())

export const byteaFunctions: Implementations = {
  scalar: {
    ...comparisons('bytea', compareBytes),
    ...ordering('byteacmp', compareBytes),
    ...parts,
    binary_encode: (_context, bytes: Uint8Array, format: string) => encode(bytes, format),
    binary_decode: (_context, text: string, format: string) => decode(text, format),
    pg_convert_from: (_context, bytes: Uint8Array, name: string) => decodeBytes(bytes, charset(name, 'source encoding')),
    pg_convert_to: (_context, text: string, name: string) => encodeText(text, charset(name, 'destination encoding')),
    pg_convert: (_context, bytes: Uint8Array, from: string, to: string) => {
      const source = charset(from, 'source encoding')
      const target = charset(to, 'destination encoding')
      return source === target && source !== 'utf8' ? bytes : encodeText(decodeBytes(bytes, source), target)
    },
    length_in_encoding: (_context, bytes: Uint8Array, name: string) => [...decodeBytes(bytes, charset(name, 'encoding'))].length,
    md5_text: (_context, text: string) => createHash('md5').update(text).digest('hex'),
    md5_bytea: (_context, bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex'),
    sha224_bytea: (_context, bytes: Uint8Array) => digest('sha224', bytes),
    sha256_bytea: (_context, bytes: Uint8Array) => digest('sha256', bytes),
    sha384_bytea: (_context, bytes: Uint8Array) => digest('sha384', bytes),
    sha512_bytea: (_context, bytes: Uint8Array) => digest('sha512', bytes),
    // Written in SQL by PostgreSQL, for text and bytea under one name.
    bit_length: (_context, value: string | Uint8Array) =>
      8 * (typeof value === 'string' ? Buffer.byteLength(value) : value.length),
  },
  aggregate: {
    'string_agg(bytea,bytea)': aggregate({
      start: (): { parts: Uint8Array[] } => ({ parts: [] }),
      add(state, value: Uint8Array | null, delimiter: Uint8Array | null) {
        if (value === null) return state
        if (state.parts.length > 0 && delimiter !== null) state.parts.push(delimiter)
        state.parts.push(value)
        return state
      },
      finish: (state) => (state.parts.length === 0 ? null : joinBytes(...state.parts)),
      skipNulls: false,
    }),
  },
}
