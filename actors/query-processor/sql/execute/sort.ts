import type { Value } from '../../../../protocol/values/value.ts'
import type { Layout, Slot, SortSlot } from '../plan/node.ts'
import { batchRows, type Evaluate, type Frame, type Opener, pause, type Row, rowBytes, Turns } from './frame.ts'
import { Holding } from './holding.ts'
import { typeCompare } from './kernels.ts'
import { type Batch, type Stream, Suspension } from './run.ts'
import { rowsWanted } from './scan.ts'
import { SpilledRows } from './spill-rows.ts'

export type RowCompare = (a: Row, b: Row) => number

export function rowCompare(keys: readonly SortSlot[], layout: Layout): RowCompare {
  const parts = keys.map(({ slot, descending, nullsFirst }) => {
    const compare = typeCompare((layout[slot] as Slot).type)
    const nulls = nullsFirst ? -1 : 1
    const sign = descending ? -1 : 1
    return (a: Row, b: Row): number => {
      const left = a[slot] as Value
      const right = b[slot] as Value
      if (left === null) return right === null ? 0 : nulls
      if (right === null) return -nulls
      return sign * compare(left, right)
    }
  })
  const [first] = parts
  if (parts.length === 1) return first as RowCompare
  return (a, b) => {
    for (const part of parts) {
      const order = part(a, b)
      if (order !== 0) return order
    }
    return 0
  }
}

export interface SortParts {
  readonly compare: RowCompare
  readonly layout: Layout
  /** LIMIT and OFFSET: no more rows than their sum are needed. */
  readonly limits: readonly Evaluate[]
}

/** Rows a heap keeps at most; beyond that a bounded sort is an ordinary one. */
const topRowsMax = 10_000

export function sortRows(input: Opener, parts: SortParts): Opener {
  return function* (frame): Stream {
    const wanted = rowsWanted(parts.limits, frame)
    if (wanted <= topRowsMax) yield* topRows(input(frame), wanted, parts, frame)
    else yield* allRows(input(frame), parts, frame)
  }
}

/** The first `wanted` rows: those beyond are dropped as they come. */
function* topRows(source: Stream, wanted: number, { compare }: SortParts, frame: Frame): Stream {
  let kept: Row[] = []
  let worst: Row | undefined
  if (wanted === 0) return
  const most = Math.max(wanted * 2, 64)
  const shrink = (): void => {
    kept.sort(compare)
    kept = kept.slice(0, wanted)
    if (kept.length === wanted) worst = kept[wanted - 1]
  }
  const turns = new Turns(frame.run)
  for (const item of source) {
    if (item instanceof Suspension) {
      yield item
      continue
    }
    for (const row of item) {
      // Equal to the worst one and later: a stable sort would put it behind.
      if (worst !== undefined && compare(row, worst) >= 0) continue
      kept.push(row)
      if (kept.length >= most) shrink()
    }
    if (turns.due(item.length)) yield pause
  }
  shrink()
  for (let from = 0; from < kept.length; from += batchRows) yield kept.slice(from, from + batchRows)
}

/** In memory while the budget lasts; then sorted runs in files, merged. */
function* allRows(source: Stream, { compare, layout }: SortParts, frame: Frame): Stream {
  const { run } = frame
  const holding = new Holding(run.memory)
  const runs: SpilledRows[] = []
  let rows: Row[] = []
  try {
    for (const item of source) {
      if (item instanceof Suspension) {
        yield item
        continue
      }
      for (const row of item) {
        const size = rowBytes(row)
        if (rows.length > 0 && !holding.fits(size)) {
          runs.push(yield* spillRun(yield* sorted(rows, compare, frame), layout, frame))
          holding.release()
          rows = []
        }
        holding.take(size)
        rows.push(row)
      }
    }
    rows = yield* sorted(rows, compare, frame)
    if (runs.length === 0) {
      for (let from = 0; from < rows.length; from += batchRows) yield rows.slice(from, from + batchRows)
      return
    }
    if (rows.length > 0) runs.push(yield* spillRun(rows, layout, frame))
    holding.release()
    rows = []
    yield* mergeAll(runs, compare, layout, frame)
  } finally {
    holding.release()
    for (const run of runs) run.release()
  }
}

/** Runs of Array.sort with room for others in between: a million rows would hold the thread for a second. */
const sortPiece = 4_096

