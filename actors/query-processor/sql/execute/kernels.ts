import { outOfRange, SqlError } from '../../../../protocol/errors.ts'
import type { Oid } from '../../../../protocol/ids.ts'
import type { Value } from '../../../../protocol/values/value.ts'
import type { TypeRef } from '../catalog/schema.ts'
import { type Comparison, type ComparisonOperator, isInteger } from '../plan/comparison.ts'
import { sqlType, typeOf } from '../plan/sql-type.ts'

/** Functions of two non-NULL values that need no session: written here because most of a scan's time goes through them. */
export type Kernel = (left: Value, right: Value) => Value

/** int2, int4, oid, date: numbers without NaN. */
const plainNumbers: readonly Oid[] = [21, 23, 26, 1082]
/** timestamp, timestamptz, int8 */
const bigints: readonly Oid[] = [20, 1114, 1184]
const floats: readonly Oid[] = [700, 701]
/** text, varchar, name: equality is equality of the strings, order is not (UTF-16 is not UTF-8). */
const strings: readonly Oid[] = [25, 1043, 19]

const direct: Readonly<Record<ComparisonOperator, Kernel>> = {
  '=': (a, b) => a === b,
  '<>': (a, b) => a !== b,
  '<': (a, b) => (a as number) < (b as number),
  '<=': (a, b) => (a as number) <= (b as number),
  '>': (a, b) => (a as number) > (b as number),
  '>=': (a, b) => (a as number) >= (b as number),
}

const mixed: Readonly<Record<ComparisonOperator, Kernel>> = {
  ...direct,
  '=': (a, b) => (a as number) >= (b as number) && (a as number) <= (b as number),
  '<>': (a, b) => (a as number) < (b as number) || (a as number) > (b as number),
}

/** NaN equals itself and is above everything. */
const floating: Readonly<Record<ComparisonOperator, Kernel>> = {
  '=': (a, b) => a === b || (Number.isNaN(a) && Number.isNaN(b)),
  '<>': (a, b) => a !== b && !(Number.isNaN(a) && Number.isNaN(b)),
  '<': (a, b) => (a as number) < (b as number) || (Number.isNaN(b) && !Number.isNaN(a)),
  '<=': (a, b) => (a as number) <= (b as number) || Number.isNaN(b),
  '>': (a, b) => (a as number) > (b as number) || (Number.isNaN(a) && !Number.isNaN(b)),
  '>=': (a, b) => (a as number) >= (b as number) || Number.isNaN(a),
}

export function comparisonKernel({ operator, left, right }: Comparison): Kernel | undefined {
  if (left !== right) {
    if (!isInteger(left) || !isInteger(right)) return undefined
    return left === 20 || right === 20 ? mixed[operator] : direct[operator]
  }
  if (plainNumbers.includes(left) || bigints.includes(left) || left === 16) return direct[operator]
  if (floats.includes(left)) return floating[operator]
  if (strings.includes(left) && (operator === '=' || operator === '<>')) return direct[operator]
  const type = sqlType(left)
  const compare = type.compare?.bind(type)
  if (compare === undefined) return undefined
  switch (operator) {
    case '=':
      return (a, b) => compare(a, b) === 0
    case '<>':
      return (a, b) => compare(a, b) !== 0
    case '<':
      return (a, b) => compare(a, b) < 0
    case '<=':
      return (a, b) => compare(a, b) <= 0
    case '>':
      return (a, b) => compare(a, b) > 0
    default:
      return (a, b) => compare(a, b) >= 0
  }
}

function int4(result: number): number {
  if (result > 2_147_483_647 || result < -2_147_483_648) throw outOfRange('integer')
  return result
}

function int8(result: bigint): bigint {
  if (BigInt.asIntN(64, result) !== result) throw outOfRange('bigint')
  return result
}

function float8(result: number, a: number, b: number): number {
  if (!Number.isFinite(result) && Number.isFinite(a) && Number.isFinite(b)) {
    throw new SqlError('22003', 'value out of range: overflow')
  }
  return result
}

