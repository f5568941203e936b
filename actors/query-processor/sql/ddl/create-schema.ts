import type { MaybePromise } from '../../../../bus/bus.ts'
import { SqlError } from '../../../../protocol/errors.ts'
import type { DdlWork } from './context.ts'
import type { CreateSchemaStmt, DdlNode, RoleSpec } from './parse-tree.ts'

/** CREATE SCHEMA with the statements inside it, which create in it. */
export async function createSchema(
  work: DdlWork,
  statement: CreateSchemaStmt,
  run: (work: DdlWork, node: DdlNode) => MaybePromise<string>,
): Promise<string> {
  const owner = statement.authrole === undefined ? work.context.user : roleName(work, statement.authrole)
  const name = statement.schemaname ?? owner
  if (name.startsWith('pg_')) {
    throw new SqlError('42939', `unacceptable schema name "${name}"`, {
      detail: 'The prefix "pg_" is reserved for system schemas.',
    })
  }
  if (work.draft.schema(name) !== undefined) {
    if (statement.if_not_exists !== true) throw new SqlError('42P06', `schema "${name}" already exists`)
    work.notice(`schema "${name}" already exists, skipping`, '42P06')
    return 'CREATE SCHEMA'
  }
  work.draft.putSchema({ oid: await work.oid(), name, owner })
  const inside = work.within(name)
  for (const element of statement.schemaElts ?? []) await run(inside, element)
  return 'CREATE SCHEMA'
}

/** The role a statement names; 42704 where there is none. */
export function roleName(work: DdlWork, role: RoleSpec): string {
  if (role.roletype !== 'ROLESPEC_CSTRING') return work.context.user
  const name = role.rolename ?? ''
  if (!work.context.roleExists(name)) throw new SqlError('42704', `role "${name}" does not exist`)
  return name
}
