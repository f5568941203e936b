import { invalidText, SqlError } from '../../../../protocol/errors.ts'
import { Numeric } from '../../../../protocol/values/numeric.ts'
import { multiplyNumeric } from '../../../../protocol/values/numeric-arithmetic.ts'
import { applyNumericTypmod, parseNumeric } from '../../../../protocol/values/numeric-text.ts'
import { type Key, type Picture, parsePicture } from './number-picture.ts'

/** to_number: the other direction of NUM_processor. What does not match the picture is skipped, not refused. */
interface Reader {
  readonly picture: Picture
  readonly input: readonly string[]
  at: number
  sign: '' | '-' | '+'
  digits: string
  point: boolean
  before: number
  behind: number
}

const isDigit = (character: string | undefined): boolean => character !== undefined && character >= '0' && character <= '9'

export function toNumber(text: string, format: string): Numeric | null {
  if (format === '') return null
  const picture = parsePicture(format)
  if (picture.scientific) throw new SqlError('0A000', '"EEEE" not supported for input')
  if (picture.roman) throw new SqlError('0A000', '"RN" not supported for input')
  const reader: Reader = { picture, input: [...text], at: 0, sign: '', digits: '', point: false, before: 0, behind: 0 }
  for (const token of picture.tokens) {
    if (reader.at >= reader.input.length) break
    if (token.kind === 'literal') reader.at++
    else readToken(reader, token.key)
  }
  const digits = reader.digits.endsWith('.') ? reader.digits.slice(0, -1) : reader.digits
  if (digits === '') throw invalidText('numeric', reader.sign === '' ? ' ' : reader.sign)
  const precision = picture.pre + picture.multi + reader.behind
  const value = applyNumericTypmod(parseNumeric(reader.sign + digits), ((precision << 16) | reader.behind) + 4)
  return picture.multiplied ? multiplyNumeric(value, shift(picture.multi)) : value
}

/** 10^-places, with the scale power() would give it. */
function shift(places: number): Numeric {
  const scale = Math.max(16 + places, places)
  return new Numeric(10n ** BigInt(scale - places), scale)
}

/** Characters that belong to no number, at most `count` of them. */
function skip(reader: Reader, count: number): void {
  for (let left = count; left > 0 && reader.at < reader.input.length; left--) {
    if ('0123456789.,+-'.includes(reader.input[reader.at] as string)) return
    reader.at++
  }
}

function readToken(reader: Reader, key: Key): void {
  const next = reader.input[reader.at]
  switch (key) {
    case '9':
    case '0':
    case '.':
    case 'D':
      readPlace(reader, key)
      reader.at++
      return
    case ',':
    case 'G':
      // NUM_processor knows no "inside the number" on input: with FM a separator is never skipped.
      if (!reader.picture.fill && next === ',') reader.at++
      return
    case 'L':
      skip(reader, 1)
      return
    case 'TH':
      if (reader.sign !== '-' && !reader.picture.decimal) skip(reader, 2)
      return
    case 'MI':
      readSign(reader, '-', '')
      return
    case 'PL':
      readSign(reader, '', '+')
      return
    case 'SG':
      readSign(reader, '-', '+')
  }
}

function readSign(reader: Reader, minus: string, plus: string): void {
  const next = reader.input[reader.at]
  if (next !== minus && next !== plus) {
    skip(reader, 1)
    return
  }
  reader.sign = next === minus ? '-' : '+'
  reader.at++
}

/** NUM_numpart_from_char; the caller steps over the character it stopped at. */
function readPlace(reader: Reader, key: Key): void {
  const { picture, input } = reader
  const over = (): boolean => reader.at >= input.length
  if (input[reader.at] === ' ') reader.at++
  if (over()) return
  if (reader.sign === '' && (key === '0' || key === '9') && reader.before + reader.behind === 0) {
    const next = input[reader.at]
    const locale = picture.signed && picture.sign === 'pre'
    if (next === '-' || (!locale && picture.bracket && next === '<')) {
      reader.sign = '-'
      reader.at++
    } else if (next === '+') {
      reader.sign = '+'
      reader.at++
    }
  }
  if (over()) return
  let isRead = false
  if (isDigit(input[reader.at])) {
    if (reader.point && reader.behind === picture.post) return
    reader.digits += input[reader.at]
    if (reader.point) reader.behind++
    else reader.before++
    isRead = true
  } else if (picture.decimal && !reader.point && input[reader.at] === '.') {
    reader.digits += '.'
    reader.point = true
    isRead = true
  }
  if (reader.sign === '' && reader.before + reader.behind > 0) readTrailingSign(reader, isRead)
}

function readTrailingSign(reader: Reader, isRead: boolean): void {
  const { picture, input } = reader
  if (picture.signed && isRead && reader.at + 1 < input.length && !isDigit(input[reader.at + 1])) {
    const next = input[reader.at + 1]
    if (next !== '-' && next !== '+') return
    reader.sign = next
    reader.at++
  } else if (!isRead && !picture.signed && (picture.plus || picture.minus)) {
    const next = input[reader.at]
    if (next === '-' || next === '+') reader.sign = next
  }
}
