import { SqlError, unsupported } from '../errors.ts'
import { isSpace } from './space.ts'

export interface ArrayLiteral {
  /** null = an unquoted NULL. */
  readonly elements: readonly (string | null)[]
  readonly lowerBound: number
}

const int4Max = 2_147_483_647
const dimensionsMax = 6

/** `{a,"b c",NULL}` or `[2:3]={x,y}`, with PostgreSQL's complaints (manual, 8.15.6). More than one dimension is refused. */
export function parseArrayLiteral(text: string): ArrayLiteral {
  const bounds: { lower: number; count: number }[] = []
  let at = skipSpace(text, 0)
  while (text[at] === '[') {
    if (bounds.length >= dimensionsMax) throw tooManyDimensions(bounds.length + 1)
    const bound = parseBound(text, at + 1)
    bounds.push(bound)
    at = skipSpace(text, bound.end)
  }
  if (bounds.length === 0) {
    if (text[at] !== '{') throw malformed(text, 'Array value must start with "{" or dimension information.')
  } else {
    if (text[at] !== '=') throw malformed(text, 'Missing "=" after array dimensions.')
    at = skipSpace(text, at + 1)
    if (text[at] !== '{') throw malformed(text, 'Array contents must start with "{".')
  }
  const { elements, dimensions } = parseContents(text.slice(at))
  if (bounds.length > 0) {
    const mismatch = 'Specified array dimensions do not match array contents.'
    if (dimensions !== bounds.length) throw malformed(text, mismatch)
    if (dimensions === 1 && bounds[0]?.count !== elements.length) throw malformed(text, mismatch)
  }
  if (dimensions > 1) throw unsupported('multidimensional array')
  const lowerBound = bounds[0]?.lower ?? 1
  checkBounds(lowerBound, elements.length)
  return { elements, lowerBound }
}

/** The subscript behind the last one must be an int4 too (ArrayCheckBounds). */
export function checkBounds(lowerBound: number, count: number): void {
  if (lowerBound + count > int4Max) throw new SqlError('54000', `array lower bound is too large: ${lowerBound}`)
}

const malformed = (text: string, detail: string): SqlError =>
  new SqlError('22P02', `malformed array literal: "${text}"`, { detail })

const tooManyDimensions = (count: number): SqlError =>
  new SqlError('54000', `number of array dimensions (${count}) exceeds the maximum allowed (${dimensionsMax})`)

function skipSpace(text: string, from: number): number {
  let at = from
  while (isSpace(text.charCodeAt(at))) at++
  return at
}

/** Behind the `[`: `upper]` or `lower:upper]`. */
function parseBound(text: string, from: number): { lower: number; count: number; end: number } {
  const number = /[-+0-9]*/y
  const read = (at: number): string => {
    number.lastIndex = at
    return number.exec(text)?.[0] ?? ''
  }
  let at = from
  const first = read(at)
  if (first === '') throw malformed(text, '"[" must introduce explicitly-specified array dimensions.')
  at += first.length
  let lower = 1
  let upper = atoi(first)
  if (text[at] === ':') {
    lower = upper
    const second = read(at + 1)
    if (second === '') throw malformed(text, 'Missing array dimension value.')
    upper = atoi(second)
    at += 1 + second.length
  }
  if (text[at] !== ']') throw malformed(text, 'Missing "]" after array dimensions.')
  if (upper < lower) throw new SqlError('2202E', 'upper bound cannot be less than lower bound')
  const count = upper - lower + 1
  return { lower, count, end: at + 1 }
}

function atoi(digits: string): number {
  const value = Number(/^[-+]?\d+/.exec(digits)?.[0] ?? 0)
  return Math.max(-int4Max - 1, Math.min(int4Max, value))
}

type State = 'start' | 'levelStarted' | 'element' | 'quoted' | 'quotedDone' | 'delimited' | 'levelDone' | 'levelDelimited'