export function* sorted(rows: Row[], compare: RowCompare, frame: Frame): Generator<Suspension, Row[], void> {
  if (rows.length <= sortPiece) return rows.sort(compare)
  let pieces: Row[][] = []
  for (let from = 0; from < rows.length; from += sortPiece) {
    pieces.push(rows.slice(from, from + sortPiece).sort(compare))
    frame.run.checkInterrupts()
    if (frame.run.shouldYield()) yield pause
  }
  while (pieces.length > 1) {
    const merged: Row[][] = []
    for (let i = 0; i < pieces.length; i += 2) {
      const left = pieces[i] as Row[]
      const right = pieces[i + 1]
      merged.push(right === undefined ? left : yield* mergeTwo(left, right, compare, frame))
    }
    pieces = merged
  }
  return pieces[0] as Row[]
}

function* mergeTwo(left: Row[], right: Row[], compare: RowCompare, frame: Frame): Generator<Suspension, Row[], void> {
  const merged = new Array<Row>(left.length + right.length)
  const turns = new Turns(frame.run)
  let l = 0
  let r = 0
  for (let i = 0; i < merged.length; i++) {
    const takeLeft = r >= right.length || (l < left.length && compare(left[l] as Row, right[r] as Row) <= 0)
    merged[i] = (takeLeft ? left[l++] : right[r++]) as Row
    if (turns.due()) yield pause
  }
  return merged
}

function* spillRun(rows: readonly Row[], layout: Layout, frame: Frame): Generator<Suspension, SpilledRows, void> {
  const run = new SpilledRows(frame.run, layout, 'A sort')
  const turns = new Turns(frame.run)
  for (const row of rows) {
    run.add(row)
    if (turns.due()) yield pause
  }
  run.flush()
  return run
}

/** Files merged at once; each holds one chunk in memory. */
const mergeWays = 32

function* mergeAll(runs: SpilledRows[], compare: RowCompare, layout: Layout, frame: Frame): Stream {
  while (runs.length > mergeWays) {
    const part = runs.splice(0, mergeWays)
    const merged = new SpilledRows(frame.run, layout, 'A sort')
    for (const item of merge(part, compare, frame)) {
      if (item instanceof Suspension) yield item
      else for (const row of item) merged.add(row)
    }
    merged.flush()
    for (const run of part) run.release()
    // Behind the others would break ties in another order than they came.
    runs.unshift(merged)
  }
  yield* merge(runs, compare, frame)
}

interface Cursor {
  readonly place: number
  readonly chunks: Iterator<Row[], void, void>
  rows: Row[]
  at: number
}

function* merge(runs: readonly SpilledRows[], compare: RowCompare, frame: Frame): Stream {
  const heap: Cursor[] = []
  const before = (a: Cursor, b: Cursor): boolean => {
    const order = compare(a.rows[a.at] as Row, b.rows[b.at] as Row)
    return order < 0 || (order === 0 && a.place < b.place)
  }
  const sink = (start: number): void => {
    let i = start
    for (;;) {
      let least = i
      for (const child of [2 * i + 1, 2 * i + 2]) {
        if (child < heap.length && before(heap[child] as Cursor, heap[least] as Cursor)) least = child
      }
      if (least === i) return
      const cursor = heap[i] as Cursor
      heap[i] = heap[least] as Cursor
      heap[least] = cursor
      i = least
    }
  }
  runs.forEach((run, place) => {
    const chunks = run.read()
    const first = chunks.next()
    if (!first.done) heap.push({ place, chunks, rows: first.value, at: 0 })
  })
  for (let i = (heap.length >> 1) - 1; i >= 0; i--) sink(i)
  let batch: Batch[number][] = []
  while (heap.length > 0) {
    const top = heap[0] as Cursor
    batch.push(top.rows[top.at++] as Row)
    if (top.at === top.rows.length) {
      const next = top.chunks.next()
      if (next.done) {
        const last = heap.pop() as Cursor
        if (heap.length > 0 && last !== top) heap[0] = last
      } else {
        top.rows = next.value
        top.at = 0
      }
    }
    sink(0)
    if (batch.length === batchRows) {
      yield batch
      batch = []
      frame.run.checkInterrupts()
      if (frame.run.shouldYield()) yield pause
    }
  }
  if (batch.length > 0) yield batch
}
