import type { Epoch, MapVersion, Oid, Owner, Partition, Sequence, TransactionId, Vector } from './ids.ts'
import type { Key, KeyRange } from './key.ts'
import type { PackedWrites, Writes } from './packed-writes.ts'
import type { Predicate, StorageAggregate } from './predicate.ts'
import type { Tau } from './time.ts'
import type { Value } from './values/value.ts'

/** Every message carries the sender's clock (microseconds since the Unix epoch): the highest wall-clock reading it knows. */
export interface Stamped {
  readonly clock: number
}

/* ---------------------------------------------------------------- writes and records (commit-protocol.md, "What the journal holds") */

/**
 * How a key takes part (rule 4). X insert, delete, update of a key column, FOR UPDATE, entry of a unique index; N other update;
 * S FOR KEY SHARE, foreign-key parent; R key or range read by SERIALIZABLE, catalog version used, row whose index entry is written
 * without writing the row. E: entered and not checked (entry of a non-unique index, catalog change marker).
 */
export type Mode = 'X' | 'N' | 'S' | 'R' | 'E'

export type WriteOperation = 'create' | 'update' | 'delete'

/** One key's new state. A delete carries no post-image: its version is a tombstone. */
export interface Write {
  readonly key: Key
  readonly operation: WriteOperation
  readonly mode: Mode
  readonly postImage: Uint8Array | undefined
}

/** A key (or scanned range) that must not have changed, and is not written. */
export type Check = { readonly key: Key; readonly mode: Mode } | { readonly range: KeyRange; readonly mode: 'R' }

export interface CommittedTransaction {
  readonly id: TransactionId
  readonly tauStart: Tau
  readonly writes: Writes
  readonly checks: readonly Check[]
  /** W3C trace context of the committing statement, or ''. */
  readonly traceparent: string
}

export interface RecordHead {
  readonly partition: Partition
  readonly epoch: Epoch
  readonly owner: Owner
  readonly mapVersion: MapVersion
  readonly tau: Tau
  readonly horizon: Tau
  /** Hash of the record before, 16 bytes as a binary string; '' in the first. */
  readonly prevHash: string
}

/** A range of places given away (rule 20): the seal's own words, which hold until the receiver has opened it. */
export interface SealedRange {
  readonly range: KeyRange
  readonly to: Partition
  /** Of the giver's journal: names the seal. */
  readonly version: MapVersion
  readonly horizon: Tau
}

/** Seals of `from` are opened in order: all up to this version have been. */
export interface OpenedUpTo {
  readonly from: Partition
  readonly version: MapVersion
}

/** What an epoch record repeats, so that everything before it may be trimmed. */
export interface RangesStated {
  readonly ranges: readonly KeyRange[]
  readonly sealed?: readonly SealedRange[]
  readonly opened?: readonly OpenedUpTo[]
}

/** What one journal says of the map: it grows by one version with each seal and each open. */
export interface Holdings extends Required<RangesStated> {
  readonly version: MapVersion
}

/** One entry of a journal: only decisions (commit-protocol.md). All transactions of a record share its tau. */
export type JournalRecord = RecordHead &
  (
    | ({ readonly kind: 'epoch' } & RangesStated)
    /** `isStaged`: whoever followed this owner's staging has the one transaction's writes already. */
    | { readonly kind: 'commit'; readonly transactions: readonly CommittedTransaction[]; readonly isStaged?: true }
    | { readonly kind: 'heartbeat'; readonly released: boolean }
    | { readonly kind: 'seal'; readonly range: KeyRange; readonly to: Partition }
    | {
        readonly kind: 'open'
        readonly range: KeyRange
        readonly from: Partition
        /** The seal's map version, which names it, and its horizon. */
        readonly sealed: MapVersion
        readonly floor: Tau
      }
  )

/* ---------------------------------------------------------------- begin (rule 12) and commit (rules 4-7) */

export interface BeginRequest extends Stamped {
  readonly kind: 'begin'
}
/** tau and n are those of the last acknowledged record, read after the request was taken. */
export interface BeginAnswer extends Stamped {
  readonly tau: Tau
  readonly sequence: Sequence
  readonly mapVersion: MapVersion
}

export interface ClosedRequest extends Stamped {
  readonly kind: 'closed'
  readonly at: Tau
}
/** Every record with tau <= `at` has a sequence <= `sequence` (rule 13). */
export interface ClosedAnswer extends Stamped {
  readonly sequence: Sequence
}

