import {
  civilFromDays,
  dateMax,
  dateMin,
  daysFromCivil,
  daysInMonth,
  epochDays,
  epochSeconds,
  julianEpoch,
  microsPerDay,
  splitTimestamp,
} from './calendar.ts'
import { type DateMistake, DateProblem } from './datetime-problem.ts'
import { parseFraction, parseInteger } from './datetime-tokens.ts'
import { dateWord, type Special } from './datetime-words.ts'
import { type TimeZone, timeZone } from './timezone.ts'
import type { InputSettings } from './type.ts'

/** Which fields of a date and time a text has given, one bit each. */
export const year = 1
export const month = 2
export const day = 4
export const dateMask = year | month | day
export const hour = 8
export const minute = 16
export const second = 32
export const timeMask = hour | minute | second
export const zone = 64
export const dayOfYear = 128
export const ampm = 256
export const era = 512
export const weekday = 1_024
export const daylightModifier = 2_048
export const daylightZone = 8_192
export const historicZone = 16_384

export const fail = (mistake: DateMistake): never => {
  throw new DateProblem(mistake)
}

/** The fields found so far. One per text. */
export class Decoder {
  readonly settings: InputSettings
  found = 0
  year = 0
  month = 0
  day = 0
  yearDay = 0
  hour = 0
  minute = 0
  second = 0
  micros = 0
  /** Seconds east. */
  offset = 0
  special: Special | undefined
  twoDigitYear = false
  textMonth = false
  julian = false
  bc = false
  ampm: 'am' | 'pm' | undefined
  namedZone: TimeZone | undefined
  abbreviation: { readonly zone: TimeZone; readonly name: string } | undefined
  /** The word before: `julian`, or `t` before an ISO time. */
  label: 'julian' | 'time' | string | undefined

  constructor(settings: InputSettings) {
    this.settings = settings
  }

  add(mask: number): void {
    if (this.found & mask) fail('format')
    this.found |= mask
  }

  setJulian(text: string): string {
    const { value, rest } = parseInteger(text)
    if (value < 0) fail('field')
    const date = civilFromDays(value - julianEpoch)
    this.year = date.year
    this.month = date.month
    this.day = date.day
    this.julian = true
    return rest
  }

  setNow(): void {
    const local = localNow(this.settings)
    const { days, micros } = splitTimestamp(local.timestamp)
    this.setDays(days)
    this.setTime(micros)
    this.offset = local.offset
  }

  setDays(days: number): void {
    const date = civilFromDays(days)
    this.year = date.year
    this.month = date.month
    this.day = date.day
  }

  setTime(micros: number): void {
    this.hour = Math.floor(micros / 3_600_000_000)
    this.minute = Math.floor(micros / 60_000_000) % 60
    this.second = Math.floor(micros / 1_000_000) % 60
    this.micros = micros % 1_000_000
  }

  get timeMicros(): number {
    return ((this.hour * 60 + this.minute) * 60 + this.second) * 1_000_000 + this.micros
  }

  /** Zero for days that no date has. */
  offsetIn(zone: TimeZone): number {
    const days = daysFromCivil(this.year, this.month, this.day)
    return days < dateMin || days > dateMax ? 0 : zone.offsetOfLocal(this.localSeconds)
  }

  /** Seconds since the Unix epoch as if local time were UTC. */
  get localSeconds(): number {
    const days = daysFromCivil(this.year, this.month, this.day) + epochDays
    return days * 86_400 + (this.hour * 60 + this.minute) * 60 + this.second
  }
}

export function localNow(settings: InputSettings): { readonly timestamp: bigint; readonly offset: number } {
  const unix = Number(settings.now / 1_000_000n) + epochSeconds
  const offset = timeZone(settings.timeZone).offsetAt(unix)
  return { timestamp: settings.now + BigInt(offset) * 1_000_000n, offset }
}

export interface ClockTime {
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly micros: number
}

