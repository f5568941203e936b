import { SqlError } from '../../../../protocol/errors.ts'
import type { Oid } from '../../../../protocol/ids.ts'
import { roleNames, roleOid } from '../catalog/system/record.ts'
import { findBuiltinType } from './builtin-types.ts'
import { identifierValue, regclassOid, regnamespaceOid, regprocedureOid, regtypeOid } from './catalog-names.ts'
import { procedureByOid } from './procedures.ts'
import type { FunctionContext, Implementations, ScalarFunction } from './registry.ts'

/**
 * has_*_privilege and pg_has_role. Everybody who can log in may do everything here, so the answer is true for what exists, NULL for an oid
 * that is nothing, and the error of the name's look-up for a name that is nothing.
 */
interface Kind {
  readonly name: string
  readonly privileges: readonly string[]
  /** By name; throws where there is none. */
  readonly find: (context: FunctionContext, name: string) => Oid
  readonly isThere: (context: FunctionContext, oid: Oid) => boolean
}

const isRelation = (context: FunctionContext, oid: Oid): boolean => context.catalog.relationByOid(oid) !== undefined
const findRelation = (context: FunctionContext, name: string): Oid => identifierValue(context, regclassOid, name)
const tablePrivileges = ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER', 'RULE']

const kinds: readonly Kind[] = [
  { name: 'table', privileges: tablePrivileges, find: findRelation, isThere: isRelation },
  { name: 'any_column', privileges: ['SELECT', 'INSERT', 'UPDATE', 'REFERENCES'], find: findRelation, isThere: isRelation },
  { name: 'sequence', privileges: ['USAGE', 'SELECT', 'UPDATE'], find: findRelation, isThere: isRelation },
  {
    name: 'schema',
    privileges: ['CREATE', 'USAGE'],
    find: (context, name) => identifierValue(context, regnamespaceOid, name),
    isThere: (context, oid) => context.catalog.schemaByOid(oid) !== undefined,
  },
  {
    name: 'database',
    privileges: ['CREATE', 'TEMPORARY', 'TEMP', 'CONNECT'],
    find: (context, name) => {
      if (name === context.database) return 5
      throw new SqlError('3D000', `database "${name}" does not exist`)
    },
    isThere: (_context, oid) => oid === 5,
  },
  {
    name: 'function',
    privileges: ['EXECUTE'],
    find: (context, name) => identifierValue(context, regprocedureOid, name),
    isThere: (_context, oid) => procedureByOid(oid) !== undefined,
  },
  {
    name: 'type',
    privileges: ['USAGE'],
    find: (context, name) => identifierValue(context, regtypeOid, name),
    isThere: (_context, oid) => findBuiltinType(oid) !== undefined,
  },
  {
    name: 'language',
    privileges: ['USAGE'],
    find: (_context, name) => {
      const oid = { internal: 12, c: 13, sql: 14 }[name]
      if (oid === undefined) throw new SqlError('42704', `language "${name}" does not exist`)
      return oid
    },
    isThere: (_context, oid) => oid >= 12 && oid <= 14,
  },
  {
    name: 'tablespace',
    privileges: ['CREATE'],
    find: (_context, name) => {
      const oid = { pg_default: 1_663, pg_global: 1_664 }[name]
      if (oid === undefined) throw new SqlError('42704', `tablespace "${name}" does not exist`)
      return oid
    },
    isThere: (_context, oid) => oid === 1_663 || oid === 1_664,
  },
]

/** A comma-separated list, each WITH GRANT OPTION if need be. */
function checkPrivileges(list: string, known: readonly string[]): void {
  for (const one of list.split(',')) {
    const privilege = one.trim().toUpperCase()
    if (!known.includes(privilege.replace(/ WITH GRANT OPTION$/, ''))) {
      throw new SqlError('22023', `unrecognized privilege type: "${one.trim()}"`)
    }
  }
}

