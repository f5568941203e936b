import type { MaybePromise } from '../../bus/bus.ts'
import type { Clock, Timer } from '../../bus/world.ts'
import { assert } from '../../protocol/assert.ts'
import type { Partition, Sequence } from '../../protocol/ids.ts'
import { droppedStorageId, type Key, type KeyRange, keyAfter, prefixRange, storagePrefix } from '../../protocol/key.ts'
import type { GetAnswer, PostImages, Write } from '../../protocol/messages.ts'
import { PackedWrites } from '../../protocol/packed-writes.ts'
import { type Tau, tau, tauMax, tauZero } from '../../protocol/time.ts'
import {
  decodePositions,
  encodePositions,
  type LmdbTables,
  openTables,
  partialName,
  positionsName,
  type Table,
} from './lmdb-tables.ts'
import { PackedRun } from './packed-run.ts'
import { clearUnfinished, LmdbLoad, LmdbSnapshot } from './snapshot-lmdb.ts'
import { Arena, asBuffer, beforeTombstone, historyKey, historyTau, isDeleted, tauOf, versionHeadBytes } from './stored-version.ts'
import { Tail, type TailPart, type TailWalk } from './tail.ts'
import {
  type AppliedPosition,
  nothingApplied,
  type ScanOptions,
  type StoredPositions,
  type StoreLoad,
  type StoreSnapshot,
  type VersionStore,
  type Visit,
} from './version-store.ts'
import type { Version } from './versions.ts'

/**
 * Rows on disk, in LMDB (architecture decision 4):
 *
 *     rows      key                                   -> newest version
 *     history   tau of the next newer version + key   -> the version before it
 *     meta      'positions'                           -> how far each journal has come, and the version horizon
 *
 * The history of a key is a chain of plain gets: the newest version's tau leads to the one before, and so on. Since history is ordered by
 * the tau at which a version ceased to be the newest, vacuum is the deletion of its beginning. A version is flags (u8), tau (f64), post-image.
 */

/** Writes put to disk, or versions freed, in one turn and one transaction. */
const sliceMax = 2_000
/** Patience makes larger transactions and spares the disk, which the journal needs; a restart after a crash reads that much again. */
const flushDelayMsDefault = 5_000
const pendingSoonMax = 50_000
/** Beyond it, appliers wait for the disk. */
const pendingMax = 400_000
/** As long as so much of earlier large transactions is not on disk, the next one is not staged. */
const pendingStagedMax = 100_000
/** Blocks of a large transaction taken from the journal in one turn. */
const blocksMax = 8
const retryDelayMs = 1_000

export class LmdbVersionStore implements VersionStore {
  versionHorizon = tauZero
  private readonly clock: Clock
  private readonly flushDelayMs: number
  private readonly tables: LmdbTables
  private readonly environment: LmdbTables['environment']
  private readonly rows: Table
  private readonly history: Table
  private readonly meta: Table
  private readonly tail = new Tail()
  private readonly positions: AppliedPosition[] = []
  private stored: AppliedPosition[] = []
  private syncedPositions: AppliedPosition[] = []
  /** What each journal has staged of a large transaction whose record has not come. */
  private readonly staged: (PackedRun | undefined)[] = []
  private isFlushing = false
  /** The disk holds some writes of a record and lacks the others. */
  private isPartial = false
  private flushTimer: Timer | undefined
  /** One writer at a time: flush and vacuum read before they write. */
  private writing: Promise<unknown> = Promise.resolve()
  private waiting: (() => void)[] = []
  private failure: unknown
  private isClosed = false

  constructor(clock: Clock, directory: string, options: { readonly flushDelayMs?: number } = {}) {
    this.clock = clock
    this.flushDelayMs = options.flushDelayMs ?? flushDelayMsDefault
    this.tables = openTables(directory)
    const { environment, rows, history, meta } = this.tables
    this.environment = environment
    this.rows = rows
    this.history = history
    this.meta = meta
    clearUnfinished(this.tables)
    this.isPartial = meta.get(partialName) !== undefined
    const positions = meta.get(positionsName)
    if (positions !== undefined) this.readPositions(positions)
  }

