import { crc32 } from 'node:zlib'

/**
 * How one entry lies in a segment: header { magic u16, sequence u48, length u32, check u32 }, then the body. Whatever of it lies in one sector
 * of the disk is a piece and ends in a check of its own, which is never zero:
 *
 *     ... | header | body .......... check | body ................... check | body ... check | next entry ...
 *                                   sector                          sector
 *
 * Segments are filled with zeros ahead of writing, and a device writes a sector whole or not at all. So after a crash each piece of an append
 * that never finished is there, or its check is still zeros: a torn tail (cut off). Anything else is damage (refused, rule 18), be it one bit
 * of the last entry. A header is never divided: where too little of a sector is left for it, zeros stand there and the entry begins in the next.
 */
const headerBytes = 16
const checkBytes = 4
const magic = 0x7a75
/** What a device writes whole or not at all. */
const sectorBytes = 512
const pieceBytesMax = sectorBytes - checkBytes

const noRoom = Buffer.alloc(0)

export function entryStart(at: number): number {
  const left = sectorBytes - (at % sectorBytes)
  return left < headerBytes + checkBytes ? at + left : at
}

/** Where an entry that is appended at `at` ends. */
export function entryEnd(at: number, bodyBytes: number): number {
  const start = entryStart(at)
  const inFirst = sectorBytes - (start % sectorBytes) - checkBytes
  const all = headerBytes + bodyBytes
  if (all <= inFirst) return start + all + checkBytes
  const rest = all - inFirst
  const between = Math.ceil(rest / pieceBytesMax) - 1
  return start + inFirst + checkBytes + between * sectorBytes + (rest - between * pieceBytesMax) + checkBytes
}

/** The bytes to write at `at`, in `into` where they fit: what is staged would be allocated once more. */
export function encodeEntry(at: number, sequence: number, body: Uint8Array, into: Buffer = noRoom): Buffer {
  const length = entryEnd(at, body.length) - at
  const entry = length <= into.length ? into.subarray(0, length) : Buffer.allocUnsafe(length)
  let piece = entryStart(at) - at
  entry.fill(0, 0, piece)
  entry.writeUInt16BE(magic, piece)
  entry.writeUIntBE(sequence, piece + 2, 6)
  entry.writeUInt32BE(body.length, piece + 8)
  entry.writeUInt32BE(headerCheck(entry, piece), piece + 12)
  let to = piece + headerBytes
  let from = 0
  for (let number = 0; ; number++) {
    const length = Math.min(body.length - from, sectorEnd(at + piece) - at - checkBytes - to)
    entry.set(length === body.length ? body : body.subarray(from, from + length), to)
    from += length
    to += length
    entry.writeUInt32BE(pieceCheck(entry, piece, to, sequence, number), to)
    to += checkBytes
    if (from === body.length) return entry
    piece = to
  }
}

export type EntryReading =
  | { readonly kind: 'entry'; readonly bytes: Buffer; readonly next: number }
  /** Nothing was ever written here. */
  | { readonly kind: 'end' }
  /** An append that never finished: nobody was told that it is there. It would have ended at `end`, as far as that is known. */
  | { readonly kind: 'torn'; readonly end: number }
  | { readonly kind: 'damaged'; readonly why: string }

