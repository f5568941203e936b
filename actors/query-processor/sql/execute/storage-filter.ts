import { unreachable } from '../../../../protocol/assert.ts'
import type { Predicate } from '../../../../protocol/predicate.ts'
import { SqlArray, type Value } from '../../../../protocol/values/value.ts'
import type { Expr } from '../bind/bound.ts'
import type { Table } from '../catalog/schema.ts'
import type { StorageFilter } from '../plan/node.ts'
import { type Evaluate, emptyRow, type Frame } from './frame.ts'
import { exact } from './key-bounds.ts'

type MakePredicate = (frame: Frame) => Predicate

/** The storage filter with the values of one execution. */
export function compileStorageFilter(filter: StorageFilter, table: Table, compile: (expr: Expr) => Evaluate): MakePredicate {
  const typeOf = (column: number): number => table.columns[column]!.type.oid
  switch (filter.kind) {
    case 'compare': {
      const { column, operator } = filter
      const type = typeOf(column)
      const value = compile(filter.value)
      return (frame) => comparison(column, type, operator, value(emptyRow, frame))
    }
    case 'in': {
      const { column } = filter
      const type = typeOf(column)
      const values = filter.values.map(compile)
      return (frame) => ({ kind: 'in', column, type, values: values.flatMap((value) => exact(value(emptyRow, frame), type)) })
    }
    case 'anyArray': {
      const { column } = filter
      const type = typeOf(column)
      const array = compile(filter.array)
      return (frame) => {
        const list = array(emptyRow, frame)
        const elements = list instanceof SqlArray ? list.elements : []
        return { kind: 'in', column, type, values: elements.flatMap((value) => exact(value, type)) }
      }
    }
    case 'isNull':
    case 'prefix':
      return () => filter
    case 'and':
    case 'or': {
      const parts = filter.of.map((part) => compileStorageFilter(part, table, compile))
      return (frame) => ({ kind: filter.kind, of: parts.map((part) => part(frame)) })
    }
    default:
      return unreachable(filter)
  }
}

type Operator = '=' | '<>' | '<' | '<=' | '>' | '>='

const ranges: ReadonlyMap<number, readonly [number, number]> = new Map([
  [21, [-32_768, 32_767]],
  [23, [-2_147_483_648, 2_147_483_647]],
])

/** An integer beyond the column's own type is above or below all its values. */
function comparison(column: number, type: number, operator: Operator, value: Value): Predicate {
  if (value === null) return { kind: 'compare', column, type, operator, value }
  const range = ranges.get(type)
  if (range === undefined) {
    return { kind: 'compare', column, type, operator, value: type === 20 && typeof value === 'number' ? BigInt(value) : value }
  }
  const number = Number(value)
  if (number >= range[0] && number <= range[1]) return { kind: 'compare', column, type, operator, value: number }
  const above = number > range[1]
  const passes = operator === '<>' || (above ? operator === '<' || operator === '<=' : operator === '>' || operator === '>=')
  return passes ? { kind: 'isNull', column, negated: true } : { kind: 'in', column, type, values: [] }
}
