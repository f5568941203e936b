import type { Oid } from '../../../../protocol/ids.ts'
import type { Relation, TypeRef } from '../catalog/schema.ts'
import { arrayOver, type BuiltinType, builtinTypeByName, isRefusedType } from '../functions/builtin-types.ts'
import { typeModifier } from './literal.ts'
import { locationIn, type RangeVar, type TypeName, texts } from './parse-tree.ts'
import { crossDatabase } from './refusal-texts.ts'
import { findIndex, findRelation } from './relation-names.ts'
import type { Statement } from './scope.ts'

/** Names of types and relations, by the search path. */

/** parserOpenTable: 42P01 where there is none. */
export function openRelation(statement: Statement, range: RangeVar, futureCtes: readonly string[] = []): Relation {
  const { catalog, searchPath, database } = statement.outside
  const location = locationIn(range)
  if (range.catalogname !== undefined && range.catalogname !== database) {
    const full = `${range.catalogname}.${range.schemaname}.${range.relname}`
    throw statement.error('0A000', crossDatabase(`"${full}"`), location)
  }
  const name = { schema: range.schemaname, name: range.relname }
  const relation = findRelation(catalog, searchPath, name)
  if (relation !== undefined) {
    statement.relations.add(relation.oid)
    return relation
  }
  if (findIndex(catalog, searchPath, name) !== undefined) {
    throw statement.error('42809', `cannot open relation "${range.relname}"`, location, {
      detail: 'This operation is not supported for indexes.',
    })
  }
  if (range.schemaname !== undefined) {
    throw statement.error('42P01', `relation "${range.schemaname}.${range.relname}" does not exist`, location)
  }
  if (futureCtes.includes(range.relname)) {
    throw statement.error('42P01', `relation "${range.relname}" does not exist`, location, {
      detail: `There is a WITH item named "${range.relname}", but it cannot be referenced from this part of the query.`,
      hint: 'Use WITH RECURSIVE, or re-order the WITH items to remove forward references.',
    })
  }
  throw statement.error('42P01', `relation "${range.relname}" does not exist`, location)
}

/** A built-in type by its parsed name; undefined: no such type. Types that PostgreSQL has and we do not are 0A000. */
function findType(statement: Statement, type: TypeName): BuiltinType | undefined {
  const names = texts(type.names ?? [])
  const name = names.at(-1)!
  const schema = names.length > 1 ? names.at(-2) : undefined
  if (schema !== undefined && schema !== 'pg_catalog') {
    if (statement.outside.catalog.schema(schema) === undefined) {
      throw statement.error('3F000', `schema "${schema}" does not exist`, type.location ?? 0)
    }
    if (schema !== 'information_schema') return undefined
  }
  const found = schema === 'information_schema' ? domains[name] : name
  const builtin = found === undefined ? undefined : builtinTypeByName(found)
  if (builtin === undefined && isRefusedType(name)) throw statement.unsupported(`type ${name}`, locationIn(type))
  return builtin
}

/** The domains of information_schema are their base types here. */
const domains: Readonly<Record<string, string>> = {
  sql_identifier: 'name',
  character_data: 'varchar',
  cardinal_number: 'int4',
  yes_or_no: 'varchar',
  time_stamp: 'timestamptz',
}

export function resolveTypeName(statement: Statement, type: TypeName): TypeRef {
  const location = locationIn(type)
  if (type.pct_type) throw statement.unsupported('%TYPE', location)
  const builtin = findType(statement, type)
  const isArray = (type.arrayBounds?.length ?? 0) > 0
  if (builtin === undefined) {
    const { catalog, searchPath } = statement.outside
    const names = texts(type.names ?? [])
    const written = names.join('.') + (isArray ? '[]' : '')
    if (
      findRelation(catalog, searchPath, { schema: names.length > 1 ? names[0] : undefined, name: names.at(-1)! }) !== undefined
    ) {
      throw statement.unsupported(`the row type ${written}`, location)
    }
    throw statement.error('42704', `type "${written}" does not exist`, location)
  }
  let oid: Oid = builtin.oid
  const typmod = typeModifier(statement, builtin, type)
  if (isArray) {
    oid = arrayOver(oid)
    if (oid === 0) {
      // An array of arrays is the same array: PostgreSQL does not count dimensions.
      if (builtin.category === 'A') oid = builtin.oid
      else throw statement.error('42704', `type "${texts(type.names ?? []).join('.')}[]" does not exist`, location)
    }
  }
  return { oid, typmod }
}
