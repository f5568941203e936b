import type { Oid } from '../../../../protocol/ids.ts'
import { casts } from './builtin.generated.ts'
import { arrayElement, isVector, recordOid, typeCategory } from './builtin-types.ts'

export type CastContext = 'implicit' | 'assignment' | 'explicit'

/** How a value of one type becomes one of another. `array`: element by element. */
export type CastPath =
  | { readonly kind: 'function'; readonly procedure: Oid }
  | { readonly kind: 'binary' }
  | { readonly kind: 'inout' }
  | { readonly kind: 'array'; readonly element: CastPath }

export interface Cast {
  readonly oid: Oid
  readonly source: Oid
  readonly target: Oid
  readonly procedure: Oid
  readonly context: CastContext
  readonly method: 'f' | 'b' | 'i'
}

const contexts = { i: 'implicit', a: 'assignment', e: 'explicit' } as const
const rank = { implicit: 0, assignment: 1, explicit: 2 } as const

let loaded: ReadonlyMap<number, Cast> | undefined

/** Built-in oids are below 2^14: source and target make one number. */
const key = (source: Oid, target: Oid): number => source * 65_536 + target

function load(): ReadonlyMap<number, Cast> {
  const byTypes = new Map<number, Cast>()
  for (const line of casts.split('\n')) {
    const f = line.split('\t')
    const cast: Cast = {
      oid: Number(f[0]),
      source: Number(f[1]),
      target: Number(f[2]),
      procedure: Number(f[3]),
      context: contexts[f[4] as keyof typeof contexts],
      method: f[5] as Cast['method'],
    }
    byTypes.set(key(cast.source, cast.target), cast)
  }
  return byTypes
}

const all = (): ReadonlyMap<number, Cast> => (loaded ??= load())

export const allCasts = (): Iterable<Cast> => all().values()

/** Whether the type's values are fitted to a typmod (varchar(n), numeric(p,s) ...): it has a cast to itself. */
export const hasTypmodCoercion = (type: Oid): boolean => all().has(key(type, type))

/** find_coercion_pathway of parse_coerce.c; undefined: there is none in this context. */
export function castPath(source: Oid, target: Oid, context: CastContext): CastPath | undefined {
  if (source === target) return { kind: 'binary' }
  const cast = all().get(key(source, target))
  if (cast !== undefined) {
    if (rank[cast.context] > rank[context]) return undefined
    if (cast.method === 'f') return { kind: 'function', procedure: cast.procedure }
    return { kind: cast.method === 'b' ? 'binary' : 'inout' }
  }
  const targetElement = isVector(target) ? 0 : arrayElement(target)
  const sourceElement = arrayElement(source)
  if (targetElement !== 0 && sourceElement !== 0) {
    const element = castPath(sourceElement, targetElement, context)
    if (element !== undefined) return { kind: 'array', element }
  }
  if (context !== 'implicit' && typeCategory(target) === 'S') return { kind: 'inout' }
  if (context === 'explicit' && typeCategory(source) === 'S') return { kind: 'inout' }
  return undefined
}

/** IsBinaryCoercible: a value of the one type can stand for the other as it is. */
export function isBinaryCoercible(source: Oid, target: Oid): boolean {
  if (source === target) return true
  if (target === 2276 || target === 2283 || target === 5077) return true
  if ((target === 2277 || target === 5078) && arrayElement(source) !== 0) return true
  if ((target === 2776 || target === 5079) && arrayElement(source) === 0) return true
  const cast = all().get(key(source, target))
  return cast !== undefined && cast.method === 'b' && cast.context === 'implicit' && target !== recordOid
}
