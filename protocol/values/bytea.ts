import type { ByteWriter } from '../bytes.ts'
import { SqlError } from '../errors.ts'
import type { SqlType } from './type.ts'

/** Digits in pairs; white space may stand between pairs (hex_decode). */
export function decodeHex(text: string, start = 0): Uint8Array {
  const hex = start === 0 ? text : text.slice(start)
  if ((hex.length & 1) === 0 && /^[0-9a-fA-F]*$/.test(hex)) return Uint8Array.from(Buffer.from(hex, 'hex'))
  const bytes: number[] = []
  for (let at = 0; at < hex.length; ) {
    if (/[ \n\t\r]/.test(hex[at] as string)) {
      at++
      continue
    }
    const high = hexDigit(hex, at)
    if (at + 1 >= hex.length) throw new SqlError('22023', 'invalid hexadecimal data: odd number of digits')
    bytes.push(high * 16 + hexDigit(hex, at + 1))
    at += 2
  }
  return Uint8Array.from(bytes)
}

function hexDigit(hex: string, at: number): number {
  const digit = Number.parseInt(hex[at] as string, 16)
  if (Number.isNaN(digit)) {
    throw new SqlError('22023', `invalid hexadecimal digit: "${String.fromCodePoint(hex.codePointAt(at) as number)}"`)
  }
  return digit
}

/** `\\` is a backslash, `\ooo` an octal byte, everything else itself; undefined when a backslash stands wrong. */
export function decodeEscape(text: string): Uint8Array | undefined {
  const source = Buffer.from(text)
  const target = new Uint8Array(source.length)
  let length = 0
  for (let at = 0; at < source.length; ) {
    const byte = source[at] as number
    if (byte !== 92) {
      target[length++] = byte
      at++
    } else if (source[at + 1] === 92) {
      target[length++] = 92
      at += 2
    } else {
      const octal = /^[0-3][0-7][0-7]$/.exec(source.latin1Slice(at + 1, Math.min(at + 4, source.length)))
      if (!octal) return undefined
      target[length++] = Number.parseInt(octal[0], 8)
      at += 4
    }
  }
  return target.slice(0, length)
}

function encodeEscape(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) {
    if (byte === 92) text += '\\\\'
    else if (byte < 32 || byte > 126) text += `\\${byte.toString(8).padStart(3, '0')}`
    else text += String.fromCharCode(byte)
  }
  return text
}

export function bytesToHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}

function parseBytea(text: string): Uint8Array {
  if (text.startsWith('\\x')) return decodeHex(text, 2)
  const bytes = decodeEscape(text)
  if (bytes === undefined) throw new SqlError('22P02', 'invalid input syntax for type bytea')
  return bytes
}

/** memcmp, then the shorter one first. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b)
}

/** A zero byte is 00 FF, the end is 00 00: no value's key begins another's. */
function encodeBytesKey(value: Uint8Array, writer: ByteWriter): void {
  writer.reserve(value.length * 2 + 2)
  for (const byte of value) {
    writer.u8(byte)
    if (byte === 0) writer.u8(0xff)
  }
  writer.u8(0)
  writer.u8(0)
}

export const byteaType: SqlType<Uint8Array> = {
  oid: 17,
  name: 'bytea',
  displayName: 'bytea',
  category: 'U',
  preferred: false,
  length: -1,
  elementOid: 0,
  arrayOid: 1001,
  input: parseBytea,
  output: (value, settings) => (settings.byteaOutput === 'hex' ? `\\x${bytesToHex(value)}` : encodeEscape(value)),
  receive: (reader) => Uint8Array.from(reader.bytes(reader.remaining)),
  send: (value, writer) => writer.bytes(value),
  compare: compareBytes,
  hashKey: (value) => Buffer.from(value.buffer, value.byteOffset, value.byteLength).latin1Slice(),
  encodeKey: encodeBytesKey,
  encode: (value, writer) => writer.bytes(value),
  decode: (buffer, start, end) => Uint8Array.from(buffer.subarray(start, end)),
}
