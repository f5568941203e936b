import { SqlError } from '../../../../protocol/errors.ts'
import {
  checkTimestamp,
  dateMax,
  dateMin,
  daysFromCivil,
  isFiniteTimestamp,
  isValidTimestamp,
  joinTimestamp,
  microsPerDay,
  splitTimestamp,
} from '../../../../protocol/values/calendar.ts'
import { localTypeAt, unixSeconds } from '../../../../protocol/values/datetime-output.ts'
import { zoneAbbreviations } from '../../../../protocol/values/datetime-words.ts'
import { Interval, intervalType } from '../../../../protocol/values/interval.ts'
import type { Numeric } from '../../../../protocol/values/numeric.ts'
import { formatNumeric } from '../../../../protocol/values/numeric.ts'
import { roundTime, timetz, timetzEast, timetzMicros } from '../../../../protocol/values/time.ts'
import { roundTimestamp } from '../../../../protocol/values/timestamp.ts'
import { timeZone, timeZoneNames } from '../../../../protocol/values/timezone.ts'
import { outputDefaults } from '../../../../protocol/values/type.ts'
import { SqlRow, type Value } from '../../../../protocol/values/value.ts'
import { readDate } from './date-from-char.ts'
import { intervalToChar, timestampToChar } from './date-to-char.ts'
import {
  addToDate,
  addToTimestamp,
  addToTimestamptz,
  ageBetween,
  dateToTimestamp,
  dateToTimestamptz,
  negateInterval,
  subtractTimestamps,
  timestampToDate,
} from './datetime-arithmetic.ts'
import { datetimeComparisons, datetimeExtremes, sessionZone } from './datetime-compare.ts'
import { fromUnix, makeDate, makeInterval, makeTime, makeTimestamp, saneZone } from './datetime-make.ts'
import { extractDate, extractTime, extractTimestamp, extractTimetz } from './datetime-part.ts'
import { binTimestamp, truncateTimestamp, truncateTimestamptz } from './datetime-trunc.ts'
import { calendarZone, fromLocal, intervalShift, toLocal, type ZoneShift, zoneShift } from './datetime-zone.ts'
import type { CallTypes, FunctionContext, Implementations, ScalarFunction, SetFunction, SpecializedFunction } from './registry.ts'

type Functions = Record<string, ScalarFunction | SpecializedFunction>

const time = 1083
const timestamp = 1114
const interval = 1186

const floor = (value: number): number => ((value % microsPerDay) + microsPerDay) % microsPerDay
const timeOfDay = (value: bigint): number => splitTimestamp(value).micros
const toFloat = (value: Numeric | null): number | null => (value === null ? null : Number(formatNumeric(value)))

const addToTime = (micros: number, value: Interval, sign: 1 | -1): number =>
  floor(micros + sign * Number(value.micros % BigInt(microsPerDay)))

const moveTimetz = (value: bigint, moved: Interval, sign: 1 | -1): bigint =>
  timetz(addToTime(timetzMicros(value), moved, sign), timetzEast(value))

const datetimetz = (days: number, value: bigint): bigint => {
  if (!Number.isFinite(days)) return dateToTimestamp(days)
  const moment = dateToTimestamp(days) + BigInt(timetzMicros(value) - timetzEast(value) * 1_000_000)
  if (!isValidTimestamp(moment)) throw new SqlError('22008', 'date out of range for timestamp')
  return moment
}

const dateAndTime = (days: number, micros: number): bigint => {
  const midnight = dateToTimestamp(days)
  return isFiniteTimestamp(midnight) ? checkTimestamp(midnight + BigInt(micros)) : midnight
}

const subtractDates = (a: number, b: number): number => {
  if (!Number.isFinite(a) || !Number.isFinite(b)) throw new SqlError('22008', 'cannot subtract infinite dates')
  return a - b
}

