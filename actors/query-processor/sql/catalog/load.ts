import type { MaybePromise } from '../../../../bus/bus.ts'
import type { Oid } from '../../../../protocol/ids.ts'
import type { Key, KeyRange } from '../../../../protocol/key.ts'
import type { RowBatch, RowScan, ScanSpecification } from '../execute/access.ts'
import { decodeDocument } from './document.ts'
import { catalogMarkerKey, relationsRange, schemaKey, schemasRange } from './keys.ts'
import type { Catalog, Relation, Schema } from './schema.ts'
import { CatalogSnapshot } from './snapshot.ts'
import { publicSchema } from './system/schemas.ts'

/** Reads at one tauStart: `Access` is one. */
export interface CatalogReader {
  get(key: Key): MaybePromise<Uint8Array | undefined>
  scan(specification: ScanSpecification): RowScan
  /** It has written the key itself: what it reads there is not committed. */
  hasWritten?(key: Key): boolean
}

type Rows = ReadonlyMap<Key, Uint8Array>

/** A database nobody has changed yet: schema public and nothing in it. */
export const emptyCatalog = new CatalogSnapshot('', {
  schemas: new Map([[publicSchema.oid, publicSchema]]),
  relations: new Map(),
})

/** Versions kept: readers at older tauStart, and sessions with DDL of their own in progress. */
const versionsMax = 8

/**
 * The catalog at a reader's tauStart, its own DDL included. Snapshots are shared by all sessions of a process and told apart by the marker,
 * which every change of the catalog sets to a value never used before.
 */
export class CatalogCache {
  private readonly byVersion = new Map<string, CatalogSnapshot>()
  /** The newest snapshot and the bytes it was made from: a descriptor that did not change is not decoded again. */
  private newest: { readonly rows: Rows; readonly catalog: CatalogSnapshot } = { rows: new Map(), catalog: emptyCatalog }

  /** There at once where storage is in this process; one `get` when the catalog has not changed. */
  load(reader: CatalogReader): MaybePromise<Catalog> {
    const marker = reader.get(catalogMarkerKey)
    return marker instanceof Promise ? marker.then((bytes) => this.at(reader, bytes)) : this.at(reader, marker)
  }

  /** A snapshot somebody made already: what DDL leaves behind for its own transaction. */
  keep(catalog: CatalogSnapshot): void {
    if (this.byVersion.size >= versionsMax) {
      const oldest = this.byVersion.keys().next().value
      if (oldest !== undefined) this.byVersion.delete(oldest)
    }
    this.byVersion.set(catalog.version, catalog)
  }

  private at(reader: CatalogReader, marker: Uint8Array | undefined): MaybePromise<Catalog> {
    if (marker === undefined) return emptyCatalog
    const version = reader.hasWritten?.(catalogMarkerKey) === true ? uncommittedVersion(marker) : catalogVersion(marker)
    const known = this.byVersion.get(version)
    if (known !== undefined) return known
    const rows = readRows(reader, [schemasRange, relationsRange])
    return rows instanceof Promise ? rows.then((read) => this.make(version, read)) : this.make(version, rows)
  }

  private make(version: string, rows: Rows): Catalog {
    const schemas = new Map<Oid, Schema>()
    const relations = new Map<Oid, Relation>()
    // Built in until somebody changes it; once dropped, its row says so with null.
    if (!rows.has(schemaKey(publicSchema.oid))) schemas.set(publicSchema.oid, publicSchema)
    for (const [key, bytes] of rows) {
      const isSame = this.isSame(key, bytes)
      if (key < schemasRange.end) {
        const schema = isSame ? this.newest.catalog.content.schemas.get(oidOf(key)) : undefined
        const decoded = schema ?? (decodeDocument(bytes) as unknown as Schema | null)
        if (decoded !== null) schemas.set(decoded.oid, decoded)
      } else {
        const relation = isSame ? this.newest.catalog.content.relations.get(oidOf(key)) : undefined
        const decoded = relation ?? (decodeDocument(bytes) as unknown as Relation)
        relations.set(decoded.oid, decoded)
      }
    }
    const catalog = new CatalogSnapshot(version, { schemas, relations })
    this.newest = { rows, catalog }
    this.keep(catalog)
    return catalog
  }

  private isSame(key: Key, bytes: Uint8Array): boolean {
    const before = this.newest.rows.get(key)
    return before !== undefined && Buffer.compare(before, bytes) === 0
  }
}

/** The marker's bytes as the version of the catalog they mark. */
export function catalogVersion(marker: Uint8Array): string {
  return Buffer.from(marker.buffer, marker.byteOffset, marker.byteLength).toString('hex')
}

/**
 * The same before it is committed: until then others may commit changes that its transaction does not see, and that the catalog under the
 * committed marker has.
 */
export function uncommittedVersion(marker: Uint8Array): string {
  return `${catalogVersion(marker)} uncommitted`
}

function oidOf(key: Key): Oid {
  return Buffer.from(key, 'latin1').readUInt32BE(4)
}

function readRows(reader: CatalogReader, ranges: readonly KeyRange[]): MaybePromise<Rows> {
  const rows = new Map<Key, Uint8Array>()
  const scans = ranges.map((range) => reader.scan({ range, reverse: false, rowsMax: Number.POSITIVE_INFINITY }))
  const take = (batch: RowBatch): void => {
    for (const [i, key] of batch.keys.entries()) rows.set(key, batch.rows[i] as Uint8Array)
  }
  const readOn = async (from: number, first: Promise<RowBatch | undefined>): Promise<Rows> => {
    let batch = await first
    for (let i = from; i < scans.length; i++) {
      if (i > from) batch = await scans[i]?.next()
      for (; batch !== undefined; batch = await scans[i]?.next()) take(batch)
    }
    return rows
  }
  for (const [i, scan] of scans.entries()) {
    for (;;) {
      const batch = scan.next()
      if (batch instanceof Promise) return readOn(i, batch)
      if (batch === undefined) break
      take(batch)
    }
  }
  return rows
}
