import { divisionByZero, outOfRange, SqlError } from '../../../../protocol/errors.ts'
import type { Value } from '../../../../protocol/values/value.ts'
import { folding } from './aggregate.ts'
import { comparisons, extremes, ordering } from './comparison.ts'
import type { Implementations, ScalarFunction } from './registry.ts'

type Functions = Record<string, ScalarFunction>

/* ---------------------------------------------------------------- int2 and int4: doubles hold every sum and product exactly enough to see it overflow */

export function toInt2(value: number): number {
  if (value < -0x8000 || value > 0x7fff) throw outOfRange('smallint')
  return value | 0
}

export function toInt4(value: number): number {
  if (value < -0x80000000 || value > 0x7fffffff) throw outOfRange('integer')
  return value | 0
}

function quotient(a: number, b: number): number {
  if (b === 0) throw divisionByZero()
  return Math.trunc(a / b)
}

function rest(a: number, b: number): number {
  if (b === 0) throw divisionByZero()
  return (a % b) | 0
}

/** int4pl, int24pl ...: `name` carries the operand types, `ranged` brings the result into its range. */
function arithmetic(name: string, ranged: (value: number) => number): Functions {
  return {
    [`${name}pl`]: (_context, a: number, b: number) => ranged(a + b),
    [`${name}mi`]: (_context, a: number, b: number) => ranged(a - b),
    [`${name}mul`]: (_context, a: number, b: number) => ranged(a * b),
    [`${name}div`]: (_context, a: number, b: number) => ranged(quotient(a, b)),
  }
}

/** Operators on one small type alone; `wrap` cuts bit patterns to the type's width. */
function bitwise(name: string, ranged: (value: number) => number, wrap: (value: number) => number): Functions {
  return {
    [`${name}mod`]: (_context, a: number, b: number) => rest(a, b),
    [`${name}um`]: (_context, a: number) => ranged(-a),
    [`${name}up`]: (_context, a: number) => a,
    [`${name}abs`]: (_context, a: number) => ranged(Math.abs(a)),
    [`${name}and`]: (_context, a: number, b: number) => a & b,
    [`${name}or`]: (_context, a: number, b: number) => a | b,
    [`${name}xor`]: (_context, a: number, b: number) => a ^ b,
    [`${name}not`]: (_context, a: number) => ~a,
    [`${name}shl`]: (_context, a: number, b: number) => wrap(a << b),
    [`${name}shr`]: (_context, a: number, b: number) => a >> b,
  }
}

const byNumber = (a: number, b: number): number => a - b

/* ---------------------------------------------------------------- int8 */

const int8Min = -0x8000000000000000n
const int8Max = 0x7fffffffffffffffn

export function toInt8(value: bigint): bigint {
  if (value > int8Max || value < int8Min) throw outOfRange('bigint')
  return value
}

type Mixed = bigint | number

/** BigInt(x) of an operand that is int8 already costs nothing to skip: each pair of types converts only the smaller one. */
function arithmetic8<A extends Mixed, B extends Mixed>(name: string, left: (a: A) => bigint, right: (b: B) => bigint): Functions {
  return {
    [`${name}pl`]: (_context, a: A, b: B) => toInt8(left(a) + right(b)),
    [`${name}mi`]: (_context, a: A, b: B) => toInt8(left(a) - right(b)),
    [`${name}mul`]: (_context, a: A, b: B) => toInt8(left(a) * right(b)),
    [`${name}div`]: (_context, a: A, b: B) => {
      const divisor = right(b)
      if (divisor === 0n) throw divisionByZero()
      return toInt8(left(a) / divisor)
    },
  }
}

const same = (value: bigint): bigint => value
const wide = (value: number): bigint => BigInt(value)
// JavaScript compares bigint and number by value, without rounding.
const byValue = (a: Mixed, b: Mixed): number => (a < b ? -1 : a > b ? 1 : 0)

const int8Only: Functions = {
  int8mod: (_context, a: bigint, b: bigint) => {
    if (b === 0n) throw divisionByZero()
    return a % b
  },
  int8um: (_context, a: bigint) => toInt8(-a),
  int8up: (_context, a: bigint) => a,
  int8abs: (_context, a: bigint) => toInt8(a < 0n ? -a : a),
  int8and: (_context, a: bigint, b: bigint) => a & b,
  int8or: (_context, a: bigint, b: bigint) => a | b,
  int8xor: (_context, a: bigint, b: bigint) => a ^ b,
  int8not: (_context, a: bigint) => ~a,
  int8shl: (_context, a: bigint, b: number) => BigInt.asIntN(64, a << BigInt(b & 63)),
  int8shr: (_context, a: bigint, b: number) => a >> BigInt(b & 63),
  int8inc: (_context, a: bigint) => toInt8(a + 1n),
  int8dec: (_context, a: bigint) => toInt8(a - 1n),
}

/* ---------------------------------------------------------------- gcd and lcm */

function gcd8(a: bigint, b: bigint): bigint {
  let x = a < 0n ? -a : a
  let y = b < 0n ? -b : b
  while (y !== 0n) [x, y] = [y, x % y]
  return x
}