/** A time with the zone's offset of the transaction's start: it knows no day of its own. */
const zonedTime = (context: FunctionContext, micros: number): bigint => {
  const zone = sessionZone(context)
  const today = splitTimestamp(toLocal(context.transactionTime, zone)).days
  return timetz(micros, zone.offsetOfLocal(unixSeconds(joinTimestamp(today, micros))))
}

const arithmetic: Functions = {
  date_pli: (_context, days: number, added: number) => addToDate(days, added),
  date_mii: (_context, days: number, taken: number) => addToDate(days, -taken),
  date_mi: (_context, a: number, b: number) => subtractDates(a, b),
  date_pl_interval: (_context, days: number, value: Interval) => addToTimestamp(dateToTimestamp(days), value),
  date_mi_interval: (_context, days: number, value: Interval) => addToTimestamp(dateToTimestamp(days), negateInterval(value)),
  integer_pl_date: (_context, added: number, days: number) => addToDate(days, added),
  interval_pl_date: (_context, value: Interval, days: number) => addToTimestamp(dateToTimestamp(days), value),
  datetime_timestamp: (_context, days: number, micros: number) => dateAndTime(days, micros),
  timedate_pl: (_context, micros: number, days: number) => dateAndTime(days, micros),
  datetimetz_timestamptz: (_context, days: number, value: bigint) => datetimetz(days, value),
  timetzdate_pl: (_context, value: bigint, days: number) => datetimetz(days, value),
  time_pl_interval: (_context, micros: number, value: Interval) => addToTime(micros, value, 1),
  time_mi_interval: (_context, micros: number, value: Interval) => addToTime(micros, value, -1),
  time_mi_time: (_context, a: number, b: number) => new Interval(0, 0, BigInt(a - b)),
  timetz_pl_interval: (_context, value: bigint, moved: Interval) => moveTimetz(value, moved, 1),
  timetz_mi_interval: (_context, value: bigint, moved: Interval) => moveTimetz(value, moved, -1),
  interval_pl_time: (_context, value: Interval, micros: number) => addToTime(micros, value, 1),
  interval_pl_timetz: (_context, moved: Interval, value: bigint) => moveTimetz(value, moved, 1),
  timestamp_mi: (_context, a: bigint, b: bigint) => subtractTimestamps(a, b),
  timestamp_pl_interval: (_context, value: bigint, added: Interval) => addToTimestamp(value, added),
  timestamp_mi_interval: (_context, value: bigint, taken: Interval) => addToTimestamp(value, negateInterval(taken)),
  interval_pl_timestamp: (_context, added: Interval, value: bigint) => addToTimestamp(value, added),
  timestamptz_pl_interval: (context, value: bigint, added: Interval) => addToTimestamptz(value, added, sessionZone(context)),
  timestamptz_mi_interval: (context, value: bigint, taken: Interval) =>
    addToTimestamptz(value, negateInterval(taken), sessionZone(context)),
  interval_pl_timestamptz: (context, added: Interval, value: bigint) => addToTimestamptz(value, added, sessionZone(context)),
  timestamptz_pl_interval_at_zone: (_context, value: bigint, added: Interval, zone: string) =>
    addToTimestamptz(value, added, calendarZone(zone)),
  timestamptz_mi_interval_at_zone: (_context, value: bigint, taken: Interval, zone: string) =>
    addToTimestamptz(value, negateInterval(taken), calendarZone(zone)),
  timestamp_age: (_context, a: bigint, b: bigint) => ageBetween(a, b),
  timestamptz_age: (context, a: bigint, b: bigint) => {
    const zone = sessionZone(context)
    return ageBetween(toLocal(a, zone), toLocal(b, zone))
  },
  age: {
    specialize: ({ arguments: [argument] }: CallTypes) => {
      const zoned = argument?.oid !== timestamp
      return (context: FunctionContext, value: bigint) => {
        const zone = sessionZone(context)
        const midnight = joinTimestamp(splitTimestamp(toLocal(context.transactionTime, zone)).days, 0)
        return ageBetween(midnight, zoned ? toLocal(value, zone) : value)
      }
    },
  },
}

