import type { Oid } from '../../../../protocol/ids.ts'
import { quoteIdentifier } from './quote.ts'
import type { Catalog, Index, Relation } from './schema.ts'

/**
 * Stored expressions keep the places of relation names open, so that \d shows them as the reader's search path sees them, and a renamed
 * table or sequence is shown by its new name.
 */
export const relationMark = (oid: Oid): string => `\u0001${oid}\u0002`
/** Inside a quoted literal: 'public.s'::regclass. */
export const quotedRelationMark = (oid: Oid): string => `\u0001${oid}\u0003`

/** Every relation with its schema: what parses to the same thing whatever the search path. */
export function qualifiedText(template: string, catalog: Catalog): string {
  return expand(template, (oid) => qualifiedName(catalog, oid))
}

/** Puts names where the marks are. */
export function expand(template: string, nameOf: (oid: Oid) => string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they mark the places and occur in no SQL text of ours
  return template.replace(/\u0001(\d+)([\u0002\u0003])/g, (_, oid: string, end: string) => {
    const name = nameOf(Number(oid))
    return end === '\u0003' ? name.replaceAll("'", "''") : name
  })
}

export function qualifiedName(catalog: Catalog, oid: Oid): string {
  const named = catalog.relationByOid(oid) ?? catalog.indexByOid(oid)
  if (named === undefined) return String(oid)
  return `${quoteIdentifier(catalog.schemaByOid(named.schemaOid)?.name ?? '')}.${quoteIdentifier(named.name)}`
}

/** Qualified only where the search path does not find it: regclass output. */
export function visibleRelationName(catalog: Catalog, oid: Oid, searchPath: readonly string[]): string {
  const named = catalog.relationByOid(oid) ?? catalog.indexByOid(oid)
  if (named === undefined) return String(oid)
  return isVisible(catalog, named, searchPath) ? quoteIdentifier(named.name) : qualifiedName(catalog, oid)
}

/** Does the bare name find this relation first? */
export function isVisible(catalog: Catalog, named: Relation | Index, searchPath: readonly string[]): boolean {
  return findVisible(catalog, named.name, searchPath)?.oid === named.oid
}

export function findVisible(catalog: Catalog, name: string, searchPath: readonly string[]): Relation | Index | undefined {
  for (const candidate of effectivePath(searchPath)) {
    const schema = catalog.schema(candidate)
    if (schema === undefined) continue
    const found = catalog.relation(schema.oid, name) ?? catalog.index(schema.oid, name)
    if (found !== undefined) return found
  }
  return undefined
}

/** pg_catalog is searched first unless it is listed. */
export function effectivePath(searchPath: readonly string[]): readonly string[] {
  return searchPath.includes('pg_catalog') ? searchPath : ['pg_catalog', ...searchPath]
}
