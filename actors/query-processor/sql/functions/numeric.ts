import { outOfRange, SqlError } from '../../../../protocol/errors.ts'
import { formatG, parseFloat4, parseFloat8 } from '../../../../protocol/values/float.ts'
import {
  compareNumeric,
  formatNumeric,
  makeNumeric,
  Numeric,
  numericFromBigint,
  numericFromInteger,
  numericInfinity,
  numericNaN,
  numericNegativeInfinity,
  numericOne,
  numericZero,
  pow10,
} from '../../../../protocol/values/numeric.ts'
import {
  absNumeric,
  addNumeric,
  divideNumeric,
  integerQuotient,
  isWhole,
  multiplyNumeric,
  negateNumeric,
  remainder,
  roundNumeric,
  roundToBigint,
  signOf,
  subtractNumeric,
  toWhole,
  truncateNumeric,
} from '../../../../protocol/values/numeric-arithmetic.ts'
import { applyNumericTypmod, parseNumeric } from '../../../../protocol/values/numeric-text.ts'
import type { Value } from '../../../../protocol/values/value.ts'
import { comparisons, extremes, ordering } from './comparison.ts'
import { bucketError } from './float.ts'
import { toInt4 } from './integer.ts'
import { toNumber } from './number-from-char.ts'
import { floatToChar, int4ToChar, int8ToChar, numericToChar } from './number-to-char.ts'
import { expNumeric, lnNumeric, logNumeric, powerNumeric, sqrtNumeric } from './numeric-series.ts'
import type { Implementations, ScalarFunction } from './registry.ts'

type Functions = Record<string, ScalarFunction>

/* ---------------------------------------------------------------- functions with special values */

function sqrt(value: Numeric): Numeric {
  if (value.special === 'NaN' || value.special === 'Infinity') return value
  if (signOf(value) < 0) throw new SqlError('2201F', 'cannot take square root of a negative number')
  return sqrtNumeric(value)
}

function exp(value: Numeric): Numeric {
  if (value.special !== '') return value.special === '-Infinity' ? numericZero : value
  return expNumeric(value)
}

function checkLogarithm(value: Numeric): void {
  const sign = signOf(value)
  if (sign === 0) throw new SqlError('2201E', 'cannot take logarithm of zero')
  if (sign < 0) throw new SqlError('2201E', 'cannot take logarithm of a negative number')
}

function ln(value: Numeric): Numeric {
  if (value.special === 'NaN') return value
  checkLogarithm(value)
  return value.special === '' ? lnNumeric(value) : value
}

function log(base: Numeric, value: Numeric): Numeric {
  if (base.special === 'NaN' || value.special === 'NaN') return numericNaN
  checkLogarithm(base)
  checkLogarithm(value)
  if (base.special !== '') return value.special !== '' ? numericNaN : numericZero
  if (value.special !== '') return numericInfinity
  return logNumeric(base, value)
}

const ten = numericFromInteger(10)

function power(base: Numeric, exponent: Numeric): Numeric {
  const isOne = (value: Numeric): boolean => value.special === '' && compareNumeric(value, numericOne) === 0
  const isZero = (value: Numeric): boolean => signOf(value) === 0
  if (base.special === 'NaN') return isZero(exponent) ? numericOne : base
  if (exponent.special === 'NaN') return isOne(base) ? numericOne : exponent
  if (isZero(base) && signOf(exponent) < 0) {
    throw new SqlError('2201F', 'zero raised to a negative power is undefined')
  }
  if (signOf(base) < 0 && !isWhole(exponent)) {
    throw new SqlError('2201F', 'a negative number raised to a non-integer power yields a complex result')
  }
  if (base.special === '' && exponent.special === '') return powerNumeric(base, exponent)
  return infinitePower(base, exponent)
}

/** At least one of the two is infinite. */
function infinitePower(base: Numeric, exponent: Numeric): Numeric {
  if (base.special === '' && compareNumeric(base, numericOne) === 0) return numericOne
  if (signOf(exponent) === 0) return numericOne
  if (signOf(base) === 0) return numericZero
  const rising = signOf(exponent) > 0
  if (exponent.special !== '') {
    const size = compareNumeric(absNumeric(base), numericOne)
    if (size === 0) return numericOne
    return size > 0 === rising ? numericInfinity : numericZero
  }
  if (!rising) return numericZero
  const odd = (exponent.unscaled / pow10(exponent.scale)) % 2n !== 0n
  return base.special === '-Infinity' && odd ? numericNegativeInfinity : numericInfinity
}