const localTimestamp = (moment: bigint, zone: ZoneShift): bigint =>
  isFiniteTimestamp(moment) ? checkTimestamp(toLocal(moment, zone)) : moment

const casts: Functions = {
  date_timestamp: (_context, days: number) => dateToTimestamp(days),
  date_timestamptz: (context, days: number) => dateToTimestamptz(days, sessionZone(context)),
  timestamp_date: (_context, value: bigint) => timestampToDate(value),
  timestamptz_date: (context, value: bigint) => timestampToDate(toLocal(value, sessionZone(context))),
  timestamp_time: (_context, value: bigint) => (isFiniteTimestamp(value) ? timeOfDay(value) : null),
  timestamptz_time: (context, value: bigint) =>
    isFiniteTimestamp(value) ? timeOfDay(toLocal(value, sessionZone(context))) : null,
  timestamptz_timetz: (context, value: bigint) => {
    if (!isFiniteTimestamp(value)) return null
    const zone = sessionZone(context)
    return timetz(timeOfDay(toLocal(value, zone)), zone.offsetAt(unixSeconds(value)))
  },
  timestamp_timestamptz: (context, value: bigint) => fromLocal(value, sessionZone(context)),
  timestamptz_timestamp: (context, value: bigint) => localTimestamp(value, sessionZone(context)),
  // timestamptz(date, time)
  timestamptz: (context, days: number, micros: number) => fromLocal(dateAndTime(days, micros), sessionZone(context)),
  time_interval: (_context, micros: number) => new Interval(0, 0, BigInt(micros)),
  interval_time: (_context, value: Interval) => floor(Number(value.micros % BigInt(microsPerDay))),
  time_timetz: (context, micros: number) => zonedTime(context, micros),
  timetz_time: (_context, value: bigint) => timetzMicros(value),
  timestamp_scale: (_context, value: bigint, precision: number) => roundTimestamp(value, precision),
  timestamptz_scale: (_context, value: bigint, precision: number) => roundTimestamp(value, precision),
  time_scale: (_context, micros: number, precision: number) => roundTime(micros, precision),
  timetz_scale: (_context, value: bigint, precision: number) =>
    timetz(roundTime(timetzMicros(value), precision), timetzEast(value)),
}

const zoneOfInterval = (value: Interval): ZoneShift => intervalShift(value, intervalType.output(value, outputDefaults))

function moveToZone(context: FunctionContext, zone: ZoneShift, value: bigint): bigint {
  const east = zone.offsetAt(unixSeconds(context.transactionTime))
  return timetz(floor(timetzMicros(value) + (east - timetzEast(value)) * 1_000_000), east)
}

const zones: Functions = {
  timestamp_zone: (_context, zone: string, local: bigint) =>
    isFiniteTimestamp(local) ? fromLocal(local, zoneShift(zone)) : local,
  timestamp_izone: (_context, zone: Interval, local: bigint) =>
    isFiniteTimestamp(local) ? fromLocal(local, zoneOfInterval(zone)) : local,
  timestamptz_zone: (_context, zone: string, moment: bigint) =>
    isFiniteTimestamp(moment) ? localTimestamp(moment, zoneShift(zone)) : moment,
  timestamptz_izone: (_context, zone: Interval, moment: bigint) =>
    isFiniteTimestamp(moment) ? localTimestamp(moment, zoneOfInterval(zone)) : moment,
  timetz_zone: (context, zone: string, value: bigint) => moveToZone(context, zoneShift(zone), value),
  timetz_izone: (context, zone: Interval, value: bigint) => moveToZone(context, zoneOfInterval(zone), value),
}

