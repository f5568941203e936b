import type { ByteReader, ByteWriter } from '../bytes.ts'
import { SqlError } from '../errors.ts'
import { need } from './binary-input.ts'
import {
  compareNumeric,
  formatNumeric,
  makeNumeric,
  Numeric,
  numericInfinity,
  numericNaN,
  numericNegativeInfinity,
  pow10,
  storedScaleMax,
} from './numeric.ts'
import { applyNumericTypmod, numericTypmod, parseNumeric, typmodPrecision, typmodScale } from './numeric-text.ts'
import type { SqlType, Typmod } from './type.ts'

/* ---------------------------------------------------------------- the wire: base 10,000 digits (numeric_send) */

const sign = { positive: 0x0000, negative: 0x4000, NaN: 0xc000, Infinity: 0xd000, '-Infinity': 0xf000 } as const

/** What PostgreSQL puts into the scale of an infinity. */
const infinityScale = 0x20

function u16(value: number, writer: ByteWriter): void {
  writer.i16((value << 16) >> 16)
}

function send(value: Numeric, writer: ByteWriter): void {
  if (value.special !== '') {
    u16(0, writer)
    u16(0, writer)
    u16(sign[value.special], writer)
    u16(value.special === 'NaN' ? 0 : infinityScale, writer)
    return
  }
  const { groups, weight } = base10000(value)
  u16(groups.length, writer)
  u16(groups.length === 0 ? 0 : weight, writer)
  u16(value.unscaled < 0n ? sign.negative : sign.positive, writer)
  u16(value.scale, writer)
  for (const group of groups) u16(group, writer)
}

/** PostgreSQL's own digits: groups of four around the point, without zero groups at either end. `weight` is the first group's power. */
export function base10000(value: Numeric): { groups: number[]; weight: number } {
  const digits = (value.unscaled < 0n ? -value.unscaled : value.unscaled).toString().padStart(value.scale + 1, '0')
  const point = digits.length - value.scale
  const left = (4 - (point % 4)) % 4
  const right = (4 - (value.scale % 4)) % 4
  const padded = '0'.repeat(left) + digits + '0'.repeat(right)
  const groups: number[] = []
  for (let at = 0; at < padded.length; at += 4) groups.push(Number(padded.slice(at, at + 4)))
  let first = 0
  while (first < groups.length && groups[first] === 0) first++
  let end = groups.length
  while (end > first && groups[end - 1] === 0) end--
  return { groups: groups.slice(first, end), weight: (point + left) / 4 - 1 - first }
}

function receive(reader: ByteReader, typmod: Typmod): Numeric {
  need(reader, 8)
  const count = reader.i16() & 0xffff
  const weight = reader.i16()
  const signBits = reader.i16() & 0xffff
  const scale = reader.i16() & 0xffff
  const bad = (what: string): SqlError => new SqlError('22P03', `invalid ${what} in external "numeric" value`)
  if (!Object.values(sign).includes(signBits as 0)) throw bad('sign')
  if (scale > storedScaleMax) throw bad('scale')
  need(reader, count * 2)
  let digits = ''
  for (let i = 0; i < count; i++) {
    const group = reader.i16()
    if (group < 0 || group > 9_999) throw bad('digit')
    digits += String(group).padStart(4, '0')
  }
  if (signBits === sign.NaN) return numericNaN
  if (signBits === sign.Infinity || signBits === sign['-Infinity']) {
    return applyNumericTypmod(signBits === sign.Infinity ? numericInfinity : numericNegativeInfinity, typmod)
  }
  // digits / 10^written; what the scale would hide is cut off, not rounded.
  const written = (count - 1 - weight) * 4
  let unscaled = digits === '' ? 0n : BigInt(digits)
  if (scale >= written) unscaled *= pow10(scale - written)
  else unscaled /= pow10(written - scale)
  return applyNumericTypmod(makeNumeric(signBits === sign.negative ? -unscaled : unscaled, scale), typmod)
}

/* ---------------------------------------------------------------- rows: varint (scale * 8 + kind), then the magnitude */

const stored = { NaN: 0, '-Infinity': 1, Infinity: 2, small: 3, smallNegative: 4, large: 5, largeNegative: 6 } as const
const smallLimit = 2n ** 53n

function encode(value: Numeric, writer: ByteWriter): void {
  if (value.special !== '') {
    writer.varint(stored[value.special])
    return
  }
  const { unscaled, scale } = value
  const negative = unscaled < 0n
  const magnitude = negative ? -unscaled : unscaled
  if (magnitude < smallLimit) {
    writer.varint(scale * 8 + (negative ? stored.smallNegative : stored.small))
    if (magnitude !== 0n) writer.varint(Number(magnitude))
    return
  }
  writer.varint(scale * 8 + (negative ? stored.largeNegative : stored.large))
  const hex = magnitude.toString(16)
  writer.bytes(Buffer.from(hex.length & 1 ? `0${hex}` : hex, 'hex'))
}

