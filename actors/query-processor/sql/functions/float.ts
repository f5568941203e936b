import { outOfRange, SqlError } from '../../../../protocol/errors.ts'
import { formatG } from '../../../../protocol/values/float.ts'
import * as precise from './double-double.ts'
import { checkOverflow, floatOperators, floatOverflow, floatUnderflow, multiply } from './float-operator.ts'
import { toInt2, toInt4 } from './integer.ts'
import type { FunctionContext, Implementations, ScalarFunction } from './registry.ts'

type Functions = Record<string, ScalarFunction>

const inputOutOfRange = (): SqlError => new SqlError('22003', 'input is out of range')
const infinite = (value: number): boolean => value === Infinity || value === -Infinity

/* ---------------------------------------------------------------- rounding, powers, logarithms */

/** rint: to the nearest integer, ties to even. */
export function roundEven(value: number): number {
  if (!(Math.abs(value) < 2 ** 52)) return value
  const rounded = Math.round(value)
  const even = rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded
  return even === 0 ? (value < 0 || Object.is(value, -0) ? -0 : 0) : even
}

const powerError = (message: string): SqlError => new SqlError('2201F', message)

function power(a: number, b: number): number {
  if (Number.isNaN(a)) return b === 0 ? 1 : a
  if (Number.isNaN(b)) return a === 1 ? 1 : b
  if (a === 0 && b < 0) throw powerError('zero raised to a negative power is undefined')
  if (a < 0 && Math.floor(b) !== b) {
    throw powerError('a negative number raised to a non-integer power yields a complex result')
  }
  if (infinite(b) && Math.abs(a) === 1) return 1
  const result = precise.pow(a, b)
  if (infinite(a) || infinite(b)) return result
  if (infinite(result)) throw floatOverflow()
  if (result === 0 && a !== 0) throw floatUnderflow()
  return result
}

function exponential(a: number): number {
  const result = precise.exp(a)
  if (infinite(a)) return result
  if (infinite(result)) throw floatOverflow()
  if (result === 0) throw floatUnderflow()
  return result
}

function logarithm(a: number, log: (value: number) => number): number {
  if (a === 0) throw new SqlError('2201E', 'cannot take logarithm of zero')
  if (a < 0) throw new SqlError('2201E', 'cannot take logarithm of a negative number')
  return log(a)
}

const curves: Functions = {
  dpow: (_context, a: number, b: number) => power(a, b),
  dexp: (_context, a: number) => exponential(a),
  dlog1: (_context, a: number) => logarithm(a, precise.ln),
  dlog10: (_context, a: number) => logarithm(a, Math.log10),
  dsqrt: (_context, a: number) => {
    if (a < 0) throw powerError('cannot take square root of a negative number')
    return Math.sqrt(a)
  },
  dcbrt: (_context, a: number) => Math.cbrt(a),
  dround: (_context, a: number) => roundEven(a),
  dceil: (_context, a: number) => Math.ceil(a),
  dfloor: (_context, a: number) => Math.floor(a),
  dtrunc: (_context, a: number) => Math.trunc(a),
  dsign: (_context, a: number) => (a > 0 ? 1 : a < 0 ? -1 : 0),
  degrees: (_context, a: number) => checkOverflow(a / (Math.PI / 180), a),
  radians: (_context, a: number) => multiply(a, Math.PI / 180),
  dpi: () => Math.PI,
}

/* ---------------------------------------------------------------- trigonometry */

/** NaN passes; `refused` inputs are out of range. */
function guarded(compute: (a: number) => number, refused: (a: number) => boolean): ScalarFunction {
  return (_context, a: number) => {
    if (Number.isNaN(a)) return a
    if (refused(a)) throw inputOutOfRange()
    return compute(a)
  }
}

const never = (): boolean => false
const beyondOne = (a: number): boolean => a < -1 || a > 1

