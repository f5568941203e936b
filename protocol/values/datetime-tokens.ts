import { type DateMistake, DateProblem } from './datetime-problem.ts'
import { dateWord } from './datetime-words.ts'

/** A piece of a date, time or interval text. Words are in lower case. `signed` words are -infinity and the like. */
export interface DateToken {
  kind: 'number' | 'word' | 'date' | 'time' | 'zone' | 'signed'
  readonly text: string
}

const fieldsMax = 25
/** PostgreSQL's work buffer; longer texts are a bad format there. */
const bytesMax = 128 + fieldsMax

const patterns = {
  space: /[ \t\n\v\f\r]+/y,
  time: /\d+:[\d:.]*/y,
  fraction: /\.\d*/y,
  digits: /\d+/y,
  letters: /[a-z]+/iy,
  numericDate: /\d+([-/.])(?:\d+(?:\1(?:\d|\1)*)?)/y,
  textDate: /\d+([-/.])(?:[a-z0-9]|\1)*/iy,
  zoneLike: /[-+/_.:a-z0-9]+/iy,
  signedNumber: /([-+])[ \t\n\v\f\r]*(\d[\d:.-]*)/y,
  signedWord: /([-+])[ \t\n\v\f\r]*([a-z]+)/iy,
  punctuation: /[!-/:-@[-`{-~]/y,
}

/** Takes a text apart by its looks alone; what the pieces mean is decided later. Throws DateProblem. */
export function tokenize(text: string): DateToken[] {
  const tokens: DateToken[] = []
  let at = 0
  let bytes = 0
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at
    return pattern.exec(text)
  }
  const push = (kind: DateToken['kind'], length: number, token: string): void => {
    if (tokens.length >= fieldsMax) throw new DateProblem('format')
    bytes += token.length + 1
    if (bytes > bytesMax) throw new DateProblem('format')
    tokens.push({ kind, text: token })
    at += length
  }
  while (at < text.length) {
    let found: RegExpExecArray | null
    if ((found = match(patterns.space))) {
      at += found[0].length
    } else if ((found = match(patterns.time))) {
      push('time', found[0].length, found[0])
    } else if ((found = match(patterns.numericDate))) {
      // 12.5 is a number, 1.2.3 is a date.
      const separators = found[0].split(found[1] as string).length - 1
      push(found[1] === '.' && separators === 1 ? 'number' : 'date', found[0].length, found[0])
    } else if ((found = match(patterns.textDate))) {
      push('date', found[0].length, found[0].toLowerCase())
    } else if ((found = match(patterns.digits)) || (found = match(patterns.fraction))) {
      push('number', found[0].length, found[0])
    } else if ((found = match(patterns.letters))) {
      const letters = found[0].toLowerCase()
      const next = text[at + letters.length] ?? ''
      const zoneLike = /[-/.]/.test(next) || (/[+\d]/.test(next) && dateWord(letters) === undefined)
      if (zoneLike && (found = match(patterns.zoneLike))) push('date', found[0].length, found[0].toLowerCase())
      else push('word', letters.length, letters)
    } else if ((found = match(patterns.signedNumber))) {
      push('zone', found[0].length, `${found[1]}${found[2]}`)
    } else if ((found = match(patterns.signedWord))) {
      push('signed', found[0].length, `${found[1]}${found[2]}`.toLowerCase())
    } else if (text[at] !== '+' && text[at] !== '-' && match(patterns.punctuation)) {
      at++
    } else throw new DateProblem('format')
  }
  return tokens
}

/** Leading digits with an optional sign; beyond int4 (or `max`) is a mistake. No digits at all read as 0, as strtol does. */
export function parseInteger(
  text: string,
  max = 2_147_483_647,
  mistake: DateMistake = 'field',
): { readonly value: number; readonly rest: string } {
  const digits = /^[ \t\n\v\f\r]*[-+]?\d+/.exec(text)?.[0] ?? ''
  const value = Number(digits)
  if (value > max || value < -max - 1) throw new DateProblem(mistake)
  return { value, rest: text.slice(digits.length) }
}

/** `.123456789` to microseconds, half to even. */
export function parseFraction(text: string): number {
  return roundHalfEven(parseFractionNumber(text) * 1_000_000)
}

export function parseFractionNumber(text: string): number {
  if (text === '.') return 0
  if (!/^\.\d+$/.test(text)) throw new DateProblem('format')
  return Number(text)
}

export function roundHalfEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  if (rest < 0.5 || (rest === 0.5 && floor % 2 === 0)) return floor
  return floor + 1
}
