import { SqlError } from '../../../../protocol/errors.ts'
import type { Key } from '../../../../protocol/key.ts'
import { SqlRow, type Value } from '../../../../protocol/values/value.ts'
import type { LockRows } from '../plan/node.ts'
import type { Compiled } from './compile-expression.ts'
import { type Evaluate, emptyRow, type Frame, type Opener, pause, type Row, Turns } from './frame.ts'
import { GivenRows } from './given-rows.ts'
import { type Stream, Suspension } from './run.ts'
import { evaluateWaiting } from './site.ts'

/** Operators that take one row after the other: filter, project, limit, row locks. */
export function filterRows(input: Opener, condition: Compiled, once: boolean): Opener {
  if (once) {
    return function* (frame): Stream {
      if ((yield* evaluateWaiting(condition, emptyRow, frame)) === true) yield* input(frame)
    }
  }
  if (condition.waits || condition.aside) {
    return function* (frame): Stream {
      const turns = new Turns(frame.run)
      for (const item of input(frame)) {
        if (item instanceof Suspension) {
          yield item
          continue
        }
        const passed: Row[] = []
        for (const row of item) {
          if ((yield* evaluateWaiting(condition, row, frame)) === true) passed.push(row)
          if (turns.due()) yield pause
        }
        if (passed.length > 0) yield passed
      }
    }
  }
  const { evaluate } = condition
  return function* (frame): Stream {
    const turns = new Turns(frame.run)
    for (const item of input(frame)) {
      if (item instanceof Suspension) {
        yield item
        continue
      }
      const passed: Row[] = []
      for (const row of item) {
        if (evaluate(row, frame) === true) passed.push(row)
        if (turns.due()) yield pause
      }
      if (passed.length > 0) yield passed
    }
  }
}

export function projectRows(input: Opener, exprs: readonly Compiled[]): Opener {
  const evaluates = exprs.map((expr) => expr.evaluate)
  if (exprs.every((expr) => !expr.waits && !expr.aside)) {
    return function* (frame): Stream {
      const turns = new Turns(frame.run)
      for (const item of input(frame)) {
        if (item instanceof Suspension) {
          yield item
          continue
        }
        const batch: Row[] = []
        for (const row of item) {
          batch.push(projected(evaluates, row, frame))
          if (turns.due()) yield pause
        }
        yield batch
      }
    }
  }
  return function* (frame): Stream {
    const turns = new Turns(frame.run)
    for (const item of input(frame)) {
      if (item instanceof Suspension) {
        yield item
        continue
      }
      const batch: Row[] = []
      for (const row of item) {
        batch.push(yield* projectedWaiting(exprs, row, frame))
        if (turns.due()) yield pause
      }
      yield batch
    }
  }
}

export function projected(evaluates: readonly Evaluate[], row: Row, frame: Frame): Row {
  const width = evaluates.length
  const made = new Array<Value>(width)
  for (let i = 0; i < width; i++) made[i] = (evaluates[i] as Evaluate)(row, frame)
  return made
}

function* projectedWaiting(exprs: readonly Compiled[], row: Row, frame: Frame): Generator<Suspension, Row, void> {
  const made = new Array<Value>(exprs.length)
  for (let i = 0; i < exprs.length; i++) {
    const expr = exprs[i] as Compiled
    made[i] = !expr.waits && !expr.aside ? expr.evaluate(row, frame) : yield* evaluateWaiting(expr, row, frame)
  }
  return made
}

/** Rows as they are written, or as often as they are given. */
export function valuesRows(rows: readonly (readonly Compiled[])[]): Opener {
  const plain = rows.map((row) => (row.some((expr) => expr.waits || expr.aside) ? undefined : row.map((expr) => expr.evaluate)))
  return function* (frame): Stream {
    const { parameters } = frame
    const given = parameters instanceof GivenRows ? parameters : undefined
    const count = given === undefined ? rows.length : given.rows
    const turns = new Turns(frame.run)
    let batch: Row[] = []
    for (let i = 0; i < count; i++) {
      const at = given === undefined ? i : given.place(i)
      const evaluates = plain[at]
      batch.push(
        evaluates === undefined
          ? yield* projectedWaiting(rows[at] as readonly Compiled[], emptyRow, frame)
          : projected(evaluates, emptyRow, frame),
      )
      if (batch.length === 256) {
        yield batch
        batch = []
      }
      if (turns.due()) yield pause
    }
    if (batch.length > 0) yield batch
  }
}

export interface LimitParts {
  readonly limit: Compiled | undefined
  readonly offset: Compiled | undefined
  /** WITH TIES: whether a row belongs with the last one. */
  readonly tied: ((a: Row, b: Row) => boolean) | undefined
}

const count = (value: Value, what: 'LIMIT' | 'OFFSET'): number => {
  const number = Number(value)
  if (number < 0) throw new SqlError(what === 'LIMIT' ? '2201W' : '2201X', `${what} must not be negative`)
  return number
}

export function limitRows(input: Opener, { limit, offset, tied }: LimitParts): Opener {
  return function* (frame): Stream {
    const skipped = offset && (yield* evaluateWaiting(offset, emptyRow, frame))
    const wanted = limit && (yield* evaluateWaiting(limit, emptyRow, frame))
    let skip = skipped === undefined || skipped === null ? 0 : count(skipped, 'OFFSET')
    let left = wanted === undefined || wanted === null ? Number.POSITIVE_INFINITY : count(wanted, 'LIMIT')
    if (left === 0) return
    let last: Row | undefined
    for (const item of input(frame)) {
      if (item instanceof Suspension) {
        yield item
        continue
      }
      let from = 0
      if (skip > 0) {
        from = Math.min(skip, item.length)
        skip -= from
      }
      if (from >= item.length) continue
      let to = left > 0 ? Math.min(item.length, from + left) : from
      left -= to - from
      if (to > from) last = item[to - 1]
      if (left === 0 && tied !== undefined) {
        while (to < item.length && tied(item[to] as Row, last as Row)) to++
      }
      yield from === 0 && to === item.length ? item : item.slice(from, to)
      if (left === 0 && (tied === undefined || to < item.length)) return
    }
  }
}

/** FOR UPDATE, FOR KEY SHARE: the rows' keys become checks of the commit. */
export function lockRows(input: Opener, locks: LockRows['locks']): Opener {
  return function* (frame): Stream {
    const { access } = frame.run
    for (const item of input(frame)) {
      if (item instanceof Suspension) {
        yield item
        continue
      }
      for (const row of item) {
        for (const { slot, mode } of locks) {
          const key = row[slot]
          if (typeof key === 'string') access.check(key as Key, mode === 'update' ? 'X' : 'S')
        }
      }
      yield item
    }
  }
}

/** A call that yields rows of several columns, taken apart. */
export const fieldsOf = (value: Value, width: number): readonly Value[] => {
  if (value instanceof SqlRow) return value.fields
  return value === null ? new Array<Value>(width).fill(null) : [value]
}
