/**
 * storage.scan: which rows of a range does a reader at tauStart see?
 * From: the query processor. To: the query processor, a bounded batch at a time.
 * Invariant: the answer is what the journal had committed at or below tauStart, nothing more and nothing less.
 */
import { beginStep } from '../../observability/tracing.ts'
import type { Key } from '../../protocol/key.ts'
import { keyAfter } from '../../protocol/key.ts'
import type { GetAnswer, GetRequest, ScanAnswer, ScanRequest } from '../../protocol/messages.ts'
import { type Accumulator, accumulator } from './aggregate.ts'
import { columnsOf, compile } from './filter.ts'
import { RowReader } from './row-reader.ts'
import type { VersionStore } from './version-store.ts'

/** One answer looks at this many keys at most, so that a selective filter over a large table does not hold everybody up. */
const keysReadMax = 20_000
/** With many tests a row, as many fewer rows. */
const testsMax = 80_000
const unfiltered = { passes: undefined, tests: 1 }
const noLayout = { types: [], missing: [] }
const firstChunkBytes = 8_192
const chunkBytesMax = 262_144

/** The one row under a key. */
export function get(store: VersionStore, { key, tauStart, traceparent }: GetRequest): GetAnswer {
  const span = traceparent === undefined ? undefined : beginStep('storage.scan', traceparent, { 'taudb.tau_start': tauStart })
  const answer = store.get(key, tauStart)
  span?.set('taudb.keys_read', 1)
  span?.set('taudb.rows', answer === undefined ? 0 : 1)
  span?.end()
  return answer
}

/** One batch. `resume` says where the rest of the range begins (forward) or ends (reverse). */
export function scan(store: VersionStore, request: ScanRequest): ScanAnswer {
  const { traceparent, tauStart } = request
  const span = traceparent === undefined ? undefined : beginStep('storage.scan', traceparent, { 'taudb.tau_start': tauStart })
  const answer = scanned(store, request)
  span?.set('taudb.keys_read', answer.keysRead)
  span?.set('taudb.rows', answer.keys.length)
  span?.end()
  return answer
}

function scanned(store: VersionStore, request: ScanRequest): ScanAnswer {
  const { range, reverse, rowsMax, bytesMax, filter, skip, aggregates, tauStart } = request
  const columns = [
    ...(filter === undefined ? [] : columnsOf(filter)),
    ...(aggregates ?? []).flatMap((aggregate) => ('column' in aggregate ? [aggregate.column] : [])),
  ]
  const row = columns.length === 0 && filter === undefined ? undefined : new RowReader(request.layout ?? noLayout, columns)
  const { passes, tests } = filter === undefined ? unfiltered : compile(filter)
  const accumulators = aggregates?.map(accumulator)
  const skipped = skip === undefined || skip.length === 0 ? undefined : new Skip(skip, reverse)
  const rows = new RowCollector()
  const keys: Key[] = []
  const keysMax = Math.max(64, Math.min(keysReadMax, testsMax / tests))
  let keysRead = 0
  let last: Key | undefined
  const left = store.scan(range, { reverse, at: tauStart, keysMax }, (key, bytes, start, end) => {
    if (keysRead >= keysMax || keys.length >= rowsMax || rows.bytes >= bytesMax) {
      last = key
      return false
    }
    keysRead++
    if (skipped?.has(key)) return true
    if (row !== undefined) {
      row.open(bytes, start)
      if (passes !== undefined && !passes(row)) return true
    }
    if (accumulators !== undefined) {
      addAll(accumulators, row)
      return true
    }
    keys.push(key)
    rows.add(bytes, start, end)
    return true
  })
  last ??= left
  const resume = last === undefined ? undefined : reverse ? keyAfter(last) : last
  const answer: ScanAnswer = { keys, rows: rows.rows, keysRead, resume }
  if (accumulators === undefined) return answer
  return { ...answer, aggregates: accumulators.map((one) => one.result()) }
}

const nothing = new RowReader(noLayout, [])

function addAll(accumulators: readonly Accumulator[], row: RowReader | undefined): void {
  for (const one of accumulators) one.add(row ?? nothing)
}

/** Copies rows out of the store's buffer into few large ones. */
class RowCollector {
  readonly rows: Uint8Array[] = []
  bytes = 0
  private chunk: Buffer | undefined
  private filled = 0

  add(bytes: Buffer, start: number, end: number): void {
    const length = end - start
    if (this.chunk === undefined || this.filled + length > this.chunk.length) {
      const size = Math.min(chunkBytesMax, this.chunk === undefined ? firstChunkBytes : this.chunk.length * 4)
      this.chunk = Buffer.allocUnsafe(Math.max(length, this.rows.length === 0 ? Math.min(size, length * 8) : size))
      this.filled = 0
    }
    bytes.copy(this.chunk, this.filled, start, end)
    this.rows.push(this.chunk.subarray(this.filled, this.filled + length))
    this.filled += length
    this.bytes += length
  }
}

/** Keys to leave out, met in the scan's own order. */
class Skip {
  private readonly keys: readonly Key[]
  private readonly step: 1 | -1
  private at: number

  constructor(keys: readonly Key[], reverse: boolean) {
    this.keys = keys
    this.step = reverse ? -1 : 1
    this.at = reverse ? keys.length - 1 : 0
  }

  has(key: Key): boolean {
    const { keys, step } = this
    let next = keys[this.at]
    while (next !== undefined && (step > 0 ? next < key : next > key)) next = keys[(this.at += step)]
    return next === key
  }
}
