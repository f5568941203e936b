import { invalidText, SqlError } from '../errors.ts'
import {
  makeNumeric,
  Numeric,
  numericInfinity,
  numericNaN,
  numericNegativeInfinity,
  numericOverflow,
  pow10,
  precisionMax,
  rescale,
} from './numeric.ts'
import { trimSpace } from './space.ts'
import type { Typmod } from './type.ts'

const plain = /^-?\d{1,15}$/
const plainDecimal = /^-?\d{1,15}\.\d{1,15}$/
const decimal = /^([-+]?)((?:\d+_)*\d+)?(?:(\.)((?:\d+_)*\d+)?)?(?:[eE]([-+]?)((?:\d+_)*\d+))?$/
const nonDecimal = /^([-+]?)(0[xX](?:_?[\da-fA-F]+)+|0[oO](?:_?[0-7]+)+|0[bB](?:_?[01]+)+)$/
const exponentMax = 0x3fffffff

/** numeric_in without the typmod; undefined where the syntax is wrong. */
function scanNumeric(text: string): Numeric | undefined {
  if (plain.test(text)) return new Numeric(BigInt(text), 0)
  if (plainDecimal.test(text)) {
    const point = text.indexOf('.')
    return new Numeric(BigInt(text.slice(0, point) + text.slice(point + 1)), text.length - point - 1)
  }
  const word = trimSpace(text)
  const match = decimal.exec(word)
  if (match) {
    const [, sign, whole = '', , fraction = '', exponentSign, exponentDigits] = match
    if (whole === '' && fraction === '') return undefined
    const digits = `${whole}${fraction}`.replaceAll('_', '')
    const written = fraction.replaceAll('_', '').length
    return finite(sign === '-', digits, written, exponentSign === '-', exponentDigits?.replaceAll('_', ''))
  }
  const other = nonDecimal.exec(word)
  if (other) {
    const value = BigInt((other[2] as string).replaceAll('_', '').toLowerCase())
    return makeNumeric(other[1] === '-' ? -value : value, 0)
  }
  switch (word.toLowerCase()) {
    case 'nan':
      return numericNaN
    case 'infinity':
    case '+infinity':
    case 'inf':
    case '+inf':
      return numericInfinity
    case '-infinity':
    case '-inf':
      return numericNegativeInfinity
    default:
      return undefined
  }
}

function finite(negative: boolean, digits: string, written: number, exponentNegative: boolean, exponentDigits?: string): Numeric {
  const size = exponentDigits === undefined ? 0 : Number(exponentDigits)
  if (size > exponentMax) throw numericOverflow()
  const exponent = exponentNegative ? -size : size
  const magnitude = BigInt(digits)
  const value = negative ? -magnitude : magnitude
  const scale = written - exponent
  if (scale >= 0) return makeNumeric(value, scale)
  if (value === 0n) return new Numeric(0n, 0)
  if (-scale > 140_000) throw numericOverflow()
  return makeNumeric(value * pow10(-scale), 0)
}

export function parseNumeric(text: string): Numeric {
  const value = scanNumeric(text)
  if (value === undefined) throw invalidText('numeric', text)
  return value
}

/* ---------------------------------------------------------------- numeric(precision, scale) */

const header = 4

export const typmodPrecision = (typmod: Typmod): number => (typmod - header) >> 16
/** Eleven bits with sign. */
export const typmodScale = (typmod: Typmod): number => (((typmod - header) & 0x7ff) ^ 1_024) - 1_024

export function numericTypmod(modifiers: readonly number[]): Typmod {
  const [precision, scale = 0] = modifiers
  if (precision === undefined || modifiers.length > 2) throw new SqlError('22023', 'invalid NUMERIC type modifier')
  if (precision < 1 || precision > precisionMax) {
    throw new SqlError('22023', `NUMERIC precision ${precision} must be between 1 and ${precisionMax}`)
  }
  if (scale < -precisionMax || scale > precisionMax) {
    throw new SqlError('22023', `NUMERIC scale ${scale} must be between -${precisionMax} and ${precisionMax}`)
  }
  return ((precision << 16) | (scale & 0x7ff)) + header
}

/** Rounds to the declared scale; 22003 when the integer part is too long (apply_typmod). */
export function applyNumericTypmod(value: Numeric, typmod: Typmod): Numeric {
  if (typmod < header || value.special === 'NaN') return value
  const precision = typmodPrecision(typmod)
  const scale = typmodScale(typmod)
  if (value.special !== '') throw fieldOverflow(precision, scale, 'cannot hold an infinite value.')
  const digitsMax = precision - scale
  const rounded = rescale(value.unscaled, value.scale, scale)
  const limit = pow10(precision)
  if (rounded >= limit || rounded <= -limit) {
    const bound = digitsMax === 0 ? '1' : `10^${digitsMax}`
    throw fieldOverflow(precision, scale, `must round to an absolute value less than ${bound}.`)
  }
  if (scale < 0) return new Numeric(rounded * pow10(-scale), 0)
  return scale === value.scale ? value : new Numeric(rounded, scale)
}

function fieldOverflow(precision: number, scale: number, detail: string): SqlError {
  return new SqlError('22003', 'numeric field overflow', {
    detail: `A field with precision ${precision}, scale ${scale} ${detail}`,
  })
}