  get(key: Key, at: Tau): GetAnswer {
    const { tail } = this
    const found = tail.find(key, at)
    if (found !== undefined && tail.isOrdered) return answerOf(found)
    const bytes = this.visible(key, this.rows.getBinaryFast(key), at)
    if (found !== undefined && (bytes === undefined || tauOf(bytes) < found.tau)) return answerOf(found)
    if (bytes === undefined || isDeleted(bytes)) return undefined
    const length = bytes.length - versionHeadBytes
    const postImage = Buffer.allocUnsafe(length)
    postImage.set(bytes.subarray(versionHeadBytes, versionHeadBytes + length))
    return { postImage, tau: tauOf(bytes) }
  }

  /** From the newest version down to the one that a reader at `at` sees. */
  private visible(key: Key, newest: Buffer | undefined, at: Tau): Buffer | undefined {
    let bytes = newest
    while (bytes !== undefined && tauOf(bytes) > at) bytes = this.history.getBinaryFast(historyKey(tauOf(bytes), key))
    return bytes
  }

  scan(range: KeyRange, options: ScanOptions, visit: Visit): Key | undefined {
    const { reverse, at, keysMax = Number.POSITIVE_INFINITY } = options
    if (range.start >= range.end) return undefined
    const fresh = this.tail.holdsNothing ? undefined : this.tail.walk(range, reverse, at)
    let next = fresh?.advance() === true ? fresh : undefined
    let looked = 0
    const walk = this.rows.getRange(rangeOptions(range, reverse))[Symbol.iterator]()
    try {
      for (let step = walk.next(); step.done !== true; step = walk.next()) {
        const { key, value } = step.value as { key: Key; value: Buffer }
        if (reverse ? key < range.start : key >= range.end) break
        // Versions that are not on disk yet come in between, or stand above those that are.
        while (next !== undefined && (reverse ? next.key > key : next.key < key)) {
          if (looked++ >= keysMax) return next.key
          if (!visitFresh(next, at, visit)) return undefined
          next = next.advance() ? next : undefined
        }
        if (looked++ >= keysMax) return key
        let newest: Version | undefined
        if (next !== undefined && next.key === key) {
          newest = next.newest(at)
          next = next.advance() ? next : undefined
          if (newest !== undefined && this.tail.isOrdered) {
            if (!visitVersion(key, newest, visit)) return undefined
            continue
          }
        }
        const bytes = tauOf(value) <= at ? value : this.visible(key, value, at)
        if (newest !== undefined && (bytes === undefined || tauOf(bytes) < newest.tau)) {
          if (!visitVersion(key, newest, visit)) return undefined
        } else if (bytes !== undefined && !isDeleted(bytes)) {
          if (!visit(key, asBuffer(bytes), versionHeadBytes, bytes.length)) return undefined
        }
      }
    } finally {
      walk.return?.()
    }
    for (; next !== undefined; next = next.advance() ? next : undefined) {
      if (looked++ >= keysMax) return next.key
      if (!visitFresh(next, at, visit)) return undefined
    }
    return undefined
  }

  apply(images: PostImages): MaybePromise<void> {
    const { writes } = images
    if (images.staged !== undefined) {
      this.applyStaged(images)
      return undefined
    }
    if (writes instanceof PackedWrites) return this.applyPacked(images, writes)
    if (writes.length > sliceMax || this.isBehind()) return this.applySlices(images, writes)
    for (const write of writes) this.tail.put(write, images.tau)
    this.tail.complete(images, writes)
    this.advance(images)
    return undefined
  }

  private isBehind(): boolean {
    return this.tail.pendingCount - this.tail.pendingStaged > pendingMax
  }

  /** What is staged counts from now on: one assignment, however much it is. */
  private applyStaged(images: PostImages): void {
    const run = this.staged[images.partition] ?? new PackedRun()
    this.staged[images.partition] = undefined
    assert(run.length === images.staged, 'what a record names has been staged whole')
    this.tail.completeRun(images, run)
    this.advance(images)
  }

  /** From the journal, at a start: what it takes is an index of its keys, and reads need not wait for the disk. */
  private async applyPacked(images: PostImages, { blocks }: PackedWrites): Promise<void> {
    const run = new PackedRun()
    for (const [i, block] of blocks.entries()) {
      run.add(new PackedWrites([block]))
      if (i % blocksMax === blocksMax - 1) await new Promise<void>((resolve) => this.clock.soon(resolve))
    }
    this.tail.completeRun(images, run)
    this.advance(images)
  }

  stage(partition: Partition, writes: PackedWrites): MaybePromise<void> {
    let run = this.staged[partition]
    if (run === undefined && this.tail.pendingStaged > pendingStagedMax && this.failure === undefined) {
      return new Promise<void>((resolve) => this.waiting.push(resolve)).then(() => this.stage(partition, writes))
    }
    run ??= new PackedRun()
    this.staged[partition] = run
    run.add(writes)
  }

