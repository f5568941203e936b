import { SqlError } from '../../../../protocol/errors.ts'
import {
  civilFromDays,
  dayOfWeek,
  dayOfYear,
  epochMicros,
  isFiniteTimestamp,
  isoWeek,
  julianEpoch,
  microsPerDay,
  splitTimestamp,
  timestampInfinity,
} from '../../../../protocol/values/calendar.ts'
import { dateWord } from '../../../../protocol/values/datetime-words.ts'
import type { Interval } from '../../../../protocol/values/interval.ts'
import { intervalUnit } from '../../../../protocol/values/interval-input.ts'
import { intervalFields } from '../../../../protocol/values/interval-output.ts'
import {
  Numeric,
  numericFromBigint,
  numericFromInteger,
  numericInfinity,
  numericNegativeInfinity,
} from '../../../../protocol/values/numeric.ts'
import { addNumeric, divideNumeric } from '../../../../protocol/values/numeric-arithmetic.ts'
import { timetzEast, timetzMicros } from '../../../../protocol/values/time.ts'

/** The fields of extract, date_part and date_trunc. */
export type Field =
  | 'microsecond'
  | 'millisecond'
  | 'second'
  | 'minute'
  | 'hour'
  | 'day'
  | 'week'
  | 'month'
  | 'quarter'
  | 'year'
  | 'decade'
  | 'century'
  | 'millennium'
  | 'julian'
  | 'isoyear'
  | 'dow'
  | 'isodow'
  | 'doy'
  | 'epoch'
  | 'timezone'
  | 'timezone_hour'
  | 'timezone_minute'

const wordsOfFields: Readonly<Record<string, Field>> = {
  julian: 'julian',
  d: 'day',
  h: 'hour',
  m: 'month',
  mm: 'minute',
  s: 'second',
  y: 'year',
  isoyear: 'isoyear',
  dow: 'dow',
  isodow: 'isodow',
  doy: 'doy',
}

/**
 * Throws 22023 for a word that is no field. Which words count differs: date_trunc knows units only, extract from a date or timestamp
 * tells other words of dates apart (0A000), extract from a time or interval does not.
 */
export function fieldNamed(text: string, type: string, words: 'units' | 'epoch' | 'all'): Field {
  const lower = text.toLowerCase()
  const unit = intervalUnit(lower)
  if (unit !== undefined) return unit
  const word = words === 'units' ? undefined : dateWord(lower)
  if (word?.kind === 'unit') return wordsOfFields[word.value] as Field
  if (word?.kind === 'special') {
    if (word.value === 'epoch') return 'epoch'
    if (words === 'all') throw unsupportedField(text, type)
  }
  throw new SqlError('22023', `unit "${lower}" not recognized for type ${type}`)
}

export const unsupportedField = (text: string, type: string): SqlError =>
  new SqlError('0A000', `unit "${text.toLowerCase()}" not supported for type ${type}`)

/** The numeric result of extract; undefined where the type has no such field. */
type Part = Numeric | undefined

const whole = numericFromInteger
const scaled = (value: number | bigint, scale: number): Numeric => new Numeric(BigInt(value), scale)

/** Of a time of day in microseconds. */
function timePart(field: Field, micros: number): Part {
  switch (field) {
    case 'microsecond':
      return whole(micros % 60_000_000)
    case 'millisecond':
      return scaled(micros % 60_000_000, 3)
    case 'second':
      return scaled(micros % 60_000_000, 6)
    case 'minute':
      return whole(Math.floor(micros / 60_000_000) % 60)
    case 'hour':
      return whole(Math.floor(micros / 3_600_000_000))
    default:
      return undefined
  }
}

export const decadeOf = (year: number): number => (year >= 0 ? Math.floor(year / 10) : -Math.floor((8 - (year - 1)) / 10))
export const centuryOf = (year: number): number =>
  year > 0 ? Math.floor((year + 99) / 100) : -Math.floor((99 - (year - 1)) / 100)
export const millenniumOf = (year: number): number =>
  year > 0 ? Math.floor((year + 999) / 1000) : -Math.floor((999 - (year - 1)) / 1000)

function dayPart(field: Field, days: number): Part {
  const date = civilFromDays(days)
  const { year, month } = date
  switch (field) {
    case 'day':
      return whole(date.day)
    case 'month':
      return whole(month)
    case 'quarter':
      return whole(Math.floor((month - 1) / 3) + 1)
    case 'week':
      return whole(isoWeek(days).week)
    case 'year':
      // There is no year 0: 1 BC is -1.
      return whole(year > 0 ? year : year - 1)
    case 'decade':
      return whole(decadeOf(year))
    case 'century':
      return whole(centuryOf(year))
    case 'millennium':
      return whole(millenniumOf(year))
    case 'julian':
      return whole(days + julianEpoch)
    case 'isoyear': {
      const isoYear = isoWeek(days).year
      return whole(isoYear <= 0 ? isoYear - 1 : isoYear)
    }
    case 'dow':
      return whole(dayOfWeek(days))
    case 'isodow':
      return whole(dayOfWeek(days) || 7)
    case 'doy':
      return whole(dayOfYear(date))
    default:
      return undefined
  }
}

