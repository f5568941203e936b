import { SqlError } from '../../../../protocol/errors.ts'
import {
  bpcharType,
  byteToChar,
  charToByte,
  charType,
  compareText,
  outputChar,
  parseChar,
  toName,
  trimBlanks,
  varcharType,
} from '../../../../protocol/values/text.ts'
import { characterCount, characterPosition } from '../../../../protocol/values/utf8.ts'
import { aggregate } from './aggregate.ts'
import { comparisons, extremes, ordering } from './comparison.ts'
import type { Implementations, ScalarFunction } from './registry.ts'
import { boundedText, textEditing } from './text-edit.ts'
import { textQuoting } from './text-format.ts'

type Functions = Record<string, ScalarFunction>

/* ---------------------------------------------------------------- case: in locale "C" only ASCII letters have one */

const isAscii = (text: string): boolean => {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) >= 0x80) return false
  return true
}

const lowerAscii = (text: string): string =>
  isAscii(text) ? text.toLowerCase() : text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())

const upperAscii = (text: string): string =>
  isAscii(text) ? text.toUpperCase() : text.replace(/[a-z]+/g, (letters) => letters.toUpperCase())

const initcap = (text: string): string =>
  text.replace(/[A-Za-z0-9]+/g, (word) => (word[0] as string).toUpperCase() + word.slice(1).toLowerCase())

/* ---------------------------------------------------------------- parts: positions count characters from 1 */

export const negativeLength = (): SqlError => new SqlError('22011', 'negative substring length not allowed')

/** substring(text from start for length); what lies before the text counts too. */
function substring(text: string, start: number, length?: number): string {
  if (length !== undefined && length < 0) throw negativeLength()
  const from = Math.max(start, 1)
  if (length === undefined || start + length > 0x7fffffff) return text.slice(characterPosition(text, from - 1))
  const end = start + length
  if (end <= from) return ''
  const at = characterPosition(text, from - 1)
  const rest = text.slice(at)
  return rest.slice(0, characterPosition(rest, end - from))
}

/** left(text, n): a negative n leaves out that many at the end. */
function left(text: string, count: number): string {
  return text.slice(0, characterPosition(text, count >= 0 ? count : characterCount(text) + count))
}

function right(text: string, count: number): string {
  // -count has no place in an int4 there: PostgreSQL answers the whole text.
  if (count === -0x80000000) return text
  return text.slice(characterPosition(text, count >= 0 ? characterCount(text) - count : -count))
}

/** The position of `part` in characters, 0 when it is not there. */
function position(text: string, part: string): number {
  const at = text.indexOf(part)
  return at < 0 ? 0 : characterCount(text.slice(0, at)) + 1
}

function overlay(text: string, replacement: string, start: number, length: number): string {
  if (start <= 0) throw negativeLength()
  const end = start + length
  if (end > 0x7fffffff) throw new SqlError('22003', 'integer out of range')
  return substring(text, 1, start - 1) + replacement + substring(text, end)
}

const parts: Functions = {
  textlen: (_context, text: string) => characterCount(text),
  bpcharlen: (_context, text: string) => characterCount(trimBlanks(text)),
  textoctetlen: (_context, text: string) => Buffer.byteLength(text),
  bpcharoctetlen: (_context, text: string) => Buffer.byteLength(text),
  text_substr: (_context, text: string, start: number, length: number) => substring(text, start, length),
  text_substr_no_len: (_context, text: string, start: number) => substring(text, start),
  text_left: (_context, text: string, count: number) => left(text, count),
  text_right: (_context, text: string, count: number) => right(text, count),
  textpos: (_context, text: string, part: string) => position(text, part),
  textoverlay: (_context, text: string, replacement: string, start: number, length: number) =>
    overlay(text, replacement, start, length),
  textoverlay_no_len: (_context, text: string, replacement: string, start: number) =>
    overlay(text, replacement, start, characterCount(replacement)),
  text_starts_with: (_context, text: string, start: string) => text.startsWith(start),
}

/* ---------------------------------------------------------------- characters and their codes */

function chr(code: number): string {
  if (code < 0) throw new SqlError('22023', 'character number must be positive')
  if (code === 0) throw new SqlError('54000', 'null character not permitted')
  if (code > 0x10ffff) throw new SqlError('54000', `requested character too large for encoding: ${code}`)
  if (code >= 0xd800 && code < 0xe000) throw new SqlError('54000', `requested character not valid for encoding: ${code}`)
  return String.fromCodePoint(code)
}

