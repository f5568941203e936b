import { SqlError } from '../../../../protocol/errors.ts'
import { Jsonb, type JsonNode } from '../../../../protocol/values/jsonb.ts'
import { SqlArray, type Value } from '../../../../protocol/values/value.ts'
import { assignPath } from '../functions/jsonb-edit.ts'

/** `SET a[1] = ...`: the array with another element. Gaps are filled with NULL; a NULL array is an empty one. */
export function withElement(array: SqlArray | null, index: Value, value: Value): SqlArray {
  if (index === null) throw nullSubscript('array')
  const at = Number(index)
  if (array === null || array.elements.length === 0) return new SqlArray([value], at)
  const { elements, lowerBound } = array
  const next = lowerBound + elements.length
  requireSize(Math.max(next, at + 1) - Math.min(lowerBound, at))
  if (at < lowerBound) return new SqlArray([value, ...nulls(lowerBound - at - 1), ...elements], at)
  if (at >= next) return new SqlArray([...elements, ...nulls(at - next), value], lowerBound)
  return new SqlArray(elements.with(at - lowerBound, value), lowerBound)
}

/** `SET a[1:2] = ...`; undefined bounds are those of the array. A NULL for the slice changes nothing. */
export function withSlice(array: SqlArray | null, from: Value | undefined, to: Value | undefined, value: Value): SqlArray {
  if (from === null || to === null) throw nullSubscript('array')
  const old = array ?? new SqlArray([])
  if (value === null) return old
  const items = (value as SqlArray).elements
  const isEmpty = old.elements.length === 0
  if (isEmpty && (from === undefined || to === undefined)) {
    throw new SqlError('2202E', 'array slice subscript must provide both boundaries', {
      detail: 'When assigning to a slice of an empty array value, slice boundaries must be fully specified.',
    })
  }
  const first = from === undefined ? old.lowerBound : Number(from)
  const last = to === undefined ? old.lowerBound + old.elements.length - 1 : Number(to)
  if (first > last) throw new SqlError('2202E', 'upper bound cannot be less than lower bound')
  const count = last - first + 1
  requireSize(count)
  if (items.length < count) throw new SqlError('2202E', 'source array too small')
  const taken = items.slice(0, count)
  if (isEmpty) return new SqlArray(taken, first)
  const next = old.lowerBound + old.elements.length
  requireSize(Math.max(next, last + 1) - Math.min(old.lowerBound, first))
  const before = old.elements.slice(0, Math.max(first - old.lowerBound, 0))
  const behind = old.elements.slice(Math.max(last + 1 - old.lowerBound, 0))
  const made = [...before, ...nulls(first - next), ...taken, ...nulls(old.lowerBound - last - 1), ...behind]
  return new SqlArray(made, Math.min(first, old.lowerBound))
}

/** `SET j['a'][1] = ...`: what is missing on the way is made. A NULL document begins as what its first subscript suits. */
export function withMember(document: Jsonb | null, path: readonly Value[], isIndex: boolean, value: Value): Jsonb {
  if (path.includes(null)) throw nullSubscript('jsonb')
  const empty: JsonNode = isIndex ? [] : new Map()
  return new Jsonb(
    assignPath(document === null ? empty : document.root, path as readonly string[], (value as Jsonb | null)?.root ?? null),
  )
}

const nullSubscript = (container: string): SqlError =>
  new SqlError('22004', `${container} subscript in assignment must not be null`)

const nulls = (count: number): null[] => new Array<null>(Math.max(count, 0)).fill(null)

const elementsMax = 134_217_727

function requireSize(count: number): void {
  if (count > elementsMax) throw new SqlError('54000', `array size exceeds the maximum allowed (${elementsMax})`)
}
