import { SqlError } from '../../../../protocol/errors.ts'
import {
  checkTimestamp,
  civilFromDays,
  dayOfWeek,
  daysFromCivil,
  isFiniteTimestamp,
  isValidTimestamp,
  joinTimestamp,
  splitTimestamp,
  timestampOutOfRange,
} from '../../../../protocol/values/calendar.ts'
import { Interval } from '../../../../protocol/values/interval.ts'
import { intervalOutOfRange } from './datetime-arithmetic.ts'
import { type Field, fieldNamed, unsupportedField } from './datetime-part.ts'
import { fromLocal, toLocal, type ZoneShift } from './datetime-zone.ts'

const stepMicros: Partial<Record<Field, number>> = {
  microsecond: 1,
  millisecond: 1_000,
  second: 1_000_000,
  minute: 60_000_000,
  hour: 3_600_000_000,
}

/** Of a local time; undefined where the field cannot be truncated to. */
function truncateLocal(field: Field, local: bigint): bigint | undefined {
  const { days, micros } = splitTimestamp(local)
  const step = stepMicros[field]
  if (step !== undefined) return joinTimestamp(days, micros - (micros % step))
  const start = startOfDays(field, days)
  return start === undefined ? undefined : joinTimestamp(start, 0)
}

function startOfDays(field: Field, days: number): number | undefined {
  const { year, month } = civilFromDays(days)
  switch (field) {
    case 'day':
      return days
    case 'week':
      return days - ((dayOfWeek(days) + 6) % 7)
    case 'month':
      return daysFromCivil(year, month, 1)
    case 'quarter':
      return daysFromCivil(year, month - ((month - 1) % 3), 1)
    case 'year':
      return daysFromCivil(year, 1, 1)
    case 'decade':
      return daysFromCivil(year > 0 ? Math.floor(year / 10) * 10 : -Math.floor((8 - (year - 1)) / 10) * 10, 1, 1)
    case 'century':
      return daysFromCivil(
        year > 0 ? Math.floor((year + 99) / 100) * 100 - 99 : -Math.floor((99 - (year - 1)) / 100) * 100 + 1,
        1,
        1,
      )
    case 'millennium':
      return daysFromCivil(
        year > 0 ? Math.floor((year + 999) / 1000) * 1000 - 999 : -Math.floor((999 - (year - 1)) / 1000) * 1000 + 1,
        1,
        1,
      )
    default:
      return undefined
  }
}

export function truncateTimestamp(text: string, timestamp: bigint): bigint {
  const type = 'timestamp without time zone'
  if (!isFiniteTimestamp(timestamp)) return timestamp
  const truncated = truncateLocal(fieldNamed(text, type, 'units'), timestamp)
  if (truncated === undefined) throw unsupportedField(text, type)
  return checkTimestamp(truncated)
}

/** A day or more begins at the zone's midnight; less keeps the moment's own offset. */
export function truncateTimestamptz(text: string, timestamp: bigint, zone: ZoneShift): bigint {
  const type = 'timestamp with time zone'
  if (!isFiniteTimestamp(timestamp)) return timestamp
  const field = fieldNamed(text, type, 'units')
  const local = toLocal(timestamp, zone)
  const truncated = truncateLocal(field, local)
  if (truncated === undefined) throw unsupportedField(text, type)
  if (stepMicros[field] !== undefined) return checkTimestamp(truncated - (local - timestamp))
  return fromLocal(truncated, zone)
}

export function truncateInterval(text: string, value: Interval): Interval {
  const field = fieldNamed(text, 'interval', 'units')
  const { months, days, micros } = value
  const step = stepMicros[field]
  if (step !== undefined) return new Interval(months, days, micros - (micros % BigInt(step)))
  const toYears = (years: number): Interval => new Interval(months - (months % (years * 12)), 0, 0n)
  switch (field) {
    case 'day':
      return new Interval(months, days, 0n)
    case 'month':
      return new Interval(months, 0, 0n)
    case 'quarter':
      return new Interval(months - (months % 3), 0, 0n)
    case 'year':
      return toYears(1)
    case 'decade':
      return toYears(10)
    case 'century':
      return toYears(100)
    case 'millennium':
      return toYears(1_000)
    case 'week': {
      const refusal = unsupportedField(text, 'interval')
      throw refusal.with({ detail: 'Months usually have fractional weeks.' })
    }
    default:
      throw unsupportedField(text, 'interval')
  }
}

/** The start of the `stride` that holds `source`, counted from `origin`. */
export function binTimestamp(stride: Interval, source: bigint, origin: bigint): bigint {
  if (!isFiniteTimestamp(source)) return source
  if (!isFiniteTimestamp(origin)) throw new SqlError('22008', 'origin out of range')
  if (stride.months !== 0) {
    throw new SqlError('0A000', 'timestamps cannot be binned into intervals containing months or years')
  }
  const micros = BigInt(stride.days) * 86_400_000_000n + stride.micros
  if (BigInt.asIntN(64, micros) !== micros) throw intervalOutOfRange()
  if (micros <= 0n) throw new SqlError('22008', 'stride must be greater than zero')
  const difference = source - origin
  if (BigInt.asIntN(64, difference) !== difference) throw intervalOutOfRange()
  const rest = difference % micros
  const start = origin + difference - rest - (rest < 0n ? micros : 0n)
  if (!isValidTimestamp(start)) throw timestampOutOfRange()
  return start
}