const add = (a: Value, b: Value): bigint => int8(BigInt(a as number) + BigInt(b as number))
const subtract = (a: Value, b: Value): bigint => int8(BigInt(a as number) - BigInt(b as number))
const multiply = (a: Value, b: Value): bigint => int8(BigInt(a as number) * BigInt(b as number))

/** By pg_proc.prosrc. The product of two int4 that is in range is exact in a double; one that is not is far outside. */
const arithmetic: ReadonlyMap<string, Kernel> = new Map<string, Kernel>([
  ['int4pl', (a, b) => int4((a as number) + (b as number))],
  ['int4mi', (a, b) => int4((a as number) - (b as number))],
  ['int4mul', (a, b) => int4((a as number) * (b as number)) + 0],
  ['int8pl', (a, b) => int8((a as bigint) + (b as bigint))],
  ['int8mi', (a, b) => int8((a as bigint) - (b as bigint))],
  ['int8mul', (a, b) => int8((a as bigint) * (b as bigint))],
  ['int48pl', add],
  ['int84pl', add],
  ['int48mi', subtract],
  ['int84mi', subtract],
  ['int48mul', multiply],
  ['int84mul', multiply],
  ['float8pl', (a, b) => float8((a as number) + (b as number), a as number, b as number)],
  ['float8mi', (a, b) => float8((a as number) - (b as number), a as number, b as number)],
])

export const arithmeticKernel = (source: string): Kernel | undefined => arithmetic.get(source)

/** -1 < NULL placement aside: the order of two non-NULL values of a type. */
export function typeCompare(ref: TypeRef): (a: Value, b: Value) => number {
  const { oid } = ref
  if (plainNumbers.includes(oid) || bigints.includes(oid)) {
    return (a, b) => ((a as number) < (b as number) ? -1 : (a as number) > (b as number) ? 1 : 0)
  }
  const type = typeOf(ref)
  if (type.compare === undefined) {
    throw new SqlError('42883', `could not identify an ordering operator for type ${type.displayName}`)
  }
  return type.compare.bind(type)
}

export type HashKey = string | number | bigint | boolean

const itself = (value: Value): HashKey => value as HashKey

/** Equal values have the same one. Integers of different widths agree, so that they can be joined. */
export function typeHashKey(ref: TypeRef): (value: Value) => HashKey {
  const { oid } = ref
  if (plainNumbers.includes(oid) || oid === 16 || strings.includes(oid) || oid === 1114 || oid === 1184) {
    return itself
  }
  if (oid === 20) {
    return (value) => {
      const big = value as bigint
      return big >= -0x1f_ffff_ffff_ffffn && big <= 0x1f_ffff_ffff_ffffn ? Number(big) : big
    }
  }
  const type = typeOf(ref)
  if (type.hashKey === undefined) {
    throw new SqlError('42883', `could not identify an equality operator for type ${type.displayName}`)
  }
  return type.hashKey.bind(type)
}

/** One Map key for several values; NULLs are equal to each other here. */
export function rowHashKey(types: readonly TypeRef[]): (values: readonly Value[], slots: readonly number[]) => HashKey | null {
  const keys = types.map(typeHashKey)
  if (keys.length === 0) return () => ''
  const [first] = keys as [(value: Value) => HashKey]
  if (keys.length === 1) {
    return (row, slots) => {
      const value = row[slots[0] as number] as Value
      return value === null ? null : first(value)
    }
  }
  return (row, slots) => {
    let key = ''
    for (let i = 0; i < keys.length; i++) {
      const value = row[slots[i] as number] as Value
      if (value === null) key += 'n;'
      else {
        const part = (keys[i] as (value: Value) => HashKey)(value)
        key += typeof part === 'string' ? `${part.length}:${part}` : `${String(part)};`
      }
    }
    return key
  }
}
