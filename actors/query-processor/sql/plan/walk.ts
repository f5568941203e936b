import { unreachable } from '../../../../protocol/assert.ts'
import type { CommonTable, Expr, FromItem, ModifyStatement, Query, RelationId } from '../bind/bound.ts'
import { children, withChildren } from '../bind/walk.ts'

/** Top down: where `to` answers an expression, that takes the place of the node; elsewhere its arguments are mapped. */
export function rewrite(expr: Expr, to: (expr: Expr) => Expr | undefined): Expr {
  return to(expr) ?? withChildren(expr, (argument) => rewrite(argument, to))
}

/** Every node, those of subqueries included. */
export function eachNode(expr: Expr, visit: (expr: Expr) => void): void {
  visit(expr)
  for (const argument of children(expr)) eachNode(argument, visit)
  if (expr.kind === 'subquery') eachExprOfQuery(expr.query, (inner) => eachNode(inner, visit))
}

/** Relations whose columns the expression reads; those that belong to subqueries inside it are among them. */
export function relationsOf(expr: Expr, into: Set<RelationId> = new Set()): Set<RelationId> {
  eachNode(expr, (node) => {
    if (node.kind === 'column' || node.kind === 'wholeRow') into.add(node.relation)
  })
  return into
}

/** The expressions that stand directly in a query, its CTEs, FROM items and arms. */
export function eachExprOfQuery(query: Query, visit: (expr: Expr) => void): void {
  for (const cte of query.ctes) eachExprOfCommonTable(cte, visit)
  if (query.limit) visit(query.limit)
  if (query.offset) visit(query.offset)
  switch (query.kind) {
    case 'select':
      if (query.from) eachExprOfFrom(query.from, visit)
      if (query.where) visit(query.where)
      query.groupBy.forEach(visit)
      if (query.having) visit(query.having)
      query.targets.forEach(visit)
      if (typeof query.distinct !== 'string') query.distinct.forEach(visit)
      for (const key of query.orderBy) visit(key.expr)
      query.lent.forEach(visit)
      return
    case 'values':
      for (const row of query.rows) row.forEach(visit)
      return
    case 'setOperation':
      eachExprOfQuery(query.left, visit)
      eachExprOfQuery(query.right, visit)
      return
    default:
      unreachable(query)
  }
}

function eachExprOfCommonTable(cte: CommonTable, visit: (expr: Expr) => void): void {
  if (cte.kind === 'plain') eachExprOfQuery(cte.query, visit)
  else if (cte.kind === 'modifying') eachExprOfModify(cte.statement, visit)
  else {
    eachExprOfQuery(cte.start, visit)
    eachExprOfQuery(cte.step, visit)
  }
}

export function eachExprOfFrom(item: FromItem, visit: (expr: Expr) => void): void {
  switch (item.kind) {
    case 'subquery':
      eachExprOfQuery(item.query, visit)
      return
    case 'function':
      item.calls.forEach(visit)
      return
    case 'join':
      eachExprOfFrom(item.left, visit)
      eachExprOfFrom(item.right, visit)
      if (item.condition) visit(item.condition)
      return
    default:
  }
}

export function eachExprOfModify(statement: ModifyStatement, visit: (expr: Expr) => void): void {
  for (const cte of statement.ctes) eachExprOfCommonTable(cte, visit)
  statement.returning?.targets.forEach(visit)
  switch (statement.kind) {
    case 'insert': {
      if (statement.source) eachExprOfQuery(statement.source, visit)
      statement.defaults.forEach(visit)
      for (const check of statement.rules.checks) visit(check.expr)
      const update = statement.onConflict?.update
      if (update) {
        for (const assignment of update.set) visit(assignment.value)
        if (update.where) visit(update.where)
      }
      return
    }
    case 'update':
      eachExprOfFrom(statement.from, visit)
      if (statement.where) visit(statement.where)
      for (const assignment of statement.set) visit(assignment.value)
      for (const check of statement.rules.checks) visit(check.expr)
      return
    case 'delete':
      eachExprOfFrom(statement.from, visit)
      if (statement.where) visit(statement.where)
      return
    default:
      unreachable(statement)
  }
}

