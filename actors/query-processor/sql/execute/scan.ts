import type { Key, KeyRange } from '../../../../protocol/key.ts'
import type { RowLayout } from '../../../../protocol/messages.ts'
import type { Predicate } from '../../../../protocol/predicate.ts'
import type { Expr } from '../bind/bound.ts'
import type { Table } from '../catalog/schema.ts'
import type { TableScan } from '../plan/node.ts'
import { rowKeyOfEntry } from '../plan/table-key.ts'
import type { RowBatch } from './access.ts'
import type { Compiled } from './compile-expression.ts'
import { type Evaluate, emptyRow, type Frame, type Opener, pause, type Row, settled } from './frame.ts'
import { compileBounds } from './key-bounds.ts'
import { compileRowDecoder, type RowDecoder } from './row-decoder.ts'
import type { Stream, Suspension } from './run.ts'
import { evaluateAside } from './site.ts'
import { compileStorageFilter } from './storage-filter.ts'

export type CompilePlain = (expr: Expr) => Evaluate

export const layoutOfTable = (table: Table): RowLayout => ({
  types: table.columns.map((column) => column.type.oid),
  missing: table.columns.map((column) => column.missing ?? null),
})

/** How many rows at most the reader wants; Infinity when nothing bounds them. */
export function rowsWanted(limits: readonly Evaluate[], frame: Frame): number {
  if (limits.length === 0) return Number.POSITIVE_INFINITY
  let sum = 0
  for (const limit of limits) {
    const value = limit(emptyRow, frame)
    if (value === null) {
      // LIMIT NULL is no limit, OFFSET NULL is 0: the first expression is the limit.
      if (limit === limits[0]) return Number.POSITIVE_INFINITY
      continue
    }
    sum += Math.max(Number(value), 0)
  }
  return sum
}

interface Parts {
  readonly scan: TableScan
  readonly ranges: (frame: Frame) => KeyRange[]
  readonly predicate: ((frame: Frame) => Predicate) | undefined
  readonly layout: RowLayout
  readonly decode: RowDecoder
  readonly filter: Compiled | undefined
  readonly limits: readonly Evaluate[]
}

/** `compile` is for values known when the scan opens, `compileFilter` for conditions over its rows. */
export function prepareScan(scan: TableScan, compile: CompilePlain, compileFilter: (expr: Expr) => Compiled): Opener {
  const parts: Parts = {
    scan,
    ranges: compileBounds(scan, compile).ranges,
    predicate: scan.storageFilter && compileStorageFilter(scan.storageFilter, scan.table, compile),
    layout: layoutOfTable(scan.table),
    decode: compileRowDecoder(scan.table, scan.layout),
    filter: scan.filter && compileFilter(scan.filter),
    limits: scan.rowsMax.map(compile),
  }
  if (scan.point) return (frame) => points(parts, frame)
  return scan.index === undefined ? (frame) => rows(parts, frame) : (frame) => entries(parts, frame)
}

function* kept(
  parts: Parts,
  keys: readonly Key[],
  bytes: readonly (Uint8Array | undefined)[],
  frame: Frame,
): Generator<Suspension, Row[], void> {
  const { decode } = parts
  const filter = parts.filter?.evaluate
  const aside = parts.filter?.aside === true
  const found: Row[] = []
  for (let i = 0; i < bytes.length; i++) {
    const stored = bytes[i]
    if (stored === undefined) continue
    const row = decode(keys[i] as Key, stored)
    if (filter === undefined) found.push(row)
    else if ((aside ? yield* evaluateAside(filter, row, frame) : filter(row, frame)) === true) found.push(row)
  }
  return found
}

/** Gets of many keys at once: one wait for all that are not there. */
function* getAll(keys: readonly Key[], frame: Frame): Generator<Suspension, (Uint8Array | undefined)[], void> {
  const { access } = frame.run
  const found = new Array<Uint8Array | undefined>(keys.length)
  let waiting: Promise<unknown>[] | undefined
  for (let i = 0; i < keys.length; i++) {
    const answer = access.get(keys[i] as Key)
    if (answer instanceof Promise) {
      waiting ??= []
      waiting.push(
        answer.then((bytes) => {
          found[i] = bytes
        }),
      )
    } else found[i] = answer
  }
  if (waiting !== undefined) yield* settled(Promise.all(waiting))
  return found
}

const pointBatch = 256

function* points(parts: Parts, frame: Frame): Stream {
  const { scan } = parts
  const { run } = frame
  let keys = parts.ranges(frame).map((range) => range.start)
  if (scan.reverse) keys.reverse()
  for (let from = 0; from < keys.length; from += pointBatch) {
    run.checkInterrupts()
    let part = keys.length <= pointBatch ? keys : keys.slice(from, from + pointBatch)
    frame.counters?.keysRead(scan, part.length)
    if (scan.index !== undefined) {
      const images = yield* getAll(part, frame)
      part = images.flatMap((image) => (image === undefined ? [] : [rowKeyOfEntry(scan.table, image)]))
    }
    const batch = yield* kept(parts, part, yield* getAll(part, frame), frame)
    if (batch.length > 0) yield batch
    if (run.shouldYield()) yield pause
  }
  keys = []
}

function* rows(parts: Parts, frame: Frame): Stream {
  const { scan, predicate, layout, limits } = parts
  const { run } = frame
  const ranges = parts.ranges(frame)
  if (scan.reverse) ranges.reverse()
  const filter = predicate?.(frame)
  let left = rowsWanted(limits, frame)
  for (const range of ranges) {
    if (left <= 0) return
    const source = run.access.scan({
      range,
      reverse: scan.reverse,
      rowsMax: left,
      layout,
      ...(filter !== undefined && { filter }),
    })
    for (;;) {
      run.checkInterrupts()
      const batch: RowBatch | undefined = yield* settled(source.next())
      if (batch === undefined) break
      frame.counters?.keysRead(scan, batch.keysRead)
      left -= batch.rows.length
      if (batch.rows.length > 0) {
        const found = yield* kept(parts, batch.keys, batch.rows, frame)
        if (found.length > 0) yield found
      }
      if (run.shouldYield()) yield pause
    }
  }
}

function* entries(parts: Parts, frame: Frame): Stream {
  const { scan, limits } = parts
  const { run } = frame
  const ranges = parts.ranges(frame)
  if (scan.reverse) ranges.reverse()
  let left = rowsWanted(limits, frame)
  for (const range of ranges) {
    if (left <= 0) return
    const source = run.access.scan({ range, reverse: scan.reverse, rowsMax: left })
    for (;;) {
      run.checkInterrupts()
      const batch: RowBatch | undefined = yield* settled(source.next())
      if (batch === undefined) break
      frame.counters?.keysRead(scan, batch.keysRead + batch.rows.length)
      left -= batch.rows.length
      const keys = batch.rows.map((image) => rowKeyOfEntry(scan.table, image))
      const found = yield* kept(parts, keys, yield* getAll(keys, frame), frame)
      if (found.length > 0) yield found
      if (run.shouldYield()) yield pause
    }
  }
}
