import { ByteReader, ByteWriter } from '../bytes.ts'
import { SqlError, unsupported } from '../errors.ts'
import { checkBounds, parseArrayLiteral } from './array-literal.ts'
import type { OutputSettings, SqlType } from './type.ts'
import { SqlArray, type Value } from './value.ts'

export const emptyArray = new SqlArray([])

/** Elements beyond this would not fit a PostgreSQL array either (MaxArraySize). */
export const arrayElementsMax = 134_217_727

const types = new Map<number, SqlType<SqlArray>>()

/** The array type over `element`: always the same object for the same element type. */
export function arrayType<V extends Value>(element: SqlType<V>): SqlType<SqlArray> {
  const known = types.get(element.oid)
  if (known) return known
  const made = makeArrayType(element as unknown as SqlType)
  types.set(element.oid, made)
  return made
}

function makeArrayType(element: SqlType): SqlType<SqlArray> {
  const { compare, hashKey, encodeKey, coerceTypmod, typmodIn, formatType } = element
  return {
    oid: element.arrayOid,
    name: `_${element.name}`,
    displayName: `${element.displayName}[]`,
    category: 'A',
    preferred: false,
    length: -1,
    elementOid: element.oid,
    arrayOid: 0,
    input(text, typmod, settings) {
      const literal = parseArrayLiteral(text)
      if (literal.elements.length === 0) return emptyArray
      return new SqlArray(
        literal.elements.map((item) => (item === null ? null : element.input(item, typmod, settings))),
        literal.lowerBound,
      )
    },
    output: (value, settings) => outputArray(element, value, settings),
    receive: (reader, typmod) => receiveArray(element, reader, typmod),
    send: (value, writer) => sendArray(element, value, writer),
    ...(typmodIn && { typmodIn: (modifiers) => typmodIn(modifiers) }),
    ...(formatType && { formatType: (typmod) => formatType(typmod) }),
    ...(coerceTypmod && {
      coerceTypmod: (value, typmod, explicit) =>
        new SqlArray(
          value.elements.map((item) => (item === null ? null : coerceTypmod(item, typmod, explicit))),
          value.lowerBound,
        ),
    }),
    ...(compare && { compare: (a, b) => compareArrays(compare, a, b) }),
    ...(hashKey && { hashKey: (value) => arrayHashKey(hashKey, value) }),
    ...(encodeKey && { encodeKey: (value, writer) => encodeArrayKey(encodeKey, value, writer) }),
    encode(value, writer) {
      writer.varint(value.elements.length)
      writer.i32(value.lowerBound)
      for (const item of value.elements) {
        const at = writer.length
        writer.u32(0xffffffff)
        if (item === null) continue
        element.encode(item, writer)
        writer.buffer.writeUInt32BE(writer.length - at - 4, at)
      }
    },
    decode(buffer, start, end) {
      const reader = new ByteReader(buffer, start, end)
      const count = reader.varint()
      const lowerBound = reader.i32()
      if (count === 0) return emptyArray
      const elements = new Array<Value>(count)
      for (let i = 0; i < count; i++) {
        const length = reader.u32()
        if (length === 0xffffffff) {
          elements[i] = null
          continue
        }
        elements[i] = element.decode(buffer, reader.at, reader.at + length)
        reader.at += length
      }
      return new SqlArray(elements, lowerBound)
    },
  }
}

/** Element by element, NULLs last; then the shorter one first, then the lower bound (array_cmp). */
function compareArrays(compare: (a: Value, b: Value) => number, a: SqlArray, b: SqlArray): number {
  const shared = Math.min(a.elements.length, b.elements.length)
  for (let i = 0; i < shared; i++) {
    const left = a.elements[i] as Value
    const right = b.elements[i] as Value
    if (left === null || right === null) {
      if (left === right) continue
      return left === null ? 1 : -1
    }
    const order = compare(left, right)
    if (order !== 0) return order
  }
  return a.elements.length - b.elements.length || (a.elements.length === 0 ? 0 : a.lowerBound - b.lowerBound)
}

function arrayHashKey(hashKey: (value: Value) => string | number | bigint | boolean, value: SqlArray): string {
  let key = value.elements.length === 0 ? '1' : `${value.lowerBound}`
  for (const item of value.elements) {
    if (item === null) {
      key += ',N'
      continue
    }
    const part = String(hashKey(item))
    key += `,${part.length}:${part}`
  }
  return key
}

