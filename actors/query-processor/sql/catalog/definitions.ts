import { assert } from '../../../../protocol/assert.ts'
import type { Oid } from '../../../../protocol/ids.ts'
import { quoteIdentifier } from './quote.ts'
import type { Catalog, CheckConstraint, Index, StoredExpression, Table, View } from './schema.ts'
import { indexesOf } from './snapshot.ts'
import { expand, qualifiedName, visibleRelationName } from './stored-text.ts'

/** What pg_get_indexdef and its kin print: ruleutils.c of PostgreSQL 16. */
export interface Viewer {
  readonly catalog: Catalog
  readonly searchPath: readonly string[]
}

/** An expression of the catalog as this viewer sees it; `pretty` leaves needless parentheses out. */
export function expressionText(viewer: Viewer, expression: StoredExpression, pretty: boolean): string {
  const template = (pretty ? expression.pretty : undefined) ?? expression.template
  if (template === undefined) return expression.text
  return expand(template, (oid) => visibleRelationName(viewer.catalog, oid, viewer.searchPath))
}

const columnName = (table: Table, attnum: number): string => quoteIdentifier(table.columns[attnum - 1]?.name ?? '')

/** `column` 0: the whole statement; else one column's name. Qualified unless `visible` says to look at the search path. */
export function indexDefinition(viewer: Viewer, index: Index, column: number, visible: boolean): string {
  const table = viewer.catalog.relationByOid(index.tableOid)
  assert(table?.kind === 'table', 'an index belongs to a table')
  if (column !== 0) {
    const one = index.columns[column - 1]
    return one === undefined ? '' : columnName(table, one.attnum)
  }
  const columns = index.columns.map((one) => {
    const direction = one.descending ? (one.nullsFirst ? ' DESC' : ' DESC NULLS LAST') : one.nullsFirst ? ' NULLS FIRST' : ''
    return columnName(table, one.attnum) + direction
  })
  const on = visible
    ? visibleRelationName(viewer.catalog, table.oid, viewer.searchPath)
    : qualifiedName(viewer.catalog, table.oid)
  const unique = index.unique ? 'UNIQUE ' : ''
  const nulls = index.nullsNotDistinct ? ' NULLS NOT DISTINCT' : ''
  return `CREATE ${unique}INDEX ${quoteIdentifier(index.name)} ON ${on} USING btree (${columns.join(', ')})${nulls}`
}

export type FoundConstraint =
  | { readonly kind: 'key'; readonly table: Table; readonly index: Index }
  | { readonly kind: 'check'; readonly table: Table; readonly check: CheckConstraint }

export function findConstraint(catalog: Catalog, oid: Oid): FoundConstraint | undefined {
  for (const table of catalog.relations()) {
    if (table.kind !== 'table') continue
    const index = indexesOf(table).find((one) => one.constraintOid === oid)
    if (index !== undefined) return { kind: 'key', table, index }
    const check = table.checks.find((one) => one.oid === oid)
    if (check !== undefined) return { kind: 'check', table, check }
  }
  return undefined
}

export function constraintDefinition(viewer: Viewer, found: FoundConstraint, pretty: boolean): string {
  if (found.kind === 'check') {
    const text = expressionText(viewer, found.check.expression, pretty)
    return `CHECK (${text})${found.check.validated ? '' : ' NOT VALID'}`
  }
  const { index, table } = found
  const columns = index.columns.map(({ attnum }) => columnName(table, attnum)).join(', ')
  if (index.primary) return `PRIMARY KEY (${columns})`
  return `UNIQUE${index.nullsNotDistinct ? ' NULLS NOT DISTINCT' : ''} (${columns})`
}

/** With the semicolon at its end, as pg_get_viewdef. */
export const viewDefinition = (viewer: Viewer, view: View, pretty: boolean): string =>
  `${expressionText(viewer, view.query, pretty)};`
