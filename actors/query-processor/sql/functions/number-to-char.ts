import { outOfRange, SqlError } from '../../../../protocol/errors.ts'
import { cExponent, exactFixed, significant } from '../../../../protocol/values/float.ts'
import { formatNumeric, Numeric, numericFromBigint, pow10 } from '../../../../protocol/values/numeric.ts'
import { divideAt, multiplyNumeric, roundNumeric, roundToBigint } from '../../../../protocol/values/numeric-arithmetic.ts'
import { base10000 } from '../../../../protocol/values/numeric-type.ts'
import { roundEven } from './float.ts'
import { toInt4, toInt8 } from './integer.ts'
import { type Key, type Picture, parsePicture, type Token } from './number-picture.ts'

/**
 * to_char for numbers. The picture decides how many digits a number gets; a number that does not fit becomes '#'s. What follows is
 * NUM_processor of formatting.c step by step, as its rules for signs and blanks are written nowhere else.
 */

/** The number's text without sign, and how many places of the picture before the point stay empty. */
interface Digits {
  readonly text: string
  readonly negative: boolean
  readonly emptyPlaces: number
}

function fitted(text: string, picture: Picture): Digits {
  const negative = text.startsWith('-')
  const digits = negative ? text.slice(1) : text
  const point = digits.indexOf('.')
  const before = point < 0 ? digits.length : point
  if (before > picture.pre) {
    return { text: `${'#'.repeat(picture.pre)}.${'#'.repeat(picture.post)}`, negative, emptyPlaces: 0 }
  }
  return { text: digits, negative, emptyPlaces: picture.pre - before }
}

/* ---------------------------------------------------------------- the four types */

const romanDigits: readonly (readonly [number, string])[] = [
  [1000, 'M'],
  [900, 'CM'],
  [500, 'D'],
  [400, 'CD'],
  [100, 'C'],
  [90, 'XC'],
  [50, 'L'],
  [40, 'XL'],
  [10, 'X'],
  [9, 'IX'],
  [5, 'V'],
  [4, 'IV'],
  [1, 'I'],
]

function roman(value: number): string {
  if (value < 1 || value > 3_999) return '#'.repeat(15)
  let text = ''
  let rest = value
  for (const [size, digits] of romanDigits) {
    for (; rest >= size; rest -= size) text += digits
  }
  return text
}

/** The exponent's sign and places, where there is no number to show. */
const noNumber = (picture: Picture): string => {
  const places = `${'#'.repeat(picture.pre + picture.post + 5)}`
  return ` ${places.slice(0, picture.pre)}.${places.slice(picture.pre + 1)}`
}

const aligned = (text: string): string => (text.startsWith('-') ? text : ` ${text}`)

function scientificNumeric(value: Numeric, picture: Picture): string {
  if (value.special !== '') return noNumber(picture)
  const { groups, weight } = base10000(value)
  const exponent = groups.length === 0 ? 0 : weight * 4 + Math.trunc(Math.log10(groups[0] as number))
  const scaled =
    exponent >= 0
      ? divideAt(value, new Numeric(pow10(exponent), 0), picture.post)
      : divideAt(multiplyNumeric(value, new Numeric(pow10(-exponent), 0)), new Numeric(1n, 0), picture.post)
  const size = String(Math.abs(exponent)).padStart(2, '0')
  return aligned(`${formatNumeric(scaled)}e${exponent < 0 ? '-' : '+'}${size}`)
}

function scientificFloat(value: number, picture: Picture): string {
  if (!Number.isFinite(value)) return noNumber(picture)
  const text = cExponent(significant(value, picture.post + 1))
  return Object.is(value, -0) ? `-${text}` : aligned(text)
}

/** A picture with V shifts the number to the left and shows those places too. */
function widen(picture: Picture): void {
  if (picture.multiplied) picture.pre += picture.multi
}

export function numericToChar(value: Numeric, format: string): string {
  if (format === '') return ''
  const picture = parsePicture(format)
  if (picture.roman) return writeRoman(picture, roman(integerOf(value)))
  if (picture.scientific) return scientificNumeric(value, picture)
  const shown = picture.multiplied ? multiplyNumeric(value, new Numeric(pow10(picture.multi), 0)) : value
  widen(picture)
  return write(picture, fitted(formatNumeric(roundNumeric(shown, picture.post)), picture))
}

function integerOf(value: Numeric): number {
  if (value.special !== '') {
    throw new SqlError('0A000', `cannot convert ${value.special === 'NaN' ? 'NaN' : 'infinity'} to integer`)
  }
  const whole = roundToBigint(value)
  if (whole < -0x80000000n || whole > 0x7fffffffn) throw outOfRange('integer')
  return Number(whole)
}