function zonedPart(context: FunctionContext, field: string, moment: bigint): Numeric | null {
  const zone = sessionZone(context)
  const east = isFiniteTimestamp(moment) ? zone.offsetAt(unixSeconds(moment)) : 0
  return extractTimestamp(field, moment, { local: toLocal(moment, zone), east })
}

const parts: Functions = {
  extract_date: (_context, field: string, days: number) => extractDate(field, days),
  extract_time: (_context, field: string, micros: number) => extractTime(field, micros),
  extract_timetz: (_context, field: string, value: bigint) => extractTimetz(field, value),
  extract_timestamp: (_context, field: string, value: bigint) => extractTimestamp(field, value, undefined),
  extract_timestamptz: zonedPart,
  time_part: (_context, field: string, micros: number) => toFloat(extractTime(field, micros)),
  timetz_part: (_context, field: string, value: bigint) => toFloat(extractTimetz(field, value)),
  timestamp_part: (_context, field: string, value: bigint) => toFloat(extractTimestamp(field, value, undefined)),
  timestamptz_part: (context, field: string, value: bigint) => toFloat(zonedPart(context, field, value)),
  // date_part(text, date)
  date_part: (_context, field: string, days: number) => toFloat(extractTimestamp(field, dateToTimestamp(days), undefined)),
  timestamp_trunc: (_context, field: string, value: bigint) => truncateTimestamp(field, value),
  timestamptz_trunc: (context, field: string, value: bigint) => truncateTimestamptz(field, value, sessionZone(context)),
  timestamptz_trunc_zone: (_context, field: string, value: bigint, zone: string) =>
    isFiniteTimestamp(value) ? truncateTimestamptz(field, value, calendarZone(zone)) : value,
  timestamp_bin: (_context, stride: Interval, value: bigint, origin: bigint) => binTimestamp(stride, value, origin),
  timestamptz_bin: (_context, stride: Interval, value: bigint, origin: bigint) => binTimestamp(stride, value, origin),
}

const made: Functions = {
  make_date: (_context, year: number, month: number, day: number) => makeDate(year, month, day),
  make_time: (_context, hour: number, minute: number, seconds: number) => makeTime(hour, minute, seconds),
  make_timestamp: (_context, ...fields: [number, number, number, number, number, number]) => makeTimestamp(...fields),
  make_timestamptz: (context, ...fields: [number, number, number, number, number, number]) =>
    fromLocal(makeTimestamp(...fields), sessionZone(context)),
  make_timestamptz_at_timezone: (_context, ...fields: [number, number, number, number, number, number, string]) => {
    const [year, month, day, hour, minute, seconds, zone] = fields
    return fromLocal(makeTimestamp(year, month, day, hour, minute, seconds), saneZone(zone))
  },
  make_interval: (_context, ...fields: [number, number, number, number, number, number, number]) => makeInterval(...fields),
  float8_timestamptz: (_context, seconds: number) => fromUnix(seconds),
  now: (context) => context.transactionTime,
  statement_timestamp: (context) => context.statementTime,
  clock_timestamp: (context) => context.clockTime(),
  timeofday: (context) => {
    const moment = context.clockTime()
    const zone = localTypeAt(moment, context.settings.timeZone)
    const local = moment + BigInt(zone.offset) * 1_000_000n
    return timestampToChar(local, zone, 'Dy Mon DD HH24:MI:SS.US YYYY TZ')
  },
  date_finite: (_context, days: number) => Number.isFinite(days),
  timestamp_finite: (_context, value: bigint) => isFiniteTimestamp(value),
}

function readTimestamp(context: FunctionContext, text: string, format: string): bigint {
  const read = readDate(text, format)
  const outside = (): SqlError => new SqlError('22008', 'timestamp out of range')
  const days = daysFromCivil(read.year, read.month, read.day)
  if (days < dateMin || days > dateMax) throw outside()
  const local = joinTimestamp(days, read.micros)
  const zone = sessionZone(context)
  const east = read.offset ?? zone.offsetOfLocal(unixSeconds(local))
  const moment = checkTimestamp(local - BigInt(east) * 1_000_000n)
  return read.precision === undefined ? moment : roundTimestamp(moment, read.precision)
}

