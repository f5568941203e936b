import { SqlError } from '../../../../protocol/errors.ts'
import { Jsonb, type JsonNode, objectOf, quoteJson } from '../../../../protocol/values/jsonb.ts'
import { knownType } from '../../../../protocol/values/registry.ts'
import type { SqlArray, Value } from '../../../../protocol/values/value.ts'
import type { TypeRef } from '../catalog/schema.ts'
import type { CallTypes, FunctionContext, ScalarFunction, SpecializedFunction } from './registry.ts'
import { jsonKeyOf, jsonNodeOf, jsonTextOf } from './to-json.ts'

interface Writers {
  readonly text: (value: Value, context: FunctionContext) => string
  readonly node: (value: Value, context: FunctionContext) => JsonNode
  readonly key: (value: Value, context: FunctionContext) => string
}

/** The writers of a type are made once, on first use. */
function writersOf(type: TypeRef): Writers {
  let text: Writers['text'] | undefined
  let node: Writers['node'] | undefined
  let key: Writers['key'] | undefined
  return {
    text: (value, context) => (value === null ? 'null' : (text ??= jsonTextOf(type))(value, context)),
    node: (value, context) => (value === null ? null : (node ??= jsonNodeOf(type))(value, context)),
    key: (value, context) => (key ??= jsonKeyOf(type))(value, context),
  }
}

type List = readonly (readonly [Value, Writers])[]

/** The arguments, or the elements of a VARIADIC array; undefined for a NULL array. */
function listOf(types: CallTypes): (values: readonly Value[]) => List | undefined {
  if (types.variadic === true) {
    const array = types.arguments[0] as TypeRef
    const writers = writersOf({ oid: knownType(array.oid).elementOid, typmod: -1 })
    return ([value]) => (value === null ? undefined : (value as SqlArray).elements.map((item) => [item, writers] as const))
  }
  const writers = types.arguments.map(writersOf)
  return (values) => values.map((value, i) => [value, writers[i] as Writers] as const)
}

const build = (make: (list: List, context: FunctionContext) => Value): SpecializedFunction => ({
  specialize(types) {
    const list = listOf(types)
    return ((context: FunctionContext, ...values: Value[]) => {
      const items = list(values)
      return items === undefined ? null : make(items, context)
    }) as ScalarFunction
  },
})

function pairs<T>(
  list: List,
  name: string,
  pair: (key: readonly [Value, Writers], value: readonly [Value, Writers], at: number) => T,
): T[] {
  if (list.length % 2 !== 0) {
    throw new SqlError('22023', 'argument list must have even number of elements', {
      hint: `The arguments of ${name}() must consist of alternating keys and values.`,
    })
  }
  const made: T[] = []
  for (let i = 0; i < list.length; i += 2) {
    made.push(pair(list[i] as readonly [Value, Writers], list[i + 1] as readonly [Value, Writers], i + 1))
  }
  return made
}

export const nullKey = (): SqlError => new SqlError('22004', 'null value not allowed for object key')

export const builders: Record<string, ScalarFunction | SpecializedFunction> = {
  json_build_array: build((list, context) => `[${list.map(([value, { text }]) => text(value, context)).join(', ')}]`),
  json_build_array_noargs: () => '[]',
  json_build_object: build((list, context) => {
    const members = pairs(list, 'json_build_object', ([key, keyWriters], [value, { text }]) => {
      if (key === null) throw nullKey()
      return `${quoteJson(keyWriters.key(key, context))} : ${text(value, context)}`
    })
    return `{${members.join(', ')}}`
  }),
  json_build_object_noargs: () => '{}',
  jsonb_build_array: build((list, context) => new Jsonb(list.map(([value, { node }]) => node(value, context)))),
  jsonb_build_array_noargs: () => new Jsonb([]),
  jsonb_build_object: build((list, context) => {
    const members = pairs(list, 'jsonb_build_object', ([key, keyWriters], [value, { node }], at) => {
      if (key === null) throw new SqlError('22023', `argument ${at}: key must not be null`)
      return [keyWriters.key(key, context), node(value, context)] as const
    })
    return new Jsonb(objectOf(members))
  }),
  jsonb_build_object_noargs: () => new Jsonb(new Map()),
}

/** json_object('{a,1,b,2}') and json_object(keys, values). */
function textPairs(keys: SqlArray, values: SqlArray | undefined): (readonly [string, string | null])[] {
  if (values === undefined && keys.elements.length % 2 !== 0)
    throw new SqlError('2202E', 'array must have even number of elements')
  if (values !== undefined && keys.elements.length !== values.elements.length) {
    const empty = keys.elements.length === 0 || values.elements.length === 0
    throw new SqlError('2202E', empty ? 'wrong number of array subscripts' : 'mismatched array dimensions')
  }
  const made: (readonly [string, string | null])[] = []
  const step = values === undefined ? 2 : 1
  for (let i = 0; i < keys.elements.length; i += step) {
    const key = keys.elements[i] as string | null
    if (key === null) throw nullKey()
    made.push([key, (values === undefined ? keys.elements[i + 1] : values.elements[i]) as string | null])
  }
  return made
}

function jsonObject(keys: SqlArray, values?: SqlArray): string {
  const members = textPairs(keys, values).map(
    ([key, value]) => `${quoteJson(key)} : ${value === null ? 'null' : quoteJson(value)}`,
  )
  return `{${members.join(', ')}}`
}

export const textObjects: Record<string, ScalarFunction> = {
  json_object: (_context, keys: SqlArray) => jsonObject(keys),
  json_object_two_arg: (_context, keys: SqlArray, values: SqlArray) => jsonObject(keys, values),
  jsonb_object: (_context, keys: SqlArray) => new Jsonb(objectOf(textPairs(keys, undefined))),
  jsonb_object_two_arg: (_context, keys: SqlArray, values: SqlArray) => new Jsonb(objectOf(textPairs(keys, values))),
}
