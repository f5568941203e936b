import type { Relation, Table, TypeRef, View } from '../catalog/schema.ts'
import { boolOid, int8Oid } from '../functions/builtin-types.ts'
import type { FromItem, OutputColumn, RelationId } from './bound.ts'
import { typeRef } from './coerce.ts'
import { bindRangeFunction } from './from-function.ts'
import { addItem, type BoundFrom } from './from-names.ts'
import { bindJoin } from './join.ts'
import { openRelation } from './names.ts'
import { requireDistinctNames } from './namespace.ts'
import { type Alias, type Node, nodeKind, type RangeSubselect, type RangeVar } from './parse-tree.ts'
import type { CteEntry, NamespaceItem, QueryScope } from './scope.ts'

/** parse_clause.c: the FROM clause. */

/** Comma-separated items become inner joins; each sees those to its left if it is LATERAL. The scope's namespace grows by all of them. */
export function bindFromClause(scope: QueryScope, nodes: readonly Node[] | undefined, first?: FromItem): FromItem | undefined {
  let from = first
  for (const node of nodes ?? []) {
    const bound = bindFromItem(scope, node)
    requireDistinctNames(scope, scope.namespace, bound.namespace)
    setLateral(bound.namespace, { only: true, ok: true })
    scope.namespace = [...scope.namespace, ...bound.namespace]
    from =
      from === undefined
        ? bound.item
        : { kind: 'join', join: 'inner', left: from, right: bound.item, condition: undefined, comma: true }
  }
  setLateral(scope.namespace, { only: false, ok: true })
  return from
}

function setLateral(items: readonly NamespaceItem[], state: { readonly only: boolean; readonly ok: boolean }): void {
  for (const item of items) {
    item.lateralOnly = state.only
    item.lateralOk = state.ok
  }
}

function bindFromItem(scope: QueryScope, node: Node): BoundFrom {
  scope.statement.enter()
  const kind = nodeKind(node)
  let bound: BoundFrom
  switch (kind) {
    case 'RangeVar':
      bound = bindRangeVar(scope, node.RangeVar!)
      break
    case 'RangeSubselect':
      bound = bindRangeSubselect(scope, node.RangeSubselect!)
      break
    case 'RangeFunction':
      bound = bindRangeFunction(scope, node.RangeFunction!)
      break
    case 'JoinExpr':
      bound = bindJoin(scope, node.JoinExpr!, (side) => bindFromItem(scope, side))
      break
    default:
      throw scope.statement.unsupported(kind === ('RangeTableSample' as string) ? 'TABLESAMPLE' : kind)
  }
  scope.statement.leave()
  return bound
}

function bindRangeVar(scope: QueryScope, range: RangeVar): BoundFrom {
  const cte = range.schemaname === undefined ? findCte(scope, range.relname) : undefined
  if (cte !== undefined) return bindCteReference(scope, range, cte)
  const relation = openRelation(scope.statement, range, futureCtes(scope))
  return relationItem(scope, relation, range.alias)
}

/** scanNameSpaceForCTE: of this query, then of the enclosing ones. */
function findCte(scope: QueryScope, name: string): CteEntry | undefined {
  for (let level: QueryScope | undefined = scope; level !== undefined; level = level.parent) {
    const found = level.ctes.findLast((entry) => entry.name === name && entry.visible)
    if (found !== undefined) return found
  }
  return undefined
}

function futureCtes(scope: QueryScope): readonly string[] {
  const names: string[] = []
  for (let level: QueryScope | undefined = scope; level !== undefined; level = level.parent) names.push(...level.futureCtes)
  return names
}

function bindCteReference(scope: QueryScope, range: RangeVar, entry: CteEntry): BoundFrom {
  if (entry.isRecurring) scope.readsItself = true
  if (entry.columns === undefined) {
    throw scope.statement.error('0A000', `WITH query "${entry.name}" does not have a RETURNING clause`, range.location ?? 0)
  }
  const id = scope.newRelation()
  const columns = entry.columns
  return {
    item: { kind: 'cte', id, cte: entry.id, columns },
    namespace: [addItem(scope, { id, name: range.relname, alias: range.alias, columns })],
  }
}

/** A table, view or sequence by itself: also the target of INSERT, UPDATE and DELETE. */
function relationItem(scope: QueryScope, relation: Relation, alias: Alias | undefined): BoundFrom {
  switch (relation.kind) {
    case 'table': {
      const id = scope.newRelation()
      const item = tableItem(id, relation)
      return { item, namespace: [tableNamespace(scope, item, alias)] }
    }
    case 'view':
      return viewItem(scope, relation, alias)
    case 'sequence': {
      const id = scope.newRelation()
      const column = (name: string, type: TypeRef, attnum: number): OutputColumn => ({
        name,
        type,
        tableOid: relation.oid,
        attnum,
      })
      const columns = [
        column('last_value', typeRef(int8Oid), 1),
        column('log_cnt', typeRef(int8Oid), 2),
        column('is_called', typeRef(boolOid), 3),
      ]
      return {
        item: { kind: 'sequence', id, sequence: relation, columns },
        namespace: [addItem(scope, { id, name: relation.name, alias, columns, relation })],
      }
    }
  }
}

export function tableItem(id: RelationId, table: Table): FromItem & { kind: 'table' } {
  const columns = table.columns.map((column) => ({
    name: column.dropped ? '' : column.name,
    type: column.type,
    tableOid: table.oid,
    attnum: column.attnum,
  }))
  return { kind: 'table', id, table, columns }
}

export function tableNamespace(scope: QueryScope, item: FromItem & { kind: 'table' }, alias: Alias | undefined): NamespaceItem {
  const { id, table, columns } = item
  return addItem(scope, { id, name: table.name, alias, columns, relation: table, table })
}

/** A view is the query it stands for, bound in its own world. */
function viewItem(scope: QueryScope, view: View, alias: Alias | undefined): BoundFrom {
  const { statement } = scope
  const node = view.query.node as Node
  const { query } = statement.insideStored(() => statement.grammar.query(node.SelectStmt!, undefined))
  const shown = view.columns.filter((column) => !column.dropped)
  const columns = query.columns.map((column, i) => ({
    name: shown[i]?.name ?? column.name,
    type: column.type,
    tableOid: view.oid,
    attnum: shown[i]?.attnum ?? i + 1,
  }))
  const id = scope.newRelation()
  return {
    item: { kind: 'subquery', id, query, lateral: false, columns, view },
    namespace: [addItem(scope, { id, name: view.name, alias, columns, relation: view })],
  }
}

function bindRangeSubselect(scope: QueryScope, range: RangeSubselect): BoundFrom {
  const before = { lateral: scope.lateralActive, place: scope.place }
  scope.lateralActive = range.lateral === true
  scope.place = 'FROM'
  const { query, outer } = scope.statement.grammar.query(range.subquery.SelectStmt!, scope)
  scope.lateralActive = before.lateral
  scope.place = before.place
  const id = scope.newRelation()
  const namespace = addItem(scope, {
    id,
    name: range.alias?.aliasname ?? 'unnamed_subquery',
    alias: range.alias,
    columns: query.columns,
  })
  namespace.relationVisible = range.alias !== undefined
  const lateral = outer.some((relation) => scope.own.has(relation))
  return { item: { kind: 'subquery', id, query, lateral, columns: query.columns }, namespace: [namespace] }
}
