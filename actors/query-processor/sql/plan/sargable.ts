import type { Expr, RelationId } from '../bind/bound.ts'
import { some } from '../bind/walk.ts'
import type { Table } from '../catalog/schema.ts'
import { procedureByOid } from '../functions/procedures.ts'
import { asComparison, type Comparison, commuted, comparisonOf, isInteger, withoutRelabel } from './comparison.ts'
import { likePrefix } from './like.ts'
import type { KeyPart, StorageFilter } from './node.ts'
import { sqlType } from './sql-type.ts'

/** What a conjunct says about one column of a table: the raw material of key bounds. */
export interface ColumnCondition {
  readonly column: number
  readonly says:
    | { readonly kind: 'part'; readonly part: KeyPart }
    | { readonly kind: 'lower' | 'upper'; readonly value: Expr; readonly inclusive: boolean }
    | { readonly kind: 'pattern'; readonly value: Expr }
    | { readonly kind: 'notNull' }
  /** The bounds say all that the condition says: no row need be tested again. */
  readonly exact: boolean
  readonly condition: Expr
}

/** Whether an expression has a value before the table's rows are read. */
export type IsKnown = (expr: Expr) => boolean

const textLike: readonly number[] = [25, 1043]

/** A column can be bound by values of the operator's other type. */
function agrees(table: Table, column: number, types: Comparison, side: 'left' | 'right'): boolean {
  const own = table.columns[column]?.type.oid ?? 0
  const mine = side === 'left' ? types.left : types.right
  const other = side === 'left' ? types.right : types.left
  if (own === mine || (textLike.includes(own) && textLike.includes(mine))) {
    return mine === other || (isInteger(mine) && isInteger(other))
  }
  return false
}

function columnOf(expr: Expr, relation: RelationId): number | undefined {
  const inner = withoutRelabel(expr)
  return inner.kind === 'column' && inner.relation === relation && inner.column >= 0 ? inner.column : undefined
}

export function columnConditions(condition: Expr, relation: RelationId, table: Table, isKnown: IsKnown): ColumnCondition[] {
  const found = columnCondition(condition, relation, table, isKnown)
  if (found !== undefined) return [found]
  return rowConditions(condition, relation, table, isKnown)
}

/** (a, b) = (1, 2) is a = 1 and b = 2; (a, b) > (1, 2) bounds a. */
function rowConditions(condition: Expr, relation: RelationId, table: Table, isKnown: IsKnown): ColumnCondition[] {
  if (condition.kind !== 'rowCompare') return []
  const { operator, left, right } = condition
  if (operator === '<>') return []
  const found: ColumnCondition[] = []
  for (let i = 0; i < left.length; i++) {
    const value = right[i] as Expr
    const column = columnOf(left[i] as Expr, relation)
    if (column === undefined || !isKnown(value) || table.columns[column]?.type.oid !== value.type.oid)
      return operator === '=' ? [] : found
    if (operator === '=') {
      found.push({ column, says: { kind: 'part', part: { kind: 'equal', value } }, exact: false, condition })
      continue
    }
    const kind = operator === '<' || operator === '<=' ? 'upper' : 'lower'
    return [{ column, says: { kind, value, inclusive: true }, exact: false, condition }]
  }
  return found
}

function columnCondition(condition: Expr, relation: RelationId, table: Table, isKnown: IsKnown): ColumnCondition | undefined {
  const comparison = asComparison(condition)
  if (comparison !== undefined) {
    const { left, right, types } = comparison
    const leftColumn = columnOf(left, relation)
    if (leftColumn !== undefined && isKnown(right) && agrees(table, leftColumn, types, 'left')) {
      return comparisonCondition(leftColumn, comparison.operator, right, condition)
    }
    const rightColumn = columnOf(right, relation)
    if (rightColumn !== undefined && isKnown(left) && agrees(table, rightColumn, types, 'right')) {
      return comparisonCondition(rightColumn, commuted[comparison.operator], left, condition)
    }
    return undefined
  }
  switch (condition.kind) {
    case 'column':
      return condition.relation === relation && condition.column >= 0
        ? {
            column: condition.column,
            says: { kind: 'part', part: { kind: 'equal', value: { kind: 'constant', type: condition.type, value: true } } },
            exact: true,
            condition,
          }
        : undefined
    case 'not': {
      const column = columnOf(condition.argument, relation)
      if (column === undefined || condition.argument.kind !== 'column') return undefined
      const value: Expr = { kind: 'constant', type: condition.type, value: false }
      return { column, says: { kind: 'part', part: { kind: 'equal', value } }, exact: true, condition }
    }
    case 'isNull': {
      const column = columnOf(condition.argument, relation)
      if (column === undefined) return undefined
      return {
        column,
        says: condition.negated ? { kind: 'notNull' } : { kind: 'part', part: { kind: 'isNull' } },
        exact: true,
        condition,
      }
    }
    case 'in':
    case 'anyArray':
      return listCondition(condition, relation, table, isKnown)
    case 'call':
      return patternCondition(condition, relation, isKnown)
    default:
      return undefined
  }
}

