import { unreachable } from '../../../../protocol/assert.ts'
import type { CommonTable, Expr, FromItem, ModifyStatement, Query, RelationId } from '../bind/bound.ts'

/** The same node over other arguments. Queries inside subqueries stay as they are; their `test` is an argument. */
export function mapArguments(expr: Expr, to: (argument: Expr) => Expr): Expr {
  switch (expr.kind) {
    case 'constant':
    case 'parameter':
    case 'column':
    case 'wholeRow':
    case 'elementInput':
    case 'subqueryOutput':
    case 'session':
      return expr
    case 'call':
    case 'and':
    case 'or':
    case 'coalesce':
    case 'greatest':
    case 'least':
      return { ...expr, arguments: expr.arguments.map(to) }
    case 'not':
    case 'isNull':
    case 'isBoolean':
    case 'relabel':
    case 'viaText':
    case 'typmod':
    case 'arrayCast':
    case 'field':
      return { ...expr, argument: to(expr.argument) }
    case 'isDistinct':
      return { ...expr, left: to(expr.left), right: to(expr.right) }
    case 'case':
      return {
        ...expr,
        // biome-ignore lint/suspicious/noThenProperty: the bound tree's name for a branch's result; nobody awaits it
        branches: expr.branches.map((branch) => ({ when: to(branch.when), then: to(branch.then) })),
        otherwise: to(expr.otherwise),
      }
    case 'array':
      return { ...expr, elements: expr.elements.map(to) }
    case 'row':
      return { ...expr, fields: expr.fields.map(to) }
    case 'rowCompare':
      return { ...expr, left: expr.left.map(to), right: expr.right.map(to) }
    case 'subscript':
      return { ...expr, argument: to(expr.argument), index: to(expr.index) }
    case 'slice':
      return {
        ...expr,
        argument: to(expr.argument),
        from: expr.from && to(expr.from),
        to: expr.to && to(expr.to),
      }
    case 'assignPart':
      return {
        ...expr,
        argument: to(expr.argument),
        subscripts: expr.subscripts.map((part) => part && to(part)),
        value: to(expr.value),
      }
    case 'anyArray':
      return { ...expr, left: to(expr.left), array: to(expr.array) }
    case 'in':
      return { ...expr, left: to(expr.left), list: expr.list.map(to) }
    case 'subquery':
      return expr.test === undefined ? expr : { ...expr, test: to(expr.test) }
    case 'aggregate':
      return {
        ...expr,
        arguments: expr.arguments.map(to),
        orderBy: expr.orderBy.map((key) => ({ ...key, expr: to(key.expr) })),
        filter: expr.filter && to(expr.filter),
      }
    default:
      return unreachable(expr)
  }
}

export function argumentsOf(expr: Expr): readonly Expr[] {
  const found: Expr[] = []
  mapArguments(expr, (argument) => {
    found.push(argument)
    return argument
  })
  return found
}

/** Top down: where `to` answers an expression, that takes the place of the node; elsewhere its arguments are mapped. */
export function rewrite(expr: Expr, to: (expr: Expr) => Expr | undefined): Expr {
  return to(expr) ?? mapArguments(expr, (argument) => rewrite(argument, to))
}

/** Whether any node passes; queries inside subqueries are not entered. */
export function some(expr: Expr, test: (expr: Expr) => boolean): boolean {
  return test(expr) || argumentsOf(expr).some((argument) => some(argument, test))
}

/** Every node, those of subqueries included. */
export function eachNode(expr: Expr, visit: (expr: Expr) => void): void {
  visit(expr)
  for (const argument of argumentsOf(expr)) eachNode(argument, visit)
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
  const from = (item: FromItem): void => {
    visit(item)
    if (item.kind === 'join') {
      from(item.left)
      from(item.right)
    } else if (item.kind === 'subquery') eachFromItem(item.query, visit)
  }
  const common = (cte: CommonTable): void => {
    if (cte.kind === 'plain') eachFromItem(cte.query, visit)
    else if (cte.kind === 'recursive') {
      eachFromItem(cte.start, visit)
      eachFromItem(cte.step, visit)
    } else eachFromItemOfModify(cte.statement, visit)
  }
  query.ctes.forEach(common)
  if (query.kind === 'select' && query.from) from(query.from)
  if (query.kind === 'setOperation') {
    eachFromItem(query.left, visit)
    eachFromItem(query.right, visit)
  }
  subqueriesOf((visitExpr) => eachDirectExpr(query, visitExpr), visit)
}

function subqueriesOf(each: (visit: (expr: Expr) => void) => void, visit: (item: FromItem) => void): void {
  const enter = (expr: Expr): void => {
    if (expr.kind === 'subquery') eachFromItem(expr.query, visit)
    argumentsOf(expr).forEach(enter)
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
}

function eachJoinExpr(item: FromItem, visit: (expr: Expr) => void): void {
  if (item.kind === 'function') item.calls.forEach(visit)
  if (item.kind !== 'join') return
  eachJoinExpr(item.left, visit)
  eachJoinExpr(item.right, visit)
  if (item.condition) visit(item.condition)
}

export function eachFromItemOfModify(statement: ModifyStatement, visit: (item: FromItem) => void): void {
  for (const cte of statement.ctes) {
    if (cte.kind === 'plain') eachFromItem(cte.query, visit)
    else if (cte.kind === 'recursive') {
      eachFromItem(cte.start, visit)
      eachFromItem(cte.step, visit)
    } else eachFromItemOfModify(cte.statement, visit)
  }
  const from = (item: FromItem): void => {
    visit(item)
    if (item.kind === 'join') {
      from(item.left)
      from(item.right)
    } else if (item.kind === 'subquery') eachFromItem(item.query, visit)
  }
  if (statement.kind === 'insert') {
    if (statement.source) eachFromItem(statement.source, visit)
  } else from(statement.from)
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

/** Structural equality; positions in the text do not count. */
export function sameExpr(a: Expr, b: Expr): boolean {
  return a === b || (a.kind === b.kind && sameValue(a, b))
}

function sameValue(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) !== Array.isArray(b) || Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false
  if (a instanceof Map) return false
  const left = a as Record<string, unknown>
  const right = b as Record<string, unknown>
  const names = Object.keys(left).filter((name) => name !== 'at')
  if (names.length !== Object.keys(right).filter((name) => name !== 'at').length) return false
  return names.every((name) => sameValue(left[name], right[name]))
}