export interface CommitRequest extends Stamped {
  readonly kind: 'commit'
  readonly id: TransactionId
  readonly tauStart: Tau
  /** In no record above this tau (rule 4: an id is decided once). */
  readonly until: Tau
  readonly writes: Writes
  readonly checks: readonly Check[]
  readonly traceparent: string
  /** A change of the catalog: by partition, the version of the map that it was made with. An owner with a later one refuses it (rule 21). */
  readonly map?: readonly MapVersion[]
  /** Over several partitions: ask one owner after the other, because asking all at once has failed before (rule 24). */
  readonly inOrder?: boolean
}

/** What a key is marked with, without what is written to it. */
export type Mark = Pick<Write, 'key' | 'mode'>

/** Rule 9: a transaction over several partitions asks one of them for its keys there. The leader keeps the post-images. */
export interface PrepareRequest extends Stamped {
  readonly kind: 'prepare'
  readonly id: TransactionId
  readonly tauStart: Tau
  readonly until: Tau
  readonly writes: readonly Mark[]
  readonly checks: readonly Check[]
  /** As in CommitRequest. */
  readonly map?: readonly MapVersion[]
}

/** Yes: the transaction may commit at `tauMin` to `tauMax`, which lies at or below a horizon in the voter's journal. */
export type Vote =
  | { readonly kind: 'yes'; readonly tauMin: Tau; readonly tauMax: Tau }
  | { readonly kind: 'no'; readonly verdict: Exclude<Verdict, { kind: 'commit' }> }

export type VoteAnswer = Stamped & { readonly vote: Vote }

/** Rule 11: what became of a promise. Undefined: abandoned. */
export interface SettleRequest extends Stamped {
  readonly kind: 'settle'
  readonly id: TransactionId
  readonly until: Tau
  readonly tauCommit: Tau | undefined
}

/** A request that fits into one turn. */
export type ShortRequest = CommitRequest & { readonly writes: readonly Write[] }

/** The one answer an id ever gets. `atLeast`: the tau from which a retry would pass. */
export type Verdict =
  | { readonly kind: 'commit'; readonly tauCommit: Tau }
  | { readonly kind: 'conflict'; readonly key: Key; readonly mode: Mode; readonly atLeast: Tau }
  | { readonly kind: 'tooOld'; readonly atLeast: Tau }
  /** Not decided and not in any record: the partition cannot take it (53100 disk full, 57P01 draining, 54000 too large). */
  | { readonly kind: 'refused'; readonly code: string; readonly message: string }

export type CommitAnswer = Stamped & { readonly verdict: Verdict }

/** Rule 7: what became of `id`? */
export interface OutcomeRequest extends Stamped {
  readonly kind: 'outcome'
  readonly id: TransactionId
  readonly tauStart: Tau
}
export type Outcome =
  | { readonly kind: 'committed'; readonly tauCommit: Tau }
  | { readonly kind: 'aborted' }
  | { readonly kind: 'unknown' }

/** What does your journal say of the map? */
export interface HoldingsRequest extends Stamped {
  readonly kind: 'holdings'
}
export type HoldingsAnswer = Stamped & { readonly holdings: Holdings }

/** Rule 20: the owner gives `range` of places to another partition. */
export interface MoveRequest extends Stamped {
  readonly kind: 'move'
  readonly range: KeyRange
  readonly to: Partition
}
/** Sealed: it is in the journal, and will be opened whatever dies. */
export type MoveAnswer =
  | { readonly kind: 'sealed'; readonly version: MapVersion }
  | { readonly kind: 'refused'; readonly code: string; readonly message: string }

/* ---------------------------------------------------------------- reading (rule 14) */

export interface GetRequest extends Stamped {
  readonly kind: 'get'
  readonly tauStart: Tau
  readonly vector: Vector
  readonly key: Key
  /** Of the statement that reads; absent or '' where nobody traces it. */
  readonly traceparent?: string
}
/** `tau` is the version's tauCommit: it tells a cached catalog apart. Undefined: no such row at tauStart. */
export type GetAnswer = { readonly postImage: Uint8Array; readonly tau: Tau } | undefined

/** How the stored row is laid out: what projection, predicate and aggregate need to decode a column. */
export interface RowLayout {
  readonly types: readonly Oid[]
  /** What a row written before the column existed reads as. */
  readonly missing: readonly Value[]
}

