import { assert } from '../../../../protocol/assert.ts'
import type { Oid } from '../../../../protocol/ids.ts'
import { droppedStorageKey, type Key } from '../../../../protocol/key.ts'
import type { Mode } from '../../../../protocol/messages.ts'
import { type Document, encodeDocument } from './document.ts'
import { catalogMarkerKey, relationNameKey, relationVersionKey, schemaKey, schemaNameKey } from './keys.ts'
import { uncommittedVersion } from './load.ts'
import type { Catalog, Index, Relation, Schema } from './schema.ts'
import { type CatalogContent, CatalogSnapshot, indexesOf } from './snapshot.ts'
import { publicOid } from './system/schemas.ts'

interface CatalogWriter {
  write(key: Key, postImage: Uint8Array | undefined, mode: Mode): void
  check(key: Key, mode: Mode): void
}

/**
 * A catalog being changed by one DDL statement: reads see the changes made so far, nothing is written before `commit`.
 * Descriptors are replaced, never changed.
 */
export class CatalogDraft implements Catalog {
  readonly version = 'draft'
  private readonly base: CatalogSnapshot
  private readonly schemasByOid: Map<Oid, Schema>
  private readonly relationsByOid: Map<Oid, Relation>
  private readonly needed = new Set<Key>()
  /** Rebuilt after a change, when somebody looks. */
  private view: CatalogSnapshot | undefined

  constructor(base: CatalogSnapshot) {
    this.base = base
    this.schemasByOid = new Map(base.content.schemas)
    this.relationsByOid = new Map(base.content.relations)
    this.view = base
  }

  private get now(): CatalogSnapshot {
    this.view ??= new CatalogSnapshot(this.version, this.content())
    return this.view
  }

  private content(): CatalogContent {
    return { schemas: new Map(this.schemasByOid), relations: new Map(this.relationsByOid) }
  }

  schema = (name: string): Schema | undefined => this.now.schema(name)
  schemaByOid = (oid: Oid): Schema | undefined => this.now.schemaByOid(oid)
  schemas = (): Iterable<Schema> => this.now.schemas()
  relation = (schemaOid: Oid, name: string): Relation | undefined => this.now.relation(schemaOid, name)
  relationByOid = (oid: Oid): Relation | undefined => this.now.relationByOid(oid)
  relations = (): Iterable<Relation> => this.now.relations()
  index = (schemaOid: Oid, name: string): Index | undefined => this.now.index(schemaOid, name)
  indexByOid = (oid: Oid): Index | undefined => this.now.indexByOid(oid)

  /** User relations only. */
  stored(): Iterable<Relation> {
    return this.relationsByOid.values()
  }

  putSchema(schema: Schema): void {
    this.schemasByOid.set(schema.oid, schema)
    this.view = undefined
  }

  removeSchema(oid: Oid): void {
    this.schemasByOid.delete(oid)
    this.view = undefined
  }

  put(relation: Relation): void {
    assert(!(relation.kind === 'table' && relation.system), 'system relations are not stored')
    this.relationsByOid.set(relation.oid, relation)
    this.view = undefined
  }

  remove(oid: Oid): void {
    this.relationsByOid.delete(oid)
    this.view = undefined
  }

  /** What the change rests on and does not write: a concurrent DROP of it and this change cannot both commit. */
  needSchema(oid: Oid): void {
    this.needed.add(schemaKey(oid))
  }

  needRelation(oid: Oid): void {
    this.needed.add(relationVersionKey(oid))
  }

  /**
   * Writes the difference and answers the catalog as it is now; the base itself when nothing changed.
   * `marker` must never have been used before.
   */
  commit(writer: CatalogWriter, marker: Uint8Array): CatalogSnapshot {
    const written = this.writeSchemas(writer)
    const changed = this.changedRelations()
    for (const { oid, after } of changed) {
      const key = relationVersionKey(oid)
      written.add(key)
      writer.write(key, after === undefined ? undefined : encodeDocument(after as unknown as Document), 'X')
    }
    writeNames(writer, namesOf(changed.map(({ before }) => before)), namesOf(changed.map(({ after }) => after)))
    const given = storagesOf(changed.map(({ after }) => after))
    for (const storageId of storagesOf(changed.map(({ before }) => before))) {
      // Storage frees what lay there once nobody can read it any more.
      if (!given.has(storageId)) writer.write(droppedStorageKey(storageId), nothing, 'E')
    }
    for (const { after } of changed) if (after !== undefined) this.needSchema(after.schemaOid)
    if (written.size === 0) return this.base
    for (const key of this.needed) if (!written.has(key)) writer.check(key, 'S')
    writer.write(catalogMarkerKey, marker, 'E')
    return new CatalogSnapshot(uncommittedVersion(marker), this.content())
  }

  private writeSchemas(writer: CatalogWriter): Set<Key> {
    const written = new Set<Key>()
    const before = this.base.content.schemas
    const oids = new Set([...before.keys(), ...this.schemasByOid.keys()])
    const names = { before: new Map<Key, Oid>(), after: new Map<Key, Oid>() }
    for (const oid of oids) {
      const [was, is] = [before.get(oid), this.schemasByOid.get(oid)]
      if (was === is) continue
      if (was !== undefined) names.before.set(schemaNameKey(was.name), oid)
      if (is !== undefined) names.after.set(schemaNameKey(is.name), oid)
      const key = schemaKey(oid)
      written.add(key)
      // Schema public is there without a row: its absence needs one.
      const gone = oid === publicOid ? encodeDocument(null) : undefined
      writer.write(key, is === undefined ? gone : encodeDocument(is as unknown as Document), 'X')
    }
    writeNames(writer, names.before, names.after)
    return written
  }

  private changedRelations(): { oid: Oid; before: Relation | undefined; after: Relation | undefined }[] {
    const before = this.base.content.relations
    const changed = []
    for (const [oid, relation] of before) {
      const after = this.relationsByOid.get(oid)
      if (after !== relation) changed.push({ oid, before: relation, after })
    }
    for (const [oid, after] of this.relationsByOid) if (!before.has(oid)) changed.push({ oid, before: undefined, after })
    return changed
  }
}

const nothing = new Uint8Array()

/** The key spaces of tables and their indexes. */
function storagesOf(relations: readonly (Relation | undefined)[]): Set<number> {
  const storages = new Set<number>()
  for (const relation of relations) {
    if (relation?.kind !== 'table') continue
    storages.add(relation.storageId)
    for (const index of indexesOf(relation)) storages.add(index.storageId)
  }
  return storages
}

function namesOf(relations: readonly (Relation | undefined)[]): Map<Key, Oid> {
  const names = new Map<Key, Oid>()
  for (const relation of relations) {
    if (relation === undefined) continue
    names.set(relationNameKey(relation.schemaOid, relation.name), relation.oid)
    for (const index of indexesOf(relation)) names.set(relationNameKey(index.schemaOid, index.name), index.oid)
  }
  return names
}

function writeNames(writer: CatalogWriter, before: ReadonlyMap<Key, Oid>, after: ReadonlyMap<Key, Oid>): void {
  for (const key of before.keys()) if (!after.has(key)) writer.write(key, undefined, 'X')
  for (const [key, oid] of after) if (before.get(key) !== oid) writer.write(key, encodeDocument(oid), 'X')
}
