import type { MaybePromise } from '../../../../bus/bus.ts'
import type { Key, KeyRange } from '../../../../protocol/key.ts'
import type { Mode, RowLayout } from '../../../../protocol/messages.ts'
import type { Predicate, StorageAggregate } from '../../../../protocol/predicate.ts'
import type { Value } from '../../../../protocol/values/value.ts'

/** Rows in key order, a batch at a time. `rows[i]` are the stored bytes under `keys[i]`. */
export interface RowBatch {
  readonly keys: readonly Key[]
  readonly rows: readonly Uint8Array[]
  /** Keys storage looked at for this batch: EXPLAIN ANALYZE adds them up. */
  readonly keysRead: number
  readonly aggregates?: readonly Value[]
}

export interface ScanSpecification {
  readonly range: KeyRange
  readonly reverse: boolean
  /** No more rows than this are needed; Infinity reads on. Batches grow from small to large. */
  readonly rowsMax: number
  readonly layout?: RowLayout
  readonly filter?: Predicate
  /** The scan answers one batch of partial results and no rows; own writes are included by the transaction. */
  readonly aggregates?: readonly StorageAggregate[]
}

/** Pull until undefined. A promise only where storage lives in another process or is behind. */
export interface RowScan {
  next(): MaybePromise<RowBatch | undefined>
}

/**
 * What execution may do to the data: one transaction's view at tauStart with its own writes on top (`transaction.ts` implements it).
 * `statement` visibility: a scan opened before a write of the same statement must not see that write; the transaction takes care of it
 * by command counters, as PostgreSQL does: scans see the writes of commands before `beginCommand()`.
 */
export interface Access {
  get(key: Key): MaybePromise<Uint8Array | undefined>
  scan(specification: ScanSpecification): RowScan
  /** The state including this command's own writes: unique checks and ON CONFLICT need it. */
  getLatest(key: Key): MaybePromise<Uint8Array | undefined>
  /** `mode` as in commit-protocol rule 4. create: the caller has seen that nothing is there (getLatest). */
  write(key: Key, postImage: Uint8Array | undefined, mode: Mode): void
  /** FOR UPDATE (X), FOR KEY SHARE (S). */
  check(key: Key, mode: Mode): void
  /** Reserves hidden row ids and sequence blocks in a transaction of their own (decision 15). */
  nextSequenceValue(sequenceOid: number): MaybePromise<bigint>
  /** A new hidden row id for a table without a primary key. */
  nextRowId(): Key
}
