import { SqlRow, type Value } from '../../../../protocol/values/value.ts'
import type { Expr } from '../bind/bound.ts'
import type { Evaluate, Frame, Row } from './frame.ts'

/* SQL's logic of three values: what is compared with NULL is not known. */

export function conjunctionOf(parts: readonly Evaluate[]): Evaluate {
  if (parts.length === 2) {
    const [left, right] = parts as readonly [Evaluate, Evaluate]
    return (row, frame) => {
      const a = left(row, frame)
      if (a === false) return false
      const b = right(row, frame)
      return b === false ? false : a === null ? null : b
    }
  }
  return (row, frame) => {
    let unknown = false
    for (const part of parts) {
      const value = part(row, frame)
      if (value === false) return false
      if (value === null) unknown = true
    }
    return unknown ? null : true
  }
}

export function disjunctionOf(parts: readonly Evaluate[]): Evaluate {
  return (row, frame) => {
    let unknown = false
    for (const part of parts) {
      const value = part(row, frame)
      if (value === true) return true
      if (value === null) unknown = true
    }
    return unknown ? null : false
  }
}

/** A row IS NULL when all its fields are, and IS NOT NULL when none is. */
export function isNullTest(argument: Evaluate, negated: boolean): Evaluate {
  return (row, frame) => {
    const value = argument(row, frame)
    if (value instanceof SqlRow) {
      return negated ? value.fields.every((field) => field !== null) : value.fields.every((field) => field === null)
    }
    return (value === null) !== negated
  }
}

export function isBooleanTest(argument: Evaluate, test: 'true' | 'false' | 'unknown', negated: boolean): Evaluate {
  const wanted = test === 'unknown' ? null : test === 'true'
  return (row: Row, frame: Frame) => (argument(row, frame) === wanted) !== negated
}

type Compare = (a: Value, b: Value) => number

/** Rows field by field: the first that differ decide, one that is not known leaves it open. */
export function rowComparison(
  left: readonly Evaluate[],
  right: readonly Evaluate[],
  compares: readonly Compare[],
  operator: Extract<Expr, { kind: 'rowCompare' }>['operator'],
): Evaluate {
  if (operator === '=' || operator === '<>') {
    return (row, frame) => {
      let unknown = false
      for (let i = 0; i < left.length; i++) {
        const a = (left[i] as Evaluate)(row, frame)
        const b = (right[i] as Evaluate)(row, frame)
        if (a === null || b === null) unknown = true
        else if ((compares[i] as Compare)(a, b) !== 0) return operator === '<>'
      }
      return unknown ? null : operator === '='
    }
  }
  return (row, frame) => {
    let order = 0
    for (let i = 0; i < left.length && order === 0; i++) {
      const a = (left[i] as Evaluate)(row, frame)
      const b = (right[i] as Evaluate)(row, frame)
      if (a === null || b === null) return null
      order = (compares[i] as Compare)(a, b)
    }
    switch (operator) {
      case '<':
        return order < 0
      case '<=':
        return order <= 0
      case '>':
        return order > 0
      default:
        return order >= 0
    }
  }
}
