import { trimBlanks } from '../../../../protocol/values/text.ts'
import type { Implementations, ScalarFunction } from './registry.ts'

/**
 * PostgreSQL's hash functions (hashfn.c: Jenkins' lookup3), which people call by name: pg_advisory_lock(hashtext('migrations')).
 * Same numbers as there, so that programs agree across databases.
 */
const rotate = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits))

/** The state of one hash: three 32-bit words. */
class State {
  a: number
  b: number
  c: number

  constructor(length: number) {
    this.a = this.b = this.c = (0x9e3779b9 + length + 3_923_095) | 0
  }

  mix(): void {
    let { a, b, c } = this
    a = ((a - c) | 0) ^ rotate(c, 4)
    c = (c + b) | 0
    b = ((b - a) | 0) ^ rotate(a, 6)
    a = (a + c) | 0
    c = ((c - b) | 0) ^ rotate(b, 8)
    b = (b + a) | 0
    a = ((a - c) | 0) ^ rotate(c, 16)
    c = (c + b) | 0
    b = ((b - a) | 0) ^ rotate(a, 19)
    a = (a + c) | 0
    c = ((c - b) | 0) ^ rotate(b, 4)
    b = (b + a) | 0
    this.a = a
    this.b = b
    this.c = c
  }

  finish(): void {
    let { a, b, c } = this
    c = ((c ^ b) - rotate(b, 14)) | 0
    a = ((a ^ c) - rotate(c, 11)) | 0
    b = ((b ^ a) - rotate(a, 25)) | 0
    c = ((c ^ b) - rotate(b, 16)) | 0
    a = ((a ^ c) - rotate(c, 4)) | 0
    b = ((b ^ a) - rotate(a, 14)) | 0
    c = ((c ^ b) - rotate(b, 24)) | 0
    this.b = b
    this.c = c
  }

  seed(seed: bigint): void {
    if (seed === 0n) return
    this.a = (this.a + Number(BigInt.asIntN(32, seed >> 32n))) | 0
    this.b = (this.b + Number(BigInt.asIntN(32, seed))) | 0
    this.mix()
  }

  bytes(key: Uint8Array): void {
    const word = (at: number): number =>
      (key[at] ?? 0) | ((key[at + 1] ?? 0) << 8) | ((key[at + 2] ?? 0) << 16) | ((key[at + 3] ?? 0) << 24) | 0
    let at = 0
    for (; key.length - at >= 12; at += 12) {
      this.a = (this.a + word(at)) | 0
      this.b = (this.b + word(at + 4)) | 0
      this.c = (this.c + word(at + 8)) | 0
      this.mix()
    }
    this.a = (this.a + word(at)) | 0
    this.b = (this.b + word(at + 4)) | 0
    // The lowest byte of c is kept for the length, which went in at the start.
    this.c = (this.c + (word(at + 8) << 8)) | 0
    this.finish()
  }

  word(value: number): void {
    this.a = (this.a + value) | 0
    this.finish()
  }

  get wide(): bigint {
    return BigInt.asIntN(64, (BigInt(this.b >>> 0) << 32n) | BigInt(this.c >>> 0))
  }
}

/** A key's hash as int4, and with a seed as int8. */
function hashes<V>(name: string, absorb: (value: V, start: (length: number) => State) => void): Record<string, ScalarFunction> {
  const run = (value: V, seed: bigint): State => {
    let state = new State(0)
    absorb(value, (length) => {
      state = new State(length)
      state.seed(seed)
      return state
    })
    return state
  }
  return {
    [name]: (_context, value: V) => run(value, 0n).c,
    [`${name}extended`]: (_context, value: V, seed: bigint) => run(value, seed).wide,
  }
}

const ofBytes = (bytes: Uint8Array, start: (length: number) => State): void => start(bytes.length).bytes(bytes)
const ofWord = (value: number, start: (length: number) => State): void => start(4).word(value)

/** Small int8 hash as the same int4 do. */
function foldInt8(value: bigint): number {
  const low = Number(BigInt.asIntN(32, value))
  const high = Number(BigInt.asIntN(32, value >> 32n))
  return value >= 0n ? low ^ high : low ^ ~high
}

export const hashFunctions: Implementations = {
  scalar: {
    ...hashes<string>('hashtext', (text, start) => ofBytes(Buffer.from(text), start)),
    ...hashes<string>('hashname', (text, start) => ofBytes(Buffer.from(text), start)),
    ...hashes<string>('hashbpchar', (text, start) => ofBytes(Buffer.from(trimBlanks(text)), start)),
    ...hashes<number>('hashint2', ofWord),
    ...hashes<number>('hashint4', ofWord),
    ...hashes<number>('hashoid', ofWord),
    ...hashes<bigint>('hashint8', (value, start) => ofWord(foldInt8(value), start)),
  },
}
