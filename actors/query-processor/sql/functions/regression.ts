import { SqlError } from '../../../../protocol/errors.ts'
import type { Value } from '../../../../protocol/values/value.ts'
import { aggregate } from './aggregate.ts'
import type { Implementations } from './registry.ts'

/** Of pairs (Y, X): sums and sums of products of differences from the means (float8_regr_accum). */
interface Pairs {
  rows: number
  x: number
  xx: number
  y: number
  yy: number
  xy: number
}

const start = (): Pairs => ({ rows: 0, x: 0, xx: 0, y: 0, yy: 0, xy: 0 })

function addPair(state: Pairs, y: number, x: number): Pairs {
  const before = state.rows
  const { x: xBefore, y: yBefore } = state
  state.rows++
  state.x += x
  state.y += y
  if (before === 0) {
    if (!Number.isFinite(x)) state.xx = state.xy = Number.NaN
    if (!Number.isFinite(y)) state.yy = state.xy = Number.NaN
    return state
  }
  const dx = x * state.rows - state.x
  const dy = y * state.rows - state.y
  const scale = 1 / (state.rows * before)
  state.xx += dx * dx * scale
  state.yy += dy * dy * scale
  state.xy += dx * dy * scale
  const infinite = (value: number): boolean => Math.abs(value) === Infinity
  if ([state.x, state.xx, state.y, state.yy, state.xy].some(infinite)) {
    const xFinite = Number.isFinite(xBefore) && Number.isFinite(x)
    const yFinite = Number.isFinite(yBefore) && Number.isFinite(y)
    if (
      ((infinite(state.x) || infinite(state.xx)) && xFinite) ||
      ((infinite(state.y) || infinite(state.yy)) && yFinite) ||
      (infinite(state.xy) && xFinite && yFinite)
    ) {
      throw new SqlError('22003', 'value out of range: overflow')
    }
    if (infinite(state.xx)) state.xx = Number.NaN
    if (infinite(state.yy)) state.yy = Number.NaN
    if (infinite(state.xy)) state.xy = Number.NaN
  }
  return state
}

const pairs = (finish: (state: Pairs) => Value) => aggregate({ start, add: addPair, finish })
const some = (compute: (state: Pairs) => Value) => pairs((state) => (state.rows < 1 ? null : compute(state)))

export const regressionFunctions: Implementations = {
  aggregate: {
    'regr_count(float8,float8)': pairs((state) => BigInt(state.rows)),
    'regr_sxx(float8,float8)': some((state) => state.xx),
    'regr_syy(float8,float8)': some((state) => state.yy),
    'regr_sxy(float8,float8)': some((state) => state.xy),
    'regr_avgx(float8,float8)': some((state) => state.x / state.rows),
    'regr_avgy(float8,float8)': some((state) => state.y / state.rows),
    'covar_pop(float8,float8)': some((state) => state.xy / state.rows),
    'covar_samp(float8,float8)': pairs((state) => (state.rows < 2 ? null : state.xy / (state.rows - 1))),
    'corr(float8,float8)': some((state) => (state.xx === 0 || state.yy === 0 ? null : state.xy / Math.sqrt(state.xx * state.yy))),
    'regr_r2(float8,float8)': some((state) =>
      state.xx === 0 ? null : state.yy === 0 ? 1 : (state.xy * state.xy) / (state.xx * state.yy),
    ),
    'regr_slope(float8,float8)': some((state) => (state.xx === 0 ? null : state.xy / state.xx)),
    'regr_intercept(float8,float8)': some((state) =>
      state.xx === 0 ? null : (state.y - (state.x * state.xy) / state.xx) / state.rows,
    ),
  },
}