function gcd(a: Numeric, b: Numeric): Numeric {
  if (a.special !== '' || b.special !== '') return numericNaN
  const scale = Math.max(a.scale, b.scale)
  let x = roundNumeric(absNumeric(a), scale).unscaled
  let y = roundNumeric(absNumeric(b), scale).unscaled
  while (y !== 0n) [x, y] = [y, x % y]
  return new Numeric(x, scale)
}

function lcm(a: Numeric, b: Numeric): Numeric {
  if (a.special !== '' || b.special !== '') return numericNaN
  const scale = Math.max(a.scale, b.scale)
  if (a.unscaled === 0n || b.unscaled === 0n) return new Numeric(0n, scale)
  const quotient = absNumeric(roundNumeric(a, scale)).unscaled / gcd(a, b).unscaled
  return makeNumeric(quotient * absNumeric(roundNumeric(b, scale)).unscaled, scale)
}

function factorial(value: bigint): Numeric {
  if (value < 0n) throw new SqlError('22003', 'factorial of a negative number is undefined')
  if (value > 32_177n) throw new SqlError('22003', 'value overflows numeric format')
  const product = (from: bigint, to: bigint): bigint => {
    if (to - from < 8n) {
      let all = from
      for (let i = from + 1n; i <= to; i++) all *= i
      return all
    }
    const middle = (from + to) / 2n
    return product(from, middle) * product(middle + 1n, to)
  }
  return makeNumeric(value < 2n ? 1n : product(2n, value), 0)
}

function widthBucket(operand: Numeric, low: Numeric, high: Numeric, count: number): number {
  if (count <= 0) throw bucketError('count must be greater than zero')
  if (operand.special === 'NaN' || low.special === 'NaN' || high.special === 'NaN') {
    throw bucketError('operand, lower bound, and upper bound cannot be NaN')
  }
  if (low.special !== '' || high.special !== '') throw bucketError('lower and upper bounds must be finite')
  const direction = compareNumeric(high, low)
  if (direction === 0) throw bucketError('lower bound cannot equal upper bound')
  if (compareNumeric(operand, low) * direction < 0) return 0
  if (compareNumeric(operand, high) * direction >= 0) return toInt4(count + 1)
  const part = multiplyNumeric(subtractNumeric(operand, low), numericFromInteger(count))
  return Number(integerQuotient(part, subtractNumeric(high, low)).unscaled) + 1
}

/** The fewest decimals that lose nothing. */
function minScale(value: Numeric): number {
  let { scale, unscaled } = value
  if (unscaled === 0n) return 0
  while (scale > 0 && unscaled % 10n === 0n) {
    unscaled /= 10n
    scale--
  }
  return scale
}

/* ---------------------------------------------------------------- casts */

function toInteger(value: Numeric, min: bigint, max: bigint, type: string): bigint {
  if (value.special !== '') {
    throw new SqlError('0A000', `cannot convert ${value.special === 'NaN' ? 'NaN' : 'infinity'} to ${type}`)
  }
  const whole = roundToBigint(value)
  if (whole < min || whole > max) throw outOfRange(type)
  return whole
}

function fromFloat(value: number, digits: number): Numeric {
  if (Number.isNaN(value)) return numericNaN
  if (value === Infinity) return numericInfinity
  if (value === -Infinity) return numericNegativeInfinity
  return parseNumeric(formatG(value, digits))
}

const casts: Functions = {
  int2_numeric: (_context, value: number) => numericFromInteger(value),
  int4_numeric: (_context, value: number) => numericFromInteger(value),
  int8_numeric: (_context, value: bigint) => numericFromBigint(value),
  float4_numeric: (_context, value: number) => fromFloat(value, 6),
  float8_numeric: (_context, value: number) => fromFloat(value, 15),
  numeric_int2: (_context, value: Numeric) => Number(toInteger(value, -0x8000n, 0x7fffn, 'smallint')),
  numeric_int4: (_context, value: Numeric) => Number(toInteger(value, -0x80000000n, 0x7fffffffn, 'integer')),
  numeric_int8: (_context, value: Numeric) => toInteger(value, -0x8000000000000000n, 0x7fffffffffffffffn, 'bigint'),
  numeric_float4: (_context, value: Numeric) => parseFloat4(formatNumeric(value)),
  numeric_float8: (_context, value: Numeric) => parseFloat8(formatNumeric(value)),
  numeric: (_context, value: Numeric, typmod: number) => applyNumericTypmod(value, typmod),
}