/* Degrees: exact at multiples of 30, 45 and 60, because every result is divided by what the same code makes of those. */
const inRadians = (degrees: number): number => degrees * (Math.PI / 180)
const sin30 = precise.sin(inRadians(30))
const oneMinusCos60 = 1 - precise.cos(inRadians(60))
const sinTo30 = (x: number): number => precise.sin(inRadians(x)) / sin30 / 2
const cosTo60 = (x: number): number => 1 - (1 - precise.cos(inRadians(x))) / oneMinusCos60 / 2
const sinQuadrant = (x: number): number => (x <= 30 ? sinTo30(x) : cosTo60(90 - x))
const cosQuadrant = (x: number): number => (x <= 60 ? cosTo60(x) : sinTo30(90 - x))
const tan45 = sinQuadrant(45) / cosQuadrant(45)
const cot45 = cosQuadrant(45) / sinQuadrant(45)
const asinHalf = precise.asin(0.5)
const acosHalf = precise.acos(0.5)
const asinQuadrant = (x: number): number =>
  x <= 0.5 ? (precise.asin(x) / asinHalf) * 30 : 90 - (precise.acos(x) / acosHalf) * 60
const acosQuadrant = (x: number): number =>
  x <= 0.5 ? 90 - (precise.asin(x) / asinHalf) * 30 : (precise.acos(x) / acosHalf) * 60
const atan1 = precise.atan(1)

/** Folds an angle into the first quadrant; the flags say which folds turn the sign. */
function folded(compute: (x: number) => number, turns: { negative: boolean; half: boolean; quarter: boolean }) {
  return (degrees: number): number => {
    let x = degrees % 360
    let sign = 1
    if (x < 0) {
      x = -x
      if (turns.negative) sign = -sign
    }
    if (x > 180) {
      x = 360 - x
      if (turns.half) sign = -sign
    }
    if (x > 90) {
      x = 180 - x
      if (turns.quarter) sign = -sign
    }
    return sign * compute(x)
  }
}

const everyTurn = { negative: true, half: true, quarter: true }
/** Never minus zero. */
const positiveZero = (value: number): number => (value === 0 ? 0 : value)
const tangent = folded((x) => sinQuadrant(x) / cosQuadrant(x) / tan45, everyTurn)
const cotangent = folded((x) => cosQuadrant(x) / sinQuadrant(x) / cot45, everyTurn)

const trigonometry: Functions = {
  dsin: guarded(precise.sin, infinite),
  dcos: guarded(precise.cos, infinite),
  dtan: guarded(precise.tan, infinite),
  dcot: guarded(precise.cot, infinite),
  dasin: guarded(precise.asin, beyondOne),
  dacos: guarded(precise.acos, beyondOne),
  datan: guarded(precise.atan, never),
  datan2: (_context, a: number, b: number) => precise.atan2(a, b),
  dsinh: guarded(precise.sinh, never),
  dcosh: guarded(precise.cosh, never),
  dtanh: guarded(Math.tanh, never),
  dasinh: guarded(Math.asinh, never),
  dacosh: guarded(Math.acosh, (a) => a < 1),
  datanh: guarded(Math.atanh, beyondOne),
  dsind: guarded(folded(sinQuadrant, { negative: true, half: true, quarter: false }), infinite),
  dcosd: guarded(folded(cosQuadrant, { negative: false, half: false, quarter: true }), infinite),
  dtand: guarded((a) => positiveZero(tangent(a)), infinite),
  dcotd: guarded((a) => positiveZero(cotangent(a)), infinite),
  dasind: guarded((a) => (a >= 0 ? asinQuadrant(a) : -asinQuadrant(-a)), beyondOne),
  dacosd: guarded((a) => (a >= 0 ? acosQuadrant(a) : 90 + asinQuadrant(-a)), beyondOne),
  datand: guarded((a) => (precise.atan(a) / atan1) * 45, never),
  datan2d: (_context, a: number, b: number) => (precise.atan2(a, b) / atan1) * 45,
}

/* ---------------------------------------------------------------- casts */

