import { SqlError } from '../../../../protocol/errors.ts'
import { makeNumeric, Numeric, numericFromBigint, numericNaN, numericZero, pow10 } from '../../../../protocol/values/numeric.ts'
import { addNumeric, divideAt, divideNumeric, quotientScale } from '../../../../protocol/values/numeric-arithmetic.ts'
import type { Value } from '../../../../protocol/values/value.ts'
import { aggregate, folding } from './aggregate.ts'
import { add } from './float-operator.ts'
import { toInt8 } from './integer.ts'
import { sqrtAt } from './numeric-series.ts'
import type { AggregateFunction, Implementations } from './registry.ts'

/* ---------------------------------------------------------------- exact sums */

const exactLimit = 2 ** 52

/** Integers added as doubles while the sum surely stays exact, then carried into a bigint. */
interface IntegerSum {
  rows: number
  small: number
  large: bigint
}

const startInteger = (): IntegerSum => ({ rows: 0, small: 0, large: 0n })

function addInteger(state: IntegerSum, value: number): IntegerSum {
  state.rows++
  state.small += value
  if (state.small > exactLimit || state.small < -exactLimit) {
    state.large += BigInt(state.small)
    state.small = 0
  }
  return state
}

const totalOf = (state: IntegerSum): bigint => state.large + BigInt(state.small)

/** bigint rows: those that fit a double are added as one. */
function addBigint(state: IntegerSum, value: bigint): IntegerSum {
  state.rows++
  state.large += value
  return state
}

/** numeric rows at the greatest scale seen; specials are counted apart. */
interface NumericSum {
  rows: number
  unscaled: bigint
  scale: number
  special: Numeric | undefined
}

const startNumeric = (): NumericSum => ({ rows: 0, unscaled: 0n, scale: 0, special: undefined })

function addToSum(state: NumericSum, value: Numeric): NumericSum {
  state.rows++
  if (value.special !== '') {
    state.special = state.special === undefined ? value : addNumeric(state.special, value)
  } else if (value.scale === state.scale) {
    state.unscaled += value.unscaled
  } else if (value.scale < state.scale) {
    state.unscaled += value.unscaled * pow10(state.scale - value.scale)
  } else {
    state.unscaled = state.unscaled * pow10(value.scale - state.scale) + value.unscaled
    state.scale = value.scale
  }
  return state
}

const numericTotal = (state: NumericSum): Numeric => state.special ?? makeNumeric(state.unscaled, state.scale)

const averageOf = (total: Numeric, rows: number): Numeric => divideNumeric(total, numericFromBigint(BigInt(rows)))

const integerAverage = (state: IntegerSum): Value =>
  state.rows === 0 ? null : averageOf(numericFromBigint(totalOf(state)), state.rows)

/* ---------------------------------------------------------------- exact variance: N, sum of X, sum of X squared */

interface Squares {
  rows: number
  sum: NumericSum
  squares: NumericSum
}

const startSquares = (): Squares => ({ rows: 0, sum: startNumeric(), squares: startNumeric() })

function addSquare(state: Squares, value: Numeric): Squares {
  state.rows++
  addToSum(state.sum, value)
  if (value.special === '') addToSum(state.squares, new Numeric(value.unscaled * value.unscaled, value.scale * 2))
  return state
}

function exactVariance(state: Squares, sample: boolean, root: boolean): Value {
  if (state.rows === 0 || (sample && state.rows === 1)) return null
  if (state.sum.special !== undefined) return numericNaN
  const rows = BigInt(state.rows)
  const { unscaled, scale } = state.sum
  // N * sum(X^2) - sum(X)^2, both at twice the scale of the sum
  const squares = state.squares.unscaled * pow10(2 * scale - state.squares.scale)
  const numerator = new Numeric(rows * squares - unscaled * unscaled, 2 * scale)
  if (numerator.unscaled <= 0n) return numericZero
  const denominator = numericFromBigint(sample ? rows * (rows - 1n) : rows * rows)
  const resultScale = quotientScale(numerator, denominator)
  const variance = divideAt(numerator, denominator, resultScale)
  return root ? sqrtAt(variance, resultScale) : variance
}

/* ---------------------------------------------------------------- floats: Youngs and Cramer, as float8_accum does */

interface FloatSquares {
  rows: number
  sum: number
  /** Sum of squared differences from the mean. */
  squares: number
}

const startFloat = (): FloatSquares => ({ rows: 0, sum: 0, squares: 0 })

