import type { SqlErrorFields } from '../../../../protocol/errors.ts'
import type { Catalog, TypeRef } from '../catalog/schema.ts'
import { oidOid, recordOid } from '../functions/builtin-types.ts'
import type { Expr } from './bound.ts'
import { distanceWithin } from './distance.ts'
import { findRelation } from './relation-names.ts'
import type { NamespaceColumn, NamespaceItem, QueryScope } from './scope.ts'

/** parse_relation.c: which FROM item or column a name means, and what to say when it means none or several. */

const fuzzyDistanceMax = 3

interface RelationName {
  readonly schema: string | undefined
  readonly name: string
}

/** colNameToVar: a bare column name, this query first, then the enclosing ones. */
export function findColumn(scope: QueryScope, name: string, location: number): Expr | undefined {
  for (let level: QueryScope | undefined = scope; level !== undefined; level = level.parent) {
    let found: Expr | undefined
    for (const item of level.namespace) {
      if (!item.columnsVisible) continue
      if (item.lateralOnly && !level.lateralActive) continue
      const expr = columnOf(scope, item, name, location)
      if (expr === undefined) continue
      if (found !== undefined) throw scope.statement.error('42702', `column reference "${name}" is ambiguous`, location)
      requireLateralOk(scope, level, item, location)
      found = expr
    }
    if (found !== undefined) return noteUse(scope, found, location)
  }
  return undefined
}

/** scanNSItemForColumn: the item's column, or a system column of a table. */
export function columnOf(scope: QueryScope, item: NamespaceItem, name: string, location: number): Expr | undefined {
  let found: NamespaceColumn | undefined
  for (const column of item.columns) {
    if (column.name !== name) continue
    if (found !== undefined) throw scope.statement.error('42702', `column reference "${name}" is ambiguous`, location)
    found = column
  }
  if (found !== undefined) return found.expr
  if (item.table === undefined || item.id === undefined) return undefined
  if (name === 'tableoid') return { kind: 'constant', type: { oid: oidOid, typmod: -1 }, value: item.table.oid }
  if (systemColumns.has(name)) throw scope.statement.unsupported(`the system column "${name}"`, location)
  return undefined
}

const systemColumns = new Set(['ctid', 'xmin', 'cmin', 'xmax', 'cmax'])

/** A copy of the column's expression with its own place; what it reads of enclosing queries is written down. */
export function noteUse(scope: QueryScope, expr: Expr, location: number): Expr {
  noteRelations(scope, expr)
  return scope.statement.place({ ...expr }, location)
}

function noteRelations(scope: QueryScope, expr: Expr): void {
  if (expr.kind === 'column' || expr.kind === 'wholeRow') {
    for (let level: QueryScope | undefined = scope; level !== undefined; level = level.parent) {
      if (level.own.has(expr.relation)) return
      level.outer.add(expr.relation)
    }
  } else if (expr.kind === 'coalesce' || expr.kind === 'row') {
    for (const part of expr.kind === 'row' ? expr.fields : expr.arguments) noteRelations(scope, part)
  } else if (expr.kind === 'relabel' || expr.kind === 'viaText' || expr.kind === 'typmod') noteRelations(scope, expr.argument)
  else if (expr.kind === 'call') for (const part of expr.arguments) noteRelations(scope, part)
}

/** refnameNamespaceItem: the FROM item that `name.` or `schema.name.` means. */
export function findItem(scope: QueryScope, name: RelationName, location: number): NamespaceItem | undefined {
  const { catalog } = scope.statement.outside
  const schemaOid = name.schema === undefined ? undefined : catalog.schema(name.schema)?.oid
  if (name.schema !== undefined && schemaOid === undefined) return undefined
  for (let level: QueryScope | undefined = scope; level !== undefined; level = level.parent) {
    let found: NamespaceItem | undefined
    for (const item of level.namespace) {
      if (!item.relationVisible) continue
      if (item.lateralOnly && !level.lateralActive) continue
      const matches =
        name.schema === undefined
          ? item.name === name.name
          : item.relation !== undefined && item.relation.name === name.name && item.relation.schemaOid === schemaOid
      if (!matches) continue
      if (found !== undefined) throw scope.statement.error('42P09', `table reference "${name.name}" is ambiguous`, location)
      requireLateralOk(scope, level, item, location)
      found = item
    }
    if (found !== undefined) return found
  }
  return undefined
}

function requireLateralOk(scope: QueryScope, level: QueryScope, item: NamespaceItem, location: number): void {
  if (!item.lateralOnly || item.lateralOk) return
  if (level.targetItem === item) {
    throw scope.statement.error('42P10', `invalid reference to FROM-clause entry for table "${item.name}"`, location, {
      hint: `There is an entry for table "${item.name}", but it cannot be referenced from this part of the query.`,
    })
  }
  throw scope.statement.error('42P10', `invalid reference to FROM-clause entry for table "${item.name}"`, location, {
    detail: 'The combining JOIN type must be INNER or LEFT for a LATERAL reference.',
  })
}

/** The type of a whole row: record, with its fields. */
export function rowType(columns: readonly { readonly name: string; readonly output: { readonly type: TypeRef } }[]): TypeRef {
  return { oid: recordOid, typmod: -1, fields: columns.map((column) => ({ name: column.name, type: column.output.type })) }
}

