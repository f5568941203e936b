import { AssertionFailed, assert } from '../../../../protocol/assert.ts'
import { ByteReader, ByteWriter } from '../../../../protocol/bytes.ts'
import { Interval } from '../../../../protocol/values/interval.ts'
import { Jsonb, type JsonNode } from '../../../../protocol/values/jsonb.ts'
import { Numeric } from '../../../../protocol/values/numeric.ts'
import { SqlArray, SqlRow, type Value } from '../../../../protocol/values/value.ts'

/** What a catalog row is made of: SQL values, lists and string-keyed objects (parse trees). Undefined members are left out. */
export type Document = Value | undefined | readonly Document[] | { readonly [name: string]: Document }

const tag = {
  undefined: 0,
  null: 1,
  false: 2,
  true: 3,
  /** A whole number >= 0. */
  positive: 4,
  /** -1 - n */
  negative: 5,
  float: 6,
  bigint: 7,
  text: 8,
  bytes: 9,
  list: 10,
  object: 11,
  numeric: 12,
  interval: 13,
  jsonb: 14,
  map: 15,
  array: 16,
  row: 17,
  /** A text that stood earlier in the same document: parse trees repeat their member names. */
  textAgain: 18,
} as const

/** A self-describing, compact binary form, so that descriptors may gain members without a migration. */
export function encodeDocument(document: Document): Buffer {
  const writer = new ByteWriter(512)
  write(writer, document, new Map())
  return writer.take()
}

export function decodeDocument(bytes: Uint8Array): Document {
  const reader = new ByteReader(bytes)
  const document = read(reader, [])
  assert(reader.remaining === 0, 'a catalog row is one document')
  return document
}

type Seen = Map<string, number>

function writeText(writer: ByteWriter, text: string, seen: Seen): void {
  const place = seen.get(text)
  if (place !== undefined) {
    writer.u8(tag.textAgain)
    writer.varint(place)
    return
  }
  seen.set(text, seen.size)
  writer.u8(tag.text)
  writer.lengthBytes(Buffer.from(text, 'utf8'))
}

function writeList(writer: ByteWriter, kind: number, list: readonly Document[], seen: Seen): void {
  writer.u8(kind)
  writer.varint(list.length)
  for (const member of list) write(writer, member, seen)
}

function writeNumber(writer: ByteWriter, n: number): void {
  if (Number.isSafeInteger(n) && !Object.is(n, -0)) {
    writer.u8(n >= 0 ? tag.positive : tag.negative)
    writer.varint(n >= 0 ? n : -1 - n)
    return
  }
  writer.u8(tag.float)
  writer.f64(n)
}

function write(writer: ByteWriter, document: Document | JsonNode, seen: Seen): void {
  if (document === undefined) writer.u8(tag.undefined)
  else if (document === null) writer.u8(tag.null)
  else if (typeof document === 'boolean') writer.u8(document ? tag.true : tag.false)
  else if (typeof document === 'string') writeText(writer, document, seen)
  else if (typeof document === 'number') writeNumber(writer, document)
  else if (typeof document === 'bigint') {
    writer.u8(tag.bigint)
    writer.lengthLatin1(document.toString())
  } else if (Array.isArray(document)) writeList(writer, tag.list, document, seen)
  else if (document instanceof Uint8Array) {
    writer.u8(tag.bytes)
    writer.lengthBytes(document)
  } else if (document instanceof Numeric) {
    writeList(writer, tag.numeric, [document.unscaled, document.scale, document.special], seen)
  } else if (document instanceof Interval) {
    writeList(writer, tag.interval, [document.months, document.days, document.micros], seen)
  } else if (document instanceof Jsonb) {
    writer.u8(tag.jsonb)
    write(writer, document.root, seen)
  } else if (document instanceof SqlArray) {
    writeList(writer, tag.array, [document.lowerBound, ...document.elements], seen)
  } else if (document instanceof SqlRow) {
    writeList(writer, tag.row, document.fields, seen)
  } else if (document instanceof Map) {
    writeList(writer, tag.map, [...document].flat() as Document[], seen)
  } else {
    const members = Object.entries(document as { readonly [name: string]: Document }).filter(([, value]) => value !== undefined)
    writer.u8(tag.object)
    writer.varint(members.length)
    for (const [name, value] of members) {
      writeText(writer, name, seen)
      write(writer, value, seen)
    }
  }
}

function readText(reader: ByteReader, kind: number, seen: string[]): string {
  if (kind === tag.textAgain) {
    const text = seen[reader.varint()]
    assert(text !== undefined, 'a repeated text stands earlier in its document')
    return text
  }
  const text = reader.lengthBytes().toString('utf8')
  seen.push(text)
  return text
}

function readList(reader: ByteReader, seen: string[]): Document[] {
  const length = reader.varint()
  const list: Document[] = []
  for (let i = 0; i < length; i++) list.push(read(reader, seen))
  return list
}

function readObject(reader: ByteReader, seen: string[]): { [name: string]: Document } {
  const length = reader.varint()
  const object: { [name: string]: Document } = {}
  for (let i = 0; i < length; i++) {
    const name = readText(reader, reader.u8(), seen)
    object[name] = read(reader, seen)
  }
  return object
}

function readMap(list: readonly Document[]): ReadonlyMap<string, JsonNode> {
  const map = new Map<string, JsonNode>()
  for (let i = 0; i < list.length; i += 2) map.set(list[i] as string, list[i + 1] as JsonNode)
  return map
}

function read(reader: ByteReader, seen: string[]): Document {
  const kind = reader.u8()
  switch (kind) {
    case tag.undefined:
      return undefined
    case tag.null:
      return null
    case tag.false:
      return false
    case tag.true:
      return true
    case tag.positive:
      return reader.varint()
    case tag.negative:
      return -1 - reader.varint()
    case tag.float:
      return reader.f64()
    case tag.bigint:
      return BigInt(reader.lengthLatin1())
    case tag.text:
    case tag.textAgain:
      return readText(reader, kind, seen)
    case tag.bytes:
      return Buffer.from(reader.lengthBytes())
    case tag.list:
      return readList(reader, seen)
    case tag.object:
      return readObject(reader, seen)
    case tag.numeric: {
      const [unscaled, scale, special] = readList(reader, seen)
      return new Numeric(unscaled as bigint, scale as number, special as Numeric['special'])
    }
    case tag.interval: {
      const [months, days, micros] = readList(reader, seen)
      return new Interval(months as number, days as number, micros as bigint)
    }
    case tag.jsonb:
      return new Jsonb(read(reader, seen) as JsonNode)
    case tag.map:
      return readMap(readList(reader, seen)) as unknown as Document
    case tag.array: {
      const [lowerBound, ...elements] = readList(reader, seen)
      return new SqlArray(elements as Value[], lowerBound as number)
    }
    case tag.row:
      return new SqlRow(readList(reader, seen) as Value[])
    default:
      throw new AssertionFailed(`a catalog row holds only known tags, not ${kind}`)
  }
}
