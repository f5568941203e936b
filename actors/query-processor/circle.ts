import type { MaybePromise } from '../../bus/bus.ts'
import type { TransactionId, Vector } from '../../protocol/ids.ts'
import type {
  CommitAnswer,
  CommitRequest,
  GetAnswer,
  GetRequest,
  Outcome,
  OutcomeRequest,
  ScanAnswer,
  ScanRequest,
} from '../../protocol/messages.ts'
import type { Tau } from '../../protocol/time.ts'
import type { RangeMove } from './move-range.ts'

/** What a transaction reads at: tauStart, and what storage must have applied to answer (rules 12 and 14). */
export interface Snapshot {
  readonly tau: Tau
  readonly vector: Vector
}

/** The other actors as a transaction needs them; answers are there at once where they live in this process. */
export interface Circle {
  /** The highest wall-clock reading known, in microseconds: every message carries it. */
  clock(): number
  begin(atLeast: Tau): MaybePromise<Snapshot>
  get(request: GetRequest): MaybePromise<GetAnswer>
  scan(request: ScanRequest): MaybePromise<ScanAnswer>
  /** The request with the leader its id names for ever, and its checks where they are looked at. */
  placed(request: CommitRequest): CommitRequest
  commit(request: CommitRequest): MaybePromise<CommitAnswer>
  outcome(request: OutcomeRequest): MaybePromise<Outcome>
  /** Row versions that no reader can ask for any more are freed now, in every shard. */
  vacuum(): MaybePromise<void>
  /** Resolves when the new partition has the places. Throws SqlError. */
  moveRange(move: RangeMove): Promise<void>
  /** A new id: one transaction for ever. */
  newId(): TransactionId
  /** In no record above this (rule 4). */
  until(): Tau
  /** Others run first. */
  nextTurn(): Promise<void>
}
