import { SqlError } from '../../../../protocol/errors.ts'
import type { Interval } from '../../../../protocol/values/interval.ts'
import { knownType } from '../../../../protocol/values/registry.ts'
import { SqlArray, type Value } from '../../../../protocol/values/value.ts'
import type { TypeRef } from '../catalog/schema.ts'
import { aggregate } from './aggregate.ts'
import { addIntervals, multiplyInterval, subtractIntervals } from './datetime-arithmetic.ts'
import type { AggregateFunction, Implementations } from './registry.ts'

/** percentile_cont, percentile_disc, mode: their rows come sorted; the fraction is an argument of every row. */
interface Sorted<Fraction> {
  fraction: Fraction | undefined
  readonly values: Value[]
}

/** The value at a fraction of the sorted values, of which there is one at least. */
type Pick = (values: readonly Value[], fraction: number) => Value

function checked(fraction: number): number {
  if (fraction >= 0 && fraction <= 1) return fraction
  throw new SqlError('22003', `percentile value ${Number(fraction.toPrecision(6))} is not between 0 and 1`)
}

const percentile = (pick: Pick): AggregateFunction =>
  aggregate<Sorted<number>, [number, Value]>({
    start: () => ({ fraction: undefined, values: [] }),
    add: collect,
    finish: ({ fraction, values }) => (fraction === undefined ? null : pick(values, checked(fraction))),
  })

const percentiles = (pick: Pick): AggregateFunction =>
  aggregate<Sorted<SqlArray>, [SqlArray, Value]>({
    start: () => ({ fraction: undefined, values: [] }),
    add: collect,
    finish: ({ fraction, values }) =>
      fraction === undefined
        ? null
        : new SqlArray(fraction.elements.map((one) => (one === null ? null : pick(values, checked(one as number))))),
  })

function collect<Fraction>(state: Sorted<Fraction>, fraction: Fraction, value: Value): Sorted<Fraction> {
  state.fraction = fraction
  state.values.push(value)
  return state
}

const discrete: Pick = (values, fraction) => values[Math.max(Math.ceil(fraction * values.length) - 1, 0)] as Value

/** Between the two values around the fraction. */
const continuous =
  <V extends Value>(between: (low: V, high: V, part: number) => V): Pick =>
  (values, fraction) => {
    const place = fraction * (values.length - 1)
    const [low, high] = [values[Math.floor(place)] as V, values[Math.ceil(place)] as V]
    return Math.floor(place) === Math.ceil(place) ? low : between(low, high, place - Math.floor(place))
  }

const floats = continuous<number>((low, high, part) => low + part * (high - low))
const intervals = continuous<Interval>((low, high, part) =>
  addIntervals(low, multiplyInterval(subtractIntervals(high, low), part)),
)

interface Counted {
  readonly same: (a: Value, b: Value) => boolean
  best: Value
  bestCount: number
  last: Value
  count: number
}

/** Of values that are equally frequent the first. */
const mode = aggregate<Counted, [Value]>({
  start({ arguments: [argument] }) {
    const { compare } = knownType((argument as TypeRef).oid)
    return { same: (a, b) => compare?.(a as never, b as never) === 0, best: null, bestCount: 0, last: null, count: 0 }
  },
  add(state, value) {
    state.count = state.count > 0 && state.same(state.last, value) ? state.count + 1 : 1
    if (state.count === 1) state.last = value
    if (state.count > state.bestCount) {
      state.best = state.last
      state.bestCount = state.count
    }
    return state
  },
  finish: ({ best }) => best,
})

export const orderedSetFunctions: Implementations = {
  aggregate: {
    'percentile_cont(float8,float8)': percentile(floats),
    'percentile_cont(float8,interval)': percentile(intervals),
    'percentile_cont(_float8,float8)': percentiles(floats),
    'percentile_cont(_float8,interval)': percentiles(intervals),
    'percentile_disc(float8,anyelement)': percentile(discrete),
    'percentile_disc(_float8,anyelement)': percentiles(discrete),
    'mode(anyelement)': mode,
  },
}
