import type { TypeRef } from '../catalog/schema.ts'
import { unknownOid } from '../functions/builtin-types.ts'
import type { Expr, OutputColumn, Query } from './bound.ts'
import { coerceToCommonType, coerceTypmod } from './coerce.ts'
import type { QueryScope } from './scope.ts'
import { selectFrom } from './select-from.ts'

export const sameType = (a: TypeRef, b: TypeRef): boolean => a.oid === b.oid && a.typmod === b.typmod

/** The query with its outputs cast: inside it where nothing in it looks at them, else around it. */
export function withTypes(scope: QueryScope, query: Query, types: readonly TypeRef[], context: string): Query {
  const { statement } = scope
  if (query.columns.every((column, i) => sameType(column.type, types[i]!) && !isOpen(query, i))) return query
  const columns = query.columns.map((column, i) => (sameType(column.type, types[i]!) ? column : { ...column, type: types[i]! }))
  const cast = (expr: Expr, i: number): Expr => {
    const coerced = coerceToCommonType(statement, expr, types[i]!.oid, context)
    return coerceTypmod(statement, coerced, types[i]!, false)
  }
  const isBare = query.limit === undefined && query.offset === undefined && query.orderBy.length === 0
  if (query.kind === 'values' && isBare) return { ...query, columns, rows: query.rows.map((row) => row.map(cast)) }
  if (query.kind === 'select') {
    const castTargets = query.targets.map((expr, i) => (i < types.length ? cast(expr, i) : expr))
    if (isBare && query.distinct === 'none') return { ...query, columns, targets: castTargets }
    // Literals may change type in place: all rows have the same one.
    const onlyConstants = query.targets.every(
      (expr, i) => castTargets[i] === expr || expr.kind === 'constant' || expr.kind === 'parameter',
    )
    if (onlyConstants) {
      const moved = (expr: Expr): Expr => castTargets[query.targets.indexOf(expr)] ?? expr
      return {
        ...query,
        columns,
        targets: castTargets,
        orderBy: query.orderBy.map((key) => ({ ...key, expr: moved(key.expr) })),
        distinct: typeof query.distinct === 'string' ? query.distinct : query.distinct.map(moved),
      }
    }
  }
  return castAround(scope, query, columns, cast)
}

const isOpen = (query: Query, i: number): boolean => query.columns[i]!.type.oid === unknownOid

function castAround(
  scope: QueryScope,
  query: Query,
  columns: readonly OutputColumn[],
  cast: (expr: Expr, i: number) => Expr,
): Query {
  const id = scope.newRelation()
  const targets = query.columns.map((column, i) => cast({ kind: 'column', type: column.type, relation: id, column: i }, i))
  return selectFrom(query, id, columns, targets)
}
