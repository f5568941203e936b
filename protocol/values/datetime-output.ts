import { civilFromDays, dayOfWeek, epochSeconds, splitTimestamp } from './calendar.ts'
import { dayNames, monthNames } from './datetime-words.ts'
import { type LocalTimeType, timeZone } from './timezone.ts'
import type { OutputSettings } from './type.ts'

export const twoDigits = (value: number): string => (value < 10 ? `0${value}` : `${value}`)

const era = (year: number): string => (year <= 0 ? ' BC' : '')

function fourDigits(year: number): string {
  const shown = year <= 0 ? 1 - year : year
  return shown > 999 ? `${shown}` : `${shown}`.padStart(4, '0')
}

export function outputDate(days: number, settings: OutputSettings): string {
  if (days === Number.POSITIVE_INFINITY) return 'infinity'
  if (days === Number.NEGATIVE_INFINITY) return '-infinity'
  const { year, month, day } = civilFromDays(days)
  const dayFirst = settings.dateOrder === 'DMY'
  switch (settings.dateStyle) {
    case 'ISO':
      return `${fourDigits(year)}-${twoDigits(month)}-${twoDigits(day)}${era(year)}`
    case 'SQL':
      return `${dayFirst ? `${twoDigits(day)}/${twoDigits(month)}` : `${twoDigits(month)}/${twoDigits(day)}`}/${fourDigits(year)}${era(year)}`
    case 'German':
      return `${twoDigits(day)}.${twoDigits(month)}.${fourDigits(year)}${era(year)}`
    default:
      return `${dayFirst ? `${twoDigits(day)}-${twoDigits(month)}` : `${twoDigits(month)}-${twoDigits(day)}`}-${fourDigits(year)}${era(year)}`
  }
}

/** hh:mm:ss, and the fraction without trailing zeros. */
export function outputTime(micros: number): string {
  const seconds = Math.floor(micros / 1_000_000)
  const fraction = micros - seconds * 1_000_000
  const minutes = Math.floor(seconds / 60)
  const hours = Math.floor(minutes / 60)
  return `${twoDigits(hours)}:${twoDigits(minutes - hours * 60)}:${outputSeconds(seconds - minutes * 60, fraction)}`
}

export function outputSeconds(seconds: number, fraction: number): string {
  return fraction === 0 ? twoDigits(seconds) : `${twoDigits(seconds)}${outputFraction(fraction)}`
}

export function outputFraction(micros: number): string {
  let digits = `${micros}`.padStart(6, '0')
  let end = 6
  while (digits[end - 1] === '0') end--
  digits = digits.slice(0, end)
  return digits === '' ? '' : `.${digits}`
}

/** +05:30, -03:30:52, +00 */
export function outputDisplacement(secondsEast: number): string {
  const magnitude = Math.abs(secondsEast)
  const seconds = magnitude % 60
  const minutes = Math.floor(magnitude / 60) % 60
  const hours = Math.floor(magnitude / 3_600)
  const tail = seconds !== 0 ? `:${twoDigits(minutes)}:${twoDigits(seconds)}` : minutes !== 0 ? `:${twoDigits(minutes)}` : ''
  return `${secondsEast < 0 ? '-' : '+'}${twoDigits(hours)}${tail}`
}

const maxTimestamp = 9_223_372_036_854_775_807n
const minTimestamp = -9_223_372_036_854_775_808n

export function outputTimestamp(timestamp: bigint, settings: OutputSettings): string {
  if (timestamp === maxTimestamp) return 'infinity'
  if (timestamp === minTimestamp) return '-infinity'
  return outputLocal(timestamp, undefined, settings)
}

export function outputTimestamptz(timestamp: bigint, settings: OutputSettings): string {
  if (timestamp === maxTimestamp) return 'infinity'
  if (timestamp === minTimestamp) return '-infinity'
  const zone = localTypeAt(timestamp, settings.timeZone)
  return outputLocal(timestamp + BigInt(zone.offset) * 1_000_000n, zone, settings)
}

export function unixSeconds(timestamp: bigint): number {
  const seconds = timestamp / 1_000_000n
  return Number(timestamp % 1_000_000n < 0n ? seconds - 1n : seconds) + epochSeconds
}

const utc: LocalTimeType = { offset: 0, daylight: false, abbreviation: 'UTC' }

export function localTypeAt(timestamp: bigint, zoneName: string): LocalTimeType {
  return zoneName === 'UTC' ? utc : timeZone(zoneName).at(unixSeconds(timestamp))
}

function outputLocal(local: bigint, zone: LocalTimeType | undefined, settings: OutputSettings): string {
  const { days, micros } = splitTimestamp(local)
  const date = outputDate(days, settings)
  const time = outputTime(micros)
  const { year, month, day } = civilFromDays(days)
  // Behind the time, in front of the era.
  const [datePart, eraPart] = year <= 0 ? [date.slice(0, -3), ' BC'] : [date, '']
  switch (settings.dateStyle) {
    case 'ISO':
      return `${datePart} ${time}${zone ? outputDisplacement(zone.offset) : ''}${eraPart}`
    case 'SQL':
    case 'German':
      return `${datePart} ${time}${zone ? ` ${zone.abbreviation.slice(0, 10)}` : ''}${eraPart}`
    default: {
      const dayMonth = [twoDigits(day), (monthNames[month - 1] as string).slice(0, 3)]
      if (settings.dateOrder !== 'DMY') dayMonth.reverse()
      const weekDay = (dayNames[dayOfWeek(days)] as string).slice(0, 3)
      const zonePart = zone ? ` ${zone.abbreviation.slice(0, 10)}` : ''
      return `${weekDay} ${dayMonth.join(' ')} ${time} ${fourDigits(year)}${zonePart}${eraPart}`
    }
  }
}
