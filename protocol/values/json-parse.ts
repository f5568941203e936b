import { SqlError } from '../errors.ts'

/** What a parse is turned into. Positions are those of the value in the text. */
export interface JsonBuilder<T> {
  /** False: strings are checked but not decoded, as the type json does on input. */
  readonly decodes: boolean
  string(value: string, start: number, end: number): T
  number(text: string, start: number, end: number): T
  literal(value: boolean | null, start: number, end: number): T
  array(items: T[], start: number, end: number): T
  object(keys: string[], values: T[], start: number, end: number): T
}

/** PostgreSQL gives up between 7,000 and 20,000 levels; so deep a recursion must fit our stack too. */
export const jsonDepthMax = 4_000

export const jsonTooDeep = (): SqlError =>
  new SqlError('54001', 'stack depth limit exceeded', {
    hint: 'Increase the configuration parameter "max_stack_depth" (currently 2048kB), after ensuring the platform\'s stack depth limit is adequate.',
  })

/** RFC 8259 with PostgreSQL's complaints (22P02 with DETAIL and CONTEXT). */
export function parseJson<T>(text: string, builder: JsonBuilder<T>): T {
  const parser = new Parser(text, builder)
  parser.next()
  const value = parser.value(0)
  if (parser.token !== 'end') throw parser.unexpected('end of input')
  return value
}

const checker: JsonBuilder<undefined> = {
  decodes: false,
  string: () => undefined,
  number: () => undefined,
  literal: () => undefined,
  array: () => undefined,
  object: () => undefined,
}

/** Throws unless `text` is JSON. */
export function checkJson(text: string): void {
  parseJson(text, checker)
}

type Token = '{' | '}' | '[' | ']' | ',' | ':' | 'string' | 'number' | 'true' | 'false' | 'null' | 'end'

const quote = 34
const backslash = 92

class Parser<T> {
  readonly text: string
  readonly builder: JsonBuilder<T>
  token: Token = 'end'
  start = 0
  /** Behind the token; where an error's excerpt ends. */
  end = 0
  string = ''
  line = 1
  lineStart = 0

  constructor(text: string, builder: JsonBuilder<T>) {
    this.text = text
    this.builder = builder
  }

  value(depth: number): T {
    const { builder, start } = this
    switch (this.token) {
      case 'string': {
        const value = builder.string(this.string, start, this.end)
        this.next()
        return value
      }
      case 'number': {
        const value = builder.number(this.text.slice(start, this.end), start, this.end)
        this.next()
        return value
      }
      case 'true':
      case 'false':
      case 'null': {
        const value = builder.literal(this.token === 'null' ? null : this.token === 'true', start, this.end)
        this.next()
        return value
      }
      case '[': {
        if (depth >= jsonDepthMax) throw jsonTooDeep()
        const items: T[] = []
        this.next()
        if (this.current() !== ']') {
          items.push(this.value(depth + 1))
          while (this.current() === ',') {
            this.next()
            items.push(this.value(depth + 1))
          }
          if (this.current() !== ']') throw this.unexpected('"," or "]"')
        }
        const { end } = this
        this.next()
        return builder.array(items, start, end)
      }
      case '{': {
        if (depth >= jsonDepthMax) throw jsonTooDeep()
        const keys: string[] = []
        const values: T[] = []
        this.next()
        if (this.current() !== '}') {
          for (let first = true; ; first = false) {
            if (this.current() !== 'string') throw this.unexpected(first ? 'string or "}"' : 'string')
            keys.push(this.string)
            this.next()
            if (this.current() !== ':') throw this.unexpected('":"')
            this.next()
            values.push(this.value(depth + 1))
            if (this.current() !== ',') break
            this.next()
          }
          if (this.current() !== '}') throw this.unexpected('"," or "}"')
        }
        const { end } = this
        this.next()
        return builder.object(keys, values, start, end)
      }
      default:
        throw this.unexpected('JSON value')
    }
  }

  /** `next` changes the token behind the compiler's back. */
  private current(): Token {
    return this.token
  }

  next(): void {
    const { text } = this
    let at = this.end
    let code = text.charCodeAt(at)
    while (code === 32 || code === 10 || code === 9 || code === 13) {
      at++
      if (code === 10) {
        this.line++
        this.lineStart = at
      }
      code = text.charCodeAt(at)
    }
    this.start = at
    this.end = at + 1
    switch (code) {
      case quote:
        this.scanString(at + 1)
        this.token = 'string'
        return
      case 123:
        this.token = '{'
        return
      case 125:
        this.token = '}'
        return
      case 91:
        this.token = '['
        return
      case 93:
        this.token = ']'
        return
      case 44:
        this.token = ','
        return
      case 58:
        this.token = ':'
        return
      default:
    }
    if (at >= text.length) {
      this.end = at
      this.token = 'end'
    } else if (code === 45 || (code >= 48 && code <= 57)) {
      this.scanNumber(at)
      this.token = 'number'
    } else this.scanWord(at)
  }

  private scanWord(at: number): void {
    const word = wordPattern
    word.lastIndex = at
    const match = word.exec(this.text)?.[0]
    if (match === undefined) throw this.invalidToken()
    this.end = at + match.length
    if (match !== 'true' && match !== 'false' && match !== 'null') throw this.invalidToken()
    this.token = match
  }

  private scanNumber(at: number): void {
    numberPattern.lastIndex = at
    const number = numberPattern.exec(this.text)?.[0] ?? ''
    wordPattern.lastIndex = at + number.length
    const garbage = wordPattern.exec(this.text)?.[0] ?? ''
    if (number !== '' && garbage === '' && !unfinishedNumber(this.text, at + number.length)) {
      this.end = at + number.length
      return
    }
    // What looks like more of a number or word belongs to the token that is complained about.
    brokenNumberPattern.lastIndex = at
    this.end = at + (brokenNumberPattern.exec(this.text)?.[0].length ?? 1)
    throw this.invalidToken()
  }

