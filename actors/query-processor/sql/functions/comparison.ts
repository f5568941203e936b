import type { ScalarFunction } from './registry.ts'

type Compare<A, B> = (a: A, b: B) => number

/** The six comparison operators of one pair of types: int4eq, text_lt ... `prefix` is what stands before eq, ne, lt, le, gt, ge. */
export function comparisons<A, B>(prefix: string, compare: Compare<A, B>): Record<string, ScalarFunction> {
  return {
    [`${prefix}eq`]: (_context, a: A, b: B) => compare(a, b) === 0,
    [`${prefix}ne`]: (_context, a: A, b: B) => compare(a, b) !== 0,
    [`${prefix}lt`]: (_context, a: A, b: B) => compare(a, b) < 0,
    [`${prefix}le`]: (_context, a: A, b: B) => compare(a, b) <= 0,
    [`${prefix}gt`]: (_context, a: A, b: B) => compare(a, b) > 0,
    [`${prefix}ge`]: (_context, a: A, b: B) => compare(a, b) >= 0,
  }
}

/** larger and smaller of two, as max and min take them: of equals the second. */
export function extremes<A>(prefix: string, compare: Compare<A, A>): Record<string, ScalarFunction> {
  return {
    [`${prefix}larger`]: ((_context: unknown, a: A, b: A) => (compare(a, b) > 0 ? a : b)) as unknown as ScalarFunction,
    [`${prefix}smaller`]: ((_context: unknown, a: A, b: A) => (compare(a, b) < 0 ? a : b)) as unknown as ScalarFunction,
  }
}

/** The btree support function: -1, 0, 1. */
export function ordering<A, B>(name: string, compare: Compare<A, B>): Record<string, ScalarFunction> {
  return { [name]: (_context, a: A, b: B) => Math.sign(compare(a, b)) }
}
