import { ByteReader } from '../../protocol/bytes.ts'
import { SqlError } from '../../protocol/errors.ts'
import type { SqlType } from '../../protocol/values/type.ts'
import type { Value } from '../../protocol/values/value.ts'
import { type CopyIn, copyFormatError } from './copy-in.ts'
import { binarySignature } from './copy-out.ts'
import type { Task } from './task.ts'

/** A field larger than this is a mistake, not data. */
const fieldBytesMax = 1_073_741_823

/** Takes COPY's binary format apart (manual, COPY, "Binary Format"): signature, flags, extension, then tuples up to a count of -1. */
export class CopyBinary {
  private rest: Buffer = Buffer.alloc(0)
  private started = false
  private over = false

  value(bytes: Buffer, type: SqlType, typmod: number): Value {
    const reader = new ByteReader(bytes)
    let value: Value
    try {
      value = type.receive(reader, typmod)
    } catch (error) {
      if (error instanceof RangeError) throw new SqlError('08P01', 'insufficient data left in message')
      throw error
    }
    if (reader.remaining > 0) throw new SqlError('22P03', 'incorrect binary data format')
    return value
  }

  /** The fields of the next tuple; undefined at the end. */
  *next(stream: CopyIn): Task<(Buffer | null)[] | undefined> {
    if (!this.started) yield* this.header(stream)
    const head = yield* this.take(stream, 2, true)
    if (head === undefined) return undefined
    const count = head.readInt16BE(0)
    if (count === -1) {
      if (this.rest.length > 0 || (yield* stream.next()) !== undefined) {
        throw copyFormatError('received copy data after EOF marker')
      }
      return undefined
    }
    if (count < 0) throw copyFormatError('invalid field count')
    const fields: (Buffer | null)[] = []
    for (let i = 0; i < count; i++) {
      const length = ((yield* this.take(stream, 4)) as Buffer).readInt32BE(0)
      if (length < -1 || length > fieldBytesMax) throw copyFormatError('invalid field size')
      fields.push(length === -1 ? null : ((yield* this.take(stream, length)) as Buffer))
    }
    return fields
  }

  private *header(stream: CopyIn): Task<void> {
    this.started = true
    const signature = yield* this.take(stream, binarySignature.length, true)
    if (signature === undefined || Buffer.compare(signature, binarySignature) !== 0) {
      throw copyFormatError('COPY file signature not recognized')
    }
    const flags = ((yield* this.take(stream, 4)) as Buffer).readUInt32BE(0)
    if ((flags & 0x10000) !== 0) throw copyFormatError('invalid COPY file header (WITH OIDS)')
    if (flags >>> 17 !== 0) throw copyFormatError('unrecognized critical flags in COPY file header')
    const extension = ((yield* this.take(stream, 4)) as Buffer).readInt32BE(0)
    if (extension < 0) throw copyFormatError('invalid COPY file header (missing length)')
    if (extension > 0) yield* this.take(stream, extension)
  }

  /** Exactly so many bytes; undefined at a clean end when that may be, else an error. */
  private *take(stream: CopyIn, bytes: number, mayEnd = false): Task<Buffer | undefined> {
    while (this.rest.length < bytes && !this.over) {
      const chunk = yield* stream.next()
      if (chunk === undefined) this.over = true
      else this.rest = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk])
    }
    if (this.rest.length < bytes) {
      if (mayEnd && this.rest.length === 0) return undefined
      throw copyFormatError('unexpected EOF in COPY data')
    }
    const taken = this.rest.subarray(0, bytes)
    this.rest = this.rest.subarray(bytes)
    return taken
  }
}
