import { SqlError } from '../../../../protocol/errors.ts'
import type { Oid } from '../../../../protocol/ids.ts'
import { typeByOid } from '../../../../protocol/values/registry.ts'
import { typeName } from '../../../../protocol/values/type-name.ts'
import { quoteIdentifier } from '../catalog/quote.ts'
import { effectivePath, visibleRelationName } from '../catalog/stored-text.ts'
import { roleName, roleNames, roleOid } from '../catalog/system/record.ts'
import { staticRows } from '../catalog/system/static-rows.ts'
import { arrayOver, builtinTypes, findBuiltinType } from './builtin-types.ts'
import { type Procedure, procedureByOid, proceduresByName } from './procedures.ts'
import type { FunctionContext } from './registry.ts'

/** regclass, regtype and their kin are numbers inside and names outside: regproc.c of PostgreSQL 16. */
export type Names = Pick<FunctionContext, 'catalog' | 'searchPath' | 'user'>

export const regprocOid = 24
export const regprocedureOid = 2202
export const regclassOid = 2205
export const regtypeOid = 2206
export const regnamespaceOid = 4089
export const regroleOid = 4096

/** The output function: a name where the object is there, else its number. */
export function identifierText(context: Names, type: Oid, oid: Oid): string {
  if (oid === 0) return '-'
  const text = nameOf(context, type, oid)
  return text ?? String(oid >>> 0)
}

function nameOf(context: Names, type: Oid, oid: Oid): string | undefined {
  switch (type) {
    case regclassOid: {
      const isThere = (context.catalog.relationByOid(oid) ?? context.catalog.indexByOid(oid)) !== undefined
      return isThere ? visibleRelationName(context.catalog, oid, context.searchPath) : undefined
    }
    case regtypeOid:
      return findBuiltinType(oid)?.displayName
    case regprocOid: {
      const procedure = procedureByOid(oid)
      // Functions for internal types are known by name only.
      if (procedure === undefined) return staticRows('pg_proc').find((row) => row.oid === oid)?.proname as string | undefined
      const isUnique = proceduresByName(procedure.name).length === 1
      return `${isUnique ? '' : 'pg_catalog.'}${quoteIdentifier(procedure.name)}`
    }
    case regprocedureOid: {
      const procedure = procedureByOid(oid)
      return procedure === undefined ? undefined : signature(procedure)
    }
    case regnamespaceOid: {
      const schema = context.catalog.schemaByOid(oid)
      return schema === undefined ? undefined : quoteIdentifier(schema.name)
    }
    default: {
      const role = roleName(context, oid)
      return role === undefined ? undefined : quoteIdentifier(role)
    }
  }
}

const signature = ({ name, arguments: types }: Procedure): string =>
  `${quoteIdentifier(name)}(${types.map((type) => findBuiltinType(type)?.displayName ?? String(type)).join(',')})`

/* ---------------------------------------------------------------- input */

/** The input function; throws 42P01, 42704, 42883, 3F000 ... */
export function identifierValue(context: Names, type: Oid, text: string): Oid {
  const found = lookUp(context, type, text)
  if (found.oid !== undefined) return found.oid
  throw found.error
}

/** to_regclass and its kin: undefined where there is no such object. */
export function findIdentifier(context: Names, type: Oid, text: string): Oid | undefined {
  return lookUp(context, type, text).oid
}

type Found = { readonly oid: Oid; readonly error?: undefined } | { readonly oid?: undefined; readonly error: SqlError }

const missing = (code: string, message: string): Found => ({ error: new SqlError(code, message) })
const there = (oid: Oid | undefined, code: string, message: string): Found =>
  oid === undefined ? missing(code, message) : { oid }

function lookUp(context: Names, type: Oid, text: string): Found {
  if (text === '-') return { oid: 0 }
  if (/^\d+$/.test(text)) {
    const oid = Number(text)
    if (oid > 0xffffffff) return missing('22003', `value "${text}" is out of range for type oid`)
    return { oid }
  }
  switch (type) {
    case regclassOid:
      return findRelation(context, splitName(text))
    case regtypeOid:
      return there(typeNamed(text), '42704', `type "${text}" does not exist`)
    case regprocOid:
      return findProcedure(text)
    case regprocedureOid:
      return findSignature(text)
    case regnamespaceOid: {
      const [name = ''] = splitName(text)
      return there(context.catalog.schema(name)?.oid, '3F000', `schema "${name}" does not exist`)
    }
    default: {
      const [name = ''] = splitName(text)
      const isRole = name === 'pg_database_owner' || roleNames(context).includes(name)
      return isRole ? { oid: roleOid(name) } : missing('42704', `role "${name}" does not exist`)
    }
  }
}

