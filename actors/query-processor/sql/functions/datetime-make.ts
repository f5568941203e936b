import { SqlError } from '../../../../protocol/errors.ts'
import {
  dateMax,
  dateMin,
  daysFromCivil,
  daysInMonth,
  epochMicros,
  isValidTimestamp,
  joinTimestamp,
  microsPerDay,
  timestampInfinity,
  timestampMinusInfinity,
} from '../../../../protocol/values/calendar.ts'
import { parseDisplacement } from '../../../../protocol/values/datetime-fields.ts'
import { DateProblem } from '../../../../protocol/values/datetime-problem.ts'
import { roundHalfEven } from '../../../../protocol/values/datetime-tokens.ts'
import { formatG } from '../../../../protocol/values/float.ts'
import { Interval } from '../../../../protocol/values/interval.ts'
import { intervalOutOfRange } from './datetime-arithmetic.ts'
import { type ZoneShift, zoneShift } from './datetime-zone.ts'

const two = (value: number): string => (value < 0 ? `-${`${-value}`.padStart(1, '0')}` : `${value}`.padStart(2, '0'))

/** Negative years are BC. */
export function makeDate(year: number, month: number, day: number): number {
  const civilYear = year < 0 ? year + 1 : year
  const wrong = (what: string): SqlError => new SqlError('22008', `${what}: ${civilYear}-${two(month)}-${two(day)}`)
  if (year === 0 || month < 1 || month > 12 || day < 1 || day > daysInMonth(civilYear, month)) {
    throw wrong('date field value out of range')
  }
  const days = daysFromCivil(civilYear, month, day)
  if (days < dateMin || days > dateMax) throw wrong('date out of range')
  return days
}

export function makeTime(hour: number, minute: number, seconds: number): number {
  const micros = roundHalfEven(seconds * 1_000_000)
  const total = (hour * 60 + minute) * 60_000_000 + micros
  const outside = hour < 0 || hour > 24 || minute < 0 || minute > 59 || seconds < 0 || seconds > 60
  if (!Number.isFinite(seconds) || outside || total > microsPerDay) {
    throw new SqlError('22008', `time field value out of range: ${hour}:${two(minute)}:${formatG(seconds, 6).padStart(2, '0')}`)
  }
  return total
}

export function makeTimestamp(year: number, month: number, day: number, hour: number, minute: number, seconds: number): bigint {
  const civilYear = year < 0 ? year + 1 : year
  const shown = `${year}-${two(month)}-${two(day)}`
  if (year === 0 || month < 1 || month > 12 || day < 1 || day > daysInMonth(civilYear, month)) {
    throw new SqlError('22008', `date field value out of range: ${shown}`)
  }
  const days = daysFromCivil(civilYear, month, day)
  if (days < dateMin || days > dateMax) throw new SqlError('22008', `date out of range: ${shown}`)
  const timestamp = joinTimestamp(days, makeTime(hour, minute, seconds))
  if (!isValidTimestamp(timestamp)) {
    const time = `${hour}:${two(minute)}:${formatG(seconds, 6).padStart(2, '0')}`
    throw new SqlError('22008', `timestamp out of range: ${shown} ${time}`)
  }
  return timestamp
}

/** A zone's name, or a numeric offset with its sign. */
export function saneZone(text: string): ZoneShift {
  if (/^\d/.test(text)) {
    throw new SqlError('22023', `invalid input syntax for type numeric time zone: "${text}"`, {
      hint: 'Numeric time zones must have "-" or "+" as first character.',
    })
  }
  if (!/^[-+]/.test(text)) return zoneShift(text)
  try {
    const offset = parseDisplacement(text)
    return { offsetAt: () => offset, offsetOfLocal: () => offset }
  } catch (problem) {
    if (!(problem instanceof DateProblem)) throw problem
    if (problem.mistake === 'displacement') throw new SqlError('22023', `numeric time zone "${text}" out of range`)
    return zoneShift(text)
  }
}

export function makeInterval(
  years: number,
  months: number,
  weeks: number,
  days: number,
  hours: number,
  minutes: number,
  seconds: number,
): Interval {
  if (!Number.isFinite(seconds)) throw intervalOutOfRange()
  const allMonths = years * 12 + months
  const allDays = weeks * 7 + days
  const whole = BigInt(hours) * 3_600_000_000n + BigInt(minutes) * 60_000_000n
  const micros = whole + BigInt(roundHalfEven(seconds * 1_000_000))
  if ((allMonths | 0) !== allMonths || (allDays | 0) !== allDays) throw intervalOutOfRange()
  if (BigInt.asIntN(64, micros) !== micros) throw intervalOutOfRange()
  return new Interval(allMonths, allDays, micros)
}

/** Seconds since the Unix epoch, as a double. */
export function fromUnix(seconds: number): bigint {
  if (Number.isNaN(seconds)) throw new SqlError('22008', 'timestamp cannot be NaN')
  if (!Number.isFinite(seconds)) return seconds > 0 ? timestampInfinity : timestampMinusInfinity
  const outside = (): SqlError => new SqlError('22008', `timestamp out of range: "${formatG(seconds, 6)}"`)
  if (seconds < -210_866_803_200 || seconds >= 9_224_318_016_000) throw outside()
  const timestamp = BigInt(roundHalfEven((seconds - Number(epochMicros / 1_000_000n)) * 1_000_000))
  if (!isValidTimestamp(timestamp)) throw outside()
  return timestamp
}
