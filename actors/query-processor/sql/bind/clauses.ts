import { lentIn } from './aggregate.ts'
import type { Expr, SortKey } from './bound.ts'
import { coerceToSpecificType } from './coerce.ts'
import { bindExpr } from './expression.ts'
import { findColumn } from './namespace.ts'
import { requireEquality } from './operator.ts'
import { locationIn, type Node, nodeLocation, type SelectStmt, text } from './parse-tree.ts'
import { sameExpr } from './same-expr.ts'
import type { ExpressionPlace, QueryScope } from './scope.ts'
import { sortKey } from './sort-key.ts'
import { resolveUnknown, type Target } from './target-list.ts'
import { aggregatesIn, relationsRead } from './walk.ts'

/** ORDER BY, GROUP BY, DISTINCT, LIMIT: the clauses that look at the target list. */

/** findTargetlistEntrySQL92: an output's name, a position, or any expression (added as a hidden target when it is new). */
function findTarget(scope: QueryScope, node: Node, targets: Target[], place: 'ORDER BY' | 'GROUP BY' | 'DISTINCT ON'): Target {
  const { statement } = scope
  const fields = node.ColumnRef?.fields
  if (fields?.length === 1 && fields[0]!.String !== undefined) {
    const name = text(fields[0]!)
    const location = locationIn(node.ColumnRef!)
    // GROUP BY prefers a column of FROM to an output.
    const isColumn = place === 'GROUP BY' && findColumn(scope, name, location) !== undefined
    const named = isColumn ? [] : targets.filter((target) => !target.hidden && target.name === name)
    if (named.some((target) => !sameExpr(target.expr, named[0]!.expr))) {
      throw statement.error('42702', `${place} "${name}" is ambiguous`, location)
    }
    if (named.length > 0) return requireNoAggregate(scope, named[0]!, place)
  }
  const constant = node.A_Const
  if (constant !== undefined) {
    const location = locationIn(constant)
    if (constant.ival === undefined) throw statement.error('42601', `non-integer constant in ${place}`, location)
    const position = constant.ival.ival ?? 0
    const target = targets.filter((one) => !one.hidden)[position - 1]
    if (target === undefined) throw statement.error('42P10', `${place} position ${position} is not in select list`, location)
    return requireNoAggregate(scope, target, place)
  }
  return findTargetByExpression(scope, node, targets, place)
}

/** GROUP BY 1 where output 1 is an aggregate. */
function requireNoAggregate(scope: QueryScope, target: Target, place: string): Target {
  if (place !== 'GROUP BY') return target
  const [aggregate = lentIn(scope, target.expr)] = aggregatesIn(target.expr)
  if (aggregate !== undefined) {
    const at = scope.statement.locationOf(aggregate)
    throw scope.statement.error('42803', 'aggregate functions are not allowed in GROUP BY', at)
  }
  return target
}

function findTargetByExpression(scope: QueryScope, node: Node, targets: Target[], place: ExpressionPlace): Target {
  const expr = bindExpr(scope, node, place)
  const known = targets.find((target) => sameExpr(target.expr, expr))
  if (known !== undefined) {
    scope.statement.forget(expr)
    return known
  }
  const added: Target = { name: '?column?', expr, hidden: true }
  targets.push(added)
  return added
}

export interface BoundSort {
  readonly target: Target
  readonly key: SortKey
}

export function bindOrderBy(scope: QueryScope, nodes: readonly Node[] | undefined, targets: Target[]): BoundSort[] {
  const sorts: BoundSort[] = []
  for (const node of nodes ?? []) {
    const by = node.SortBy!
    const target = findTarget(scope, by.node, targets, 'ORDER BY')
    target.expr = resolveUnknown(scope.statement, target.expr)
    // A key that is there already decides nothing.
    if (sorts.some((sort) => sort.target === target)) continue
    sorts.push({ target, key: sortKey(scope.statement, by, target.expr, nodeLocation(by.node)) })
  }
  return sorts
}