function findRelation({ catalog, searchPath }: Names, parts: readonly string[]): Found {
  const name = parts.at(-1) ?? ''
  const schemas = parts.length > 1 ? [parts.at(-2) as string] : effectivePath(searchPath)
  for (const candidate of schemas) {
    const schema = catalog.schema(candidate)
    if (schema === undefined) continue
    const found = catalog.relation(schema.oid, name) ?? catalog.index(schema.oid, name)
    if (found !== undefined) return { oid: found.oid }
  }
  return missing('42P01', `relation "${parts.join('.')}" does not exist`)
}

function findProcedure(text: string): Found {
  const parts = splitName(text)
  const found = isBuiltinSchema(parts) ? proceduresByName(parts.at(-1) ?? '') : []
  if (found.length > 1) return missing('42725', `more than one function named "${text}"`)
  return there(found[0]?.oid, '42883', `function "${text}" does not exist`)
}

function findSignature(text: string): Found {
  const match = /^([^(]*)\((.*)\)\s*$/s.exec(text)
  if (match === null) return missing('22P02', 'expected a left parenthesis')
  const [, name = '', list = ''] = match
  const parts = splitName(name)
  const types = list.trim() === '' ? [] : list.split(',').map((one) => typeNamed(one.trim()))
  const found = (isBuiltinSchema(parts) ? proceduresByName(parts.at(-1) ?? '') : []).find(
    (procedure) => procedure.arguments.length === types.length && procedure.arguments.every((type, i) => type === types[i]),
  )
  return there(found?.oid, '42883', `function "${text}" does not exist`)
}

const isBuiltinSchema = (parts: readonly string[]): boolean => parts.length === 1 || parts[0] === 'pg_catalog'

/** SQL's spellings that format_type does not print. */
const spellings: Readonly<Record<string, string>> = {
  int: 'int4',
  decimal: 'numeric',
  dec: 'numeric',
  float: 'float8',
  char: 'bpchar',
  varchar: 'varchar',
  timestamp: 'timestamp',
  time: 'time',
  'national character': 'bpchar',
  'national character varying': 'varchar',
  'char varying': 'varchar',
}

let typesByName: ReadonlyMap<string, Oid> | undefined

function typeNames(): ReadonlyMap<string, Oid> {
  if (typesByName !== undefined) return typesByName
  const names = new Map<string, Oid>()
  for (const { oid, name, displayName } of builtinTypes()) {
    names.set(name, oid)
    names.set(displayName, oid)
  }
  for (const [spelling, name] of Object.entries(spellings)) names.set(spelling, names.get(name) ?? 0)
  typesByName = names
  return names
}

/** `character varying(10)[]`, `pg_catalog.int4`, `"char"`: modifiers are read over. */
export function typeNamed(written: string): Oid | undefined {
  const isArray = /\[\d*\]\s*$/.test(written)
  const plain = written
    .replace(/(\[\d*\]\s*)+$/, '')
    .replace(/\(\s*\d+\s*(,\s*-?\d+\s*)?\)/, ' ')
    .trim()
    .replace(/\s+/g, ' ')
  const isQuoted = plain.includes('"')
  const folded = isQuoted ? plain : plain.toLowerCase()
  const parts = isQuoted ? splitName(plain) : folded.split('.')
  if (!isBuiltinSchema(parts)) return undefined
  const name = parts.at(-1) ?? ''
  // "char" is not char.
  const oid = isQuoted && name === 'char' ? 18 : typeNames().get(name)
  if (oid === undefined) return undefined
  return isArray ? arrayOver(oid) || undefined : oid
}

/** format_type(oid, typmod) */
export function formatType(oid: Oid, typmod: number | null): string | null {
  if (oid === 0) return '-'
  const type = typeByOid(oid)
  if (type === undefined) return findBuiltinType(oid)?.displayName ?? '???'
  // bpchar without a length is not character(1).
  if (typmod !== null && typmod < 0 && type.name === 'bpchar') return 'bpchar'
  return typeName(type, typmod ?? -1)
}

/** stringToQualifiedNameList: 'a.b', '"A"."b c"', folded where not quoted; 42602 for what is no name. */
export function splitName(written: string): string[] {
  const parts: string[] = []
  const pattern = /\s*(?:"((?:[^"]|"")+)"|([A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*))\s*(\.|$)/y
  for (;;) {
    const match = pattern.exec(written)
    if (match === null) throw new SqlError('42602', 'invalid name syntax')
    parts.push(match[1] === undefined ? (match[2] ?? '').toLowerCase() : match[1].replaceAll('""', '"'))
    if (match[3] === '') return parts
  }
}
