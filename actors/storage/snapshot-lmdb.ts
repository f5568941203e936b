import { assert } from '../../protocol/assert.ts'
import type { Key } from '../../protocol/key.ts'
import type { SnapshotVersion } from '../../protocol/snapshot.ts'
import { type Tau, tauZero } from '../../protocol/time.ts'
import {
  decodePositions,
  encodePositions,
  type LmdbTables,
  loadingName,
  openTables,
  partialName,
  positionsName,
  type ReadTransaction,
} from './lmdb-tables.ts'
import { Arena, asBuffer, beforeTombstone, historyKey, isDeleted, tauOf, versionHeadBytes } from './stored-version.ts'
import type { AppliedPosition, StoredPositions, StoreLoad, StoreSnapshot, VisitVersion } from './version-store.ts'

/** Versions visited in one turn. */
const versionsMax = 4_000

/** One read transaction of LMDB: what is written meanwhile is not in it, and pages that it needs are not used again as long as it is open. */
export class LmdbSnapshot implements StoreSnapshot {
  readonly positions: readonly AppliedPosition[]
  readonly versionHorizon: Tau
  /** Some writes of a record above the positions are there and the others are not. */
  readonly isPartial: boolean
  private readonly tables: LmdbTables
  private readonly transaction: ReadTransaction
  private last: string | undefined
  private isOpen = true

  constructor(tables: LmdbTables) {
    this.tables = tables
    tables.environment.resetReadTxn()
    this.transaction = tables.environment.useReadTransaction()
    const { transaction } = this
    const stored = tables.meta.get(positionsName, { transaction })
    const { positions, versionHorizon } =
      stored === undefined ? { positions: [], versionHorizon: tauZero } : decodePositions(stored)
    this.positions = positions
    this.versionHorizon = versionHorizon
    this.isPartial = tables.meta.get(partialName, { transaction }) !== undefined
    assert(tables.meta.get(loadingName, { transaction }) === undefined, 'what is being loaded is no snapshot')
  }

  walk(bytesMax: number, visit: VisitVersion): boolean {
    const { transaction, versionHorizon } = this
    const { rows, history } = this.tables
    let versions = 0
    let bytes = 0
    const from = this.last === undefined ? { start: '\0' } : { start: this.last, exclusiveStart: true }
    for (const { key, value } of rows.getRange({ ...from, transaction })) {
      let version: Buffer | undefined = asBuffer(value)
      while (version !== undefined) {
        const at: Tau = tauOf(version)
        visit(key as Key, at, isDeleted(version) ? undefined : version.subarray(versionHeadBytes, version.length))
        versions++
        bytes += version.length + key.length
        if (at <= versionHorizon) break
        const older: Buffer | undefined = history.get(historyKey(at, key as Key), { transaction })
        version = older === undefined ? undefined : asBuffer(older)
      }
      this.last = key
      if (bytes >= bytesMax || versions >= versionsMax) return true
    }
    return false
  }

  close(): void {
    if (this.isOpen) this.transaction.done()
    this.isOpen = false
  }
}

/** The storage directory of a process that may be running. */
export class LmdbReader {
  private readonly tables: LmdbTables

  constructor(directory: string) {
    this.tables = openTables(directory, true)
  }

  snapshot(): LmdbSnapshot {
    return new LmdbSnapshot(this.tables)
  }

  async close(): Promise<void> {
    await this.tables.environment.close()
  }
}

/** Fills empty tables. Until `complete` a mark says that they are nothing. */
export class LmdbLoad implements StoreLoad {
  private readonly tables: LmdbTables
  private readonly write: (work: () => void) => Promise<void>
  private readonly stored: StoredPositions
  private readonly completed: () => void
  private readonly arena = new Arena()
  private last: { readonly key: Key; readonly tau: Tau; readonly isTombstone: boolean } | undefined

  constructor(tables: LmdbTables, write: (work: () => void) => Promise<void>, stored: StoredPositions, completed: () => void) {
    this.tables = tables
    this.write = write
    this.stored = stored
    this.completed = completed
  }

  async begin(): Promise<void> {
    const { rows, history, meta } = this.tables
    await this.write(() => meta.put(loadingName, Buffer.from([1])))
    rows.clearSync()
    history.clearSync()
    await this.write(() => {
      meta.remove(positionsName)
      meta.remove(partialName)
    })
  }

  async put(versions: readonly SnapshotVersion[]): Promise<void> {
    const { rows, history } = this.tables
    await this.write(() => {
      for (const { key, tau, postImage } of versions) {
        const version = this.arena.version(tau, postImage)
        const { last } = this
        if (last?.key === key) {
          if (last.isTombstone) version[0] = (version[0] as number) | beforeTombstone
          history.put(historyKey(last.tau, key), version)
        } else rows.put(key, version)
        this.last = { key, tau, isTombstone: postImage === undefined }
      }
    })
  }

  async complete(): Promise<void> {
    const { meta, environment } = this.tables
    // Rows first: the mark may not go before they are there for good.
    await environment.flushed
    await this.write(() => {
      meta.put(positionsName, encodePositions(this.stored))
      meta.remove(loadingName)
    })
    await environment.flushed
    environment.resetReadTxn()
    this.completed()
  }
}

/** A load that was cut off left nothing behind. */
export function clearUnfinished({ rows, history, meta }: LmdbTables): void {
  if (meta.get(loadingName) === undefined) return
  rows.clearSync()
  history.clearSync()
  meta.clearSync()
}
