import { SqlError, unsupported } from '../../../../protocol/errors.ts'

/** PostgreSQL's advanced regular expressions (manual, 9.7.3) as a tree. */
export type RegexNode =
  | { readonly kind: 'empty' }
  | { readonly kind: 'character'; readonly code: number }
  | { readonly kind: 'any' }
  | { readonly kind: 'class'; readonly negated: boolean; readonly ranges: readonly Range[] }
  | { readonly kind: 'constraint'; readonly which: Constraint }
  | { readonly kind: 'group'; readonly capture: number | undefined; readonly node: RegexNode }
  | { readonly kind: 'repeat'; readonly node: RegexNode; readonly min: number; readonly max: number; readonly lazy: boolean }
  | { readonly kind: 'sequence'; readonly nodes: readonly RegexNode[] }
  | { readonly kind: 'choice'; readonly nodes: readonly RegexNode[] }

/** Both ends are in it. */
export type Range = readonly [number, number]
export type Constraint =
  | 'lineStart'
  | 'lineEnd'
  | 'textStart'
  | 'textEnd'
  | 'wordStart'
  | 'wordEnd'
  | 'wordBoundary'
  | 'noWordBoundary'

export interface RegexOptions {
  readonly ignoreCase: boolean
  /** `.` and negated brackets do not match a newline. */
  readonly newlineStops: boolean
  /** ^ and $ match at newlines. */
  readonly newlineAnchors: boolean
  readonly expanded: boolean
  readonly literal: boolean
}

export const noOptions: RegexOptions = {
  ignoreCase: false,
  newlineStops: false,
  newlineAnchors: false,
  expanded: false,
  literal: false,
}

export interface ParsedRegex {
  readonly node: RegexNode
  readonly groups: number
  readonly options: RegexOptions
}

export const regexError = (what: string): SqlError => new SqlError('2201B', `invalid regular expression: ${what}`)

/** One option letter on top of others; undefined: there is no such letter. `g` is the functions' own. */
export function withOption(options: RegexOptions, letter: string): RegexOptions | undefined {
  switch (letter) {
    case 'i':
      return { ...options, ignoreCase: true }
    case 'c':
      return { ...options, ignoreCase: false }
    case 'm':
    case 'n':
      return { ...options, newlineStops: true, newlineAnchors: true }
    case 's':
      return { ...options, newlineStops: false, newlineAnchors: false }
    case 'p':
      return { ...options, newlineStops: true, newlineAnchors: false }
    case 'w':
      return { ...options, newlineStops: false, newlineAnchors: true }
    case 'x':
      return { ...options, expanded: true }
    case 't':
      return { ...options, expanded: false }
    case 'q':
      return { ...options, literal: true }
    case 'b':
      throw unsupported('a basic regular expression')
    case 'e':
      throw unsupported('an extended regular expression')
    default:
      return undefined
  }
}

export function parseRegex(pattern: string, options: RegexOptions): ParsedRegex {
  let at = 0
  let effective = options
  if (!options.literal && pattern.startsWith('***')) {
    if (pattern[3] === '=') effective = { ...options, literal: true }
    else if (pattern[3] !== ':') throw regexError('quantifier operand invalid')
    at = 4
  }
  if (!effective.literal && pattern.startsWith('(?', at) && /[a-z]/i.test(pattern[at + 2] ?? '')) {
    at += 2
    for (; pattern[at] !== ')'; at++) {
      const letter = pattern[at]
      if (letter === undefined) throw regexError('invalid embedded option')
      const changed = withOption(effective, letter)
      if (changed === undefined) throw regexError('invalid embedded option')
      effective = changed
    }
    at++
  }
  if (effective.literal) {
    const nodes = Array.from(pattern.slice(at), (character): RegexNode => ({ kind: 'character', code: codeOf(character) }))
    return { node: { kind: 'sequence', nodes }, groups: 0, options: effective }
  }
  const parser = new Parser(pattern, at, effective)
  const node = parser.choice(0)
  if (parser.at < pattern.length) throw regexError('parentheses () not balanced')
  return { node, groups: parser.groups, options: effective }
}

const codeOf = (character: string): number => character.codePointAt(0) as number

