import { ByteReader, type ByteWriter } from '../bytes.ts'
import { SqlError } from '../errors.ts'
import { type JsonBuilder, parseJson } from './json-parse.ts'
import { compareNumeric, formatNumeric, Numeric } from './numeric.ts'
import { parseNumeric } from './numeric-text.ts'
import { numericType } from './numeric-type.ts'
import { compareText, textType } from './text.ts'
import type { SqlType } from './type.ts'

/** A node of a jsonb document. Objects are Maps in PostgreSQL's key order (shorter first, then bytewise), keys unique. */
export type JsonNode = null | boolean | string | Numeric | readonly JsonNode[] | ReadonlyMap<string, JsonNode>

/** A jsonb value; the wrapper tells SQL NULL and JSON null apart. */
export class Jsonb {
  readonly root: JsonNode

  constructor(root: JsonNode) {
    this.root = root
  }
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

/** Sorted as PostgreSQL stores keys; of equal keys the last one wins. */
export function makeObject(keys: readonly string[], values: readonly JsonNode[]): ReadonlyMap<string, JsonNode> {
  const count = keys.length
  const made = new Map<string, JsonNode>()
  let sorted = true
  for (let i = 1; i < count && sorted; i++) sorted = compareKeys(keys[i - 1] as string, keys[i] as string) < 0
  if (sorted) {
    for (let i = 0; i < count; i++) made.set(keys[i] as string, values[i] as JsonNode)
    return made
  }
  const last = new Map<string, JsonNode>()
  for (let i = 0; i < count; i++) last.set(keys[i] as string, values[i] as JsonNode)
  for (const key of [...last.keys()].sort(compareKeys)) made.set(key, last.get(key) as JsonNode)
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

export const jsonNodeBuilder: JsonBuilder<JsonNode> = {
  decodes: true,
  string: (value) => value,
  number: (text) => parseNumeric(text),
  literal: (value) => value,
  array: (items) => items,
  object: (keys, values) => makeObject(keys, values),
}

export function parseJsonb(text: string): Jsonb {
  return new Jsonb(parseJson(text, jsonNodeBuilder))
}

/** escape_json: JSON.stringify escapes the same characters in the same way. */
export const quoteJson = (text: string): string => JSON.stringify(text)

export function formatJsonb(node: JsonNode): string {
  if (node === null) return 'null'
  if (typeof node === 'string') return quoteJson(node)
  if (typeof node === 'boolean') return node ? 'true' : 'false'
  if (node instanceof Numeric) return formatNumeric(node)
  if (isArray(node)) {
    let text = '['
    for (let i = 0; i < node.length; i++) text += (i === 0 ? '' : ', ') + formatJsonb(node[i] as JsonNode)
    return `${text}]`
  }
  let text = '{'
  for (const [key, value] of node) text += `${text === '{' ? '' : ', '}${quoteJson(key)}: ${formatJsonb(value)}`
  return `${text}}`
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
const tagArray = 5
const tagObject = 6

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

function decodeNode(reader: ByteReader): JsonNode {
  switch (reader.u8()) {
    case tagNull:
      return null
    case tagFalse:
      return false
    case tagTrue:
      return true
    case tagNumber:
      return parseNumeric(reader.lengthLatin1())
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
        const key = reader.utf8(reader.varint())
        made.set(key, decodeNode(reader))
      }
      return made
    }
  }
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
  encode: (value, writer) => encodeNode(value.root, writer),
  decode: (buffer, start, end) => new Jsonb(decodeNode(new ByteReader(buffer, start, end))),
}

const unsupportedVersion = (version: number): SqlError => new SqlError('XX000', `unsupported jsonb version number ${version}`)
