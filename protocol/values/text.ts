import type { ByteReader, ByteWriter } from '../bytes.ts'
import { SqlError } from '../errors.ts'
import { identifierBytesMax } from '../limits.ts'
import { need } from './binary-input.ts'
import type { SqlType, Typmod } from './type.ts'
import { characterCount, characterPosition, clipUtf8, compareUtf8, decodeUtf8, refuseNul } from './utf8.ts'

/** Collation "C", the only one. */
export const compareText = compareUtf8

const itself = (text: string): string => text

function receiveText(reader: ByteReader): string {
  const text = decodeUtf8(reader.buffer, reader.at, reader.end)
  reader.at = reader.end
  return text
}

/** UTF-8 and a zero byte: no text holds NUL, so a prefix sorts before what it begins. */
function encodeTextKey(text: string, writer: ByteWriter): void {
  writer.utf8(text)
  writer.u8(0)
}

function decodeText(buffer: Buffer, start: number, end: number): string {
  return buffer.utf8Slice(start, end)
}

const shared = {
  elementOid: 0,
  output: itself,
  receive: receiveText,
  send: (text: string, writer: ByteWriter) => writer.utf8(text),
  compare: compareUtf8,
  hashKey: itself,
  encodeKey: encodeTextKey,
  encode: (text: string, writer: ByteWriter) => writer.utf8(text),
  decode: decodeText,
}

export const textType: SqlType<string> = {
  ...shared,
  oid: 25,
  name: 'text',
  displayName: 'text',
  category: 'S',
  preferred: true,
  length: -1,
  arrayOid: 1009,
  input: refuseNul,
}

/* ---------------------------------------------------------------- varchar(n) and char(n) */

const typmodHeader = 4
const lengthMax = 10_485_760

function lengthTypmod(type: string, modifiers: readonly number[]): Typmod {
  if (modifiers.length !== 1) throw new SqlError('22023', 'invalid type modifier')
  const length = modifiers[0] as number
  if (length < 1) throw new SqlError('22023', `length for type ${type} must be at least 1`)
  if (length > lengthMax) throw new SqlError('22023', `length for type ${type} cannot exceed ${lengthMax}`)
  return length + typmodHeader
}

const formatLength = (typmod: Typmod): string => (typmod >= typmodHeader ? `(${typmod - typmodHeader})` : '')

/** The first `length` characters; what is cut off must be spaces unless the cast is explicit. */
function cut(text: string, length: number, explicit: boolean, type: string): string {
  if (text.length <= length) return text
  const at = characterPosition(text, length)
  if (at === text.length) return text
  if (!explicit) {
    for (let i = at; i < text.length; i++) {
      if (text.charCodeAt(i) !== 32) throw new SqlError('22001', `value too long for type ${type}(${length})`)
    }
  }
  return text.slice(0, at)
}

function toVarchar(text: string, typmod: Typmod, explicit: boolean): string {
  return typmod < typmodHeader ? text : cut(text, typmod - typmodHeader, explicit, 'character varying')
}

export const varcharType: SqlType<string> = {
  ...shared,
  oid: 1043,
  name: 'varchar',
  displayName: 'character varying',
  category: 'S',
  preferred: false,
  length: -1,
  arrayOid: 1015,
  input: (text, typmod) => toVarchar(refuseNul(text), typmod, false),
  receive: (reader, typmod) => toVarchar(receiveText(reader), typmod, false),
  typmodIn: (modifiers) => lengthTypmod('varchar', modifiers),
  formatType: formatLength,
  coerceTypmod: toVarchar,
}

/** Without the trailing spaces that comparison, length and casts to text ignore. */
export function trimBlanks(text: string): string {
  let end = text.length
  while (end > 0 && text.charCodeAt(end - 1) === 32) end--
  return end === text.length ? text : text.slice(0, end)
}

function toBpchar(text: string, typmod: Typmod, explicit: boolean): string {
  if (typmod < typmodHeader) return text
  const length = typmod - typmodHeader
  const kept = cut(text, length, explicit, 'character')
  const missing = length - characterCount(kept)
  return missing > 0 ? kept + ' '.repeat(missing) : kept
}