  unstage(partition: Partition): void {
    this.staged[partition] = undefined
  }

  private async applySlices(images: PostImages, writes: readonly Write[]): Promise<void> {
    while (this.isBehind() && this.failure === undefined) {
      this.flushSoon()
      await new Promise<void>((resolve) => this.waiting.push(resolve))
    }
    for (let from = 0; from < writes.length; from += sliceMax) {
      for (const write of writes.slice(from, from + sliceMax)) this.tail.put(write, images.tau)
      await new Promise<void>((resolve) => this.clock.soon(resolve))
    }
    this.tail.complete(images, writes)
    this.advance(images)
  }

  private advance(images: PostImages): void {
    this.positions[images.partition] = { sequence: images.sequence, tau: images.tau }
    this.flushSoon()
  }

  applied(partition: Partition): AppliedPosition {
    return this.positions[partition] ?? nothingApplied
  }

  synced(partition: Partition): Sequence {
    return (this.syncedPositions[partition] ?? nothingApplied).sequence
  }

  crowded(): boolean {
    return this.failure !== undefined
  }

  private flushSoon(): void {
    if (this.isFlushing || this.isClosed) return
    const isUrgent = this.tail.pendingCount > pendingSoonMax
    if (this.flushTimer !== undefined) {
      if (!isUrgent) return
      this.flushTimer.cancel()
    }
    this.flushTimer = this.clock.after(isUrgent ? 0 : this.flushDelayMs, () => {
      this.flushTimer = undefined
      void this.flush()
    })
  }

  /** Until the disk holds everything. A full disk leaves the rest in memory: reads go on, and it is tried again. */
  private async flush(): Promise<void> {
    if (this.isFlushing) return
    this.isFlushing = true
    try {
      while (!this.tail.isEmpty) await this.alone(() => this.flushSlice())
      this.failure = undefined
    } catch (error) {
      this.failure = error
    } finally {
      this.isFlushing = false
      for (const go of this.waiting.splice(0)) go()
    }
    if (this.failure !== undefined && !this.isClosed) {
      this.flushTimer ??= this.clock.after(retryDelayMs, () => {
        this.flushTimer = undefined
        void this.flush()
      })
    } else if (!this.tail.isEmpty) this.flushSoon()
  }

  private async flushSlice(): Promise<void> {
    const parts = this.tail.take(sliceMax)
    const completed = parts.filter(({ writes, to }) => to === writes.length)
    const isPartial = completed.length < parts.length
    const after = [...this.stored]
    for (const { images } of completed) after[images.partition] = { sequence: images.sequence, tau: images.tau }
    await this.write(() => {
      const slice = new Slice(this.rows, this.history)
      for (const part of parts) slice.placeAll(part)
      if (completed.length > 0) this.meta.put(positionsName, this.positionBytes(after))
      if (isPartial && !this.isPartial) this.meta.put(partialName, Buffer.from([1]))
      else if (!isPartial && this.isPartial) this.meta.remove(partialName)
    })
    this.isPartial = isPartial
    this.environment.resetReadTxn()
    this.stored = after
    this.tail.settle(parts)
    if (!this.isBehind()) for (const go of this.waiting.splice(0)) go()
    const flushed = Promise.resolve(this.environment.flushed)
    void flushed.then(
      () => {
        if (this.stored.every(({ sequence }, p) => sequence >= (after[p]?.sequence ?? 0))) this.syncedPositions = after
      },
      (error: unknown) => {
        this.failure = error
      },
    )
  }

  async vacuum(horizon: Tau): Promise<boolean> {
    this.versionHorizon = tauMax(this.versionHorizon, horizon)
    return this.alone(() => this.vacuumSlice(this.versionHorizon))
  }

  private async vacuumSlice(horizon: Tau): Promise<boolean> {
    const due: string[] = []
    const gone: string[] = []
    const end = historyKey(tau(horizon + 1), '' as Key)
    for (const { key, value } of this.history.getRange({ start: '\0', end, limit: sliceMax })) {
      due.push(key)
      if (((value[0] as number) & beforeTombstone) !== 0) gone.push(key)
    }
    const dead = gone.filter((key) => {
      const newest = this.rows.getBinaryFast(key.slice(8))
      return newest !== undefined && isDeleted(newest) && tauOf(newest) === historyTau(key)
    })
    const dropped = due.length === sliceMax ? [] : this.droppedKeys(horizon, sliceMax - due.length)
    if (due.length + dropped.length === 0) return false
    await this.write(() => {
      for (const key of due) this.history.remove(key)
      for (const key of dead) this.rows.remove(key.slice(8))
      for (const key of dropped) this.rows.remove(key)
      this.meta.put(positionsName, this.positionBytes(this.stored))
    })
    this.environment.resetReadTxn()
    return true
  }

