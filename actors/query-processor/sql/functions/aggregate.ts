import type { Value } from '../../../../protocol/values/value.ts'
import type { AggregateFunction, CallTypes, FunctionContext } from './registry.ts'

/**
 * Ties the state's type of one aggregate together. The registry's own type forgets it, as states of all aggregates lie in one table there.
 */
export function aggregate<State, Arguments extends readonly Value[]>(definition: {
  readonly start: (types: CallTypes) => State
  readonly add: (state: State, ...values: Arguments) => State
  readonly finish: (state: State, context: FunctionContext) => Value
  readonly skipNulls?: boolean
}): AggregateFunction {
  const { start, add, finish, skipNulls = true } = definition
  return {
    skipNulls,
    start: start as (types: CallTypes) => never,
    add: ((_context: FunctionContext, state: State, ...values: Arguments) =>
      add(state, ...values)) as unknown as AggregateFunction['add'],
    finish: ((context: FunctionContext, state: State) => finish(state, context)) as unknown as AggregateFunction['finish'],
  }
}

/** min, max, bit_and ...: the state is the answer so far, NULL before the first row. */
export function folding<V extends Value>(combine: (state: V, value: V) => V): AggregateFunction {
  return {
    skipNulls: true,
    start: (() => null) as unknown as AggregateFunction['start'],
    add: ((_context: FunctionContext, state: V | null, value: V) =>
      state === null ? value : combine(state, value)) as unknown as AggregateFunction['add'],
    finish: (_context, state) => state,
  }
}
