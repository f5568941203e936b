import { dayMicros, daysFromCivil, daysInMonth, epochDays, microsPerDay, splitTimestamp } from './calendar.ts'
import {
  ampm,
  applyMeridian,
  Decoder,
  dateMask,
  day,
  daylightModifier,
  daylightZone,
  decodeDate,
  decodeNumber,
  decodeRunTogether,
  era,
  fail,
  historicZone,
  localNow,
  month,
  overflows,
  parseClock,
  parseDisplacement,
  timeMask,
  validateDate,
  weekday,
  zone,
} from './datetime-fields.ts'
import { type DateToken, parseInteger, tokenize } from './datetime-tokens.ts'
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

/** A date with or without time and zone: the input of date, timestamp and timestamptz. Throws DateProblem. */
export function decodeDateTime(text: string, settings: InputSettings): DecodedDateTime {
  const plain = decodeIso(text, settings)
  if (plain) return plain
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

const iso = /^(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d):(\d\d)(\.\d{1,6})?(?:([-+])(\d\d)(?::(\d\d))?)?)?$/

/** What nearly every client sends, in one step. Whatever is not in order here is left to the full grammar and its complaints. */
function decodeIso(text: string, settings: InputSettings): DecodedDateTime | undefined {
  const match = iso.exec(text)
  if (!match) return undefined
  const [, y, m, d, hour = 0, minute = 0, second = 0, fraction, sign, east = 0, eastMinutes = 0] = match
  const year = Number(y)
  const month = Number(m)
  const day = Number(d)
  if (year === 0 || month === 0 || month > 12 || day === 0 || day > daysInMonth(year, month)) return undefined
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined
  if (Number(east) > 15 || Number(eastMinutes) > 59) return undefined
  const seconds = (Number(hour) * 60 + Number(minute)) * 60 + Number(second)
  const micros = seconds * 1_000_000 + (fraction === undefined ? 0 : Number(fraction.slice(1).padEnd(6, '0')))
  const said = Number(east) * 3_600 + Number(eastMinutes) * 60
  const offset =
    sign === undefined
      ? timeZone(settings.timeZone).offsetOfLocal((daysFromCivil(year, month, day) + epochDays) * 86_400 + seconds)
      : sign === '-'
        ? -said
        : said
  return { special: undefined, year, month, day, micros, offset }
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
