import { SqlError } from '../../../../protocol/errors.ts'
import type { Oid } from '../../../../protocol/ids.ts'
import { text } from '../bind/parse-tree.ts'
import type { Column, StoredExpression, Table } from '../catalog/schema.ts'
import { staticRows } from '../catalog/system/static-rows.ts'
import { builtinType } from '../functions/builtin-types.ts'
import { columnType, serialType } from './column-type.ts'
import { addCheck, addKey, type CheckSpecification, checkKey, type KeySpecification, multiplePrimaryKeys } from './constraints.ts'
import type { DdlWork } from './context.ts'
import { storedDefault } from './expressions.ts'
import { copyTable } from './like.ts'
import { creationSchema, nameIsTaken, relationExists } from './names.ts'
import type { ColumnDef, Constraint, CreateStmt, DdlNode } from './parse-tree.ts'
import { addOwnedSequence } from './sequence.ts'
import { ignoreStorageOptions } from './storage-options.ts'

export const columnsMax = 1_600
const systemColumns = new Set(['tableoid', 'cmax', 'xmax', 'cmin', 'xmin', 'ctid'])

/** A table on its way: columns first, then what stands on them. */
export interface TableParts {
  readonly columns: Column[]
  readonly keys: KeySpecification[]
  readonly checks: CheckSpecification[]
  readonly defaults: { readonly attnum: number; readonly location: number | undefined; readonly node: DdlNode }[]
  readonly sequences: SequencePart[]
  /** Copied by LIKE: they were bound when their table was made. */
  readonly storedDefaults: { readonly attnum: number; readonly expression: StoredExpression }[]
}

/** serial, or GENERATED AS IDENTITY. */
export interface SequencePart {
  readonly attnum: number
  readonly identity: Column['identity']
  readonly options: readonly DdlNode[]
}

export async function createTable(work: DdlWork, statement: CreateStmt): Promise<string> {
  const { relation } = statement
  refuseForms(work, statement)
  const schema = creationSchema(work, relation)
  const taken = nameIsTaken(work.draft, schema.oid, relation.relname)
  if (taken && statement.if_not_exists === true) {
    work.notice(`relation "${relation.relname}" already exists, skipping`, '42P07')
    return 'CREATE TABLE'
  }
  const oid = await work.oid()
  const head = { kind: 'table', oid, name: relation.relname, schemaOid: schema.oid, owner: work.context.user } as const
  const parts = collect(work, relation.relname, statement.tableElts ?? [])
  const empty = { primaryKey: undefined, indexes: [], checks: [], system: false } as const
  const bare: Table = { ...head, ...empty, storageId: oid, columns: parts.columns }
  checkKeys(work, bare, parts.keys)
  checkColumns(parts.columns)
  if (taken) throw relationExists(relation.relname)
  await finish(work, bare, parts)
  return 'CREATE TABLE'
}

function refuseForms(work: DdlWork, statement: CreateStmt): void {
  if (statement.relation.relpersistence === 't') throw work.refuse('a temporary table')
  if (statement.relation.relpersistence === 'u') throw work.refuse('an unlogged table')
  if (statement.partspec !== undefined || statement.partbound !== undefined) throw work.refuse('a partitioned table')
  if (statement.inhRelations !== undefined) throw work.refuse('table inheritance')
  if (statement.ofTypename !== undefined) throw work.refuse('a typed table')
  if (statement.tablespacename !== undefined && statement.tablespacename !== 'pg_default') {
    throw new SqlError('42704', `tablespace "${statement.tablespacename}" does not exist`)
  }
  if (statement.accessMethod !== undefined && statement.accessMethod !== 'heap') {
    throw new SqlError('42704', `access method "${statement.accessMethod}" does not exist`)
  }
  ignoreStorageOptions(work, statement.options, 'table')
}

function collect(work: DdlWork, tableName: string, elements: readonly DdlNode[]): TableParts {
  const parts: TableParts = { columns: [], keys: [], checks: [], defaults: [], sequences: [], storedDefaults: [] }
  for (const element of elements) {
    if (element.ColumnDef !== undefined) addColumnPart(work, tableName, parts, element.ColumnDef)
    else if (element.Constraint !== undefined) addTableConstraint(work, parts, element.Constraint)
    else if (element.TableLikeClause !== undefined) copyTable(work, parts, element.TableLikeClause)
  }
  return parts
}

function checkColumns(columns: readonly Column[]): void {
  if (columns.length > columnsMax) throw new SqlError('54011', `tables can have at most ${columnsMax} columns`)
  const seen = new Set<string>()
  for (const { name } of columns) {
    checkColumnName(name)
    if (seen.has(name)) throw new SqlError('42701', `column "${name}" specified more than once`)
    seen.add(name)
  }
}

export function checkColumnName(name: string): void {
  if (systemColumns.has(name)) {
    throw new SqlError('42701', `column name "${name}" conflicts with a system column name`)
  }
}

