import { SqlError } from '../../../../protocol/errors.ts'
import type { Oid } from '../../../../protocol/ids.ts'
import { text, texts } from '../bind/parse-tree.ts'
import type { Column, Index, Relation, Table } from '../catalog/schema.ts'
import { isSystemSchema } from '../catalog/system/schemas.ts'
import type { DdlWork } from './context.ts'
import { type DroppedObject, dependentsOf, describe, indexOfConstraint, objectKey } from './dependencies.ts'
import { findNamed, isIndex, kindOf, systemCatalog, undefinedSchema } from './names.ts'
import type { Behavior, DdlNode, DropStmt } from './parse-tree.ts'

/** dependency.c lists no more than this many objects. */
const reportedMax = 100

const relationKinds: ReadonlyMap<string, 'table' | 'view' | 'sequence' | 'index'> = new Map([
  ['OBJECT_TABLE', 'table'],
  ['OBJECT_VIEW', 'view'],
  ['OBJECT_SEQUENCE', 'sequence'],
  ['OBJECT_INDEX', 'index'],
])

/** DROP TABLE, VIEW, SEQUENCE, INDEX and SCHEMA. */
export async function drop(work: DdlWork, statement: DropStmt): Promise<string> {
  const { removeType, behavior } = statement
  const isMissingOk = statement.missing_ok === true
  const kind = relationKinds.get(removeType)
  if (kind !== undefined) {
    if (statement.concurrent === true && work.context.inTransactionBlock) {
      throw new SqlError('25001', 'DROP INDEX CONCURRENTLY cannot run inside a transaction block')
    }
    const found = statement.objects.map((object) => relationToDrop(work, object, kind, isMissingOk))
    await dropObjects(work, present(found), behavior)
  } else if (removeType === 'OBJECT_SCHEMA') {
    const found = statement.objects.map((object) => schemaToDrop(work, text(object), isMissingOk))
    await dropObjects(work, present(found), behavior)
  } else dropNothing(work, statement)
  return `DROP ${(kind ?? removeType.replace('OBJECT_', '').replaceAll('_', ' ')).toUpperCase()}`
}

const present = (objects: readonly (DroppedObject | undefined)[]): DroppedObject[] => objects.filter((one) => one !== undefined)

/** Objects of a kind that cannot be created here are not there. */
function dropNothing(work: DdlWork, statement: DropStmt): void {
  const kind = statement.removeType.replace('OBJECT_', '').replaceAll('_', ' ').toLowerCase()
  if (statement.missing_ok !== true) throw work.refuse(`DROP ${kind.toUpperCase()}`)
  for (const object of statement.objects) {
    const names = object.TypeName?.names ?? object.List?.items ?? object.ObjectWithArgs?.objname ?? [object]
    work.notice(`${kind} "${texts(names).join('.')}" does not exist, skipping`)
  }
}

function schemaToDrop(work: DdlWork, name: string, isMissingOk: boolean): DroppedObject | undefined {
  const schema = work.draft.schema(name)
  if (schema === undefined) {
    if (!isMissingOk) throw undefinedSchema(name)
    work.notice(`schema "${name}" does not exist, skipping`)
    return undefined
  }
  if (isSystemSchema(schema.oid)) {
    throw new SqlError('2BP01', `cannot drop schema ${name} because it is required by the database system`)
  }
  return { kind: 'schema', oid: schema.oid }
}

function relationToDrop(
  work: DdlWork,
  object: DdlNode,
  kind: 'table' | 'view' | 'sequence' | 'index',
  isMissingOk: boolean,
): DroppedObject | undefined {
  const names = texts(object.List?.items ?? [])
  const relname = names.at(-1) as string
  const schemaname = names.at(-2)
  const found = findNamed(work, { relname, ...(schemaname !== undefined && { schemaname }) })
  if (found === undefined) {
    const isSchemaMissing = schemaname !== undefined && work.draft.schema(schemaname) === undefined
    const message = isSchemaMissing ? `schema "${schemaname}" does not exist` : `${kind} "${relname}" does not exist`
    if (!isMissingOk) throw new SqlError(isSchemaMissing ? '3F000' : kind === 'index' ? '42704' : '42P01', message)
    work.notice(`${message}, skipping`)
    return undefined
  }
  const real = kindOf(found)
  if (!isIndex(found) && isSystemSchema(found.schemaOid)) throw systemCatalog(found.name)
  if (real !== kind) {
    const article = (of: string): string => (of === 'index' ? 'an index' : `a ${of}`)
    throw new SqlError('42809', `"${relname}" is not ${article(kind)}`, {
      hint: `Use DROP ${real.toUpperCase()} to remove ${article(real)}.`,
    })
  }
  return isIndex(found) ? { kind: 'index', oid: found.oid } : { kind: 'relation', oid: found.oid }
}

interface Found {
  readonly object: DroppedObject
  readonly isReported: boolean
  /** What it was reached from. */
  readonly because: DroppedObject | undefined
}

/**
 * Takes the objects away with all that depends on them; 2BP01 for what needs CASCADE. The order is PostgreSQL's (findDependentObjects,
 * reportDependentObjects), so that its messages come out the same. Answers the tables whose rows must move: their primary key is gone.
 */
