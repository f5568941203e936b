import { SqlError, unsupported } from '../../../../protocol/errors.ts'
import { parseJson } from '../../../../protocol/values/json-parse.ts'
import { formatJsonb, isArray, isObject, Jsonb, type JsonNode, jsonNodeBuilder } from '../../../../protocol/values/jsonb.ts'
import { knownType } from '../../../../protocol/values/registry.ts'
import { SqlArray, SqlRow, type Value } from '../../../../protocol/values/value.ts'
import type { TypeRef } from '../catalog/schema.ts'
import type { CallTypes, FunctionContext, ScalarFunction, SetFunction } from './registry.ts'

type ToValue = (node: JsonNode, context: FunctionContext) => Value

/** A JSON value as a value of an SQL type: null is NULL, everything else goes through the type's input unless it has a JSON shape. */
function sqlValueOf(type: TypeRef): ToValue {
  if (type.fields !== undefined) return rowOf(type)
  if (type.oid === 114) return (node) => formatJsonb(node)
  if (type.oid === 3802) return (node) => new Jsonb(node)
  const known = knownType(type.oid)
  const plain: ToValue = (node, context) =>
    known.input(typeof node === 'string' ? node : formatJsonb(node), type.typmod, context.settings)
  if (known.category !== 'A' || known.elementOid === 0) return plain
  const element = sqlValueOf({ oid: known.elementOid, typmod: type.typmod })
  return (node, context) => {
    if (isArray(node)) return new SqlArray(node.map((item) => (item === null ? null : element(item, context))))
    if (typeof node === 'string') return plain(node, context)
    throw new SqlError('22P02', 'expected JSON array')
  }
}

function rowOf(type: TypeRef): ToValue {
  const populate = populateOf(type)
  return (node, context) => {
    if (isObject(node)) return populate(node, undefined, context)
    throw new SqlError(
      '22023',
      isArray(node) ? 'cannot call populate_composite on an array' : 'cannot call populate_composite on a scalar',
    )
  }
}

type Populate = (node: ReadonlyMap<string, JsonNode>, base: SqlRow | undefined, context: FunctionContext) => SqlRow

function populateOf(type: TypeRef): Populate {
  const { fields } = type
  if (fields === undefined) throw unsupported('a row type that is not known beforehand')
  const columns = fields.map(({ name, type: fieldType }) => ({ name, value: sqlValueOf(fieldType) }))
  return (node, base, context) =>
    new SqlRow(
      columns.map(({ name, value }, i) => {
        const found = node.get(name)
        if (found === undefined) return base?.fields[i] ?? null
        return found === null ? null : value(found, context)
      }),
    )
}

const nodeOf = (json: string | Jsonb): JsonNode => (json instanceof Jsonb ? json.root : parseJson(json, jsonNodeBuilder))

const onlyObject = (node: JsonNode, name: string): ReadonlyMap<string, JsonNode> => {
  if (isObject(node)) return node
  throw new SqlError('22023', `cannot call ${name} on ${isArray(node) ? 'an array' : 'a scalar'}`)
}

/** json_populate_record(base, json) and json_to_record(json) AS (...). */
export function recordFunction(name: string, hasBase: boolean): { readonly specialize: (types: CallTypes) => ScalarFunction } {
  return {
    specialize({ arguments: [first], result }) {
      const populate = populateOf(result.fields === undefined && hasBase && first ? first : result)
      if (!hasBase) return (context, json: string | Jsonb) => populate(onlyObject(nodeOf(json), name), undefined, context)
      return (context, base: SqlRow | null, json: string | Jsonb | null) =>
        json === null ? base : populate(onlyObject(nodeOf(json), name), base ?? undefined, context)
    },
  }
}

/** json_populate_recordset and json_to_recordset: an array of objects. */
export function recordSetFunction(name: string, hasBase: boolean): { readonly specializeSet: (types: CallTypes) => SetFunction } {
  return {
    specializeSet({ arguments: [first], result }) {
      const populate = populateOf(result.fields === undefined && hasBase && first ? first : result)
      const rows = function* (context: FunctionContext, base: SqlRow | null, json: string | Jsonb | null): Generator<Value> {
        if (json === null) return
        const node = nodeOf(json)
        if (!isArray(node)) {
          throw new SqlError('22023', `cannot call ${name} on ${isObject(node) ? 'an object' : 'a scalar'}`)
        }
        for (const item of node) {
          if (!isObject(item)) throw new SqlError('22023', `argument of ${name} must be an array of objects`)
          yield populate(item, base ?? undefined, context)
        }
      }
      return hasBase ? rows : (context, json: string | Jsonb) => rows(context, null, json)
    },
  }
}
