import { isFiniteTimestamp, joinTimestamp, timestampInfinity } from '../../../../protocol/values/calendar.ts'
import { dateType } from '../../../../protocol/values/date.ts'
import { unixSeconds } from '../../../../protocol/values/datetime-output.ts'
import { intervalType } from '../../../../protocol/values/interval.ts'
import { timeType, timetzType } from '../../../../protocol/values/time.ts'
import { timestampType, timestamptzType } from '../../../../protocol/values/timestamp.ts'
import { timeZone } from '../../../../protocol/values/timezone.ts'
import type { SqlType } from '../../../../protocol/values/type.ts'
import type { Value } from '../../../../protocol/values/value.ts'
import { comparisons, extremes, ordering } from './comparison.ts'
import { dateToTimestamp } from './datetime-arithmetic.ts'
import type { ZoneShift } from './datetime-zone.ts'
import { extremesOf } from './extreme.ts'
import type { AggregateFunction, FunctionContext, ScalarFunction } from './registry.ts'

type Functions = Record<string, ScalarFunction>

export const sessionZone = (context: FunctionContext): ZoneShift => timeZone(context.settings.timeZone)

function sameType(prefix: string, type: unknown): Functions {
  const compare = (type as SqlType).compare as (a: Value, b: Value) => number
  return {
    ...comparisons(`${prefix}_`, compare),
    ...extremes(`${prefix}_`, compare),
    ...ordering(`${prefix}_cmp`, compare),
  }
}

const order = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0)

/** A day that no timestamp reaches still lies before infinity. */
function compareLocal(days: number, local: bigint): number {
  if (!Number.isFinite(days)) return order(dateToTimestamp(days), local)
  if (!isFiniteTimestamp(local)) return local === timestampInfinity ? -1 : 1
  return order(joinTimestamp(days, 0), local)
}

function compareDateWithZoned(days: number, moment: bigint, zone: ZoneShift): number {
  if (!Number.isFinite(days) || !isFiniteTimestamp(moment)) return compareLocal(days, moment)
  const local = joinTimestamp(days, 0)
  return order(local - BigInt(zone.offsetOfLocal(unixSeconds(local))) * 1_000_000n, moment)
}

function compareLocalWithZoned(local: bigint, moment: bigint, zone: ZoneShift): number {
  if (!isFiniteTimestamp(local) || !isFiniteTimestamp(moment)) return order(local, moment)
  return order(local - BigInt(zone.offsetOfLocal(unixSeconds(local))) * 1_000_000n, moment)
}

type Cross = (context: FunctionContext, a: never, b: never) => number

/** date_eq_timestamp, timestamp_cmp_date ... */
function crossTypes(left: string, right: string, compare: Cross): Functions {
  const made: Functions = {
    [`${left}_cmp_${right}`]: (context, a: never, b: never) => compare(context, a, b),
    [`${right}_cmp_${left}`]: (context, a: never, b: never) => -compare(context, b, a),
  }
  const tests: readonly (readonly [string, (order: number) => boolean])[] = [
    ['eq', (value) => value === 0],
    ['ne', (value) => value !== 0],
    ['lt', (value) => value < 0],
    ['le', (value) => value <= 0],
    ['gt', (value) => value > 0],
    ['ge', (value) => value >= 0],
  ]
  for (const [name, test] of tests) {
    made[`${left}_${name}_${right}`] = (context, a: never, b: never) => test(compare(context, a, b))
    made[`${right}_${name}_${left}`] = (context, a: never, b: never) => test(-compare(context, b, a))
  }
  return made
}

export const datetimeComparisons: Functions = {
  ...sameType('date', dateType),
  ...sameType('time', timeType),
  ...sameType('timetz', timetzType),
  ...sameType('timestamp', timestampType),
  ...sameType('interval', intervalType),
  ...crossTypes('date', 'timestamp', (_context, days: number, local: bigint) => compareLocal(days, local)),
  ...crossTypes('date', 'timestamptz', (context, days: number, moment: bigint) =>
    compareDateWithZoned(days, moment, sessionZone(context)),
  ),
  ...crossTypes('timestamp', 'timestamptz', (context, local: bigint, moment: bigint) =>
    compareLocalWithZoned(local, moment, sessionZone(context)),
  ),
}

export const datetimeExtremes: Record<string, AggregateFunction> = Object.assign(
  {},
  ...[dateType, timeType, timetzType, timestampType, timestamptzType, intervalType].map(extremesOf),
)