export function int4ToChar(value: number, format: string): string {
  if (format === '') return ''
  const picture = parsePicture(format)
  if (picture.roman) return writeRoman(picture, roman(value))
  if (picture.scientific) return scientificFloat(value, picture)
  const shown = picture.multiplied ? toInt4(value * 10 ** picture.multi) : value
  widen(picture)
  return write(picture, fitted(withZeros(String(shown), picture), picture))
}

export function int8ToChar(value: bigint, format: string): string {
  if (format === '') return ''
  const picture = parsePicture(format)
  if (picture.roman) return writeRoman(picture, roman(integerOf(numericFromBigint(value))))
  if (picture.scientific) return scientificNumeric(numericFromBigint(value), picture)
  const shown = picture.multiplied ? toInt8(value * pow10(picture.multi)) : value
  widen(picture)
  return write(picture, fitted(withZeros(String(shown), picture), picture))
}

const withZeros = (text: string, picture: Picture): string => (picture.post > 0 ? `${text}.${'0'.repeat(picture.post)}` : text)

/** `digitsMax`: what the float type is sure of; more places stay without digits. */
export function floatToChar(value: number, format: string, digitsMax: number): string {
  if (format === '') return ''
  const picture = parsePicture(format)
  // Anything beyond 3999 is '#'s, NaN too.
  if (picture.roman) return writeRoman(picture, roman(Number.isNaN(value) ? 0 : roundEven(value)))
  if (picture.scientific) return scientificFloat(value, picture)
  const shown = picture.multiplied ? value * 10 ** picture.multi : value
  widen(picture)
  const before = exactFixed(Math.abs(shown), 0).length
  if (before >= digitsMax) picture.post = 0
  else if (before + picture.post > digitsMax) picture.post = digitsMax - before
  return write(picture, fitted(exactFixed(shown, picture.post), picture))
}

/* ---------------------------------------------------------------- writing */

function writeRoman(picture: Picture, digits: string): string {
  let text = ''
  for (const token of picture.tokens) {
    if (token.kind === 'literal') text += token.text
    else if (token.key === 'RN') text += inRoman(digits, token.lower, picture.fill)
    else text += afterRoman(token.key, picture.fill)
  }
  return text
}

const inRoman = (digits: string, lower: boolean, fill: boolean): string => {
  const cased = lower ? digits.toLowerCase() : digits
  return fill ? cased : cased.padStart(15)
}

/** Beside RN, digits and suffixes write nothing; separators and signs write their blanks. */
function afterRoman(key: Key, fill: boolean): string {
  switch (key) {
    case ',':
    case 'G':
    case 'MI':
    case 'PL':
      return fill ? '' : ' '
    case 'L':
      return ' '
    default:
      return ''
  }
}

interface Writer {
  readonly picture: Picture
  readonly digits: Digits
  readonly zeroStart: number
  /** Index into digits.text behind which FM drops zeros; -1 where nothing is dropped. */
  readonly lastRelevant: number
  readonly count: number
  sign: 'pre' | 'post' | ''
  bracket: boolean
  signWritten: boolean
  /** The place of the picture, and of the number, that comes next. */
  place: number
  at: number
  inNumber: boolean
  text: string
}

function write(picture: Picture, digits: Digits): string {
  const signWritten =
    picture.plus || picture.minus ? picture.minus || !picture.plus : !digits.negative && picture.fill && !picture.signed
  const anchored = !(picture.plus || picture.minus) && picture.sign === 'pre' && picture.pre === picture.signAfter
  const writer: Writer = {
    picture,
    digits,
    zeroStart: Math.max(picture.zeroStart - 1, 0),
    lastRelevant: picture.fill && picture.decimal ? lastRelevant(picture, digits) : -1,
    count: picture.post + picture.pre - 1 + (!signWritten && digits.emptyPlaces === 0 ? 1 : 0),
    sign: anchored ? 'post' : picture.sign,
    bracket: picture.bracket && (digits.negative || !picture.fill || picture.plus || picture.minus),
    signWritten,
    place: 0,
    at: 0,
    inNumber: false,
    text: '',
  }
  for (const token of picture.tokens) writeToken(writer, token)
  return writer.text
}

