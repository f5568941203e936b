// One client's transaction: a snapshot at tauStart, and what was written on top of it.
// From: query-processor.statement. To: storage.scan for reads, query-processor.commit with the write set.
// Invariant: a statement sees storage at tauStart under the writes of earlier commands of its own transaction, and nothing else.

import type { MaybePromise } from '../../bus/bus.ts'
import { beginStep, type Traced } from '../../observability/tracing.ts'
import { assert } from '../../protocol/assert.ts'
import type { Oid } from '../../protocol/ids.ts'
import { type Key, type KeyRange, prefixEnd, storageIdOf } from '../../protocol/key.ts'
import type { GetAnswer, Mode } from '../../protocol/messages.ts'
import { type Tau, tauZero } from '../../protocol/time.ts'
import type { Circle, Snapshot } from './circle.ts'
import type { MemoryPool } from './memory.ts'
import { AggregateScan, MergedScan } from './read.ts'
import type { RowIds } from './row-ids.ts'
import type { Access, RowScan, ScanSpecification } from './sql/execute/access.ts'
import { WriteSet } from './write-set.ts'

/** Keys that a read found absent, remembered so that their first write is told as a creation. */
const absentKeysMax = 100_000
/** So many keys that are not there, each above the one before: this is a load, and the next key that is there is looked for. */
const missesInOrderMin = 16

export interface TransactionNeeds {
  readonly circle: Circle
  /** In a transaction of its own (decision 15). */
  nextSequenceValue(sequenceOid: Oid): MaybePromise<bigint>
  readonly rowIds: RowIds
  readonly bytesMax: number
  readonly uncommitted: MemoryPool
}

export class Transaction implements Access {
  readonly writeSet: WriteSet
  /** Storage ids of the tables, indexes and catalog relations that were written. */
  readonly storagesWritten = new Set<number>()
  private readonly needs: TransactionNeeds
  private readonly absent = new Set<Key>()
  /** The last of them, which mostly is written next. */
  private lastAbsent: Key | undefined
  private lastMissed = '' as Key
  private missesInOrder = 0
  /** Storage holds no key in it at tauStart. */
  private gapStart = '' as Key
  private gapEnd = '' as Key
  private readonly freshRowIds = new Set<string>()
  private begun: Snapshot | undefined
  /** It has lost a conflict before. */
  isRepeated = false
  /** The running statement's number. */
  command = 0
  /** Of the statement whose rows are read, '' while nobody traces it. The catalog's rows are no step of the journey. */
  traceparent = ''
  private commandLast = 0
  private lastStorage = -1

  constructor(needs: TransactionNeeds) {
    this.needs = needs
    this.writeSet = new WriteSet(needs.bytesMax, needs.uncommitted)
  }

  /** Undefined before the first statement that needs one. */
  get snapshot(): Snapshot | undefined {
    return this.begun
  }

  /** The snapshot, taken now if there is none yet. `atLeast`: the tau a refusal named. `traceparent`: of the statement that needs it. */
  begin(atLeast: Tau, traceparent = ''): MaybePromise<Snapshot> {
    if (this.begun !== undefined) return this.begun
    this.isRepeated = atLeast > tauZero
    const span = beginStep('query-processor.begin', traceparent)
    const snapshot = this.needs.circle.begin(atLeast)
    if (snapshot instanceof Promise) return snapshot.then((given) => this.began(given, span))
    return this.began(snapshot, span)
  }

  private began(snapshot: Snapshot, span: Traced | undefined): Snapshot {
    span?.set('taudb.tau_start', snapshot.tau)
    span?.end()
    this.begun = snapshot
    return snapshot
  }

  /** The next statement: it sees what was written before, and not what it writes itself. */
  beginCommand(): void {
    this.command = ++this.commandLast
  }

  /** A statement goes on (or is left again): reads are its own. Answers the command that ran before. */
  resume(command: number): number {
    const before = this.command
    this.command = command
    return before
  }

  get(key: Key): MaybePromise<Uint8Array | undefined> {
    const own = this.writeSet.visible(key, this.command)
    return own === undefined ? this.stored(key) : (own ?? undefined)
  }

  getLatest(key: Key): MaybePromise<Uint8Array | undefined> {
    const own = this.writeSet.latest(key)
    return own === undefined ? this.stored(key) : (own ?? undefined)
  }

  scan(specification: ScanSpecification): RowScan {
    const snapshot = this.at()
    const { writeSet, command, traceparent } = this
    const reader = { circle: this.needs.circle, snapshot, writeSet, command, traceparent }
    return specification.aggregates === undefined
      ? new MergedScan(reader, specification)
      : new AggregateScan(reader, specification, specification.aggregates)
  }

  write(key: Key, postImage: Uint8Array | undefined, mode: Mode): void {
    this.writeSet.write(key, postImage, mode, this.command, !this.isAbsent(key))
    const storage = storageIdOf(key)
    if (storage === this.lastStorage) return
    this.lastStorage = storage
    this.storagesWritten.add(storage)
  }

  hasWritten(key: Key): boolean {
    return this.writeSet.has(key)
  }

  check(key: Key, mode: Mode): void {
    this.writeSet.check(key, mode)
  }

  checkRange(range: KeyRange): void {
    this.writeSet.checkRange(range)
  }

  nextSequenceValue(sequenceOid: Oid): MaybePromise<bigint> {
    return this.needs.nextSequenceValue(sequenceOid)
  }

  nextRowId(): Key {
    const id = this.needs.rowIds.next(this.at().tau)
    this.freshRowIds.add(id)
    return id as Key
  }

  private at(): Snapshot {
    assert(this.begun !== undefined, 'a statement that reads has a snapshot')
    return this.begun
  }

  private stored(key: Key): MaybePromise<Uint8Array | undefined> {
    if (key < this.gapEnd && key >= this.gapStart) return this.found(key, undefined)
    const { tau, vector } = this.at()
    const { traceparent } = this
    const { circle } = this.needs
    const answer = circle.get({ kind: 'get', clock: circle.clock(), tauStart: tau, vector, key, traceparent })
    if (answer instanceof Promise) return answer.then((found) => this.found(key, found))
    if (answer === undefined) this.missed(key)
    return this.found(key, answer)
  }

  private missed(key: Key): void {
    if (key <= this.lastMissed) this.missesInOrder = 0
    this.lastMissed = key
    if (++this.missesInOrder < missesInOrderMin) return
    this.missesInOrder = 0
    const { tau, vector } = this.at()
    const { circle } = this.needs
    const end = prefixEnd(key.slice(0, 4) as Key)
    const head = { kind: 'scan', clock: circle.clock(), tauStart: tau, vector } as const
    const answer = circle.scan({ ...head, range: { start: key, end }, reverse: false, rowsMax: 1, bytesMax: 1 })
    // Where storage is to be waited for, every key is asked for by itself.
    if (answer instanceof Promise) return void answer.catch(() => {})
    this.gapStart = key
    this.gapEnd = answer.keys[0] ?? answer.resume ?? end
  }

  private found(key: Key, answer: GetAnswer): Uint8Array | undefined {
    if (answer !== undefined) return answer.postImage
    const before = this.lastAbsent
    this.lastAbsent = key
    if (before !== undefined && before !== key && this.absent.size < absentKeysMax) this.absent.add(before)
    return undefined
  }

  private isAbsent(key: Key): boolean {
    if (this.lastAbsent === key) {
      this.lastAbsent = undefined
      return true
    }
    if (this.absent.size > 0 && this.absent.delete(key)) return true
    return this.freshRowIds.size > 0 && key.length === 12 && this.freshRowIds.delete(key.slice(4))
  }
}
