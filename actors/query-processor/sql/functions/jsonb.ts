import { SqlError } from '../../../../protocol/errors.ts'
import {
  compareNodes,
  formatJsonb,
  isArray,
  isObject,
  Jsonb,
  type JsonKind,
  type JsonNode,
  jsonbType,
  jsonKind,
  quoteJson,
} from '../../../../protocol/values/jsonb.ts'
import { foundWithin, isLookedInto, type JsonStep } from '../../../../protocol/values/jsonb-stored.ts'
import { Numeric } from '../../../../protocol/values/numeric.ts'
import { type SqlArray, SqlRow, type Value } from '../../../../protocol/values/value.ts'
import { comparisons, ordering } from './comparison.ts'
import { pathIndex } from './json-tree.ts'
import { concatenate, deleteIndex, deleteKeys, type Edit, editPath, stripNulls } from './jsonb-edit.ts'
import type { ScalarFunction, SetFunction } from './registry.ts'

type Functions = Record<string, ScalarFunction>

const invalid = (message: string): SqlError => new SqlError('22023', message)

const wrap = (node: JsonNode | undefined): Jsonb | null => (node === undefined ? null : new Jsonb(node))

/** As ->> gives it: a string bare, null as NULL. */
export function nodeText(node: JsonNode | undefined): string | null {
  if (node === undefined || node === null) return null
  return typeof node === 'string' ? node : formatJsonb(node)
}

const memberOf = (node: JsonNode, key: string): JsonNode | undefined => (isObject(node) ? node.get(key) : undefined)
const elementOf = (node: JsonNode, index: number): JsonNode | undefined => (isArray(node) ? node.at(index) : undefined)

/** -> counts a scalar document as an array of one. */
const elementOfDocument = (node: JsonNode, index: number): JsonNode | undefined =>
  isArray(node) || isObject(node) ? elementOf(node, index) : [node].at(index)

/** -> and ->> with a name or a number: a large document that nobody has taken apart stays whole. */
function partOf(value: Jsonb, step: JsonStep): JsonNode | undefined {
  if (isLookedInto(value)) return foundWithin(value.stored as Buffer, [step], (name) => name)
  return typeof step === 'string' ? memberOf(value.root, step) : elementOfDocument(value.root, step)
}

function follow(value: Jsonb, path: SqlArray): JsonNode | undefined {
  if (path.elements.length === 0 || path.elements.includes(null) || !isLookedInto(value)) return followNode(value.root, path)
  const steps = path.elements as readonly string[]
  return foundWithin(value.stored as Buffer, steps, (step, isInArray) => (isInArray ? pathIndex(step) : step))
}

function followNode(node: JsonNode, path: SqlArray): JsonNode | undefined {
  if (path.elements.includes(null)) return undefined
  let at: JsonNode | undefined = node
  for (const step of path.elements as readonly string[]) {
    if (at === undefined) return undefined
    if (isObject(at)) at = at.get(step)
    else {
      const index = pathIndex(step)
      at = index === undefined ? undefined : elementOf(at, index)
    }
  }
  return at
}

/** Is every part of `inner` found in `outer`? Arrays are sets here. */
function contains(outer: JsonNode, inner: JsonNode): boolean {
  if (isObject(outer)) {
    if (!isObject(inner)) return false
    for (const [key, value] of inner) {
      const other = outer.get(key)
      if (other === undefined || !containsValue(other, value)) return false
    }
    return true
  }
  if (isArray(outer)) return isArray(inner) && inner.every((item) => outer.some((other) => containsValue(other, item)))
  return jsonKind(outer) === jsonKind(inner) && compareNodes(outer, inner) === 0
}

function containsValue(outer: JsonNode, inner: JsonNode): boolean {
  if (jsonKind(outer) !== jsonKind(inner)) return false
  return isArray(outer) || isObject(outer) ? contains(outer, inner) : compareNodes(outer, inner) === 0
}

/** As a whole, an array contains a scalar that is one of its elements. */
function containsDocument(outer: JsonNode, inner: JsonNode): boolean {
  const scalar = !isArray(inner) && !isObject(inner)
  return contains(outer, isArray(outer) && scalar ? [inner] : inner)
}

function exists(node: JsonNode, key: string): boolean {
  if (isObject(node)) return node.has(key)
  return isArray(node) ? node.includes(key) : node === key
}

