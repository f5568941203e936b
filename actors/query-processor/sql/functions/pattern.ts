import { SqlError } from '../../../../protocol/errors.ts'
import { emptyArray } from '../../../../protocol/values/array.ts'
import { characterCount, characterPosition } from '../../../../protocol/values/utf8.ts'
import { SqlArray } from '../../../../protocol/values/value.ts'
import { likeEscape, likeMatcher } from './like.ts'
import { compileRegex, type Regex, type Spans } from './regex.ts'
import { noOptions, type RegexOptions, withOption } from './regex-parse.ts'
import type { Implementations, ScalarFunction, SetFunction } from './registry.ts'
import { similarToRegex } from './similar.ts'

type Functions = Record<string, ScalarFunction>

/* ---------------------------------------------------------------- LIKE */

const like = (text: string, pattern: string): boolean => likeMatcher(pattern, false)(text)
const ilike = (text: string, pattern: string): boolean => likeMatcher(pattern, true)(text)
const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).latin1Slice()

const likes: Functions = {
  bytealike: (_context, text: Uint8Array, pattern: Uint8Array) => like(latin1(text), latin1(pattern)),
  byteanlike: (_context, text: Uint8Array, pattern: Uint8Array) => !like(latin1(text), latin1(pattern)),
  like_escape: (_context, pattern: string, escape_: string) => likeEscape(pattern, escape_),
  like_escape_bytea: (_context, pattern: Uint8Array, escape_: Uint8Array) =>
    Buffer.from(likeEscape(latin1(pattern), latin1(escape_)), 'latin1'),
  similar_escape: (_context, pattern: string | null, escape_: string | null) =>
    pattern === null ? null : similarToRegex(pattern, escape_ ?? '\\'),
  similar_to_escape_1: (_context, pattern: string) => similarToRegex(pattern, '\\'),
  similar_to_escape_2: (_context, pattern: string, escape_: string) => similarToRegex(pattern, escape_),
  // substring(text, pattern, escape)
  substring: (_context, text: string, pattern: string, escape_: string) =>
    firstGroup(text, compileRegex(similarToRegex(pattern, escape_), noOptions)),
}
for (const type of ['text', 'name']) {
  likes[`${type}like`] = (_context, text: string, pattern: string) => like(text, pattern)
  likes[`${type}nlike`] = (_context, text: string, pattern: string) => !like(text, pattern)
  likes[`${type}iclike`] = (_context, text: string, pattern: string) => ilike(text, pattern)
  likes[`${type}icnlike`] = (_context, text: string, pattern: string) => !ilike(text, pattern)
  likes[`${type}regexeq`] = (_context, text: string, pattern: string) => compileRegex(pattern, noOptions).test(text)
  likes[`${type}regexne`] = (_context, text: string, pattern: string) => !compileRegex(pattern, noOptions).test(text)
  likes[`${type}icregexeq`] = (_context, text: string, pattern: string) => compileRegex(pattern, ignoringCase).test(text)
  likes[`${type}icregexne`] = (_context, text: string, pattern: string) => !compileRegex(pattern, ignoringCase).test(text)
}

const ignoringCase: RegexOptions = { ...noOptions, ignoreCase: true }

/* ---------------------------------------------------------------- options and arguments */

function parseFlags(flags: string): { readonly options: RegexOptions; readonly global: boolean } {
  let options = noOptions
  let global = false
  for (const letter of flags) {
    if (letter === 'g') {
      global = true
      continue
    }
    const changed = withOption(options, letter)
    if (changed === undefined) throw new SqlError('22023', `invalid regular expression option: "${letter}"`)
    options = changed
  }
  return { options, global }
}

function compileOnce(pattern: string, flags: string, name: string, hint?: string): Regex {
  const { options, global } = parseFlags(flags)
  if (global) {
    throw new SqlError('22023', `${name} does not support the "global" option`, hint === undefined ? {} : { hint })
  }
  return compileRegex(pattern, options)
}

function atLeast(name: string, value: number, least: number, most = Number.POSITIVE_INFINITY): void {
  if (value < least || value > most) throw new SqlError('22023', `invalid value for parameter "${name}": ${value}`)
}

/** A 1-based character as a position in the string; beyond the end it stays beyond. */
function positionOf(text: string, character: number): number {
  if (character - 1 > characterCount(text)) return text.length + 1
  return characterPosition(text, character - 1)
}

/* ---------------------------------------------------------------- matches */

/** All of them, left to right; after an empty one the search goes on one character later. */
function* matchesOf(regex: Regex, text: string, from = 0): Generator<Spans> {
  let at = from
  while (at <= text.length) {
    const spans = regex.find(text, at)
    if (spans === undefined) return
    yield spans
    const [start, end] = spans as readonly [number, number]
    at = start === end ? afterCharacter(text, end) : end
  }
}

