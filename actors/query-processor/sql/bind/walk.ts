import { unreachable } from '../../../../protocol/assert.ts'
import type { Expr, RelationId } from './bound.ts'

/** The expressions directly inside one; those of a subquery's own query are not among them, its `test` is. */
export function children(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case 'constant':
    case 'parameter':
    case 'column':
    case 'wholeRow':
    case 'elementInput':
    case 'subqueryOutput':
    case 'session':
      return []
    case 'call':
    case 'and':
    case 'or':
    case 'coalesce':
    case 'greatest':
    case 'least':
      return expr.arguments
    case 'not':
    case 'isNull':
    case 'isBoolean':
    case 'relabel':
    case 'viaText':
    case 'typmod':
    case 'field':
      return [expr.argument]
    case 'isDistinct':
      return [expr.left, expr.right]
    case 'case':
      return [...expr.branches.flatMap((branch) => [branch.when, branch.then]), expr.otherwise]
    case 'arrayCast':
      return [expr.argument, expr.element]
    case 'array':
      return expr.elements
    case 'row':
      return expr.fields
    case 'rowCompare':
      return [...expr.left, ...expr.right]
    case 'subscript':
      return [expr.argument, expr.index]
    case 'slice':
      return [expr.argument, expr.from, expr.to].filter((part) => part !== undefined)
    case 'assignPart':
      return [expr.argument, ...expr.subscripts.filter((part) => part !== undefined), expr.value]
    case 'anyArray':
      return [expr.left, expr.array]
    case 'in':
      return [expr.left, ...expr.list]
    case 'subquery':
      return expr.test === undefined ? [] : [expr.test]
    case 'aggregate':
      return [...expr.arguments, ...expr.orderBy.map((key) => key.expr), ...(expr.filter === undefined ? [] : [expr.filter])]
    default:
      return unreachable(expr)
  }
}

/** The same expression with other children; the very same object when none changed. */
export function withChildren(expr: Expr, change: (child: Expr) => Expr): Expr {
  let isChanged = false
  const made = rebuilt(expr, (child) => {
    const other = change(child)
    if (other !== child) isChanged = true
    return other
  })
  return isChanged ? made : expr
}

function rebuilt(expr: Expr, to: (child: Expr) => Expr): Expr {
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
    case 'field':
      return { ...expr, argument: to(expr.argument) }
    case 'isDistinct':
      return { ...expr, left: to(expr.left), right: to(expr.right) }
    case 'case':
      return {
        ...expr,
        branches: expr.branches.map((branch) => caseBranch(to(branch.when), to(branch.then))),
        otherwise: to(expr.otherwise),
      }
    case 'arrayCast':
      return { ...expr, argument: to(expr.argument), element: to(expr.element) }
    case 'array':
      return { ...expr, elements: expr.elements.map(to) }
    case 'row':
      return { ...expr, fields: expr.fields.map(to) }
    case 'rowCompare':
      return { ...expr, left: expr.left.map(to), right: expr.right.map(to) }
    case 'subscript':
      return { ...expr, argument: to(expr.argument), index: to(expr.index) }
    case 'slice':
      return { ...expr, argument: to(expr.argument), from: expr.from && to(expr.from), to: expr.to && to(expr.to) }
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
      return { ...expr, test: expr.test && to(expr.test) }
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

/** Whether `test` holds for the expression or any inside it. */
export function some(expr: Expr, test: (expr: Expr) => boolean): boolean {
  return test(expr) || children(expr).some((child) => some(child, test))
}

/** Relations of this or enclosing queries that the expression reads. */
export function relationsRead(expr: Expr, into: Set<RelationId> = new Set()): Set<RelationId> {
  if (expr.kind === 'column' || expr.kind === 'wholeRow') into.add(expr.relation)
  else if (expr.kind === 'subquery') for (const id of expr.outer) into.add(id)
  for (const child of children(expr)) relationsRead(child, into)
  return into
}

/** The aggregate calls of this query level in an expression, outermost first. */
export function* aggregatesIn(expr: Expr): Iterable<Expr & { kind: 'aggregate' }> {
  if (expr.kind === 'aggregate') yield expr
  else for (const child of children(expr)) yield* aggregatesIn(child)
}

export function caseBranch(when: Expr, result: Expr): { readonly when: Expr; readonly then: Expr } {
  // biome-ignore lint/suspicious/noThenProperty: a branch of CASE is no promise
  return { when, then: result }
}
