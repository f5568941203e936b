import { assert } from './assert.ts'

declare const keyBrand: unique symbol

/**
 * Order-preserving bytes, held as a binary string: one char per byte, so that `<` is memcmp, a key is a Map key
 * as it stands, and nobody can change it. Layout: 4 bytes storage id (big endian), then the columns' key encoding.
 */
export type Key = string & { readonly [keyBrand]: true }

/** Half open: start is in it, end is not. */
export interface KeyRange {
  readonly start: Key
  readonly end: Key
}

export const keyBytesMax = 1_900
/** Sorts after every key. */
export const keyEnd = '\xff\xff\xff\xff\xff' as Key
export const keyStart = '' as Key

/** The first four bytes of every key of one table, index or catalog relation. Ids from 1 to 2^32 - 2. */
export function storagePrefix(storageId: number): Key {
  assert(Number.isInteger(storageId) && storageId >= 0 && storageId < 0xffffffff, 'a storage id is a 32-bit number')
  return String.fromCharCode(storageId >>> 24, (storageId >>> 16) & 0xff, (storageId >>> 8) & 0xff, storageId & 0xff) as Key
}

export function storageIdOf(key: Key): number {
  return key.charCodeAt(0) * 0x1000000 + ((key.charCodeAt(1) << 16) | (key.charCodeAt(2) << 8) | key.charCodeAt(3))
}

/** The smallest key above every key that starts with `prefix`. */
export function prefixEnd(prefix: Key): Key {
  for (let i = prefix.length - 1; i >= 0; i--) {
    const byte = prefix.charCodeAt(i)
    if (byte < 0xff) return (prefix.slice(0, i) + String.fromCharCode(byte + 1)) as Key
  }
  return keyEnd
}

export function prefixRange(prefix: Key): KeyRange {
  return { start: prefix, end: prefixEnd(prefix) }
}

/** The smallest key above `key`. */
export function keyAfter(key: Key): Key {
  return `${key}\0` as Key
}

export function contains(range: KeyRange, key: Key): boolean {
  return key >= range.start && key < range.end
}

/**
 * Written (mode E, operation create, empty post-image) by whoever gives up a storage id for good: DROP, TRUNCATE, a rewrite. Storage removes
 * the rows below that id, and this key, once nobody can read them any more. It rides in the same transaction, so it is as durable.
 */
export function droppedStorageKey(storageId: number): Key {
  return (storagePrefix(0) + storagePrefix(storageId)) as Key
}

/** The storage id that `key` gives up, or undefined for any other key. */
export function droppedStorageId(key: Key): number | undefined {
  if (key.length !== 8 || storageIdOf(key) !== 0) return undefined
  return storageIdOf(key.slice(4) as Key)
}

/** Ids below it belong to the catalog; tables, indexes and sequences take theirs from it on. */
export const firstUserStorageId = 16_384

const pinnedStorageId = 8

/** A key that lies in the partition it names, whatever the map says: of things that every partition has for itself (rule 21). */
export function pinnedKey(partition: number, rest: string): Key {
  return (storagePrefix(pinnedStorageId) + storagePrefix(partition) + rest) as Key
}

/** The partition that a pinned key names; undefined for every other key. */
export function pinnedTo(key: Key): number | undefined {
  return storageIdOf(key) === pinnedStorageId ? storageIdOf(key.slice(4, 8) as Key) : undefined
}

/**
 * Where a key lies on the map of partitions: two bytes, spread evenly over the keys of users, so that neighbours of one table meet in different
 * partitions; the catalog lies together at the beginning. Storage shards go by the keys themselves.
 */
export function placeOf(key: Key): Key {
  if (storageIdOf(key) < firstUserStorageId) return catalogPlace
  let hash = 0x811c9dc5
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b)
  hash ^= hash >>> 13
  return String.fromCharCode((hash >>> 8) & 0xff, hash & 0xff) as Key
}

const catalogPlace = '\0\0' as Key
