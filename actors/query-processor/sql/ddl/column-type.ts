import { SqlError } from '../../../../protocol/errors.ts'
import { bindTypeName } from '../bind/bind.ts'
import type { TypeName } from '../bind/parse-tree.ts'
import { texts } from '../bind/parse-tree.ts'
import type { TypeRef } from '../catalog/schema.ts'
import { builtinType, int2vectorOid, int4Oid, int8Oid, oidvectorOid } from '../functions/builtin-types.ts'
import type { DdlWork } from './context.ts'

const serials: ReadonlyMap<string, number> = new Map([
  ['smallserial', 21],
  ['serial2', 21],
  ['serial', int4Oid],
  ['serial4', int4Oid],
  ['bigserial', int8Oid],
  ['serial8', int8Oid],
])

/** serial and its kin are no types: an integer with a sequence of its own. */
export function serialType(work: DdlWork, name: TypeName): TypeRef | undefined {
  const names = texts(name.names ?? [])
  const oid = names.length === 1 ? serials.get(names[0] as string) : undefined
  if (oid === undefined || name.setof === true || name.pct_type === true) return undefined
  if (name.arrayBounds !== undefined) throw work.error('0A000', 'array of serial is not implemented', name.location)
  return { oid, typmod: -1 }
}

export function namedType(work: DdlWork, name: TypeName): TypeRef {
  return bindTypeName(name, work.bindScope())
}

export function columnType(work: DdlWork, columnName: string, name: TypeName): TypeRef {
  if (name.setof === true) throw new SqlError('42P16', `column "${columnName}" cannot be declared SETOF`)
  const type = namedType(work, name)
  const { kind, displayName } = builtinType(type.oid)
  if (kind === 'p') throw new SqlError('42P16', `column "${columnName}" has pseudo-type ${displayName}`)
  if (type.oid === int2vectorOid || type.oid === oidvectorOid) throw work.refuse(`a column of type ${displayName}`, name.location)
  return type
}