export async function dropObjects(work: DdlWork, originals: readonly DroppedObject[], behavior: Behavior): Promise<void> {
  const originalKeys = new Set(originals.map(objectKey))
  const found = new Map<string, Found>()
  const order: string[] = []
  const visit = (object: DroppedObject, how: 'original' | 'normal' | 'auto', because: DroppedObject | undefined): void => {
    const key = objectKey(object)
    const before = found.get(key)
    if (before !== undefined) {
      if (before.isReported && how !== 'normal') found.set(key, { ...before, isReported: false })
      return
    }
    found.set(key, { object, isReported: how === 'normal' && !originalKeys.has(key), because })
    for (const dependent of dependentsOf(work.draft, object)) visit(dependent.object, dependent.how, object)
    order.push(key)
  }
  for (const object of originals) {
    refuseRequired(work, object, originalKeys)
    visit(object, 'original', undefined)
  }
  const ordered = order.reverse().map((key) => found.get(key) as Found)
  report(work, ordered, originals, behavior)
  for (const { object } of ordered.reverse()) remove(work, object)
}

/** What belongs to something else is dropped with it, not by itself. */
function refuseRequired(work: DdlWork, object: DroppedObject, originals: ReadonlySet<string>): void {
  let owner: DroppedObject | undefined
  if (object.kind === 'index') {
    const { constraintOid, tableOid } = work.draft.indexByOid(object.oid) as Index
    if (constraintOid !== undefined) owner = { kind: 'constraint', tableOid, oid: constraintOid }
  } else if (object.kind === 'relation') {
    const relation = work.draft.relationByOid(object.oid) as Relation
    if (relation.kind !== 'sequence' || relation.ownedBy === undefined) return
    const { tableOid, attnum } = relation.ownedBy
    const table = work.draft.relationByOid(tableOid) as Table
    if (table.columns[attnum - 1]?.identity === undefined) return
    owner = { kind: 'column', tableOid, attnum }
    if (originals.has(objectKey({ kind: 'relation', oid: tableOid }))) return
  }
  if (owner === undefined || originals.has(objectKey(owner))) return
  const text = describe(work, owner)
  throw new SqlError('2BP01', `cannot drop ${describe(work, object)} because ${text} requires it`, {
    hint: `You can drop ${text} instead.`,
  })
}

function report(work: DdlWork, ordered: readonly Found[], originals: readonly DroppedObject[], behavior: Behavior): void {
  const reported = ordered.filter(({ isReported }) => isReported)
  if (reported.length === 0) return
  const shown = reported.slice(0, reportedMax)
  const more = reported.length - shown.length
  const rest = more === 0 ? [] : [`and ${more} other ${more === 1 ? 'object' : 'objects'} (see server log for list)`]
  if (behavior !== 'DROP_CASCADE') {
    const lines = shown.map(
      ({ object, because }) => `${describe(work, object)} depends on ${describe(work, because as DroppedObject)}`,
    )
    const what =
      originals.length === 1
        ? `cannot drop ${describe(work, originals[0] as DroppedObject)} because other objects depend on it`
        : 'cannot drop desired object(s) because other objects depend on them'
    throw new SqlError('2BP01', what, {
      detail: [...lines, ...rest].join('\n'),
      hint: 'Use DROP ... CASCADE to drop the dependent objects too.',
    })
  }
  const lines = shown.map(({ object }) => `drop cascades to ${describe(work, object)}`)
  if (reported.length === 1) work.notice(lines[0] as string)
  else {
    work.notice(`drop cascades to ${reported.length} other objects`, '00000', { detail: [...lines, ...rest].join('\n') })
  }
}

function remove(work: DdlWork, object: DroppedObject): void {
  const { draft } = work
  switch (object.kind) {
    case 'schema':
      draft.removeSchema(object.oid)
      break
    case 'relation':
      if (draft.relationByOid(object.oid)?.kind === 'sequence') work.sequencesChanged.push(object.oid)
      draft.remove(object.oid)
      break
    case 'index':
      removeIndex(work, object.oid)
      break
    case 'column':
      changeColumn(work, object.tableOid, object.attnum, droppedColumn)
      break
    case 'default':
      changeColumn(work, object.tableOid, object.attnum, withoutDefault)
      break
    case 'constraint': {
      const table = draft.relationByOid(object.tableOid)
      // An index is an object of its own; a table that goes as a whole takes its checks along.
      if (table?.kind !== 'table' || indexOfConstraint(draft, object) !== undefined) break
      draft.put({ ...table, checks: table.checks.filter((check) => check.oid !== object.oid) })
    }
  }
}

function removeIndex(work: DdlWork, oid: Oid): void {
  const index = work.draft.indexByOid(oid)
  if (index === undefined) return
  const table = work.draft.relationByOid(index.tableOid) as Table
  if (index.primary) work.draft.put({ ...table, primaryKey: undefined })
  else work.draft.put({ ...table, indexes: table.indexes.filter((other) => other.oid !== oid) })
}

function changeColumn(work: DdlWork, tableOid: Oid, attnum: number, change: (column: Column) => Column): void {
  const table = work.draft.relationByOid(tableOid)
  if (table?.kind !== 'table') return
  work.draft.put({ ...table, columns: table.columns.map((column) => (column.attnum === attnum ? change(column) : column)) })
}

export function withoutDefault({ default: _, ...column }: Column): Column {
  return column
}

/** Its place stays: rows hold it. The type stays too, so that they can be read. */
function droppedColumn({ attnum, type }: Column): Column {
  return { attnum, name: `........pg.dropped.${attnum}........`, type, notNull: false, dropped: true }
}
