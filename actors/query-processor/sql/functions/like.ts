import { SqlError } from '../../../../protocol/errors.ts'

/**
 * LIKE compiled once per pattern. The pattern is a list of runs of literal characters and `_` between `%`s; greedy leftmost search of
 * each run is enough, so a match costs at most text times run length and never backtracks over a `%`.
 */
export type LikeMatcher = (text: string) => boolean

const escapeError = (): SqlError => new SqlError('22025', 'LIKE pattern must not end with escape character')

/** null: any one character. */
type Unit = string | null

interface Run {
  readonly units: readonly Unit[]
  /** All literal: found with indexOf. */
  readonly literal: string | undefined
}

const cache = new Map<string, LikeMatcher>()
const cacheMax = 1_024

export function likeMatcher(pattern: string, foldCase: boolean): LikeMatcher {
  const key = foldCase ? `i${pattern}` : `c${pattern}`
  const known = cache.get(key)
  if (known) return known
  const made = compile(foldCase ? fold(pattern) : pattern)
  const matcher: LikeMatcher = foldCase ? (text) => made(fold(text)) : made
  if (cache.size >= cacheMax) cache.clear()
  cache.set(key, matcher)
  return matcher
}

/** Collation "C" folds ASCII only. */
export const fold = (text: string): string => text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())

function compile(pattern: string): LikeMatcher {
  const runs: Run[] = []
  let units: Unit[] = []
  let trailingEscape = false
  const finish = (): void => {
    runs.push({ units, literal: units.includes(null) ? undefined : units.join('') })
    units = []
  }
  for (let at = 0; at < pattern.length; ) {
    const character = String.fromCodePoint(pattern.codePointAt(at) as number)
    at += character.length
    if (character === '%') finish()
    else if (character === '_') units.push(null)
    else if (character === '\\') {
      if (at >= pattern.length) {
        trailingEscape = true
        break
      }
      const escaped = String.fromCodePoint(pattern.codePointAt(at) as number)
      at += escaped.length
      units.push(escaped)
    } else units.push(character)
  }
  finish()
  const matcher = runsMatcher(runs)
  return trailingEscape ? withTrailingEscape(runs) : matcher
}

/** PostgreSQL complains when it comes to the lone escape with text left, which texts that fail before never do. */
function withTrailingEscape(runs: readonly Run[]): LikeMatcher {
  const last = runs[runs.length - 1] as Run
  const reached: Run = { units: [...last.units, null], literal: undefined }
  const open = runsMatcher([...runs.slice(0, -1), reached, { units: [], literal: '' }])
  return (text) => {
    if (open(text)) throw escapeError()
    return false
  }
}

function runsMatcher(runs: readonly Run[]): LikeMatcher {
  const first = runs[0] as Run
  const last = runs[runs.length - 1] as Run
  const { literal } = first
  if (runs.length === 1) {
    if (literal !== undefined) return (text) => text === literal
    return (text) => matchAt(first, text, 0) === text.length
  }
  const middle = runs.slice(1, -1).filter((run) => run.units.length > 0)
  return (text) => {
    let at = matchAt(first, text, 0)
    if (at < 0) return false
    for (const run of middle) {
      at = find(run, text, at)
      if (at < 0) return false
    }
    return endsWith(last, text, at)
  }
}

/** The end of the run when it stands at `at`, else -1. */
function matchAt(run: Run, text: string, at: number): number {
  const { literal } = run
  if (literal !== undefined) return text.startsWith(literal, at) ? at + literal.length : -1
  let end = at
  for (const unit of run.units) {
    if (end >= text.length) return -1
    if (unit === null) {
      const code = text.charCodeAt(end)
      end += code >= 0xd800 && code <= 0xdbff ? 2 : 1
    } else {
      if (!text.startsWith(unit, end)) return -1
      end += unit.length
    }
  }
  return end
}

/** The end of the first place of the run from `from` on, else -1. */
function find(run: Run, text: string, from: number): number {
  const { literal } = run
  if (literal !== undefined) {
    const at = text.indexOf(literal, from)
    return at < 0 ? -1 : at + literal.length
  }
  for (let at = from; at < text.length; at++) {
    if (at > 0 && isLowSurrogate(text.charCodeAt(at))) continue
    const end = matchAt(run, text, at)
    if (end >= 0) return end
  }
  return -1
}

const isLowSurrogate = (code: number): boolean => code >= 0xdc00 && code <= 0xdfff

function endsWith(run: Run, text: string, from: number): boolean {
  const { literal, units } = run
  if (literal !== undefined) return text.length - from >= literal.length && text.endsWith(literal)
  let at = text.length
  for (let i = units.length - 1; i >= 0; i--) {
    const unit = units[i] as Unit
    if (unit === null) {
      if (at <= from) return false
      at -= isLowSurrogate(text.charCodeAt(at - 1)) ? 2 : 1
    } else {
      at -= unit.length
      if (at < from || !text.startsWith(unit, at)) return false
    }
  }
  return at >= from
}

/** like_escape: the pattern with `escape` in the place of the backslash; '' means that nothing escapes. */
export function likeEscape(pattern: string, escape_: string): string {
  if (escape_ === '') return pattern.replaceAll('\\', '\\\\')
  const escapeCharacter = oneCharacter(escape_)
  if (escapeCharacter === '\\') return pattern
  let made = ''
  let escaped = false
  for (const character of pattern) {
    if (character === escapeCharacter && !escaped) {
      made += '\\'
      escaped = true
    } else if (character === '\\') {
      made += escaped ? '\\' : '\\\\'
      escaped = false
    } else {
      made += character
      escaped = false
    }
  }
  return made
}

export function oneCharacter(text: string): string {
  const [character, more] = Array.from(text)
  if (character === undefined || more !== undefined) {
    throw new SqlError('22025', 'invalid escape string', { hint: 'Escape string must be empty or one character.' })
  }
  return character
}
