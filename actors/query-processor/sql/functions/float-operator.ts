import { divisionByZero, SqlError } from '../../../../protocol/errors.ts'
import { compareFloat } from '../../../../protocol/values/float.ts'
import { comparisons, extremes, ordering } from './comparison.ts'
import type { ScalarFunction } from './registry.ts'

type Functions = Record<string, ScalarFunction>

export const floatOverflow = (): SqlError => new SqlError('22003', 'value out of range: overflow')
export const floatUnderflow = (): SqlError => new SqlError('22003', 'value out of range: underflow')

const infinite = (value: number): boolean => value === Infinity || value === -Infinity

/** Infinity may come from infinity only; zero may come from zero only where `exact` says so. */
export function checkOverflow(result: number, a: number, b = 0): number {
  if (infinite(result) && !infinite(a) && !infinite(b)) throw floatOverflow()
  return result
}

const round8 = (value: number): number => value

export function add(a: number, b: number, round = round8): number {
  return checkOverflow(round(a + b), a, b)
}

export function multiply(a: number, b: number, round = round8): number {
  const result = checkOverflow(round(a * b), a, b)
  if (result === 0 && a !== 0 && b !== 0) throw floatUnderflow()
  return result
}

function divide(a: number, b: number, round = round8): number {
  if (b === 0 && !Number.isNaN(a)) throw divisionByZero()
  const result = round(a / b)
  if (infinite(result) && !infinite(a)) throw floatOverflow()
  if (result === 0 && a !== 0 && !infinite(b)) throw floatUnderflow()
  return result
}

function arithmetic(name: string, round: (value: number) => number): Functions {
  return {
    [`${name}pl`]: (_context, a: number, b: number) => add(a, b, round),
    [`${name}mi`]: (_context, a: number, b: number) => add(a, -b, round),
    [`${name}mul`]: (_context, a: number, b: number) => multiply(a, b, round),
    [`${name}div`]: (_context, a: number, b: number) => divide(a, b, round),
  }
}

function signs(name: string): Functions {
  return {
    [`${name}um`]: (_context, a: number) => -a,
    [`${name}up`]: (_context, a: number) => a,
    [`${name}abs`]: (_context, a: number) => Math.abs(a),
    ...extremes(name, compareFloat),
  }
}

export const floatOperators: Functions = {
  ...arithmetic('float4', Math.fround),
  ...arithmetic('float8', round8),
  ...arithmetic('float48', round8),
  ...arithmetic('float84', round8),
  ...signs('float4'),
  ...signs('float8'),
  ...comparisons('float4', compareFloat),
  ...comparisons('float8', compareFloat),
  ...comparisons('float48', compareFloat),
  ...comparisons('float84', compareFloat),
  ...ordering('btfloat4cmp', compareFloat),
  ...ordering('btfloat8cmp', compareFloat),
}
