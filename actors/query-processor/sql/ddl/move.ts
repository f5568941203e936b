import { SqlError } from '../../../../protocol/errors.ts'
import type { Oid } from '../../../../protocol/ids.ts'
import type { Index, Relation } from '../catalog/schema.ts'
import { indexesOf } from '../catalog/snapshot.ts'
import { isSystemSchema } from '../catalog/system/schemas.ts'
import type { DdlWork } from './context.ts'
import { roleName } from './create-schema.ts'
import { findNamed, isIndex, missingRelation, nameIsTaken, systemCatalog, undefinedSchema } from './names.ts'
import type { AlterObjectSchemaStmt, AlterOwnerStmt } from './parse-tree.ts'
import { refreshDependents } from './rename.ts'

/** SET SCHEMA and OWNER TO: a table's indexes and own sequences go along. */

export async function setSchema(work: DdlWork, statement: AlterObjectSchemaStmt): Promise<string> {
  const kind = statement.objectType.replace('OBJECT_', '')
  const tag = `ALTER ${kind}`
  if (!['TABLE', 'VIEW', 'SEQUENCE'].includes(kind) || statement.relation === undefined) throw work.refuse(`${tag} SET SCHEMA`)
  const found = findNamed(work, statement.relation)
  if (found === undefined) {
    if (statement.missing_ok !== true) throw missingRelation(work, statement.relation)
    work.notice(`relation "${statement.relation.relname}" does not exist, skipping`)
    return tag
  }
  const schema = work.draft.schema(statement.newschema)
  if (isIndex(found)) throw new SqlError('42809', `"${found.name}" is not a table, view, or sequence`)
  if (kind !== 'TABLE' && found.kind.toUpperCase() !== kind) {
    throw new SqlError('42809', `"${found.name}" is not a ${kind.toLowerCase()}`)
  }
  if (isSystemSchema(found.schemaOid)) throw systemCatalog(found.name)
  if (found.kind === 'sequence' && found.ownedBy !== undefined) {
    const table = work.draft.relationByOid(found.ownedBy.tableOid)
    throw new SqlError('0A000', 'cannot move an owned sequence into another schema', {
      detail: `Sequence "${found.name}" is linked to table "${table?.name}".`,
    })
  }
  if (schema === undefined) throw undefinedSchema(statement.newschema)
  if (isSystemSchema(schema.oid)) throw new SqlError('42501', `permission denied for schema ${schema.name}`)
  if (schema.oid !== found.schemaOid) move(work, found, { oid: schema.oid, name: schema.name })
  return tag
}

function move(work: DdlWork, relation: Relation, schema: { readonly oid: Oid; readonly name: string }): void {
  const moved: (Relation | Index)[] = [relation, ...indexesOf(relation), ...ownSequences(work, relation.oid)]
  for (const { name } of moved) {
    if (nameIsTaken(work.draft, schema.oid, name)) {
      throw new SqlError('42P07', `relation "${name}" already exists in schema "${schema.name}"`)
    }
  }
  for (const sequence of ownSequences(work, relation.oid)) work.draft.put({ ...sequence, schemaOid: schema.oid })
  if (relation.kind !== 'table') work.draft.put({ ...relation, schemaOid: schema.oid })
  else {
    const there = (index: Index): Index => ({ ...index, schemaOid: schema.oid })
    const primaryKey = relation.primaryKey === undefined ? undefined : there(relation.primaryKey)
    work.draft.put({ ...relation, schemaOid: schema.oid, primaryKey, indexes: relation.indexes.map(there) })
  }
  refreshDependents(work, new Set(moved.map(({ oid }) => oid)))
}

function ownSequences(work: DdlWork, tableOid: Oid): Relation[] {
  return [...work.draft.stored()].filter((one) => one.kind === 'sequence' && one.ownedBy?.tableOid === tableOid)
}

export function changeOwner(work: DdlWork, oid: Oid, owner: string): void {
  const relation = work.draft.relationByOid(oid)
  if (relation === undefined) return
  if (relation.kind === 'sequence' && relation.ownedBy !== undefined && relation.owner !== owner) {
    const table = work.draft.relationByOid(relation.ownedBy.tableOid)
    throw new SqlError('0A000', 'cannot change owner of sequence', {
      detail: `Sequence "${relation.name}" is linked to table "${table?.name}".`,
    })
  }
  work.draft.put({ ...relation, owner })
  for (const sequence of ownSequences(work, oid)) work.draft.put({ ...sequence, owner })
}

export function alterOwner(work: DdlWork, statement: AlterOwnerStmt): string {
  if (statement.objectType !== 'OBJECT_SCHEMA') {
    throw work.refuse(`ALTER ${statement.objectType.replace('OBJECT_', '')} OWNER TO`)
  }
  const name = statement.object?.String?.sval ?? ''
  const schema = work.draft.schema(name)
  if (schema === undefined) throw undefinedSchema(name)
  if (isSystemSchema(schema.oid)) throw new SqlError('42501', `permission denied for schema ${name}`)
  work.draft.putSchema({ ...schema, owner: roleName(work, statement.newowner) })
  return 'ALTER SCHEMA'
}
