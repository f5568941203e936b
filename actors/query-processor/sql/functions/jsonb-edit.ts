import { SqlError } from '../../../../protocol/errors.ts'
import { isArray, isObject, type JsonNode, objectOf } from '../../../../protocol/values/jsonb.ts'
import type { Value } from '../../../../protocol/values/value.ts'

const invalid = (message: string, hint?: string): SqlError => new SqlError('22023', message, hint === undefined ? {} : { hint })

const asElements = (node: JsonNode): readonly JsonNode[] => (isArray(node) ? node : [node])

/** Objects are merged, everything else is strung together. */
export function concatenate(a: JsonNode, b: JsonNode): JsonNode {
  if (isObject(a) && isObject(b)) return objectOf([...a, ...b])
  return [...asElements(a), ...asElements(b)]
}

export function deleteKeys(node: JsonNode, keys: readonly Value[]): JsonNode {
  if (isObject(node)) {
    const kept = new Map(node)
    for (const key of keys) if (key !== null) kept.delete(key as string)
    return kept
  }
  if (!isArray(node)) throw invalid('cannot delete from scalar')
  return node.filter((item) => typeof item !== 'string' || !keys.includes(item))
}

export function deleteIndex(node: JsonNode, index: number): JsonNode {
  if (isObject(node)) throw invalid('cannot delete from object using integer index')
  if (!isArray(node)) throw invalid('cannot delete from scalar')
  const at = index < 0 ? node.length + index : index
  return at < 0 || at >= node.length ? node : node.toSpliced(at, 1)
}

/** What is done where a path ends. */
export type Edit =
  | { readonly kind: 'delete' }
  | { readonly kind: 'set'; readonly value: JsonNode; readonly create: boolean }
  | { readonly kind: 'insert'; readonly value: JsonNode; readonly after: boolean }

/** Throws 22004 for a NULL in the path, 22P02 for a step into an array that is no integer. */
export function editPath(node: JsonNode, path: readonly Value[], edit: Edit, depth = 0): JsonNode {
  const step = path[depth]
  if (step === undefined) return node
  if (step === null) throw new SqlError('22004', `path element at position ${depth + 1} is null`)
  if (isObject(node)) return editObject(node, path, edit, depth, step as string)
  if (isArray(node)) return editArray(node, path, edit, depth, step as string)
  return node
}

function editObject(
  node: ReadonlyMap<string, JsonNode>,
  path: readonly Value[],
  edit: Edit,
  depth: number,
  key: string,
): JsonNode {
  const last = depth === path.length - 1
  const old = node.get(key)
  if (old === undefined) {
    if (!last || edit.kind === 'delete' || (edit.kind === 'set' && !edit.create)) return node
    return objectOf([...node, [key, edit.value]])
  }
  const changed = new Map(node)
  if (!last) {
    changed.set(key, editPath(old, path, edit, depth + 1))
    return changed
  }
  if (edit.kind === 'delete') changed.delete(key)
  else if (edit.kind === 'set') changed.set(key, edit.value)
  else throw invalid('cannot replace existing key', 'Try using the function jsonb_set to replace key value.')
  return changed
}

function editArray(node: readonly JsonNode[], path: readonly Value[], edit: Edit, depth: number, step: string): JsonNode {
  const last = depth === path.length - 1
  if (!/^[ \t\n\v\f\r]*[-+]?\d+$/.test(step)) {
    throw new SqlError('22P02', `path element at position ${depth + 1} is not an integer: "${step}"`)
  }
  const index = Number(step)
  if (index > 2_147_483_647 || index < -2_147_483_648) {
    throw new SqlError('22P02', `path element at position ${depth + 1} is not an integer: "${step}"`)
  }
  const at = index < 0 ? node.length + index : index
  if (at < 0 || at >= node.length) {
    const create = edit.kind === 'insert' || (edit.kind === 'set' && edit.create)
    if (!last || !create) return node
    return at < 0 ? [edit.value, ...node] : [...node, edit.value]
  }
  if (!last) return node.with(at, editPath(node[at] as JsonNode, path, edit, depth + 1))
  if (edit.kind === 'delete') return node.toSpliced(at, 1)
  if (edit.kind === 'set') return node.with(at, edit.value)
  return node.toSpliced(edit.after ? at + 1 : at, 0, edit.value)
}

/** Members that are null go, elements stay. */
export function stripNulls(node: JsonNode): JsonNode {
  if (isArray(node)) return node.map(stripNulls)
  if (!isObject(node)) return node
  const kept = new Map<string, JsonNode>()
  for (const [key, value] of node) if (value !== null) kept.set(key, stripNulls(value))
  return kept
}

/** Assignment by subscripts: members and elements that are missing are made, gaps in arrays are filled with null. */
export function assignPath(node: JsonNode, path: readonly string[], value: JsonNode, depth = 0): JsonNode {
  const step = path[depth]
  if (step === undefined) return value
  if (isObject(node)) {
    const old = node.get(step)
    const made = old === undefined ? nested(path, value, depth + 1) : assignPath(old, path, value, depth + 1)
    return objectOf([...node, [step, made]])
  }
  if (!isArray(node)) {
    throw new SqlError('22023', 'cannot replace existing key', {
      detail: 'The path assumes key is a composite object, but it is a scalar value.',
    })
  }
  const index = integerOf(step)
  if (index === undefined) {
    throw new SqlError('22P02', `path element at position ${depth + 1} is not an integer: "${step}"`)
  }
  const at = index < 0 ? node.length + index : index
  if (at < 0) throw new SqlError('22023', `path element at position ${depth + 1} is out of range: ${index}`)
  if (at < node.length) return node.with(at, assignPath(node[at] as JsonNode, path, value, depth + 1))
  return [...node, ...new Array<null>(at - node.length).fill(null), nested(path, value, depth + 1)]
}

/** Containers for the rest of a path: an integer asks for an array. */
function nested(path: readonly string[], value: JsonNode, depth: number): JsonNode {
  const step = path[depth]
  if (step === undefined) return value
  const inner = nested(path, value, depth + 1)
  const index = integerOf(step)
  if (index === undefined) return new Map([[step, inner]])
  return [...new Array<null>(Math.max(index, 0)).fill(null), inner]
}

function integerOf(step: string): number | undefined {
  if (!/^[ \t\n\v\f\r]*[-+]?\d+$/.test(step)) return undefined
  const index = Number(step)
  return index > 2_147_483_647 || index < -2_147_483_648 ? undefined : index
}
