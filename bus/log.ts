import type { Sequence } from '../protocol/ids.ts'
import type { Registration } from './bus.ts'

/** What became of an append. */
export type AppendOutcome =
  /** In the log at this sequence, synced. */
  | { readonly kind: 'appended'; readonly sequence: Sequence }
  /** Another message holds the expected slot: not this one, or an older epoch's owner wrote it (rule 6 reads the slot). */
  | { readonly kind: 'refused'; readonly last: Sequence }
  /** No acknowledgement: it may be there or not. Resend the identical bytes and expectation (rule 6). */
  | { readonly kind: 'unknown' }
  /** Not there and never will be: the disk is full (53100). Reads go on, a later append may pass. */
  | { readonly kind: 'full' }

export interface LogEntry {
  readonly sequence: Sequence
  readonly bytes: Buffer
}

/** Following a log, until it is closed. */
export interface Following extends Registration {
  /** What was in the log when following began has been delivered. Undefined where that happened on the caller's stack. */
  readonly caughtUp?: Promise<void>
}

/**
 * The port the protocol needs of one partition's journal (commit-protocol.md): an append-only log of messages with an expected sequence.
 * Embedded log, JetStream and the simulator implement it; `test/bus-contract` runs on all. Bytes are opaque here: encoding, chain and
 * chunks are the journal actor's.
 */
export interface Log {
  /** Appends after exactly `expected` messages. One append may be under way at a time (rule 2). Identical resends are answered alike. */
  append(bytes: Uint8Array, expected: Sequence): Promise<AppendOutcome>
  /** Entries from `from` on (inclusive), oldest first; ends at the last one acknowledged now. Throws LogCorrupt for damage (rule 18). */
  read(from: Sequence): AsyncIterable<LogEntry> | Iterable<LogEntry>
  /**
   * Calls `onEntry` for every entry from `from` on, in order, each exactly once, as they become durable; before append's promise resolves
   * for own appends. `onFailure`: the entries cannot be had any more (LogCorrupt), and none will follow; thrown where that is known at once.
   */
  follow(from: Sequence, onEntry: (entry: LogEntry) => void, onFailure?: (error: unknown) => void): Following
  last(): Sequence
  /** The first sequence still held. */
  first(): Sequence
  /** Entries below `to` may go; never the last one. Whole segments are removed, so `first()` may stay lower. */
  trim(to: Sequence): void
  /** True where an exclusive lock proves that no predecessor is alive (rule 1). */
  readonly exclusive: boolean
  /** Little room is left and no more can be had: the owner refuses commits so that claims and heartbeats still fit (rule 17). */
  crowded(): boolean
  bytesUsed(): number
  close(): Promise<void>
}

export class LogCorrupt extends Error {
  override readonly name = 'LogCorrupt'
}