const formatted: Functions = {
  timestamp_to_char: (_context, value: bigint, format: string) =>
    format === '' || !isFiniteTimestamp(value) ? null : timestampToChar(value, undefined, format),
  timestamptz_to_char: (context, value: bigint, format: string) => {
    if (format === '' || !isFiniteTimestamp(value)) return null
    const zone = localTypeAt(value, context.settings.timeZone)
    return timestampToChar(value + BigInt(zone.offset) * 1_000_000n, zone, format)
  },
  interval_to_char: (_context, value: Interval, format: string) => (format === '' ? null : intervalToChar(value, format)),
  to_timestamp: readTimestamp,
  to_date: (_context, text: string, format: string) => {
    const { year, month, day } = readDate(text, format)
    const days = daysFromCivil(year, month, day)
    if (days < dateMin || days > dateMax) throw new SqlError('22008', `date out of range: "${text}"`)
    return days
  },
}

/* ---------------------------------------------------------------- OVERLAPS */

/** The SQL standard's: a half-known period still tells when the known end decides. */
function overlap<T extends Value>(
  [start1, end1]: readonly [T | null, T | null],
  [start2, end2]: readonly [T | null, T | null],
  compare: (a: T, b: T) => number,
): boolean | null {
  const first = ordered(start1, end1, compare)
  const second = ordered(start2, end2, compare)
  if (first === null || second === null) return null
  const [s1, e1] = first
  const [s2, e2] = second
  const starts = compare(s1, s2)
  if (starts === 0) return e1 === null || e2 === null ? null : true
  const earlierEnd: T | null = starts > 0 ? e2 : e1
  const [laterStart, laterEnd]: readonly [T, T | null] = starts > 0 ? first : second
  if (earlierEnd === null) return null
  if (compare(laterStart, earlierEnd) < 0) return true
  return laterEnd === null ? null : false
}

/** The earlier known end first; null: nothing is known. */
function ordered<T extends Value>(
  start: T | null,
  end: T | null,
  compare: (a: T, b: T) => number,
): readonly [T, T | null] | null {
  if (start === null) return end === null ? null : [end, null]
  if (end === null || compare(start, end) <= 0) return [start, end]
  return [end, start]
}

const orderOf = <T extends number | bigint>(a: T, b: T): number => (a < b ? -1 : a > b ? 1 : 0)

type Ends = readonly [Value, Value, Value, Value]

const overlapsPlain: ScalarFunction = (_context, ...ends: Ends) => {
  const [a, b, c, d] = ends as readonly (bigint | null)[] as readonly [bigint | null, bigint | null, bigint | null, bigint | null]
  return overlap([a, b], [c, d], orderOf)
}

/** (start, length) periods: the length is added first. */
function specializeOverlaps({ arguments: types }: CallTypes): ScalarFunction {
  const start = types[0]?.oid
  const add = (context: FunctionContext, from: Value, length: Value): Value => {
    if (from === null || length === null) return null
    if (start === time) return addToTime(from as number, length as Interval, 1)
    if (start === timestamp) return addToTimestamp(from as bigint, length as Interval)
    return addToTimestamptz(from as bigint, length as Interval, sessionZone(context))
  }
  const firstLength = types[1]?.oid === interval
  const secondLength = types[3]?.oid === interval
  return (context: FunctionContext, ...[a, b, c, d]: Ends) =>
    overlapsPlain(
      context,
      ...([a, firstLength ? add(context, a, b) : b, c, secondLength ? add(context, c, d) : d] as unknown as never[]),
    )
}

