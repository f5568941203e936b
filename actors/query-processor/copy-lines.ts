import { copyFormatError } from './copy-in.ts'
import type { CopyOptions } from './copy-options.ts'

const newline = 10
const carriageReturn = 13
const backslash = 92
const dot = 46

const noRoom = Buffer.alloc(0)

/**
 * Cuts the bytes of a COPY FROM into lines, whatever chunks they come in. The first line's end (LF, CR or CRLF) decides for all. In CSV a
 * newline within quotes belongs to the field, in text one behind a backslash does.
 */
export class CopyLines {
  private readonly isCsv: boolean
  private readonly quote: number
  private readonly escape: number
  private rest: Buffer = noRoom
  /** What `rest` is the beginning of, where bytes were joined. Lines handed out are views into it: nothing in it is written twice. */
  private room: Buffer = noRoom
  /** Comes behind `rest`. */
  private following: Buffer | undefined
  private at = 0
  private scanned = 0
  private quoted = false
  private ending: 'lf' | 'cr' | 'crlf' | undefined
  private over = false
  /** Where the line under way has `\.`; -1 where it has none. */
  private marker = -1
  /** `\.` was read: what follows is ignored. */
  finished = false

  constructor(options: CopyOptions) {
    this.isCsv = options.format === 'csv'
    this.quote = options.quote.charCodeAt(0)
    this.escape = options.escape.charCodeAt(0)
  }

  feed(chunk: Buffer): void {
    if (this.finished) return
    // What has begun before mostly ends with the first line: the rest of the chunk stays where it is.
    const end = this.at === this.rest.length ? -1 : chunk.indexOf(newline)
    if (end >= 0 && end + 1 < chunk.length) {
      this.join(chunk.subarray(0, end + 1))
      this.following = chunk.subarray(end + 1)
    } else this.join(chunk)
  }

  private join(chunk: Buffer): void {
    const length = this.rest.length + chunk.length
    if (this.at < this.rest.length && length <= this.room.length) {
      chunk.copy(this.room, this.rest.length)
      this.rest = this.room.subarray(0, length)
      return
    }
    if (this.at === this.rest.length) {
      this.rest = chunk
      this.room = noRoom
    } else {
      const kept = this.rest.subarray(this.at)
      // Twice as much each time: a line of megabytes comes in hundreds of chunks.
      this.room = Buffer.allocUnsafe(2 * (kept.length + chunk.length))
      kept.copy(this.room)
      chunk.copy(this.room, kept.length)
      this.rest = this.room.subarray(0, kept.length + chunk.length)
    }
    this.scanned -= this.at
    this.at = 0
  }

  private goOn(): boolean {
    const { following } = this
    if (following === undefined) return false
    this.following = undefined
    this.join(following)
    return true
  }

  /** No more bytes: what is left is the last line. */
  end(): void {
    this.over = true
  }

  /** The next whole line without its end; undefined when more bytes are needed or there are none. */
  next(): Buffer | undefined {
    if (this.finished) return undefined
    let end = this.isCsv ? this.csvEnd() : this.textEnd()
    if (end < 0 && this.goOn()) end = this.isCsv ? this.csvEnd() : this.textEnd()
    if (end < 0) {
      if (!this.over || this.at === this.rest.length) return undefined
      const last = this.rest.subarray(this.at)
      this.at = this.rest.length
      if (this.quoted) throw copyFormatError('unterminated CSV quoted field')
      return this.beforeEnd(last)
    }
    const isPair = this.rest[end] === carriageReturn && this.rest[end + 1] === newline
    const ending = isPair ? 'crlf' : this.rest[end] === newline ? 'lf' : 'cr'
    this.ending ??= ending
    if (ending !== this.ending) {
      const [what, escaped] = ending === 'lf' ? ['newline', '\\n'] : ['carriage return', '\\r']
      throw this.isCsv ? unquoted(what) : literal(what, escaped)
    }
    const length = isPair ? 2 : 1
    const line = this.rest.subarray(this.at, end)
    this.at = end + length
    this.scanned = this.at
    this.quoted = false
    return this.beforeEnd(line)
  }

  /** What stands before the end marker: the line, or the text before `\.` at its end, which is not the end marker of CSV. */
  private beforeEnd(line: Buffer): Buffer | undefined {
    const isMarked = this.isCsv ? line.length === 2 && line[0] === backslash && line[1] === dot : this.marker >= 0
    if (!isMarked) return line
    this.finished = true
    return line.length === 2 ? undefined : line.subarray(0, line.length - 2)
  }

  /** Throws when more than the end of the line follows `\.`; false when that is not known yet. */
  private checkMarker(at: number): boolean {
    const following = this.rest[at + 2]
    if (following === undefined && !this.over) return false
    if (following !== undefined && following !== newline && following !== carriageReturn)
      throw copyFormatError('end-of-copy marker corrupt')
    this.marker = at
    return true
  }

