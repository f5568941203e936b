import type { Expr, FromItem, RelationId, Select } from '../bind/bound.ts'
import { selectFrom } from '../bind/select-from.ts'
import { some } from '../bind/walk.ts'
import { waits } from '../execute/waits.ts'
import { asComparison } from './comparison.ts'
import { fold } from './fold.ts'
import { isVolatile, planFrom } from './from.ts'
import { join } from './join.ts'
import type { Node } from './node.ts'
import type { Planning } from './planning.ts'
import { conjuncts, eachExprOfFrom, relationsIn, relationsOf, rewrite } from './walk.ts'

/**
 * `x IN (SELECT ...)` that reads nothing outside: a join with the distinct rows of the subquery, each of which can match but once.
 * So the join order decides which side drives.
 */
export function rewriteIn(planning: Planning, from: FromItem, conditions: readonly Expr[]): { from: FromItem; rest: Expr[] } {
  const rest: Expr[] = []
  let joined = from
  for (const condition of conditions) {
    const item = inAsItem(planning, condition)
    if (item === undefined) rest.push(condition)
    else joined = { kind: 'join', join: 'inner', left: joined, right: item.item, condition: item.condition }
  }
  return { from: joined, rest }
}

function inAsItem(planning: Planning, condition: Expr): { item: FromItem; condition: Expr } | undefined {
  if (condition.kind !== 'subquery' || condition.how !== 'any' || condition.outer.length > 0) return undefined
  const { test, query } = condition
  if (test === undefined || waits(test) || isVolatile(test)) return undefined
  const compared = comparedColumns(test)
  if (compared === undefined || compared.size !== query.columns.length || !readsRows(test)) return undefined
  const inner = planning.newRelation('subquery')
  const output = planning.newRelation('subquery')
  const columns = query.columns
  const targets = columns.map((column, i): Expr => ({ kind: 'column', type: column.type, relation: inner, column: i }))
  const distinct: Select = { ...selectFrom(query, inner, columns, targets), distinct: 'all' }
  return {
    item: { kind: 'subquery', id: output, query: distinct, lateral: false, columns },
    condition: rewrite(test, (expr) =>
      expr.kind === 'subqueryOutput' ? { kind: 'column', type: expr.type, relation: output, column: expr.column } : undefined,
    ),
  }
}

const readsRows = (expr: Expr): boolean => some(expr, (node) => node.kind === 'column')

/** The output columns that the test compares by equality; undefined when it does anything else. */
function comparedColumns(test: Expr): Set<number> | undefined {
  const found = new Set<number>()
  for (const part of conjuncts(test)) {
    if (part.kind === 'rowCompare' && part.operator === '=') {
      for (const side of part.right) {
        if (side.kind !== 'subqueryOutput') return undefined
        found.add(side.column)
      }
      continue
    }
    const comparison = asComparison(part)
    if (comparison?.operator !== '=' || comparison.right.kind !== 'subqueryOutput') return undefined
    if (some(comparison.left, (node) => node.kind === 'subqueryOutput')) return undefined
    found.add(comparison.right.column)
  }
  return found
}

/** [NOT] EXISTS that reads the rows it filters: a semi or anti join. */
function existsOf(condition: Expr): { readonly query: Select; readonly negated: boolean } | undefined {
  const negated = condition.kind === 'not'
  const inner = negated ? condition.argument : condition
  if (inner.kind !== 'subquery' || inner.how !== 'exists' || inner.outer.length === 0) return undefined
  const { query } = inner
  if (query.kind !== 'select' || query.from === undefined || query.grouped || query.ctes.length > 0) return undefined
  if (query.limit !== undefined || query.offset !== undefined || query.locking.length > 0) return undefined
  if (query.targets.some((target) => some(target, (node) => node.kind === 'call' && node.returnsSet))) return undefined
  if (query.where !== undefined && isVolatile(query.where)) return undefined
  return { query, negated }
}

function applies(condition: Expr, scope: ReadonlySet<RelationId>): boolean {
  const exists = existsOf(condition)
  if (exists?.query.from === undefined) return false
  const own = new Set(relationsIn(exists.query.from))
  let simple = true
  eachExprOfFrom(exists.query.from, (expr) => {
    for (const relation of relationsOf(expr)) if (scope.has(relation)) simple = false
  })
  const where = conjuncts(exists.query.where)
  const correlated = where.filter((part) => [...relationsOf(part)].some((relation) => scope.has(relation)))
  return (
    simple &&
    correlated.length > 0 &&
    correlated.every((part) => !waits(part) && [...relationsOf(part)].some((relation) => own.has(relation)))
  )
}

function plan(planning: Planning, input: Node, condition: Expr): Node {
  const { query, negated } = existsOf(condition) as { readonly query: Select; readonly negated: boolean }
  const item = query.from as FromItem
  const own = new Set(relationsIn(item))
  const parts = conjuncts(query.where && fold(query.where))
  const between = parts.filter((part) => {
    const relations = [...relationsOf(part)]
    return relations.some((relation) => !own.has(relation) && input.layout.some((slot) => slot.relation === relation))
  })
  const local = parts.filter((part) => !between.includes(part))
  const node = planFrom(planning, item, local)
  return join(planning, negated ? 'anti' : 'semi', input, { item, node, own: local, lateral: false }, between).node
}

export const planExists = { applies, plan }