const digits: Range[] = [[48, 57]]
const spaces: Range[] = [
  [9, 13],
  [32, 32],
]
const letters: Range[] = [
  [65, 90],
  [97, 122],
]
const wordCharacters: Range[] = [...digits, ...letters, [95, 95]]

/** As the collation "C" sees them. */
const classes: Readonly<Record<string, readonly Range[]>> = {
  alnum: [...digits, ...letters],
  alpha: letters,
  ascii: [[0, 127]],
  blank: [
    [9, 9],
    [32, 32],
  ],
  cntrl: [
    [0, 31],
    [127, 127],
  ],
  digit: digits,
  graph: [[33, 126]],
  lower: [[97, 122]],
  print: [[32, 126]],
  punct: [
    [33, 47],
    [58, 64],
    [91, 96],
    [123, 126],
  ],
  space: spaces,
  upper: [[65, 90]],
  xdigit: [...digits, [65, 70], [97, 102]],
  word: wordCharacters,
}

const escapeClasses: Readonly<Record<string, readonly Range[]>> = { d: digits, s: spaces, w: wordCharacters }

export function complement(ranges: readonly Range[]): Range[] {
  const sorted = [...ranges].sort((a, b) => a[0] - b[0])
  const made: Range[] = []
  let next = 0
  for (const [low, high] of sorted) {
    if (low > next) made.push([next, low - 1])
    next = Math.max(next, high + 1)
  }
  if (next <= 0x10ffff) made.push([next, 0x10ffff])
  return made
}

const constraintEscapes: Readonly<Record<string, Constraint>> = {
  A: 'textStart',
  Z: 'textEnd',
  m: 'wordStart',
  M: 'wordEnd',
  y: 'wordBoundary',
  Y: 'noWordBoundary',
}

const characterEscapes: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  B: 92,
  e: 27,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
}

const collatingNames: Readonly<Record<string, number>> = {
  NUL: 0,
  tab: 9,
  newline: 10,
  space: 32,
  hyphen: 45,
  period: 46,
  slash: 47,
  colon: 58,
  semicolon: 59,
  comma: 44,
  underscore: 95,
  backslash: 92,
}

const depthMax = 1_000
const repeatMax = 255

class Parser {
  readonly text: string
  readonly options: RegexOptions
  at: number
  groups = 0

  constructor(text: string, at: number, options: RegexOptions) {
    this.text = text
    this.at = at
    this.options = options
  }

  choice(depth: number): RegexNode {
    if (depth > depthMax) throw regexError('regular expression is too complex')
    const nodes = [this.sequence(depth)]
    while (this.text[this.at] === '|') {
      this.at++
      nodes.push(this.sequence(depth))
    }
    return nodes.length === 1 ? (nodes[0] as RegexNode) : { kind: 'choice', nodes }
  }

  private sequence(depth: number): RegexNode {
    const nodes: RegexNode[] = []
    for (;;) {
      this.skipIgnored()
      const character = this.text[this.at]
      if (character === undefined || character === '|' || (character === ')' && depth > 0)) break
      if (character === ')') throw regexError('parentheses () not balanced')
      nodes.push(this.quantified(this.atom(depth)))
    }
    return nodes.length === 0 ? { kind: 'empty' } : nodes.length === 1 ? (nodes[0] as RegexNode) : { kind: 'sequence', nodes }
  }

  /** Comments, and in the expanded syntax white space and what follows a #. */
  private skipIgnored(): void {
    const { text } = this
    for (;;) {
      if (text.startsWith('(?#', this.at)) {
        const end = text.indexOf(')', this.at)
        this.at = end < 0 ? text.length : end + 1
      } else if (this.options.expanded && /^[ \t\n\v\f\r]$/.test(text[this.at] ?? '')) this.at++
      else if (this.options.expanded && text[this.at] === '#') {
        const end = text.indexOf('\n', this.at)
        this.at = end < 0 ? text.length : end + 1
      } else return
    }
  }

