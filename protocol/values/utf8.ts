import { isUtf8 } from 'node:buffer'
import { SqlError } from '../errors.ts'

const invalidBytes = (bytes: Uint8Array): SqlError =>
  new SqlError(
    '22021',
    `invalid byte sequence for encoding "UTF8": ${[...bytes].map((byte) => `0x${byte.toString(16).padStart(2, '0')}`).join(' ')}`,
  )

/** How long a character starting with `byte` says it is (pg_utf_mblen). */
const lengthFrom = (byte: number): number =>
  byte < 0x80 ? 1 : byte >= 0xf0 ? (byte < 0xf8 ? 4 : 1) : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1

/** The text in buffer[start, end); 22021 for what is not UTF-8 and for NUL, which no text value may hold. */
export function decodeUtf8(buffer: Buffer, start: number, end: number): string {
  const text = buffer.utf8Slice(start, end)
  if (!text.includes('\0') && (!text.includes('\ufffd') || isUtf8(buffer.subarray(start, end)))) return text
  for (let at = start; at < end; ) {
    const length = lengthFrom(buffer[at] as number)
    const character = buffer.subarray(at, Math.min(at + length, end))
    if (buffer[at] === 0 || !isUtf8(character)) throw invalidBytes(character)
    at += length
  }
  return text
}

/** A string from elsewhere (a wire message already decoded) as a text value: NUL is refused. */
export function refuseNul(text: string): string {
  if (text.includes('\0')) throw invalidBytes(Uint8Array.of(0))
  return text
}

const surrogate = /[\ud800-\udfff]/

/** Characters as PostgreSQL counts them: code points. */
export function characterCount(text: string): number {
  let count = text.length
  // The engine knows at once of a text of one byte per character that there is no such thing in it.
  if (count > 256 && !surrogate.test(text)) return count
  for (let i = 0; i < text.length; i++) {
    if ((text.charCodeAt(i) & 0xfc00) === 0xd800 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      count--
      i++
    }
  }
  return count
}

/** The position in UTF-16 units of the character number `characters` (from 0), or the text's length. */
export function characterPosition(text: string, characters: number): number {
  if (characters <= 0) return 0
  let at = 0
  for (let left = characters; left > 0 && at < text.length; left--) {
    at += (text.charCodeAt(at) & 0xfc00) === 0xd800 && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00 ? 2 : 1
  }
  return at
}

const utf16Order = (unit: number): number => (unit < 0xd800 ? unit : unit < 0xe000 ? unit + 0x2000 : unit - 0x800)

/** The order of UTF-8 bytes, which is that of code points: collation "C". */
export function compareUtf8(a: string, b: string): number {
  const shared = Math.min(a.length, b.length)
  for (let i = 0; i < shared; i++) {
    const left = a.charCodeAt(i)
    const right = b.charCodeAt(i)
    if (left !== right) return utf16Order(left) - utf16Order(right)
  }
  return a.length - b.length
}

/** The longest beginning of `text` that has at most `bytesMax` bytes, cut between characters. */
export function clipUtf8(text: string, bytesMax: number): string {
  if (text.length * 3 <= bytesMax || Buffer.byteLength(text) <= bytesMax) return text
  let bytes = 0
  let at = 0
  for (const character of text) {
    bytes += Buffer.byteLength(character)
    if (bytes > bytesMax) break
    at += character.length
  }
  return text.slice(0, at)
}
