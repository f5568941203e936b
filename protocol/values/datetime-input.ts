import {
  civilFromDays,
  dateMax,
  dateMin,
  dayMicros,
  daysFromCivil,
  daysInMonth,
  epochDays,
  epochSeconds,
  julianEpoch,
  microsPerDay,
  splitTimestamp,
} from './calendar.ts'
import { type DateMistake, DateProblem } from './datetime-problem.ts'
import { type DateToken, parseFraction, parseInteger, tokenize } from './datetime-tokens.ts'
import { dateWord, type Special, zoneAbbreviation } from './datetime-words.ts'
import { findTimeZone, type TimeZone, timeZone } from './timezone.ts'
import type { InputSettings } from './type.ts'

/** What a text said. Days since 2000-01-01; the time may be 24:00:00. */
export interface DecodedDateTime {
  readonly special: Special | undefined
  readonly year: number
  readonly month: number
  readonly day: number
  readonly micros: number
  /** Seconds east of Greenwich: said, or the session's. */
  readonly offset: number
}

const year = 1
const month = 2
const day = 4
const dateMask = year | month | day
const hour = 8
const minute = 16
const second = 32
const timeMask = hour | minute | second
const zone = 64
const dayOfYear = 128
const ampm = 256
const era = 512
const weekday = 1_024
const daylightModifier = 2_048
const daylightZone = 8_192
const historicZone = 16_384

const fail = (mistake: DateMistake): never => {
  throw new DateProblem(mistake)
}

