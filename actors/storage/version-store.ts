import type { MaybePromise } from '../../bus/bus.ts'
import type { Partition, Sequence } from '../../protocol/ids.ts'
import type { Key, KeyRange } from '../../protocol/key.ts'
import type { GetAnswer, PostImages } from '../../protocol/messages.ts'
import type { PackedWrites } from '../../protocol/packed-writes.ts'
import type { SnapshotVersion } from '../../protocol/snapshot.ts'
import type { Tau } from '../../protocol/time.ts'

/**
 * Looks at one visible version: its row is `bytes` from `start` to `end`, which the store may overwrite after the call. False ends the scan.
 * `key` is only valid where the scan was asked for keys.
 */
export type Visit = (key: Key, bytes: Buffer, start: number, end: number) => boolean

export interface ScanOptions {
  readonly reverse: boolean
  readonly at: Tau
  readonly keysMax?: number
}

/** How far a journal has come into the store: its last record here. */
export interface AppliedPosition {
  readonly sequence: Sequence
  readonly tau: Tau
}

/** Before the first record. */
export const nothingApplied: AppliedPosition = { sequence: 0 as Sequence, tau: 0 as Tau }

/** How far each journal has come into a store, and its version horizon. */
export interface StoredPositions {
  readonly versionHorizon: Tau
  readonly positions: readonly AppliedPosition[]
}

/** Looks at one version; its post-image, undefined for a tombstone, is only valid during the call. */
export type VisitVersion = (key: Key, at: Tau, postImage: Uint8Array | undefined) => void

/** A store's content as it was at one moment, read in slices while others go on. */
export interface StoreSnapshot extends StoredPositions {
  /**
   * Visits the next versions in key order, of each key the newest first, down to the newest at or below the version horizon: about so many
   * bytes of them. False: those were the last. Versions of later records may be among them; the positions never say more than there is.
   * The horizon is the one at the end.
   */
  walk(bytesMax: number, visit: VisitVersion): boolean
  close(): void
}

/** A store being filled. It is empty until it is complete, whatever happens. */
export interface StoreLoad {
  /** Versions as `walk` gave them, in that order. */
  put(versions: readonly SnapshotVersion[]): Promise<void>
  /** Durable when it resolves. */
  complete(): Promise<void>
}

/**
 * Every version of every row of a shard, ordered by key and tau. Reads are synchronous; applying is synchronous and cheap, what it costs to
 * make it durable happens behind. `test/version-store-contract.ts` runs on each implementation.
 */
export interface VersionStore {
  /** The newest version at or below `at`, a copy; undefined where there is none or it is a tombstone. */
  get(key: Key, at: Tau): GetAnswer
  /**
   * Visits what is visible at `at` in [start, end), in key order, or from its end backwards. Answers the key it would have looked at next, where
   * it has looked at `keysMax`: what is deleted or comes later is not visited, and takes its time all the same.
   */
  scan(range: KeyRange, options: ScanOptions, visit: Visit): Key | undefined
  /**
   * Takes one record's writes and moves the journal's position, in the journal's order. Versions are ordered by tau, not by arrival.
   * Large records take several turns: they become visible with the position, and the promise says when.
   */
  apply(images: PostImages): MaybePromise<void>
  /**
   * Takes writes of a large transaction whose record comes later, out of every reader's sight. The record then only says that they count
   * (`staged`), in one step. They come in key order. The promise holds back who brings more than the disk can follow. One transaction of a
   * journal is staged at a time.
   */
  stage(partition: Partition, writes: PackedWrites): MaybePromise<void>
  /** What that journal has staged goes. */
  unstage(partition: Partition): MaybePromise<void>
  /** What reads find. */
  applied(partition: Partition): AppliedPosition
  /** What survives a crash: the journal may be trimmed up to it (rule 17). */
  synced(partition: Partition): Sequence
  /** Reads below it fail: versions that only they would see may be gone. */
  readonly versionHorizon: Tau
  /** Moves the version horizon and frees some of what lies below; true while there is more to do at once. */
  vacuum(horizon: Tau): MaybePromise<boolean>
  /** The disk takes no more: commits are refused until it does (53100). */
  crowded(): boolean
  /** Bytes on disk or in memory, roughly. */
  bytesUsed(): number
  /** Its content, of at least what is applied now. */
  snapshot(): Promise<StoreSnapshot>
  /** Gives up what it holds and takes a snapshot's versions, before anything is applied. */
  load(stored: StoredPositions): Promise<StoreLoad>
  /** Makes everything applied durable and lets go of the files. */
  close(): Promise<void>
}
