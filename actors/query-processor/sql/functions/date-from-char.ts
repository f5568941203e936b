import {
  civilFromDays,
  daysFromCivil,
  daysInMonth,
  isLeapYear,
  isoYearStart,
  julianEpoch,
} from '../../../../protocol/values/calendar.ts'
import { dateTimeError } from '../../../../protocol/values/datetime-problem.ts'
import { FieldReader, formatError } from './date-field-reader.ts'
import { parseFormat } from './date-format.ts'

export interface ReadDate {
  readonly year: number
  readonly month: number
  readonly day: number
  readonly micros: number
  /** Seconds east, if TZH or TZM said so. */
  readonly offset: number | undefined
  /** Digits of FF1 to FF6. */
  readonly precision: number | undefined
}

const hasYear = 1
const hasMonth = 2
const hasDay = 4
const hasDate = 7

/** What to_date and to_timestamp make of a text. Day and time are checked; the range of dates is the caller's. */
export function readDate(text: string, format: string): ReadDate {
  const reader = new FieldReader(text, parseFormat(format))
  reader.read()
  const { fields } = reader
  const micros = timeOf(reader)
  let found = 0
  let { year, month, day } = { year: 0, month: 1, day: 1 }
  if (fields.year !== 0) {
    year = yearOf(reader)
    found |= hasYear
  } else if (fields.century !== 0) {
    const century = fields.bc ? -fields.century : fields.century
    year = century >= 0 ? (century - 1) * 100 + 1 : century * 100 + 1
    found |= hasYear
  }
  const setDays = (days: number): void => {
    ;({ year, month, day } = civilFromDays(days))
    found |= hasDate
  }
  if (fields.julian !== 0) setDays(fields.julian - julianEpoch)
  let { yearDay } = fields
  if (fields.week !== 0) {
    if (reader.calendar === 'iso') {
      const weekDay = fields.weekDay > 1 ? fields.weekDay - 2 : fields.weekDay === 0 ? 0 : 6
      setDays(isoYearStart(year) + (fields.week - 1) * 7 + weekDay)
    } else yearDay = (fields.week - 1) * 7 + 1
  }
  const dayOfMonth = fields.monthWeek !== 0 ? (fields.monthWeek - 1) * 7 + 1 : fields.day
  if (dayOfMonth !== 0) {
    day = dayOfMonth
    found |= hasDay
  }
  if (fields.month !== 0) {
    month = fields.month
    found |= hasMonth
  }
  if (yearDay !== 0 && (month <= 1 || day <= 1)) {
    if (year === 0 && !fields.bc) throw formatError('cannot calculate day of year without year information')
    if (reader.calendar === 'iso') setDays(isoYearStart(year) + yearDay - 1)
    else {
      let i = 1
      while (i <= 12 && yearDay > daysBefore(year, i + 1)) i++
      if (month <= 1) month = i
      if (day <= 1) day = yearDay - daysBefore(year, i)
      found |= hasMonth | hasDay
    }
  }
  const outside = dateTimeError('field', text, 'timestamp')
  if (found & hasMonth && (month < 1 || month > 12)) throw outside
  if (found & hasDay && (day < 1 || day > 31)) throw outside
  if ((found & hasDate) === hasDate && day > daysInMonth(year, month)) throw outside
  if (micros === undefined) throw outside
  let offset: number | undefined
  if (reader.zoneSign !== 0) {
    const { zoneHour, zoneMinute } = fields
    if (zoneHour < 0 || zoneHour > 15 || zoneMinute < 0 || zoneMinute > 59) throw dateTimeError('displacement', text, 'timestamp')
    offset = reader.zoneSign * (zoneHour * 3_600 + zoneMinute * 60)
  }
  return { year, month, day, micros, offset, precision: reader.precision }
}

/** Days of the year before month 1 to 13. */
function daysBefore(year: number, month: number): number {
  if (month > 12) return isLeapYear(year) ? 366 : 365
  return daysFromCivil(year, month, 1) - daysFromCivil(year, 1, 1)
}

function yearOf({ fields, yearDigits }: FieldReader): number {
  if (fields.century !== 0 && yearDigits <= 2) {
    const century = fields.bc ? -fields.century : fields.century
    const rest = fields.year % 100
    if (rest === 0) return century * 100 + (century >= 0 ? 0 : 1)
    return century >= 0 ? rest + (century - 1) * 100 : (century + 1) * 100 - rest + 1
  }
  const year = fields.bc ? -fields.year : fields.year
  return year < 0 ? year + 1 : year
}

/** Undefined: out of range. That is told after mistakes in the date. */
function timeOf({ fields, twelveHours }: FieldReader): number | undefined {
  let hour = 0
  let minute = 0
  let second = 0
  if (fields.secondOfDay !== 0) {
    hour = Math.trunc(fields.secondOfDay / 3_600)
    minute = Math.trunc(fields.secondOfDay / 60) % 60
    second = fields.secondOfDay % 60
  }
  if (fields.second !== 0) second = fields.second
  if (fields.minute !== 0) minute = fields.minute
  if (fields.hour !== 0) hour = fields.hour
  if (twelveHours) {
    if (hour < 1 || hour > 12) {
      throw formatError(`hour "${hour}" is invalid for the 12-hour clock`, {
        hint: 'Use the 24-hour clock, or give an hour between 1 and 12.',
      })
    }
    if (fields.pm && hour < 12) hour += 12
    else if (!fields.pm && hour === 12) hour = 0
  }
  const micros = fields.millis * 1_000 + fields.micros
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return undefined
  if (micros < 0 || micros > 999_999) return undefined
  return ((hour * 60 + minute) * 60 + second) * 1_000_000 + micros
}
