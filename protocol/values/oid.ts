import type { ByteWriter } from '../bytes.ts'
import { invalidText, SqlError } from '../errors.ts'
import type { Oid } from '../ids.ts'
import { need } from './binary-input.ts'
import { decodeInt8, encodeInt8 } from './integer.ts'
import { isSpace, trimSpace } from './space.ts'
import type { SqlType } from './type.ts'

/** strtoul with base 0 into `bits`; also what stands behind it. A leading minus wraps around. */
function scanUnsigned(text: string, bits: 32 | 64, type: string): bigint {
  let at = 0
  while (isSpace(text.charCodeAt(at))) at++
  const match = /^([-+]?)(?:0[xX]([0-9a-fA-F]+)|(0[0-7]*)|([1-9][0-9]*))/.exec(text.slice(at))
  if (!match) throw invalidText(type, text)
  const [all, sign, hex, octal, decimal] = match
  const value = BigInt(hex !== undefined ? `0x${hex}` : octal !== undefined ? `0o0${octal.slice(1)}` : (decimal as string))
  const outOfRange = (): SqlError => new SqlError('22003', `value "${text}" is out of range for type ${type}`)
  if (value > 0xffffffffffffffffn) throw outOfRange()
  const rest = text.slice(at + all.length)
  for (let i = 0; i < rest.length; i++) if (!isSpace(rest.charCodeAt(i))) throw invalidText(type, text)
  const signed = sign === '-' ? -value : value
  const wrapped = BigInt.asUintN(64, signed)
  // oidin takes 32 bits as they are or sign-extended to 64.
  if (bits === 32 && wrapped > 0xffffffffn && wrapped < 0xffffffff80000000n) throw outOfRange()
  return BigInt.asUintN(bits, wrapped)
}

/** Decimal text, the everyday case, without BigInt. */
function parseOid(text: string, type = 'oid'): Oid {
  return /^[1-9]\d{0,8}$/.test(text) ? Number(text) : Number(scanUnsigned(text, 32, type))
}

/** An int4 relabelled as oid keeps its 32 bits; here they count without sign. */
const byNumber = (a: number, b: number): number => (a >>> 0) - (b >>> 0)
const itself = <T>(value: T): T => value

const number4 = {
  length: 4,
  elementOid: 0,
  output: (value: number) => String(value >>> 0),
  receive(reader: Parameters<SqlType['receive']>[0]) {
    need(reader, 4)
    return reader.u32()
  },
  send: (value: number, writer: ByteWriter) => writer.u32(value >>> 0),
  hashKey: (value: number) => value >>> 0,
  encode: (value: number, writer: ByteWriter) => writer.varint(value >>> 0),
  decode: readVarint,
}

function readVarint(buffer: Buffer, start: number, end: number): number {
  let value = 0
  for (let at = end - 1; at >= start; at--) value = value * 0x80 + ((buffer[at] as number) & 0x7f)
  return value
}

const ordered = { compare: byNumber, encodeKey: (value: number, writer: ByteWriter) => writer.u32(value >>> 0) }

export const oidType: SqlType<number> = {
  ...number4,
  ...ordered,
  oid: 26,
  name: 'oid',
  displayName: 'oid',
  category: 'N',
  preferred: true,
  arrayOid: 1028,
  input: (text) => parseOid(text),
}

/**
 * The object identifier types are numbers here. Digits and '-' for 0 they read and write themselves; names come from the session's
 * catalog by way of the settings.
 */
function objectType(oid: Oid, arrayOid: Oid, name: string): SqlType<number> {
  return {
    ...number4,
    ...ordered,
    oid,
    name,
    displayName: name,
    category: 'N',
    preferred: false,
    arrayOid,
    input(text, _typmod, settings) {
      if (text === '-') return 0
      if (/^\d+$/.test(text)) return parseOid(text)
      if (settings.objectOid === undefined) throw invalidText(name, text)
      return settings.objectOid(oid, text)
    },
    output(value, settings) {
      if (value === 0) return '-'
      return settings.objectName === undefined ? String(value) : settings.objectName(oid, value)
    },
  }
}

export const regprocType = objectType(24, 1008, 'regproc')
export const regprocedureType = objectType(2202, 2207, 'regprocedure')
export const regclassType = objectType(2205, 2210, 'regclass')
export const regtypeType = objectType(2206, 2211, 'regtype')
export const regnamespaceType = objectType(4089, 4090, 'regnamespace')
export const regroleType = objectType(4096, 4097, 'regrole')

/** Transaction and command numbers can be compared for equality only. */
function countType(oid: Oid, arrayOid: Oid, name: string): SqlType<number> {
  return {
    ...number4,
    oid,
    name,
    displayName: name,
    category: 'U',
    preferred: false,
    arrayOid,
    input: (text) => parseOid(text, name),
  }
}

export const xidType = countType(28, 1011, 'xid')
export const cidType = countType(29, 1012, 'cid')

export const xid8Type: SqlType<bigint> = {
  oid: 5069,
  name: 'xid8',
  displayName: 'xid8',
  category: 'U',
  preferred: false,
  length: 8,
  elementOid: 0,
  arrayOid: 271,
  input: (text) => scanUnsigned(text, 64, 'xid8'),
  output: (value) => value.toString(),
  receive(reader) {
    need(reader, 8)
    return BigInt.asUintN(64, reader.i64())
  },
  send: (value, writer) => writer.i64(BigInt.asIntN(64, value)),
  compare: (a, b) => (a < b ? -1 : a > b ? 1 : 0),
  hashKey: itself,
  encodeKey: (value, writer) => writer.i64(BigInt.asIntN(64, value)),
  encode: (value, writer) => encodeInt8(BigInt.asIntN(64, value), writer),
  decode: (buffer, start, end) => BigInt.asUintN(64, decodeInt8(buffer, start, end)),
}

/** `(block,offset)`, kept as its canonical text. */
const tidParts = (value: string): [number, number] => {
  const comma = value.indexOf(',')
  return [Number(value.slice(1, comma)), Number(value.slice(comma + 1, -1))]
}

function writeTid(value: string, writer: ByteWriter): void {
  const [block, offset] = tidParts(value)
  writer.u32(block)
  writer.u8(offset >> 8)
  writer.u8(offset & 0xff)
}

function readTid(buffer: Buffer, start: number): string {
  return `(${buffer.readUInt32BE(start)},${buffer.readUInt16BE(start + 4)})`
}

export const tidType: SqlType<string> = {
  oid: 27,
  name: 'tid',
  displayName: 'tid',
  category: 'U',
  preferred: false,
  length: 6,
  elementOid: 0,
  arrayOid: 1010,
  input(text) {
    const match = /^\(\s*([-+]?\d+),\s*([-+]?\d+)\)$/.exec(trimSpace(text))
    const block = Number(match?.[1])
    const offset = Number(match?.[2])
    if (!(block >= -0x80000000 && block <= 0xffffffff && offset >= 0 && offset <= 0xffff)) throw invalidText('tid', text)
    return `(${block >>> 0},${offset})`
  },
  output: itself,
  receive(reader) {
    need(reader, 6)
    return readTid(reader.buffer, (reader.at += 6) - 6)
  },
  send: writeTid,
  compare(a, b) {
    const [blockA, offsetA] = tidParts(a)
    const [blockB, offsetB] = tidParts(b)
    return blockA - blockB || offsetA - offsetB
  },
  hashKey: itself,
  encodeKey: writeTid,
  encode: writeTid,
  decode: readTid,
}