const keysOf = (keys: SqlArray): string[] => keys.elements.filter((key) => key !== null) as string[]

function pretty(node: JsonNode, indent: string): string {
  const inner = `${indent}    `
  if (isArray(node)) {
    const items = node.map((item) => `\n${inner}${pretty(item, inner)}`)
    return `[${items.join(',')}\n${indent}]`
  }
  if (isObject(node)) {
    const members = [...node].map(([key, value]) => `\n${inner}${quoteJson(key)}: ${pretty(value, inner)}`)
    return `{${members.join(',')}\n${indent}}`
  }
  return formatJsonb(node)
}

const scalarWords: Readonly<Record<JsonKind, string>> = {
  null: 'null',
  string: 'string',
  number: 'numeric',
  boolean: 'boolean',
  array: 'array',
  object: 'object',
}

function numberOf(value: Jsonb, type: string): Numeric {
  if (value.root instanceof Numeric) return value.root
  throw invalid(`cannot cast jsonb ${scalarWords[jsonKind(value.root)]} to type ${type}`)
}

/** Through the functions that cast numeric: they round and check the range. */
export type NumericCasts = Readonly<Record<'int2' | 'int4' | 'int8' | 'float4' | 'float8', (value: Numeric) => Value>>

function edit(target: Jsonb, path: SqlArray, what: Edit, scalarMessage: string): Jsonb {
  if (!isArray(target.root) && !isObject(target.root)) throw invalid(scalarMessage)
  const empty = (isArray(target.root) ? target.root.length : target.root.size) === 0
  if (empty && (what.kind === 'delete' || (what.kind === 'set' && !what.create))) return target
  return path.elements.length === 0 ? target : new Jsonb(editPath(target.root, path.elements, what))
}

const set = (target: Jsonb, path: SqlArray, value: Jsonb, create: boolean): Jsonb =>
  edit(target, path, { kind: 'set', value: value.root, create }, 'cannot set path in scalar')

const deletePath = (target: Jsonb, path: SqlArray): Jsonb =>
  edit(target, path, { kind: 'delete' }, 'cannot delete path in scalar')

function setLax(
  target: Jsonb | null,
  path: SqlArray | null,
  value: Jsonb | null,
  create: boolean | null,
  treatment: string | null,
): Jsonb | null {
  if (target === null || path === null || create === null) return null
  if (treatment === null) {
    throw new SqlError(
      '22023',
      'null_value_treatment must be "delete_key", "return_target", "use_json_null", or "raise_exception"',
    )
  }
  if (value !== null) return set(target, path, value, create)
  switch (treatment) {
    case 'raise_exception':
      throw new SqlError('22004', 'JSON value must not be null', {
        detail: 'Exception was raised because null_value_treatment is "raise_exception".',
        hint: 'To avoid, either change the null_value_treatment argument or ensure that an SQL NULL is not passed.',
      })
    case 'use_json_null':
      return set(target, path, new Jsonb(null), create)
    case 'delete_key':
      return deletePath(target, path)
    case 'return_target':
      return target
    default:
      throw new SqlError(
        '22023',
        'null_value_treatment must be "delete_key", "return_target", "use_json_null", or "raise_exception"',
      )
  }
}

const compare = jsonbType.compare as (a: Jsonb, b: Jsonb) => number