/** The fields found so far. One per text. */
class Decoder {
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

/** A date with or without time and zone: the input of date, timestamp and timestamptz. Throws DateProblem. */
export function decodeDateTime(text: string, settings: InputSettings): DecodedDateTime {
  const decoder = new Decoder(settings)
  for (const token of tokenize(text)) {
    switch (token.kind) {
      case 'date':
        decodeDateToken(decoder, token.text)
        break
      case 'time':
        decodeTimeToken(decoder, token.text)
        if (overflows(decoder)) fail('field')
        break
      case 'zone':
        decoder.offset = parseDisplacement(token.text)
        decoder.add(zone)
        break
      case 'number':
        decodeNumberToken(decoder, token.text)
        break
      default:
        decodeWord(decoder, token, 'date')
    }
  }
  if (decoder.label !== undefined) fail('format')
  if (decoder.special === undefined) {
    validateDate(decoder)
    applyMeridian(decoder)
    if ((decoder.found & dateMask) !== dateMask) fail('format')
    finishZone(decoder)
  }
  return result(decoder)
}

function result(decoder: Decoder): DecodedDateTime {
  const { special, offset } = decoder
  return { special, year: decoder.year, month: decoder.month, day: decoder.day, micros: decoder.timeMicros, offset }
}

function finishZone(decoder: Decoder): void {
  const { namedZone, abbreviation, found } = decoder
  if (namedZone) {
    if (found & daylightModifier) fail('format')
    decoder.offset = decoder.offsetIn(namedZone)
  }
  if (abbreviation) {
    if (found & daylightModifier) fail('format')
    decoder.offset = abbreviatedOffset(abbreviation.zone, abbreviation.name, decoder.localSeconds)
  }
  if (!(found & zone)) {
    if (found & daylightModifier) fail('format')
    decoder.offset = decoder.offsetIn(timeZone(decoder.settings.timeZone))
  }
}

export function abbreviatedOffset(zone: TimeZone, abbreviation: string, local: number): number {
  const byZone = zone.offsetOfLocal(local)
  return zone.abbreviated(abbreviation, local - byZone)?.offset ?? byZone
}

/** A time of day, perhaps with a zone, perhaps with a date that helps to find the zone's offset. Throws DateProblem. */
export function decodeTimeOfDay(text: string, settings: InputSettings): DecodedDateTime {
  const decoder = new Decoder(settings)
  const tokens = tokenize(text)
  const dateFirst = (i: number): boolean => i === 0 && tokens.length >= 2
  for (const [i, token] of tokens.entries()) {
    switch (token.kind) {
      case 'date':
        if (dateFirst(i) && (tokens.at(-1)?.kind === 'date' || tokens[1]?.kind === 'time')) {
          decodeDate(decoder, token.text)
        } else if (/^\d/.test(token.text)) {
          decodeTimeWithDisplacement(decoder, token.text, true)
          // What follows is judged by what this one turned out to be.
          token.kind = 'time'
        } else {
          decoder.namedZone = zoneNamed(token.text)
          decoder.add(zone)
          token.kind = 'zone'
        }
        break
      case 'time':
        decodeTimeToken(decoder, token.text)
        break
      case 'zone':
        decoder.offset = parseDisplacement(token.text)
        decoder.add(zone)
        break
      case 'number':
        if (decoder.label !== undefined) decodeLabelled(decoder, token.text)
        else {
          const { text } = token
          const dot = text.indexOf('.')
          if (dot >= 0) {
            if (dateFirst(i) && tokens.at(-1)?.kind === 'date') decodeDate(decoder, text)
            else if (dot > 2) decodeRunTogether(decoder, text, true)
            else fail('format')
          } else if (text.length > 4) decodeRunTogether(decoder, text, true)
          else decodeNumber(decoder, text, true)
        }
        break
      default:
        decodeWord(decoder, token, 'time')
    }
  }
  if (decoder.label !== undefined) fail('format')
  validateDate(decoder)
  applyMeridian(decoder)
  if (overflows(decoder)) fail('field')
  if ((decoder.found & timeMask) !== timeMask) fail('format')
  finishTimeZone(decoder)
  return result(decoder)
}

function finishTimeZone(decoder: Decoder): void {
  const { namedZone, abbreviation, found } = decoder
  const hasDate = (found & dateMask) === dateMask
  if ((namedZone || abbreviation || !(found & zone)) && found & daylightModifier) fail('format')
  if (namedZone) {
    const fixed = namedZone.fixedOffset
    if (fixed === undefined && !hasDate) fail('format')
    decoder.offset = fixed ?? decoder.offsetIn(namedZone)
  }
  if (!abbreviation && found & zone) return
  if ((found & dateMask) === 0) decoder.setDays(splitTimestamp(localNow(decoder.settings).timestamp).days)
  else if (!hasDate) fail('format')
  decoder.offset = abbreviation
    ? abbreviatedOffset(abbreviation.zone, abbreviation.name, decoder.localSeconds)
    : decoder.offsetIn(timeZone(decoder.settings.timeZone))
}

function decodeDateToken(decoder: Decoder, text: string): void {
  if (decoder.label === 'julian') {
    const rest = decoder.setJulian(text)
    decoder.offset = parseDisplacement(rest)
    decoder.label = undefined
    decoder.add(dateMask | timeMask | zone)
    return
  }
  if (decoder.label === undefined && (decoder.found & (month | day)) !== (month | day)) {
    decodeDate(decoder, text)
    return
  }
  if (/^\d/.test(text) || decoder.label !== undefined) {
    if (decoder.label !== undefined && decoder.label !== 'time') fail('format')
    decoder.label = undefined
    decodeTimeWithDisplacement(decoder, text, false)
    return
  }
  decoder.namedZone = zoneNamed(text)
  decoder.add(zone)
}

function zoneNamed(text: string): TimeZone {
  return findTimeZone(text) ?? fail({ zone: text })
}

/** hhmmss-zz: the minus sign made it look like a date. */
function decodeTimeWithDisplacement(decoder: Decoder, text: string, timeOnly: boolean): void {
  if ((decoder.found & timeMask) === timeMask) fail('format')
  const cut = text.indexOf('-')
  if (cut < 0) fail('format')
  decoder.offset = parseDisplacement(text.slice(cut))
  decodeRunTogether(decoder, text.slice(0, cut), timeOnly)
  decoder.add(zone)
}

function decodeTimeToken(decoder: Decoder, text: string): void {
  if (decoder.label !== undefined) {
    if (decoder.label !== 'time') fail('format')
    decoder.label = undefined
  }
  const time = parseClock(text)
  if (time.hour > 2_147_483_647) fail('field')
  decoder.hour = time.hour
  decoder.minute = time.minute
  decoder.second = time.second
  decoder.micros = time.micros
  decoder.add(timeMask)
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

function overflows(decoder: Decoder): boolean {
  const { hour, minute, second } = decoder
  return hour > 24 || minute > 59 || second > 60 || decoder.timeMicros > microsPerDay
}

function decodeNumberToken(decoder: Decoder, text: string): void {
  if (decoder.label !== undefined) {
    decodeLabelled(decoder, text)
    return
  }
  const dot = text.indexOf('.')
  if (dot >= 0 && !(decoder.found & dateMask)) decodeDate(decoder, text)
  else if (dot > 2) decodeRunTogether(decoder, text, false)
  else if (text.length >= 6 && ((decoder.found & dateMask) === 0 || (decoder.found & timeMask) === 0)) {
    decodeRunTogether(decoder, text, false)
  } else decodeNumber(decoder, text, false)
}

/** After `julian` or `t`. */
function decodeLabelled(decoder: Decoder, text: string): void {
  const { label } = decoder
  const { value, rest } = parseInteger(text)
  if (rest !== '' && rest[0] !== '.') fail('format')
  decoder.label = undefined
  if (label === 'julian') {
    if (value < 0) fail('field')
    decoder.setJulian(text)
    let mask = dateMask
    if (rest !== '') {
      decoder.setTime(Math.trunc(Number(`0${rest}`) * microsPerDay))
      mask |= timeMask
    }
    decoder.add(mask)
  } else if (label === 'time') {
    const before = decoder.found
    decodeRunTogether(decoder, text, true)
    if ((decoder.found & ~before) !== timeMask) fail('format')
  } else fail('format')
}

function decodeWord(decoder: Decoder, token: DateToken, mode: 'date' | 'time'): void {
  const { text } = token
  const word = zoneAbbreviation(text) ?? dateWord(text)
  if (word === undefined) {
    const named = findTimeZone(text)
    if (!named) {
      fail('format')
      return
    }
    decoder.namedZone = named
    decoder.add(zone)
    return
  }
  switch (word.kind) {
    case 'ignored':
      return
    case 'special':
      if (mode === 'date') decodeSpecial(decoder, word.value)
      else decodeTimeSpecial(decoder, word.value)
      return
    case 'month':
      // A number that stood for the month was the day after all.
      if (decoder.found & month && !decoder.textMonth && !(decoder.found & day) && decoder.month >= 1 && decoder.month <= 31) {
        decoder.day = decoder.month
        decoder.add(day)
      } else decoder.add(month)
      if (mode === 'time') fail('format')
      decoder.textMonth = true
      decoder.month = word.value
      return
    case 'weekday':
      if (mode === 'time') fail('format')
      decoder.add(weekday)
      return
    case 'daylight':
      decoder.offset += 3_600
      decoder.add(daylightModifier | daylightZone)
      return
    case 'zone':
      decoder.offset = word.offset
      decoder.add(zone | (word.daylight ? daylightZone : 0))
      return
    case 'zoneOf':
      decoder.abbreviation = { zone: timeZone(word.zone), name: word.abbreviation }
      decoder.add(zone | historicZone)
      return
    case 'ampm':
      decoder.ampm = word.value
      decoder.add(ampm)
      return
    case 'era':
      decoder.bc = word.value === 'bc'
      decoder.add(era)
      return
    case 'unit':
      if (decoder.label !== undefined) fail('format')
      decoder.label = word.value
      return
    case 'isoTime':
      if (mode === 'date' && (decoder.found & dateMask) !== dateMask) fail('format')
      if (decoder.label !== undefined) fail('format')
      decoder.label = 'time'
  }
}

function decodeSpecial(decoder: Decoder, special: Special): void {
  switch (special) {
    case 'now':
      decoder.setNow()
      decoder.add(dateMask | timeMask | zone)
      return
    case 'today':
    case 'tomorrow':
    case 'yesterday': {
      const { days } = splitTimestamp(localNow(decoder.settings).timestamp)
      decoder.setDays(days + (special === 'tomorrow' ? 1 : special === 'yesterday' ? -1 : 0))
      decoder.add(dateMask)
      return
    }
    case 'allballs':
      decoder.setTime(0)
      decoder.offset = 0
      decoder.add(timeMask | zone)
      return
    default:
      decoder.special = special
      decoder.add(dateMask | timeMask | zone)
  }
}

function decodeTimeSpecial(decoder: Decoder, special: Special): void {
  if (special === 'now') {
    decoder.setTime(Number(localNow(decoder.settings).timestamp % dayMicros))
    decoder.add(timeMask)
  } else if (special === 'allballs') {
    decoder.setTime(0)
    decoder.offset = 0
    decoder.add(timeMask | zone)
  } else fail('format')
}

/** Two or three fields in one token: 1999-01-08, 8/1/99, 08-Jan-1999, 1999.008. */
function decodeDate(decoder: Decoder, text: string): void {
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
function decodeNumber(decoder: Decoder, text: string, timeOnly: boolean): void {
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
function decodeRunTogether(decoder: Decoder, text: string, timeOnly: boolean): void {
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
function wrappedInt4(digits: string): number {
  const value = BigInt(digits)
  return value > 9_223_372_036_854_775_807n ? -1 : Number(BigInt.asIntN(32, value))
}

function validateDate(decoder: Decoder): void {
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

function applyMeridian(decoder: Decoder): void {
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
