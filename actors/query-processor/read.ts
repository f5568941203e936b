import type { MaybePromise } from '../../bus/bus.ts'
import { assert } from '../../protocol/assert.ts'
import type { Key, KeyRange } from '../../protocol/key.ts'
import type { RowLayout, ScanAnswer, ScanRequest } from '../../protocol/messages.ts'
import type { Predicate, StorageAggregate } from '../../protocol/predicate.ts'
import type { Circle, Snapshot } from './circle.ts'
import { ownAggregates, passes } from './own-rows.ts'
import type { RowBatch, RowScan, ScanSpecification } from './sql/execute/access.ts'
import type { WriteSet } from './write-set.ts'

const batchRowsFirst = 64
const batchRowsMax = 4_096
const batchBytesMax = 1_048_576

/** Who reads: a transaction, as one of its commands sees the rows. */
interface Reader {
  readonly circle: Circle
  readonly snapshot: Snapshot
  readonly writeSet: WriteSet
  readonly command: number
  readonly traceparent: string
}

/** Own rows between two storage batches, ascending or descending: [key, post-image or null]. */
type OwnRow = readonly [Key, Uint8Array | null]

/**
 * A range of storage at tauStart under the transaction's own writes: two sorted streams become one. An own version hides the stored one,
 * whatever the filter said about that.
 */
export class MergedScan implements RowScan {
  private readonly reader: Reader
  private readonly specification: ScanSpecification
  private readonly own: Iterator<OwnRow, void> | undefined
  private range: KeyRange | undefined
  private nextOwn: OwnRow | undefined
  private rowsWanted: number
  private rowsLeft: number

  constructor(reader: Reader, specification: ScanSpecification) {
    const { writeSet, command } = reader
    this.reader = reader
    this.specification = specification
    this.range = specification.range
    this.rowsLeft = specification.rowsMax
    this.rowsWanted = Math.min(batchRowsFirst, specification.rowsMax)
    if (writeSet.size > 0) {
      this.own = writeSet.within(specification.range, specification.reverse, command)
      this.nextOwn = this.own.next().value ?? undefined
    }
  }

  next(): MaybePromise<RowBatch | undefined> {
    const { range } = this
    if (range === undefined || this.rowsLeft <= 0) return this.rest()
    const { reverse, layout, filter } = this.specification
    const answer = this.reader.circle.scan(scanRequest(this.reader, range, reverse, this.rowsWanted, layout, filter))
    return answer instanceof Promise ? answer.then((arrived) => this.take(range, arrived)) : this.take(range, answer)
  }

  private take(range: KeyRange, answer: ScanAnswer): RowBatch {
    const { resume } = answer
    const { reverse } = this.specification
    if (resume === undefined) this.range = undefined
    else {
      assert(reverse ? resume < range.end : resume > range.start, 'a scan that goes on has moved')
      this.range = reverse ? { start: range.start, end: resume } : { start: resume, end: range.end }
    }
    this.rowsWanted = Math.min(this.rowsWanted * 4, batchRowsMax)
    const batch = this.nextOwn === undefined ? answer : this.merge(answer, resume)
    this.rowsLeft -= batch.keys.length
    if (this.rowsLeft < this.rowsWanted) this.rowsWanted = Math.max(1, this.rowsLeft)
    return batch
  }

  /** Own rows up to the batch's end are woven in; beyond it they wait for the next batch. */
  private merge(answer: ScanAnswer, resume: Key | undefined): RowBatch {
    const { reverse } = this.specification
    const keys: Key[] = []
    const rows: Uint8Array[] = []
    for (let i = 0; i < answer.keys.length; i++) {
      const key = answer.keys[i] as Key
      this.ownUntil(key, false, keys, rows)
      if (this.nextOwn !== undefined && this.nextOwn[0] === key) {
        this.takeOwn(keys, rows)
        continue
      }
      keys.push(key)
      rows.push(answer.rows[i] as Uint8Array)
    }
    if (resume === undefined) this.ownUntil(undefined, false, keys, rows)
    else this.ownUntil(resume, reverse, keys, rows)
    return { keys, rows, keysRead: answer.keysRead }
  }

