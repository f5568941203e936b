import type { Expr } from './bound.ts'

/**
 * Whether two expressions of one query are the same one, wherever they were written: GROUP BY, DISTINCT and ORDER BY find their target
 * by it. Positions do not count.
 */
export function sameExpr(a: Expr, b: Expr): boolean {
  return a === b || (a.kind === b.kind && same(a, b, none))
}

type Ids = ReadonlyMap<number, number>
const none: Ids = new Map()
/** Fields that hold the id of a relation or a common table. */
const idFields = new Set(['relation', 'id', 'cte', 'row', 'target', 'existing', 'excluded', 'lentAs'])

function same(a: unknown, b: unknown, ids: Ids): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Object.is(a, b)
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, i) => same(item, b[i], ids))
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0
  if (a instanceof Map) {
    if (!(b instanceof Map) || a.size !== b.size) return false
    const others = [...b]
    return [...a].every((entry, i) => same(entry, others[i], ids))
  }
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false
  return sameFields(a as Fields, b as Fields, withInner(a as Fields, b as Fields, ids))
}

type Fields = Readonly<Record<string, unknown>>

function sameFields(a: Fields, b: Fields, ids: Ids): boolean {
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    if (key === 'at' || key === 'outer') continue
    const left = a[key]
    if (idFields.has(key) && typeof left === 'number') {
      if ((ids.get(left) ?? left) !== b[key]) return false
    } else if (!same(left, b[key], ids)) return false
  }
  return true
}

/** Two bindings of one subquery text number their relations differently: those of the one stand for those of the other. */
function withInner(a: Fields, b: Fields, ids: Ids): Ids {
  if (a.kind !== 'subquery' || b.kind !== 'subquery' || !('how' in a)) return ids
  const left = idsInside(a.query)
  const right = idsInside(b.query)
  return left.length === right.length ? new Map([...ids, ...left.map((id, i) => [id, right[i]!] as const)]) : ids
}

function idsInside(query: unknown, found: number[] = []): number[] {
  if (Array.isArray(query)) for (const item of query) idsInside(item, found)
  else if (typeof query === 'object' && query !== null && Object.getPrototypeOf(query) === Object.prototype) {
    const fields = query as Fields
    // The table itself has no relation ids in it.
    for (const key of Object.keys(fields)) {
      if ((key === 'id' || key === 'lentAs') && typeof fields[key] === 'number') found.push(fields[key])
      else if (key !== 'table' && key !== 'view' && key !== 'sequence') idsInside(fields[key], found)
    }
  }
  return found
}
