import type { Expr, OutputColumn, Query, RelationId, Select } from './bound.ts'

/** `SELECT targets FROM (query)`: `id` is the subquery's, and `columns` are what the targets are called and are. */
export function selectFrom(query: Query, id: RelationId, columns: readonly OutputColumn[], targets: readonly Expr[]): Select {
  return {
    kind: 'select',
    ctes: [],
    columns,
    limit: undefined,
    offset: undefined,
    withTies: false,
    from: { kind: 'subquery', id, query, lateral: false, columns: query.columns },
    where: undefined,
    grouped: false,
    groupBy: [],
    lent: [],
    having: undefined,
    targets,
    distinct: 'none',
    orderBy: [],
    locking: [],
  }
}