const growing: ReadonlySet<Field> = new Set(['year', 'decade', 'century', 'millennium', 'julian', 'isoyear', 'epoch'])

/** Fields that grow for ever are infinite too, those that turn round are NULL. */
function infinitePart(field: Field, negative: boolean): Numeric | null {
  if (!growing.has(field)) return null
  return negative ? numericNegativeInfinity : numericInfinity
}

const timeFields: ReadonlySet<Field> = new Set(['microsecond', 'millisecond', 'second', 'minute', 'hour'])
const zoneFields: ReadonlySet<Field> = new Set(['timezone', 'timezone_hour', 'timezone_minute'])

export function extractDate(text: string, days: number): Numeric | null {
  const field = fieldNamed(text, 'date', 'all')
  if (timeFields.has(field) || zoneFields.has(field)) throw unsupportedField(text, 'date')
  if (!Number.isFinite(days)) return infinitePart(field, days < 0)
  if (field === 'epoch') return numericFromBigint((BigInt(days) * 86_400_000_000n + epochMicros) / 1_000_000n)
  return dayPart(field, days) as Numeric
}

export function extractTime(text: string, micros: number): Numeric {
  const type = 'time without time zone'
  const field = fieldNamed(text, type, 'epoch')
  const part = field === 'epoch' ? scaled(micros, 6) : timePart(field, micros)
  if (part === undefined) throw unsupportedField(text, type)
  return part
}

function zonePart(field: Field, east: number): Part {
  if (field === 'timezone') return whole(east)
  if (field === 'timezone_hour') return whole(Math.trunc(east / 3_600))
  if (field === 'timezone_minute') return whole(Math.trunc(east / 60) % 60)
  return undefined
}

export function extractTimetz(text: string, value: bigint): Numeric {
  const type = 'time with time zone'
  const field = fieldNamed(text, type, 'epoch')
  const micros = timetzMicros(value)
  const east = timetzEast(value)
  const part = field === 'epoch' ? scaled(micros - east * 1_000_000, 6) : (timePart(field, micros) ?? zonePart(field, east))
  if (part === undefined) throw unsupportedField(text, type)
  return part
}

const dayOfMicros = numericFromInteger(microsPerDay)

/** `east`: of a timestamptz the session's offset at that moment; `local` is what its clocks show. */
export function extractTimestamp(
  text: string,
  timestamp: bigint,
  zoned: { readonly local: bigint; readonly east: number } | undefined,
): Numeric | null {
  const type = `timestamp ${zoned ? 'with' : 'without'} time zone`
  const field = fieldNamed(text, type, 'all')
  if (!isFiniteTimestamp(timestamp)) return infinitePart(field, timestamp !== timestampInfinity)
  if (field === 'epoch') return scaled(timestamp + epochMicros, 6)
  const { days, micros } = splitTimestamp(zoned ? zoned.local : timestamp)
  if (field === 'julian') {
    return addNumeric(whole(days + julianEpoch), divideNumeric(numericFromInteger(micros), dayOfMicros))
  }
  const part = timePart(field, micros) ?? dayPart(field, days) ?? (zoned && zonePart(field, zoned.east))
  if (part === undefined) throw unsupportedField(text, type)
  return part
}

/** A year counts 365.25 days here, a month 30. */
function intervalEpoch({ months, days, micros }: Interval): bigint {
  const quarters = 1_461n * BigInt(Math.trunc(months / 12)) + 120n * BigInt(months % 12) + 4n * BigInt(days)
  return quarters * 21_600_000_000n + micros
}

export function extractInterval(text: string, value: Interval): Numeric {
  const field = fieldNamed(text, 'interval', 'epoch')
  const { years, months, days, hours, minutes, seconds, fraction } = intervalFields(value.months, value.days, value.micros)
  switch (field) {
    case 'microsecond':
      return whole(seconds * 1_000_000 + fraction)
    case 'millisecond':
      return scaled(seconds * 1_000_000 + fraction, 3)
    case 'second':
      return scaled(seconds * 1_000_000 + fraction, 6)
    case 'minute':
      return whole(minutes)
    case 'hour':
      return whole(hours)
    case 'day':
      return whole(days)
    case 'month':
      return whole(months)
    case 'quarter':
      return whole(Math.trunc(months / 3) + 1)
    case 'year':
      return whole(years)
    case 'decade':
      return whole(Math.trunc(years / 10))
    case 'century':
      return whole(Math.trunc(years / 100))
    case 'millennium':
      return whole(Math.trunc(years / 1000))
    case 'epoch':
      return scaled(intervalEpoch(value), 6)
    default:
      throw unsupportedField(text, 'interval')
  }
}
