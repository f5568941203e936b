import { SqlError } from '../../../../protocol/errors.ts'
import type { Oid } from '../../../../protocol/ids.ts'
import type { Catalog } from '../catalog/schema.ts'
import { builtinTypes, regclassOid } from '../functions/builtin-types.ts'
import { proceduresByName } from '../functions/procedures.ts'
import { parse } from '../parse.ts'
import type { Node, TypeName } from './parse-tree.ts'
import { texts } from './parse-tree.ts'
import { findIndex, findRelation, splitQualifiedName } from './relation-names.ts'

/** regclass, regtype ... as literals: names become oids by the search path, numbers stay, '-' is 0. */

interface NameScope {
  readonly catalog: Catalog
  readonly searchPath: readonly string[]
}

const regproc = 24
const regprocedure = 2202
const regtype = 2206
const regnamespace = 4089
const regrole = 4096

export const isObjectIdentifier = (type: Oid): boolean =>
  type === regclassOid ||
  type === regtype ||
  type === regproc ||
  type === regprocedure ||
  type === regnamespace ||
  type === regrole

/** The oid that a name stands for; throws as the type's input function does. */
export function objectIdentifier(scope: NameScope, type: Oid, written: string): Oid {
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
    case regtype:
      return typeOid(written)
    case regproc:
      return procedureOid(written)
    case regprocedure:
      return procedureWithArguments(written)
    case regnamespace: {
      const parts = splitQualifiedName(written)
      const schema = parts.length === 1 ? scope.catalog.schema(parts[0]!) : undefined
      if (parts.length !== 1) throw new SqlError('42601', 'invalid name syntax')
      if (schema === undefined) throw new SqlError('3F000', `schema "${parts[0]}" does not exist`)
      return schema.oid
    }
    default:
      throw new SqlError('0A000', 'a regrole literal by name is not supported')
  }
}

function relationOid({ catalog, searchPath }: NameScope, written: string): Oid {
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

function procedureOid(written: string): Oid {
  const parts = splitQualifiedName(written)
  const found = parts.length === 1 || parts[0] === 'pg_catalog' ? proceduresByName(parts.at(-1)!) : []
  if (found.length === 0) throw new SqlError('42883', `function "${written}" does not exist`)
  if (found.length > 1) throw new SqlError('42725', `more than one function named "${written}"`)
  return found[0]!.oid
}

function procedureWithArguments(written: string): Oid {
  const match = /^([^(]*)\((.*)\)\s*$/s.exec(written)
  if (match === null) throw new SqlError('22P02', `expected a left parenthesis`)
  const parts = splitQualifiedName(match[1]!)
  const types = match[2]!.trim() === '' ? [] : match[2]!.split(',').map((type) => typeOid(type))
  const found = (parts.length === 1 || parts[0] === 'pg_catalog' ? proceduresByName(parts.at(-1)!) : []).find(
    (procedure) => procedure.arguments.length === types.length && procedure.arguments.every((type, i) => type === types[i]),
  )
  if (found === undefined) throw new SqlError('42883', `function "${written}" does not exist`)
  return found.oid
}
