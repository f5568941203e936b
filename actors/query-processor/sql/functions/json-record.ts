import { SqlError, unsupported } from '../../../../protocol/errors.ts'
import { parseJson } from '../../../../protocol/values/json-parse.ts'
import { formatJsonb, isArray, isObject, Jsonb, type JsonNode, jsonNodeBuilder } from '../../../../protocol/values/jsonb.ts'
import { knownType } from '../../../../protocol/values/registry.ts'
import { SqlArray, SqlRow, type Value } from '../../../../protocol/values/value.ts'
import type { TypeRef } from '../catalog/schema.ts'
import { type JsonTree, member, parseTree } from './json-tree.ts'
import type { CallTypes, FunctionContext, ScalarFunction, SetFunction } from './registry.ts'

/** A JSON value to be taken apart: json keeps its spelling, jsonb has none. */
interface Source {
  readonly kind: 'null' | 'array' | 'object' | 'string' | 'other'
  /** A string's own text, else the JSON text. */
  readonly text: string
  readonly json: string
  readonly items: readonly Source[]
  readonly node: JsonNode
  member(key: string): Source | undefined
}

const nodeSource = (node: JsonNode): Source => ({
  kind:
    node === null ? 'null' : typeof node === 'string' ? 'string' : isArray(node) ? 'array' : isObject(node) ? 'object' : 'other',
  get text() {
    return typeof node === 'string' ? node : formatJsonb(node)
  },
  get json() {
    return formatJsonb(node)
  },
  get items() {
    return isArray(node) ? node.map(nodeSource) : []
  },
  node,
  member(key) {
    const found = isObject(node) ? node.get(key) : undefined
    return found === undefined ? undefined : nodeSource(found)
  },
})

const treeSource = (json: string, tree: JsonTree): Source => ({
  kind: tree.kind === 'number' || tree.kind === 'boolean' ? 'other' : tree.kind,
  text: tree.kind === 'string' ? tree.text : json.slice(tree.start, tree.end),
  json: json.slice(tree.start, tree.end),
  get items() {
    return tree.items.map((item) => treeSource(json, item))
  },
  get node() {
    return parseJson(json.slice(tree.start, tree.end), jsonNodeBuilder)
  },
  member(key) {
    const found = member(tree, key)
    return found && treeSource(json, found)
  },
})

const sourceOf = (json: string | Jsonb): Source =>
  json instanceof Jsonb ? nodeSource(json.root) : treeSource(json, parseTree(json))

type ToValue = (source: Source, context: FunctionContext, key: string) => Value

/** As a value of an SQL type: null is NULL, what has no JSON shape of its own goes through the type's input. */
function converterOf(type: TypeRef): ToValue {
  if (type.fields !== undefined) {
    const populate = populateOf(type)
    return (source, context) => populate(onlyObject(source), undefined, context)
  }
  if (type.oid === 114) return (source) => source.json
  if (type.oid === 3802) return (source) => new Jsonb(source.node)
  const known = knownType(type.oid)
  const plain: ToValue = (source, context) => known.input(source.text, type.typmod, context.settings)
  if (known.category !== 'A' || known.elementOid === 0) return plain
  const element = converterOf({ oid: known.elementOid, typmod: type.typmod })
  return (source, context, key) => {
    if (source.kind === 'string') return plain(source, context, key)
    if (source.kind !== 'array') throw new SqlError('22P02', 'expected JSON array', { hint: `See the value of key "${key}".` })
    return new SqlArray(source.items.map((item) => (item.kind === 'null' ? null : element(item, context, key))))
  }
}

type Populate = (source: Source, base: SqlRow | undefined, context: FunctionContext) => SqlRow

function populateOf(type: TypeRef): Populate {
  const { fields } = type
  if (fields === undefined) throw unsupported('a row type that is not known beforehand')
  const columns = fields.map(({ name, type: fieldType }) => ({ name, convert: converterOf(fieldType) }))
  return (source, base, context) =>
    new SqlRow(
      columns.map(({ name, convert }, i) => {
        const found = source.member(name)
        if (found === undefined) return base?.fields[i] ?? null
        return found.kind === 'null' ? null : convert(found, context, name)
      }),
    )
}

function onlyObject(source: Source): Source {
  if (source.kind === 'object') return source
  throw new SqlError('22023', `cannot call populate_composite on ${source.kind === 'array' ? 'an array' : 'a scalar'}`)
}

const rowType = ({ arguments: [first], result }: CallTypes, hasBase: boolean): TypeRef =>
  result.fields === undefined && hasBase && first ? first : result

/** json_populate_record(base, json) and json_to_record(json) AS (...). */
export function recordFunction(hasBase: boolean): { readonly specialize: (types: CallTypes) => ScalarFunction } {
  return {
    specialize(types) {
      const populate = populateOf(rowType(types, hasBase))
      if (!hasBase) return (context, json: string | Jsonb) => populate(onlyObject(sourceOf(json)), undefined, context)
      return (context, base: SqlRow | null, json: string | Jsonb | null) =>
        json === null ? base : populate(onlyObject(sourceOf(json)), base ?? undefined, context)
    },
  }
}

/** json_populate_recordset and json_to_recordset: an array of objects. */
export function recordSetFunction(name: string, hasBase: boolean): { readonly specializeSet: (types: CallTypes) => SetFunction } {
  return {
    specializeSet(types) {
      const populate = populateOf(rowType(types, hasBase))
      const rows = function* (context: FunctionContext, base: SqlRow | null, json: string | Jsonb | null): Generator<Value> {
        if (json === null) return
        const source = sourceOf(json)
        if (source.kind !== 'array') {
          const what = json instanceof Jsonb ? 'a non-array' : source.kind === 'object' ? 'an object' : 'a scalar'
          throw new SqlError('22023', `cannot call ${name} on ${what}`)
        }
        for (const item of source.items) {
          if (item.kind !== 'object') throw new SqlError('22023', `argument of ${name} must be an array of objects`)
          yield populate(item, base ?? undefined, context)
        }
      }
      return hasBase ? rows : (context, json: string | Jsonb) => rows(context, null, json)
    },
  }
}
