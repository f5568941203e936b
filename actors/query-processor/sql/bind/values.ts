import type { Expr, OutputColumn, OutputSort, Query } from './bound.ts'
import { bindLimits, bindOrderBy } from './clauses.ts'
import { coerceToCommonType, coerceTypmod, commonTypmod, selectCommonType, typeRef } from './coerce.ts'
import { bindExpr } from './expression.ts'
import { addItem } from './from-names.ts'
import { firstLocation, type Node, type SelectStmt } from './parse-tree.ts'
import type { QueryOptions, QueryScope } from './scope.ts'
import { selectFrom } from './select-from.ts'
import type { Target } from './target-list.ts'
import { bindWith } from './with.ts'

/** transformValuesClause */
export function bindValues(scope: QueryScope, select: SelectStmt, options: QueryOptions): Query {
  const { statement } = scope
  const ctes = bindWith(scope, select.withClause)
  const lists = select.valuesLists!.map((list) => list.List!.items)
  const rows = bindRows(scope, lists, (node) => bindExpr(scope, node, 'VALUES'))
  const width = rows[0]!.length
  const columns: OutputColumn[] = []
  const coerced: Expr[][] = rows.map(() => [])
  for (let i = 0; i < width; i++) {
    const column = rows.map((row) => row[i]!)
    const isOpen = options.keepUnknown === true && column.every((expr) => expr.type.oid === 705)
    const type = isOpen ? 705 : selectCommonType(statement, column, 'VALUES')
    const exprs = column.map((expr) => coerceToCommonType(statement, expr, type, 'VALUES'))
    const typmod = commonTypmod(exprs, type)
    for (const [row, expr] of exprs.entries()) {
      coerced[row]!.push(coerceTypmod(statement, expr, typeRef(type, typmod), false))
    }
    columns.push({ name: `column${i + 1}`, type: typeRef(type, typmod), tableOid: 0, attnum: 0 })
  }
  if ((select.lockingClause?.length ?? 0) > 0) {
    throw statement.error('0A000', 'FOR UPDATE cannot be applied to VALUES', -1)
  }
  const values: Query & { kind: 'values' } = {
    kind: 'values',
    ctes,
    columns,
    rows: coerced,
    orderBy: [],
    limit: undefined,
    offset: undefined,
    withTies: false,
  }
  return orderedOver(scope, select, values)
}

/** Rows of one width. */
function bindRows(
  scope: QueryScope,
  lists: readonly (readonly Node[])[],
  bindItem: (node: Node, column: number) => Expr,
): Expr[][] {
  const width = lists[0]!.length
  return lists.map((list) => {
    const row = list.map(bindItem)
    if (list.length !== width) {
      throw scope.statement.error('42601', 'VALUES lists must all be the same length', firstLocation(list))
    }
    return row
  })
}

/**
 * ORDER BY and LIMIT over VALUES. Sorting by plain columns is part of the query itself; anything else selects from it.
 */
function orderedOver(scope: QueryScope, select: SelectStmt, values: Query & { kind: 'values' }): Query {
  const id = scope.newRelation()
  const item = addItem(scope, { id, name: '*VALUES*', alias: undefined, columns: values.columns })
  scope.namespace = [item]
  const targets: Target[] = item.columns.map((column) => ({ name: column.name, expr: column.expr, hidden: false }))
  const sorts = bindOrderBy(scope, select.sortClause, targets)
  scope.namespace = []
  const limits = bindLimits(scope, select)
  if (sorts.every(({ target }) => !target.hidden)) {
    const orderBy = sorts.map(({ target, key }): OutputSort => {
      return { column: targets.indexOf(target), descending: key.descending, nullsFirst: key.nullsFirst }
    })
    return { ...values, orderBy, ...limits }
  }
  return {
    ...selectFrom(
      { ...values, ctes: [] },
      id,
      values.columns,
      targets.map((target) => target.expr),
    ),
    ...limits,
    ctes: values.ctes,
    orderBy: sorts.map(({ key }) => key),
  }
}
