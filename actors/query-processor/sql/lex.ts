/**
 * PostgreSQL's lexical rules (manual, chapter 4.1; scan.l), one token at a time and without allocation. Nobody parses SQL with this: it
 * serves the dialect's pre-pass, the plan cache's templates and the bound on nesting. Mistakes (an unterminated string ...) are told by
 * the real parser; here they only end the tokens.
 */
export const TokenKind = {
  end: 0,
  /** An unquoted identifier or keyword. */
  word: 1,
  quotedIdentifier: 2,
  /** U&"..." */
  unicodeIdentifier: 3,
  /** '...' without a prefix; parts separated by a newline included. */
  string: 4,
  /** E'...' */
  escapeString: 5,
  /** U&'...' */
  unicodeString: 6,
  /** B'...', X'...', N'...' */
  prefixedString: 7,
  dollarString: 8,
  integer: 9,
  /** A number with a point, an exponent, or both. */
  decimal: 10,
  /** $1 */
  parameter: 11,
  operator: 12,
  /** , ( ) [ ] ; : . and :: := .. => */
  punctuation: 13,
  invalid: 14,
} as const
export type TokenKind = (typeof TokenKind)[keyof typeof TokenKind]

const space = 1
const letter = 2
const digit = 4
const operatorChar = 8
const selfChar = 16
const classes = new Uint8Array(128)
for (const c of ' \t\n\r\f\v') classes[c.charCodeAt(0)] = space
for (const c of 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_') classes[c.charCodeAt(0)] = letter
for (const c of '0123456789') classes[c.charCodeAt(0)] = digit
for (const c of '~!@#^&|`?+-*/%<>=') classes[c.charCodeAt(0)] = operatorChar
for (const c of ',()[];:.') classes[c.charCodeAt(0)] = selfChar

const newline = 10
const carriageReturn = 13
const quote = 39
const doubleQuote = 34
const dollar = 36
const star = 42
const plus = 43
const minus = 45
const dot = 46
const slash = 47
const zero = 48
const colon = 58
const equals = 61
const greater = 62
const backslash = 92
const underscore = 95

const isDigit = (c: number): boolean => c >= 48 && c <= 57
const isHex = (c: number): boolean => isDigit(c) || ((c | 32) >= 97 && (c | 32) <= 102)
/** Every character beyond ASCII may stand in an identifier. */
const isWordStart = (c: number): boolean => c >= 128 || classes[c] === letter
const isWordPart = (c: number): boolean => c >= 128 || ((classes[c] as number) & (letter | digit)) !== 0 || c === dollar

/** A cursor over one text. `next()` moves to the next token: `kind`, and the text between `start` and `end`. */
export class Lexer {
  text = ''
  kind: TokenKind = TokenKind.end
  start = 0
  end = 0

  reset(text: string): void {
    this.text = text
    this.kind = TokenKind.end
    this.start = 0
    this.end = 0
  }

  /** The token as it stands in the text. */
  source(): string {
    return this.text.slice(this.start, this.end)
  }

  /** True for this keyword (given in lower case), unquoted. */
  isWord(keyword: string): boolean {
    return (
      this.kind === TokenKind.word &&
      this.end - this.start === keyword.length &&
      this.text.slice(this.start, this.end).toLowerCase() === keyword
    )
  }

  isPunctuation(char: string): boolean {
    return this.kind === TokenKind.punctuation && this.end - this.start === char.length && this.text.startsWith(char, this.start)
  }

  next(): TokenKind {
    const text = this.text
    const length = text.length
    let at = this.skipBlank(this.end)
    this.start = at
    if (at >= length) {
      this.end = length
      return (this.kind = TokenKind.end)
    }
    const c = text.charCodeAt(at)
    const following = at + 1 < length ? text.charCodeAt(at + 1) : 0
    if (isWordStart(c)) {
      if (following === quote) {
        const prefix = c | 32
        if (prefix === 101) return this.quoted(at + 2, TokenKind.escapeString, true)
        if (prefix === 98 || prefix === 120 || prefix === 110) return this.quoted(at + 2, TokenKind.prefixedString, false)
      } else if ((c | 32) === 117 && following === 38 && at + 2 < length) {
        const third = text.charCodeAt(at + 2)
        if (third === quote) return this.quoted(at + 3, TokenKind.unicodeString, false)
        if (third === doubleQuote) return this.quotedIdentifier(at + 3, TokenKind.unicodeIdentifier)
      }
      at++
      while (at < length && isWordPart(text.charCodeAt(at))) at++
      this.end = at
      return (this.kind = TokenKind.word)
    }
    if (isDigit(c) || (c === dot && isDigit(following))) return this.number(at)
    if (c === quote) return this.quoted(at + 1, TokenKind.string, false)
    if (c === doubleQuote) return this.quotedIdentifier(at + 1, TokenKind.quotedIdentifier)
    if (c === dollar) return this.dollar(at, following)
    const kind = classes[c] as number
    if (kind === selfChar) {
      const pair = (c === colon && (following === colon || following === equals)) || (c === dot && following === dot) ? 2 : 1
      this.end = at + pair
      return (this.kind = TokenKind.punctuation)
    }
    if (kind === operatorChar) return this.operator(at)
    this.end = at + 1
    return (this.kind = TokenKind.invalid)
  }

  /** White space and comments; comments nest. */
  private skipBlank(from: number): number {
    const text = this.text
    const length = text.length
    let at = from
    while (at < length) {
      const c = text.charCodeAt(at)
      if (c < 128 && classes[c] === space) at++
      else if (c === minus && text.charCodeAt(at + 1) === minus) {
        at += 2
        while (at < length) {
          const inside = text.charCodeAt(at)
          if (inside === newline || inside === carriageReturn) break
          at++
        }
      } else if (c === slash && text.charCodeAt(at + 1) === star) at = this.comment(at)
      else break
    }
    return at
  }

  private comment(from: number): number {
    const text = this.text
    let depth = 1
    let at = from + 2
    while (at < text.length && depth > 0) {
      const c = text.charCodeAt(at)
      if (c === slash && text.charCodeAt(at + 1) === star) {
        depth++
        at += 2
      } else if (c === star && text.charCodeAt(at + 1) === slash) {
        depth--
        at += 2
      } else at++
    }
    return at
  }

  /** From behind the opening quote. Two parts with only white space and at least one newline between them are one constant. */
  private quoted(from: number, kind: TokenKind, escapes: boolean): TokenKind {
    const text = this.text
    const length = text.length
    let at = from
    for (;;) {
      let closed = false
      while (at < length) {
        if (!escapes) {
          at = text.indexOf("'", at)
          if (at < 0) break
        }
        const c = text.charCodeAt(at)
        if (escapes && c === backslash) at += 2
        else if (c !== quote) at++
        else if (text.charCodeAt(at + 1) === quote) at += 2
        else {
          closed = true
          break
        }
      }
      if (!closed) {
        this.end = length
        return (this.kind = TokenKind.invalid)
      }
      at++
      const more = this.continuation(at)
      if (more < 0) break
      at = more
    }
    this.end = at
    return (this.kind = kind)
  }

  /** Behind a closing quote: where the next part's characters start, or -1. Line comments may stand between the parts. */
  private continuation(from: number): number {
    const text = this.text
    let at = from
    let broken = false
    for (;;) {
      const c = text.charCodeAt(at)
      if (c === newline || c === carriageReturn) broken = true
      else if (broken && c === minus && text.charCodeAt(at + 1) === minus) {
        while (at < text.length && text.charCodeAt(at) !== newline && text.charCodeAt(at) !== carriageReturn) at++
        continue
      } else if (!(c < 128 && classes[c] === space)) return broken && c === quote ? at + 1 : -1
      at++
    }
  }

  private quotedIdentifier(from: number, kind: TokenKind): TokenKind {
    const text = this.text
    let at = from
    while (at < text.length) {
      if (text.charCodeAt(at) !== doubleQuote) at++
      else if (text.charCodeAt(at + 1) === doubleQuote) at += 2
      else {
        this.end = at + 1
        return (this.kind = kind)
      }
    }
    this.end = text.length
    return (this.kind = TokenKind.invalid)
  }

  private dollar(from: number, following: number): TokenKind {
    const text = this.text
    const length = text.length
    let at = from + 1
    if (isDigit(following)) {
      while (at < length && isDigit(text.charCodeAt(at))) at++
      this.end = at
      if (at < length && isWordStart(text.charCodeAt(at))) return (this.kind = TokenKind.invalid)
      return (this.kind = TokenKind.parameter)
    }
    if (following !== dollar && isWordStart(following)) {
      at++
      while (at < length && isWordPart(text.charCodeAt(at)) && text.charCodeAt(at) !== dollar) at++
    }
    if (text.charCodeAt(at) !== dollar) {
      this.end = from + 1
      return (this.kind = TokenKind.invalid)
    }
    const tag = text.slice(from, at + 1)
    const close = text.indexOf(tag, at + 1)
    this.end = close < 0 ? length : close + tag.length
    return (this.kind = close < 0 ? TokenKind.invalid : TokenKind.dollarString)
  }

  /** Digits may be grouped by single underscores; 0x, 0o and 0b take other digits. `1..2` is an integer, two dots and an integer. */
  private number(from: number): TokenKind {
    const text = this.text
    const length = text.length
    let at = from
    const radix = text.charCodeAt(at) === zero ? text.charCodeAt(at + 1) | 32 : 0
    let kind: TokenKind = TokenKind.integer
    if (radix === 120 || radix === 111 || radix === 98) {
      at += 2
      while (at < length && (isHex(text.charCodeAt(at)) || text.charCodeAt(at) === underscore)) at++
    } else {
      at = this.digits(at)
      if (text.charCodeAt(at) === dot && text.charCodeAt(at + 1) !== dot) {
        kind = TokenKind.decimal
        at = this.digits(at + 1)
      }
      if ((text.charCodeAt(at) | 32) === 101) {
        const sign = text.charCodeAt(at + 1)
        const first = sign === plus || sign === minus ? at + 2 : at + 1
        if (isDigit(text.charCodeAt(first))) {
          kind = TokenKind.decimal
          at = this.digits(first)
        }
      }
    }
    this.end = at
    // Trailing junk is a mistake that the parser explains.
    if (at < length && isWordPart(text.charCodeAt(at))) kind = TokenKind.invalid
    return (this.kind = kind)
  }

  private digits(from: number): number {
    const text = this.text
    let at = from
    for (;;) {
      const c = text.charCodeAt(at)
      if (isDigit(c) || (c === underscore && isDigit(text.charCodeAt(at + 1)))) at++
      else return at
    }
  }

  /**
   * As many operator characters as there are, up to a comment; then trailing + and - are given back unless the operator holds one of
   * ~ ! @ # ^ & | ` ? % (so that `1 =-1` means what it says, and SQL standard operators are unaffected).
   */
  private operator(from: number): TokenKind {
    const text = this.text
    const length = text.length
    let at = from
    let special = false
    while (at < length) {
      const c = text.charCodeAt(at)
      if (c >= 128 || classes[c] !== operatorChar) break
      const following = text.charCodeAt(at + 1)
      if ((c === minus && following === minus) || (c === slash && following === star)) break
      if (c !== plus && c !== minus && c !== star && c !== slash && c !== equals && c !== greater && c !== 60) special = true
      at++
    }
    if (!special) {
      while (at - from > 1) {
        const last = text.charCodeAt(at - 1)
        if (last !== plus && last !== minus) break
        at--
      }
    }
    this.end = at
    const isArrow = at - from === 2 && text.charCodeAt(from) === equals && text.charCodeAt(from + 1) === greater
    return (this.kind = isArrow ? TokenKind.punctuation : TokenKind.operator)
  }
}

/** Deeper expressions than this are refused before they reach recursive code. PostgreSQL itself gives up near 5,000. */
const nestingMax = 4_000

/** Each of these makes the tree one deeper when written in a row. */
const deepening = new Set([
  'not',
  'is',
  'isnull',
  'notnull',
  'collate',
  'at',
  'like',
  'ilike',
  'similar',
  'in',
  'between',
  'overlaps',
])
/** The operands of these stand side by side in the tree. */
const flattening = new Set([
  'and',
  'or',
  'when',
  'then',
  'else',
  'on',
  'where',
  'from',
  'set',
  'values',
  'having',
  'select',
  'returning',
])
const chaining = new Set(['union', 'intersect', 'except', 'join'])

/**
 * Is the tree of this text certainly no deeper than `nestingMax`? Counts brackets, chains of operators and of set operations; generous with
 * lists, whose items stand side by side. Answers at once for texts too short to go that deep.
 */
export function nestsTooDeep(text: string): boolean {
  if (text.length < nestingMax) return false
  const lexer = new Lexer()
  lexer.reset(text)
  /** Per open bracket: the depth it stands at, and its chains of operators and of set operations so far. */
  const outer: number[] = []
  let base = 0
  let chain = 0
  let arms = 0
  const open = (): void => {
    outer.push(base, chain, arms)
    base += chain + arms + 1
    chain = 0
    arms = 0
  }
  const close = (): void => {
    if (outer.length === 0) return
    arms = outer.pop() as number
    chain = outer.pop() as number
    base = outer.pop() as number
  }
  for (let kind = lexer.next(); kind !== TokenKind.end; kind = lexer.next()) {
    if (kind === TokenKind.operator) chain++
    else if (kind === TokenKind.punctuation) {
      const c = text.charCodeAt(lexer.start)
      if (c === 40 || c === 91) open()
      else if (c === 41 || c === 93) close()
      else if (c === 44) chain = 0
      else if (c === 59) {
        outer.length = 0
        base = chain = arms = 0
      } else if (c === colon) chain++
    } else if (kind === TokenKind.word && lexer.end - lexer.start <= 9) {
      const word = lexer.source().toLowerCase()
      if (word === 'case') open()
      else if (word === 'end') close()
      else if (flattening.has(word)) chain = 0
      else if (deepening.has(word)) chain++
      else if (chaining.has(word)) arms++
    }
    if (base + chain + arms > nestingMax) return true
  }
  return false
}
