import type { Value } from '../../../../protocol/values/value.ts'
import type { Compiled } from './compile-expression.ts'
import { batchRows, emptyRow, type Frame, type Opener, pause, type Row, Turns } from './frame.ts'
import { fieldsOf } from './row-operators.ts'
import { type Stream, Suspension } from './run.ts'
import { evaluateWaiting } from './site.ts'

/** A call that may yield many values for one row. */
export interface SetCall {
  /** Undefined: not a set, `args[0]` is the value. */
  readonly open: ((frame: Frame, values: readonly Value[]) => Iterable<Value>) | undefined
  readonly args: readonly Compiled[]
  readonly width: number
}

function* evaluateArguments(call: SetCall, row: Row, frame: Frame): Generator<Suspension, Value[], void> {
  const values: Value[] = []
  for (const arg of call.args) {
    values.push(!arg.waits ? arg.evaluate(row, frame) : yield* evaluateWaiting(arg, row, frame))
  }
  return values
}

/** FROM f(...): several functions run in step, the shorter ones padded with NULL. */
export function functionRows(
  calls: readonly SetCall[],
  { ordinality, rowsAsValues }: { readonly ordinality: boolean; readonly rowsAsValues: boolean },
): Opener {
  return function* (frame): Stream {
    const iterators: Iterator<Value>[] = []
    for (const call of calls) {
      const values = yield* evaluateArguments(call, emptyRow, frame)
      const set = call.open === undefined ? [values[0] as Value] : call.open(frame, values)
      iterators.push(set[Symbol.iterator]())
    }
    const turns = new Turns(frame.run)
    const finished = calls.map(() => false)
    let batch: Row[] = []
    for (let number = 1n; ; number++) {
      const row: Value[] = []
      let some = false
      for (let i = 0; i < calls.length; i++) {
        const width = (calls[i] as SetCall).width
        const next = finished[i] ? undefined : (iterators[i] as Iterator<Value>).next()
        if (next === undefined || next.done === true) {
          finished[i] = true
          for (let k = 0; k < width; k++) row.push(null)
          continue
        }
        some = true
        if (width === 1 && (rowsAsValues || !isRow(next.value))) row.push(next.value)
        else for (const field of fieldsOf(next.value, width)) row.push(field)
      }
      if (!some) break
      if (ordinality) row.push(number)
      batch.push(row)
      if (batch.length >= batchRows) {
        yield batch
        batch = []
      }
      if (turns.due()) yield pause
    }
    if (batch.length > 0) yield batch
  }
}

const isRow = (value: Value): boolean => typeof value === 'object' && value !== null && 'fields' in value

export type SetTarget = { readonly kind: 'set'; readonly call: SetCall } | { readonly kind: 'plain'; readonly expr: Compiled }

/** Set-returning targets: as many rows as the longest set has; plain targets repeat. */
export function projectSets(input: Opener, targets: readonly SetTarget[]): Opener {
  return function* (frame): Stream {
    const turns = new Turns(frame.run)
    let batch: Row[] = []
    for (const item of input(frame)) {
      if (item instanceof Suspension) {
        yield item
        continue
      }
      for (const row of item) {
        const iterators: (Iterator<Value> | undefined)[] = []
        const plain: Value[] = []
        for (const target of targets) {
          if (target.kind === 'plain') {
            const { expr } = target
            plain.push(!expr.waits ? expr.evaluate(row, frame) : yield* evaluateWaiting(expr, row, frame))
            iterators.push(undefined)
            continue
          }
          const values = yield* evaluateArguments(target.call, row, frame)
          plain.push(null)
          iterators.push(target.call.open?.(frame, values)[Symbol.iterator]())
        }
        for (;;) {
          let some = false
          const made = targets.map((_, i) => {
            const iterator = iterators[i]
            if (iterator === undefined) return plain[i] as Value
            const next = iterator.next()
            if (next.done === true) {
              iterators[i] = [][Symbol.iterator]()
              return null
            }
            some = true
            return next.value
          })
          if (!some) break
          batch.push(made)
          if (batch.length >= batchRows) {
            yield batch
            batch = []
          }
          if (turns.due()) yield pause
        }
      }
      if (batch.length > 0) {
        yield batch
        batch = []
      }
    }
  }
}