function comparisonCondition(
  column: number,
  operator: Comparison['operator'],
  value: Expr,
  condition: Expr,
): ColumnCondition | undefined {
  switch (operator) {
    case '=':
      return { column, says: { kind: 'part', part: { kind: 'equal', value } }, exact: true, condition }
    case '<':
    case '<=':
      return { column, says: { kind: 'upper', value, inclusive: operator === '<=' }, exact: true, condition }
    case '>':
    case '>=':
      return { column, says: { kind: 'lower', value, inclusive: operator === '>=' }, exact: true, condition }
    default:
      return undefined
  }
}

function listCondition(
  condition: Extract<Expr, { kind: 'in' | 'anyArray' }>,
  relation: RelationId,
  table: Table,
  isKnown: IsKnown,
): ColumnCondition | undefined {
  const column = columnOf(condition.left, relation)
  const types = comparisonOf(condition.procedure)
  if (column === undefined || types?.operator !== '=' || !agrees(table, column, types, 'left')) return undefined
  if (condition.kind === 'in') {
    if (condition.negated || !condition.list.every(isKnown)) return undefined
    return { column, says: { kind: 'part', part: { kind: 'in', values: condition.list } }, exact: true, condition }
  }
  if (condition.all || !isKnown(condition.array)) return undefined
  return { column, says: { kind: 'part', part: { kind: 'anyArray', array: condition.array } }, exact: true, condition }
}

function patternCondition(
  condition: Extract<Expr, { kind: 'call' }>,
  relation: RelationId,
  isKnown: IsKnown,
): ColumnCondition | undefined {
  const [left, pattern] = condition.arguments
  if (left === undefined || pattern === undefined || condition.arguments.length !== 2) return undefined
  if (procedureByOid(condition.procedure)?.source !== 'textlike' || !isKnown(pattern)) return undefined
  const column = columnOf(left, relation)
  if (column === undefined || !textLike.includes(withoutRelabel(left).type.oid)) return undefined
  if (pattern.kind === 'constant' && (pattern.value === null || likePrefix(pattern.value as string).prefix === ''))
    return undefined
  return { column, says: { kind: 'pattern', value: pattern }, exact: false, condition }
}

/** The condition in storage's language, when it can be said there exactly. */
export function storageFilterOf(
  condition: Expr,
  relation: RelationId,
  table: Table,
  isKnown: IsKnown,
): StorageFilter | undefined {
  if (condition.kind === 'and' || condition.kind === 'or') {
    const parts: StorageFilter[] = []
    for (const argument of condition.arguments) {
      const part = storageFilterOf(argument, relation, table, isKnown)
      if (part === undefined) return undefined
      parts.push(part)
    }
    return { kind: condition.kind, of: parts }
  }
  const comparison = asComparison(condition)
  if (comparison?.operator === '<>') {
    const column = columnOf(comparison.left, relation)
    if (column === undefined || !isKnown(comparison.right) || !agrees(table, column, comparison.types, 'left')) return undefined
    return { kind: 'compare', column, operator: '<>', value: comparison.right }
  }
  const found = columnCondition(condition, relation, table, isKnown)
  if (found === undefined) return patternFilter(condition, relation)
  const { column, says } = found
  if (sqlType(table.columns[column]!.type.oid).compare === undefined && says.kind !== 'notNull') {
    if (says.kind !== 'part' || says.part.kind !== 'isNull') return undefined
  }
  switch (says.kind) {
    case 'part':
      switch (says.part.kind) {
        case 'equal':
          return { kind: 'compare', column, operator: '=', value: says.part.value }
        case 'in':
          return { kind: 'in', column, values: says.part.values }
        case 'anyArray':
          return { kind: 'anyArray', column, array: says.part.array }
        default:
          return { kind: 'isNull', column, negated: false }
      }
    case 'lower':
      return found.exact ? { kind: 'compare', column, operator: says.inclusive ? '>=' : '>', value: says.value } : undefined
    case 'upper':
      return found.exact ? { kind: 'compare', column, operator: says.inclusive ? '<=' : '<', value: says.value } : undefined
    case 'pattern':
      return patternFilter(condition, relation)
    default:
      return { kind: 'isNull', column, negated: true }
  }
}

/** LIKE 'abc%' with nothing else in the pattern. */
function patternFilter(condition: Expr, relation: RelationId): StorageFilter | undefined {
  if (condition.kind !== 'call' || procedureByOid(condition.procedure)?.source !== 'textlike') return undefined
  const [left, pattern] = condition.arguments
  const column = left && columnOf(left, relation)
  if (column === undefined || !textLike.includes(withoutRelabel(left as Expr).type.oid)) return undefined
  if (pattern?.kind !== 'constant' || pattern.value === null) return undefined
  const { prefix, exact, rest } = likePrefix(pattern.value as string)
  return exact || rest ? undefined : { kind: 'prefix', column, prefix }
}

/** No rows of `relation`, nothing that changes or waits: the value stands before the scan. */
export const knownOutside =
  (isOwn: (relation: RelationId) => boolean, isVolatile: (procedure: number) => boolean): IsKnown =>
  (expr) =>
    !some(
      expr,
      (node) =>
        ((node.kind === 'column' || node.kind === 'wholeRow') && isOwn(node.relation)) ||
        node.kind === 'subquery' ||
        node.kind === 'subqueryOutput' ||
        node.kind === 'elementInput' ||
        node.kind === 'aggregate' ||
        (node.kind === 'call' && (node.returnsSet || isVolatile(node.procedure))),
    )