const formats: Functions = {
  int4_to_char: (_context, value: number, format: string) => int4ToChar(value, format),
  int8_to_char: (_context, value: bigint, format: string) => int8ToChar(value, format),
  float4_to_char: (_context, value: number, format: string) => floatToChar(value, format, 6),
  float8_to_char: (_context, value: number, format: string) => floatToChar(value, format, 15),
  numeric_to_char: (_context, value: Numeric, format: string) => numericToChar(value, format),
  numeric_to_number: (_context, text: string, format: string) => toNumber(text, format),
}

/* ---------------------------------------------------------------- generate_series */

function checkBound(what: string, value: Numeric): void {
  if (value.special === '') return
  throw new SqlError('22023', `${what} cannot be ${value.special === 'NaN' ? 'NaN' : 'infinity'}`)
}

function series(from: Numeric, to: Numeric, step: Numeric): Iterable<Value> {
  checkBound('start value', from)
  checkBound('stop value', to)
  checkBound('step size', step)
  if (step.unscaled === 0n) throw new SqlError('22023', 'step size cannot equal zero')
  const direction = signOf(step)
  return (function* () {
    for (let at = from; compareNumeric(at, to) * direction <= 0; at = addNumeric(at, step)) yield at
  })()
}

const compare = compareNumeric

export const numericFunctions: Implementations = {
  scalar: {
    ...comparisons('numeric_', compare),
    ...extremes('numeric_', compare),
    ...ordering('numeric_cmp', compare),
    ...casts,
    ...formats,
    numeric_add: (_context, a: Numeric, b: Numeric) => addNumeric(a, b),
    numeric_sub: (_context, a: Numeric, b: Numeric) => subtractNumeric(a, b),
    numeric_mul: (_context, a: Numeric, b: Numeric) => multiplyNumeric(a, b),
    numeric_div: (_context, a: Numeric, b: Numeric) => divideNumeric(a, b),
    numeric_div_trunc: (_context, a: Numeric, b: Numeric) => integerQuotient(a, b),
    numeric_mod: (_context, a: Numeric, b: Numeric) => remainder(a, b),
    numeric_uminus: (_context, value: Numeric) => negateNumeric(value),
    numeric_uplus: (_context, value: Numeric) => value,
    numeric_abs: (_context, value: Numeric) => absNumeric(value),
    numeric_inc: (_context, value: Numeric) => addNumeric(value, numericOne),
    numeric_sign: (_context, value: Numeric) => (value.special === 'NaN' ? value : numericFromInteger(signOf(value))),
    numeric_round: (_context, value: Numeric, digits: number) => roundNumeric(value, digits),
    numeric_trunc: (_context, value: Numeric, digits: number) => truncateNumeric(value, digits),
    round: (_context, value: Numeric) => roundNumeric(value, 0),
    trunc: (_context, value: Numeric) => truncateNumeric(value, 0),
    numeric_ceil: (_context, value: Numeric) => toWhole(value, true),
    numeric_floor: (_context, value: Numeric) => toWhole(value, false),
    numeric_sqrt: (_context, value: Numeric) => sqrt(value),
    numeric_exp: (_context, value: Numeric) => exp(value),
    numeric_ln: (_context, value: Numeric) => ln(value),
    numeric_log: (_context, base: Numeric, value: Numeric) => log(base, value),
    log: (_context, value: Numeric) => log(ten, value),
    log10: (_context, value: Numeric) => log(ten, value),
    numeric_power: (_context, base: Numeric, exponent: Numeric) => power(base, exponent),
    numeric_gcd: (_context, a: Numeric, b: Numeric) => gcd(a, b),
    numeric_lcm: (_context, a: Numeric, b: Numeric) => lcm(a, b),
    numeric_fac: (_context, value: bigint) => factorial(value),
    numeric_scale: (_context, value: Numeric) => (value.special === '' ? value.scale : null),
    numeric_min_scale: (_context, value: Numeric) => (value.special === '' ? minScale(value) : null),
    numeric_trim_scale: (_context, value: Numeric) => (value.special === '' ? roundNumeric(value, minScale(value)) : value),
    width_bucket_numeric: (_context, operand: Numeric, low: Numeric, high: Numeric, count: number) =>
      widthBucket(operand, low, high, count),
  },
  set: {
    generate_series_numeric: (_context, from: Numeric, to: Numeric) => series(from, to, numericOne),
    generate_series_step_numeric: (_context, from: Numeric, to: Numeric, step: Numeric) => series(from, to, step),
  },
}