/** RelationIds that a FROM item defines. */
export function relationsIn(item: FromItem, into: RelationId[] = []): RelationId[] {
  if (item.kind === 'join') {
    relationsIn(item.left, into)
    relationsIn(item.right, into)
  } else into.push(item.id)
  return into
}

/** References to a CTE by its id, wherever they stand in the query. */
export function eachFromItem(query: Query, visit: (item: FromItem) => void): void {
  for (const cte of query.ctes) eachFromItemOfCommonTable(cte, visit)
  if (query.kind === 'select' && query.from) eachFromItemIn(query.from, visit)
  if (query.kind === 'setOperation') {
    eachFromItem(query.left, visit)
    eachFromItem(query.right, visit)
  }
  subqueriesOf((visitExpr) => eachDirectExpr(query, visitExpr), visit)
}

function eachFromItemIn(item: FromItem, visit: (item: FromItem) => void): void {
  visit(item)
  if (item.kind === 'join') {
    eachFromItemIn(item.left, visit)
    eachFromItemIn(item.right, visit)
  } else if (item.kind === 'subquery') eachFromItem(item.query, visit)
}

function eachFromItemOfCommonTable(cte: CommonTable, visit: (item: FromItem) => void): void {
  if (cte.kind === 'plain') eachFromItem(cte.query, visit)
  else if (cte.kind === 'modifying') eachFromItemOfModify(cte.statement, visit)
  else {
    eachFromItem(cte.start, visit)
    eachFromItem(cte.step, visit)
  }
}

function subqueriesOf(each: (visit: (expr: Expr) => void) => void, visit: (item: FromItem) => void): void {
  const enter = (expr: Expr): void => {
    if (expr.kind === 'subquery') eachFromItem(expr.query, visit)
    children(expr).forEach(enter)
  }
  each(enter)
}

/** As eachExprOfQuery, but without what belongs to nested queries (eachFromItem enters those itself). */
function eachDirectExpr(query: Query, visit: (expr: Expr) => void): void {
  if (query.limit) visit(query.limit)
  if (query.offset) visit(query.offset)
  if (query.kind === 'values') for (const row of query.rows) row.forEach(visit)
  if (query.kind !== 'select') return
  if (query.from) eachJoinExpr(query.from, visit)
  if (query.where) visit(query.where)
  query.groupBy.forEach(visit)
  if (query.having) visit(query.having)
  query.targets.forEach(visit)
  for (const key of query.orderBy) visit(key.expr)
  query.lent.forEach(visit)
}

function eachJoinExpr(item: FromItem, visit: (expr: Expr) => void): void {
  if (item.kind === 'function') item.calls.forEach(visit)
  if (item.kind !== 'join') return
  eachJoinExpr(item.left, visit)
  eachJoinExpr(item.right, visit)
  if (item.condition) visit(item.condition)
}

export function eachFromItemOfModify(statement: ModifyStatement, visit: (item: FromItem) => void): void {
  for (const cte of statement.ctes) eachFromItemOfCommonTable(cte, visit)
  if (statement.kind === 'insert') {
    if (statement.source) eachFromItem(statement.source, visit)
  } else eachFromItemIn(statement.from, visit)
  subqueriesOf((enter) => {
    statement.returning?.targets.forEach(enter)
    if (statement.kind === 'insert') {
      statement.defaults.forEach(enter)
      const update = statement.onConflict?.update
      for (const assignment of update?.set ?? []) enter(assignment.value)
      if (update?.where) enter(update.where)
      return
    }
    eachJoinExpr(statement.from, enter)
    if (statement.where) enter(statement.where)
    if (statement.kind === 'update') for (const assignment of statement.set) enter(assignment.value)
  }, visit)
}

/** The conjuncts of a condition, AND taken apart. */
export function conjuncts(condition: Expr | undefined, into: Expr[] = []): Expr[] {
  if (condition === undefined) return into
  if (condition.kind === 'and') for (const part of condition.arguments) conjuncts(part, into)
  else into.push(condition)
  return into
}

export function conjunction(parts: readonly Expr[]): Expr | undefined {
  const [first] = parts
  if (first === undefined || parts.length === 1) return first
  return { kind: 'and', type: first.type, arguments: parts }
}
