import { SqlError } from '../../../../protocol/errors.ts'
import {
  civilFromDays,
  dayOfWeek,
  dayOfYear,
  daysFromCivil,
  isoWeek,
  isoYearStart,
  julianEpoch,
  splitTimestamp,
} from '../../../../protocol/values/calendar.ts'
import { dayNames, monthNames } from '../../../../protocol/values/datetime-words.ts'
import type { Interval } from '../../../../protocol/values/interval.ts'
import { intervalFields } from '../../../../protocol/values/interval-output.ts'
import type { LocalTimeType } from '../../../../protocol/values/timezone.ts'
import { type FormatNode, parseFormat } from './date-format.ts'

/** What there is to show: a local time, or an interval taken apart. */
interface Shown {
  readonly year: number
  readonly month: number
  readonly day: number
  readonly yearDay: number
  readonly weekDay: number
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly micros: number
  readonly interval: boolean
  readonly zone: LocalTimeType | undefined
}

/** `zone`: what a timestamptz is shown in; `local` already is that zone's time. */
export function timestampToChar(local: bigint, zone: LocalTimeType | undefined, format: string): string {
  const { days, micros } = splitTimestamp(local)
  const date = civilFromDays(days)
  return show(
    {
      ...date,
      yearDay: dayOfYear(date),
      weekDay: dayOfWeek(days),
      hour: Math.floor(micros / 3_600_000_000),
      minute: Math.floor(micros / 60_000_000) % 60,
      second: Math.floor(micros / 1_000_000) % 60,
      micros: micros % 1_000_000,
      interval: false,
      zone,
    },
    format,
  )
}

export function intervalToChar(value: Interval, format: string): string {
  const fields = intervalFields(value.months, value.days, value.micros)
  return show(
    {
      year: fields.years,
      month: fields.months,
      day: fields.days,
      yearDay: value.months * 30 + value.days,
      weekDay: 0,
      hour: fields.hours,
      minute: fields.minutes,
      second: fields.seconds,
      micros: fields.fraction,
      interval: true,
      zone: undefined,
    },
    format,
  )
}

function show(shown: Shown, format: string): string {
  let text = ''
  for (const node of parseFormat(format)) {
    if (node.key === undefined) {
      text += node.text
      continue
    }
    const part = showKey(shown, node, node.key.name, node.key.kind)
    text +=
      node.ordinal !== undefined && node.key.digits && node.key.kind !== 'TZM' && part !== ''
        ? withOrdinal(part, node.ordinal)
        : part
  }
  return text
}

const ofIntervals = (): SqlError =>
  new SqlError('22007', 'invalid format specification for an interval value', {
    hint: 'Intervals are not tied to specific calendar dates.',
  })

/** %0*d: the sign takes one of the places. */
function padded(value: number, width: number): string {
  const digits = `${Math.abs(value)}`
  return value < 0 ? `-${digits.padStart(width - 1, '0')}` : digits.padStart(width, '0')
}

