import type { Key, KeyRange } from '../../protocol/key.ts'
import type { PostImages, Write } from '../../protocol/messages.ts'
import type { Tau } from '../../protocol/time.ts'
import { type LateCursor, LateSortedMap } from './late-sorted-map.ts'
import { PackedRun, type RunWalk } from './packed-run.ts'
import { type Version, versionAt, withVersion } from './versions.ts'

/** A record that the disk does not hold whole. */
interface TailRecord {
  readonly images: PostImages
  readonly writes: readonly Write[] | PackedRun
}

/** Writes of one record, from `from` up to and without `to`. */
export interface TailPart extends TailRecord {
  readonly from: number
  readonly to: number
}

/**
 * Commits that the disk does not hold yet, in order: what reads find at once, and what is written behind. A version leaves when the disk
 * has it.
 */
export class Tail {
  private readonly rows = new LateSortedMap<Version>()
  /** Large transactions. */
  private runs: PackedRun[] = []
  /** Writes applied and not yet settled. */
  pendingCount = 0
  /** Those of large transactions among them: they wait for the disk before they are staged, and hold up nobody else. */
  pendingStaged = 0
  /** Every version here is newer than all versions of its key on disk. Journals that come in at their own pace may break it for a while. */
  isOrdered = true
  private highest = 0
  private records: TailRecord[] = []
  private settledRecords = 0
  private settledWrites = 0

  get holdsNothing(): boolean {
    return this.rows.size === 0 && this.runs.length === 0
  }

  put({ key, postImage }: Write, tau: Tau): void {
    const before = this.rows.get(key)
    const after = withVersion(before, tau, postImage)
    if (after !== before) this.rows.set(key, after)
  }

  /** The newest version at or below `at`. */
  find(key: Key, at: Tau): Version | undefined {
    let found = this.rows.size === 0 ? undefined : versionAt(this.rows.get(key), at)
    for (const run of this.runs) {
      if (run.tau > at || (found !== undefined && run.tau <= found.tau)) continue
      const cursor = run.find(key)
      if (cursor !== undefined) found = { tau: run.tau, postImage: cursor.postImage, older: undefined }
    }
    return found
  }

  walk({ start, end }: KeyRange, reverse: boolean, at: Tau): TailWalk {
    const walks = this.runs.filter((run) => run.tau <= at).map((run) => run.walk(start, end, reverse))
    return new TailWalk(this.rows.cursor(start, end, reverse), walks, reverse)
  }

  /** The record's writes have all been put. */
  complete(images: PostImages, writes: readonly Write[]): void {
    this.add({ images, writes })
  }

  /** The run's record has come: it is found from now on. */
  completeRun(images: PostImages, run: PackedRun): void {
    run.tau = images.tau
    this.runs.push(run)
    this.pendingStaged += run.length
    this.add({ images, writes: run })
  }

  private add(record: TailRecord): void {
    const { tau } = record.images
    this.records.push(record)
    this.pendingCount += record.writes.length
    if (tau < this.highest) this.isOrdered = false
    else this.highest = tau
  }

  get isEmpty(): boolean {
    return this.settledRecords === this.records.length
  }

  /** The oldest unsettled writes, in order, of a large transaction by themselves. A part that ends with its record completes it. */
  take(writesMax: number): TailPart[] {
    const parts: TailPart[] = []
    let from = this.settledWrites
    let count = 0
    for (let i = this.settledRecords; i < this.records.length && count < writesMax; i++) {
      const record = this.records[i] as TailRecord
      const isRun = record.writes instanceof PackedRun
      if (isRun && parts.length > 0) break
      const to = Math.min(record.writes.length, from + writesMax - count)
      parts.push({ ...record, from, to })
      count += to - from
      from = 0
      if (isRun || to < record.writes.length) break
    }
    return parts
  }

  /** What `take` gave last is on disk: its versions leave. */
  settle(parts: readonly TailPart[]): void {
    for (const { images, writes, from, to } of parts) {
      this.pendingCount -= to - from
      const isWhole = to === writes.length
      if (writes instanceof PackedRun) {
        this.pendingStaged -= to - from
        writes.settle(to)
        if (isWhole) this.runs = this.runs.filter((run) => run !== writes)
      } else for (let i = from; i < to; i++) this.drop((writes[i] as Write).key, images.tau)
      this.settledWrites = isWhole ? 0 : to
      if (isWhole) this.settledRecords++
    }
    if (this.isEmpty) this.isOrdered = true
    if (this.settledRecords > 1_024 && this.settledRecords * 2 > this.records.length) {
      this.records = this.records.slice(this.settledRecords)
      this.settledRecords = 0
    }
  }

  private drop(key: Key, tau: Tau): void {
    const newest = this.rows.get(key)
    if (newest === undefined) return
    if (newest.tau === tau) {
      if (newest.older === undefined) this.rows.delete(key)
      else this.rows.set(key, newest.older)
      return
    }
    let version = newest
    while (version.older !== undefined && version.older.tau > tau) version = version.older
    if (version.older?.tau === tau) version.older = version.older.older
  }
}

/** One walk over single rows and large transactions, each key once. Stands before the first key, like `Cursor`. */
export class TailWalk {
  key = '' as Key
  /** Those that have not come to their end, each on its next key. */
  private rows: LateCursor<Version> | undefined
  private runs: RunWalk[]
  private readonly isReverse: boolean
  private isFirst = true

  constructor(rows: LateCursor<Version>, runs: RunWalk[], isReverse: boolean) {
    this.rows = rows
    this.runs = runs
    this.isReverse = isReverse
  }

  /** False when the walk is over. */
  advance(): boolean {
    const { key, isFirst } = this
    this.isFirst = false
    if (this.rows !== undefined && (isFirst || this.rows.key === key) && !this.rows.advance()) this.rows = undefined
    if (this.runs.length > 0) this.runs = this.runs.filter((run) => (!isFirst && run.key !== key) || run.advance())
    let next = this.rows?.key
    for (const run of this.runs) {
      if (next === undefined || (this.isReverse ? run.key > next : run.key < next)) next = run.key
    }
    if (next === undefined) return false
    this.key = next
    return true
  }

  /** The key's newest version at or below `at`. */
  newest(at: Tau): Version | undefined {
    let found = this.rows !== undefined && this.rows.key === this.key ? versionAt(this.rows.value, at) : undefined
    for (const { key, run, number } of this.runs) {
      if (key !== this.key || (found !== undefined && run.tau <= found.tau)) continue
      found = { tau: run.tau, postImage: run.open(number).postImage, older: undefined }
    }
    return found
  }
}