/** char(n): values carry their padding, comparison does not see it. */
export const bpcharType: SqlType<string> = {
  ...shared,
  oid: 1042,
  name: 'bpchar',
  displayName: 'character',
  category: 'S',
  preferred: false,
  length: -1,
  arrayOid: 1014,
  input: (text, typmod) => toBpchar(refuseNul(text), typmod, false),
  receive: (reader, typmod) => toBpchar(receiveText(reader), typmod, false),
  typmodIn: (modifiers) => lengthTypmod('char', modifiers),
  formatType: formatLength,
  coerceTypmod: toBpchar,
  compare: (a, b) => compareUtf8(trimBlanks(a), trimBlanks(b)),
  hashKey: trimBlanks,
  encodeKey: (text, writer) => encodeTextKey(trimBlanks(text), writer),
}

/* ---------------------------------------------------------------- name, "char" and the types of literals */

/** Identifiers are cut to 63 bytes, without a word. */
export function toName(text: string): string {
  return clipUtf8(text, identifierBytesMax)
}

export const nameType: SqlType<string> = {
  ...shared,
  oid: 19,
  name: 'name',
  displayName: 'name',
  category: 'S',
  preferred: false,
  length: 64,
  // pg_type.typelem is "char" for historical reasons; a name is no array for anybody but the subscript operator.
  arrayOid: 1003,
  input: (text) => toName(refuseNul(text)),
  receive(reader) {
    const text = receiveText(reader)
    if (Buffer.byteLength(text) > identifierBytesMax) {
      throw new SqlError('42622', 'identifier too long', {
        detail: `Identifier must be less than ${identifierBytesMax + 1} characters.`,
      })
    }
    return text
  },
}

/** One byte of text as "char" holds it: a string of one char below 256, '' for the zero byte. */
export const byteToChar = (byte: number): string => (byte === 0 ? '' : String.fromCharCode(byte & 0xff))
export const charToByte = (value: string): number => (value === '' ? 0 : value.charCodeAt(0))

export function outputChar(value: string): string {
  const byte = charToByte(value)
  return byte < 0x80 ? value : `\\${byte.toString(8).padStart(3, '0')}`
}

export function parseChar(text: string): string {
  const octal = /^\\([0-7]{3})$/.exec(text)
  if (octal) return byteToChar(Number.parseInt(octal[1] as string, 8))
  const first = text.charCodeAt(0)
  if (text === '' || first < 0x80) return text === '' ? '' : byteToChar(first)
  return byteToChar(Buffer.from(String.fromCodePoint(text.codePointAt(0) as number))[0] as number)
}

export const charType: SqlType<string> = {
  oid: 18,
  name: 'char',
  displayName: '"char"',
  category: 'Z',
  preferred: false,
  length: 1,
  elementOid: 0,
  arrayOid: 1002,
  input: (text) => parseChar(refuseNul(text)),
  output: outputChar,
  receive(reader) {
    need(reader, 1)
    return byteToChar(reader.u8())
  },
  send: (value, writer) => writer.u8(charToByte(value)),
  compare: (a, b) => charToByte(a) - charToByte(b),
  hashKey: itself,
  encodeKey: (value, writer) => writer.u8(charToByte(value)),
  encode: (value, writer) => writer.u8(charToByte(value)),
  decode: (buffer, start) => byteToChar(buffer[start] as number),
}

/** A literal nobody has given a type yet. */
export const unknownType: SqlType<string> = {
  ...shared,
  oid: 705,
  name: 'unknown',
  displayName: 'unknown',
  category: 'X',
  preferred: false,
  length: -2,
  arrayOid: 0,
  input: refuseNul,
}

export const cstringType: SqlType<string> = {
  ...shared,
  oid: 2275,
  name: 'cstring',
  displayName: 'cstring',
  category: 'P',
  preferred: false,
  length: -2,
  arrayOid: 0,
  input: refuseNul,
}

/** Catalog columns that are always NULL here, or text that a program wrote. */
export const nodeTreeType: SqlType<string> = {
  ...shared,
  oid: 194,
  name: 'pg_node_tree',
  displayName: 'pg_node_tree',
  category: 'Z',
  preferred: false,
  length: -1,
  arrayOid: 0,
  input() {
    throw new SqlError('0A000', 'cannot accept a value of type pg_node_tree')
  },
  receive() {
    throw new SqlError('0A000', 'cannot accept a value of type pg_node_tree')
  },
}

export const aclitemType: SqlType<string> = {
  ...shared,
  oid: 1033,
  name: 'aclitem',
  displayName: 'aclitem',
  category: 'U',
  preferred: false,
  length: 16,
  arrayOid: 1034,
  input: refuseNul,
}