function checkKeys(work: DdlWork, bare: Table, keys: readonly KeySpecification[]): void {
  let primaryKeys = 0
  for (const key of keys) {
    if (key.primary && ++primaryKeys > 1) throw multiplePrimaryKeys(work, bare.name, key)
    checkKey(work, bare, key)
  }
}

/** Puts the table into the catalog with everything that was said about it, in PostgreSQL's order. */
async function finish(work: DdlWork, bare: Table, parts: TableParts): Promise<void> {
  work.draft.put(bare)
  await addColumnParts(work, bare.oid, parts, work)
  for (const check of parts.checks) await addCheck(work, bare.oid, check, true)
  const primary = parts.keys.filter((key) => key.primary)
  for (const key of keysOnce([...primary, ...parts.keys.filter((other) => !other.primary)])) await addKey(work, bare.oid, key)
}

/** A key said twice is made once, under the name that one of them has: transformIndexConstraints. */
function keysOnce(keys: readonly KeySpecification[]): KeySpecification[] {
  const once: KeySpecification[] = []
  for (const key of keys) {
    const at = once.findIndex(
      ({ columns, nullsNotDistinct }) =>
        nullsNotDistinct === key.nullsNotDistinct && columns.join('\0') === key.columns.join('\0'),
    )
    const prior = once[at]
    if (prior === undefined) once.push(key)
    else once[at] = { ...prior, name: prior.name ?? key.name }
  }
  return once
}

/** Sequences and defaults of new columns that are in the draft already; `binding` says whether errors of a default know their place. */
export async function addColumnParts(work: DdlWork, tableOid: Oid, parts: TableParts, binding: DdlWork): Promise<void> {
  for (const { attnum, identity, options } of parts.sequences) {
    await addOwnedSequence(work, tableOid, { attnum, identity, options })
  }
  for (const { attnum, node } of parts.defaults) {
    const table = work.draft.relationByOid(tableOid) as Table
    const column = table.columns[attnum - 1] as Column
    const expression = storedDefault(binding, node, column)
    if (expression !== undefined) putColumn(work, table, { ...column, default: expression })
  }
  for (const { attnum, expression } of parts.storedDefaults) {
    const table = work.draft.relationByOid(tableOid) as Table
    putColumn(work, table, { ...(table.columns[attnum - 1] as Column), default: expression })
  }
}

export function putColumn(work: DdlWork, table: Table, column: Column): void {
  work.draft.put({ ...table, columns: table.columns.map((other) => (other.attnum === column.attnum ? column : other)) })
}

/** One column definition with its constraints: transformColumnDefinition. */
export function addColumnPart(work: DdlWork, tableName: string, parts: TableParts, definition: ColumnDef): void {
  const attnum = parts.columns.length + 1
  const name = definition.colname
  const serial = serialType(work, definition.typeName)
  const type = serial ?? columnType(work, name, definition.typeName)
  const collation = definition.collClause === undefined ? undefined : collationOf(work, type.oid, definition.collClause)
  if (definition.fdwoptions !== undefined) throw work.refuse('OPTIONS of a column', definition.location)
  const state = {
    notNull: serial !== undefined,
    nullSaid: serial !== undefined,
    hasDefault: serial !== undefined,
    identity: undefined,
  }
  const said = new ColumnConstraints(work, tableName, name, attnum, state)
  for (const node of definition.constraints ?? []) if (node.Constraint !== undefined) said.add(node.Constraint, parts)
  if (serial !== undefined) parts.sequences.push({ attnum, identity: undefined, options: [] })
  parts.columns.push({
    attnum,
    name,
    type,
    notNull: said.notNull,
    dropped: false,
    ...(collation !== undefined && { collation }),
    ...(said.identity !== undefined && { identity: said.identity }),
  })
}

/** C, POSIX and ucs_basic order by bytes, as the default does. Undefined: the type's own. */
function collationOf(work: DdlWork, type: Oid, clause: NonNullable<ColumnDef['collClause']>): Oid | undefined {
  const names = clause.collname.map(text)
  const name = names[names.length - 1] ?? ''
  const row = staticRows('pg_collation').find((one) => one.collname === name)
  if (row === undefined) {
    const message = `collation "${names.join('.')}" for encoding "UTF8" does not exist`
    throw work.error('42704', message, clause.location)
  }
  const { collation, displayName } = builtinType(type)
  if (collation === 0) throw work.error('42804', `collations are not supported by type ${displayName}`, clause.location)
  return row.oid === collation ? undefined : (row.oid as Oid)
}

/** What a column's own constraints say, with PostgreSQL's contradictions. */
class ColumnConstraints {
  notNull: boolean
  identity: Column['identity']
  private nullSaid: boolean
  private hasDefault: boolean
  private readonly isSerial: boolean
  private readonly work: DdlWork
  private readonly tableName: string
  private readonly name: string
  private readonly attnum: number

