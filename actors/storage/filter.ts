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

/** How many tests a row may have to pass: a scan looks at fewer rows in one turn where each costs more. */
function testsIn(predicate: Predicate): number {
  switch (predicate.kind) {
    case 'and':
      return predicate.of.reduce((sum, one) => sum + testsIn(one), 0)
    case 'or':
      return gathered(predicate.of).reduce((sum, one) => sum + testsIn(one), 0)
    case 'not':
      return testsIn(predicate.of)
    default:
      return 1
  }
}

interface Filter {
  /** Whether an opened row passes. */
  readonly passes: (row: RowReader) => boolean
  readonly tests: number
}

/** A scan asks many times with the same predicate. */
const compiled = new WeakMap<Predicate, Filter>()

export function compile(predicate: Predicate): Filter {
  const known = compiled.get(predicate)
  if (known !== undefined) return known
  const test = testOf(predicate)
  const filter: Filter = { passes: (row) => test(row) === 1, tests: testsIn(predicate) }
  compiled.set(predicate, filter)
  return filter
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
      return anyOf(gathered(predicate.of).map(testOf))
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

/** a = 1 OR a = 2 OR ... is one look into a set. */
function gathered(alternatives: readonly Predicate[]): readonly Predicate[] {
  if (alternatives.length < 4) return alternatives
  const lists = new Map<string, { kind: 'in'; column: number; type: number; values: Value[] }>()
  const others: Predicate[] = []
  for (const one of alternatives) {
    const values = equalTo(one)
    if (values === undefined || !('type' in one)) {
      others.push(one)
      continue
    }
    const name = `${one.column} ${one.type}`
    const list = lists.get(name)
    if (list === undefined) lists.set(name, { kind: 'in', column: one.column, type: one.type, values: [...values] })
    else for (const value of values) list.values.push(value)
  }
  return [...lists.values(), ...others]
}

function equalTo(predicate: Predicate): readonly Value[] | undefined {
  if (predicate.kind === 'in') return predicate.values
  return predicate.kind === 'compare' && predicate.operator === '=' && knownType(predicate.type).hashKey !== undefined
    ? [predicate.value]
    : undefined
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