function checkRole(context: FunctionContext, role: string | Oid): void {
  const isKnown =
    typeof role === 'number'
      ? true
      : role === 'public' || role === 'pg_database_owner' || roleNames(context).some((name) => name === role)
  if (!isKnown) throw new SqlError('42704', `role "${role}" does not exist`)
}

function has(kind: Kind, context: FunctionContext, object: string | Oid, privileges: string): boolean | null {
  const oid = typeof object === 'string' ? kind.find(context, object) : object
  checkPrivileges(privileges, kind.privileges)
  return kind.isThere(context, oid) ? true : null
}

function functionsOf(kind: Kind): [string, ScalarFunction][] {
  const own: ScalarFunction = (context, object: string | Oid, privileges: string) => has(kind, context, object, privileges)
  const others: ScalarFunction = (context, role: string | Oid, object: string | Oid, privileges: string) => {
    checkRole(context, role)
    return has(kind, context, object, privileges)
  }
  const stem = `has_${kind.name}_privilege`
  return [
    ...['name', 'id'].map((by): [string, ScalarFunction] => [`${stem}_${by}`, own]),
    ...['name_name', 'name_id', 'id_name', 'id_id'].map((by): [string, ScalarFunction] => [`${stem}_${by}`, others]),
  ]
}

const columnPrivileges = ['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']

function hasColumn(context: FunctionContext, table: string | Oid, column: string | number, privileges: string): boolean | null {
  const oid = typeof table === 'string' ? findRelation(context, table) : table
  checkPrivileges(privileges, columnPrivileges)
  const relation = context.catalog.relationByOid(oid)
  if (relation === undefined || relation.kind === 'sequence') return null
  const found = relation.columns.find((one) => !one.dropped && (one.name === column || one.attnum === column))
  if (found === undefined && typeof column === 'string') {
    throw new SqlError('42703', `column "${column}" of relation "${relation.name}" does not exist`)
  }
  return found === undefined ? null : true
}

function columnFunctions(): [string, ScalarFunction][] {
  const own: ScalarFunction = (context, table: string | Oid, column: string | number, privileges: string) =>
    hasColumn(context, table, column, privileges)
  const others: ScalarFunction = (
    context,
    role: string | Oid,
    table: string | Oid,
    column: string | number,
    privileges: string,
  ) => {
    checkRole(context, role)
    return hasColumn(context, table, column, privileges)
  }
  const pairs = ['name_name', 'name_attnum', 'id_name', 'id_attnum']
  return [
    ...pairs.map((by): [string, ScalarFunction] => [`has_column_privilege_${by}`, own]),
    ...pairs.flatMap((by): [string, ScalarFunction][] =>
      ['name', 'id'].map((role): [string, ScalarFunction] => [`has_column_privilege_${role}_${by}`, others]),
    ),
  ]
}

const rolePrivileges = ['MEMBER', 'USAGE', 'SET']

function roleFunctions(): [string, ScalarFunction][] {
  const isMember = (context: FunctionContext, user: string | Oid, role: string | Oid, privileges: string): boolean => {
    checkRole(context, user)
    checkRole(context, role)
    checkPrivileges(privileges.replace(/ WITH ADMIN OPTION/i, ''), rolePrivileges)
    const oids = [user, role].map((one) => (typeof one === 'string' ? roleOid(one) : one))
    return oids[0] === oids[1] || oids[0] === 10 || oids[0] === roleOid(context.user)
  }
  const own: ScalarFunction = (context, role: string | Oid, privileges: string) =>
    isMember(context, context.user, role, privileges)
  const others: ScalarFunction = (context, user: string | Oid, role: string | Oid, privileges: string) =>
    isMember(context, user, role, privileges)
  return [
    ...['name', 'id'].map((by): [string, ScalarFunction] => [`pg_has_role_${by}`, own]),
    ...['name_name', 'name_id', 'id_name', 'id_id'].map((by): [string, ScalarFunction] => [`pg_has_role_${by}`, others]),
  ]
}

export const catalogPrivilegeFunctions: Implementations = {
  scalar: Object.fromEntries([...kinds.flatMap(functionsOf), ...columnFunctions(), ...roleFunctions()]),
}