  /** Rows below storage ids given up at or below the horizon, and the marks themselves once nothing is left below them. */
  private droppedKeys(horizon: Tau, budget: number): string[] {
    const marks: Key[] = []
    for (const { key, value } of this.rows.getRange(prefixRange(storagePrefix(0)))) {
      if (tauOf(value) <= horizon) marks.push(key as Key)
    }
    const keys: string[] = []
    for (const mark of marks) {
      const id = droppedStorageId(mark)
      assert(id !== undefined, 'below storage id 0 lie marks of dropped ids')
      const room = budget - keys.length
      let count = 0
      for (const key of this.rows.getKeys({ ...prefixRange(storagePrefix(id)), limit: room })) {
        keys.push(key)
        count++
      }
      if (count === room) break
      keys.push(mark)
    }
    return keys
  }

  bytesUsed(): number {
    const stats = this.environment.getStats() as { readonly lastPageNumber?: number; readonly pageSize?: number }
    return (stats.lastPageNumber ?? 0) * (stats.pageSize ?? 4_096)
  }

  /** What is applied now is in it: it waits until the disk has that. */
  async snapshot(): Promise<StoreSnapshot> {
    const wanted = [...this.positions]
    for (;;) {
      const isThere = wanted.every(({ sequence }, p) => (this.stored[p]?.sequence ?? 0) >= sequence)
      if (isThere && !this.isPartial) {
        const snapshot = await this.alone(async () => new LmdbSnapshot(this.tables))
        if (!snapshot.isPartial) return snapshot
        snapshot.close()
      }
      if (this.failure !== undefined) throw this.failure
      void this.flush()
      await new Promise<void>((resolve) => this.waiting.push(resolve))
    }
  }

  async load(stored: StoredPositions): Promise<StoreLoad> {
    assert(this.tail.isEmpty && !this.isFlushing, 'a store takes a snapshot before it applies anything')
    const { positions, versionHorizon } = stored
    const write = (work: () => void): Promise<void> => this.alone(() => this.write(work))
    const load = new LmdbLoad(this.tables, write, stored, () => {
      this.versionHorizon = versionHorizon
      this.positions.splice(0, this.positions.length, ...positions)
      this.stored = [...positions]
      this.syncedPositions = [...positions]
    })
    await load.begin()
    this.positions.length = 0
    this.stored = []
    this.syncedPositions = []
    this.isPartial = false
    this.environment.resetReadTxn()
    return load
  }

  /** The rows are as they are, and the journals are other ones: these positions are where they begin. Durable when it resolves. */
  async beginAnew(positions: readonly AppliedPosition[]): Promise<void> {
    await this.flush()
    if (this.failure !== undefined) throw this.failure
    await this.environment.flushed
    await this.alone(() => this.write(() => this.meta.put(positionsName, this.positionBytes(positions))))
    this.positions.splice(0, this.positions.length, ...positions)
    this.stored = [...positions]
    await this.environment.flushed
    this.syncedPositions = [...positions]
  }

  async close(): Promise<void> {
    this.isClosed = true
    this.flushTimer?.cancel()
    await this.alone(async () => {})
    while (this.isFlushing) await new Promise<void>((resolve) => this.waiting.push(resolve))
    await this.flush()
    await this.environment.flushed
    await this.environment.close()
  }

  /** One transaction; rejects with the reason, such as a full disk, and then nothing of it is there. */
  private async write(work: () => void): Promise<void> {
    try {
      await this.environment.batch(work)
    } catch (error) {
      // LMDB tells the reason later, in a promise of its own that rejects.
      await (error as { commitError?: Promise<never> }).commitError
      throw error
    }
  }

  private alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.writing.then(work)
    this.writing = result.catch(() => {})
    return result
  }

  private positionBytes(positions: readonly AppliedPosition[]): Buffer {
    return encodePositions({ versionHorizon: this.versionHorizon, positions })
  }

  private readPositions(bytes: Buffer): void {
    const { versionHorizon, positions } = decodePositions(bytes)
    this.versionHorizon = versionHorizon
    this.positions.push(...positions)
    this.stored = [...positions]
    this.syncedPositions = [...positions]
  }
}