  private quantified(atom: RegexNode): RegexNode {
    this.skipIgnored()
    const { text } = this
    const character = text[this.at]
    let min: number
    let max: number
    if (character === '*' || character === '+' || character === '?') {
      this.at++
      min = character === '+' ? 1 : 0
      max = character === '?' ? 1 : Number.POSITIVE_INFINITY
    } else if (character === '{' && /\d/.test(text[this.at + 1] ?? '')) {
      ;[min, max] = this.bounds()
    } else return atom
    if (atom.kind === 'constraint') throw regexError('quantifier operand invalid')
    let lazy = false
    if (text[this.at] === '?') {
      lazy = true
      this.at++
    }
    this.skipIgnored()
    if (/^(?:[*+?]|\{\d)/.test(text.slice(this.at, this.at + 2))) throw regexError('quantifier operand invalid')
    return { kind: 'repeat', node: atom, min, max, lazy }
  }

  private bounds(): [number, number] {
    const match = /^\{(\d+)(?:(,)(\d*))?/.exec(this.text.slice(this.at)) as RegExpExecArray
    this.at += match[0].length
    const min = Number(match[1])
    const max = match[2] === undefined ? min : match[3] === '' ? Number.POSITIVE_INFINITY : Number(match[3])
    if (this.at >= this.text.length) throw regexError('braces {} not balanced')
    if (this.text[this.at] !== '}') throw regexError('invalid repetition count(s)')
    this.at++
    if (min > repeatMax || (max !== Number.POSITIVE_INFINITY && max > repeatMax) || min > max) {
      throw regexError('invalid repetition count(s)')
    }
    return [min, max]
  }

  private atom(depth: number): RegexNode {
    const { text } = this
    const character = String.fromCodePoint(text.codePointAt(this.at) as number)
    this.at += character.length
    switch (character) {
      case '(':
        return this.group(depth)
      case '[':
        return this.bracket()
      case '.':
        return { kind: 'any' }
      case '^':
        return { kind: 'constraint', which: 'lineStart' }
      case '$':
        return { kind: 'constraint', which: 'lineEnd' }
      case '*':
      case '+':
      case '?':
        throw regexError('quantifier operand invalid')
      case '{':
        if (/\d/.test(text[this.at] ?? '')) throw regexError('quantifier operand invalid')
        return { kind: 'character', code: 123 }
      case '\\':
        return this.escaped()
      default:
        return { kind: 'character', code: codeOf(character) }
    }
  }

  private group(depth: number): RegexNode {
    const { text } = this
    let capture: number | undefined
    if (text[this.at] === '?') {
      const after = text.slice(this.at + 1, this.at + 3)
      if (after[0] === '=' || after[0] === '!') throw unsupported('look-ahead in a regular expression')
      if (after === '<=' || after === '<!') throw unsupported('look-behind in a regular expression')
      if (after[0] !== ':') throw regexError('quantifier operand invalid')
      this.at += 2
    } else capture = ++this.groups
    const node = this.choice(depth + 1)
    if (text[this.at] !== ')') throw regexError('parentheses () not balanced')
    this.at++
    return { kind: 'group', capture, node }
  }

  private escaped(): RegexNode {
    const { text } = this
    const letter = text[this.at]
    if (letter === undefined) throw regexError('invalid escape \\ sequence')
    const constraint = constraintEscapes[letter]
    if (constraint !== undefined) {
      this.at++
      return { kind: 'constraint', which: constraint }
    }
    const ranges = escapeClasses[letter.toLowerCase()]
    if (ranges !== undefined) {
      this.at++
      return { kind: 'class', negated: letter !== letter.toLowerCase(), ranges }
    }
    if (letter >= '1' && letter <= '9') {
      const number = Number(/^\d+/.exec(text.slice(this.at))?.[0])
      // \12 is octal unless there are that many groups.
      if (number < 10 || number <= this.groups) {
        if (number > this.groups) throw regexError('invalid backreference number')
        throw unsupported('a back-reference in a regular expression')
      }
    }
    return { kind: 'character', code: this.characterEscape() }
  }

  /** From behind the backslash. */
  private characterEscape(): number {
    const { text } = this
    const character = String.fromCodePoint(text.codePointAt(this.at) ?? 92)
    this.at += character.length
    const simple = characterEscapes[character]
    if (simple !== undefined) return simple
    if (character === 'c') {
      const control = text[this.at++]
      if (control === undefined) throw regexError('invalid escape \\ sequence')
      return control.charCodeAt(0) & 0x1f
    }
    const hexadecimal = (min: number, max: number): number => {
      const found = new RegExp(`^[0-9a-fA-F]{${min},${max}}`).exec(text.slice(this.at, this.at + max))?.[0]
      if (found === undefined) throw regexError('invalid escape \\ sequence')
      this.at += found.length
      return Number.parseInt(found, 16)
    }
    const checked = (code: number): number => {
      if (code > 0x10ffff) throw regexError('invalid escape \\ sequence')
      return code
    }
    if (character === 'u') return checked(hexadecimal(4, 4))
    if (character === 'U') return checked(hexadecimal(8, 8))
    if (character === 'x') return checked(hexadecimal(1, 255))
    if (character >= '0' && character <= '7') {
      const octal = /^[0-7]{1,3}/.exec(text.slice(this.at - 1))?.[0] as string
      this.at += octal.length - 1
      return Number.parseInt(octal, 8)
    }
    if (/^[A-Za-z0-9]$/.test(character)) throw regexError('invalid escape \\ sequence')
    return codeOf(character)
  }

  /** From behind the `[`. */
  private bracket(): RegexNode {
    const { text } = this
    if (text.startsWith('[:<:]]', this.at)) {
      this.at += 6
      return { kind: 'constraint', which: 'wordStart' }
    }
    if (text.startsWith('[:>:]]', this.at)) {
      this.at += 6
      return { kind: 'constraint', which: 'wordEnd' }
    }
    const negated = text[this.at] === '^'
    if (negated) this.at++
    const ranges: Range[] = []
    for (let first = true; first || text[this.at] !== ']'; first = false) {
      if (this.at >= text.length) throw regexError('brackets [] not balanced')
      const low = this.bracketItem(ranges, first)
      const isRange = text[this.at] === '-' && text[this.at + 1] !== ']' && this.at + 1 < text.length
      if (!isRange) {
        if (low !== undefined) ranges.push([low, low])
        continue
      }
      this.at++
      if (low === undefined) throw regexError('invalid character range')
      const high = this.bracketItem(undefined, true)
      if (high === undefined || high < low) throw regexError('invalid character range')
      ranges.push([low, high])
    }
    this.at++
    return { kind: 'class', negated, ranges }
  }

  /** A single character, or undefined for a class that went into `ranges`. */
  private bracketItem(ranges: Range[] | undefined, first: boolean): number | undefined {
    const { text } = this
    const named = /^\[([.:=])(.*?)\1\]/s.exec(text.slice(this.at, this.at + 64))
    if (named) {
      const [whole, kind, name] = named as unknown as [string, string, string]
      this.at += whole.length
      if (kind === ':') return this.addClass(ranges, classes[name], 'invalid character class')
      const code = Array.from(name).length === 1 ? codeOf(name) : collatingNames[name]
      if (code === undefined) throw regexError('invalid collating element')
      return code
    }
    if (/^\[[.:=]/.test(text.slice(this.at, this.at + 2))) throw regexError('brackets [] not balanced')
    const character = String.fromCodePoint(text.codePointAt(this.at) as number)
    if (character === '-' && !first && text[this.at + 1] !== ']') throw regexError('invalid character range')
    this.at += character.length
    if (character !== '\\') return codeOf(character)
    const letter = text[this.at]
    if (letter === undefined) throw regexError('invalid escape \\ sequence')
    const escapeClass = escapeClasses[letter.toLowerCase()]
    if (escapeClass !== undefined) {
      this.at++
      const negated = letter !== letter.toLowerCase()
      return this.addClass(ranges, negated ? complement(escapeClass) : escapeClass, 'invalid character range')
    }
    if (constraintEscapes[letter] !== undefined || (letter >= '1' && letter <= '9' && !/^[0-7]{2}/.test(text.slice(this.at)))) {
      throw regexError('invalid escape \\ sequence')
    }
    return this.characterEscape()
  }

  private addClass(ranges: Range[] | undefined, added: readonly Range[] | undefined, mistake: string): undefined {
    if (added === undefined) throw regexError(mistake)
    if (ranges === undefined) throw regexError('invalid character range')
    ranges.push(...added)
    return undefined
  }
}