/** Reads the entry that should start at `at` with this sequence. `buffer` is the segment up to its preallocated end. */
export function readEntry(buffer: Buffer, at: number, sequence: number): EntryReading {
  const start = entryStart(at)
  if (!isZero(buffer.subarray(at, start))) return { kind: 'damaged', why: 'something stands between two entries' }
  if (isZero(buffer.subarray(start, sectorEnd(start)))) {
    if (isZero(buffer.subarray(start))) return { kind: 'end' }
    return holdsEntryAfter(buffer, start, sequence)
      ? { kind: 'damaged', why: 'entries follow a gap' }
      : { kind: 'torn', end: start }
  }
  if (!isHeader(buffer, start)) {
    const isCut = isZero(buffer.subarray(start + headerBytes - 1))
    return isCut ? { kind: 'torn', end: start } : { kind: 'damaged', why: 'an entry header does not match its check' }
  }
  const found = buffer.readUIntBE(start + 2, 6)
  if (found !== sequence) return { kind: 'damaged', why: `entry ${found} stands where ${sequence} belongs` }
  const bodyBytes = buffer.readUInt32BE(start + 8)
  const end = entryEnd(start, bodyBytes)
  const whole = join(buffer, start, end, sequence, bodyBytes)
  if (whole === 'damaged') return { kind: 'damaged', why: 'an entry does not match its check' }
  if (whole !== 'torn') return { kind: 'entry', bytes: whole, next: end }
  return holdsEntryAfter(buffer, end, sequence)
    ? { kind: 'damaged', why: 'an entry is cut off, and others follow' }
    : { kind: 'torn', end }
}

/** The body, put together from its pieces. */
function join(buffer: Buffer, start: number, end: number, sequence: number, bodyBytes: number): Buffer | 'torn' | 'damaged' {
  const isSingle = end <= sectorEnd(start)
  const body = isSingle || end > buffer.length ? undefined : Buffer.allocUnsafe(bodyBytes)
  let isWhole = end <= buffer.length
  let filled = 0
  for (let piece = start, number = 0; piece < end; number++) {
    const next = Math.min(end, sectorEnd(piece))
    const to = next - checkBytes
    if (next > buffer.length || buffer[next - 1] === 0) isWhole = false
    else if (buffer.readUInt32BE(to) !== pieceCheck(buffer, piece, to, sequence, number)) return 'damaged'
    if (body !== undefined) filled += buffer.copy(body, filled, number === 0 ? piece + headerBytes : piece, to)
    piece = next
  }
  if (!isWhole) return 'torn'
  return body ?? buffer.subarray(start + headerBytes, end - checkBytes)
}

const sectorEnd = (at: number): number => at - (at % sectorBytes) + sectorBytes

/** Two bits always stand in a check's last byte: zeros there were never written over, and no single flipped bit makes them. */
const checkOf = (bytes: Buffer, seed: number): number => (crc32(bytes, seed) | 3) >>> 0

const headerCheck = (buffer: Buffer, at: number): number => checkOf(buffer.subarray(at, at + headerBytes - checkBytes), 0)

/** Covers the sequence and the place within the entry: a piece counts at its own place only. */
function pieceCheck(buffer: Buffer, from: number, to: number, sequence: number, number: number): number {
  return checkOf(buffer.subarray(from, to), (Math.imul(sequence % 0x1_0000_0000, 0x9e37_79b1) + number) >>> 0)
}

const isHeader = (buffer: Buffer, at: number): boolean =>
  at + headerBytes <= buffer.length &&
  buffer.readUInt16BE(at) === magic &&
  buffer.readUInt32BE(at + headerBytes - checkBytes) === headerCheck(buffer, at)

/** The beginning of a later entry, whole: an append came after what is missing here, so that was acknowledged. */
function holdsEntryAfter(buffer: Buffer, from: number, sequence: number): boolean {
  const mark = Buffer.alloc(2)
  mark.writeUInt16BE(magic)
  for (let at = buffer.indexOf(mark, from); at >= 0; at = buffer.indexOf(mark, at + 1)) {
    if (!isHeader(buffer, at) || entryStart(at) !== at) continue
    const found = buffer.readUIntBE(at + 2, 6)
    const to = Math.min(sectorEnd(at), entryEnd(at, buffer.readUInt32BE(at + 8))) - checkBytes
    if (found <= sequence || to + checkBytes > buffer.length) continue
    if (buffer.readUInt32BE(to) === pieceCheck(buffer, at, to, found, 0)) return true
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
