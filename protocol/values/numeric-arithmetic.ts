import { divisionByZero } from '../errors.ts'
import {
  divideRound,
  integerDigitsMax,
  makeNumeric,
  Numeric,
  numericInfinity,
  numericNaN,
  numericNegativeInfinity,
  numericZero,
  pow10,
  precisionMax,
  rescale,
  storedScaleMax,
} from './numeric.ts'

/** Results of inexact operations show at least this many significant digits (NUMERIC_MIN_SIG_DIGITS). */
export const significantDigitsMin = 16

const infinite = (value: Numeric): boolean => value.special === 'Infinity' || value.special === '-Infinity'

/** -1, 0, 1; NaN counts as 1. */
export function signOf(value: Numeric): number {
  if (value.special !== '') return value.special === '-Infinity' ? -1 : 1
  return value.unscaled > 0n ? 1 : value.unscaled < 0n ? -1 : 0
}

const infinity = (sign: number): Numeric => (sign > 0 ? numericInfinity : numericNegativeInfinity)

export function negateNumeric(value: Numeric): Numeric {
  if (value.special !== '') return value.special === 'NaN' ? value : infinity(-signOf(value))
  return new Numeric(-value.unscaled, value.scale)
}

export function absNumeric(value: Numeric): Numeric {
  return signOf(value) < 0 ? negateNumeric(value) : value
}

function addSpecial(a: Numeric, b: Numeric): Numeric {
  if (a.special === 'NaN' || b.special === 'NaN') return numericNaN
  if (a.special !== '') return b.special === '' || a.special === b.special ? a : numericNaN
  return b
}

export function addNumeric(a: Numeric, b: Numeric): Numeric {
  if (a.special !== '' || b.special !== '') return addSpecial(a, b)
  if (a.scale === b.scale) return makeNumeric(a.unscaled + b.unscaled, a.scale)
  if (a.scale > b.scale) return makeNumeric(a.unscaled + b.unscaled * pow10(a.scale - b.scale), a.scale)
  return makeNumeric(a.unscaled * pow10(b.scale - a.scale) + b.unscaled, b.scale)
}

export function subtractNumeric(a: Numeric, b: Numeric): Numeric {
  return addNumeric(a, negateNumeric(b))
}

export function multiplyNumeric(a: Numeric, b: Numeric): Numeric {
  if (a.special !== '' || b.special !== '') {
    if (a.special === 'NaN' || b.special === 'NaN') return numericNaN
    const sign = signOf(a) * signOf(b)
    return sign === 0 ? numericNaN : infinity(sign)
  }
  const scale = a.scale + b.scale
  const product = a.unscaled * b.unscaled
  if (scale <= storedScaleMax) return makeNumeric(product, scale)
  return makeNumeric(rescale(product, scale, storedScaleMax), storedScaleMax)
}

/** Weight and value of the first base-10,000 digit, which decide the scale of a quotient. */
function firstDigit(value: Numeric): { weight: number; digit: number } {
  if (value.unscaled === 0n) return { weight: 0, digit: 0 }
  const digits = (value.unscaled < 0n ? -value.unscaled : value.unscaled).toString()
  const beforePoint = digits.length - value.scale
  const weight = Math.ceil(beforePoint / 4) - 1
  return { weight, digit: Number(digits.slice(0, beforePoint - weight * 4).padEnd(beforePoint - weight * 4, '0')) }
}

/** select_div_scale: sixteen significant digits, and no fewer decimals than either operand shows. */
export function quotientScale(a: Numeric, b: Numeric): number {
  const first = firstDigit(a)
  const second = firstDigit(b)
  let weight = first.weight - second.weight
  if (first.digit <= second.digit) weight--
  return Math.min(Math.max(significantDigitsMin - weight * 4, a.scale, b.scale, 0), precisionMax)
}

