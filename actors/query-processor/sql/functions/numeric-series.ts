import { SqlError } from '../../../../protocol/errors.ts'
import {
  compareNumeric,
  divideRound,
  formatNumeric,
  makeNumeric,
  Numeric,
  numericOne,
  numericOverflow,
  pow10,
  precisionMax,
  rescale,
} from '../../../../protocol/values/numeric.ts'
import {
  divideAt,
  isWhole,
  negateNumeric,
  significantDigitsMin,
  subtractNumeric,
} from '../../../../protocol/values/numeric-arithmetic.ts'
import { base10000 } from '../../../../protocol/values/numeric-type.ts'

/**
 * Roots, logarithms and powers of numeric. The scales of results are PostgreSQL's (numeric.c: sqrt_var, ln_var, exp_var, power_var);
 * the digits come from binary fixed point with enough bits to round correctly.
 */

/** NUMERIC_MAX_RESULT_SCALE */
const resultScaleMax = 2_000
const bitsPerDigit = Math.log2(10)
const log10E = Math.LOG10E

const clampScale = (scale: number, ...atLeast: readonly number[]): number =>
  Math.min(Math.max(scale, 0, ...atLeast), precisionMax)

/* ---------------------------------------------------------------- fixed point: value = n / 2^bits */

const bitsFor = (digits: number): number => Math.ceil(digits * bitsPerDigit) + 16

function toFixed(value: Numeric, bits: number): bigint {
  return divideRound(value.unscaled << BigInt(bits), pow10(value.scale))
}

function fromFixed(value: bigint, bits: number, scale: number): Numeric {
  return makeNumeric(divideRound(value * pow10(scale), 1n << BigInt(bits)), scale)
}

/** The integer part of a square root: that of the upper half of the digits, and a step of Newton's. */
function integerSqrt(value: bigint): bigint {
  if (value < 1n << 50n) return BigInt(Math.floor(Math.sqrt(Number(value))))
  const quarter = BigInt(value.toString(16).length)
  // Never too small: from above every step comes nearer.
  let root = (integerSqrt(value >> (quarter * 2n)) + 1n) << quarter
  for (;;) {
    const next = (root + value / root) >> 1n
    if (next >= root) return root
    root = next
  }
}

let ln2Bits = 0
let ln2Value = 0n

/** ln 2 = 2 atanh(1/3), kept at the greatest precision asked for. */
function ln2(bits: number): bigint {
  if (ln2Bits < bits) {
    ln2Bits = bits + 64
    const extra = BigInt(ln2Bits + 16)
    let term = (2n << extra) / 3n
    let sum = 0n
    for (let n = 1n; term !== 0n; n += 2n) {
      sum += term / n
      term /= 9n
    }
    ln2Value = sum >> 16n
  }
  return ln2Value >> BigInt(ln2Bits - bits)
}

/** ln of a positive value with an absolute error far below 2^-bits. */
function lnFixed(value: Numeric, bits: number): bigint {
  // value = mantissa * 2^exponent, mantissa in [1/2, 1]
  const magnitude = value.unscaled.toString(2).length - Math.round(value.scale * bitsPerDigit)
  const halvings = 8
  const work = bits + 32 + Math.ceil(Math.log2(Math.abs(magnitude) + 2))
  const wide = BigInt(work)
  const one = 1n << wide
  let mantissa =
    magnitude > work
      ? value.unscaled / pow10(value.scale) / (1n << BigInt(magnitude - work))
      : (value.unscaled << BigInt(work - magnitude)) / pow10(value.scale)
  for (let i = 0; i < halvings; i++) mantissa = integerSqrt(mantissa << wide)
  // ln z = 2 atanh((z - 1) / (z + 1))
  const ratio = ((mantissa - one) << wide) / (mantissa + one)
  const square = (ratio * ratio) >> wide
  let term = ratio
  let sum = 0n
  for (let n = 1n; term !== 0n && term !== -1n; n += 2n) {
    sum += term / n
    term = (term * square) >> wide
  }
  return ((sum << BigInt(1 + halvings)) + ln2(work) * BigInt(magnitude)) >> BigInt(work - bits)
}

