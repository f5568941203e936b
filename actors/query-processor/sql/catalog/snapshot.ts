import { assert } from '../../../../protocol/assert.ts'
import type { Oid } from '../../../../protocol/ids.ts'
import type { Catalog, Index, Relation, Schema } from './schema.ts'
import { systemRelation, systemRelationByOid, systemRelations } from './system/relations.ts'
import { systemSchema, systemSchemaByOid, systemSchemas } from './system/schemas.ts'

/** What is stored, by oid. The system schemas and their relations are built in and not among it. */
export interface CatalogContent {
  readonly schemas: ReadonlyMap<Oid, Schema>
  readonly relations: ReadonlyMap<Oid, Relation>
}

/** A relation's indexes, the primary key's first. */
export function indexesOf(relation: Relation): readonly Index[] {
  if (relation.kind !== 'table') return []
  return relation.primaryKey === undefined ? relation.indexes : [relation.primaryKey, ...relation.indexes]
}

/** The catalog as Maps; never changed once made. */
export class CatalogSnapshot implements Catalog {
  readonly version: string
  readonly content: CatalogContent
  private readonly schemasByName = new Map<string, Schema>()
  private readonly relationsByName = new Map<string, Relation>()
  private readonly indexesByName = new Map<string, Index>()
  private readonly indexesByOid = new Map<Oid, Index>()

  constructor(version: string, content: CatalogContent) {
    this.version = version
    this.content = content
    for (const schema of content.schemas.values()) this.schemasByName.set(schema.name, schema)
    for (const relation of content.relations.values()) {
      assert(content.schemas.has(relation.schemaOid), 'a relation lies in a schema')
      this.relationsByName.set(nameKey(relation.schemaOid, relation.name), relation)
      for (const index of indexesOf(relation)) {
        this.indexesByName.set(nameKey(index.schemaOid, index.name), index)
        this.indexesByOid.set(index.oid, index)
      }
    }
  }

  schema(name: string): Schema | undefined {
    return this.schemasByName.get(name) ?? systemSchema(name)
  }

  schemaByOid(oid: Oid): Schema | undefined {
    return this.content.schemas.get(oid) ?? systemSchemaByOid(oid)
  }

  *schemas(): Iterable<Schema> {
    yield* systemSchemas
    yield* this.content.schemas.values()
  }

  relation(schemaOid: Oid, name: string): Relation | undefined {
    return this.relationsByName.get(nameKey(schemaOid, name)) ?? systemRelation(schemaOid, name)
  }

  relationByOid(oid: Oid): Relation | undefined {
    return this.content.relations.get(oid) ?? systemRelationByOid(oid)
  }

  *relations(): Iterable<Relation> {
    yield* systemRelations()
    yield* this.content.relations.values()
  }

  index(schemaOid: Oid, name: string): Index | undefined {
    return this.indexesByName.get(nameKey(schemaOid, name))
  }

  indexByOid(oid: Oid): Index | undefined {
    return this.indexesByOid.get(oid)
  }
}

function nameKey(schemaOid: Oid, name: string): string {
  return `${schemaOid}.${name}`
}