function addFloat(state: FloatSquares, value: number): FloatSquares {
  const before = state.rows
  const sumBefore = state.sum
  state.rows++
  state.sum += value
  if (before > 0) {
    const difference = value * state.rows - state.sum
    state.squares += (difference * difference) / (state.rows * before)
    if (!Number.isFinite(state.sum) || Math.abs(state.squares) === Infinity) {
      if (Number.isFinite(sumBefore) && Number.isFinite(value)) {
        throw new SqlError('22003', 'value out of range: overflow')
      }
      state.squares = Number.NaN
    }
  } else if (!Number.isFinite(value)) {
    state.squares = Number.NaN
  }
  return state
}

function floatVariance(state: FloatSquares, sample: boolean, root: boolean): Value {
  if (state.rows === 0 || (sample && state.rows === 1)) return null
  const variance = state.squares / (sample ? state.rows - 1 : state.rows)
  return root ? Math.sqrt(variance) : variance
}

/* ---------------------------------------------------------------- the table */

const spread = [
  ['variance', true, false],
  ['var_samp', true, false],
  ['var_pop', false, false],
  ['stddev', true, true],
  ['stddev_samp', true, true],
  ['stddev_pop', false, true],
] as const

function spreads(): Record<string, AggregateFunction> {
  const table: Record<string, AggregateFunction> = {}
  const fromNumber = (state: Squares, value: number): Squares => addSquare(state, numericFromBigint(BigInt(value)))
  for (const [name, sample, root] of spread) {
    const finish = (state: Squares): Value => exactVariance(state, sample, root)
    table[`${name}(int2)`] = aggregate({ start: startSquares, add: fromNumber, finish })
    table[`${name}(int4)`] = aggregate({ start: startSquares, add: fromNumber, finish })
    table[`${name}(int8)`] = aggregate({
      start: startSquares,
      add: (state: Squares, value: bigint) => addSquare(state, numericFromBigint(value)),
      finish,
    })
    table[`${name}(numeric)`] = aggregate({ start: startSquares, add: addSquare, finish })
    const finishFloat = (state: FloatSquares): Value => floatVariance(state, sample, root)
    table[`${name}(float4)`] = aggregate({ start: startFloat, add: addFloat, finish: finishFloat })
    table[`${name}(float8)`] = aggregate({ start: startFloat, add: addFloat, finish: finishFloat })
  }
  return table
}

const integerSum = aggregate({
  start: startInteger,
  add: addInteger,
  finish: (state) => (state.rows === 0 ? null : toInt8(totalOf(state))),
})
const integerMean = aggregate({ start: startInteger, add: addInteger, finish: integerAverage })
const floatMean = aggregate({
  start: startFloat,
  add: addFloat,
  finish: (state) => (state.rows === 0 ? null : state.sum / state.rows),
})

export const sumFunctions: Implementations = {
  aggregate: {
    'count()': aggregate({ start: () => ({ rows: 0 }), add: countOne, finish: (state) => BigInt(state.rows), skipNulls: false }),
    'count(any)': aggregate({ start: () => ({ rows: 0 }), add: countOne, finish: (state) => BigInt(state.rows) }),
    'sum(int2)': integerSum,
    'sum(int4)': integerSum,
    'sum(int8)': aggregate({
      start: startInteger,
      add: addBigint,
      finish: (state) => (state.rows === 0 ? null : numericFromBigint(totalOf(state))),
    }),
    'sum(numeric)': aggregate({
      start: startNumeric,
      add: addToSum,
      finish: (state) => (state.rows === 0 ? null : numericTotal(state)),
    }),
    'sum(float4)': folding((state: number, value: number) => add(state, value, Math.fround)),
    'sum(float8)': folding((state: number, value: number) => add(state, value)),
    'avg(int2)': integerMean,
    'avg(int4)': integerMean,
    'avg(int8)': aggregate({ start: startInteger, add: addBigint, finish: integerAverage }),
    'avg(numeric)': aggregate({
      start: startNumeric,
      add: addToSum,
      finish: (state) => (state.rows === 0 ? null : averageOf(numericTotal(state), state.rows)),
    }),
    'avg(float4)': floatMean,
    'avg(float8)': floatMean,
    ...spreads(),
    'any_value(anyelement)': folding((state: Value & {}, _value: Value & {}) => state),
  },
}

function countOne(state: { rows: number }): { rows: number } {
  state.rows++
  return state
}
