import { SqlError } from '../../../../protocol/errors.ts'
import type { Oid } from '../../../../protocol/ids.ts'
import { typeByOid } from '../../../../protocol/values/registry.ts'
import type { CheckConstraint, Column, Index, IndexColumn, Table } from '../catalog/schema.ts'
import { builtinType } from '../functions/builtin-types.ts'
import type { DdlWork } from './context.ts'
import { storedCheck } from './expressions.ts'
import { chooseName, constraintNames, joinedColumns, nameIsTaken, relationExists } from './names.ts'
import type { DdlNode } from './parse-tree.ts'

/** PRIMARY KEY and UNIQUE: an index with a constraint of the same name. */
export interface KeySpecification {
  readonly name: string | undefined
  readonly primary: boolean
  readonly nullsNotDistinct: boolean
  readonly columns: readonly string[]
  readonly location: number | undefined
}

export interface CheckSpecification {
  readonly name: string | undefined
  readonly node: DdlNode
  readonly validated: boolean
}

export const keyColumnsMax = 32

export function multiplePrimaryKeys(work: DdlWork, table: string, key: KeySpecification): SqlError {
  return work.error('42P16', `multiple primary keys for table "${table}" are not allowed`, key.location)
}

export function columnNamed(table: Table, name: string): Column | undefined {
  return table.columns.find((column) => column.name === name && !column.dropped)
}

/** The parser's part of a key: its columns are there, once each. */
export function checkKey(work: DdlWork, table: Table, key: KeySpecification): void {
  const seen = new Set<string>()
  const kind = key.primary ? 'primary key' : 'unique'
  for (const name of key.columns) {
    if (columnNamed(table, name) === undefined) {
      throw work.error('42703', `column "${name}" named in key does not exist`, key.location)
    }
    if (seen.has(name)) throw work.error('42701', `column "${name}" appears twice in ${kind} constraint`, key.location)
    seen.add(name)
  }
}

/** Only types with an order can stand in a key. */
export function checkIndexable(columns: readonly Column[]): void {
  if (columns.length > keyColumnsMax) {
    throw new SqlError('54011', `cannot use more than ${keyColumnsMax} columns in an index`)
  }
  for (const { type } of columns) {
    if (typeByOid(type.oid)?.encodeKey !== undefined) continue
    const name = builtinType(type.oid).displayName
    throw new SqlError('42704', `data type ${name} has no default operator class for access method "btree"`, {
      hint: 'You must specify an operator class for the index or define a default operator class for the data type.',
    })
  }
}

/** Puts the index of a key into the table's descriptor; its entries and the rows' places are the caller's business. */
export async function addKey(work: DdlWork, tableOid: Oid, key: KeySpecification): Promise<Index> {
  const before = work.draft.relationByOid(tableOid) as Table
  const columns = key.columns.map((name) => columnNamed(before, name) as Column)
  checkIndexable(columns)
  const name = keyName(work, before, key)
  const oid = await work.oid()
  const index: Index = {
    oid,
    name,
    schemaOid: before.schemaOid,
    tableOid,
    storageId: oid,
    unique: true,
    primary: key.primary,
    nullsNotDistinct: key.nullsNotDistinct,
    columns: columns.map(({ attnum }): IndexColumn => ({ attnum, descending: false, nullsFirst: false })),
    constraintOid: await work.oid(),
    state: 'valid',
  }
  const table = work.draft.relationByOid(tableOid) as Table
  if (!key.primary) work.draft.put({ ...table, indexes: [...table.indexes, index] })
  else {
    const notNull = (column: Column): Column =>
      columns.some(({ attnum }) => attnum === column.attnum) ? { ...column, notNull: true } : column
    work.draft.put({ ...table, primaryKey: index, columns: table.columns.map(notNull) })
  }
  return index
}

function keyName(work: DdlWork, table: Table, key: KeySpecification): string {
  const taken = constraintNames(table)
  if (key.name !== undefined) {
    if (nameIsTaken(work.draft, table.schemaOid, key.name)) throw relationExists(key.name)
    if (taken.has(key.name)) throw constraintExists(key.name, table.name)
    return key.name
  }
  const isTaken = (name: string): boolean => nameIsTaken(work.draft, table.schemaOid, name) || taken.has(name)
  return key.primary
    ? chooseName(table.name, '', 'pkey', isTaken)
    : chooseName(table.name, joinedColumns(key.columns), 'key', isTaken)
}

export function constraintExists(name: string, table: string): SqlError {
  return new SqlError('42710', `constraint "${name}" for relation "${table}" already exists`)
}

/** Puts a CHECK into the table's descriptor. The rows there are the caller's business. */
export async function addCheck(
  work: DdlWork,
  tableOid: Oid,
  check: CheckSpecification,
  isNewTable = false,
): Promise<CheckConstraint> {
  const table = work.draft.relationByOid(tableOid) as Table
  const bound = storedCheck(isNewTable ? work : work.unplaced(), table, check.node)
  const taken = constraintNames(table)
  if (check.name !== undefined && taken.has(check.name)) {
    const isCheck = table.checks.some((other) => other.name === check.name)
    throw isCheck && isNewTable
      ? new SqlError('42710', `check constraint "${check.name}" already exists`)
      : constraintExists(check.name, table.name)
  }
  const only = bound.attnums.length === 1 ? (table.columns[(bound.attnums[0] as number) - 1]?.name ?? '') : ''
  const name = check.name ?? chooseName(table.name, only, 'check', (candidate) => taken.has(candidate))
  const oid = await work.oid()
  const { expression, attnums: columns } = bound
  const made: CheckConstraint = { oid, name, expression, validated: check.validated, columns }
  work.draft.put({ ...(work.draft.relationByOid(tableOid) as Table), checks: [...table.checks, made] })
  for (const dependency of bound.expression.dependsOn ?? []) work.draft.needRelation(dependency)
  return made
}
