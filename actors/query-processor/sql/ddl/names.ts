import { SqlError } from '../../../../protocol/errors.ts'
import type { Oid } from '../../../../protocol/ids.ts'
import { identifierBytesMax } from '../../../../protocol/limits.ts'
import type { RangeVar } from '../bind/parse-tree.ts'
import type { Catalog, Index, Relation, Schema, Table } from '../catalog/schema.ts'
import { isSystemSchema } from '../catalog/system/schemas.ts'
import type { DdlWork } from './context.ts'

/** How names are looked up and chosen: namespace.c and indexcmds.c of PostgreSQL 16. */

export const undefinedSchema = (name: string): SqlError => new SqlError('3F000', `schema "${name}" does not exist`)

/** The schema a new relation goes into: the one named, else the first of the search path that is there. */
export function creationSchema(work: DdlWork, name: RangeVar): Schema {
  checkDatabase(work, name)
  if (name.schemaname !== undefined) {
    const schema = work.draft.schema(name.schemaname)
    if (schema === undefined) throw undefinedSchema(name.schemaname).with(work.at(name.location))
    return writableSchema(schema, name.relname)
  }
  for (const candidate of work.context.searchPath) {
    const schema = work.draft.schema(candidate)
    if (schema !== undefined) return writableSchema(schema, name.relname)
  }
  throw work.error('3F000', 'no schema has been selected to create in', name.location)
}

function writableSchema(schema: Schema, name: string): Schema {
  if (!isSystemSchema(schema.oid)) return schema
  throw new SqlError('42501', `permission denied to create "${schema.name}.${name}"`, {
    detail: 'System catalog modifications are currently disallowed.',
  })
}

function checkDatabase(work: DdlWork, name: RangeVar): void {
  if (name.catalogname === undefined || name.catalogname === work.context.database) return
  const full = [name.catalogname, name.schemaname, name.relname].filter((part) => part !== undefined).join('.')
  throw work.error('0A000', `cross-database references are not implemented: "${full}"`, name.location)
}

/** A relation or an index by its possibly qualified name. */
export function findNamed(work: DdlWork, name: RangeVar): Relation | Index | undefined {
  checkDatabase(work, name)
  if (name.schemaname !== undefined) {
    const schema = work.draft.schema(name.schemaname)
    if (schema === undefined) return undefined
    return work.draft.relation(schema.oid, name.relname) ?? work.draft.index(schema.oid, name.relname)
  }
  const path = work.context.searchPath
  for (const candidate of path.includes('pg_catalog') ? path : ['pg_catalog', ...path]) {
    const schema = work.draft.schema(candidate)
    if (schema === undefined) continue
    const found = work.draft.relation(schema.oid, name.relname) ?? work.draft.index(schema.oid, name.relname)
    if (found !== undefined) return found
  }
  return undefined
}

export const isIndex = (named: Relation | Index): named is Index => !('kind' in named)

export const rangeVarText = (name: RangeVar): string =>
  name.schemaname === undefined ? name.relname : `${name.schemaname}.${name.relname}`

export function undefinedRelation(name: RangeVar): SqlError {
  return new SqlError('42P01', `relation "${rangeVarText(name)}" does not exist`)
}

/** A schema is looked for before the relation in it. */
export function missingRelation(work: DdlWork, name: RangeVar): SqlError {
  const { schemaname } = name
  return schemaname !== undefined && work.draft.schema(schemaname) === undefined
    ? undefinedSchema(schemaname)
    : undefinedRelation(name)
}

export function systemCatalog(name: string): SqlError {
  return new SqlError('42501', `permission denied: "${name}" is a system catalog`)
}

export function kindOf(named: Relation | Index): 'table' | 'view' | 'sequence' | 'index' {
  return isIndex(named) ? 'index' : named.kind
}

/** `schema.name` where the search path does not find it, as messages of DROP spell it. */
export function visibleName(work: DdlWork, relation: Relation | Index): string {
  const found = findNamed(work, { relname: relation.name })
  if (found?.oid === relation.oid) return relation.name
  return `${work.draft.schemaByOid(relation.schemaOid)?.name}.${relation.name}`
}

export function relationExists(name: string): SqlError {
  return new SqlError('42P07', `relation "${name}" already exists`)
}

export function nameIsTaken(catalog: Catalog, schemaOid: Oid, name: string): boolean {
  return catalog.relation(schemaOid, name) !== undefined || catalog.index(schemaOid, name) !== undefined
}

/* ---------------------------------------------------------------- chosen names */

const bytesOf = (text: string): number => Buffer.byteLength(text)

/** No more than `bytesMax` bytes, cut between characters. */
export function clip(text: string, bytesMax: number): string {
  if (bytesOf(text) <= bytesMax) return text
  let clipped = ''
  let bytes = 0
  for (const character of text) {
    bytes += bytesOf(character)
    if (bytes > bytesMax) break
    clipped += character
  }
  return clipped
}

/** makeObjectName: name1_name2_label, the longer of the names shortened until it fits. */
export function objectName(first: string, second: string, label: string): string {
  const overhead = (label === '' ? 0 : bytesOf(label) + 1) + (second === '' ? 0 : 1)
  let [firstBytes, secondBytes] = [bytesOf(first), bytesOf(second)]
  while (firstBytes + secondBytes > identifierBytesMax - overhead) {
    if (firstBytes > secondBytes) firstBytes--
    else secondBytes--
  }
  return [clip(first, firstBytes), clip(second, secondBytes), label].filter((part) => part !== '').join('_')
}

/** ChooseRelationName: the first of label, label1, label2 ... that nobody has. */
export function chooseName(first: string, second: string, label: string, isTaken: (name: string) => boolean): string {
  for (let pass = 0; ; pass++) {
    const name = objectName(first, second, pass === 0 ? label : `${label}${pass}`)
    if (!isTaken(name)) return name
  }
}

/** ChooseIndexNameAddition: the columns' names joined, up to the length of a name. */
export function joinedColumns(names: readonly string[]): string {
  let joined = ''
  for (const name of names) {
    joined = joined === '' ? name : `${joined}_${name}`
    if (bytesOf(joined) >= identifierBytesMax + 1) break
  }
  return clip(joined, identifierBytesMax)
}

/** Every name of a constraint of the table: CHECKs and the indexes of PRIMARY KEY and UNIQUE. */
export function constraintNames(table: Table): Set<string> {
  const names = new Set(table.checks.map((check) => check.name))
  if (table.primaryKey !== undefined) names.add(table.primaryKey.name)
  for (const index of table.indexes) if (index.constraintOid !== undefined) names.add(index.name)
  return names
}