export interface ScanRequest extends Stamped {
  readonly kind: 'scan'
  readonly tauStart: Tau
  readonly vector: Vector
  readonly range: KeyRange
  readonly reverse: boolean
  /** Rows returned in this answer at most; the answer's `resume` says where to go on. */
  readonly rowsMax: number
  readonly bytesMax: number
  readonly layout?: RowLayout
  readonly filter?: Predicate
  /** Keys that the reader's own write set covers: skipped, the reader merges its own versions. Ascending. */
  readonly skip?: readonly Key[]
  readonly aggregates?: readonly StorageAggregate[]
  /** As in GetRequest. */
  readonly traceparent?: string
}
export interface ScanAnswer {
  readonly keys: readonly Key[]
  readonly rows: readonly Uint8Array[]
  /** Keys looked at, rows that failed the filter included. */
  readonly keysRead: number
  /** Where the next request starts (forward) or ends (reverse); undefined when the range is exhausted. */
  readonly resume: Key | undefined
  readonly aggregates?: readonly Value[]
}

/** What lies below the version horizon of now may go at once, without waiting for storage to come to it. */
export interface VacuumRequest extends Stamped {
  readonly kind: 'vacuum'
}

/* ---------------------------------------------------------------- journal to storage */

/** One record's post-images for one shard, in the journal's order. Empty when the record has none: the position still moves. */
export interface PostImages {
  readonly partition: Partition
  readonly sequence: Sequence
  readonly tau: Tau
  /** Highest tau closed by this record: the version horizon may follow it. */
  readonly writes: Writes
  readonly traceparents: readonly string[]
  /** The writes are those staged before, so many. */
  readonly staged?: number
}

/**
 * Writes of a large transaction before its record (rule 19): storage puts them where they will be read, out of everybody's sight until the
 * record comes. 'unstage': it never will, everything staged goes. One transaction is staged at a time in a journal.
 */
export interface Staging {
  readonly kind: 'stage' | 'unstage'
  readonly partition: Partition
  readonly writes: PackedWrites
}

/** Said by an owner to everybody, again and again as long as it is one: where to ask, and that nobody needs to take over. */
export interface OwnedNews extends Stamped {
  readonly kind: 'owned'
  readonly partition: Partition
  readonly epoch: Epoch
}

/** Said by a storage actor to everybody, again and again: where to read. */
export interface ReplicaNews extends Stamped {
  readonly kind: 'replica'
  readonly shard: number
  /** Part of its address; new with every start. */
  readonly name: string
}

/* ---------------------------------------------------------------- who is there */

/** Said to every process of a database by somebody who wants to know; each answers with a Present. */
export interface RollCall extends Stamped {
  readonly kind: 'rollCall'
  /** Comes back in the answers. */
  readonly call: string
}

export interface Present extends Stamped {
  readonly kind: 'present'
  readonly call: string
  /** Host and process id, as `host:4711`. */
  readonly process: string
  readonly roles: readonly string[]
  /** False as long as it starts. */
  readonly serves: boolean
  readonly upMs: number
  /** Where clients connect; '' without a frontend. */
  readonly listens: string
  readonly partitions: readonly PresentPartition[]
}

/** One partition as one process has it. */
export interface PresentPartition {
  readonly partition: Partition
  /** Of its owner, where this process is the one. */
  readonly epoch: Epoch | undefined
  /** Its storage has everything up to there; undefined where it stores nothing. */
  readonly applied: Sequence | undefined
}

/* ---------------------------------------------------------------- what was seen */

/** Said to every process by one that draws a trace; whoever keeps something of it answers with SpansTold. */
export interface SpansAsked extends Stamped {
  readonly kind: 'spansAsked'
  readonly call: string
  /** 32 hexadecimal digits each, one behind the other. */
  readonly traceIds: string
}

export interface SpansTold extends Stamped {
  readonly kind: 'spansTold'
  readonly call: string
  /** A JSON object a line: they are for people, and nothing is decided by them. */
  readonly spans: string
}

/* ---------------------------------------------------------------- who says what to whom */

/** Requests by addressee: the question's kind decides the answer's type. */
export interface AdjudicatorRequests {
  begin: { ask: BeginRequest; answer: BeginAnswer }
  closed: { ask: ClosedRequest; answer: ClosedAnswer }
  commit: { ask: CommitRequest; answer: CommitAnswer }
  outcome: { ask: OutcomeRequest; answer: Outcome }
  prepare: { ask: PrepareRequest; answer: VoteAnswer }
  settle: { ask: SettleRequest; answer: Stamped }
  holdings: { ask: HoldingsRequest; answer: HoldingsAnswer }
  move: { ask: MoveRequest; answer: MoveAnswer }
}
export interface StorageRequests {
  get: { ask: GetRequest; answer: GetAnswer }
  scan: { ask: ScanRequest; answer: ScanAnswer }
  vacuum: { ask: VacuumRequest; answer: undefined }
}
