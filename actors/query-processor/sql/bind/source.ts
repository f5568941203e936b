import type { Column } from '../catalog/schema.ts'
import type { Expr, Query } from './bound.ts'

/** Rows of expressions under the names and types of table columns. */
export function withColumns(columns: readonly Column[], rows: readonly (readonly Expr[])[]): Query {
  return {
    kind: 'values',
    ctes: [],
    columns: columns.map((column) => ({ name: column.name, type: column.type, tableOid: 0, attnum: 0 })),
    rows,
    orderBy: [],
    limit: undefined,
    offset: undefined,
    withTies: false,
  }
}