  private ownUntil(limit: Key | undefined, inclusive: boolean, keys: Key[], rows: Uint8Array[]): void {
    const { reverse } = this.specification
    while (this.nextOwn !== undefined) {
      const key = this.nextOwn[0]
      if (limit !== undefined && !(inclusive && key === limit) && (reverse ? key <= limit : key >= limit)) return
      this.takeOwn(keys, rows)
    }
  }

  private takeOwn(keys: Key[], rows: Uint8Array[]): void {
    const [key, postImage] = this.nextOwn as OwnRow
    this.nextOwn = this.own?.next().value ?? undefined
    const { layout, filter } = this.specification
    if (postImage === null || (filter !== undefined && !passes(filter, layout as RowLayout, postImage))) return
    keys.push(key)
    rows.push(postImage)
  }

  /** Storage is exhausted, or enough: nothing more of its rows; own ones have been given with its last batch. */
  private rest(): RowBatch | undefined {
    this.range = undefined
    return undefined
  }
}

/** Own rows looked at in one turn. */
const ownRowsMax = 4_096

/** Partial results of pushed-down aggregates, a batch for each part of the range, own rows first: whoever asks lets others run in between. */
export class AggregateScan implements RowScan {
  private readonly reader: Reader
  private readonly specification: ScanSpecification
  private readonly aggregates: readonly StorageAggregate[]
  private own: Iterator<OwnRow, void> | undefined
  private readonly skip: Key[] = []
  private range: KeyRange | undefined

  constructor(reader: Reader, specification: ScanSpecification, aggregates: readonly StorageAggregate[]) {
    const { writeSet, command } = reader
    this.reader = reader
    this.specification = specification
    this.aggregates = aggregates
    this.range = specification.range
    if (writeSet.size > 0) this.own = writeSet.within(specification.range, false, command)
  }

  next(): MaybePromise<RowBatch | undefined> {
    if (this.own !== undefined) return this.ownPart(this.own)
    const { range } = this
    if (range === undefined) return undefined
    const answer = this.ask(range)
    return answer instanceof Promise ? answer.then((arrived) => this.take(range, arrived)) : this.take(range, answer)
  }

  private ownPart(own: Iterator<OwnRow, void>): RowBatch {
    const { layout, filter } = this.specification
    const rows: Uint8Array[] = []
    let keysRead = 0
    while (keysRead < ownRowsMax) {
      const step = own.next()
      if (step.done === true) {
        this.own = undefined
        break
      }
      const [key, postImage] = step.value
      keysRead++
      this.skip.push(key)
      if (postImage !== null && (filter === undefined || passes(filter, layout as RowLayout, postImage))) rows.push(postImage)
    }
    const aggregates = rows.length === 0 ? undefined : ownAggregates(this.aggregates, layout as RowLayout, rows)
    return { keys: [], rows: [], keysRead, ...(aggregates !== undefined && { aggregates }) }
  }

  private take(range: KeyRange, { resume, aggregates, keysRead }: ScanAnswer): RowBatch {
    assert(aggregates !== undefined, 'storage answers the aggregates it was asked for')
    if (resume !== undefined) assert(resume > range.start, 'a scan that goes on has moved')
    this.range = resume === undefined ? undefined : { start: resume, end: range.end }
    return { keys: [], rows: [], keysRead, aggregates }
  }

  private ask(range: KeyRange): MaybePromise<ScanAnswer> {
    const { layout, filter } = this.specification
    const request = scanRequest(this.reader, range, false, Number.MAX_SAFE_INTEGER, layout, filter)
    return this.reader.circle.scan({ ...request, aggregates: this.aggregates, ...(this.skip.length > 0 && { skip: this.skip }) })
  }
}

function scanRequest(
  { circle, snapshot: { tau, vector }, traceparent }: Reader,
  range: KeyRange,
  reverse: boolean,
  rowsMax: number,
  layout: RowLayout | undefined,
  filter: Predicate | undefined,
): ScanRequest {
  const request: ScanRequest = {
    kind: 'scan',
    clock: circle.clock(),
    tauStart: tau,
    vector,
    range,
    reverse,
    rowsMax,
    bytesMax: batchBytesMax,
    ...(layout !== undefined && { layout }),
    ...(filter !== undefined && { filter }),
    ...(traceparent !== '' && { traceparent }),
  }
  return request
}