const overlaps: Functions = {
  overlaps_time: overlapsPlain,
  overlaps_timestamp: overlapsPlain,
  overlaps_timetz: (_context, ...ends: Ends) => {
    const [a, b, c, d] = ends as readonly (bigint | null)[] as readonly [
      bigint | null,
      bigint | null,
      bigint | null,
      bigint | null,
    ]
    return overlap([a, b], [c, d], compareTimetz)
  },
  overlaps: { specialize: specializeOverlaps },
}

function compareTimetz(a: bigint, b: bigint): number {
  const moment = (value: bigint): number => timetzMicros(value) - timetzEast(value) * 1_000_000
  return moment(a) - moment(b) || timetzEast(b) - timetzEast(a)
}

/* ---------------------------------------------------------------- series */

function series(from: bigint, to: bigint, step: Interval, add: (value: bigint, step: Interval) => bigint): Iterable<bigint> {
  if (!isFiniteTimestamp(from) || !isFiniteTimestamp(to)) {
    // PostgreSQL steps from infinity to infinity for ever; one value is all there is.
    if (!isFiniteTimestamp(from)) throw new SqlError('0A000', 'generate_series from an infinite timestamp is not supported')
  }
  const direction = intervalType.compare?.(step, new Interval(0, 0, 0n)) as number
  if (direction === 0) throw new SqlError('22023', 'step size cannot equal zero')
  return steps(from, to, step, direction, add)
}

function* steps(
  from: bigint,
  to: bigint,
  step: Interval,
  direction: number,
  add: (value: bigint, step: Interval) => bigint,
): Generator<bigint> {
  for (let value = from; direction > 0 ? value <= to : value >= to; value = add(value, step)) yield value
}

const sets: Record<string, SetFunction> = {
  generate_series_timestamp: (_context, from: bigint, to: bigint, step: Interval) => series(from, to, step, addToTimestamp),
  generate_series_timestamptz: (context, from: bigint, to: bigint, step: Interval) => {
    const zone = sessionZone(context)
    return series(from, to, step, (value, added) => addToTimestamptz(value, added, zone))
  },
  generate_series_timestamptz_at_zone: (_context, from: bigint, to: bigint, step: Interval, name: string) => {
    const zone = calendarZone(name)
    return series(from, to, step, (value, added) => addToTimestamptz(value, added, zone))
  },
}

/* ---------------------------------------------------------------- pg_timezone_names and pg_timezone_abbrevs */

const zoneRow = (name: string, abbreviation: string | undefined, east: number, daylight: boolean): SqlRow => {
  const offset = new Interval(0, 0, BigInt(east) * 1_000_000n)
  return new SqlRow(abbreviation === undefined ? [name, offset, daylight] : [name, abbreviation, offset, daylight])
}

function* zoneNames(context: FunctionContext): Generator<SqlRow> {
  const now = unixSeconds(context.transactionTime)
  for (const name of timeZoneNames) {
    const { abbreviation, offset, daylight } = timeZone(name).at(now)
    yield zoneRow(name, abbreviation, offset, daylight)
  }
}

function* zoneAbbreviationRows(context: FunctionContext): Generator<SqlRow> {
  const now = unixSeconds(context.transactionTime)
  for (const [abbreviation, word] of zoneAbbreviations()) {
    const name = abbreviation.toUpperCase()
    if (word.kind === 'zone') yield zoneRow(name, undefined, word.offset, word.daylight)
    else if (word.kind === 'zoneOf') {
      const zone = timeZone(word.zone)
      const meant = zone.abbreviated(word.abbreviation, now) ?? zone.at(now)
      yield zoneRow(name, undefined, meant.offset, meant.daylight)
    }
  }
}

export const datetimeFunctions: Implementations = {
  scalar: { ...datetimeComparisons, ...arithmetic, ...casts, ...zones, ...parts, ...made, ...formatted, ...overlaps },
  set: { ...sets, pg_timezone_names: zoneNames, pg_timezone_abbrevs: zoneAbbreviationRows },
  aggregate: datetimeExtremes,
}
