import { assert } from '../../protocol/assert.ts'
import type { Predicate } from '../../protocol/predicate.ts'
import { knownType } from '../../protocol/values/registry.ts'
import type { Value } from '../../protocol/values/value.ts'
import type { RowReader } from './row-reader.ts'

/** SQL's three truth values, so that NOT and OR come out right. */
type Truth = 0 | 1 | typeof unknown
const unknown = 2

type Test = (row: RowReader) => Truth

/** The columns a predicate looks at. */
export function columnsOf(predicate: Predicate): number[] {
  switch (predicate.kind) {
    case 'and':
    case 'or':
      return predicate.of.flatMap(columnsOf)
    case 'not':
      return columnsOf(predicate.of)
    default:
      return [predicate.column]
  }
}

/** Compiles a predicate once a scan; the result says whether an opened row passes. */
export function compile(predicate: Predicate): (row: RowReader) => boolean {
  const test = testOf(predicate)
  return (row) => test(row) === 1
}

function testOf(predicate: Predicate): Test {
  switch (predicate.kind) {
    case 'compare':
      return comparison(predicate)
    case 'in':
      return membership(predicate)
    case 'isNull': {
      const { column, negated } = predicate
      return (row) => (row.isNull(column) !== negated ? 1 : 0)
    }
    case 'prefix': {
      const { column, prefix } = predicate
      return (row) => {
        const value = row.column(column)
        if (value === null) return unknown
        return (value as string).startsWith(prefix) ? 1 : 0
      }
    }
    case 'not': {
      const test = testOf(predicate.of)
      return (row) => {
        const truth = test(row)
        return truth === unknown ? unknown : truth === 1 ? 0 : 1
      }
    }
    case 'and':
      return allOf(predicate.of.map(testOf))
    case 'or':
      return anyOf(predicate.of.map(testOf))
  }
}

function comparison({ column, type, operator, value }: Extract<Predicate, { kind: 'compare' }>): Test {
  if (value === null) return () => unknown
  const compare = comparing(type)
  const decide = (verdict: (order: number) => boolean): Test => {
    return (row) => {
      const found = row.column(column)
      if (found === null) return unknown
      return verdict(compare(found, value)) ? 1 : 0
    }
  }
  switch (operator) {
    case '=':
      return decide((order) => order === 0)
    case '<>':
      return decide((order) => order !== 0)
    case '<':
      return decide((order) => order < 0)
    case '<=':
      return decide((order) => order <= 0)
    case '>':
      return decide((order) => order > 0)
    case '>=':
      return decide((order) => order >= 0)
  }
}

/** NULL in the list makes a miss unknown, as `x = ANY` does. */
function membership({ column, type, values }: Extract<Predicate, { kind: 'in' }>): Test {
  const { hashKey } = knownType(type)
  assert(hashKey !== undefined, 'values of an IN list can be told apart')
  const members = new Set(values.filter((value) => value !== null).map((value) => hashKey(value)))
  const miss: Truth = values.includes(null) ? unknown : 0
  return (row) => {
    const found = row.column(column)
    if (found === null) return unknown
    return members.has(hashKey(found)) ? 1 : miss
  }
}

function allOf(tests: readonly Test[]): Test {
  return (row) => {
    let truth: Truth = 1
    for (const test of tests) {
      const one = test(row)
      if (one === 0) return 0
      if (one === unknown) truth = unknown
    }
    return truth
  }
}

function anyOf(tests: readonly Test[]): Test {
  return (row) => {
    let truth: Truth = 0
    for (const test of tests) {
      const one = test(row)
      if (one === 1) return 1
      if (one === unknown) truth = unknown
    }
    return truth
  }
}

export function comparing(type: number): (a: Value, b: Value) => number {
  const { compare } = knownType(type)
  assert(compare !== undefined, 'a compared type has an order')
  return compare
}