/** e^x for x fixed at `bits`; the result is { mantissa at `bits`, exponent of 2 }. */
function expFixed(x: bigint, bits: number): { mantissa: bigint; exponent: number } {
  const one = 1n << BigInt(bits)
  const exponent = Number(x / ln2(bits))
  const rest = x - BigInt(exponent) * ln2(bits)
  const squarings = 8
  const small = rest >> BigInt(squarings)
  let term = one
  let sum = one
  for (let n = 1n; term !== 0n && term !== -1n; n++) {
    term = ((term * small) >> BigInt(bits)) / n
    sum += term
  }
  for (let i = 0; i < squarings; i++) sum = (sum * sum) >> BigInt(bits)
  return { mantissa: sum, exponent }
}

/* ---------------------------------------------------------------- ln, log, exp, sqrt */

/** The decimal weight of ln(value), for choosing scales (estimate_ln_dweight). */
function lnWeight(value: Numeric): number {
  if (value.unscaled <= 0n) return 0
  if (compareNumeric(value, zeroPointNine) >= 0 && compareNumeric(value, onePointOne) <= 0) {
    const { groups, weight } = base10000(subtractNumeric(value, numericOne))
    return groups.length === 0 ? 0 : weight * 4 + Math.trunc(Math.log10(groups[0] as number))
  }
  const { groups, weight } = base10000(value)
  let digits = groups[0] as number
  let power = weight * 4
  if (groups.length > 1) {
    digits = digits * 10_000 + (groups[1] as number)
    power -= 4
  }
  return Math.trunc(Math.log10(Math.abs(Math.log(digits) + power * Math.LN10)))
}

const zeroPointNine = new Numeric(9n, 1)
const onePointOne = new Numeric(11n, 1)

function lnAt(value: Numeric, scale: number): Numeric {
  const bits = bitsFor(scale + 4)
  const unscaled = divideRound(lnFixed(value, bits) * pow10(scale), 1n << BigInt(bits))
  return new Numeric(unscaled, scale)
}

/** value > 0, finite */
export function lnNumeric(value: Numeric): Numeric {
  return lnAt(value, clampScale(significantDigitsMin - lnWeight(value), value.scale))
}

/** The logarithm of `value` to `base`; both positive and finite. */
export function logNumeric(base: Numeric, value: Numeric): Numeric {
  const baseWeight = lnWeight(base)
  const valueWeight = lnWeight(value)
  const weight = valueWeight - baseWeight
  const scale = clampScale(significantDigitsMin - weight, base.scale, value.scale)
  const lnBase = lnAt(base, Math.max(scale + weight - baseWeight + 8, 0))
  const lnValue = lnAt(value, Math.max(scale + weight - valueWeight + 8, 0))
  if (lnBase.unscaled === 0n) throw new SqlError('22012', 'division by zero')
  return divideAt(lnValue, lnBase, scale)
}

const toDouble = (value: Numeric): number => Number(formatNumeric(value))

function expAt(value: Numeric, scale: number): Numeric {
  const estimate = toDouble(value)
  if (Math.abs(estimate) >= resultScaleMax * 3) {
    if (estimate > 0) throw numericOverflow()
    return new Numeric(0n, scale)
  }
  const bits = bitsFor(Math.max(Math.trunc(estimate * log10E), 0) + scale + 12)
  const { mantissa, exponent } = expFixed(toFixed(value, bits), bits)
  return fromFixed(exponent >= 0 ? mantissa << BigInt(exponent) : mantissa >> BigInt(-exponent), bits, scale)
}

export function expNumeric(value: Numeric): Numeric {
  const weight = Math.min(Math.max(toDouble(value) * log10E, -resultScaleMax), resultScaleMax)
  return expAt(value, clampScale(significantDigitsMin - Math.trunc(weight), value.scale))
}

/** value >= 0 at `scale`, rounded. */
export function sqrtAt(value: Numeric, scale: number): Numeric {
  // One more digit than asked for decides the rounding: a root is never exactly half way between without being exact.
  const target = 2 * (scale + 1)
  const shifted =
    target >= value.scale ? value.unscaled * pow10(target - value.scale) : value.unscaled / pow10(value.scale - target)
  return makeNumeric(divideRound(integerSqrt(shifted), 10n), scale)
}

export function sqrtNumeric(value: Numeric): Numeric {
  const { groups, weight } = base10000(value)
  return sqrtAt(value, clampScale(significantDigitsMin - ((groups.length === 0 ? 0 : weight) * 2 + 1), value.scale))
}

/* ---------------------------------------------------------------- power */

const multiplyAt = (a: Numeric, b: Numeric, scale: number): Numeric =>
  new Numeric(rescale(a.unscaled * b.unscaled, a.scale + b.scale, scale), scale)

