import { assert } from '../../protocol/assert.ts'
import type { Oid } from '../../protocol/ids.ts'
import type { RowLayout } from '../../protocol/messages.ts'
import type { Predicate, StorageAggregate } from '../../protocol/predicate.ts'
import { decodeRow } from '../../protocol/row.ts'
import { Numeric } from '../../protocol/values/numeric.ts'
import { addNumeric } from '../../protocol/values/numeric-arithmetic.ts'
import { typeByOid } from '../../protocol/values/registry.ts'
import type { SqlType } from '../../protocol/values/type.ts'
import type { Value } from '../../protocol/values/value.ts'

/** Storage's filter and aggregates, for the rows that storage does not have yet. Same language (protocol/predicate.ts), same answers. */

function typeOf(oid: Oid): SqlType {
  const type = typeByOid(oid)
  assert(type !== undefined, 'a stored column has a known type')
  return type
}

const typesOf = new WeakMap<readonly Oid[], readonly SqlType[]>()

function decode(layout: RowLayout, row: Uint8Array): Value[] {
  let types = typesOf.get(layout.types)
  if (types === undefined) typesOf.set(layout.types, (types = layout.types.map(typeOf)))
  return decodeRow(row, types, layout.missing)
}

/** True when the predicate is true (not false, not unknown). */
export function passes(filter: Predicate, layout: RowLayout, row: Uint8Array): boolean {
  return evaluate(filter, decode(layout, row)) === true
}

/** Three-valued: undefined is unknown. */
function evaluate(predicate: Predicate, row: readonly Value[]): boolean | undefined {
  switch (predicate.kind) {
    case 'compare': {
      const value = row[predicate.column] as Value
      if (value === null || predicate.value === null) return undefined
      return holds(predicate.operator, compare(predicate.type, value, predicate.value))
    }
    case 'in': {
      const value = row[predicate.column] as Value
      if (value === null) return undefined
      let unknown = false
      for (const candidate of predicate.values) {
        if (candidate === null) unknown = true
        else if (compare(predicate.type, value, candidate) === 0) return true
      }
      return unknown ? undefined : false
    }
    case 'isNull':
      return (row[predicate.column] === null) !== predicate.negated
    case 'prefix': {
      const value = row[predicate.column] as Value
      return value === null ? undefined : (value as string).startsWith(predicate.prefix)
    }
    case 'and': {
      let result: boolean | undefined = true
      for (const part of predicate.of) {
        const value = evaluate(part, row)
        if (value === false) return false
        if (value === undefined) result = undefined
      }
      return result
    }
    case 'or': {
      let result: boolean | undefined = false
      for (const part of predicate.of) {
        const value = evaluate(part, row)
        if (value === true) return true
        if (value === undefined) result = undefined
      }
      return result
    }
    case 'not': {
      const value = evaluate(predicate.of, row)
      return value === undefined ? undefined : !value
    }
  }
}

function compare(oid: Oid, a: Value, b: Value): number {
  const type = typeOf(oid)
  assert(type.compare !== undefined, 'a compared column has an order')
  return type.compare(a, b)
}

function holds(operator: '=' | '<>' | '<' | '<=' | '>' | '>=', order: number): boolean {
  switch (operator) {
    case '=':
      return order === 0
    case '<>':
      return order !== 0
    case '<':
      return order < 0
    case '<=':
      return order <= 0
    case '>':
      return order > 0
    case '>=':
      return order >= 0
  }
}

export function ownAggregates(aggregates: readonly StorageAggregate[], layout: RowLayout, rows: readonly Uint8Array[]): Value[] {
  let total: Value[] | undefined
  for (const row of rows) {
    const values = decode(layout, row)
    const one = aggregates.map((aggregate): Value => {
      if (aggregate.kind === 'countRows') return 1n
      const value = values[aggregate.column] as Value
      if (aggregate.kind === 'count') return value === null ? 0n : 1n
      if (aggregate.kind !== 'sum') return value
      // As storage does: int2 and int4 add up to int8, int8 to numeric.
      if (typeof value === 'bigint') return new Numeric(value, 0)
      return typeof value === 'number' ? BigInt(value) : value
    })
    total = total === undefined ? one : combineAggregates(aggregates, total, one)
  }
  assert(total !== undefined, 'own aggregates are computed over at least one row')
  return total
}

/** Two partial results into one. NULL: no row with a value so far. */
function combineAggregates(aggregates: readonly StorageAggregate[], a: readonly Value[], b: readonly Value[]): Value[] {
  return aggregates.map((aggregate, i) => combine(aggregate, a[i] as Value, b[i] as Value))
}

function combine(aggregate: StorageAggregate, a: Value, b: Value): Value {
  if (a === null) return b
  if (b === null) return a
  switch (aggregate.kind) {
    case 'countRows':
    case 'count':
    case 'sum':
      return sum(a, b)
    case 'min':
      return compare(aggregate.type, a, b) <= 0 ? a : b
    case 'max':
      return compare(aggregate.type, a, b) >= 0 ? a : b
  }
}

function sum(a: Value, b: Value): Value {
  if (typeof a === 'bigint' && typeof b === 'bigint') return a + b
  assert(a instanceof Numeric && b instanceof Numeric, 'two partial sums are of one type')
  return addNumeric(a, b)
}
