import { outputFraction, twoDigits } from './datetime-output.ts'
import type { OutputSettings } from './type.ts'

interface Fields {
  readonly years: number
  readonly months: number
  readonly days: number
  readonly hours: number
  readonly minutes: number
  readonly seconds: number
  /** Microseconds of the second. */
  readonly fraction: number
}

/** All fields carry the sign of their part. */
export function intervalFields(months: number, days: number, micros: bigint): Fields {
  return {
    years: Math.trunc(months / 12),
    months: months % 12,
    days,
    hours: Number(micros / 3_600_000_000n),
    minutes: Number((micros / 60_000_000n) % 60n),
    seconds: Number((micros / 1_000_000n) % 60n),
    fraction: Number(micros % 1_000_000n),
  }
}

export function outputInterval(months: number, days: number, micros: bigint, style: OutputSettings['intervalStyle']): string {
  const fields = intervalFields(months, days, micros)
  switch (style) {
    case 'postgres':
      return postgres(fields)
    case 'postgres_verbose':
      return verbose(fields)
    case 'sql_standard':
      return sqlStandard(fields)
    case 'iso_8601':
      return iso(fields)
  }
}

const seconds = (fields: Fields): string => twoDigits(Math.abs(fields.seconds)) + outputFraction(Math.abs(fields.fraction))

const isNegativeTime = ({ hours, minutes, seconds, fraction }: Fields): boolean =>
  hours < 0 || minutes < 0 || seconds < 0 || fraction < 0

const hasTime = ({ hours, minutes, seconds, fraction }: Fields): boolean =>
  hours !== 0 || minutes !== 0 || seconds !== 0 || fraction !== 0

/** 1 year 2 mons -3 days +04:05:06 */
function postgres(fields: Fields): string {
  let text = ''
  let negativeBefore = false
  const add = (value: number, unit: string): void => {
    if (value === 0) return
    text += `${text === '' ? '' : ' '}${negativeBefore && value > 0 ? '+' : ''}${value} ${unit}${value === 1 ? '' : 's'}`
    negativeBefore = value < 0
  }
  add(fields.years, 'year')
  add(fields.months, 'mon')
  add(fields.days, 'day')
  if (text === '' || hasTime(fields)) {
    const sign = isNegativeTime(fields) ? '-' : negativeBefore ? '+' : ''
    const time = `${twoDigits(Math.abs(fields.hours))}:${twoDigits(Math.abs(fields.minutes))}:${seconds(fields)}`
    text += `${text === '' ? '' : ' '}${sign}${time}`
  }
  return text
}

/** @ 1 year 2 mons -3 days 4 hours ago: the first field decides about the sign of all. */
function verbose(fields: Fields): string {
  let text = '@'
  let isZero = true
  let ago = false
  const add = (value: number, unit: string): void => {
    if (value === 0) return
    let shown = value
    if (isZero) {
      ago = value < 0
      shown = Math.abs(value)
    } else if (ago) shown = -value
    text += ` ${shown} ${unit}${shown === 1 ? '' : 's'}`
    isZero = false
  }
  add(fields.years, 'year')
  add(fields.months, 'mon')
  add(fields.days, 'day')
  add(fields.hours, 'hour')
  add(fields.minutes, 'min')
  if (fields.seconds !== 0 || fields.fraction !== 0) {
    let sign = ''
    if (fields.seconds < 0 || (fields.seconds === 0 && fields.fraction < 0)) {
      if (isZero) ago = true
      else if (!ago) sign = '-'
    } else if (ago) sign = '-'
    const whole = Math.abs(fields.seconds)
    text += ` ${sign}${whole}${outputFraction(Math.abs(fields.fraction))} sec${whole !== 1 || fields.fraction !== 0 ? 's' : ''}`
    isZero = false
  }
  if (isZero) text += ' 0'
  return ago ? `${text} ago` : text
}

/** 1-2, 3 4:05:06, or with a sign for every part when signs differ or both kinds are there. */
function sqlStandard(fields: Fields): string {
  const { years, months, days } = fields
  const hasNegative = years < 0 || months < 0 || days < 0 || isNegativeTime(fields)
  const hasPositive =
    years > 0 || months > 0 || days > 0 || fields.hours > 0 || fields.minutes > 0 || fields.seconds > 0 || fields.fraction > 0
  const hasYearMonth = years !== 0 || months !== 0
  const hasDayTime = days !== 0 || hasTime(fields)
  const hasDay = days !== 0
  const standard = !(hasNegative && hasPositive) && !(hasYearMonth && hasDayTime)
  const time = `${Math.abs(fields.hours)}:${twoDigits(Math.abs(fields.minutes))}:${seconds(fields)}`
  if (!hasNegative && !hasPositive) return '0'
  if (!standard) {
    const yearSign = years < 0 || months < 0 ? '-' : '+'
    const daySign = days < 0 ? '-' : '+'
    const timeSign = isNegativeTime(fields) ? '-' : '+'
    return `${yearSign}${Math.abs(years)}-${Math.abs(months)} ${daySign}${Math.abs(days)} ${timeSign}${time}`
  }
  const sign = hasNegative ? '-' : ''
  if (hasYearMonth) return `${sign}${Math.abs(years)}-${Math.abs(months)}`
  if (hasDay) return `${sign}${Math.abs(days)} ${time}`
  return `${sign}${time}`
}

/** P1Y2M3DT4H5M6.7S */
function iso(fields: Fields): string {
  const part = (value: number, unit: string): string => (value === 0 ? '' : `${value}${unit}`)
  const date = part(fields.years, 'Y') + part(fields.months, 'M') + part(fields.days, 'D')
  let time = part(fields.hours, 'H') + part(fields.minutes, 'M')
  if (fields.seconds !== 0 || fields.fraction !== 0) {
    const sign = fields.seconds < 0 || fields.fraction < 0 ? '-' : ''
    time += `${sign}${Math.abs(fields.seconds)}${outputFraction(Math.abs(fields.fraction))}S`
  }
  if (date === '' && time === '') return 'PT0S'
  return `P${date}${time === '' ? '' : `T${time}`}`
}