/** The keys; an expression that is an output as well is the very same object in both. */
export function bindGroupBy(scope: QueryScope, nodes: readonly Node[] | undefined, targets: Target[]): Expr[] {
  const { statement } = scope
  const keys: Expr[] = []
  const add = (node: Node): void => {
    if (node.GroupingSet?.kind === 'GROUPING_SET_EMPTY' && nodes?.length === 1) return
    if (node.GroupingSet !== undefined) throw statement.unsupported('GROUPING SETS', locationIn(node.GroupingSet))
    if (node.RowExpr?.row_format === 'COERCE_IMPLICIT_CAST') {
      for (const arg of node.RowExpr.args ?? []) add(arg)
      return
    }
    const target = findTarget(scope, node, targets, 'GROUP BY')
    target.expr = resolveUnknown(statement, target.expr)
    if (keys.includes(target.expr)) return
    requireEquality(statement, target.expr, nodeLocation(node))
    keys.push(target.expr)
  }
  for (const node of nodes ?? []) add(node)
  return keys
}

export function bindDistinct(
  scope: QueryScope,
  clause: readonly Node[] | undefined,
  targets: Target[],
  sorts: readonly BoundSort[],
): 'none' | 'all' | readonly Expr[] {
  if (clause === undefined) return 'none'
  const { statement } = scope
  const isOn = clause.some((node) => Object.keys(node).length > 0)
  if (!isOn) {
    for (const { target } of sorts) {
      if (!target.hidden) continue
      const message = 'for SELECT DISTINCT, ORDER BY expressions must appear in select list'
      throw statement.error('42P10', message, statement.locationOf(target.expr))
    }
    for (const target of targets) {
      target.expr = resolveUnknown(statement, target.expr)
      requireEquality(statement, target.expr)
    }
    return 'all'
  }
  const on = new Set<Target>()
  for (const node of clause) {
    const target = findTarget(scope, node, targets, 'DISTINCT ON')
    target.expr = resolveUnknown(statement, target.expr)
    requireEquality(statement, target.expr)
    on.add(target)
  }
  requireLeading(scope, clause, on, sorts)
  return [...on].map((target) => target.expr)
}

/** DISTINCT ON keys come first in ORDER BY, in whatever order. */
function requireLeading(scope: QueryScope, clause: readonly Node[], on: ReadonlySet<Target>, sorts: readonly BoundSort[]): void {
  const message = 'SELECT DISTINCT ON expressions must match initial ORDER BY expressions'
  let skipped = false
  const sorted = new Set<Target>()
  for (const { target } of sorts) {
    if (!on.has(target)) skipped = true
    else if (skipped) throw scope.statement.error('42P10', message, distinctLocation(scope, clause, on, target))
    else sorted.add(target)
  }
  const missing = [...on].find((target) => !sorted.has(target))
  if (skipped && missing !== undefined) {
    throw scope.statement.error('42P10', message, distinctLocation(scope, clause, on, missing))
  }
}

function distinctLocation(scope: QueryScope, clause: readonly Node[], on: ReadonlySet<Target>, target: Target): number {
  const node = clause[[...on].indexOf(target)]
  return node === undefined ? scope.statement.locationOf(target.expr) : nodeLocation(node)
}

/** transformLimitClause */
function bindLimit(scope: QueryScope, node: Node | undefined, word: 'LIMIT' | 'OFFSET', option?: string): Expr | undefined {
  if (node === undefined) return undefined
  const { statement } = scope
  const expr = coerceToSpecificType(statement, bindExpr(scope, node, word), 20, word)
  if ([...relationsRead(expr)].some((id) => scope.own.has(id))) {
    throw statement.error('42P10', `argument of ${word} must not contain variables`, firstColumn(scope, expr))
  }
  if (option === 'LIMIT_OPTION_WITH_TIES' && expr.kind === 'constant' && expr.value === null) {
    throw statement.error('2201W', 'row count cannot be null in FETCH FIRST ... WITH TIES clause', -1)
  }
  return expr
}

function firstColumn(scope: QueryScope, expr: Expr): number {
  return scope.statement.locationOf(expr)
}

export function bindLimits(scope: QueryScope, select: SelectStmt) {
  const offset = bindLimit(scope, select.limitOffset, 'OFFSET')
  const limit = bindLimit(scope, select.limitCount, 'LIMIT', select.limitOption)
  const withTies = select.limitOption === 'LIMIT_OPTION_WITH_TIES'
  if (withTies && (select.sortClause ?? []).length === 0) {
    throw scope.statement.error('42601', 'WITH TIES cannot be specified without ORDER BY clause', -1)
  }
  return { offset, limit, withTies }
}
