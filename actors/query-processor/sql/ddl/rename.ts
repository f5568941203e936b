import { SqlError } from '../../../../protocol/errors.ts'
import type { Oid } from '../../../../protocol/ids.ts'
import type { Column, Index, Relation, Table, View } from '../catalog/schema.ts'
import { indexesOf } from '../catalog/snapshot.ts'
import { isSystemSchema } from '../catalog/system/schemas.ts'
import { constraintExists } from './constraints.ts'
import type { DdlWork } from './context.ts'
import { checkColumnName } from './create-table.ts'
import { refreshed, renamed } from './expressions.ts'
import {
  constraintNames,
  findNamed,
  isIndex,
  missingRelation,
  nameIsTaken,
  relationExists,
  systemCatalog,
  undefinedSchema,
} from './names.ts'
import type { DdlRangeVar, RenameStmt } from './parse-tree.ts'
import { renamedView } from './view.ts'

/** ALTER ... RENAME: what is stored about the renamed thing elsewhere follows its name. */
export async function rename(work: DdlWork, statement: RenameStmt): Promise<string> {
  const kind = statement.renameType.replace('OBJECT_', '')
  switch (kind) {
    case 'TABLE':
    case 'VIEW':
    case 'SEQUENCE':
    case 'INDEX':
      renameRelation(work, statement, kind)
      return `ALTER ${kind}`
    case 'COLUMN':
      renameColumn(work, statement)
      return `ALTER ${statement.relationType === 'OBJECT_VIEW' ? 'VIEW' : 'TABLE'}`
    case 'TABCONSTRAINT':
      renameConstraint(work, statement)
      return 'ALTER TABLE'
    case 'SCHEMA':
      renameSchema(work, statement)
      return 'ALTER SCHEMA'
    default:
      throw work.refuse(`ALTER ${kind} RENAME`)
  }
}

/** What the statement names; undefined when IF EXISTS found nothing. */
function found(work: DdlWork, statement: RenameStmt): Relation | Index | undefined {
  const name = statement.relation as DdlRangeVar
  const named = findNamed(work, name)
  if (named === undefined) {
    if (statement.missing_ok !== true) throw missingRelation(work, name)
    work.notice(`relation "${name.relname}" does not exist, skipping`)
    return undefined
  }
  if (isSystemSchema(named.schemaOid)) throw systemCatalog(named.name)
  return named
}

function renameRelation(work: DdlWork, statement: RenameStmt, kind: string): void {
  const named = found(work, statement)
  if (named === undefined) return
  // ALTER TABLE renames anything, ALTER INDEX tables too; the others are particular.
  const isWrong =
    (kind === 'VIEW' && (isIndex(named) || named.kind !== 'view')) ||
    (kind === 'SEQUENCE' && (isIndex(named) || named.kind !== 'sequence'))
  if (isWrong) throw new SqlError('42809', `"${named.name}" is not a ${kind.toLowerCase()}`)
  if (nameIsTaken(work.draft, named.schemaOid, statement.newname)) throw relationExists(statement.newname)
  if (isIndex(named)) {
    renameIndex(work, named, statement.newname)
    return
  }
  work.draft.put({ ...named, name: statement.newname })
  refreshDependents(work, new Set([named.oid]))
}

function renameIndex(work: DdlWork, index: Index, name: string): void {
  const table = work.draft.relationByOid(index.tableOid) as Table
  if (index.constraintOid !== undefined && constraintNames(table).has(name)) throw constraintExists(name, table.name)
  const change = (one: Index): Index => (one.oid === index.oid ? { ...one, name } : one)
  const primaryKey = table.primaryKey === undefined ? undefined : change(table.primaryKey)
  work.draft.put({ ...table, primaryKey, indexes: table.indexes.map(change) })
}

const columnNames = (view: View): readonly string[] => view.columns.map(({ name }) => name)

/** Views and defaults that name one of these relations say its name as it is now. */
export function refreshDependents(work: DdlWork, oids: ReadonlySet<Oid>): void {
  for (const relation of [...work.draft.stored()]) {
    if (relation.kind === 'view') {
      if (relation.dependsOn.some((oid) => oids.has(oid))) work.draft.put(renamedView(work, relation, columnNames(relation)))
    } else if (relation.kind === 'table') refreshTable(work, relation, oids)
  }
}