function gcd4(a: number, b: number): number {
  let x = Math.abs(a)
  let y = Math.abs(b)
  while (y !== 0) [x, y] = [y, x % y]
  return x
}

const divisors: Functions = {
  int4gcd: (_context, a: number, b: number) => toInt4(gcd4(a, b)),
  int8gcd: (_context, a: bigint, b: bigint) => toInt8(gcd8(a, b)),
  int4lcm: (_context, a: number, b: number) => (a === 0 || b === 0 ? 0 : toInt4(Math.abs((a / gcd4(a, b)) * b))),
  int8lcm: (_context, a: bigint, b: bigint) => {
    if (a === 0n || b === 0n) return 0n
    const product = (a / gcd8(a, b)) * b
    return toInt8(product < 0n ? -product : product)
  },
}

/* ---------------------------------------------------------------- casts */

const casts: Functions = {
  i4toi2: (_context, value: number) => toInt2(value),
  i2toi4: (_context, value: number) => value,
  int28: (_context, value: number) => BigInt(value),
  int48: (_context, value: number) => BigInt(value),
  int82: (_context, value: bigint) => {
    if (value < -0x8000n || value > 0x7fffn) throw outOfRange('smallint')
    return Number(value)
  },
  int84: (_context, value: bigint) => {
    if (value < -0x80000000n || value > 0x7fffffffn) throw outOfRange('integer')
    return Number(value)
  },
  i8tooid: (_context, value: bigint) => {
    if (value < 0n || value > 0xffffffffn) throw new SqlError('22003', 'OID out of range')
    return Number(value)
  },
  oidtoi8: (_context, value: number) => BigInt(value),
  to_hex32: (_context, value: number) => (value >>> 0).toString(16),
  to_hex64: (_context, value: bigint) => BigInt.asUintN(64, value).toString(16),
}

/* ---------------------------------------------------------------- sets */

const stepZero = (): SqlError => new SqlError('22023', 'step size cannot equal zero')

function* series4(from: number, to: number, step: number): Iterable<Value> {
  for (let i = from; step > 0 ? i <= to : i >= to; i += step) {
    if (i > 0x7fffffff || i < -0x80000000) return
    yield i
  }
}

function* series8(from: bigint, to: bigint, step: bigint): Iterable<Value> {
  for (let i = from; step > 0n ? i <= to : i >= to; i += step) yield i
}

export const integerFunctions: Implementations = {
  scalar: {
    ...arithmetic('int2', toInt2),
    ...bitwise('int2', toInt2, (value) => (value << 16) >> 16),
    ...arithmetic('int4', toInt4),
    ...bitwise('int4', toInt4, (value) => value),
    ...arithmetic('int24', toInt4),
    ...arithmetic('int42', toInt4),
    ...arithmetic8('int8', same, same),
    ...arithmetic8('int28', wide, same),
    ...arithmetic8('int48', wide, same),
    ...arithmetic8('int82', same, wide),
    ...arithmetic8('int84', same, wide),
    ...int8Only,
    ...divisors,
    ...casts,
    int4inc: (_context, a: number) => toInt4(a + 1),
    ...comparisons('int2', byNumber),
    ...comparisons('int4', byNumber),
    ...comparisons('int24', byNumber),
    ...comparisons('int42', byNumber),
    ...comparisons('int8', byValue),
    ...comparisons('int28', byValue),
    ...comparisons('int48', byValue),
    ...comparisons('int82', byValue),
    ...comparisons('int84', byValue),
    ...extremes('int2', byNumber),
    ...extremes('int4', byNumber),
    ...extremes('int8', byValue),
    btint2cmp: (_context, a: number, b: number) => a - b,
    ...ordering('btint4cmp', byNumber),
    ...ordering('btint8cmp', byValue),
  },
  set: {
    generate_series_int4: (_context, from: number, to: number) => series4(from, to, 1),
    generate_series_step_int4: (_context, from: number, to: number, step: number) => {
      if (step === 0) throw stepZero()
      return series4(from, to, step)
    },
    generate_series_int8: (_context, from: bigint, to: bigint) => series8(from, to, 1n),
    generate_series_step_int8: (_context, from: bigint, to: bigint, step: bigint) => {
      if (step === 0n) throw stepZero()
      return series8(from, to, step)
    },
  },
  aggregate: {
    'bit_and(int2)': folding((state: number, value: number) => state & value),
    'bit_or(int2)': folding((state: number, value: number) => state | value),
    'bit_xor(int2)': folding((state: number, value: number) => state ^ value),
    'bit_and(int4)': folding((state: number, value: number) => state & value),
    'bit_or(int4)': folding((state: number, value: number) => state | value),
    'bit_xor(int4)': folding((state: number, value: number) => state ^ value),
    'bit_and(int8)': folding((state: bigint, value: bigint) => state & value),
    'bit_or(int8)': folding((state: bigint, value: bigint) => state | value),
    'bit_xor(int8)': folding((state: bigint, value: bigint) => state ^ value),
  },
}
