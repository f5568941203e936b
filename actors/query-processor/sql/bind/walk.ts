import { unreachable } from '../../../../protocol/assert.ts'
import type { Expr, RelationId } from './bound.ts'

/** The expressions directly inside one; those of a subquery's own query are not among them. */
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
  const list = (exprs: readonly Expr[]): readonly Expr[] => {
    const changed = exprs.map(change)
    return changed.every((child, i) => child === exprs[i]) ? exprs : changed
  }
  const build = (make: () => Expr): Expr => {
    const before = children(expr)
    const made = make()
    const after = children(made)
    return after.every((child, i) => child === before[i]) ? expr : made
  }
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
      return build(() => ({ ...expr, arguments: list(expr.arguments) }))
    case 'not':
    case 'isNull':
    case 'isBoolean':
    case 'relabel':
    case 'viaText':
    case 'typmod':
    case 'field':
      return build(() => ({ ...expr, argument: change(expr.argument) }))
    case 'isDistinct':
      return build(() => ({ ...expr, left: change(expr.left), right: change(expr.right) }))
    case 'case':
      return build(() => ({
        ...expr,
        branches: expr.branches.map((branch) => caseBranch(change(branch.when), change(branch.then))),
        otherwise: change(expr.otherwise),
      }))
    case 'arrayCast':
      return build(() => ({ ...expr, argument: change(expr.argument), element: change(expr.element) }))
    case 'array':
      return build(() => ({ ...expr, elements: list(expr.elements) }))
    case 'row':
      return build(() => ({ ...expr, fields: list(expr.fields) }))
    case 'rowCompare':
      return build(() => ({ ...expr, left: list(expr.left), right: list(expr.right) }))
    case 'subscript':
      return build(() => ({ ...expr, argument: change(expr.argument), index: change(expr.index) }))
    case 'slice':
      return build(() => ({
        ...expr,
        argument: change(expr.argument),
        from: expr.from && change(expr.from),
        to: expr.to && change(expr.to),
      }))
    case 'assignPart':
      return build(() => ({
        ...expr,
        argument: change(expr.argument),
        subscripts: expr.subscripts.map((part) => part && change(part)),
        value: change(expr.value),
      }))
    case 'anyArray':
      return build(() => ({ ...expr, left: change(expr.left), array: change(expr.array) }))
    case 'in':
      return build(() => ({ ...expr, left: change(expr.left), list: list(expr.list) }))
    case 'subquery':
      return build(() => ({ ...expr, test: expr.test && change(expr.test) }))
    case 'aggregate':
      return build(() => ({
        ...expr,
        arguments: list(expr.arguments),
        orderBy: expr.orderBy.map((key) => ({ ...key, expr: change(key.expr) })),
        filter: expr.filter && change(expr.filter),
      }))
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
