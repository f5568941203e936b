import { SqlError } from '../../../../protocol/errors.ts'
import type { Catalog, Index, Relation } from '../catalog/schema.ts'

/** Relations and indexes by the search path. */

/** pg_catalog comes first unless the path lists it. */
function effectivePath(searchPath: readonly string[]): readonly string[] {
  return searchPath.includes('pg_catalog') ? searchPath : ['pg_catalog', ...searchPath]
}

export function findRelation(
  catalog: Catalog,
  searchPath: readonly string[],
  name: { readonly schema?: string | undefined; readonly name: string },
): Relation | undefined {
  if (name.schema !== undefined) {
    const schema = catalog.schema(name.schema)
    return schema === undefined ? undefined : catalog.relation(schema.oid, name.name)
  }
  for (const schemaName of effectivePath(searchPath)) {
    const schema = catalog.schema(schemaName)
    const relation = schema === undefined ? undefined : catalog.relation(schema.oid, name.name)
    if (relation !== undefined) return relation
  }
  return undefined
}

export function findIndex(
  catalog: Catalog,
  searchPath: readonly string[],
  name: { readonly schema?: string | undefined; readonly name: string },
): Index | undefined {
  for (const schemaName of name.schema === undefined ? effectivePath(searchPath) : [name.schema]) {
    const schema = catalog.schema(schemaName)
    const index = schema === undefined ? undefined : catalog.index(schema.oid, name.name)
    if (index !== undefined) return index
  }
  return undefined
}

/** Takes 'a.b', '"A"."b c"' apart and folds what is not quoted; 42602 for what is no name. */
export function splitQualifiedName(written: string): string[] {
  const parts: string[] = []
  let at = 0
  const skip = () => {
    while (/\s/.test(written[at] ?? '')) at++
  }
  const invalid = () => new SqlError('42602', 'invalid name syntax')
  skip()
  while (true) {
    if (written[at] === '"') {
      let part = ''
      for (at++; ; at++) {
        if (at >= written.length) throw invalid()
        if (written[at] === '"') {
          if (written[at + 1] !== '"') break
          at++
        }
        part += written[at]
      }
      if (part === '') throw invalid()
      at++
      parts.push(part)
    } else {
      const match = /^[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/.exec(written.slice(at))
      if (match === null) throw invalid()
      parts.push(match[0].toLowerCase())
      at += match[0].length
    }
    skip()
    if (at >= written.length) return parts
    if (written[at] !== '.') throw invalid()
    at++
    skip()
  }
}
