import { outOfMemory, SqlError } from '../../../../protocol/errors.ts'
import { characterCount, characterPosition } from '../../../../protocol/values/utf8.ts'
import type { FunctionContext, ScalarFunction } from './registry.ts'

/** PostgreSQL's MaxAllocSize. */
const textBytesMax = 0x3fffffff
/** What a function makes: a longer text would hold up everybody while it is only looked at, and a few of them would fill the memory. */
const textUnitsMax = 134_217_728

/** 53200 for a text that nobody should hold. */
export function boundedText(text: string): string {
  boundedLength(text.length)
  return text
}

export function boundedLength(length: number): void {
  if (length > textUnitsMax) throw textTooLong(length)
}

const textTooLong = (length: number): SqlError => outOfMemory(`A text of ${length} characters; the longest is ${textUnitsMax}.`)

const lengthTooLarge = (): SqlError => new SqlError('54000', 'requested length too large')

function repeated(text: string, count: number): string {
  if (count <= 0 || text === '') return ''
  if (Buffer.byteLength(text) * count > textBytesMax - 4) throw lengthTooLarge()
  if (text.length * count > textUnitsMax) throw textTooLong(text.length * count)
  return text.repeat(count)
}

/** The first `count` characters of `fill` over and over. */
function filling(fill: string, count: number): string {
  const each = characterCount(fill)
  const rest = count % each
  return repeated(fill, (count - rest) / each) + fill.slice(0, characterPosition(fill, rest))
}

function pad(text: string, length: number, fill: string, before: boolean): string {
  const wanted = Math.max(length, 0)
  if (wanted * 4 > textBytesMax) throw lengthTooLarge()
  const there = characterCount(text)
  if (there >= wanted) return text.slice(0, characterPosition(text, wanted))
  if (fill === '') return text
  boundedLength(wanted)
  const filler = filling(fill, wanted - there)
  return before ? filler + text : text + filler
}

function trim(text: string, characters: string, sides: { readonly start: boolean; readonly end: boolean }): string {
  const all = [...text]
  const dropped = new Set(characters)
  let start = 0
  let end = all.length
  if (sides.start) while (start < end && dropped.has(all[start] as string)) start++
  if (sides.end) while (end > start && dropped.has(all[end - 1] as string)) end--
  return all.slice(start, end).join('')
}

function trimming(sides: { readonly start: boolean; readonly end: boolean }): ScalarFunction {
  return (_context: FunctionContext, text: string, characters = ' ') => trim(text, characters, sides)
}

/** Every character of `from` becomes the one at the same place in `to`, or goes. */
function translate(text: string, from: string, to: string): string {
  const targets = [...to]
  const map = new Map<string, string>()
  ;[...from].forEach((character, i) => {
    if (!map.has(character)) map.set(character, targets[i] ?? '')
  })
  let result = ''
  for (const character of text) result += map.get(character) ?? character
  return result
}

function splitPart(text: string, separator: string, field: number): string {
  if (field === 0) throw new SqlError('22023', 'field position must not be zero')
  if (text === '') return ''
  if (separator === '') return field === 1 || field === -1 ? text : ''
  const fields = text.split(separator)
  return fields[field > 0 ? field - 1 : fields.length + field] ?? ''
}

function replaced(text: string, from: string, to: string): string {
  if (from === '') return text
  if (to.length > from.length && (text.length / from.length) * to.length > textUnitsMax) {
    let length = text.length
    for (let at = text.indexOf(from); at >= 0; at = text.indexOf(from, at + from.length)) length += to.length - from.length
    boundedLength(length)
  }
  return text.replaceAll(from, to.replaceAll('$', '$$$$'))
}

function normalize(text: string, form: string): string {
  const name = form.toUpperCase()
  if (!/^NFK?[CD]$/.test(name)) throw new SqlError('22023', `invalid normalization form: ${form}`)
  return text.normalize(name)
}

const invalidEscape = (): SqlError =>
  new SqlError('42601', 'invalid Unicode escape', {
    hint: 'Unicode escapes must be \\XXXX, \\+XXXXXX, \\uXXXX, or \\UXXXXXXXX.',
  })

/** unistr: \XXXX, \+XXXXXX, \uXXXX, \UXXXXXXXX and \\. */
function unistr(text: string): string {
  const result = text.replace(
    /\\(?:(\\)|([0-9a-fA-F]{4})|\+([0-9a-fA-F]{6})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|)/g,
    (_all, backslash?: string, four?: string, six?: string, u?: string, long?: string) => {
      if (backslash !== undefined) return '\\'
      const hex = four ?? six ?? u ?? long
      if (hex === undefined) throw invalidEscape()
      const code = Number.parseInt(hex, 16)
      if (code === 0 || code > 0x10ffff)
        throw new SqlError('22023', `invalid Unicode code point: ${hex.toUpperCase().padStart(4, '0')}`)
      return String.fromCodePoint(code)
    },
  )
  if (!result.isWellFormed()) throw new SqlError('42601', 'invalid Unicode surrogate pair')
  return result
}

export const textEditing: Record<string, ScalarFunction> = {
  replace_text: (_context, text: string, from: string, to: string) => replaced(text, from, to),
  repeat: (_context, text: string, count: number) => repeated(text, count),
  text_reverse: (_context, text: string) => [...text].reverse().join(''),
  lpad: (_context, text: string, length: number, fill = ' ') => pad(text, length, fill, true),
  rpad: (_context, text: string, length: number, fill = ' ') => pad(text, length, fill, false),
  btrim: trimming({ start: true, end: true }),
  btrim1: trimming({ start: true, end: true }),
  ltrim: trimming({ start: true, end: false }),
  ltrim1: trimming({ start: true, end: false }),
  rtrim: trimming({ start: false, end: true }),
  translate: (_context, text: string, from: string, to: string) => translate(text, from, to),
  split_part: (_context, text: string, separator: string, field: number) => splitPart(text, separator, field),
  unicode_normalize_func: (_context, text: string, form: string) => normalize(text, form),
  unicode_is_normalized: (_context, text: string, form: string) => normalize(text, form) === text,
  unistr: (_context, text: string) => unistr(text),
}