function int4ToChar(value: number): string {
  if (value < -128 || value > 127) throw new SqlError('22003', '"char" out of range')
  return byteToChar(value & 0xff)
}

const codes: Functions = {
  ascii: (_context, text: string) => text.codePointAt(0) ?? 0,
  chr: (_context, code: number) => chr(code),
  chartoi4: (_context, value: string) => (charToByte(value) << 24) >> 24,
  i4tochar: (_context, value: number) => int4ToChar(value),
  char_text: (_context, value: string) => outputChar(value),
  text_char: (_context, text: string) => parseChar(text),
  char_bpchar: (_context, value: string) => outputChar(value),
}

/* ---------------------------------------------------------------- casts between the text types */

type Coerce = (value: string, typmod: number, explicit: boolean) => string
const asVarchar = varcharType.coerceTypmod as Coerce
const asBpchar = bpcharType.coerceTypmod as Coerce
const itself: ScalarFunction = (_context, text: string) => text

const casts: Functions = {
  varchar: (_context, text: string, typmod: number, explicit: boolean) => asVarchar(text, typmod, explicit),
  bpchar: (_context, text: string, typmod: number, explicit: boolean) => asBpchar(text, typmod, explicit),
  text_name: (_context, text: string) => toName(text),
  name_text: itself,
  name_bpchar: itself,
  bpchar_name: (_context, text: string) => toName(trimBlanks(text)),
  rtrim1: (_context, text: string) => trimBlanks(text),
  nameconcatoid: (_context, name: string, oid: number) => {
    const suffix = `_${oid}`
    let kept = name
    while (Buffer.byteLength(kept) + suffix.length > 63) kept = kept.slice(0, -1)
    return kept + suffix
  },
}

type CompareText = (a: string, b: string) => number
const compareBpchar = bpcharType.compare as CompareText
const compareChar = charType.compare as CompareText

/** texteq is what everybody filters by: no walk through the characters. */
const equal: ScalarFunction = (_context, a: string, b: string) => a === b
const unequal: ScalarFunction = (_context, a: string, b: string) => a !== b

/** text_pattern_lt ...: bytewise, which in collation "C" is the order anyway. */
function pattern(prefix: string, compare: CompareText): Functions {
  const all = comparisons(prefix, compare)
  for (const name of ['eq', 'ne']) delete all[`${prefix}${name}`]
  return all
}

const orders: Functions = {
  ...comparisons('text_', compareText),
  texteq: equal,
  textne: unequal,
  ...extremes('text_', compareText),
  ...ordering('bttextcmp', compareText),
  ...pattern('text_pattern_', compareText),
  ...comparisons('name', compareText),
  nameeq: equal,
  namene: unequal,
  ...comparisons('char', compareChar),
  ...comparisons('bpchar', compareBpchar),
  ...ordering('bpcharcmp', compareBpchar),
  ...pattern('bpchar_pattern_', compareBpchar),
  bpchar_larger: (_context, a: string, b: string) => (compareBpchar(a, b) >= 0 ? a : b),
  bpchar_smaller: (_context, a: string, b: string) => (compareBpchar(a, b) <= 0 ? a : b),
}

/** nameeqtext, texteqname ...: the operator stands between the two types. */
function mixed(first: string, second: string): Functions {
  const all: Functions = {}
  for (const [name, call] of Object.entries(comparisons('', compareText))) all[`${first}${name}${second}`] = call
  return all
}

export const textFunctions: Implementations = {
  scalar: {
    ...orders,
    ...mixed('name', 'text'),
    ...mixed('text', 'name'),
    ...parts,
    ...codes,
    ...casts,
    ...textEditing,
    ...textQuoting,
    lower: (_context, text: string) => lowerAscii(text),
    upper: (_context, text: string) => upperAscii(text),
    initcap: (_context, text: string) => initcap(text),
    textcat: (_context, a: string, b: string) => boundedText(a + b),
  },
  aggregate: {
    'string_agg(text,text)': aggregate({
      start: (): { text: string | null } => ({ text: null }),
      add(state, value: string | null, delimiter: string | null) {
        if (value !== null) state.text = state.text === null ? value : boundedText(state.text + (delimiter ?? '') + value)
        return state
      },
      finish: (state) => state.text,
      skipNulls: false,
    }),
  },
}