  private textEnd(): number {
    const { rest } = this
    for (let i = this.scanned; i < rest.length; i++) {
      const c = rest[i] as number
      if (c === backslash) {
        if ((i + 1 === rest.length && !this.over) || (rest[i + 1] === dot && !this.checkMarker(i))) {
          this.scanned = i
          return -1
        }
        i++
        continue
      }
      if (c === newline) return i
      if (c === carriageReturn) {
        if (i + 1 === rest.length && !this.over) {
          this.scanned = i
          return -1
        }
        return i
      }
    }
    this.scanned = rest.length
    return -1
  }

  private csvEnd(): number {
    const { rest } = this
    for (let i = this.scanned; i < rest.length; i++) {
      const c = rest[i] as number
      if (this.quoted) {
        if (c === this.escape && this.escape !== this.quote) {
          if (i + 1 === rest.length && !this.over) {
            this.scanned = i
            return -1
          }
          const following = rest[i + 1]
          if (following === this.quote || following === this.escape) i++
        } else if (c === this.quote) this.quoted = false
      } else if (c === this.quote) this.quoted = true
      else if (c === newline) return i
      else if (c === carriageReturn) {
        if (i + 1 === rest.length && !this.over) {
          this.scanned = i
          return -1
        }
        return i
      }
    }
    this.scanned = rest.length
    return -1
  }
}

const literal = (what: string | undefined, escaped: string | undefined): Error =>
  copyFormatError(`literal ${what} found in data`).with({ hint: `Use "${escaped}" to represent ${what}.` })

const unquoted = (what: string | undefined): Error =>
  copyFormatError(`unquoted ${what} found in data`).with({ hint: `Use quoted CSV field to represent ${what}.` })

/** The fields of a text line; null for NULL. */
export function textFields(line: string, { delimiter, nullText }: CopyOptions): (string | null)[] {
  const isPlain = !line.includes('\\')
  if (isPlain && nullText.includes('\\')) return line.split(delimiter)
  const parts = isPlain ? line.split(delimiter) : splitEscaped(line, delimiter)
  return parts.map((part) => (part === nullText ? null : part.includes('\\') ? unescaped(part) : part))
}

function splitEscaped(line: string, delimiter: string): string[] {
  const parts: string[] = []
  let start = 0
  for (let i = 0; i < line.length; i++) {
    const c = line.charAt(i)
    if (c === '\\') i++
    else if (c === delimiter) {
      parts.push(line.slice(start, i))
      start = i + 1
    }
  }
  parts.push(line.slice(start))
  return parts
}

const letters: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }

/** Backslash sequences; octal and hexadecimal ones are bytes, which may together make one UTF-8 character. */
function unescaped(field: string): string {
  if (!/\\(x[0-9a-fA-F]|[0-7])/.test(field)) {
    return field.replace(/\\([\s\S]?)/g, (_, c: string) => letters[c] ?? c)
  }
  const parts: Buffer[] = []
  const pattern = /\\(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3})|([\s\S]?))|[^\\]+/g
  for (const [whole, hex, octal, letter] of field.matchAll(pattern)) {
    if (hex !== undefined) parts.push(Buffer.from([Number.parseInt(hex, 16)]))
    else if (octal !== undefined) parts.push(Buffer.from([Number.parseInt(octal, 8) & 0xff]))
    else parts.push(Buffer.from(letter === undefined ? whole : (letters[letter] ?? letter)))
  }
  const bytes = Buffer.concat(parts)
  const text = bytes.toString('utf8')
  if (Buffer.compare(Buffer.from(text), bytes) !== 0) throw copyFormatError('invalid byte sequence for encoding "UTF8"')
  return text
}

/** The fields of a CSV line; an unquoted one that equals the null text is NULL. */
export function csvFields(
  line: string,
  { delimiter, quote, escape: escaping, nullText }: CopyOptions,
): { text: string; isNull: boolean }[] {
  const fields: { text: string; isNull: boolean }[] = []
  let at = 0
  for (;;) {
    let text = ''
    let sawQuote = false
    for (;;) {
      const next = nearest(line, at, delimiter, quote)
      text += line.slice(at, next)
      at = next
      if (at >= line.length || line.charAt(at) === delimiter) break
      sawQuote = true
      at++
      for (;;) {
        if (at >= line.length) throw copyFormatError('unterminated CSV quoted field')
        const c = line.charAt(at)
        if (c === escaping && (line.charAt(at + 1) === quote || (escaping !== quote && line.charAt(at + 1) === escaping))) {
          text += line.charAt(at + 1)
          at += 2
        } else if (c === quote) {
          at++
          break
        } else {
          text += c
          at++
        }
      }
    }
    fields.push({ text, isNull: !sawQuote && text === nullText })
    if (at >= line.length) return fields
    at++
  }
}

function nearest(line: string, from: number, delimiter: string, quote: string): number {
  const d = line.indexOf(delimiter, from)
  const q = line.indexOf(quote, from)
  if (d < 0) return q < 0 ? line.length : q
  return q < 0 || d < q ? d : q
}
