import { type JsonBuilder, parseJson } from '../../../../protocol/values/json-parse.ts'

/** A json text taken apart: every value knows its place, members keep their order, and equal keys stay. */
export interface JsonTree {
  readonly kind: 'object' | 'array' | 'string' | 'number' | 'boolean' | 'null'
  readonly start: number
  readonly end: number
  /** Of a string, decoded. */
  readonly text: string
  readonly keys: readonly string[]
  readonly items: readonly JsonTree[]
}

const none: readonly never[] = []

const treeBuilder: JsonBuilder<JsonTree> = {
  decodes: true,
  string: (text, start, end) => ({ kind: 'string', start, end, text, keys: none, items: none }),
  number: (_text, start, end) => ({ kind: 'number', start, end, text: '', keys: none, items: none }),
  literal: (value, start, end) => ({
    kind: value === null ? 'null' : 'boolean',
    start,
    end,
    text: '',
    keys: none,
    items: none,
  }),
  array: (items, start, end) => ({ kind: 'array', start, end, text: '', keys: none, items }),
  object: (keys, items, start, end) => ({ kind: 'object', start, end, text: '', keys, items }),
}

export const parseTree = (json: string): JsonTree => parseJson(json, treeBuilder)

/** As -> gives it: the text of the value as it stands. */
export const jsonOf = (json: string, tree: JsonTree | undefined): string | null =>
  tree === undefined ? null : json.slice(tree.start, tree.end)

/** As ->> gives it: strings decoded, null is NULL. */
export function textOfTree(json: string, tree: JsonTree | undefined): string | null {
  if (tree === undefined || tree.kind === 'null') return null
  return tree.kind === 'string' ? tree.text : json.slice(tree.start, tree.end)
}

/** The last member of that name. */
export function member(tree: JsonTree, key: string): JsonTree | undefined {
  if (tree.kind !== 'object') return undefined
  const at = tree.keys.lastIndexOf(key)
  return at < 0 ? undefined : tree.items[at]
}

/** Counted from the end when negative. */
export function element(tree: JsonTree, index: number): JsonTree | undefined {
  return tree.kind === 'array' ? tree.items.at(index) : undefined
}

/** Of several matches the last one, also where a key on the way stands twice. */
export function follow(tree: JsonTree, path: readonly string[], depth = 0): JsonTree | undefined {
  if (depth === path.length) return tree
  const step = path[depth] as string
  if (tree.kind === 'object') {
    let found: JsonTree | undefined
    for (const [i, key] of tree.keys.entries()) {
      if (key === step) found = follow(tree.items[i] as JsonTree, path, depth + 1) ?? found
    }
    return found
  }
  const index = pathIndex(step)
  const next = index === undefined ? undefined : element(tree, index)
  return next && follow(next, path, depth + 1)
}

/** A path's step as an int4; undefined when it is none. */
export function pathIndex(step: string): number | undefined {
  if (!/^[ \t\n\v\f\r]*[-+]?\d+$/.test(step)) return undefined
  const value = Number(step)
  return value >= -2_147_483_648 && value <= 2_147_483_647 ? value : undefined
}
