import { ByteReader, ByteWriter } from '../bytes.ts'
import { SqlError } from '../errors.ts'
import { type JsonBuilder, parseJson } from './json-parse.ts'
import { compareNumeric, formatNumeric, Numeric } from './numeric.ts'
import { parseNumeric } from './numeric-text.ts'
import { numericType } from './numeric-type.ts'
import { compareText, textType } from './text.ts'
import type { SqlType } from './type.ts'

/** A node of a jsonb document. Objects are Maps in PostgreSQL's key order (shorter first, then bytewise), keys unique. */
export type JsonNode = null | boolean | string | Numeric | readonly JsonNode[] | ReadonlyMap<string, JsonNode>

/** A jsonb value; the wrapper tells SQL NULL and JSON null apart. A large one is its stored form until somebody looks into it. */
export class Jsonb {
  /** The stored form, where it is at hand; nobody changes it. */
  readonly stored: Buffer | undefined
  private made: JsonNode | undefined

  constructor(root: JsonNode | undefined, stored?: Buffer) {
    this.made = root
    this.stored = stored
  }

  get root(): JsonNode {
    if (this.made === undefined) this.made = decodeNode(new ByteReader(this.stored as Buffer))
    return this.made
  }

  /** Whoever looks into it need not take it apart first. */
  get isApart(): boolean {
    return this.made !== undefined
  }
}

/** Smaller documents are taken apart as soon as they are read; in bytes. */
const wholeBytesMin = 65_536

/** The stored form, to be kept or sent elsewhere. */
export function storedForm(value: Jsonb): Buffer {
  if (value.stored !== undefined) return value.stored
  const writer = new ByteWriter()
  encodeNode(value.root, writer)
  return writer.view()
}

/** About how many bytes the stored form has. Of many elements one tells. */
export function jsonbWeight(value: Jsonb): number {
  return value.stored?.length ?? nodeWeight(value.root)
}

function nodeWeight(node: JsonNode): number {
  if (typeof node === 'string') return 2 + node.length
  if (node === null || typeof node !== 'object' || node instanceof Numeric) return 8
  if (isArray(node)) {
    return node.length <= sampledMin
      ? node.reduce((sum: number, item) => sum + nodeWeight(item), 2)
      : node.length * sampleOf(node)
  }
  if (node.size > sampledMin) return node.size * sampleOf([...node.values()])
  let weight = 2
  for (const [key, value] of node) weight += key.length + nodeWeight(value)
  return weight
}

const sampledMin = 64

function sampleOf(nodes: readonly JsonNode[]): number {
  const step = nodes.length / 16
  let weight = 0
  for (let i = 0; i < 16; i++) weight += nodeWeight(nodes[Math.floor(i * step)] as JsonNode)
  return Math.ceil(weight / 16)
}

export type JsonKind = 'null' | 'string' | 'number' | 'boolean' | 'array' | 'object'

export function jsonKind(node: JsonNode): JsonKind {
  if (node === null) return 'null'
  if (typeof node === 'string') return 'string'
  if (typeof node === 'boolean') return 'boolean'
  if (node instanceof Numeric) return 'number'
  return isArray(node) ? 'array' : 'object'
}

export const isArray = (node: JsonNode): node is readonly JsonNode[] => Array.isArray(node)
export const isObject = (node: JsonNode): node is ReadonlyMap<string, JsonNode> => node instanceof Map

/* ---------------------------------------------------------------- objects */

const byteLength = (key: string): number => Buffer.byteLength(key)

function compareKeys(a: string, b: string): number {
  return byteLength(a) - byteLength(b) || compareText(a, b)
}

/** In which order the members of objects with these keys stand. */
interface Shape {
  readonly keys: readonly string[]
  /** The sorted keys, and where among `keys` each stands: of equal ones the last. */
  readonly sorted: readonly string[]
  readonly places: readonly number[]
}

/** Of the object made last: most have the keys of the one before, and strings that have been keys already know their hash. */
let shape: Shape = { keys: [], sorted: [], places: [] }

function shapeOf(keys: readonly string[]): Shape {
  const last = new Map<string, number>()
  for (let i = 0; i < keys.length; i++) last.set(keys[i] as string, i)
  const sorted = [...last.keys()].sort(compareKeys)
  return { keys, sorted, places: sorted.map((key) => last.get(key) as number) }
}