/** One transaction's writes. LMDB's reads do not see them yet, so the slice remembers what it has put. */
class Slice {
  private readonly rows: Table
  private readonly history: Table
  private readonly newest = new Map<Key, Buffer>()
  private readonly older = new Map<string, Buffer>()
  private readonly arena = new Arena()

  constructor(rows: Table, history: Table) {
    this.rows = rows
    this.history = history
  }

  placeAll({ images: { tau }, writes, from, to }: TailPart): void {
    if (writes instanceof PackedRun) {
      if (from < to) this.placeRun(writes, tau, from, to)
    } else for (let i = from; i < to; i++) this.place(writes[i] as Write, tau)
  }

  /** Of a large transaction, alone in its slice. Most are loads: where the disk holds nothing between the first key and the last, nobody looks. */
  private placeRun(run: PackedRun, tau: Tau, from: number, to: number): void {
    const range = { start: run.writeAt(from).key, end: keyAfter(run.writeAt(to - 1).key) }
    let isFree = true
    for (const _ of this.rows.getKeys({ ...range, limit: 1 })) isFree = false
    for (let i = from; i < to; i++) {
      if (isFree) {
        const { key, postImage } = run.writeAt(i)
        this.rows.put(key, this.arena.version(tau, postImage))
      } else this.place(run.writeAt(i), tau)
    }
  }

  /** One version in its place: the newest under the key itself, what it supersedes into history. */
  private place({ key, postImage }: Write, tau: Tau): void {
    const before = this.newest.get(key) ?? this.rows.getBinaryFast(key)
    const beforeTau = before === undefined ? tauZero : tauOf(before)
    if (before !== undefined && beforeTau > tau) {
      this.placeBelow(key, this.arena.version(tau, postImage), beforeTau)
      return
    }
    if (before !== undefined && beforeTau < tau) this.supersede(key, before, tau, postImage === undefined)
    const version = this.arena.version(tau, postImage)
    this.rows.put(key, version)
    this.newest.set(key, version)
  }

  /** A version that arrives after a newer one of its key, from another journal: down the chain to where its tau belongs. */
  private placeBelow(key: Key, version: Buffer, newer: Tau): void {
    const at = tauOf(version)
    let above = newer
    for (;;) {
      const name = historyKey(above, key)
      const found = this.older.get(name) ?? this.history.getBinaryFast(name)
      const foundTau = found === undefined ? undefined : tauOf(found)
      if (foundTau !== undefined && foundTau > at) {
        above = foundTau
        continue
      }
      const aboveIsTombstone = found !== undefined && ((found[0] as number) & beforeTombstone) !== 0
      if (found !== undefined && foundTau !== undefined && foundTau < at) this.supersede(key, found, at, isDeleted(version))
      this.supersede(key, version, above, aboveIsTombstone || this.isTombstoneAt(key, above))
      return
    }
  }

  private isTombstoneAt(key: Key, at: Tau): boolean {
    const newest = this.newest.get(key) ?? this.rows.getBinaryFast(key)
    return newest !== undefined && tauOf(newest) === at && isDeleted(newest)
  }

  private supersede(key: Key, version: Uint8Array, by: Tau, byTombstone: boolean): void {
    const name = historyKey(by, key)
    const copy = this.arena.copy(version, byTombstone ? beforeTombstone : 0)
    this.history.put(name, copy)
    this.older.set(name, copy)
  }
}

function answerOf({ tau, postImage }: Version): GetAnswer {
  return postImage === undefined ? undefined : { postImage, tau }
}

function visitFresh(walk: TailWalk, at: Tau, visit: Visit): boolean {
  const version = walk.newest(at)
  return version === undefined || visitVersion(walk.key, version, visit)
}

function visitVersion(key: Key, { postImage }: Version, visit: Visit): boolean {
  if (postImage === undefined) return true
  return visit(key, Buffer.from(postImage.buffer, postImage.byteOffset, postImage.length), 0, postImage.length)
}

/** LMDB has no empty keys, and its reverse ranges include their start and not their end. */
function rangeOptions({ start, end }: KeyRange, reverse: boolean): object {
  if (reverse) return { start: end, exclusiveStart: true, end: undefined, reverse: true }
  return { start: start === '' ? '\0' : start, end }
}
