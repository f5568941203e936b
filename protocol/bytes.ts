import { assert } from './assert.ts'

const shortText = 24

/**
 * A growing byte buffer with a cursor. Numbers are big endian, `varint` is unsigned LEB128 up to 2^53.
 * One writer is reused for many messages: `reset()`, write, `take()` (a copy) or `view()` (valid until the next write).
 */
export class ByteWriter {
  buffer: Buffer
  length = 0

  constructor(capacity = 1_024) {
    this.buffer = Buffer.allocUnsafeSlow(capacity)
  }

  reserve(bytes: number): void {
    const needed = this.length + bytes
    if (needed <= this.buffer.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2))
    this.buffer.copy(grown, 0, 0, this.length)
    this.buffer = grown
  }

  reset(): void {
    this.length = 0
  }

  view(): Buffer {
    return this.buffer.subarray(0, this.length)
  }

  take(): Buffer {
    return Buffer.from(this.view())
  }

  u8(value: number): void {
    this.reserve(1)
    this.buffer[this.length++] = value
  }

  i16(value: number): void {
    this.reserve(2)
    this.length = this.buffer.writeInt16BE(value, this.length)
  }

  i32(value: number): void {
    this.reserve(4)
    this.length = this.buffer.writeInt32BE(value, this.length)
  }

  u32(value: number): void {
    this.reserve(4)
    this.length = this.buffer.writeUInt32BE(value, this.length)
  }

  i64(value: bigint): void {
    this.reserve(8)
    this.length = this.buffer.writeBigInt64BE(value, this.length)
  }

  f32(value: number): void {
    this.reserve(4)
    this.length = this.buffer.writeFloatBE(value, this.length)
  }

  f64(value: number): void {
    this.reserve(8)
    this.length = this.buffer.writeDoubleBE(value, this.length)
  }

  varint(value: number): void {
    this.reserve(8)
    let rest = value
    while (rest >= 0x80) {
      this.buffer[this.length++] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    this.buffer[this.length++] = rest
  }

  bytes(value: Uint8Array): void {
    this.reserve(value.length)
    this.buffer.set(value, this.length)
    this.length += value.length
  }

  /** A binary string (one char per byte), such as a Key. */
  latin1(value: string): void {
    this.reserve(value.length)
    this.length += this.buffer.latin1Write(value, this.length)
  }

  utf8(value: string): void {
    const { length } = value
    this.reserve(length * 3)
    const { buffer } = this
    const start = this.length
    // A short ASCII text costs less in a loop than the call out of JavaScript does.
    if (length <= shortText) {
      let i = 0
      for (; i < length; i++) {
        const code = value.charCodeAt(i)
        if (code >= 0x80) break
        buffer[start + i] = code
      }
      if (i === length) {
        this.length = start + length
        return
      }
    }
    this.length = start + buffer.utf8Write(value, start)
  }

  /** Length (varint), then the bytes. */
  lengthBytes(value: Uint8Array): void {
    this.varint(value.length)
    this.bytes(value)
  }

  lengthLatin1(value: string): void {
    this.varint(value.length)
    this.latin1(value)
  }
}

/** Reads what ByteWriter wrote. Every read is checked against the end; a short buffer throws RangeError. */
export class ByteReader {
  readonly buffer: Buffer
  at: number
  readonly end: number

  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    this.buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.at = at
    this.end = end
  }

  get remaining(): number {
    return this.end - this.at
  }

  private advance(bytes: number): number {
    const at = this.at
    if (bytes < 0 || at + bytes > this.end) throw new RangeError('read beyond the end of the buffer')
    this.at = at + bytes
    return at
  }

  skip(bytes: number): void {
    this.advance(bytes)
  }

  u8(): number {
    return this.buffer[this.advance(1)] as number
  }

  i16(): number {
    return this.buffer.readInt16BE(this.advance(2))
  }

  i32(): number {
    return this.buffer.readInt32BE(this.advance(4))
  }

  u32(): number {
    return this.buffer.readUInt32BE(this.advance(4))
  }

  i64(): bigint {
    return this.buffer.readBigInt64BE(this.advance(8))
  }

  f32(): number {
    return this.buffer.readFloatBE(this.advance(4))
  }

  f64(): number {
    return this.buffer.readDoubleBE(this.advance(8))
  }

  varint(): number {
    let value = 0
    let scale = 1
    for (;;) {
      const byte = this.u8()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
      scale *= 0x80
      assert(scale <= 2 ** 49, 'a varint has at most eight bytes')
    }
  }

  /** A view, not a copy. */
  bytes(length: number): Buffer {
    const at = this.advance(length)
    return this.buffer.subarray(at, at + length)
  }

  latin1(length: number): string {
    const at = this.advance(length)
    return this.buffer.latin1Slice(at, at + length)
  }

  utf8(length: number): string {
    const at = this.advance(length)
    return this.buffer.utf8Slice(at, at + length)
  }

  lengthBytes(): Buffer {
    return this.bytes(this.varint())
  }

  lengthLatin1(): string {
    return this.latin1(this.varint())
  }
}