function isShape(known: readonly string[], keys: readonly string[]): boolean {
  if (known.length !== keys.length) return false
  for (let i = 0; i < keys.length; i++) if (known[i] !== keys[i]) return false
  return true
}

/** Sorted as PostgreSQL stores keys; of equal keys the last one wins. */
export function makeObject(keys: readonly string[], values: readonly JsonNode[]): ReadonlyMap<string, JsonNode> {
  if (!isShape(shape.keys, keys)) {
    const made = shapeOf(keys)
    if (keys.length > shapeKeysMax) return ordered(made, values)
    shape = made
  }
  return ordered(shape, values)
}

/** More keys are seldom the same ones again, and are not to be held for ever. */
const shapeKeysMax = 64

function ordered({ sorted, places }: Shape, values: readonly JsonNode[]): ReadonlyMap<string, JsonNode> {
  const made = new Map<string, JsonNode>()
  for (let i = 0; i < sorted.length; i++) made.set(sorted[i] as string, values[places[i] as number] as JsonNode)
  return made
}

export function objectOf(entries: Iterable<readonly [string, JsonNode]>): ReadonlyMap<string, JsonNode> {
  const keys: string[] = []
  const values: JsonNode[] = []
  for (const [key, value] of entries) {
    keys.push(key)
    values.push(value)
  }
  return makeObject(keys, values)
}

/* ---------------------------------------------------------------- text */

const digitsMax = 15

function numberOf(text: string): Numeric {
  const { length } = text
  if (length > digitsMax) return parseNumeric(text)
  let value = 0
  for (let i = 0; i < length; i++) {
    const digit = text.charCodeAt(i) - 48
    if (digit < 0 || digit > 9) return parseNumeric(text)
    value = value * 10 + digit
  }
  return new Numeric(BigInt(value), 0)
}

export const jsonNodeBuilder: JsonBuilder<JsonNode> = {
  decodes: true,
  string: (value) => value,
  number: numberOf,
  literal: (value) => value,
  array: (items) => items,
  object: (keys, values) => makeObject(keys, values),
}

export function parseJsonb(text: string): Jsonb {
  return new Jsonb(parseJson(text, jsonNodeBuilder))
}

/** A call out of JavaScript costs more than a look at so many characters. */
const shortText = 64

/** escape_json: JSON.stringify escapes the same characters in the same way. */
export function quoteJson(text: string): string {
  const { length } = text
  if (length > shortText) return JSON.stringify(text)
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x20 || code === 0x22 || code === 0x5c || code >= 0xd800) return JSON.stringify(text)
  }
  return `"${text}"`
}

export function formatJsonb(node: JsonNode): string {
  if (node === null) return 'null'
  if (typeof node === 'string') return quoteJson(node)
  if (typeof node === 'boolean') return node ? 'true' : 'false'
  if (node instanceof Numeric) return formatNumeric(node)
  // Bytes first: of so many little strings the collector has more work than all the rest is.
  formatted.reset()
  writeJsonb(node, formatted)
  const text = formatted.buffer.utf8Slice(0, formatted.length)
  if (formatted.length > keptBytesMax) formatted = new ByteWriter()
  return text
}

let formatted = new ByteWriter()
const keptBytesMax = 65_536

const comma = 0x2c
const space = 0x20

/** Containers by themselves, all else by its text. */
function writeJsonb(node: JsonNode, writer: ByteWriter): void {
  if (isArray(node)) {
    writer.u8(0x5b)
    for (let i = 0; i < node.length; i++) {
      if (i > 0) {
        writer.u8(comma)
        writer.u8(space)
      }
      writeJsonb(node[i] as JsonNode, writer)
    }
    writer.u8(0x5d)
  } else if (isObject(node)) {
    let first = true
    writer.u8(0x7b)
    for (const [key, value] of node) {
      if (!first) {
        writer.u8(comma)
        writer.u8(space)
      }
      first = false
      writer.utf8(quoteJson(key))
      writer.u8(0x3a)
      writer.u8(space)
      writeJsonb(value, writer)
    }
    writer.u8(0x7d)
  } else if (node instanceof Numeric) writer.latin1(formatNumeric(node))
  else writer.utf8(formatJsonb(node))
}

