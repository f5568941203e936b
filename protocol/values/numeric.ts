import { SqlError } from '../errors.ts'

/**
 * An exact decimal: unscaled / 10^scale. `scale` is the display scale (>= 0): 1.50 is { 150n, 2 }. NaN and the infinities are specials
 * with unscaled 0n. Immutable.
 */
export class Numeric {
  readonly unscaled: bigint
  readonly scale: number
  readonly special: '' | 'NaN' | 'Infinity' | '-Infinity'

  constructor(unscaled: bigint, scale: number, special: '' | 'NaN' | 'Infinity' | '-Infinity' = '') {
    this.unscaled = unscaled
    this.scale = scale
    this.special = special
  }
}

export const numericNaN = new Numeric(0n, 0, 'NaN')
export const numericInfinity = new Numeric(0n, 0, 'Infinity')
export const numericNegativeInfinity = new Numeric(0n, 0, '-Infinity')
export const numericZero = new Numeric(0n, 0)
export const numericOne = new Numeric(1n, 0)

/** Digits before the point (NUMERIC_WEIGHT_MAX), digits behind it, and of a declared precision. */
export const integerDigitsMax = 131_072
export const storedScaleMax = 16_383
export const precisionMax = 1_000

export const numericOverflow = (): SqlError => new SqlError('22003', 'value overflows numeric format')

const powers: bigint[] = [1n]
const cachedPowers = 1_100

/** 10^exponent, exponent >= 0. */
export function pow10(exponent: number): bigint {
  if (exponent >= cachedPowers) return 10n ** BigInt(exponent)
  while (powers.length <= exponent) powers.push((powers[powers.length - 1] as bigint) * 10n)
  return powers[exponent] as bigint
}

const surelySmall = pow10(1_000)
let integerLimit: bigint | undefined

/** A finite value, refused when it has more digits than PostgreSQL stores. */
export function makeNumeric(unscaled: bigint, scale: number): Numeric {
  if (unscaled >= surelySmall || unscaled <= -surelySmall || scale > storedScaleMax) checkSize(unscaled, scale)
  return new Numeric(unscaled, scale)
}

function checkSize(unscaled: bigint, scale: number): void {
  if (scale > storedScaleMax) throw numericOverflow()
  integerLimit ??= pow10(integerDigitsMax)
  const whole = scale === 0 ? unscaled : unscaled / pow10(scale)
  if (whole >= integerLimit || whole <= -integerLimit) throw numericOverflow()
}

export const numericFromBigint = (value: bigint): Numeric => new Numeric(value, 0)
export const numericFromInteger = (value: number): Numeric => new Numeric(BigInt(value), 0)

/** numerator / denominator, rounded half away from zero; denominator > 0. */
export function divideRound(numerator: bigint, denominator: bigint): bigint {
  const quotient = numerator / denominator
  const rest = numerator - quotient * denominator
  if (rest >= 0n) return rest * 2n >= denominator ? quotient + 1n : quotient
  return -rest * 2n >= denominator ? quotient - 1n : quotient
}

/** `unscaled` at another scale, rounded half away from zero where digits are lost. Scales may be negative here. */
export function rescale(unscaled: bigint, from: number, to: number): bigint {
  if (to === from) return unscaled
  return to > from ? unscaled * pow10(to - from) : divideRound(unscaled, pow10(from - to))
}

/** Rank among specials: -Infinity < finite < Infinity < NaN. */
const rank = (value: Numeric): number =>
  value.special === '' ? 0 : value.special === 'NaN' ? 2 : value.special === 'Infinity' ? 1 : -1

export function compareNumeric(a: Numeric, b: Numeric): number {
  if (a.special !== '' || b.special !== '') return rank(a) - rank(b)
  let left = a.unscaled
  let right = b.unscaled
  if (a.scale < b.scale) left *= pow10(b.scale - a.scale)
  else if (a.scale > b.scale) right *= pow10(a.scale - b.scale)
  return left < right ? -1 : left > right ? 1 : 0
}

export function formatNumeric(value: Numeric): string {
  if (value.special !== '') return value.special
  const { unscaled, scale } = value
  if (scale === 0) return unscaled.toString()
  const negative = unscaled < 0n
  const digits = (negative ? -unscaled : unscaled).toString().padStart(scale + 1, '0')
  const point = digits.length - scale
  return `${negative ? '-' : ''}${digits.slice(0, point)}.${digits.slice(point)}`
}
