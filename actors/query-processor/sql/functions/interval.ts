import { Interval, intervalType } from '../../../../protocol/values/interval.ts'
import { formatNumeric } from '../../../../protocol/values/numeric.ts'
import { aggregate } from './aggregate.ts'
import {
  addIntervals,
  divideInterval,
  justifyDays,
  justifyHours,
  justifyInterval,
  multiplyInterval,
  negateInterval,
  subtractIntervals,
} from './datetime-arithmetic.ts'
import { extractInterval } from './datetime-part.ts'
import { truncateInterval } from './datetime-trunc.ts'
import type { Implementations } from './registry.ts'

interface Mean {
  sum: Interval
  count: number
}

export const intervalFunctions: Implementations = {
  scalar: {
    interval_pl: (_context, a: Interval, b: Interval) => addIntervals(a, b),
    interval_mi: (_context, a: Interval, b: Interval) => subtractIntervals(a, b),
    interval_um: (_context, value: Interval) => negateInterval(value),
    interval_mul: (_context, value: Interval, factor: number) => multiplyInterval(value, factor),
    mul_d_interval: (_context, factor: number, value: Interval) => multiplyInterval(value, factor),
    interval_div: (_context, value: Interval, divisor: number) => divideInterval(value, divisor),
    interval_justify_hours: (_context, value: Interval) => justifyHours(value),
    interval_justify_days: (_context, value: Interval) => justifyDays(value),
    interval_justify_interval: (_context, value: Interval) => justifyInterval(value),
    interval_finite: () => true,
    interval_trunc: (_context, field: string, value: Interval) => truncateInterval(field, value),
    extract_interval: (_context, field: string, value: Interval) => extractInterval(field, value),
    interval_part: (_context, field: string, value: Interval) => Number(formatNumeric(extractInterval(field, value))),
    interval_scale: (_context, value: Interval, typmod: number) => intervalType.coerceTypmod?.(value, typmod, true) ?? value,
  },
  aggregate: {
    'sum(interval)': aggregate<{ sum: Interval | null }, [Interval]>({
      start: () => ({ sum: null }),
      add(state, value) {
        state.sum = state.sum === null ? value : addIntervals(state.sum, value)
        return state
      },
      finish: (state) => state.sum,
    }),
    'avg(interval)': aggregate<Mean, [Interval]>({
      start: () => ({ sum: new Interval(0, 0, 0n), count: 0 }),
      add(state, value) {
        state.sum = addIntervals(state.sum, value)
        state.count++
        return state
      },
      finish: (state) => (state.count === 0 ? null : divideInterval(state.sum, state.count)),
    }),
  },
}