function lastRelevant(picture: Picture, digits: Digits): number {
  const { text, emptyPlaces } = digits
  const point = text.indexOf('.')
  if (point < 0) return -1
  let last = point
  for (let i = point + 1; i < text.length; i++) if (text[i] !== '0') last = i
  if (picture.zeroEnd > emptyPlaces) last = Math.max(last, Math.min(text.length - 1, picture.zeroEnd - emptyPlaces))
  return last
}

function writeToken(writer: Writer, token: Token): void {
  if (token.kind === 'literal') {
    writer.text += token.text
    return
  }
  const { fill } = writer.picture
  const { negative } = writer.digits
  switch (token.key) {
    case '9':
    case '0':
    case '.':
    case 'D':
      writePlace(writer, token.key)
      return
    case ',':
    case 'G':
      writer.text += writer.inNumber ? ',' : fill ? '' : ' '
      return
    case 'L':
      writer.text += ' '
      return
    case 'TH':
      writer.text += ordinal(writer, token.lower)
      return
    case 'MI':
      writer.text += negative ? '-' : fill ? '' : ' '
      return
    case 'PL':
      writer.text += !negative ? '+' : fill ? '' : ' '
      return
    case 'SG':
      writer.text += negative ? '-' : '+'
  }
}

function ordinal(writer: Writer, lower: boolean): string {
  const { text, negative } = writer.digits
  if (text.startsWith('#') || negative || writer.picture.decimal) return ''
  const last = text[text.length - 1] as string
  if (!/\d/.test(last)) throw new SqlError('22P02', `"${text}" is not a number`)
  const teen = text.length > 1 && text[text.length - 2] === '1'
  const suffix = teen ? 'TH' : last === '1' ? 'ST' : last === '2' ? 'ND' : last === '3' ? 'RD' : 'TH'
  return lower ? suffix.toLowerCase() : suffix
}

/** "0.1" in "9.9" is " .1": a zero alone before the point is left out. */
function zeroLeftOut(writer: Writer): boolean {
  return !writer.picture.zero && writer.at === 0 && writer.digits.text[0] === '0' && writer.picture.post !== 0
}

/** A digit or the decimal point, with the sign before the first and behind the last (NUM_numpart_to_char). */
function writePlace(writer: Writer, key: Key): void {
  const { picture, digits, zeroStart } = writer
  const { emptyPlaces } = digits
  const relevant = writer.lastRelevant
  const endsAtPoint = relevant >= 0 && digits.text[relevant] === '.'
  writer.inNumber = false
  if (
    !writer.signWritten &&
    (writer.place >= emptyPlaces || (picture.zero && zeroStart === writer.place)) &&
    (!zeroLeftOut(writer) || endsAtPoint)
  ) {
    writeLeadingSign(writer)
  }
  if (writer.place < emptyPlaces && (zeroStart > writer.place || !picture.zero)) {
    if (!picture.fill) writer.text += ' '
  } else if (writer.place < emptyPlaces) {
    writer.text += '0'
    writer.inNumber = true
  } else {
    writeDigit(writer, key, endsAtPoint)
    if (writer.at < digits.text.length) writer.at++
  }
  let end = writer.count + (emptyPlaces > 0 ? 1 : 0) + (picture.decimal ? 1 : 0)
  if (relevant >= 0 && relevant === writer.at) end = writer.place
  if (writer.place + 1 === end) writeTrailingSign(writer)
  writer.place++
}

function writeLeadingSign(writer: Writer): void {
  const { negative } = writer.digits
  if (writer.picture.signed) {
    if (writer.sign !== 'pre') return
    writer.text += negative ? '-' : '+'
  } else if (writer.bracket) {
    writer.text += negative ? '<' : ' '
  } else {
    writer.text += negative ? '-' : writer.picture.fill ? '' : ' '
  }
  writer.signWritten = true
}

function writeTrailingSign(writer: Writer): void {
  const { negative } = writer.digits
  if (writer.signWritten && writer.bracket) writer.text += negative ? '>' : ' '
  else if (writer.picture.signed && writer.sign === 'post') writer.text += negative ? '-' : '+'
}

function writeDigit(writer: Writer, key: Key, endsAtPoint: boolean): void {
  const { picture, digits } = writer
  const character = digits.text[writer.at]
  if (character === '.') {
    if (!endsAtPoint || picture.fill) writer.text += '.'
    return
  }
  if (writer.lastRelevant >= 0 && writer.at > writer.lastRelevant && key !== '0') return
  if (zeroLeftOut(writer)) {
    if (!picture.fill) writer.text += ' '
    else if (endsAtPoint) writer.text += '0'
    return
  }
  writer.text += character ?? ''
  writer.inNumber = true
}
