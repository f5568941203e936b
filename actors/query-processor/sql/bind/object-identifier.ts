import { SqlError } from '../../../../protocol/errors.ts'
import type { Oid } from '../../../../protocol/ids.ts'
import { builtinTypes } from '../functions/builtin-types.ts'
import {
  identifierValue,
  type Names,
  regclassOid,
  regnamespaceOid,
  regprocedureOid,
  regprocOid,
  regroleOid,
  regtypeOid,
} from '../functions/catalog-names.ts'
import { parse } from '../parse.ts'
import type { Node, TypeName } from './parse-tree.ts'
import { texts } from './parse-tree.ts'
import { findIndex, findRelation, splitQualifiedName } from './relation-names.ts'

/** regclass, regtype ... as literals: names become oids by the search path, numbers stay, '-' is 0. */

export const isObjectIdentifier = (type: Oid): boolean =>
  type === regclassOid ||
  type === regtypeOid ||
  type === regprocOid ||
  type === regprocedureOid ||
  type === regnamespaceOid ||
  type === regroleOid

/** The oid that a name stands for; throws as the type's input function does. */
export function objectIdentifier(scope: Names, type: Oid, written: string): Oid {
  const trimmed = written.trim()
  if (trimmed === '-') return 0
  if (/^\d+$/.test(trimmed)) {
    const oid = Number(trimmed)
    if (oid > 4_294_967_295) throw new SqlError('22003', `value "${written}" is out of range for type oid`)
    return oid
  }
  switch (type) {
    case regclassOid:
      return relationOid(scope, written)
    case regtypeOid:
      return typeOid(written)
    default:
      return identifierValue(scope, type, written)
  }
}

function relationOid({ catalog, searchPath }: Names, written: string): Oid {
  const parts = splitQualifiedName(written)
  if (parts.length > 3) throw new SqlError('42601', `improper relation name (too many dotted names): ${parts.join('.')}`)
  const name = { schema: parts.length > 1 ? parts.at(-2) : undefined, name: parts.at(-1)! }
  const found = findRelation(catalog, searchPath, name) ?? findIndex(catalog, searchPath, name)
  if (found === undefined) throw new SqlError('42P01', `relation "${parts.join('.')}" does not exist`)
  return found.oid
}

function typeOid(written: string): Oid {
  const type = parsedType(written)
  const names = texts(type.names ?? [])
  const isArray = (type.arrayBounds?.length ?? 0) > 0
  const name = names.at(-1)
  for (const builtin of builtinTypes()) {
    if (builtin.name === name && (names.length === 1 || names[0] === 'pg_catalog')) return isArray ? builtin.array : builtin.oid
  }
  throw new SqlError('42704', `type "${written.trim()}" does not exist`)
}

/** The grammar itself reads it, as in PostgreSQL: `character varying(10)`, `"char"[]`. */
function parsedType(written: string): TypeName {
  const wrong = () => new SqlError('42601', `invalid type name "${written}"`)
  if (written.trim() === '') throw wrong()
  let statements: ReturnType<typeof parse>
  try {
    statements = parse(`SELECT NULL::${written}`)
  } catch (error) {
    if (error instanceof SqlError && error.code === '42601') throw new SqlError('42601', error.message)
    throw error
  }
  const select = (statements[0]!.node as Node).SelectStmt
  const target = select?.targetList?.[0]?.ResTarget
  const cast = target?.val?.TypeCast
  const isAlone = statements.length === 1 && select?.targetList?.length === 1 && select.fromClause === undefined
  if (!isAlone || cast === undefined || target?.name !== undefined || cast.arg.A_Const?.isnull !== true) throw wrong()
  return cast.typeName
}
