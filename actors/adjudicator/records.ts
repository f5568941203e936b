import type { MaybePromise } from '../../bus/bus.ts'
import type { Epoch, MapVersion, Sequence, TransactionId } from '../../protocol/ids.ts'
import type { CommittedTransaction, Holdings, Outcome } from '../../protocol/messages.ts'
import type { PackedWrites } from '../../protocol/packed-writes.ts'
import type { StageMessage, Statement } from '../../protocol/record.ts'
import type { Tau } from '../../protocol/time.ts'

/** What became of an accepted transaction. */
type Fate =
  | { readonly kind: 'committed'; readonly tau: Tau }
  | { readonly kind: 'late'; readonly tau: Tau }
  | { readonly kind: 'full' }
  | { readonly kind: 'lost' }

interface Accepted {
  readonly transaction: CommittedTransaction
  readonly until: Tau
  readonly bytes: number
  readonly isStaged: boolean
  fixed(tau: Tau): void
  settled(fate: Fate): void
}

/** A statement on ranges; what `bars` names and has not been sent before it is abandoned (rule 20). */
interface Stating {
  content(): Statement
  bars?(transaction: CommittedTransaction): boolean
}

/** What an adjudicator needs of its journal, from an accepted claim until it is deposed. `journal/group-commit.ts` is it. */
export interface Records {
  readonly acknowledged: { readonly tau: Tau; readonly horizon: Tau; readonly sequence: Sequence }
  readonly leaseFrom: number
  /** No record that is sent from now on has a tau at or below it. */
  readonly spent: Tau
  readonly waitingCount: number
  join(accepted: Accepted): void
  stage(message: Pick<StageMessage, 'goesOn' | 'payload'>, isFirst: boolean): Promise<'staged' | 'full' | 'lost'>
  preview(writes: PackedWrites): MaybePromise<void>
  unstage(): MaybePromise<void>
  demand(above: Tau): void
  closeAt(at: Tau): MaybePromise<Sequence>
  reach(horizon: Tau): MaybePromise<void>
  barrier(): Promise<void>
  /** The version of the map in the last acknowledged record. */
  readonly mapVersion: MapVersion
  state(stating: Stating): Promise<'stated' | 'full'>
  farewell(): Promise<void>
  stop(error: unknown): void
}

/** An accepted claim. */
export interface Claim {
  readonly epoch: Epoch
  readonly floor: Tau
  readonly records: Records
}

/** The journal as an adjudicator sees it. */
export interface Claims {
  /** Rule 1. `deposed` is called when another owner has taken over or the journal has failed. */
  claim(deposed: (error: unknown) => void): Promise<Claim>
  /** Rule 7, from the records held: is this id in one of them? */
  find(id: TransactionId, tauStart: Tau): Promise<Outcome>
  /** What the journal says of the map. */
  holdings(): Holdings
  /** The same as a statement. */
  restatement(): Statement
  /** Rule 17: no room for commits. */
  crowded(): boolean
  /** An exclusive lock stands for the lease (rule 12). */
  readonly exclusive: boolean
}