export const jsonbScalars = (casts: NumericCasts): Functions => ({
  ...comparisons('jsonb_', compare),
  ...ordering('jsonb_cmp', compare),
  jsonb_object_field: (_context, value: Jsonb, key: string) => wrap(partOf(value, key)),
  jsonb_object_field_text: (_context, value: Jsonb, key: string) => nodeText(partOf(value, key)),
  jsonb_array_element: (_context, value: Jsonb, index: number) => wrap(partOf(value, index)),
  jsonb_array_element_text: (_context, value: Jsonb, index: number) => nodeText(partOf(value, index)),
  jsonb_extract_path: (_context, value: Jsonb, path: SqlArray) => wrap(follow(value, path)),
  jsonb_extract_path_text: (_context, value: Jsonb, path: SqlArray) => nodeText(follow(value, path)),
  jsonb_contains: (_context, outer: Jsonb, inner: Jsonb) => containsDocument(outer.root, inner.root),
  jsonb_contained: (_context, inner: Jsonb, outer: Jsonb) => containsDocument(outer.root, inner.root),
  jsonb_exists: (_context, { root }: Jsonb, key: string) => exists(root, key),
  jsonb_exists_any: (_context, { root }: Jsonb, keys: SqlArray) => keysOf(keys).some((key) => exists(root, key)),
  jsonb_exists_all: (_context, { root }: Jsonb, keys: SqlArray) => keysOf(keys).every((key) => exists(root, key)),
  jsonb_concat: (_context, a: Jsonb, b: Jsonb) => new Jsonb(concatenate(a.root, b.root)),
  jsonb_delete: (_context, { root }: Jsonb, key: string) => new Jsonb(deleteKeys(root, [key])),
  jsonb_delete_array: (_context, { root }: Jsonb, keys: SqlArray) => new Jsonb(deleteKeys(root, keys.elements)),
  jsonb_delete_idx: (_context, { root }: Jsonb, index: number) => new Jsonb(deleteIndex(root, index)),
  jsonb_delete_path: (_context, target: Jsonb, path: SqlArray) => deletePath(target, path),
  jsonb_set: (_context, target: Jsonb, path: SqlArray, value: Jsonb, create: boolean) => set(target, path, value, create),
  jsonb_set_lax: (_context, ...values: Parameters<typeof setLax>) => setLax(...values),
  jsonb_insert: (_context, target: Jsonb, path: SqlArray, value: Jsonb, after: boolean) =>
    edit(target, path, { kind: 'insert', value: value.root, after }, 'cannot set path in scalar'),
  jsonb_array_length: (_context, { root }: Jsonb) => {
    if (isArray(root)) return root.length
    throw invalid(`cannot get array length of a ${isObject(root) ? 'non-array' : 'scalar'}`)
  },
  jsonb_typeof: (_context, { root }: Jsonb) => jsonKind(root),
  jsonb_pretty: (_context, { root }: Jsonb) => pretty(root, ''),
  jsonb_strip_nulls: (_context, { root }: Jsonb) => new Jsonb(stripNulls(root)),
  jsonb_bool: (_context, { root }: Jsonb) => {
    if (typeof root === 'boolean') return root
    throw invalid(`cannot cast jsonb ${scalarWords[jsonKind(root)]} to type boolean`)
  },
  jsonb_numeric: (_context, value: Jsonb) => numberOf(value, 'numeric'),
  jsonb_int2: (_context, value: Jsonb) => casts.int2(numberOf(value, 'smallint')),
  jsonb_int4: (_context, value: Jsonb) => casts.int4(numberOf(value, 'integer')),
  jsonb_int8: (_context, value: Jsonb) => casts.int8(numberOf(value, 'bigint')),
  jsonb_float4: (_context, value: Jsonb) => casts.float4(numberOf(value, 'real')),
  jsonb_float8: (_context, value: Jsonb) => casts.float8(numberOf(value, 'double precision')),
})

function* entries({ root }: Jsonb, name: string, show: (node: JsonNode) => Value): Generator<SqlRow> {
  if (!isObject(root)) throw invalid(`cannot call ${name} on a non-object`)
  for (const [key, value] of root) yield new SqlRow([key, show(value)])
}

function elements({ root }: Jsonb): readonly JsonNode[] {
  if (isArray(root)) return root
  throw invalid(isObject(root) ? 'cannot extract elements from an object' : 'cannot extract elements from a scalar')
}

export const jsonbSets: Record<string, SetFunction> = {
  jsonb_each: (_context, value: Jsonb) => entries(value, 'jsonb_each', (node) => new Jsonb(node)),
  jsonb_each_text: (_context, value: Jsonb) => entries(value, 'jsonb_each_text', nodeText),
  jsonb_array_elements: (_context, value: Jsonb) => elements(value).map((node) => new Jsonb(node)),
  jsonb_array_elements_text: (_context, value: Jsonb) => elements(value).map(nodeText),
  jsonb_object_keys: (_context, { root }: Jsonb) => {
    if (isObject(root)) return root.keys()
    throw invalid(`cannot call jsonb_object_keys on ${isArray(root) ? 'an array' : 'a scalar'}`)
  },
}
