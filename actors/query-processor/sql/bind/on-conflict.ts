import { SqlError } from '../../../../protocol/errors.ts'
import type { Column, Index, Table } from '../catalog/schema.ts'
import { defaultOperatorClass, staticRows } from '../catalog/system/static-rows.ts'
import { builtinType } from '../functions/builtin-types.ts'
import { bindAssignments, findTableColumn } from './assignments.ts'
import type { OnConflict } from './bound.ts'
import { bindCondition, bindExpr } from './expression.ts'
import { tableItem, tableNamespace } from './from.ts'
import { missingColumn } from './namespace.ts'
import type { InferClause, Node, OnConflictClause } from './parse-tree.ts'
import { locationIn, texts } from './parse-tree.ts'
import type { NamespaceItem, QueryScope } from './scope.ts'

/** transformOnConflictClause */
export function bindOnConflict(scope: QueryScope, table: Table, existing: NamespaceItem, clause: OnConflictClause): OnConflict {
  const { statement } = scope
  const isUpdate = clause.action === 'ONCONFLICT_UPDATE'
  if (isUpdate && clause.infer === undefined) {
    const message = 'ON CONFLICT DO UPDATE requires inference specification or constraint name'
    throw statement.error('42601', message, locationIn(clause), { hint: 'For example, ON CONFLICT (column_name).' })
  }
  const before = scope.namespace
  scope.namespace = [existing]
  const arbiters = clause.infer && inferArbiters(scope, table, clause.infer)
  if (!isUpdate) {
    scope.namespace = before
    return { arbiters, update: undefined }
  }
  const excluded = scope.newRelation()
  const excludedItem = tableNamespace(scope, tableItem(excluded, table), { aliasname: 'excluded' })
  // A bare name means both rows: it is ambiguous.
  scope.namespace = [existing, excludedItem]
  const set = bindAssignments(scope, table, existing.id!, clause.targetList ?? [])
  const where = clause.whereClause && bindCondition(scope, clause.whereClause, 'WHERE', 'WHERE')
  scope.namespace = before
  return { arbiters, update: { existing: existing.id!, excluded, set, where } }
}

type InferElement = NonNullable<Node['IndexElem']>

function refuseDirections({ statement }: QueryScope, infer: InferClause, element: InferElement): void {
  const refused =
    element.ordering !== undefined && element.ordering !== 'SORTBY_DEFAULT'
      ? 'ASC/DESC'
      : element.nulls_ordering !== undefined && element.nulls_ordering !== 'SORTBY_NULLS_DEFAULT'
        ? 'NULLS FIRST/LAST'
        : undefined
  if (refused === undefined) return
  throw statement.error('42P10', `${refused} is not allowed in ON CONFLICT clause`, locationIn(infer))
}

/** A unique index has its column's collation and the default operator class of its type: another one asked for is no index's. */
function isDefaultOrder(
  { statement }: QueryScope,
  infer: InferClause,
  column: Column,
  { collation, opclass }: InferElement,
): boolean {
  if (collation !== undefined) {
    const name = texts(collation).at(-1)
    const row = staticRows('pg_collation').find((one) => one.collname === name)
    if (row === undefined) {
      throw statement.error('42704', `collation "${name}" for encoding "UTF8" does not exist`, locationIn(infer))
    }
    const { collation: own } = builtinType(column.type.oid)
    if (own === 0 || row.oid !== (column.collation ?? own)) return false
  }
  if (opclass === undefined) return true
  const name = texts(opclass).at(-1)
  const classes = staticRows('pg_opclass').filter((row) => row.opcmethod === 403 && row.opcname === name)
  if (classes.length === 0) throw new SqlError('42704', `operator class "${name}" does not exist for access method "btree"`)
  return classes.some((row) => row.oid === defaultOperatorClass(column.type.oid))
}

/** infer_arbiter_indexes: every valid unique index over exactly these columns, or the one of the named constraint. */
function inferArbiters(scope: QueryScope, table: Table, infer: InferClause): readonly Index[] {
  const { statement } = scope
  const unique = [table.primaryKey, ...table.indexes].filter((index) => index?.unique === true) as Index[]
  if (infer.conname !== undefined) {
    const named = unique.find((index) => index.name === infer.conname && index.constraintOid !== undefined)
    if (named !== undefined) return [named]
    const message = table.checks.some((check) => check.name === infer.conname)
      ? 'constraint in ON CONFLICT clause has no associated index'
      : `constraint "${infer.conname}" for table "${table.name}" does not exist`
    throw statement.error(message.startsWith('constraint in') ? '42809' : '42704', message, -1)
  }
  const attnums = new Set<number>()
  let hasOther = false
  for (const node of infer.indexElems ?? []) {
    const element = node.IndexElem!
    refuseDirections(scope, infer, element)
    if (element.name === undefined) {
      const expr = bindExpr(scope, element.expr!, 'index expression')
      if (expr.kind === 'column') attnums.add(expr.column + 1)
      else hasOther = true
      continue
    }
    const column = findTableColumn(table, element.name)
    if (column === undefined) {
      throw missingColumn(scope, undefined, element.name, locationIn(infer))
    }
    attnums.add(column.attnum)
    hasOther ||= !isDefaultOrder(scope, infer, column, element)
  }
  if (infer.whereClause !== undefined) bindCondition(scope, infer.whereClause, 'index expression', 'WHERE')
  const found = hasOther
    ? []
    : unique.filter(
        (index) =>
          index.state === 'valid' &&
          index.columns.every(({ attnum }) => attnums.has(attnum)) &&
          [...attnums].every((attnum) => index.columns.some((column) => column.attnum === attnum)),
      )
  if (found.length > 0) return found
  const message = 'there is no unique or exclusion constraint matching the ON CONFLICT specification'
  throw statement.error('42P10', message, -1)
}
