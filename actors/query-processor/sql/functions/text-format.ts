import { SqlError } from '../../../../protocol/errors.ts'
import { characterCount } from '../../../../protocol/values/utf8.ts'
import type { Value } from '../../../../protocol/values/value.ts'
import { quoteIdentifier } from '../catalog/quote.ts'
import type { TypeRef } from '../catalog/schema.ts'
import type { CallTypes, FunctionContext, ScalarFunction, SpecializedFunction } from './registry.ts'
import { boundedLength, boundedText } from './text-edit.ts'
import { anyTexts, type ToText, textOf } from './value-text.ts'

/** A literal that reads back as `text`; with a backslash in it, as an E'' string. */
function quoteLiteral(text: string): string {
  const quoted = text.replaceAll("'", "''")
  return text.includes('\\') ? `E'${quoted.replaceAll('\\', '\\\\')}'` : `'${quoted}'`
}

/* ---------------------------------------------------------------- format() */

const problem = (code: string, message: string, hint?: string): SqlError =>
  new SqlError(code, message, hint === undefined ? {} : { hint })

const specification = /^(?:(\d+)\$)?(-*)(?:\*(?:(\d+)\$)?|(\d+))?/

interface Cursor {
  next: number
}

function format(pattern: string, values: readonly (string | null)[]): string {
  let result = ''
  let at = 0
  const cursor: Cursor = { next: 1 }
  for (;;) {
    const percent = pattern.indexOf('%', at)
    if (percent < 0) return result + pattern.slice(at)
    result += pattern.slice(at, percent)
    at = percent + 1
    if (pattern[at] === '%') {
      result += '%'
      at++
      continue
    }
    const match = specification.exec(pattern.slice(at)) as RegExpExecArray
    at += match[0].length
    const letter = pattern[at++]
    if (letter === undefined) {
      throw problem('22023', 'unterminated format() type specifier', 'For a single "%" use "%%".')
    }
    result += conversion(match, letterAt(pattern, at - 1, letter), values, cursor)
  }
}

const letterAt = (pattern: string, at: number, letter: string): string =>
  letter >= '\ud800' && letter < '\ue000' ? String.fromCodePoint(pattern.codePointAt(at) as number) : letter

function conversion(match: RegExpExecArray, letter: string, values: readonly (string | null)[], cursor: Cursor): string {
  const [all, position, dashes = '', widthPosition, widthDigits] = match
  const take = (index: string | undefined): string | null => {
    const number = index === undefined ? cursor.next : Number(index)
    if (number === 0) throw problem('22023', 'format specifies argument 0, but arguments are numbered from 1')
    if (number > 0x7fffffff) throw problem('22003', 'number is out of range')
    if (number > values.length) throw problem('22023', 'too few arguments for format()')
    cursor.next = number + 1
    return values[number - 1] as string | null
  }
  let width = 0
  if (all.includes('*')) {
    const given = take(widthPosition)
    width = given === null ? 0 : Number(given)
    if (!Number.isInteger(width)) throw problem('22P02', `invalid input syntax for type integer: "${given}"`)
  } else if (widthDigits !== undefined) {
    width = Number(widthDigits)
    if (width > 0x7fffffff) throw problem('22003', 'number is out of range')
  }
  if (letter !== 's' && letter !== 'I' && letter !== 'L') {
    throw problem('22023', `unrecognized format() type specifier "${letter}"`, 'For a single "%" use "%%".')
  }
  const value = take(position)
  return justify(converted(letter, value), width, dashes !== '')
}

function converted(letter: 's' | 'I' | 'L', value: string | null): string {
  if (letter === 'L') return value === null ? 'NULL' : quoteLiteral(value)
  if (letter === 's') return value ?? ''
  if (value === null) throw problem('22004', 'null values cannot be formatted as an SQL identifier')
  return quoteIdentifier(value)
}

function justify(text: string, width: number, toLeft: boolean): string {
  const missing = Math.abs(width) - characterCount(text)
  if (missing <= 0) return text
  boundedLength(Math.abs(width))
  return toLeft || width < 0 ? text + ' '.repeat(missing) : ' '.repeat(missing) + text
}

/* ---------------------------------------------------------------- functions of arguments of any type */

type AnyFunction = (context: FunctionContext, ...values: Value[]) => Value

const specialized = (specialize: (types: CallTypes) => AnyFunction): SpecializedFunction => ({
  specialize: specialize as (types: CallTypes) => ScalarFunction,
})

const joined = (texts: readonly (string | null)[] | undefined, separator: string): string | null =>
  texts === undefined ? null : boundedText(texts.filter((text) => text !== null).join(separator))

/** As `value::text` shows it: a boolean is spelled out. */
const castText = (type: TypeRef): ToText => (type.oid === 16 ? (value) => (value === true ? 'true' : 'false') : textOf(type))

/** A function of one text that PostgreSQL also has for any type, by way of its text. */
const ofText = (compute: (text: string) => string): SpecializedFunction =>
  specialized((types) => {
    const output = castText(types.arguments[0] as TypeRef)
    return (context, value) => compute(output(value, context.settings))
  })

export const textQuoting: Record<string, ScalarFunction | SpecializedFunction> = {
  quote_ident: (_context, text: string) => quoteIdentifier(text),
  quote_literal: ofText(quoteLiteral),
  quote_nullable: specialized((types) => {
    const output = castText(types.arguments[0] as TypeRef)
    return (context, value) => (value === null ? 'NULL' : quoteLiteral(output(value, context.settings)))
  }),
  text_concat: specialized((types) => {
    const texts = anyTexts(types, 0)
    return (context, ...values) => joined(texts(values, context.settings), '')
  }),
  text_concat_ws: specialized((types) => {
    const texts = anyTexts(types, 1)
    return (context, ...values) => (values[0] === null ? null : joined(texts(values, context.settings), values[0] as string))
  }),
  text_format: specialized((types) => {
    const texts = anyTexts(types, 1)
    return (context, ...values) =>
      values[0] === null ? null : boundedText(format(values[0] as string, texts(values, context.settings) ?? []))
  }),
  text_format_nv: (_context, pattern: string | null) => (pattern === null ? null : format(pattern, [])),
  anytextcat: specialized((types) => {
    const output = castText(types.arguments[0] as TypeRef)
    return (context, value, text) => boundedText(output(value as Value, context.settings) + (text as string))
  }),
  textanycat: specialized((types) => {
    const output = castText(types.arguments[1] as TypeRef)
    return (context, text, value) => boundedText((text as string) + output(value as Value, context.settings))
  }),
}
