import type { Value } from '../../../../protocol/values/value.ts'
import type { Binding, JoinKind, Layout } from '../plan/node.ts'
import type { Compiled } from './compile-expression.ts'
import { batchRows, type Frame, type Opener, pause, type Row, Turns } from './frame.ts'
import { RowStore } from './row-store.ts'
import { type Stream, Suspension } from './run.ts'
import { evaluateWaiting } from './site.ts'

export interface NestedLoopParts {
  readonly join: JoinKind
  readonly left: Opener
  readonly right: Opener
  readonly rightLayout: Layout
  readonly leftWidth: number
  readonly condition: Compiled | undefined
  /** Left columns the right side reads: it is opened anew for every left row. */
  readonly bindings: readonly Binding[] | undefined
}

export function nestedLoop(parts: NestedLoopParts): Opener {
  return parts.bindings === undefined ? (frame) => over(parts, frame) : (frame) => lateral(parts, parts.bindings ?? [], frame)
}

export function joined(left: Row, right: Row): Row {
  const l = left.length
  const row = new Array<Value>(l + right.length)
  for (let i = 0; i < l; i++) row[i] = left[i] as Value
  for (let i = 0; i < right.length; i++) row[l + i] = right[i] as Value
  return row
}

export const nulls = (width: number): Row => new Array<Value>(width).fill(null)

function* passes(condition: Compiled | undefined, row: Row, frame: Frame): Generator<Suspension, boolean, void> {
  if (condition === undefined) return true
  if (!condition.waits) return condition.evaluate(row, frame) === true
  return (yield* evaluateWaiting(condition, row, frame)) === true
}

function bind(bindings: readonly Binding[], row: Row, frame: Frame): void {
  for (const { from, slot } of bindings) frame.slots[slot] = row[from] as Value
}

function* lateral(parts: NestedLoopParts, bindings: readonly Binding[], frame: Frame): Stream {
  const { join, condition } = parts
  const onlyLeft = join === 'semi' || join === 'anti'
  const missing = nulls(parts.rightLayout.length)
  const plain = condition === undefined || !condition.waits
  const turns = new Turns(frame.run)
  let batch: Row[] = []
  for (const item of parts.left(frame)) {
    if (item instanceof Suspension) {
      yield item
      continue
    }
    for (const row of item) {
      bind(bindings, row, frame)
      let matched = false
      for (const inner of parts.right(frame)) {
        if (inner instanceof Suspension) {
          yield inner
          // Whoever ran meanwhile may have used the same places of the frame for another row.
          bind(bindings, row, frame)
          continue
        }
        for (const right of inner) {
          const both = joined(row, right)
          if (
            plain ? condition !== undefined && condition.evaluate(both, frame) !== true : !(yield* passes(condition, both, frame))
          )
            continue
          matched = true
          if (onlyLeft) break
          batch.push(both)
          if (batch.length >= batchRows) {
            yield batch
            batch = []
            bind(bindings, row, frame)
          }
        }
        if (turns.due()) yield pause
        if (matched && onlyLeft) break
      }
      if (join === 'left' && !matched) batch.push(joined(row, missing))
      else if ((join === 'semi' && matched) || (join === 'anti' && !matched)) batch.push(row)
      if (turns.due()) yield pause
    }
    // A lateral side is often a look-up: what it found for these rows goes on at once.
    if (batch.length > 0) {
      yield batch
      batch = []
    }
  }
}

function* over(parts: NestedLoopParts, frame: Frame): Stream {
  const { join, condition } = parts
  const onlyLeft = join === 'semi' || join === 'anti'
  const missing = nulls(parts.rightLayout.length)
  const plain = condition === undefined || !condition.waits
  const evaluate = condition?.evaluate
  const store = new RowStore(frame.run, parts.rightLayout, 'A join')
  const turns = new Turns(frame.run)
  const keepsRight = join === 'right' || join === 'full'
  const matchedRight = new Set<number>()
  try {
    let filled = false
    let batch: Row[] = []
    for (const item of parts.left(frame)) {
      if (item instanceof Suspension) {
        yield item
        continue
      }
      // Not before there is a left row: an empty left side reads nothing on the right.
      if (!filled) {
        yield* fill(store, parts.right(frame))
        filled = true
      }
      for (const row of item) {
        let matched = false
        let place = 0
        const reader = store.reader()
        search: for (let rights = reader.next(); rights !== undefined; rights = reader.next()) {
          for (const right of rights) {
            place++
            if (turns.due()) yield pause
            const both = joined(row, right)
            if (plain ? evaluate !== undefined && evaluate(both, frame) !== true : !(yield* passes(condition, both, frame)))
              continue
            matched = true
            if (onlyLeft) break search
            if (keepsRight) matchedRight.add(place - 1)
            batch.push(both)
            if (batch.length >= batchRows) {
              yield batch
              batch = []
            }
          }
        }
        if ((join === 'left' || join === 'full') && !matched) batch.push(joined(row, missing))
        else if ((join === 'semi' && matched) || (join === 'anti' && !matched)) batch.push(row)
        if (batch.length >= batchRows) {
          yield batch
          batch = []
        }
      }
    }
    if (batch.length > 0) yield batch
    if (!keepsRight) return
    if (!filled) yield* fill(store, parts.right(frame))
    yield* unmatched(store, matchedRight, nulls(parts.leftWidth))
  } finally {
    store.clear()
  }
}

function* fill(store: RowStore, source: Stream): Generator<Suspension, void, void> {
  for (const item of source) {
    if (item instanceof Suspension) yield item
    else for (const row of item) store.add(row)
  }
}

function* unmatched(store: RowStore, matched: ReadonlySet<number>, missing: Row): Stream {
  const reader = store.reader()
  let place = 0
  for (let rows = reader.next(); rows !== undefined; rows = reader.next()) {
    const batch: Row[] = []
    for (const row of rows) if (!matched.has(place++)) batch.push(joined(missing, row))
    if (batch.length > 0) yield batch
  }
}
