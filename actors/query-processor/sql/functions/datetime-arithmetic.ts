import { divisionByZero, SqlError } from '../../../../protocol/errors.ts'
import {
  checkTimestamp,
  civilFromDays,
  dateMax,
  dateMin,
  dateOutOfRange,
  daysFromCivil,
  daysInMonth,
  isFiniteTimestamp,
  isValidTimestamp,
  joinTimestamp,
  splitTimestamp,
  timestampInfinity,
  timestampMinusInfinity,
  timestampOutOfRange,
} from '../../../../protocol/values/calendar.ts'
import { roundHalfEven } from '../../../../protocol/values/datetime-tokens.ts'
import { Interval } from '../../../../protocol/values/interval.ts'
import { fromLocal, toLocal, type ZoneShift } from './datetime-zone.ts'

export const intervalOutOfRange = (): SqlError => new SqlError('22008', 'interval out of range')

const int4Max = 2_147_483_647
const dayMicros = 86_400_000_000n

export function checkedInterval(months: number, days: number, micros: bigint): Interval {
  if (months > int4Max || months < -int4Max - 1 || days > int4Max || days < -int4Max - 1) throw intervalOutOfRange()
  if (BigInt.asIntN(64, micros) !== micros) throw intervalOutOfRange()
  return new Interval(months, days, micros)
}

export const addIntervals = (a: Interval, b: Interval): Interval =>
  checkedInterval(a.months + b.months, a.days + b.days, a.micros + b.micros)

export const subtractIntervals = (a: Interval, b: Interval): Interval =>
  checkedInterval(a.months - b.months, a.days - b.days, a.micros - b.micros)

export const negateInterval = (value: Interval): Interval => checkedInterval(-value.months, -value.days, -value.micros)

const toMicros = (value: number): number => roundHalfEven(value * 1_000_000) / 1_000_000

/** The whole parts are scaled field by field; what is left of months becomes days, what is left of days becomes time. */
function scaleInterval(value: Interval, scale: (field: number) => number): Interval {
  const exactMonths = scale(value.months)
  const exactDays = scale(value.days)
  if (!fits(exactMonths) || !fits(exactDays)) throw intervalOutOfRange()
  const months = Math.trunc(exactMonths)
  let days = Math.trunc(exactDays)
  const monthDays = toMicros((exactMonths - months) * 30)
  let seconds = toMicros((exactDays - days + monthDays - Math.trunc(monthDays)) * 86_400)
  if (Math.abs(seconds) >= 86_400) {
    const carried = Math.trunc(seconds / 86_400)
    days += carried
    seconds -= carried * 86_400
  }
  days += Math.trunc(monthDays)
  const micros = roundHalfEven(scale(Number(value.micros)) + seconds * 1_000_000)
  if (!Number.isFinite(micros)) throw intervalOutOfRange()
  return checkedInterval(months, days, BigInt(micros))
}

const fits = (value: number): boolean => value >= -int4Max - 1 && value <= int4Max

export const multiplyInterval = (value: Interval, factor: number): Interval => scaleInterval(value, (field) => field * factor)

export function divideInterval(value: Interval, divisor: number): Interval {
  if (divisor === 0) throw divisionByZero()
  return scaleInterval(value, (field) => field / divisor)
}

/* ---------------------------------------------------------------- timestamps and dates */

/** Months first (the day is cut to the month's length), then days. */
function addMonthsAndDays(local: bigint, months: number, addedDays: number): bigint {
  const { days, micros } = splitTimestamp(local)
  let moved = days
  if (months !== 0) {
    const date = civilFromDays(days)
    const month = date.year * 12 + date.month - 1 + months
    const year = Math.floor(month / 12)
    const monthOfYear = month - year * 12 + 1
    moved = daysFromCivil(year, monthOfYear, Math.min(date.day, daysInMonth(year, monthOfYear)))
    if (moved < dateMin || moved > dateMax) throw timestampOutOfRange()
  }
  return joinTimestamp(moved + addedDays, micros)
}

export function addToTimestamp(timestamp: bigint, interval: Interval): bigint {
  if (!isFiniteTimestamp(timestamp)) return timestamp
  const { months, days, micros } = interval
  const moved = months !== 0 || days !== 0 ? checkTimestamp(addMonthsAndDays(timestamp, months, days)) : timestamp
  return checkTimestamp(moved + micros)
}

