import { operatorByOid } from '../functions/operators.ts'
import type { Expr, SortKey } from './bound.ts'
import { findOperator, orderOf, requireOrder } from './operator.ts'
import { type SortBy, texts } from './parse-tree.ts'
import type { Statement } from './scope.ts'

/** addTargetToSortList: direction and place of NULLs. */
export function sortKey(statement: Statement, by: SortBy, expr: Expr, location = statement.locationOf(expr)): SortKey {
  const descending = by.sortby_dir === 'SORTBY_USING' ? usingDescends(statement, by, expr) : by.sortby_dir === 'SORTBY_DESC'
  if (by.sortby_dir !== 'SORTBY_USING') requireOrder(statement, expr, location)
  const nullsFirst = by.sortby_nulls === 'SORTBY_NULLS_DEFAULT' ? descending : by.sortby_nulls === 'SORTBY_NULLS_FIRST'
  return { expr, descending, nullsFirst }
}

/** ORDER BY x USING <: only the default `<` and `>` of the type. */
function usingDescends(statement: Statement, by: SortBy, expr: Expr): boolean {
  const location = by.location ?? 0
  const type = expr.type.oid
  const operator = findOperator(statement, by.useOp!, type, type, location)
  const order = orderOf(type)
  if (order !== undefined) {
    if (operator.oid === order.less || operator.procedure === operatorByOid(order.less).procedure) return false
    if (operator.oid === order.greater || operator.procedure === operatorByOid(order.greater).procedure) return true
  }
  throw statement.error('42809', `operator ${texts(by.useOp!).join('.')} is not a valid ordering operator`, location, {
    hint: 'Ordering operators must be "<" or ">" members of btree operator families.',
  })
}