/* ---------------------------------------------------------------- order */

const ranks: Readonly<Record<JsonKind, number>> = { null: 0, string: 1, number: 2, boolean: 3, array: 4, object: 5 }

/** Object > Array > Boolean > Number > String > Null; containers by size first, then member by member. */
export function compareNodes(a: JsonNode, b: JsonNode): number {
  const kind = jsonKind(a)
  const other = jsonKind(b)
  if (kind !== other) return ranks[kind] - ranks[other]
  switch (kind) {
    case 'null':
      return 0
    case 'string':
      return compareText(a as string, b as string)
    case 'number':
      return compareNumeric(a as Numeric, b as Numeric)
    case 'boolean':
      return Number(a) - Number(b)
    case 'array': {
      const left = a as readonly JsonNode[]
      const right = b as readonly JsonNode[]
      if (left.length !== right.length) return left.length - right.length
      for (let i = 0; i < left.length; i++) {
        const order = compareNodes(left[i] as JsonNode, right[i] as JsonNode)
        if (order !== 0) return order
      }
      return 0
    }
    case 'object': {
      const left = a as ReadonlyMap<string, JsonNode>
      const right = b as ReadonlyMap<string, JsonNode>
      if (left.size !== right.size) return left.size - right.size
      const others = right.entries()
      for (const [key, value] of left) {
        const [otherKey, otherValue] = others.next().value as [string, JsonNode]
        const order = compareText(key, otherKey) || compareNodes(value, otherValue)
        if (order !== 0) return order
      }
      return 0
    }
  }
}

/** An empty array sorts before everything, but only as a whole document: a quirk that PostgreSQL keeps for its indexes. */
function compareJsonb(a: Jsonb, b: Jsonb): number {
  const left = a.root
  const right = b.root
  const leftEmpty = isArray(left) && left.length === 0
  const rightEmpty = isArray(right) && right.length === 0
  if (leftEmpty || rightEmpty) return leftEmpty && rightEmpty ? 0 : leftEmpty ? -1 : 1
  return compareNodes(left, right)
}

function encodeNodeKey(node: JsonNode, writer: ByteWriter): void {
  const kind = jsonKind(node)
  writer.u8(ranks[kind] + 1)
  switch (kind) {
    case 'null':
      return
    case 'string':
      encodeText(node as string, writer)
      return
    case 'number':
      encodeNumber(node as Numeric, writer)
      return
    case 'boolean':
      writer.u8(node ? 1 : 0)
      return
    case 'array':
      writer.u32((node as readonly JsonNode[]).length)
      for (const item of node as readonly JsonNode[]) encodeNodeKey(item, writer)
      return
    case 'object':
      writer.u32((node as ReadonlyMap<string, JsonNode>).size)
      for (const [key, value] of node as ReadonlyMap<string, JsonNode>) {
        encodeText(key, writer)
        encodeNodeKey(value, writer)
      }
  }
}

const encodeText = textType.encodeKey as (text: string, writer: ByteWriter) => void
const encodeNumber = numericType.encodeKey as (value: Numeric, writer: ByteWriter) => void
const hashNumber = numericType.hashKey as (value: Numeric) => string | number | bigint | boolean

function hashNode(node: JsonNode): string {
  if (node instanceof Numeric) return `${hashNumber(node)}`
  if (node !== null && typeof node === 'object') {
    if (isArray(node)) return `[${node.map(hashNode).join(',')}]`
    let text = '{'
    for (const [key, value] of node) text += `${quoteJson(key)}:${hashNode(value)},`
    return text
  }
  return formatJsonb(node)
}

/* ---------------------------------------------------------------- stored form */

const tagNull = 0
const tagFalse = 1
const tagTrue = 2
const tagNumber = 3
const tagString = 4
export const tagArray = 5
export const tagObject = 6