function decode(buffer: Buffer, start: number, end: number): Numeric {
  let at = start
  let byte = buffer[at++] as number
  let head = byte & 0x7f
  for (let unit = 0x80; byte >= 0x80; unit *= 0x80) {
    byte = buffer[at++] as number
    head += (byte & 0x7f) * unit
  }
  const kind = head & 7
  if (kind < stored.small)
    return kind === stored.NaN ? numericNaN : kind === stored.Infinity ? numericInfinity : numericNegativeInfinity
  const scale = head >> 3
  if (kind >= stored.large) {
    const magnitude = BigInt(`0x${buffer.toString('hex', at, end)}`)
    return new Numeric(kind === stored.large ? magnitude : -magnitude, scale)
  }
  let magnitude = 0
  for (let i = end - 1; i >= at; i--) magnitude = magnitude * 0x80 + ((buffer[i] as number) & 0x7f)
  return new Numeric(BigInt(kind === stored.small ? magnitude : -magnitude), scale)
}

/* ---------------------------------------------------------------- keys */

const keyed = { '-Infinity': 1, negative: 2, zero: 3, positive: 4, Infinity: 5, NaN: 6 } as const

/** Digits without trailing zeros, and E such that the value is 0.digits * 10^E. Zero has no digits. */
function normalized(value: Numeric): { digits: string; exponent: number } {
  const all = (value.unscaled < 0n ? -value.unscaled : value.unscaled).toString()
  if (all === '0') return { digits: '', exponent: 0 }
  let end = all.length
  while (all.charCodeAt(end - 1) === 48) end--
  return { digits: end === all.length ? all : all.slice(0, end), exponent: all.length - value.scale }
}

/** Sign, power of 100 in one byte (four when far from 0), base-100 digits + 1, 0. A negative value's bytes are inverted. */
function encodeKey(value: Numeric, writer: ByteWriter): void {
  if (value.special !== '') {
    writer.u8(keyed[value.special])
    return
  }
  if (value.unscaled === 0n) {
    writer.u8(keyed.zero)
    return
  }
  const negative = value.unscaled < 0n
  writer.u8(negative ? keyed.negative : keyed.positive)
  const invert = negative ? 0xff : 0
  const { digits, exponent } = normalized(value)
  const odd = (exponent & 1) !== 0
  const power = (odd ? exponent + 1 : exponent) / 2
  let pairs = odd ? `0${digits}` : digits
  if (pairs.length & 1) pairs += '0'
  if (power >= -64 && power < 64) {
    writer.u8((power + 0x80) ^ invert)
  } else {
    writer.u8((power < 0 ? 0x3f : 0xc0) ^ invert)
    const biased = power < 0 ? power + 0x1000000 : power
    for (let shift = 16; shift >= 0; shift -= 8) writer.u8(((biased >> shift) & 0xff) ^ invert)
  }
  for (let at = 0; at < pairs.length; at += 2) {
    const pair = (pairs.charCodeAt(at) - 48) * 10 + pairs.charCodeAt(at + 1) - 48
    writer.u8((pair + 1) ^ invert)
  }
  writer.u8(invert)
}

/** The display scale does not count: 1.0 and 1.00 are one key. */
function hashKey(value: Numeric): bigint | string {
  if (value.special !== '') return value.special
  const { unscaled, scale } = value
  if (scale === 0) return unscaled
  const unit = pow10(scale)
  const whole = unscaled / unit
  if (whole * unit === unscaled) return whole
  const { digits, exponent } = normalized(value)
  return `${unscaled < 0n ? '-' : ''}${digits}e${exponent}`
}

export const numericType: SqlType<Numeric> = {
  oid: 1700,
  name: 'numeric',
  displayName: 'numeric',
  category: 'N',
  preferred: false,
  length: -1,
  elementOid: 0,
  arrayOid: 1231,
  input: (text, typmod) => applyNumericTypmod(parseNumeric(text), typmod),
  output: formatNumeric,
  receive,
  send,
  typmodIn: numericTypmod,
  formatType: (typmod) => (typmod < 4 ? '' : `(${typmodPrecision(typmod)},${typmodScale(typmod)})`),
  coerceTypmod: (value, typmod) => applyNumericTypmod(value, typmod),
  compare: compareNumeric,
  hashKey,
  encodeKey,
  encode,
  decode,
}
