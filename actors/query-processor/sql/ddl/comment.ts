import { SqlError } from '../../../../protocol/errors.ts'
import { texts } from '../bind/parse-tree.ts'
import type { Index, Relation, Table } from '../catalog/schema.ts'
import { indexesOf } from '../catalog/snapshot.ts'
import { isSystemSchema } from '../catalog/system/schemas.ts'
import type { DdlWork } from './context.ts'
import { findNamed, isIndex, kindOf, missingRelation, systemCatalog, undefinedSchema } from './names.ts'
import type { CommentStmt } from './parse-tree.ts'

type Commented<T extends { readonly comment?: string }> = Omit<T, 'comment'> & { readonly comment?: string }

/** With the comment, or without one: '' counts as none. */
function withComment<T extends { readonly comment?: string }>(object: T, comment: string | undefined): Commented<T> {
  const { comment: _, ...rest } = object
  return comment === undefined || comment === '' ? rest : { ...rest, comment }
}

export async function comment(work: DdlWork, statement: CommentStmt): Promise<string> {
  const kind = statement.objtype.replace('OBJECT_', '')
  const names = texts(statement.object.List?.items ?? [statement.object])
  switch (kind) {
    case 'TABLE':
    case 'VIEW':
    case 'SEQUENCE':
    case 'INDEX':
      onRelation(work, names, kind.toLowerCase(), statement.comment)
      break
    case 'COLUMN':
      onColumn(work, names, statement.comment)
      break
    case 'TABCONSTRAINT':
      onConstraint(work, names, statement.comment)
      break
    case 'SCHEMA':
      onSchema(work, names[0] ?? '', statement.comment)
      break
    case 'DATABASE':
      work.notice('a comment on the database is not kept')
      break
    default:
      throw work.refuse(`COMMENT ON ${kind}`)
  }
  return 'COMMENT'
}

function relationNamed(work: DdlWork, names: readonly string[]): Relation | Index {
  const schemaname = names.at(-2)
  const name = { relname: names.at(-1) ?? '', ...(schemaname !== undefined && { schemaname }) }
  const found = findNamed(work, name)
  if (found === undefined) throw missingRelation(work, name)
  if (isSystemSchema(found.schemaOid)) throw systemCatalog(found.name)
  return found
}

function onRelation(work: DdlWork, names: readonly string[], kind: string, text: string | undefined): void {
  const found = relationNamed(work, names)
  if (kindOf(found) !== kind) throw new SqlError('42809', `"${found.name}" is not ${kind === 'index' ? 'an' : 'a'} ${kind}`)
  if (isIndex(found)) putIndex(work, withComment(found, text))
  else work.draft.put(withComment(found, text) as Relation)
}

function putIndex(work: DdlWork, index: Index): void {
  const table = work.draft.relationByOid(index.tableOid) as Table
  const change = (one: Index): Index => (one.oid === index.oid ? index : one)
  const primaryKey = table.primaryKey === undefined ? undefined : change(table.primaryKey)
  work.draft.put({ ...table, primaryKey, indexes: table.indexes.map(change) })
}

function onColumn(work: DdlWork, names: readonly string[], text: string | undefined): void {
  const relation = relationNamed(work, names.slice(0, -1))
  const name = names.at(-1) ?? ''
  if (isIndex(relation) || relation.kind === 'sequence') {
    throw new SqlError('42809', `cannot set comment on relation "${relation.name}"`, {
      detail: `This operation is not supported for ${isIndex(relation) ? 'indexes' : 'sequences'}.`,
    })
  }
  const column = relation.columns.find((one) => one.name === name && !one.dropped)
  if (column === undefined) {
    throw new SqlError('42703', `column "${name}" of relation "${relation.name}" does not exist`)
  }
  const columns = relation.columns.map((one) => (one === column ? withComment(one, text) : one))
  work.draft.put({ ...relation, columns })
}

function onConstraint(work: DdlWork, names: readonly string[], text: string | undefined): void {
  const table = relationNamed(work, names.slice(0, -1))
  const name = names.at(-1) ?? ''
  const missing = new SqlError('42704', `constraint "${name}" for table "${table.name}" does not exist`)
  if (isIndex(table) || table.kind !== 'table') throw missing
  const index = indexesOf(table).find((one) => one.constraintOid !== undefined && one.name === name)
  if (index !== undefined) {
    const { constraintComment: _, ...rest } = index
    putIndex(work, text === undefined || text === '' ? rest : { ...rest, constraintComment: text })
    return
  }
  const check = table.checks.find((one) => one.name === name)
  if (check === undefined) throw missing
  work.draft.put({ ...table, checks: table.checks.map((one) => (one === check ? withComment(one, text) : one)) })
}

function onSchema(work: DdlWork, name: string, text: string | undefined): void {
  const schema = work.draft.schema(name)
  if (schema === undefined) throw undefinedSchema(name)
  if (isSystemSchema(schema.oid)) throw new SqlError('42501', `must be owner of schema ${name}`)
  work.draft.putSchema(withComment(schema, text))
}