function afterCharacter(text: string, at: number): number {
  const code = text.charCodeAt(at)
  return code >= 0xd800 && code <= 0xdbff ? at + 2 : at + 1
}

function spanText(text: string, spans: Spans, group: number): string | null {
  const start = spans[group * 2] as number
  return start < 0 ? null : text.slice(start, spans[group * 2 + 1])
}

/** The groups, or the whole when there are none. */
function groupsOf(text: string, spans: Spans): SqlArray {
  if (spans.length === 2) return new SqlArray([spanText(text, spans, 0)])
  return new SqlArray(Array.from({ length: spans.length / 2 - 1 }, (_, i) => spanText(text, spans, i + 1)))
}

function firstGroup(text: string, regex: Regex): string | null {
  const spans = regex.find(text, 0)
  return spans === undefined ? null : spanText(text, spans, spans.length > 2 ? 1 : 0)
}

function match(text: string, pattern: string, flags: string): SqlArray | null {
  const regex = compileOnce(pattern, flags, 'regexp_match()', 'Use the regexp_matches function instead.')
  const spans = regex.find(text, 0)
  return spans === undefined ? null : groupsOf(text, spans)
}

function* allMatches(text: string, pattern: string, flags: string): Generator<SqlArray> {
  const { options, global } = parseFlags(flags)
  for (const spans of matchesOf(compileRegex(pattern, options), text)) {
    yield groupsOf(text, spans)
    if (!global) return
  }
}

/** The pieces between matches; empty matches at the ends or right behind another match do not divide. */
function* split(text: string, pattern: string, flags: string, name: string): Generator<string> {
  const regex = compileOnce(pattern, flags, name)
  let last = 0
  for (const [start, end] of matchesOf(regex, text) as Iterable<readonly [number, number]>) {
    if (start >= text.length && start === end) continue
    if (end <= last) continue
    if (start === end && start === last) continue
    yield text.slice(last, start)
    last = end
  }
  yield text.slice(last)
}

/* ---------------------------------------------------------------- regexp_replace */

/** Parts of a replacement: texts, and numbers of groups (0 is the whole). */
function parseReplacement(replacement: string): readonly (string | number)[] {
  if (!replacement.includes('\\')) return [replacement]
  const parts: (string | number)[] = []
  for (const [whole, character, plain] of replacement.matchAll(/\\([1-9&\\])|((?:[^\\]|\\(?![1-9&\\]))+)/gs)) {
    if (plain !== undefined) parts.push(plain)
    else if (character === '\\') parts.push('\\')
    else parts.push(character === '&' ? 0 : Number(whole[1]))
  }
  return parts
}

/** `nth` 0 replaces every match. */
function replace(text: string, regex: Regex, replacement: string, from: number, nth: number): string {
  const parts = parseReplacement(replacement)
  let made = ''
  let last = 0
  let count = 0
  for (const spans of matchesOf(regex, text, from)) {
    if (nth > 0 && ++count < nth) continue
    made += text.slice(last, spans[0])
    for (const part of parts) {
      if (typeof part === 'string') made += part
      else if (part * 2 < spans.length) made += spanText(text, spans, part) ?? ''
    }
    last = spans[1] as number
    if (nth > 0) break
  }
  return made + text.slice(last)
}

function replaceWithFlags(text: string, pattern: string, replacement: string, flags: string): string {
  if (/^\d/.test(flags)) {
    throw new SqlError('22023', `invalid regular expression option: "${flags[0]}"`, {
      hint: 'If you meant to use regexp_replace() with a start parameter, cast the fourth argument to integer explicitly.',
    })
  }
  const { options, global } = parseFlags(flags)
  return replace(text, compileRegex(pattern, options), replacement, 0, global ? 0 : 1)
}

function replaceFrom(text: string, pattern: string, replacement: string, start: number, nth?: number, flags = ''): string {
  atLeast('start', start, 1)
  if (nth !== undefined) atLeast('n', nth, 0)
  const { options, global } = parseFlags(flags)
  const regex = compileRegex(pattern, options)
  return replace(text, regex, replacement, positionOf(text, start), nth ?? (global ? 0 : 1))
}

/* ---------------------------------------------------------------- regexp_count, _instr, _substr */

function countMatches(text: string, pattern: string, start = 1, flags = ''): number {
  atLeast('start', start, 1)
  const regex = compileOnce(pattern, flags, 'regexp_count()')
  let count = 0
  for (const _ of matchesOf(regex, text, positionOf(text, start))) count++
  return count
}

