import { SqlError } from '../errors.ts'

/** Days and microseconds are counted from 2000-01-01, PostgreSQL's epoch; the calendar is proleptic Gregorian, year 0 is 1 BC. */
export const microsPerDay = 86_400_000_000
export const dayMicros = 86_400_000_000n
/** From the Unix epoch to PostgreSQL's. */
export const epochDays = 10_957
export const epochSeconds = 946_684_800
export const epochMicros = 946_684_800_000_000n
/** Julian day number of 2000-01-01. */
export const julianEpoch = 2_451_545

/** 4713-11-24 BC, the first Julian day, and 5874897-12-31. */
export const dateMin = -julianEpoch
export const dateMax = 2_145_031_948
export const timestampMin = -211_813_488_000_000_000n
/** The first that is too large: 294277-01-01. */
export const timestampEnd = 9_223_371_331_200_000_000n
export const timestampInfinity = 9_223_372_036_854_775_807n
export const timestampMinusInfinity = -9_223_372_036_854_775_808n

export interface CivilDate {
  readonly year: number
  readonly month: number
  readonly day: number
}

const daysPer400Years = 146_097
/** From 0000-03-01 to 2000-01-01: the count starts after February, so that the leap day is a year's last. */
const marchShift = 730_425

/** Any month and day number is carried over: month 13 is next January, day 0 the last of the month before. */
export function daysFromCivil(year: number, month: number, day: number): number {
  const months = year * 12 + (month - 1) - 2
  const y = Math.floor(months / 12)
  const m = months - y * 12
  return (
    y * 365 + Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400) + Math.floor((m * 153 + 2) / 5) + day - 1 - marchShift
  )
}

export function civilFromDays(days: number): CivilDate {
  const shifted = days + marchShift
  const era = Math.floor(shifted / daysPer400Years)
  const dayOfEra = shifted - era * daysPer400Years
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1_460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  )
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const m = Math.floor((5 * dayOfYear + 2) / 153)
  const month = m < 10 ? m + 3 : m - 9
  return {
    year: era * 400 + yearOfEra + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * m + 2) / 5) + 1,
  }
}

export function isLeapYear(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
}

export function daysInMonth(year: number, month: number): number {
  return month === 2 ? (isLeapYear(year) ? 29 : 28) : month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
}

/** 0 = Sunday. */
export function dayOfWeek(days: number): number {
  return (((days + 6) % 7) + 7) % 7
}

/** 1 = 1 January. */
export function dayOfYear(date: CivilDate): number {
  return daysFromCivil(date.year, date.month, date.day) - daysFromCivil(date.year, 1, 1) + 1
}

/** The Monday that begins ISO week 1 of `year`: the week with 4 January in it. */
export function isoYearStart(year: number): number {
  const fourth = daysFromCivil(year, 1, 4)
  return fourth - ((dayOfWeek(fourth) + 6) % 7)
}

/** ISO 8601 year (0 is 1 BC) and week. */
export function isoWeek(days: number): { readonly year: number; readonly week: number } {
  const { year } = civilFromDays(days)
  const isoYear = days >= isoYearStart(year + 1) ? year + 1 : days >= isoYearStart(year) ? year : year - 1
  return { year: isoYear, week: Math.floor((days - isoYearStart(isoYear)) / 7) + 1 }
}

/** Which day a timestamp falls on, and the microseconds since midnight. */
export function splitTimestamp(timestamp: bigint): { readonly days: number; readonly micros: number } {
  let days = timestamp / dayMicros
  let rest = timestamp % dayMicros
  if (rest < 0n) {
    rest += dayMicros
    days -= 1n
  }
  return { days: Number(days), micros: Number(rest) }
}

export function joinTimestamp(days: number, micros: number): bigint {
  return BigInt(days) * dayMicros + BigInt(micros)
}

export function isFiniteTimestamp(timestamp: bigint): boolean {
  return timestamp !== timestampInfinity && timestamp !== timestampMinusInfinity
}

export function isValidTimestamp(timestamp: bigint): boolean {
  return timestamp >= timestampMin && timestamp < timestampEnd
}

export const timestampOutOfRange = (): SqlError => new SqlError('22008', 'timestamp out of range')
export const dateOutOfRange = (): SqlError => new SqlError('22008', 'date out of range')

export function checkTimestamp(timestamp: bigint): bigint {
  if (!isValidTimestamp(timestamp)) throw timestampOutOfRange()
  return timestamp
}

/** Half away from zero, as AdjustTimestampForTypmod does; `precision` 0 to 6. */
export function roundMicros(micros: bigint, precision: number): bigint {
  const scale = 10n ** BigInt(6 - precision)
  const half = scale / 2n
  return micros >= 0n ? ((micros + half) / scale) * scale : -(((-micros + half) / scale) * scale)
}
