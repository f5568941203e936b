import { assert } from '../../../../protocol/assert.ts'
import type { Oid } from '../../../../protocol/ids.ts'
import type { Procedure } from '../functions/procedures.ts'
import type { AggregateExpr, Expr, SortKey } from './bound.ts'
import { coerceToBoolean, coerceType, isUnknown, typeName, typeRef } from './coerce.ts'
import { columnsInside } from './columns-inside.ts'
import { noteUse } from './namespace.ts'
import { orderOf } from './operator.ts'
import { type FuncCall, locationIn, type Node, texts } from './parse-tree.ts'
import { requireAggregatesAllowed } from './places.ts'
import { sameExpr } from './same-expr.ts'
import type { QueryScope } from './scope.ts'
import { sortKey } from './sort-key.ts'
import { aggregatesIn, relationsRead } from './walk.ts'

/** parse_agg.c: an aggregate call, where it may stand and which query it belongs to. */
export function bindAggregate(
  scope: QueryScope,
  call: FuncCall,
  procedure: Procedure,
  exprs: readonly Expr[],
  result: Oid,
  innerSet: Expr | undefined,
  bindChild: (node: Node) => Expr,
  /** WITHIN GROUP: the arguments that it sorts by, with their final types. */
  withinGroup?: readonly Expr[],
): Expr {
  const { statement } = scope
  const location = locationIn(call)
  const name = texts(call.funcname).join('.')
  if (exprs.length === 0 && !call.agg_star) {
    throw statement.error('42809', `${name}(*) must be used to call a parameterless aggregate function`, location)
  }
  if (innerSet !== undefined) {
    throw statement.error(
      '0A000',
      'aggregate function calls cannot contain set-returning function calls',
      statement.locationOf(innerSet),
      { hint: 'You might be able to move the set-returning function into a LATERAL FROM item.' },
    )
  }
  const filter = bindFilter(scope, call, bindChild)
  const distinct = call.agg_distinct === true
  // What is told apart or sorted has a type: a literal of none is text.
  const typed = distinct
    ? exprs.map((expr) => (isUnknown(expr) ? coerceType(statement, expr, typeRef(25), 'implicit') : expr))
    : exprs
  const orderBy =
    withinGroup === undefined
      ? bindOrder(scope, call, typed, bindChild)
      : withinGroup.map((expr, i) => sortKey(statement, call.agg_order![i]!.SortBy!, expr))
  const aggregate: AggregateExpr = {
    kind: 'aggregate',
    type: typeRef(result),
    procedure: procedure.oid,
    arguments: typed,
    distinct,
    orderBy,
    filter,
    at: statement.position(location),
  }
  if (distinct) requireSortable(scope, typed)
  for (const part of [...typed, ...orderBy.map((key) => key.expr), ...(filter === undefined ? [] : [filter])]) {
    for (const inner of aggregatesIn(part)) {
      throw statement.error('42803', 'aggregate function calls cannot be nested', statement.locationOf(inner))
    }
  }
  const owner = ownerOf(scope, aggregate)
  requireAggregatesAllowed(owner, location)
  owner.hasAggregates = true
  return owner === scope ? statement.place(aggregate, location) : lend(scope, owner, aggregate, location)
}

/** check_agg_arguments: an aggregate belongs to the innermost query that any of its arguments is of. */
function ownerOf(scope: QueryScope, aggregate: AggregateExpr): QueryScope {
  const read = [...relationsRead(aggregate)]
  if (read.length === 0) return scope
  let owner: QueryScope | undefined = scope
  while (owner !== undefined && !read.some((id) => owner!.own.has(id))) owner = owner.parent
  assert(owner !== undefined, 'what is read belongs to some query')
  const nested = lentIn(owner, aggregate)
  if (nested !== undefined) {
    throw scope.statement.error('42803', 'aggregate function calls cannot be nested', scope.statement.locationOf(nested))
  }
  return owner
}

/** The owner computes it; where it was written its value is a column of an enclosing query. */
function lend(scope: QueryScope, owner: QueryScope, aggregate: AggregateExpr, location: number): Expr {
  const known = owner.lent.find(({ lentAs, ...other }) => sameExpr(other, aggregate))
  if (known !== undefined) scope.statement.forget(aggregate)
  const lent = known ?? scope.statement.place({ ...aggregate, lentAs: owner.newRelation() }, location)
  if (known === undefined) owner.lent.push(lent)
  return noteUse(scope, { kind: 'column', type: aggregate.type, relation: lent.lentAs!, column: 0 }, location)
}

/** Where a subquery of the expression reads an aggregate that `owner` has lent it. */
export function lentIn(owner: QueryScope, expr: Expr): Expr | undefined {
  if (owner.lent.length === 0) return undefined
  return columnsInside(expr).find((column) => owner.lent.some(({ lentAs }) => lentAs === column.relation))
}

function bindFilter(scope: QueryScope, call: FuncCall, bindChild: (node: Node) => Expr): Expr | undefined {
  if (call.agg_filter === undefined) return undefined
  const place = scope.place
  scope.place = 'FILTER'
  const filter = coerceToBoolean(scope.statement, bindChild(call.agg_filter), 'FILTER')
  scope.place = place
  return filter
}

function bindOrder(
  scope: QueryScope,
  call: FuncCall,
  exprs: readonly Expr[],
  bindChild: (node: Node) => Expr,
): readonly SortKey[] {
  return (call.agg_order ?? []).map((node) => {
    const by = node.SortBy!
    let expr = bindChild(by.node)
    if (isUnknown(expr)) expr = coerceType(scope.statement, expr, typeRef(25), 'implicit')
    if (call.agg_distinct && !exprs.some((argument) => sameExpr(argument, expr))) {
      throw scope.statement.error(
        '42P10',
        'in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list',
        scope.statement.locationOf(expr),
      )
    }
    return sortKey(scope.statement, by, expr)
  })
}

function requireSortable(scope: QueryScope, exprs: readonly Expr[]): void {
  for (const expr of exprs) {
    if (orderOf(expr.type.oid) !== undefined) continue
    throw scope.statement.error(
      '42883',
      `could not identify an equality operator for type ${typeName(expr.type.oid)}`,
      scope.statement.locationOf(expr),
    )
  }
}