/** 1 and the element, 2 for NULL, 0 at the end; then the lower bound. */
function encodeArrayKey(encodeKey: (value: Value, writer: ByteWriter) => void, value: SqlArray, writer: ByteWriter): void {
  for (const item of value.elements) {
    if (item === null) {
      writer.u8(2)
      continue
    }
    writer.u8(1)
    encodeKey(item, writer)
  }
  writer.u8(0)
  writer.u32(((value.elements.length === 0 ? 1 : value.lowerBound) ^ 0x80000000) >>> 0)
}

const needsQuotes = /[\s"\\{},]|^$|^null$/i
const special = /["\\]/g

export function quoteElement(text: string): string {
  if (isPlain(text)) return text
  return needsQuotes.test(text) ? `"${text.replace(special, '\\$&')}"` : text
}

/** Letters, digits and the like: a look at each costs less than the expression. */
function isPlain(text: string): boolean {
  const { length } = text
  if (length === 0 || length === 4 || length > plainLengthMax) return false
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code <= 0x20 || code === 0x22 || code === 0x2c || code === 0x5c || code === 0x7b || code === 0x7d || code >= 0x7f) {
      return false
    }
  }
  return true
}

const plainLengthMax = 64

/** Texts of more elements are made of bytes: joining so many strings costs more. */
const joinedMax = 1_000

function outputArray(element: SqlType, value: SqlArray, settings: OutputSettings): string {
  if (value.elements.length === 0) return '{}'
  if (value.elements.length > joinedMax) return outputLong(element, value, settings)
  const items = value.elements.map((item) => (item === null ? 'NULL' : quoteElement(element.output(item, settings))))
  const bounds = value.lowerBound === 1 ? '' : `[${value.lowerBound}:${value.lowerBound + value.elements.length - 1}]=`
  return `${bounds}{${items.join(',')}}`
}

function outputLong(element: SqlType, { elements, lowerBound }: SqlArray, settings: OutputSettings): string {
  const writer = new ByteWriter(elements.length * 8)
  if (lowerBound !== 1) writer.latin1(`[${lowerBound}:${lowerBound + elements.length - 1}]=`)
  for (let i = 0; i < elements.length; i++) {
    const item = elements[i] as Value
    writer.u8(i === 0 ? 0x7b : 0x2c)
    writer.utf8(item === null ? 'NULL' : quoteElement(element.output(item, settings)))
  }
  writer.u8(0x7d)
  return writer.buffer.utf8Slice(0, writer.length)
}

const badBinary = (message: string): SqlError => new SqlError('22P03', message)

function receiveArray(element: SqlType, reader: ByteReader, typmod: number): SqlArray {
  const dimensions = reader.i32()
  if (dimensions < 0) throw badBinary(`invalid number of dimensions: ${dimensions}`)
  if (dimensions > 6) {
    throw new SqlError('54000', `number of array dimensions (${dimensions}) exceeds the maximum allowed (6)`)
  }
  const flags = reader.i32()
  if (flags !== 0 && flags !== 1) throw badBinary('invalid array flags')
  const oid = reader.u32()
  if (oid !== element.oid) {
    throw new SqlError(
      '42804',
      `binary data has array element type ${oid} instead of expected ${element.oid} (${element.displayName})`,
    )
  }
  if (dimensions === 0) return emptyArray
  if (dimensions > 1) throw unsupported('multidimensional array')
  const count = reader.i32()
  const lowerBound = reader.i32()
  if (count < 0 || count > arrayElementsMax) {
    throw new SqlError('54000', `array size exceeds the maximum allowed (${arrayElementsMax})`)
  }
  if (count === 0) return emptyArray
  checkBounds(lowerBound, count)
  const elements: Value[] = []
  for (let i = 0; i < count; i++) {
    const length = reader.i32()
    if (length === -1) {
      elements.push(null)
      continue
    }
    if (length < -1 || length > reader.remaining) throw badBinary('insufficient data left in message')
    const item = new ByteReader(reader.buffer, reader.at, reader.at + length)
    elements.push(element.receive(item, typmod))
    if (item.remaining > 0) throw badBinary(`improper binary format in array element ${i + 1}`)
    reader.at += length
  }
  return new SqlArray(elements, lowerBound)
}

function sendArray(element: SqlType, value: SqlArray, writer: ByteWriter): void {
  const { elements } = value
  writer.i32(elements.length === 0 ? 0 : 1)
  writer.i32(elements.includes(null) ? 1 : 0)
  writer.u32(element.oid)
  if (elements.length === 0) return
  writer.i32(elements.length)
  writer.i32(value.lowerBound)
  for (const item of elements) {
    const at = writer.length
    writer.i32(-1)
    if (item === null) continue
    element.send(item, writer)
    writer.buffer.writeInt32BE(writer.length - at - 4, at)
  }
}
