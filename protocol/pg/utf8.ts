import { isUtf8 } from 'node:buffer'
import { SqlError } from '../errors.ts'

/** UTF-8 bytes to text. Throws SqlError 22021, as PostgreSQL does, where the bytes are none; nothing is ever replaced silently. */
export function decodeUtf8(bytes: Buffer, start: number, end: number): string {
  const text = bytes.utf8Slice(start, end)
  // The decoder puts U+FFFD in place of what it cannot read; the client may also have sent U+FFFD itself.
  if (text.includes('\ufffd') && !isUtf8(bytes.subarray(start, end))) throw invalidUtf8(bytes, start, end)
  return text
}

/** `invalid byte sequence for encoding "UTF8"` with the first bytes that are none. */
export function invalidUtf8(bytes: Uint8Array, start: number, end: number): SqlError {
  let at = start
  while (at < end) {
    const length = sequenceLength(bytes, at, end)
    if (length === 0) break
    at += length
  }
  const shown = bytes.subarray(at, Math.min(end, at + claimedLength(bytes[at] ?? 0)))
  const hex = Array.from(shown, (byte) => `0x${byte.toString(16).padStart(2, '0')}`).join(' ')
  return new SqlError('22021', `invalid byte sequence for encoding "UTF8": ${hex}`)
}

function claimedLength(lead: number): number {
  if ((lead & 0xe0) === 0xc0) return 2
  if ((lead & 0xf0) === 0xe0) return 3
  if ((lead & 0xf8) === 0xf0) return 4
  return 1
}

/** Bytes of the character at `at`, 0 where there is none. NUL counts as none. RFC 3629, table 3-7 of the Unicode standard. */
function sequenceLength(bytes: Uint8Array, at: number, end: number): number {
  const lead = bytes[at] as number
  if (lead === 0) return 0
  if (lead < 0x80) return 1
  const length = claimedLength(lead)
  if (length === 1 || at + length > end || lead < 0xc2 || lead > 0xf4) return 0
  for (let i = 1; i < length; i++) if (((bytes[at + i] as number) & 0xc0) !== 0x80) return 0
  const second = bytes[at + 1] as number
  if (lead === 0xe0 && second < 0xa0) return 0
  if (lead === 0xed && second > 0x9f) return 0
  if (lead === 0xf0 && second < 0x90) return 0
  if (lead === 0xf4 && second > 0x8f) return 0
  return length
}