/** a / b at `scale`, rounded; both finite, b not 0. */
export function divideAt(a: Numeric, b: Numeric, scale: number): Numeric {
  const shift = scale + b.scale - a.scale
  let numerator = b.unscaled < 0n ? -a.unscaled : a.unscaled
  let denominator = b.unscaled < 0n ? -b.unscaled : b.unscaled
  if (shift > 0) numerator *= pow10(shift)
  else if (shift < 0) denominator *= pow10(-shift)
  return makeNumeric(divideRound(numerator, denominator), scale)
}

function divideSpecial(a: Numeric, b: Numeric): Numeric {
  if (a.special === 'NaN' || b.special === 'NaN') return numericNaN
  if (a.special === '') return numericZero
  if (infinite(b)) return numericNaN
  const sign = signOf(a) * signOf(b)
  if (sign === 0) throw divisionByZero()
  return infinity(sign)
}

export function divideNumeric(a: Numeric, b: Numeric): Numeric {
  if (a.special !== '' || b.special !== '') return divideSpecial(a, b)
  if (b.unscaled === 0n) throw divisionByZero()
  return divideAt(a, b, quotientScale(a, b))
}

/** div(): the quotient without its fraction. */
export function integerQuotient(a: Numeric, b: Numeric): Numeric {
  if (a.special !== '' || b.special !== '') return divideSpecial(a, b)
  if (b.unscaled === 0n) throw divisionByZero()
  const scale = Math.max(a.scale, b.scale)
  return makeNumeric(rescale(a.unscaled, a.scale, scale) / rescale(b.unscaled, b.scale, scale), 0)
}

/** The rest of that division; it has the sign of `a`. */
export function remainder(a: Numeric, b: Numeric): Numeric {
  if (a.special === 'NaN' || b.special === 'NaN') return numericNaN
  if (a.special !== '') {
    if (signOf(b) === 0) throw divisionByZero()
    return numericNaN
  }
  if (b.special !== '') return a
  if (b.unscaled === 0n) throw divisionByZero()
  const scale = Math.max(a.scale, b.scale)
  return new Numeric(rescale(a.unscaled, a.scale, scale) % rescale(b.unscaled, b.scale, scale), scale)
}

const clampScale = (scale: number): number => Math.min(Math.max(scale, -integerDigitsMax - 1), storedScaleMax)

/** Half away from zero, to `digits` decimals (negative: to tens, hundreds ...). */
export function roundNumeric(value: Numeric, digits: number): Numeric {
  if (value.special !== '') return value
  const scale = clampScale(digits)
  if (scale === value.scale) return value
  const rounded = rescale(value.unscaled, value.scale, scale)
  return scale >= 0 ? makeNumeric(rounded, scale) : makeNumeric(rounded * pow10(-scale), 0)
}

export function truncateNumeric(value: Numeric, digits: number): Numeric {
  if (value.special !== '') return value
  const scale = clampScale(digits)
  if (scale >= value.scale) return makeNumeric(rescale(value.unscaled, value.scale, scale), scale)
  const unit = pow10(value.scale - scale)
  const kept = value.unscaled / unit
  return scale >= 0 ? new Numeric(kept, scale) : new Numeric(kept * pow10(-scale), 0)
}

/** The largest integer that is not above (`up` false), or the smallest that is not below. */
export function toWhole(value: Numeric, up: boolean): Numeric {
  if (value.special !== '' || value.scale === 0) return value
  const unit = pow10(value.scale)
  const whole = value.unscaled / unit
  const rest = value.unscaled - whole * unit
  if (up) return new Numeric(rest > 0n ? whole + 1n : whole, 0)
  return new Numeric(rest < 0n ? whole - 1n : whole, 0)
}

export function isWhole(value: Numeric): boolean {
  return value.special === '' ? value.scale === 0 || value.unscaled % pow10(value.scale) === 0n : value.special !== 'NaN'
}

/** Rounded to an integer; only for finite values. */
export function roundToBigint(value: Numeric): bigint {
  return value.scale === 0 ? value.unscaled : divideRound(value.unscaled, pow10(value.scale))
}
