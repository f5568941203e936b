import type { ByteWriter } from '../bytes.ts'
import { invalidText, SqlError } from '../errors.ts'
import { need } from './binary-input.ts'
import { exactCompare, exactFraction } from './float-exact.ts'
import { decodeSmall, encodeSmall } from './integer.ts'
import { trimSpace } from './space.ts'
import type { SqlType } from './type.ts'

/* ---------------------------------------------------------------- input */

const decimalSyntax = /^[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?$/
const hexSyntax = /^([-+]?)0[xX]([\da-fA-F]*)(?:\.([\da-fA-F]*))?(?:[pP]([-+]?\d+))?$/

/** What strtod makes of `word`, or undefined. */
function parseWord(word: string): number | undefined {
  if (decimalSyntax.test(word)) return Number(word)
  switch (word.toLowerCase()) {
    case 'nan':
    case '+nan':
    case '-nan':
      return Number.NaN
    case 'infinity':
    case '+infinity':
    case 'inf':
    case '+inf':
      return Infinity
    case '-infinity':
    case '-inf':
      return -Infinity
  }
  const hex = hexSyntax.exec(word)
  if (!hex) return undefined
  const [, sign, whole = '', fraction = '', exponent = '0'] = hex
  if (whole + fraction === '') return undefined
  const value = Number(BigInt(`0x${whole}${fraction}`)) * 2 ** (Number(exponent) - 4 * fraction.length)
  return sign === '-' ? -value : value
}

const isZeroText = (word: string): boolean =>
  !/[1-9]/.test(/[xX]/.test(word) ? word.replace(/[a-fA-F]/g, '1') : word.replace(/[eE].*/, ''))
const isInfinityText = (word: string): boolean => /^[-+]?i/i.test(word)

const floatOutOfRange = (word: string, type: string): SqlError =>
  new SqlError('22003', `"${word}" is out of range for type ${type}`)

export function parseFloat8(text: string): number {
  const word = trimSpace(text)
  const value = parseWord(word)
  if (value === undefined) throw invalidText('double precision', text)
  if ((value === 0 && !isZeroText(word)) || (Math.abs(value) === Infinity && !isInfinityText(word))) {
    throw floatOutOfRange(word, 'double precision')
  }
  return value
}

/** Rounded once: the nearest double may lie exactly between two floats although the text does not. */
export function parseFloat4(text: string): number {
  const word = trimSpace(text)
  const double = parseWord(word)
  if (double === undefined) throw invalidText('real', text)
  let value = Math.fround(double)
  if (value !== double && Number.isFinite(double) && decimalSyntax.test(word)) {
    const other = neighbour(value, double > value)
    if (Math.abs(double - value) === Math.abs(other - double)) {
      const side = exactCompare(word, double)
      if (side !== 0) value = side > 0 ? Math.max(value, other) : Math.min(value, other)
    }
  }
  if ((value === 0 && !isZeroText(word)) || (Math.abs(value) === Infinity && !isInfinityText(word))) {
    throw floatOutOfRange(word, 'real')
  }
  return value
}

const bits = new DataView(new ArrayBuffer(8))

/** The next float4 above or below. */
function neighbour(value: number, above: boolean): number {
  if (value === 0) return above ? 2 ** -149 : -(2 ** -149)
  bits.setFloat32(0, value)
  bits.setInt32(0, bits.getInt32(0) + (above === value > 0 ? 1 : -1))
  return bits.getFloat32(0)
}

/* ---------------------------------------------------------------- output */

const specialText = (value: number): string => (Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity')

/** `1.5e+7` with at least two digits in the exponent, as C prints it. */
export const cExponent = (text: string): string => text.replace(/e([-+])(\d)$/, 'e$10$2')

/** The fewest digits that read back as the same double; fixed notation from 1e-4 up to 1e15 (d2s with PostgreSQL's limits). */
function shortest8(value: number): string {
  if (value === 0) return 1 / value < 0 ? '-0' : '0'
  const size = Math.abs(value)
  if (size >= 1e-4 && size < 1e15) return String(value)
  if (size === Infinity || Number.isNaN(value)) return specialText(value)
  // Negative values only add a sign.
  if (value < 0) return `-${shortest8(size)}`
  let text = value.toExponential()
  // A decimal exactly between two doubles reads back by the rule of the even mantissa, on which PostgreSQL does not rely.
  if (size >= 2 ** 53 && size < 1e41) {
    for (let places = text.indexOf('e') - 1; isTie8(text, size); places++) {
      do text = value.toExponential(places)
      while (Number(text) !== value && ++places <= 16)
    }
  }
  return cExponent(text)
}

function isTie8(text: string, value: number): boolean {
  const exact = BigInt(value)
  const [mantissa = '', exponent = '0'] = text.split('e')
  const [whole = '', fraction = ''] = mantissa.split('.')
  const shift = Number(exponent) - fraction.length
  if (shift < 0) return false
  const decimal = BigInt(whole + fraction) * 10n ** BigInt(shift)
  const distance = decimal - exact
  if (distance === 0n) return false
  bits.setFloat64(0, value)
  bits.setBigInt64(0, bits.getBigInt64(0) + (distance > 0n ? 1n : -1n))
  const other = BigInt(bits.getFloat64(0))
  return 2n * decimal === other + exact
}

/** The same for float4: fixed notation up to 1e6. */
function shortest4(value: number): string {
  if (value === 0) return 1 / value < 0 ? '-0' : '0'
  if (!Number.isFinite(value)) return specialText(value)
  const size = Math.abs(value)
  const lower = (neighbour(size, false) + size) / 2
  const above = neighbour(size, true)
  const upper = above === Infinity ? size + (size - lower) : (above + size) / 2
  let digits = ''
  for (let precision = 0; precision <= 8; precision++) {
    digits = significant(size, precision + 1)
    const read = Number(digits)
    if (read > lower && read < upper) break
    // Where the gap below is half as wide, the rounded digits may fall out of it while the next ones above do not.
    const at = digits.indexOf('e')
    const step = Number(`1e${Number(digits.slice(at + 1)) - precision}`)
    if (read <= lower && read + step < upper) {
      digits = (read + step).toExponential(precision)
      break
    }
  }
  const trimmed = Number(digits)
  const exponent = Number(digits.slice(digits.indexOf('e') + 1))
  const text = exponent >= -4 && exponent < 6 ? fixed(digits) : cExponent(trimmed.toExponential())
  return value < 0 ? `-${text}` : text
}

/** Fixed notation of an exponential text, digits unchanged. */
const fixed = (digits: string): string => String(Number(digits))

/** %.*g with `precision` significant digits. */
export function formatG(value: number, precision: number): string {
  if (!Number.isFinite(value)) return specialText(value)
  if (value === 0) return 1 / value < 0 ? '-0' : '0'
  const text = significant(value, precision)
  const at = text.indexOf('e')
  const exponent = Number(text.slice(at + 1))
  if (exponent < -4 || exponent >= precision) {
    const mantissa = text.slice(0, at)
    return cExponent((mantissa.includes('.') ? mantissa.replace(/\.?0+$/, '') : mantissa) + text.slice(at))
  }
  const plain = Number(text).toFixed(Math.max(0, precision - 1 - exponent))
  return plain.includes('.') ? plain.replace(/\.?0+$/, '') : plain
}

/** toExponential, but for a value exactly half way: C takes the even digit, JavaScript the greater. */
export function significant(value: number, precision: number): string {
  const text = value.toExponential(precision - 1)
  const longer = value.toExponential(precision)
  const at = longer.indexOf('e')
  if (longer[at - 1] !== '5' || exactCompare(longer, value) !== 0) return text
  const down = longer.slice(0, at - 1).replace(/\.$/, '') + longer.slice(at)
  return Number(down[down.indexOf('e') - 1]) % 2 === 0 ? down : text
}

function formatFloat8(value: number, extraFloatDigits: number): string {
  return extraFloatDigits > 0 ? shortest8(value) : formatG(value, Math.max(1, 15 + extraFloatDigits))
}

function formatFloat4(value: number, extraFloatDigits: number): string {
  return extraFloatDigits > 0 ? shortest4(value) : formatG(value, Math.max(1, 6 + extraFloatDigits))
}

/** %.*f: every digit exact, a tie to the even one. */
export function exactFixed(value: number, places: number): string {
  if (!Number.isFinite(value)) return specialText(value)
  const negative = value < 0 || Object.is(value, -0)
  const { numerator, shift } = exactFraction(Math.abs(value))
  const unit = 1n << BigInt(shift)
  const scaled = numerator * 10n ** BigInt(places)
  let whole = scaled / unit
  const twice = (scaled - whole * unit) * 2n
  if (twice > unit || (twice === unit && (whole & 1n) === 1n)) whole++
  const digits = whole.toString().padStart(places + 1, '0')
  const point = digits.length - places
  return `${negative ? '-' : ''}${digits.slice(0, point)}${places > 0 ? `.${digits.slice(point)}` : ''}`
}

/* ---------------------------------------------------------------- order and types */

/** NaN equals itself and is greater than everything; -0 equals 0. */
export function compareFloat(a: number, b: number): number {
  if (a < b) return -1
  if (a > b) return 1
  if (a === b) return 0
  return Number.isNaN(a) ? (Number.isNaN(b) ? 0 : 1) : -1
}

function encodeFloatKey(value: number, writer: ByteWriter): void {
  bits.setFloat64(0, value === 0 ? 0 : value)
  // Minus NaN is NaN, but its sign bit would put it before everything; Number.NaN itself has whatever bits the machine left in it.
  if (Number.isNaN(value)) bits.setBigUint64(0, 0x7ff8000000000000n)
  const high = bits.getInt32(0)
  if (high < 0) {
    writer.i32(~high)
    writer.i32(~bits.getInt32(4))
  } else {
    writer.i32(high ^ 0x80000000)
    writer.i32(bits.getInt32(4))
  }
}

const shared = {
  category: 'N',
  elementOid: 0,
  compare: compareFloat,
  // A Map takes 0 and -0, and NaN and NaN, for the same key.
  hashKey: (value: number) => value,
  encodeKey: encodeFloatKey,
}

export const float8Type: SqlType<number> = {
  ...shared,
  oid: 701,
  name: 'float8',
  displayName: 'double precision',
  preferred: true,
  length: 8,
  arrayOid: 1022,
  input: parseFloat8,
  output: (value, settings) => formatFloat8(value, settings.extraFloatDigits),
  receive(reader) {
    need(reader, 8)
    return reader.f64()
  },
  send: (value, writer) => writer.f64(value),
  encode(value, writer) {
    if (value === (value | 0) && (value !== 0 || 1 / value > 0)) encodeSmall(value, writer)
    else writer.f64(value)
  },
  decode: (buffer, start, end) => (end - start === 8 ? buffer.readDoubleBE(start) : decodeSmall(buffer, start, end)),
}

export const float4Type: SqlType<number> = {
  ...shared,
  oid: 700,
  name: 'float4',
  displayName: 'real',
  preferred: false,
  length: 4,
  arrayOid: 1021,
  input: parseFloat4,
  output: (value, settings) => formatFloat4(value, settings.extraFloatDigits),
  receive(reader) {
    need(reader, 4)
    return reader.f32()
  },
  send: (value, writer) => writer.f32(value),
  encode: (value, writer) => writer.f32(value),
  decode: (buffer, start) => buffer.readFloatBE(start),
}