function showKey(shown: Shown, node: FormatNode, name: string, kind: string): string {
  const { year, month, day, hour, interval } = shown
  const wide = (value: number, width: number): string => padded(value, node.fillMode ? 0 : width)
  // The sign of a negative number makes it one wider.
  const signed = (value: number, width: number): string => wide(value, value >= 0 ? width : width + 1)
  const dated = <T>(value: T): T => {
    if (interval) throw ofIntervals()
    return value
  }
  const shownYear = (value: number): number => (interval || value > 0 ? value : 1 - value)
  const isoYear = (): number => shownYear(isoWeek(daysOf(shown)).year)
  switch (kind) {
    case 'A.M.':
    case 'P.M.':
      return cased(name, hour % 24 >= 12 ? 'P.M.' : 'A.M.')
    case 'AM':
    case 'PM':
      return cased(name, hour % 24 >= 12 ? 'PM' : 'AM')
    case 'A.D.':
    case 'B.C.':
      return cased(name, dated(year <= 0) ? 'B.C.' : 'A.D.')
    case 'AD':
    case 'BC':
      return cased(name, dated(year <= 0) ? 'BC' : 'AD')
    case 'HH':
    case 'HH12':
      return wide(hour % 12 === 0 ? 12 : hour % 12, hour >= 0 ? 2 : 3)
    case 'HH24':
      return signed(hour, 2)
    case 'MI':
      return signed(shown.minute, 2)
    case 'SS':
      return signed(shown.second, 2)
    case 'MS':
      return padded(Math.trunc(shown.micros / 1_000), 3)
    case 'US':
      return padded(shown.micros, 6)
    case 'FF1':
    case 'FF2':
    case 'FF3':
    case 'FF4':
    case 'FF5':
    case 'FF6': {
      const digits = Number(kind[2])
      return padded(Math.trunc(shown.micros / 10 ** (6 - digits)), digits)
    }
    case 'SSSS':
    case 'SSSSS':
      return `${hour * 3_600 + shown.minute * 60 + shown.second}`
    case 'TZ': {
      const abbreviation = dated(shown.zone)?.abbreviation ?? ''
      return name === 'tz' ? abbreviation.toLowerCase() : abbreviation
    }
    case 'TZH':
      return `${dated(east(shown)) < 0 ? '-' : '+'}${padded(Math.floor(Math.abs(east(shown)) / 3_600), 2)}`
    case 'TZM':
      return padded(Math.floor((Math.abs(dated(east(shown))) % 3_600) / 60), 2)
    case 'OF': {
      const magnitude = Math.abs(dated(east(shown)))
      const minutes = magnitude % 3_600 === 0 ? '' : `:${padded(Math.floor((magnitude % 3_600) / 60), 2)}`
      return `${east(shown) < 0 ? '-' : '+'}${wide(Math.floor(magnitude / 3_600), 2)}${minutes}`
    }
    case 'MONTH':
      return named(node, name, dated(monthNames[month - 1] as string), 9)
    case 'MON':
      return named(node, name, dated((monthNames[month - 1] as string)?.slice(0, 3)), 0)
    case 'DAY':
      return named(node, name, dated(dayNames[shown.weekDay] as string), 9)
    case 'DY':
      return named(node, name, dated(dayNames[shown.weekDay] as string).slice(0, 3), 0)
    case 'MM':
      return signed(month, 2)
    case 'DD':
      return wide(day, 2)
    case 'DDD':
      return wide(shown.yearDay, 3)
    case 'IDDD':
      return wide(daysOf(shown) - isoYearStart(isoWeek(daysOf(shown)).year) + 1, 3)
    case 'D':
      return `${dated(shown.weekDay) + 1}`
    case 'ID':
      return `${dated(shown.weekDay) || 7}`
    case 'WW':
      return wide(Math.trunc((shown.yearDay - 1) / 7) + 1, 2)
    case 'IW':
      return wide(isoWeek(daysOf(shown)).week, 2)
    case 'Q':
      return month === 0 ? '' : `${Math.trunc((month - 1) / 3) + 1}`
    case 'CC': {
      const century = interval ? Math.trunc(year / 100) : year > 0 ? Math.trunc((year - 1) / 100) + 1 : Math.trunc(year / 100) - 1
      return century <= 99 && century >= -99 ? signed(century, 2) : `${century}`
    }
    case 'Y,YYY': {
      const thousands = Math.trunc(shownYear(year) / 1_000)
      return `${thousands},${padded(shownYear(year) - thousands * 1_000, 3)}`
    }
    case 'YYYY':
      return signed(shownYear(year), 4)
    case 'IYYY':
      return wide(isoYear(), shownYear(year) >= 0 ? 4 : 5)
    case 'YYY':
      return wide(shownYear(year) % 1_000, shownYear(year) >= 0 ? 3 : 4)
    case 'IYY':
      return wide(isoYear() % 1_000, shownYear(year) >= 0 ? 3 : 4)
    case 'YY':
      return wide(shownYear(year) % 100, shownYear(year) >= 0 ? 2 : 3)
    case 'IY':
      return wide(isoYear() % 100, shownYear(year) >= 0 ? 2 : 3)
    case 'Y':
      return `${shownYear(year) % 10}`
    case 'I':
      return `${isoYear() % 10}`
    case 'RM': {
      if (month === 0 && year === 0) return ''
      const position = month === 0 ? (year >= 0 ? 0 : 11) : month < 0 ? -(month + 1) : 12 - month
      const roman = romanMonths[position] as string
      return (name === 'RM' ? roman : roman.toLowerCase()).padEnd(node.fillMode ? 0 : 4)
    }
    case 'W':
      return `${Math.trunc((day - 1) / 7) + 1}`
    case 'J':
      return `${daysOf(shown) + julianEpoch}`
    default:
      return ''
  }
}

export const romanMonths = ['XII', 'XI', 'X', 'IX', 'VIII', 'VII', 'VI', 'V', 'IV', 'III', 'II', 'I'] as const

const daysOf = ({ year, month, day }: Shown): number => daysFromCivil(year, month, day)
const east = ({ zone }: Shown): number => zone?.offset ?? 0
const cased = (name: string, text: string): string => (name[0] === name[0]?.toLowerCase() ? text.toLowerCase() : text)

/** DAY, Day and day; blank-padded unless FM or TM says otherwise. */
function named(node: FormatNode, name: string, word: string, width: number): string {
  const shown = name === name.toUpperCase() ? word.toUpperCase() : name === name.toLowerCase() ? word.toLowerCase() : word
  return node.fillMode || node.translated ? shown : shown.padEnd(width)
}

export function withOrdinal(number: string, style: 'TH' | 'th'): string {
  const last = number.at(-1) ?? ''
  if (!/\d/.test(last)) throw new SqlError('22P02', `"${number}" is not a number`)
  const suffix = number.at(-2) === '1' ? 'th' : last === '1' ? 'st' : last === '2' ? 'nd' : last === '3' ? 'rd' : 'th'
  return number + (style === 'TH' ? suffix.toUpperCase() : suffix)
}