/** checkNameSpaceConflicts: two FROM items of one name. */
export function requireDistinctNames(scope: QueryScope, left: readonly NamespaceItem[], right: readonly NamespaceItem[]): void {
  for (const a of left) {
    if (!a.relationVisible) continue
    for (const b of right) {
      if (!b.relationVisible || a.name !== b.name) continue
      // Two tables of one name in different schemas can be told apart by their schemas.
      if (a.relation !== undefined && b.relation !== undefined && a.relation.oid !== b.relation.oid) continue
      throw scope.statement.error('42712', `table name "${a.name}" specified more than once`, -1)
    }
  }
}

/** errorMissingColumn */
export function missingColumn(scope: QueryScope, relation: string | undefined, name: string, location: number): Error {
  const message = relation === undefined ? `column "${name}" does not exist` : `column ${relation}.${name} does not exist`
  return scope.statement.error('42703', message, location, explainMissingColumn(scope, relation, name))
}

function explainMissingColumn(scope: QueryScope, relation: string | undefined, name: string): SqlErrorFields {
  const exact: NamespaceItem[] = []
  let first: { readonly item: NamespaceItem; readonly column: string } | undefined
  let second: { readonly item: NamespaceItem; readonly column: string } | undefined
  let distance = fuzzyDistanceMax + 1
  for (let level: QueryScope | undefined = scope; level !== undefined; level = level.parent) {
    for (const item of level.rangeTable) {
      const penalty = relation === undefined ? 0 : distanceWithin(relation, item.name, fuzzyDistanceMax + 1)
      if (item.columns.some((column) => column.name === name)) {
        if (penalty === 0) exact.push(item)
      }
      for (const column of item.columns) {
        if (penalty > distance || column.name === '') continue
        const apart = distanceWithin(column.name, name, distance + 1 - penalty)
        // Half of its bytes, as PostgreSQL counts.
        if (apart > Math.floor(Buffer.byteLength(name) / 2)) continue
        const total = apart + penalty
        if (total < distance) {
          distance = total
          first = { item, column: column.name }
          second = undefined
        } else if (total === distance) {
          if (second !== undefined) first = undefined
          else if (first !== undefined) second = { item, column: column.name }
          else if (total <= fuzzyDistanceMax) first = { item, column: column.name }
        }
      }
    }
  }
  if (exact.length > 1) {
    return {
      detail: `There are columns named "${name}", but they are in tables that cannot be referenced from this part of the query.`,
      ...(relation === undefined ? { hint: 'Try using a table-qualified name.' } : {}),
    }
  }
  if (exact.length === 1) {
    const item = exact[0]!
    const visible = visibility(scope, item)
    const hint =
      visible === 'lateral'
        ? 'To reference that column, you must mark this subquery with LATERAL.'
        : visible === 'qualified' && relation === undefined
          ? 'To reference that column, you must use a table-qualified name.'
          : undefined
    return {
      detail: `There is a column named "${name}" in table "${item.name}", but it cannot be referenced from this part of the query.`,
      ...(hint === undefined ? {} : { hint }),
    }
  }
  if (first === undefined) return {}
  const quoted = (match: { readonly item: NamespaceItem; readonly column: string }) => `"${match.item.name}.${match.column}"`
  const hint = second === undefined ? quoted(first) : `${quoted(first)} or the column ${quoted(second)}`
  return { hint: `Perhaps you meant to reference the column ${hint}.` }
}

/** Whether LATERAL, or a qualified name, would make an item's columns reachable. */
function visibility(scope: QueryScope, item: NamespaceItem): 'lateral' | 'qualified' | undefined {
  for (let level: QueryScope | undefined = scope; level !== undefined; level = level.parent) {
    const found = level.namespace.find((other) => other === item || (other.id !== undefined && other.id === item.id))
    if (found === undefined) continue
    if (found.lateralOnly && found.lateralOk && !level.lateralActive) return 'lateral'
    if (found.relationVisible && (!found.lateralOnly || level.lateralActive)) return 'qualified'
  }
  return undefined
}

/** errorMissingRTE */
export function missingItem(scope: QueryScope, name: RelationName, location: number): Error {
  const { catalog, searchPath } = scope.statement.outside
  const entry = searchRangeTable(scope, name, catalog, searchPath)
  if (entry === undefined) {
    return scope.statement.error('42P01', `missing FROM-clause entry for table "${name.name}"`, location)
  }
  const message = `invalid reference to FROM-clause entry for table "${name.name}"`
  const isAliased = entry.name !== name.name
  if (isAliased && isVisible(scope, entry)) {
    return scope.statement.error('42P01', message, location, {
      hint: `Perhaps you meant to reference the table alias "${entry.name}".`,
    })
  }
  return scope.statement.error('42P01', message, location, {
    detail: `There is an entry for table "${entry.name}", but it cannot be referenced from this part of the query.`,
    ...(visibility(scope, entry) === 'lateral'
      ? { hint: 'To reference that table, you must mark this subquery with LATERAL.' }
      : {}),
  })
}

function searchRangeTable(
  scope: QueryScope,
  name: RelationName,
  catalog: Catalog,
  searchPath: readonly string[],
): NamespaceItem | undefined {
  const relation = findRelation(catalog, searchPath, name)
  for (let level: QueryScope | undefined = scope; level !== undefined; level = level.parent) {
    for (const item of level.rangeTable) {
      if (relation !== undefined && item.underlying?.oid === relation.oid) return item
      if (item.name === name.name) return item
    }
  }
  return undefined
}

function isVisible(scope: QueryScope, item: NamespaceItem): boolean {
  for (let level: QueryScope | undefined = scope; level !== undefined; level = level.parent) {
    for (const other of level.namespace) {
      if (other.name === item.name && other.relationVisible && (!other.lateralOnly || level.lateralActive)) return true
    }
  }
  return false
}
