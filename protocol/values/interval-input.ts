import { parseClock } from './datetime-fields.ts'
import { DateProblem, explainProblem } from './datetime-problem.ts'
import { type DateToken, parseFractionNumber, tokenize } from './datetime-tokens.ts'
import { isoInterval } from './interval-iso.ts'
import { IntervalSum } from './interval-sum.ts'
import type { InputSettings } from './type.ts'

/** The bits of an interval's range (`INTERVAL DAY TO SECOND`), as PostgreSQL numbers them in a typmod. */
export const rangeYear = 1 << 2
export const rangeMonth = 1 << 1
export const rangeDay = 1 << 3
export const rangeHour = 1 << 10
export const rangeMinute = 1 << 11
export const rangeSecond = 1 << 12
export const rangeFull = 0x7fff

export type IntervalUnit =
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
  | 'timezone'
  | 'timezone_hour'
  | 'timezone_minute'

/** Words and their abbreviations, cut to ten letters as PostgreSQL does. */
const unitWords = new Map<string, IntervalUnit | 'ago' | '@'>()
for (const [unit, words] of [
  ['ago', 'ago'],
  ['microsecond', 'microsecon us usec useconds usecs microseconds'],
  ['millisecond', 'millisecon ms msec mseconds msecs'],
  ['second', 's sec second seconds secs'],
  ['minute', 'm min minute minutes mins'],
  ['hour', 'h hour hours hr hrs'],
  ['day', 'd day days'],
  ['week', 'w week weeks'],
  ['month', 'mon mons month months'],
  ['quarter', 'qtr quarter'],
  ['year', 'y year years yr yrs'],
  ['decade', 'dec decade decades decs'],
  ['century', 'c cent centuries century'],
  ['millennium', 'mil millennia millennium mils'],
  ['timezone', 'timezone'],
  ['timezone_hour', 'timezone_h'],
  ['timezone_minute', 'timezone_m'],
] as const) {
  for (const word of words.split(' ')) unitWords.set(word.slice(0, 10), unit)
}

export function intervalUnit(word: string): IntervalUnit | undefined {
  const unit = unitWords.get(word.slice(0, 10))
  return unit === 'ago' || unit === '@' ? undefined : unit
}

export interface IntervalParts {
  readonly months: number
  readonly days: number
  readonly micros: bigint
}

/** `range`: which fields the type has, rangeFull for all. Throws SqlError. */
export function parseInterval(text: string, range: number, settings: InputSettings): IntervalParts {
  return explainProblem(text, 'interval', () => {
    try {
      return decodeInterval(tokenize(text), range, settings).finish()
    } catch (problem) {
      if (!(problem instanceof DateProblem)) throw problem
      if (problem.mistake !== 'format') throw asInterval(problem)
    }
    try {
      return isoInterval(text).finish()
    } catch (problem) {
      throw problem instanceof DateProblem ? asInterval(problem) : problem
    }
  })
}

const asInterval = (problem: DateProblem): DateProblem => (problem.mistake === 'field' ? new DateProblem('interval') : problem)

const usedMicro = 1
const usedMilli = 2
const usedSecond = 4
const usedMinute = 8
const usedHour = 16
const usedTime = usedMicro | usedMilli | usedSecond | usedMinute | usedHour
const usedDay = 32
const usedWeek = 64
const usedMonth = 128
const usedYear = 256
const usedDecade = 512
const usedCentury = 1_024
const usedMillennium = 2_048

/** Read backwards, so that units come before their numbers. */
function decodeInterval(tokens: readonly DateToken[], range: number, settings: InputSettings): IntervalSum {
  const sum = new IntervalSum()
  // The SQL standard's reading: one leading minus is meant for all fields.
  const allNegative =
    settings.intervalStyle === 'sql_standard' &&
    tokens[0]?.text[0] === '-' &&
    tokens.every((token, i) => i === 0 || !/^[-+]/.test(token.text))
  let used = 0
  let ago = false
  let unit: IntervalUnit | undefined
  const mark = (mask: number): void => {
    if (used & mask) throw new DateProblem('format')
    used |= mask
  }
  const addClock = (micros: bigint, negative: boolean): void => {
    sum.setMicros(negative ? -micros : micros)
    mark(usedTime)
    unit = 'day'
  }
  for (let i = tokens.length - 1; i >= 0; i--) {
    const { kind, text } = tokens[i] as DateToken
    if (kind === 'time') {
      addClock(clockMicros(text, range), allNegative)
    } else if (kind === 'word' || kind === 'signed') {
      const word = unitWords.get(text.slice(0, 10))
      if (word === undefined) throw new DateProblem('format')
      if (word === 'ago') {
        ago = true
        // A number right before it has no unit, and gets none from the range either.
        unit = 'timezone'
      } else unit = word as IntervalUnit
    } else {
      const signedClock = kind === 'zone' && text.includes(':', 1) ? clockOrNumber(text.slice(1), range) : undefined
      if (signedClock !== undefined) {
        addClock(signedClock, text[0] === '-')
        continue
      }
      unit ??= rightmostUnit(range)
      const number = parseNumber(text)
      if (number.yearMonth) unit = 'month'
      const negate = allNegative && number.whole >= 0n && number.fraction >= 0
      addField(sum, unit, negate ? -number.whole : number.whole, negate ? -number.fraction : number.fraction)
      const mask = maskOf(unit, number.fraction)
      if (unit === 'hour') unit = 'day'
      mark(mask)
    }
  }
  if (used === 0) throw new DateProblem('format')
  if (ago) sum.negate()
  return sum
}