  /** From behind the opening quote. */
  private scanString(from: number): void {
    const { text } = this
    const { decodes } = this.builder
    let at = from
    let plainFrom = from
    let decoded = ''
    let high = -1
    for (; ; at++) {
      const code = text.charCodeAt(at)
      if (code === quote) {
        if (high >= 0) throw this.badString(at + 1, loneSurrogate)
        break
      }
      if (code === backslash) {
        if (decodes) decoded += text.slice(plainFrom, at)
        at++
        if (at >= text.length) throw this.invalidToken(at)
        const letter = text[at] as string
        if (letter === 'u') {
          let unit = 0
          for (let i = 0; i < 4; i++) {
            at++
            if (at >= text.length) throw this.invalidToken(at)
            const digit = hexDigit(text.charCodeAt(at))
            if (digit < 0) throw this.badString(afterCharacter(text, at), '"\\u" must be followed by four hexadecimal digits.')
            unit = unit * 16 + digit
          }
          if (decodes) {
            if (unit >= 0xd800 && unit <= 0xdbff) {
              if (high >= 0) throw this.badString(at + 1, 'Unicode high surrogate must not follow a high surrogate.')
              high = unit
            } else if (unit >= 0xdc00 && unit <= 0xdfff) {
              if (high < 0) throw this.badString(at + 1, loneSurrogate)
              decoded += String.fromCharCode(high, unit)
              high = -1
            } else {
              if (high >= 0) throw this.badString(at + 1, loneSurrogate)
              if (unit === 0) throw this.zeroEscape(at + 1)
              decoded += String.fromCharCode(unit)
            }
          }
        } else {
          if (high >= 0) throw this.badString(afterCharacter(text, at), loneSurrogate)
          const character = escapes[letter]
          if (character === undefined) {
            const end = afterCharacter(text, at)
            throw this.badString(end, `Escape sequence "\\${text.slice(at, end)}" is invalid.`)
          }
          if (decodes) decoded += character
        }
        plainFrom = at + 1
      } else if (code < 32 || at >= text.length) {
        if (at >= text.length) throw this.invalidToken(at)
        throw this.badString(at, `Character with value 0x${code.toString(16).padStart(2, '0')} must be escaped.`)
      } else if (high >= 0) throw this.badString(afterCharacter(text, at), loneSurrogate)
    }
    this.end = at + 1
    if (decodes) this.string = decoded === '' ? text.slice(plainFrom, at) : decoded + text.slice(plainFrom, at)
  }

  unexpected(expected: string): SqlError {
    if (this.token === 'end' && expected !== 'end of input') return this.error('The input string ended unexpectedly.')
    return this.error(
      expected === 'end of input'
        ? `Expected end of input, but found "${this.text.slice(this.start, this.end)}".`
        : `Expected ${expected}, but found "${this.text.slice(this.start, this.end)}".`,
    )
  }

  private invalidToken(end = this.end): SqlError {
    this.end = end
    // A character outside the BMP is not cut in half.
    if (this.end === this.start + 1) this.end = afterCharacter(this.text, this.start)
    return this.error(`Token "${this.text.slice(this.start, this.end)}" is invalid.`)
  }

  private badString(end: number, detail: string): SqlError {
    this.end = end
    return this.error(detail)
  }

  private zeroEscape(end: number): SqlError {
    this.end = end
    return new SqlError('22P05', 'unsupported Unicode escape sequence', {
      detail: '\\u0000 cannot be converted to text.',
      where: this.excerpt(),
    })
  }

  private error(detail: string): SqlError {
    return new SqlError('22P02', 'invalid input syntax for type json', { detail, where: this.excerpt() })
  }

  /** The line up to the token, at most 50 bytes of it. */
  private excerpt(): string {
    const { text, end, lineStart } = this
    // More units than that are more bytes; lines of one document may be megabytes.
    let from = Math.max(lineStart, end - 50)
    if (from > lineStart && (text.charCodeAt(from) & 0xfc00) === 0xdc00) from--
    while (Buffer.byteLength(text.slice(from, end)) >= 50) from = afterCharacter(text, from)
    if (from - lineStart <= 3 && Buffer.byteLength(text.slice(lineStart, from)) <= 3) from = lineStart
    const more = this.token !== 'end' || end < text.length
    const suffix = more && end < text.length && text[end] !== '\n' && text[end] !== '\r' ? '...' : ''
    return `JSON data, line ${this.line}: ${from > lineStart ? '...' : ''}${text.slice(from, end)}${suffix}`
  }
}

const loneSurrogate = 'Unicode low surrogate must follow a high surrogate.'
const wordPattern = /[A-Za-z0-9_\u0080-\uffff]+/y
const numberPattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?/y
const brokenNumberPattern = /-?(?:0|[1-9]\d*)?(?:\.\d*)?(?:[eE][-+]?\d*)?[A-Za-z0-9_\u0080-\uffff]*/y

/** A point without digits behind it; an exponent's letter is caught as garbage. */
function unfinishedNumber(text: string, end: number): boolean {
  return text[end] === '.' && !text.slice(0, end).match(/[.eE]\d*$/)
}

const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48
  const lower = code | 32
  return lower >= 97 && lower <= 102 ? lower - 87 : -1
}

function afterCharacter(text: string, at: number): number {
  const code = text.charCodeAt(at)
  return code >= 0xd800 && code <= 0xdbff ? at + 2 : at + 1
}
