import type { Value } from '../../../../protocol/values/value.ts'
import { AsideCall } from './aside-calls.ts'
import { type Evaluate, type Frame, type Row, settled, unset } from './frame.ts'
import type { Suspension } from './run.ts'

/**
 * Thrown through an expression that needs something not there yet: a promise's value, or a subquery's answer. `evaluateWaiting`
 * catches it, gets the thing into its place in the frame, and evaluates again from the start. So CASE and AND stay lazy, and a subquery
 * can be suspended like any other stream although closures cannot.
 */
export class Site {
  readonly slot: number
  private readonly promise: Promise<Value> | undefined

  constructor(slot: number, promise?: Promise<Value>) {
    this.slot = slot
    this.promise = promise
  }

  *fill(_row: Row, frame: Frame): Generator<Suspension, void, void> {
    frame.slots[this.slot] = yield* settled(this.promise as Promise<Value>)
  }
}

/** Evaluates an expression with sites for one row. The caller has emptied the sites. */
export function* evaluateFilled(evaluate: Evaluate, row: Row, frame: Frame): Generator<Suspension, Value, void> {
  for (;;) {
    let site: Site
    try {
      return yield* evaluateAside(evaluate, row, frame)
    } catch (thrown) {
      if (!(thrown instanceof Site)) throw thrown
      site = thrown
    }
    yield* site.fill(row, frame)
  }
}

/** Evaluates an expression whose calls may be carried out aside. */
export function* evaluateAside(evaluate: Evaluate, row: Row, frame: Frame): Generator<Suspension, Value, void> {
  const { aside } = frame.run
  if (aside === undefined) return evaluate(row, frame)
  try {
    aside.canWait = true
    return evaluate(row, frame)
  } catch (thrown) {
    if (!(thrown instanceof AsideCall)) throw thrown
    return yield* aside.finish(thrown, () => evaluate(row, frame))
  } finally {
    aside.canWait = false
  }
}

export function* evaluateWaiting(
  compiled: { readonly evaluate: Evaluate; readonly sites: readonly number[] },
  row: Row,
  frame: Frame,
): Generator<Suspension, Value, void> {
  for (const slot of compiled.sites) frame.slots[slot] = unset
  return yield* evaluateFilled(compiled.evaluate, row, frame)
}
