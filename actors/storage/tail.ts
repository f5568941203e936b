import type { Key } from '../../protocol/key.ts'
import type { PostImages, Write } from '../../protocol/messages.ts'
import type { Tau } from '../../protocol/time.ts'
import { SortedMap } from './sorted-map.ts'
import { type Stage, type Version, withoutStaged, withStaged, withVersion } from './versions.ts'

/** A write on its way to disk. */
export interface PendingWrite {
  readonly write: Write
  readonly tau: Tau
  readonly isStaged: boolean
}

/**
 * Commits that the disk does not hold yet, in order: what reads find at once, and what is written behind. A version leaves when the disk
 * has it.
 */
export class Tail {
  readonly rows = new SortedMap<Version>()
  /** Writes applied and not yet settled. */
  pendingCount = 0
  /** Those of large transactions among them: they wait for the disk before they are staged, and hold up nobody else. */
  pendingStaged = 0
  /** Every version here is newer than all versions of its key on disk. Journals that come in at their own pace may break it for a while. */
  isOrdered = true
  private highest = 0
  private records: PostImages[] = []
  private settledRecords = 0
  private settledWrites = 0

  put({ key, postImage }: Write, tau: Tau): void {
    const before = this.rows.get(key)
    const after = withVersion(before, tau, postImage)
    if (after !== before) this.rows.set(key, after)
  }

  /** Out of sight until the stage has its tau. */
  stage(writes: readonly Write[], stage: Stage): void {
    for (const write of writes) {
      this.rows.set(write.key, withStaged(this.rows.get(write.key), write, stage))
      stage.writes.push(write)
    }
  }

  unstage(writes: readonly Write[], stage: Stage): void {
    for (const { key } of writes) {
      const before = this.rows.get(key)
      const after = withoutStaged(before, stage)
      if (after === before) continue
      if (after === undefined) this.rows.delete(key)
      else this.rows.set(key, after)
    }
  }

  /** The record's writes have all been put, or staged. */
  complete(images: PostImages): void {
    this.records.push(images)
    this.pendingCount += images.writes.length
    if (images.staged !== undefined) this.pendingStaged += images.writes.length
    if (images.tau < this.highest) this.isOrdered = false
    else this.highest = images.tau
  }

  get isEmpty(): boolean {
    return this.settledRecords === this.records.length
  }

  /** The oldest unsettled writes, in order, and the records that end with them. */
  take(writesMax: number): { readonly writes: readonly PendingWrite[]; readonly completed: readonly PostImages[] } {
    const writes: PendingWrite[] = []
    const completed: PostImages[] = []
    let skip = this.settledWrites
    for (let i = this.settledRecords; i < this.records.length; i++) {
      const record = this.records[i] as PostImages
      const isStaged = record.staged !== undefined
      const from = skip
      skip = 0
      const to = Math.min(record.writes.length, from + writesMax - writes.length)
      for (let w = from; w < to; w++) writes.push({ write: record.writes[w] as Write, tau: record.tau, isStaged })
      if (to < record.writes.length) break
      completed.push(record)
      if (writes.length >= writesMax) break
    }
    return { writes, completed }
  }

  /** What `take` gave last is on disk: its versions leave. */
  settle(writes: readonly PendingWrite[], completed: readonly PostImages[]): void {
    for (const { write, tau } of writes) this.drop(write.key, tau)
    this.pendingCount -= writes.length
    for (const { isStaged } of writes) if (isStaged) this.pendingStaged--
    const last = writes.length
    let counted = -this.settledWrites
    for (const record of completed) counted += record.writes.length
    this.settledRecords += completed.length
    this.settledWrites = last - counted
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
