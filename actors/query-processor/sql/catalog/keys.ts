import type { Oid } from '../../../../protocol/ids.ts'
import {
  firstUserStorageId,
  type Key,
  type KeyRange,
  pinnedKey,
  prefixRange,
  storageIdOf,
  storagePrefix,
} from '../../../../protocol/key.ts'

/**
 * Where the catalog lies in the key space. Ids below `firstUserOid` belong to the catalog; tables, indexes and sequences take oids and
 * storage ids from one counter, from `firstUserOid` on.
 */
export const firstUserOid = firstUserStorageId

const storage = { schemas: 1, schemaNames: 2, relations: 3, relationNames: 4, marker: 5, oidCounter: 6, jobs: 7 } as const

function u32(n: number): string {
  return storagePrefix(n)
}

/** A schema's descriptor. DDL that puts something into the schema checks it (S), DROP SCHEMA writes it (X). */
export function schemaKey(oid: Oid): Key {
  return (storagePrefix(storage.schemas) + u32(oid)) as Key
}

/** Held by the schema of that name; written X, so two CREATE SCHEMA of one name conflict. */
export function schemaNameKey(name: string): Key {
  return (storagePrefix(storage.schemaNames) + utf8Bytes(name)) as Key
}

/**
 * A relation's descriptor with its indexes and constraints: its version key (commit-protocol rule 21). Whoever writes rows of the
 * relation R-checks this key; DDL on it writes it X; a view or a foreign key that rests on it checks it S.
 */
export function relationVersionKey(oid: Oid): Key {
  return (storagePrefix(storage.relations) + u32(oid)) as Key
}

/** The oid whose version key this is, or undefined. */
export function relationVersionOf(key: Key): Oid | undefined {
  return key.length === 8 && storageIdOf(key) === storage.relations ? storageIdOf(key.slice(4) as Key) : undefined
}

/**
 * Stands for a relation's version key in another partition than the catalog's: DDL marks it in all of them, and who writes rows checks it
 * only where he is anyway.
 */
export function relationVersionKeyIn(partition: number, oid: Oid): Key {
  return pinnedKey(partition, u32(oid))
}

/** Held by the relation or index of that name; written X, so two CREATEs of one name conflict. */
export function relationNameKey(schemaOid: Oid, name: string): Key {
  return (storagePrefix(storage.relationNames) + u32(schemaOid) + utf8Bytes(name)) as Key
}

/** Written (E) by every change of the catalog with a value never used before: equal values, equal catalogs. */
export const catalogMarkerKey: Key = storagePrefix(storage.marker)

/** The next oid nobody has: reserved in blocks by transactions of their own. */
export const oidCounterKey: Key = storagePrefix(storage.oidCounter)

export function jobKey(id: string): Key {
  return (storagePrefix(storage.jobs) + utf8Bytes(id)) as Key
}

/** A sequence's counter. */
export function sequenceKey(storageId: number): Key {
  return storagePrefix(storageId)
}

export const schemasRange: KeyRange = prefixRange(storagePrefix(storage.schemas))
export const relationsRange: KeyRange = prefixRange(storagePrefix(storage.relations))
export const jobsRange: KeyRange = prefixRange(storagePrefix(storage.jobs))

function utf8Bytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}