function nthMatch(regex: Regex, text: string, start: number, nth: number): Spans | undefined {
  let count = 0
  for (const spans of matchesOf(regex, text, positionOf(text, start))) if (++count === nth) return spans
  return undefined
}

function positionOfMatch(text: string, pattern: string, start = 1, nth = 1, end = 0, flags = '', group = 0): number {
  atLeast('start', start, 1)
  atLeast('n', nth, 1)
  atLeast('endoption', end, 0, 1)
  atLeast('subexpr', group, 0)
  const regex = compileOnce(pattern, flags, 'regexp_instr()')
  const spans = nthMatch(regex, text, start, nth)
  const at = spans?.[groupIndex(spans, group) * 2 + end]
  return at === undefined || at < 0 ? 0 : characterCount(text.slice(0, at)) + 1
}

function matchText(text: string, pattern: string, start = 1, nth = 1, flags = '', group = 0): string | null {
  atLeast('start', start, 1)
  atLeast('n', nth, 1)
  atLeast('subexpr', group, 0)
  const regex = compileOnce(pattern, flags, 'regexp_substr()')
  const spans = nthMatch(regex, text, start, nth)
  if (spans === undefined) return null
  const index = groupIndex(spans, group)
  return index * 2 >= spans.length ? null : spanText(text, spans, index)
}

/** Without groups the whole match is the first subexpression. */
const groupIndex = (spans: Spans, group: number): number => (spans.length === 2 && group === 1 ? 0 : group)

/** The same function for every number of arguments. */
const overloads = <Arguments extends readonly never[]>(
  names: readonly string[],
  answer: (...values: Arguments) => string | number | null,
): Functions =>
  Object.fromEntries(
    names.map((name) => [name, ((_context: unknown, ...values: Arguments) => answer(...values)) as unknown as ScalarFunction]),
  )

const regexps: Functions = {
  textregexsubstr: (_context, text: string, pattern: string) => firstGroup(text, compileRegex(pattern, noOptions)),
  regexp_like_no_flags: (_context, text: string, pattern: string) => compileRegex(pattern, noOptions).test(text),
  regexp_like: (_context, text: string, pattern: string, flags: string) =>
    compileOnce(pattern, flags, 'regexp_like()').test(text),
  regexp_match_no_flags: (_context, text: string, pattern: string) => match(text, pattern, ''),
  regexp_match: (_context, text: string, pattern: string, flags: string) => match(text, pattern, flags),
  textregexreplace_noopt: (_context, text: string, pattern: string, replacement: string) =>
    replaceWithFlags(text, pattern, replacement, ''),
  textregexreplace: (_context, text: string, pattern: string, replacement: string, flags: string) =>
    replaceWithFlags(text, pattern, replacement, flags),
  ...overloads(
    ['textregexreplace_extended', 'textregexreplace_extended_no_flags', 'textregexreplace_extended_no_n'],
    replaceFrom as never,
  ),
  ...overloads(['regexp_count', 'regexp_count_no_start', 'regexp_count_no_flags'], countMatches as never),
  ...overloads(
    [
      'regexp_instr',
      'regexp_instr_no_start',
      'regexp_instr_no_n',
      'regexp_instr_no_endoption',
      'regexp_instr_no_flags',
      'regexp_instr_no_subexpr',
    ],
    positionOfMatch as never,
  ),
  ...overloads(
    ['regexp_substr', 'regexp_substr_no_start', 'regexp_substr_no_n', 'regexp_substr_no_flags', 'regexp_substr_no_subexpr'],
    matchText as never,
  ),
  regexp_split_to_array_no_flags: (_context, text: string, pattern: string) =>
    pieces([...split(text, pattern, '', 'regexp_split_to_array()')]),
  regexp_split_to_array: (_context, text: string, pattern: string, flags: string) =>
    pieces([...split(text, pattern, flags, 'regexp_split_to_array()')]),
}

const pieces = (texts: readonly string[]): SqlArray => (texts.length === 0 ? emptyArray : new SqlArray(texts))

const sets: Record<string, SetFunction> = {
  regexp_matches_no_flags: (_context, text: string, pattern: string) => allMatches(text, pattern, ''),
  regexp_matches: (_context, text: string, pattern: string, flags: string) => allMatches(text, pattern, flags),
  regexp_split_to_table_no_flags: (_context, text: string, pattern: string) =>
    split(text, pattern, '', 'regexp_split_to_table()'),
  regexp_split_to_table: (_context, text: string, pattern: string, flags: string) =>
    split(text, pattern, flags, 'regexp_split_to_table()'),
}

export const patternFunctions: Implementations = { scalar: { ...likes, ...regexps }, set: sets }