  constructor(
    work: DdlWork,
    tableName: string,
    name: string,
    attnum: number,
    start: { readonly notNull: boolean; readonly nullSaid: boolean; readonly hasDefault: boolean },
  ) {
    this.work = work
    this.tableName = tableName
    this.name = name
    this.attnum = attnum
    this.notNull = start.notNull
    this.nullSaid = start.nullSaid
    this.hasDefault = start.hasDefault
    this.isSerial = start.hasDefault
  }

  add(constraint: Constraint, parts: TableParts): void {
    const { work, attnum } = this
    const key = { columns: [this.name], location: constraint.location }
    switch (constraint.contype) {
      case 'CONSTR_NULL':
      case 'CONSTR_NOTNULL':
        this.nullability(constraint, constraint.contype === 'CONSTR_NOTNULL')
        return
      case 'CONSTR_DEFAULT':
        if (this.hasDefault && this.identity === undefined) throw this.twice('default values', constraint)
        if (this.identity !== undefined) throw this.both('default', constraint)
        this.hasDefault = true
        parts.defaults.push({ attnum, location: constraint.location, node: constraint.raw_expr as DdlNode })
        return
      case 'CONSTR_IDENTITY':
        this.asIdentity(constraint, parts)
        return
      case 'CONSTR_CHECK':
        parts.checks.push(checkSpecification(constraint))
        return
      case 'CONSTR_PRIMARY':
      case 'CONSTR_UNIQUE':
        parts.keys.push({ ...keySpecification(work, constraint), ...key })
        return
      default:
        refuseConstraint(work, constraint)
    }
  }

  private nullability(constraint: Constraint, notNull: boolean): void {
    if (this.nullSaid && this.notNull !== notNull) throw this.contradiction(constraint)
    this.nullSaid = true
    this.notNull = notNull
  }

  private asIdentity(constraint: Constraint, parts: TableParts): void {
    if (this.identity !== undefined) throw this.twice('identity specifications', constraint)
    if (this.hasDefault) throw this.both('default', constraint)
    if (this.nullSaid && !this.notNull) throw this.contradiction(constraint)
    this.identity = constraint.generated_when === 'a' ? 'always' : 'by default'
    this.notNull = true
    this.nullSaid = true
    parts.sequences.push({ attnum: this.attnum, identity: this.identity, options: constraint.options ?? [] })
  }

  private of(): string {
    return `column "${this.name}" of table "${this.tableName}"`
  }

  private contradiction(constraint: Constraint): SqlError {
    return this.work.error('42601', `conflicting NULL/NOT NULL declarations for ${this.of()}`, this.place(constraint))
  }

  private twice(what: string, constraint: Constraint): SqlError {
    return this.work.error('42601', `multiple ${what} specified for ${this.of()}`, this.place(constraint))
  }

  /** What contradicts serial contradicts something that stands nowhere. */
  private place(constraint: Constraint): number | undefined {
    return this.isSerial ? -1 : constraint.location
  }

  private both(what: string, constraint: Constraint): SqlError {
    return this.work.error('42601', `both ${what} and identity specified for ${this.of()}`, constraint.location)
  }
}

function addTableConstraint(work: DdlWork, parts: TableParts, constraint: Constraint): void {
  if (constraint.contype === 'CONSTR_CHECK') parts.checks.push(checkSpecification(constraint))
  else if (constraint.contype === 'CONSTR_PRIMARY' || constraint.contype === 'CONSTR_UNIQUE') {
    parts.keys.push(keySpecification(work, constraint))
  } else refuseConstraint(work, constraint)
}

export function checkSpecification(constraint: Constraint): CheckSpecification {
  return {
    name: constraint.conname,
    node: constraint.raw_expr as DdlNode,
    validated: constraint.skip_validation !== true,
  }
}

export function keySpecification(work: DdlWork, constraint: Constraint): KeySpecification {
  if (constraint.deferrable === true) throw work.refuse('a deferrable constraint', constraint.location)
  if (constraint.including !== undefined) throw work.refuse('INCLUDE', constraint.location)
  if (constraint.indexname !== undefined) throw work.refuse('a constraint USING INDEX', constraint.location)
  ignoreStorageOptions(work, constraint.options, 'index')
  return {
    name: constraint.conname,
    primary: constraint.contype === 'CONSTR_PRIMARY',
    nullsNotDistinct: constraint.nulls_not_distinct === true,
    columns: (constraint.keys ?? []).map(text),
    location: constraint.location,
  }
}

export function refuseConstraint(work: DdlWork, constraint: Constraint): never {
  const names: { readonly [contype: string]: string } = {
    CONSTR_FOREIGN: 'a foreign key',
    CONSTR_EXCLUSION: 'an exclusion constraint',
    CONSTR_GENERATED: 'a generated column',
    CONSTR_ATTR_DEFERRABLE: 'a deferrable constraint',
    CONSTR_ATTR_DEFERRED: 'a deferrable constraint',
    CONSTR_ATTR_NOT_DEFERRABLE: 'NOT DEFERRABLE',
    CONSTR_ATTR_IMMEDIATE: 'INITIALLY IMMEDIATE',
  }
  throw work.refuse(names[constraint.contype] ?? constraint.contype, constraint.location)
}