/** Ends a run of characters that are nothing but themselves: blanks, control characters, quotes, backslashes, commas, braces. */
const isMark = (code: number): boolean =>
  code <= 0x20 || code === 0x22 || code === 0x2c || code === 0x5c || code === 0x7b || code === 0x7d

/** `text` begins with the first `{`. */
function parseContents(text: string): { elements: (string | null)[]; dimensions: number } {
  const elements: (string | null)[] = []
  const counts: number[] = []
  const countsLast: number[] = []
  let state: State = 'start'
  let depth = 0
  let dimensions = 0
  let current = ''
  // Up to here a blank at the end of an unquoted element was escaped and stays.
  let keep = 0
  let escaped = false
  let at = 0

  const finish = (): void => {
    if (state === 'quotedDone') elements.push(current)
    else if (state === 'element') {
      let end = current.length
      while (end > keep && isSpace(current.charCodeAt(end - 1))) end--
      const trimmed = current.slice(0, end)
      elements.push(!escaped && trimmed.length === 4 && /^null$/i.test(trimmed) ? null : trimmed)
    }
    current = ''
    keep = 0
    escaped = false
  }

  for (; ; at++) {
    const character = text[at]
    if (character === undefined) throw malformed(text, 'Unexpected end of input.')
    if (character === '\\') {
      if (state !== 'levelStarted' && state !== 'element' && state !== 'quoted' && state !== 'delimited') {
        throw malformed(text, 'Unexpected "\\" character.')
      }
      if (state !== 'quoted') state = 'element'
      const next = text[++at]
      if (next === undefined) throw malformed(text, 'Unexpected end of input.')
      current += next
      keep = current.length
      escaped = true
    } else if (character === '"') {
      if (state === 'quoted') state = 'quotedDone'
      else if (state === 'levelStarted' || state === 'delimited') state = 'quoted'
      else throw malformed(text, 'Unexpected array element.')
    } else if (state === 'quoted') {
      const from = at
      while (!isMark(text.charCodeAt(at + 1)) && at + 1 < text.length) at++
      current += text.slice(from, at + 1)
    } else if (character === '{') {
      if (state !== 'start' && state !== 'levelStarted' && state !== 'levelDelimited') {
        throw malformed(text, 'Unexpected "{" character.')
      }
      state = 'levelStarted'
      if (depth >= dimensionsMax) throw tooManyDimensions(depth + 1)
      counts[depth] = 1
      depth++
      dimensions = Math.max(dimensions, depth)
    } else if (character === '}') {
      const ends = state === 'element' || state === 'quotedDone' || state === 'levelDone'
      if (!ends && !(depth === 1 && state === 'levelStarted')) throw malformed(text, 'Unexpected "}" character.')
      finish()
      state = 'levelDone'
      depth--
      if (countsLast[depth] !== undefined && countsLast[depth] !== counts[depth]) {
        throw malformed(text, 'Multidimensional arrays must have sub-arrays with matching dimensions.')
      }
      countsLast[depth] = counts[depth] as number
      if (depth === 0) break
    } else if (character === ',') {
      if (state !== 'element' && state !== 'quotedDone' && state !== 'levelDone') {
        throw malformed(text, 'Unexpected "," character.')
      }
      finish()
      state = state === 'levelDone' ? 'levelDelimited' : 'delimited'
      counts[depth - 1] = (counts[depth - 1] as number) + 1
    } else if (!isSpace(character.charCodeAt(0))) {
      if (state !== 'levelStarted' && state !== 'element' && state !== 'delimited') {
        throw malformed(text, 'Unexpected array element.')
      }
      state = 'element'
      const from = at
      while (!isMark(text.charCodeAt(at + 1)) && at + 1 < text.length) at++
      current += text.slice(from, at + 1)
    } else if (state === 'element') {
      current += character
    }
  }
  if (skipSpace(text, at + 1) < text.length) throw malformed(text, 'Junk after closing right brace.')
  return { elements, dimensions: elements.length === 0 ? 0 : dimensions }
}