/** hh:mm, hh:mm:ss.ffffff, or mm:ss.ffffff; also mm:ss where an interval's fields say so. */
export function parseClock(text: string, minuteToSecond = false): ClockTime {
  let { value: hour, rest } = parseInteger(text, Number.MAX_SAFE_INTEGER)
  if (rest[0] !== ':') fail('format')
  let minute = 0
  let second = 0
  let micros = 0
  ;({ value: minute, rest } = parseInteger(rest.slice(1)))
  if (rest === '') {
    if (minuteToSecond) {
      second = minute
      minute = hour
      hour = 0
    }
  } else if (rest[0] === '.') {
    micros = parseFraction(rest)
    second = minute
    minute = hour
    hour = 0
  } else if (rest[0] === ':') {
    ;({ value: second, rest } = parseInteger(rest.slice(1)))
    if (rest !== '') micros = parseFraction(rest)
  } else fail('format')
  if (minute > 59 || second > 60) fail('field')
  return { hour, minute, second, micros }
}

export function overflows(decoder: Decoder): boolean {
  const { hour, minute, second } = decoder
  return hour > 24 || minute > 59 || second > 60 || decoder.timeMicros > microsPerDay
}

/** Two or three fields in one token: 1999-01-08, 8/1/99, 08-Jan-1999, 1999.008. */
export function decodeDate(decoder: Decoder, text: string): void {
  const fields: (string | undefined)[] = []
  const field = /[^a-z0-9]*(\d+|[a-z]+|$)/giy
  while (field.lastIndex < text.length) {
    const match = field.exec(text)
    if (!match || match[1] === '') fail('format')
    fields.push((match as RegExpExecArray)[1] as string)
    // The character behind a field counts as its separator, whatever it is.
    field.lastIndex++
  }
  for (const [i, part] of fields.entries()) {
    if (part === undefined || !/^[a-z]/i.test(part)) continue
    const word = dateWord(part)
    if (word?.kind === 'ignored') continue
    if (word?.kind !== 'month') fail('format')
    else {
      decoder.month = word.value
      decoder.textMonth = true
    }
    decoder.add(month)
    fields[i] = undefined
  }
  for (const part of fields) if (part !== undefined) decodeNumber(decoder, part, false)
  if ((decoder.found & ~(dayOfYear | zone)) !== dateMask) fail('format')
}

/** One number by its place: which field it is depends on what is there already and on the date order. `timeOnly`: the date is taken for complete. */
export function decodeNumber(decoder: Decoder, text: string, timeOnly: boolean): void {
  const { value, rest } = parseInteger(text)
  const found = timeOnly ? decoder.found | dateMask : decoder.found
  if (rest[0] === '.') {
    if (text.length - rest.length > 2) {
      decodeRunTogether(decoder, text, true)
      return
    }
    decoder.micros = parseFraction(rest)
  } else if (rest !== '') fail('format')
  const digits = text.length
  if (digits === 3 && (found & dateMask) === year && value >= 1 && value <= 366) {
    decoder.yearDay = value
    decoder.add(dayOfYear | month | day)
    return
  }
  const order = decoder.settings.dateOrder
  let target: number
  switch (found & dateMask) {
    case 0:
      target = digits >= 3 || order === 'YMD' ? year : order === 'DMY' ? day : month
      break
    case year:
      target = month
      break
    case month:
      target = decoder.textMonth && (digits >= 3 || order === 'YMD') ? year : day
      break
    case year | month:
      if (decoder.textMonth && digits >= 3 && decoder.twoDigitYear) {
        // The first number was the day: DD-MON-YYYY in YMD order.
        decoder.day = decoder.year
        decoder.year = value
        decoder.twoDigitYear = false
        decoder.add(day)
        return
      }
      target = day
      break
    case day:
      target = month
      break
    case month | day:
      target = year
      break
    case dateMask:
      decodeRunTogether(decoder, text, timeOnly)
      return
    default:
      fail('format')
      return
  }
  if (target === year) {
    decoder.year = value
    decoder.twoDigitYear = digits <= 2
  } else if (target === month) decoder.month = value
  else decoder.day = value
  decoder.add(target)
}

