import { outOfRange, SqlError } from '../../../../protocol/errors.ts'
import { parseFloat4, parseFloat8 } from '../../../../protocol/values/float.ts'
import { Jsonb, quoteJson } from '../../../../protocol/values/jsonb.ts'
import { formatNumeric, type Numeric } from '../../../../protocol/values/numeric.ts'
import { roundToBigint } from '../../../../protocol/values/numeric-arithmetic.ts'
import { type SqlArray, SqlRow, type Value } from '../../../../protocol/values/value.ts'
import type { TypeRef } from '../catalog/schema.ts'
import { jsonAggregates } from './json-aggregate.ts'
import { builders, textObjects } from './json-build.ts'
import { recordFunction, recordSetFunction } from './json-record.ts'
import { element, follow, type JsonTree, jsonOf, member, parseTree, textOfTree } from './json-tree.ts'
import { jsonbScalars, jsonbSets, type NumericCasts } from './jsonb.ts'
import type { CallTypes, FunctionContext, Implementations, ScalarFunction, SetFunction, SpecializedFunction } from './registry.ts'
import { jsonNodeOf, jsonTextOf } from './to-json.ts'

const invalid = (message: string): SqlError => new SqlError('22023', message)

function inRange(value: Numeric, bits: number, type: string): bigint {
  const whole = roundToBigint(value)
  if (BigInt.asIntN(bits, whole) !== whole) throw outOfRange(type)
  return whole
}

const numericCasts: NumericCasts = {
  int2: (value) => Number(inRange(value, 16, 'smallint')),
  int4: (value) => Number(inRange(value, 32, 'integer')),
  int8: (value) => inRange(value, 64, 'bigint'),
  float4: (value) => parseFloat4(formatNumeric(value)),
  float8: (value) => parseFloat8(formatNumeric(value)),
}

function pathTree(json: string, path: SqlArray): JsonTree | undefined {
  return path.elements.includes(null) ? undefined : follow(parseTree(json), path.elements as readonly string[])
}

/** Without the members that are null, and without blanks. */
function stripped(json: string, tree: JsonTree): string {
  if (tree.kind === 'array') return `[${tree.items.map((item) => stripped(json, item)).join(',')}]`
  if (tree.kind === 'object') {
    const members: string[] = []
    for (const [i, key] of tree.keys.entries()) {
      const item = tree.items[i] as JsonTree
      if (item.kind !== 'null') members.push(`${quoteJson(key)}:${stripped(json, item)}`)
    }
    return `{${members.join(',')}}`
  }
  return tree.kind === 'string' ? quoteJson(tree.text) : json.slice(tree.start, tree.end)
}

const jsonScalars: Record<string, ScalarFunction> = {
  json_object_field: (_context, json: string, key: string) => jsonOf(json, member(parseTree(json), key)),
  json_object_field_text: (_context, json: string, key: string) => textOfTree(json, member(parseTree(json), key)),
  json_array_element: (_context, json: string, index: number) => jsonOf(json, element(parseTree(json), index)),
  json_array_element_text: (_context, json: string, index: number) => textOfTree(json, element(parseTree(json), index)),
  json_extract_path: (_context, json: string, path: SqlArray) => jsonOf(json, pathTree(json, path)),
  json_extract_path_text: (_context, json: string, path: SqlArray) => textOfTree(json, pathTree(json, path)),
  json_array_length: (_context, json: string) => {
    const tree = parseTree(json)
    if (tree.kind === 'array') return tree.items.length
    throw invalid(`cannot get array length of a ${tree.kind === 'object' ? 'non-array' : 'scalar'}`)
  },
  json_typeof: (_context, json: string) => parseTree(json).kind,
  json_strip_nulls: (_context, json: string) => stripped(json, parseTree(json)),
}

type ShowTree = (json: string, tree: JsonTree) => string | null

function* members(json: string, show: ShowTree): Generator<SqlRow> {
  const tree = parseTree(json)
  if (tree.kind !== 'object') {
    throw invalid(tree.kind === 'array' ? 'cannot deconstruct an array as an object' : 'cannot deconstruct a scalar')
  }
  for (const [i, key] of tree.keys.entries()) yield new SqlRow([key, show(json, tree.items[i] as JsonTree)])
}

function* elements(json: string, name: string, show: ShowTree): Generator<string | null> {
  const tree = parseTree(json)
  if (tree.kind !== 'array') throw invalid(`cannot call ${name} on a ${tree.kind === 'object' ? 'non-array' : 'scalar'}`)
  for (const item of tree.items) yield show(json, item)
}

const jsonSets: Record<string, SetFunction> = {
  json_each: (_context, json: string) => members(json, jsonOf),
  json_each_text: (_context, json: string) => members(json, textOfTree),
  json_array_elements: (_context, json: string) => elements(json, 'json_array_elements', jsonOf),
  json_array_elements_text: (_context, json: string) => elements(json, 'json_array_elements_text', textOfTree),
  json_object_keys: (_context, json: string) => {
    const tree = parseTree(json)
    if (tree.kind === 'object') return tree.keys
    throw invalid(`cannot call json_object_keys on ${tree.kind === 'array' ? 'an array' : 'a scalar'}`)
  },
}

const textOfFirst = (lines: boolean): SpecializedFunction => ({
  specialize({ arguments: [argument] }: CallTypes) {
    const write = jsonTextOf(argument as TypeRef, lines)
    return (context: FunctionContext, value: Value) => write(value, context)
  },
})

/** row_to_json(row, pretty), array_to_json(array, pretty) */
const perhapsPretty: SpecializedFunction = {
  specialize({ arguments: [argument] }: CallTypes) {
    const plain = jsonTextOf(argument as TypeRef)
    const pretty = jsonTextOf(argument as TypeRef, true)
    return (context: FunctionContext, value: Value, lines: boolean) => (lines ? pretty : plain)(value, context)
  },
}

const conversions: Record<string, SpecializedFunction> = {
  to_json: textOfFirst(false),
  row_to_json: textOfFirst(false),
  row_to_json_pretty: perhapsPretty,
  array_to_json: textOfFirst(false),
  array_to_json_pretty: perhapsPretty,
  to_jsonb: {
    specialize({ arguments: [argument] }: CallTypes) {
      const node = jsonNodeOf(argument as TypeRef)
      return (context: FunctionContext, value: Value) => new Jsonb(node(value, context))
    },
  },
}

export const jsonFunctions: Implementations = {
  scalar: {
    ...jsonScalars,
    ...jsonbScalars(numericCasts),
    ...conversions,
    ...builders,
    ...textObjects,
    json_populate_record: recordFunction(true),
    jsonb_populate_record: recordFunction(true),
    json_to_record: recordFunction(false),
    jsonb_to_record: recordFunction(false),
  },
  set: {
    ...jsonSets,
    ...jsonbSets,
    json_populate_recordset: recordSetFunction('json_populate_recordset', true),
    jsonb_populate_recordset: recordSetFunction('jsonb_populate_recordset', true),
    json_to_recordset: recordSetFunction('json_to_recordset', false),
    jsonb_to_recordset: recordSetFunction('jsonb_to_recordset', false),
  },
  aggregate: jsonAggregates,
}