const int4Limit = 2n ** 31n

/** Finite operands; the caller has refused 0 to a negative power and negative bases with fractional exponents. */
export function powerNumeric(base: Numeric, exponent: Numeric): Numeric {
  if (isWhole(exponent)) {
    const whole = exponent.unscaled / pow10(exponent.scale)
    if (whole >= -int4Limit && whole < int4Limit) return integerPower(base, Number(whole), exponent.scale)
  }
  if (base.unscaled === 0n) return new Numeric(0n, significantDigitsMin)
  const negative = base.unscaled < 0n
  const positiveBase = negative ? negateNumeric(base) : base
  const odd = negative && (exponent.unscaled / pow10(exponent.scale)) % 2n !== 0n

  const weight = lnWeight(positiveBase)
  const roughScale = Math.max(8 - weight, 0)
  const rough = multiplyAt(lnAt(positiveBase, roughScale), exponent, roughScale)
  const estimate = toDouble(rough)
  if (Math.abs(estimate) > resultScaleMax * 3.01) {
    if (estimate > 0) throw numericOverflow()
    return new Numeric(0n, precisionMax)
  }
  const resultWeight = Math.trunc(estimate * log10E)
  const scale = clampScale(significantDigitsMin - resultWeight, base.scale, exponent.scale)
  const digits = Math.max(scale + resultWeight, 0)
  const fineScale = Math.max(digits - weight + 8, 0)
  const result = expAt(multiplyAt(lnAt(positiveBase, fineScale), exponent, fineScale), scale)
  return odd ? negateNumeric(result) : result
}

/** log10 of |value| to about sixteen digits. */
function log10Of(value: Numeric): number {
  const { groups, weight } = base10000(value)
  let leading = groups[0] as number
  let power = weight * 4
  for (let i = 1; i < groups.length && i * 4 < 16; i++) {
    leading = leading * 10_000 + (groups[i] as number)
    power -= 4
  }
  return Math.log10(leading) + power
}

function integerPower(base: Numeric, exponent: number, exponentScale: number): Numeric {
  const isZero = base.unscaled === 0n
  const weight = isZero ? 0 : exponent * log10Of(base)
  if (weight > 131_072) throw numericOverflow()
  if (weight + 1 < -precisionMax) return new Numeric(0n, precisionMax)
  const scale = clampScale(significantDigitsMin - Math.trunc(weight), base.scale, exponentScale)
  if (exponent === 0) return new Numeric(pow10(scale), scale)
  if (exponent === 1) return makeNumeric(rescale(base.unscaled, base.scale, scale), scale)
  if (isZero) {
    if (exponent < 0) throw new SqlError('22012', 'division by zero')
    return new Numeric(0n, scale)
  }
  if (exponent === -1) return divideAt(numericOne, base, scale)
  if (exponent === 2) return makeNumeric(multiplyAt(base, base, scale).unscaled, scale)
  const digits = 1 + scale + Math.trunc(weight) + Math.trunc(Math.log(Math.abs(exponent))) + 8
  const result = repeatedProduct(base, Math.abs(exponent), digits)
  if (result === undefined) {
    if (exponent > 0) throw numericOverflow()
    return new Numeric(0n, scale)
  }
  return exponent < 0 ? divideAt(numericOne, result, scale) : makeNumeric(rescale(result.unscaled, result.scale, scale), scale)
}

/** base^exponent by squaring, each product kept to `digits` significant digits; undefined beyond what numeric holds. */
function repeatedProduct(base: Numeric, exponent: number, digits: number): Numeric | undefined {
  let square = base
  let result = exponent % 2 === 1 ? base : numericOne
  for (let rest = Math.floor(exponent / 2); rest > 0; rest = Math.floor(rest / 2)) {
    square = multiplyAt(square, square, keptScale(digits, square, square))
    if (rest % 2 === 1) result = multiplyAt(square, result, keptScale(digits, square, result))
    if (weightOf(square) > 32_767 || weightOf(result) > 32_767) return undefined
  }
  return result
}

const weightOf = (value: Numeric): number => {
  const length = value.unscaled.toString().length - (value.unscaled < 0n ? 1 : 0)
  return value.unscaled === 0n ? 0 : Math.ceil((length - value.scale) / 4) - 1
}

function keptScale(digits: number, a: Numeric, b: Numeric): number {
  return Math.max(Math.min(digits - (weightOf(a) + weightOf(b)) * 4, a.scale + b.scale), 0)
}