function clockMicros(text: string, range: number): bigint {
  const { hour, minute, second, micros } = parseClock(text, range === (rangeMinute | rangeSecond))
  const total = ((BigInt(hour) * 60n + BigInt(minute)) * 60n + BigInt(second)) * 1_000_000n + BigInt(micros)
  if (total > int8Max) throw new DateProblem('field')
  return total
}

/** Undefined: not a time, perhaps a number. */
function clockOrNumber(text: string, range: number): bigint | undefined {
  try {
    return clockMicros(text, range)
  } catch (problem) {
    if (problem instanceof DateProblem) return undefined
    throw problem
  }
}

/** What a number without a unit means at the right end. */
function rightmostUnit(range: number): IntervalUnit {
  if (range === rangeFull) return 'second'
  if (range & rangeSecond) return 'second'
  if (range & rangeMinute) return 'minute'
  if (range & rangeHour) return 'hour'
  if (range & rangeDay) return 'day'
  return range & rangeMonth ? 'month' : 'year'
}

const int8Max = 9_223_372_036_854_775_807n

function parseNumber(text: string): { readonly whole: bigint; readonly fraction: number; readonly yearMonth: boolean } {
  const match = /^([-+]?)(\d*)(.*)$/.exec(text) as RegExpExecArray
  const sign = match[1] === '-' ? -1n : 1n
  const whole = sign * BigInt(match[2] || 0)
  if (whole > int8Max || whole < -int8Max - 1n) throw new DateProblem('field')
  const rest = match[3] as string
  if (rest[0] === '-') {
    const months = /^-(\d*)(.*)$/.exec(rest) as RegExpExecArray
    const count = Number(months[1] || 0)
    if (count >= 12) throw new DateProblem('field')
    if (months[2] !== '') throw new DateProblem('format')
    const total = whole * 12n + sign * BigInt(count)
    if (total > int8Max || total < -int8Max - 1n) throw new DateProblem('field')
    return { whole: total, fraction: 0, yearMonth: true }
  }
  if (rest[0] === '.') {
    const fraction = parseFractionNumber(rest)
    return { whole, fraction: match[1] === '-' ? -fraction : fraction, yearMonth: false }
  }
  if (rest !== '') throw new DateProblem('format')
  return { whole, fraction: 0, yearMonth: false }
}

function addField(sum: IntervalSum, unit: IntervalUnit, whole: bigint, fraction: number): void {
  switch (unit) {
    case 'microsecond':
      sum.addTime(whole, fraction, 1)
      return
    case 'millisecond':
      sum.addTime(whole, fraction, 1_000)
      return
    case 'second':
      sum.addTime(whole, fraction, 1_000_000)
      return
    case 'minute':
      sum.addTime(whole, fraction, 60_000_000)
      return
    case 'hour':
      sum.addTime(whole, fraction, 3_600_000_000)
      return
    case 'day':
      sum.addDays(whole, fraction, 1)
      return
    case 'week':
      sum.addDays(whole, fraction, 7)
      return
    case 'month':
      sum.addMonths(whole, fraction)
      return
    case 'year':
      sum.addYears(whole, fraction, 1)
      return
    case 'decade':
      sum.addYears(whole, fraction, 10)
      return
    case 'century':
      sum.addYears(whole, fraction, 100)
      return
    case 'millennium':
      sum.addYears(whole, fraction, 1_000)
      return
    default:
      throw new DateProblem('format')
  }
}

function maskOf(unit: IntervalUnit, fraction: number): number {
  switch (unit) {
    case 'microsecond':
      return usedMicro
    case 'millisecond':
      return usedMilli
    case 'second':
      return fraction === 0 ? usedSecond : usedSecond | usedMilli | usedMicro
    case 'minute':
      return usedMinute
    case 'hour':
      return usedHour
    case 'day':
      return usedDay
    case 'week':
      return usedWeek
    case 'month':
      return usedMonth
    case 'year':
      return usedYear
    case 'decade':
      return usedDecade
    case 'century':
      return usedCentury
    default:
      return usedMillennium
  }
}