function toInt8(value: number): bigint {
  const whole = roundEven(value)
  if (!(whole >= -(2 ** 63) && whole < 2 ** 63)) throw outOfRange('bigint')
  return BigInt(whole)
}

function narrow(value: number): number {
  const result = Math.fround(value)
  if (infinite(result) && !infinite(value)) throw floatOverflow()
  if (result === 0 && value !== 0) throw floatUnderflow()
  return result
}

function whole(ranged: (value: number) => number, type: string): ScalarFunction {
  return (_context, value: number) => {
    if (Number.isNaN(value)) throw outOfRange(type)
    return ranged(roundEven(value))
  }
}

/** The nearest float4 of an int8, rounded once. */
function float4FromInt8(value: bigint): number {
  const double = Number(value)
  const lost = value - BigInt(double)
  if (lost === 0n) return Math.fround(double)
  // The double is rounded already: where it lies between two floats, what was lost decides.
  const nearest = Math.fround(double)
  const nudged = double + (lost > 0n ? 1 : -1) * 2 ** (Math.floor(Math.log2(Math.abs(double))) - 52)
  const other = Math.fround(nudged)
  return Math.abs(nearest - double) === Math.abs(other - double) ? other : nearest
}

const identity: ScalarFunction = (_context, value: number) => value
const casts: Functions = {
  i2tod: identity,
  i4tod: identity,
  i8tod: (_context, value: bigint) => Number(value),
  i2tof: identity,
  i4tof: (_context, value: number) => Math.fround(value),
  i8tof: (_context, value: bigint) => float4FromInt8(value),
  ftod: identity,
  dtof: (_context, value: number) => narrow(value),
  dtoi2: whole(toInt2, 'smallint'),
  ftoi2: whole(toInt2, 'smallint'),
  dtoi4: whole(toInt4, 'integer'),
  ftoi4: whole(toInt4, 'integer'),
  dtoi8: (_context, value: number) => toInt8(value),
  ftoi8: (_context, value: number) => toInt8(value),
}

/* ---------------------------------------------------------------- buckets and chance */

export const bucketError = (message: string): SqlError => new SqlError('2201G', message)

function widthBucket(operand: number, low: number, high: number, count: number): number {
  if (count <= 0) throw bucketError('count must be greater than zero')
  if (Number.isNaN(operand) || Number.isNaN(low) || Number.isNaN(high)) {
    throw bucketError('operand, lower bound, and upper bound cannot be NaN')
  }
  if (infinite(low) || infinite(high)) throw bucketError('lower and upper bounds must be finite')
  if (low === high) throw bucketError('lower bound cannot equal upper bound')
  const descending = low > high
  if (descending ? operand > low : operand < low) return 0
  if (descending ? operand <= high : operand >= high) return toInt4(count + 1)
  const share = infinite(high - low) ? (operand / 2 - low / 2) / (high / 2 - low / 2) : (operand - low) / (high - low)
  return Math.min(Math.trunc(count * share), count - 1) + 1
}

/** Box and Muller. */
function randomNormal(context: FunctionContext, mean: number, deviation: number): number {
  const radius = Math.sqrt(-2 * Math.log(1 - context.random()))
  return mean + deviation * radius * precise.sin(2 * Math.PI * (1 - context.random()))
}

export const floatFunctions: Implementations = {
  scalar: {
    ...floatOperators,
    ...curves,
    ...trigonometry,
    ...casts,
    width_bucket_float8: (_context, operand: number, low: number, high: number, count: number) =>
      widthBucket(operand, low, high, count),
    drandom: (context) => context.random(),
    drandom_normal: (context, mean: number, deviation: number) => randomNormal(context, mean, deviation),
    setseed: (context, seed: number) => {
      if (!(seed >= -1 && seed <= 1)) {
        throw new SqlError('22023', `setseed parameter ${formatG(seed, 6)} is out of allowed range [-1,1]`)
      }
      context.seedRandom(seed)
      return ''
    },
  },
}