/** Months and days by the zone's calendar, the time by the clock that never changes. */
export function addToTimestamptz(timestamp: bigint, interval: Interval, zone: ZoneShift): bigint {
  if (!isFiniteTimestamp(timestamp)) return timestamp
  const { months, days, micros } = interval
  let moved = timestamp
  if (months !== 0) moved = fromLocal(addMonthsAndDays(toLocal(moved, zone), months, 0), zone)
  if (days !== 0) moved = fromLocal(addMonthsAndDays(toLocal(moved, zone), 0, days), zone)
  return checkTimestamp(moved + micros)
}

export function subtractTimestamps(a: bigint, b: bigint): Interval {
  if (!isFiniteTimestamp(a) || !isFiniteTimestamp(b)) throw new SqlError('22008', 'cannot subtract infinite timestamps')
  const difference = a - b
  if (BigInt.asIntN(64, difference) !== difference) throw intervalOutOfRange()
  return new Interval(0, Number(difference / dayMicros), difference % dayMicros)
}

export function addToDate(days: number, added: number): number {
  if (!Number.isFinite(days)) return days
  const moved = days + added
  if (moved < dateMin || moved > dateMax) throw dateOutOfRange()
  return moved
}

export function dateToTimestamp(days: number): bigint {
  if (!Number.isFinite(days)) return days > 0 ? timestampInfinity : timestampMinusInfinity
  const timestamp = joinTimestamp(days, 0)
  if (!isValidTimestamp(timestamp)) throw new SqlError('22008', 'date out of range for timestamp')
  return timestamp
}

export function dateToTimestamptz(days: number, zone: ZoneShift): bigint {
  if (!Number.isFinite(days)) return days > 0 ? timestampInfinity : timestampMinusInfinity
  try {
    return fromLocal(dateToTimestamp(days), zone)
  } catch (error) {
    if (error instanceof SqlError) throw new SqlError('22008', 'date out of range for timestamp')
    throw error
  }
}

export function timestampToDate(timestamp: bigint): number {
  if (timestamp === timestampInfinity) return Number.POSITIVE_INFINITY
  if (timestamp === timestampMinusInfinity) return Number.NEGATIVE_INFINITY
  return splitTimestamp(timestamp).days
}

/** Years, months and days that lie between, as people count them: both are local times. */
export function ageBetween(later: bigint, earlier: bigint): Interval {
  if (!isFiniteTimestamp(later) || !isFiniteTimestamp(earlier)) throw timestampOutOfRange()
  const negative = later < earlier
  const [high, low] = negative ? [earlier, later] : [later, earlier]
  const a = splitTimestamp(high)
  const b = splitTimestamp(low)
  const to = civilFromDays(a.days)
  const from = civilFromDays(b.days)
  let micros = a.micros - b.micros
  let days = to.day - from.day
  let months = to.month - from.month
  let years = to.year - from.year
  if (micros < 0) {
    micros += 86_400_000_000
    days--
  }
  while (days < 0) {
    days += daysInMonth(from.year, from.month)
    months--
  }
  while (months < 0) {
    months += 12
    years--
  }
  const value = new Interval(years * 12 + months, days, BigInt(micros))
  return negative ? negateInterval(value) : value
}

/* ---------------------------------------------------------------- justify */

export function justifyHours(value: Interval): Interval {
  return ofOneSign(value.months, value.days + Number(value.micros / dayMicros), value.micros % dayMicros)
}

/** Days and less than a day of microseconds get the same sign. */
function ofOneSign(months: number, days: number, micros: bigint): Interval {
  if (days > 0 && micros < 0n) return checkedInterval(months, days - 1, micros + dayMicros)
  if (days < 0 && micros > 0n) return checkedInterval(months, days + 1, micros - dayMicros)
  return checkedInterval(months, days, micros)
}

export function justifyDays(value: Interval): Interval {
  let months = value.months + Math.trunc(value.days / 30)
  let days = value.days % 30
  if (months > 0 && days < 0) {
    days += 30
    months--
  } else if (months < 0 && days > 0) {
    days -= 30
    months++
  }
  return checkedInterval(months, days, value.micros)
}

export function justifyInterval(value: Interval): Interval {
  let { months, days, micros } = value
  if ((days > 0 && micros > 0n) || (days < 0 && micros < 0n)) {
    months += Math.trunc(days / 30)
    days %= 30
  }
  days += Number(micros / dayMicros)
  micros %= dayMicros
  months += Math.trunc(days / 30)
  days %= 30
  if (months > 0 && (days < 0 || (days === 0 && micros < 0n))) {
    days += 30
    months--
  } else if (months < 0 && (days > 0 || (days === 0 && micros > 0n))) {
    days -= 30
    months++
  }
  return ofOneSign(months, days, micros)
}