function encodeNode(node: JsonNode, writer: ByteWriter): void {
  if (node === null) writer.u8(tagNull)
  else if (typeof node === 'boolean') writer.u8(node ? tagTrue : tagFalse)
  else if (typeof node === 'string') {
    writer.u8(tagString)
    encodeString(node, writer)
  } else if (node instanceof Numeric) {
    writer.u8(tagNumber)
    writer.lengthLatin1(formatNumeric(node))
  } else if (isArray(node)) {
    writer.u8(tagArray)
    writer.varint(node.length)
    for (const item of node) encodeNode(item, writer)
  } else {
    writer.u8(tagObject)
    writer.varint(node.size)
    for (const [key, value] of node) {
      encodeString(key, writer)
      encodeNode(value, writer)
    }
  }
}

function encodeString(text: string, writer: ByteWriter): void {
  writer.varint(byteLength(text))
  writer.utf8(text)
}

export function decodeNode(reader: ByteReader): JsonNode {
  switch (reader.u8()) {
    case tagNull:
      return null
    case tagFalse:
      return false
    case tagTrue:
      return true
    case tagNumber:
      return decodeNumber(reader)
    case tagString:
      return reader.utf8(reader.varint())
    case tagArray: {
      const count = reader.varint()
      const items: JsonNode[] = []
      for (let i = 0; i < count; i++) items.push(decodeNode(reader))
      return items
    }
    default: {
      const count = reader.varint()
      const made = new Map<string, JsonNode>()
      for (let i = 0; i < count; i++) {
        const key = decodeKey(reader, i)
        made.set(key, decodeNode(reader))
      }
      return made
    }
  }
}

function decodeNumber(reader: ByteReader): Numeric {
  const length = reader.varint()
  const { buffer, at } = reader
  if (length > digitsMax || at + length > reader.end) return parseNumeric(reader.latin1(length))
  let value = 0
  for (let i = at; i < at + length; i++) {
    const digit = (buffer[i] as number) - 48
    if (digit < 0 || digit > 9) return parseNumeric(reader.latin1(length))
    value = value * 10 + digit
  }
  reader.at = at + length
  return new Numeric(BigInt(value), 0)
}

/** The keys decoded last, by their places: the next object has the same ones, and a string that has been a key knows its hash. */
const lastKeys: string[] = new Array(shapeKeysMax).fill('')

function decodeKey(reader: ByteReader, place: number): string {
  const length = reader.varint()
  if (place >= shapeKeysMax || length > shortText) return reader.utf8(length)
  const known = lastKeys[place] as string
  const { buffer, at } = reader
  if (known.length === length && at + length <= reader.end) {
    let i = 0
    // A code unit beyond ASCII is no byte of UTF-8 that stands for it: texts that are not ASCII never match.
    while (i < length && buffer[at + i] === known.charCodeAt(i) && known.charCodeAt(i) < 0x80) i++
    if (i === length) {
      reader.at = at + length
      return known
    }
  }
  return (lastKeys[place] = reader.utf8(length))
}

export const jsonbType: SqlType<Jsonb> = {
  oid: 3802,
  name: 'jsonb',
  displayName: 'jsonb',
  category: 'U',
  preferred: false,
  length: -1,
  elementOid: 0,
  arrayOid: 3807,
  input: parseJsonb,
  output: (value) => formatJsonb(value.root),
  receive(reader, typmod) {
    const version = reader.u8()
    if (version !== 1) throw unsupportedVersion(version)
    return parseJsonb(textType.receive(reader, typmod))
  },
  send(value, writer) {
    writer.u8(1)
    writer.utf8(formatJsonb(value.root))
  },
  compare: compareJsonb,
  hashKey: (value) => hashNode(value.root),
  encodeKey(value, writer) {
    if (isArray(value.root) && value.root.length === 0) writer.u8(0)
    else encodeNodeKey(value.root, writer)
  },
  encode(value, writer) {
    if (value.stored === undefined) encodeNode(value.root, writer)
    else writer.bytes(value.stored)
  },
  decode: (buffer, start, end) =>
    end - start < wholeBytesMin
      ? new Jsonb(decodeNode(new ByteReader(buffer, start, end)))
      : new Jsonb(undefined, Buffer.from(buffer.subarray(start, end))),
}

const unsupportedVersion = (version: number): SqlError => new SqlError('XX000', `unsupported jsonb version number ${version}`)
