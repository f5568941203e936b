import { SqlError } from '../../../../protocol/errors.ts'
import { Jsonb, type JsonNode, objectOf, quoteJson } from '../../../../protocol/values/jsonb.ts'
import type { Value } from '../../../../protocol/values/value.ts'
import type { TypeRef } from '../catalog/schema.ts'
import { nullKey } from './json-build.ts'
import type { AggregateFunction, CallTypes, FunctionContext } from './registry.ts'
import { isStructured, type JsonText, jsonKeyOf, jsonNodeOf, jsonTextOf, type ToNode } from './to-json.ts'

/** The registry's own type forgets the state's. */
const define = <State, Arguments extends readonly Value[]>(definition: {
  readonly start: (types: CallTypes) => State
  readonly add: (context: FunctionContext, state: State, ...values: Arguments) => State
  readonly finish: (context: FunctionContext, state: State) => Value
  readonly skipNulls: boolean
}): AggregateFunction => definition as unknown as AggregateFunction

interface TextArray {
  readonly write: JsonText
  /** What stands before every element but the first: rows and arrays begin lines. */
  readonly separator: string
  text: string | null
}

const jsonArray = (skipNulls: boolean): AggregateFunction =>
  define<TextArray, [Value]>({
    skipNulls,
    start({ arguments: [argument] }) {
      const type = argument as TypeRef
      return { write: jsonTextOf(type), separator: isStructured(type) ? ', \n ' : ', ', text: null }
    },
    add(context, state, value) {
      const item = value === null ? 'null' : state.write(value, context)
      // After a NULL there is no new line.
      state.text = state.text === null ? `[${item}` : `${state.text}${value === null ? ', ' : state.separator}${item}`
      return state
    },
    finish: (_context, state) => (state.text === null ? null : `${state.text}]`),
  })

const jsonbArray = (skipNulls: boolean): AggregateFunction =>
  define<{ readonly node: ToNode; readonly items: JsonNode[]; some: boolean }, [Value]>({
    skipNulls,
    start: ({ arguments: [argument] }) => ({ node: jsonNodeOf(argument as TypeRef), items: [], some: false }),
    add(context, state, value) {
      state.some = true
      state.items.push(value === null ? null : state.node(value, context))
      return state
    },
    finish: (_context, state) => (state.some ? new Jsonb(state.items.slice()) : null),
  })

interface Members {
  readonly key: (value: Value, context: FunctionContext) => string
  readonly text: JsonText
  readonly node: ToNode
  readonly keys: Set<string>
  readonly texts: string[]
  readonly nodes: (readonly [string, JsonNode])[]
  some: boolean
}

interface Kind {
  readonly jsonb: boolean
  /** Rows with a NULL value are left out. */
  readonly strict: boolean
  readonly unique: boolean
}

const duplicate = (kind: Kind, key: string): SqlError =>
  new SqlError('22030', `duplicate JSON object key value${kind.jsonb ? '' : `: ${quoteJson(key)}`}`)

function addMember(kind: Kind, context: FunctionContext, state: Members, key: Value, value: Value): void {
  if (key === null) throw kind.jsonb ? new SqlError('22023', 'field name must not be null') : nullKey()
  state.some = true
  if (kind.strict && value === null && !kind.unique) return
  const name = state.key(key, context)
  if (kind.unique) {
    if (state.keys.has(name)) throw duplicate(kind, name)
    state.keys.add(name)
  }
  if (kind.strict && value === null) return
  if (kind.jsonb) state.nodes.push([name, value === null ? null : state.node(value, context)])
  else state.texts.push(`${quoteJson(name)} : ${value === null ? 'null' : state.text(value, context)}`)
}

const object = (kind: Kind): AggregateFunction =>
  define<Members, [Value, Value]>({
    skipNulls: false,
    start({ arguments: [key, value] }) {
      const valueType = value as TypeRef
      return {
        key: jsonKeyOf(key as TypeRef),
        text: kind.jsonb ? () => '' : jsonTextOf(valueType),
        node: kind.jsonb ? jsonNodeOf(valueType) : () => null,
        keys: new Set(),
        texts: [],
        nodes: [],
        some: false,
      }
    },
    add(context, state, key, value) {
      addMember(kind, context, state, key, value)
      return state
    },
    finish(_context, state) {
      if (!state.some) return null
      return kind.jsonb ? new Jsonb(objectOf(state.nodes)) : `{ ${state.texts.join(', ')} }`
    },
  })

const objects: Record<string, AggregateFunction> = {}
for (const jsonb of [false, true]) {
  for (const strict of [false, true]) {
    for (const unique of [false, true]) {
      const name = `${jsonb ? 'jsonb' : 'json'}_object_agg${unique ? '_unique' : ''}${strict ? '_strict' : ''}`
      objects[`${name}(any,any)`] = object({ jsonb, strict, unique })
    }
  }
}

export const jsonAggregates: Record<string, AggregateFunction> = {
  'json_agg(anyelement)': jsonArray(false),
  'json_agg_strict(anyelement)': jsonArray(true),
  'jsonb_agg(anyelement)': jsonbArray(false),
  'jsonb_agg_strict(anyelement)': jsonbArray(true),
  ...objects,
}