/** yymmdd, yyyymmdd, hhmm, hhmmss, each perhaps with a fraction of a second. */
export function decodeRunTogether(decoder: Decoder, text: string, timeOnly: boolean): void {
  const found = timeOnly ? decoder.found | dateMask : decoder.found
  let digits = text
  const dot = text.indexOf('.')
  if (dot >= 0) {
    decoder.micros = parseFraction(/^\.\d*/.exec(text.slice(dot))?.[0] ?? '.')
    digits = text.slice(0, dot)
  } else if ((found & dateMask) !== dateMask && digits.length >= 6) {
    const end = digits.length
    decoder.day = Number(digits.slice(end - 2))
    decoder.month = Number(digits.slice(end - 4, end - 2))
    decoder.year = wrappedInt4(digits.slice(0, end - 4))
    if (end - 4 === 2) decoder.twoDigitYear = true
    decoder.add(dateMask)
    return
  }
  if ((found & timeMask) === timeMask || (digits.length !== 6 && digits.length !== 4)) {
    fail('format')
    return
  }
  decoder.hour = Number(digits.slice(0, 2))
  decoder.minute = Number(digits.slice(2, 4))
  decoder.second = digits.length === 6 ? Number(digits.slice(4)) : 0
  decoder.add(timeMask)
}

/** C's atoi: what does not fit an int4 loses its upper bits. */
export function wrappedInt4(digits: string): number {
  const value = BigInt(digits)
  return value > 9_223_372_036_854_775_807n ? -1 : Number(BigInt.asIntN(32, value))
}

export function validateDate(decoder: Decoder): void {
  const { found } = decoder
  if (found & year && !decoder.julian) {
    if (decoder.bc) {
      if (decoder.year <= 0) fail('field')
      decoder.year = 1 - decoder.year
    } else if (decoder.twoDigitYear) {
      if (decoder.year < 70) decoder.year += 2000
      else if (decoder.year < 100) decoder.year += 1900
    } else if (decoder.year <= 0) fail('field')
  }
  if (found & dayOfYear) decoder.setDays(daysFromCivil(decoder.year, 1, 1) + decoder.yearDay - 1)
  if (found & month && (decoder.month < 1 || decoder.month > 12)) fail('monthDay')
  if (found & day && (decoder.day < 1 || decoder.day > 31)) fail('monthDay')
  if ((found & dateMask) === dateMask && decoder.day > daysInMonth(decoder.year, decoder.month)) fail('field')
}

export function applyMeridian(decoder: Decoder): void {
  if (decoder.ampm === undefined) return
  if (decoder.hour > 12) fail('field')
  if (decoder.ampm === 'am' && decoder.hour === 12) decoder.hour = 0
  else if (decoder.ampm === 'pm' && decoder.hour !== 12) decoder.hour += 12
}

/** `+05:30`, `-0330`, `+5`: seconds east. */
export function parseDisplacement(text: string): number {
  const sign = text[0]
  if (sign !== '+' && sign !== '-') fail('format')
  let { value: hours, rest } = parseInteger(text.slice(1), undefined, 'displacement')
  let minutes = 0
  let seconds = 0
  if (rest[0] === ':') {
    ;({ value: minutes, rest } = parseInteger(rest.slice(1), undefined, 'displacement'))
    if (rest[0] === ':') ({ value: seconds, rest } = parseInteger(rest.slice(1), undefined, 'displacement'))
  } else if (rest === '' && text.length > 3) {
    minutes = hours % 100
    hours = Math.floor(hours / 100)
  }
  if (hours < 0 || hours > 15 || minutes < 0 || minutes > 59 || seconds < 0 || seconds > 59) fail('displacement')
  if (rest !== '') fail('format')
  const east = (hours * 60 + minutes) * 60 + seconds
  return sign === '-' ? -east : east
}
