import { crc32 } from 'node:zlib'

/**
 * How one entry lies in a segment: header { magic u16, header check u16, length u32, sequence u48, body crc u32 }, the body, one end marker.
 * Segments are filled with zeros ahead of writing, so what follows the last entry is zeros, and a torn write ends in zeros too:
 * that is how a torn tail (cut off) is told from damage (refused, rule 18).
 */
export const entryHeaderBytes = 18
export const entryOverheadBytes = entryHeaderBytes + 1
const magic = 0x7a75
const endMarker = 0xe5
/** What a device writes whole or not at all. */
const sectorBytes = 512

export function writeEntry(into: Buffer, at: number, sequence: number, body: Uint8Array): void {
  into.writeUInt16BE(magic, at)
  into.writeUInt32BE(body.length, at + 4)
  into.writeUIntBE(sequence, at + 8, 6)
  into.writeUInt32BE(bodyCheck(sequence, body), at + 14)
  into.writeUInt16BE(headerCheck(into, at), at + 2)
  into.set(body, at + entryHeaderBytes)
  into[at + entryHeaderBytes + body.length] = endMarker
}

/** The check covers the sequence, so that an entry is valid at its own place only. */
function bodyCheck(sequence: number, body: Uint8Array): number {
  return crc32(body, sequence % 0x1_0000_0000)
}

function headerCheck(buffer: Buffer, at: number): number {
  return crc32(buffer.subarray(at + 4, at + entryHeaderBytes)) & 0xffff
}

export type EntryReading =
  | { readonly kind: 'entry'; readonly bytes: Buffer; readonly next: number }
  /** Nothing was ever written here. */
  | { readonly kind: 'end' }
  /** An append that never finished: nobody was told that it is there. */
  | { readonly kind: 'torn' }
  | { readonly kind: 'damaged'; readonly why: string }

/** Reads the entry that should start at `at` with this sequence. `buffer` is the segment up to its preallocated end. */
export function readEntry(buffer: Buffer, at: number, sequence: number): EntryReading {
  const header = buffer.subarray(at, at + entryHeaderBytes)
  if (isZero(header)) {
    if (isZero(buffer.subarray(at))) return { kind: 'end' }
    return holdsEntryAfter(buffer, at, sequence) ? { kind: 'damaged', why: 'entries follow a gap' } : { kind: 'torn' }
  }
  const whole =
    header.length === entryHeaderBytes && header.readUInt16BE(0) === magic && header.readUInt16BE(2) === headerCheck(buffer, at)
  if (!whole) {
    const isTorn = isZero(buffer.subarray(at + header.length)) && header.at(-1) === 0
    return isTorn ? { kind: 'torn' } : { kind: 'damaged', why: 'an entry header does not match its check' }
  }
  if (header.readUIntBE(8, 6) !== sequence)
    return { kind: 'damaged', why: `entry ${header.readUIntBE(8, 6)} stands where ${sequence} belongs` }
  const length = header.readUInt32BE(4)
  const end = at + entryHeaderBytes + length
  const body = buffer.subarray(at + entryHeaderBytes, Math.min(end, buffer.length))
  if (buffer[end] === endMarker && header.readUInt32BE(14) === bodyCheck(sequence, body))
    return { kind: 'entry', bytes: body, next: end + 1 }
  if (!isZero(buffer.subarray(end + 1)) && holdsEntryAfter(buffer, end, sequence))
    return { kind: 'damaged', why: 'an entry does not match its check' }
  const unfinished = (buffer[end] ?? 0) === 0 || hasZeroSector(buffer, at, end)
  return unfinished ? { kind: 'torn' } : { kind: 'damaged', why: 'the last entry does not match its check' }
}

function holdsEntryAfter(buffer: Buffer, at: number, sequence: number): boolean {
  const mark = Buffer.alloc(6)
  mark.writeUIntBE(sequence + 1, 0, 6)
  for (let found = buffer.indexOf(mark, at); found >= 0; found = buffer.indexOf(mark, found + 1)) {
    const start = found - 8
    if (start > at && buffer.readUInt16BE(start) === magic && buffer.readUInt16BE(start + 2) === headerCheck(buffer, start))
      return true
  }
  return false
}

function hasZeroSector(buffer: Buffer, from: number, to: number): boolean {
  for (let at = Math.ceil(from / sectorBytes) * sectorBytes; at + sectorBytes <= to; at += sectorBytes) {
    if (isZero(buffer.subarray(at, at + sectorBytes))) return true
  }
  return false
}

const zeros = Buffer.alloc(65_536)

export function isZero(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at += zeros.length) {
    const part = bytes.subarray(at, at + zeros.length)
    if (part.compare(zeros, 0, part.length) !== 0) return false
  }
  return true
}