function refreshTable(work: DdlWork, table: Table, oids: ReadonlySet<Oid>): void {
  const names = (dependsOn: readonly Oid[] | undefined): boolean => dependsOn?.some((oid) => oids.has(oid)) === true
  const isTouched =
    table.columns.some((column) => names(column.default?.dependsOn)) ||
    table.checks.some((check) => names(check.expression.dependsOn))
  if (!isTouched) return
  work.draft.put({
    ...table,
    columns: table.columns.map((column) =>
      column.default !== undefined && names(column.default.dependsOn)
        ? { ...column, default: refreshed(work, column.default) }
        : column,
    ),
    checks: table.checks.map((check) =>
      names(check.expression.dependsOn) ? { ...check, expression: refreshed(work, check.expression) } : check,
    ),
  })
}

/* ---------------------------------------------------------------- columns */

function renameColumn(work: DdlWork, statement: RenameStmt): void {
  const relation = found(work, statement)
  if (relation === undefined) return
  const { subname = '', newname } = statement
  if (isIndex(relation) || relation.kind === 'sequence') {
    throw new SqlError('42809', `cannot rename columns of relation "${relation.name}"`, {
      detail: `This operation is not supported for ${isIndex(relation) ? 'indexes' : 'sequences'}.`,
    })
  }
  if (statement.relationType === 'OBJECT_VIEW' && relation.kind !== 'view') {
    throw new SqlError('42809', `"${relation.name}" is not a view`)
  }
  const column = relation.columns.find((one) => one.name === subname && !one.dropped)
  if (column === undefined) throw new SqlError('42703', `column "${subname}" does not exist`)
  if (relation.columns.some((one) => one.name === newname && !one.dropped)) {
    throw new SqlError('42701', `column "${newname}" of relation "${relation.name}" already exists`)
  }
  checkColumnName(newname)
  if (relation.kind === 'view') renameViewColumn(work, relation, column, newname)
  else renameTableColumn(work, relation, column, newname)
  const uses = (view: View): boolean =>
    view.dependsOnColumns?.some((one) => one.tableOid === relation.oid && one.attnum === column.attnum) === true
  for (const view of [...work.draft.stored()]) {
    if (view.kind === 'view' && view.oid !== relation.oid && uses(view)) {
      work.draft.put(renamedView(work, view, columnNames(view)))
    }
  }
}

function renameTableColumn(work: DdlWork, before: Table, column: Column, name: string): void {
  const columns = before.columns.map((one) => (one === column ? { ...one, name } : one))
  const after: Table = { ...before, columns }
  const checks = before.checks.map((check) =>
    check.columns?.includes(column.attnum) === true
      ? { ...check, expression: renamed(work, check.expression, { before, after }) }
      : check,
  )
  work.draft.put({ ...after, checks })
}

function renameViewColumn(work: DdlWork, view: View, column: Column, name: string): void {
  const names = view.columns.map((one) => (one === column ? name : one.name))
  work.draft.put(renamedView(work, view, names))
}

/* ---------------------------------------------------------------- constraints and schemas */

function renameConstraint(work: DdlWork, statement: RenameStmt): void {
  const table = found(work, statement)
  if (table === undefined) return
  const { subname = '', newname } = statement
  if (isIndex(table) || table.kind !== 'table') throw new SqlError('42809', `"${table.name}" is not a table`)
  const index = indexesOf(table).find((one) => one.constraintOid !== undefined && one.name === subname)
  const check = table.checks.find((one) => one.name === subname)
  if (index === undefined && check === undefined) {
    throw new SqlError('42704', `constraint "${subname}" for table "${table.name}" does not exist`)
  }
  if (index !== undefined && nameIsTaken(work.draft, table.schemaOid, newname)) throw relationExists(newname)
  if (constraintNames(table).has(newname)) throw constraintExists(newname, table.name)
  if (index === undefined) {
    work.draft.put({ ...table, checks: table.checks.map((one) => (one === check ? { ...one, name: newname } : one)) })
    return
  }
  renameIndex(work, index, newname)
}

function renameSchema(work: DdlWork, statement: RenameStmt): void {
  const { subname = '', newname } = statement
  const schema = work.draft.schema(subname)
  if (schema === undefined) throw undefinedSchema(subname)
  if (work.draft.schema(newname) !== undefined) throw new SqlError('42P06', `schema "${newname}" already exists`)
  if (isSystemSchema(schema.oid)) throw new SqlError('42501', `permission denied for schema ${subname}`)
  if (newname.startsWith('pg_')) {
    throw new SqlError('42939', `unacceptable schema name "${newname}"`, {
      detail: 'The prefix "pg_" is reserved for system schemas.',
    })
  }
  work.draft.putSchema({ ...schema, name: newname })
  const inside = [...work.draft.stored()].filter((relation) => relation.schemaOid === schema.oid)
  refreshDependents(work, new Set(inside.map(({ oid }) => oid)))
}
