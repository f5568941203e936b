import { assert } from '../../../../protocol/assert.ts'
import type { Oid } from '../../../../protocol/ids.ts'
import { orders, refusedTypes, types } from './builtin.generated.ts'

/** What pg_type says about a built-in type; how its values are read and compared is the value registry's. */
export interface BuiltinType {
  readonly oid: Oid
  readonly name: string
  readonly length: number
  /** base or pseudo */
  readonly kind: 'b' | 'p'
  readonly category: string
  readonly preferred: boolean
  /** Of arrays, but also of name, int2vector and oidvector, which can be subscripted without being arrays. */
  readonly element: Oid
  readonly array: Oid
  /** format_type without a typmod */
  readonly displayName: string
  readonly takesTypmod: boolean
  readonly byValue: boolean
  readonly alignment: string
  readonly storage: string
  readonly inputProcedure: Oid
  readonly outputProcedure: Oid
  readonly collation: Oid
  readonly delimiter: string
}

/** The default btree operators of a type. */
export interface TypeOrder {
  readonly less: Oid
  readonly equal: Oid
  readonly greater: Oid
}

export const boolOid = 16
export const nameOid = 19
export const int8Oid = 20
export const int2vectorOid = 22
export const int4Oid = 23
export const textOid = 25
export const jsonOid = 114
export const jsonbOid = 3802
export const oidOid = 26
export const oidvectorOid = 30
export const unknownOid = 705
export const bpcharOid = 1042
export const varcharOid = 1043
export const dateOid = 1082
export const timeOid = 1083
export const timestampOid = 1114
export const timestamptzOid = 1184
export const intervalOid = 1186
export const timetzOid = 1266
export const numericOid = 1700
export const regclassOid = 2205
export const recordOid = 2249
export const anyOid = 2276
export const anyarrayOid = 2277
export const anyelementOid = 2283
export const anynonarrayOid = 2776
export const anycompatibleOid = 5077
export const anycompatiblearrayOid = 5078
export const anycompatiblenonarrayOid = 5079

interface Loaded {
  readonly byOid: ReadonlyMap<Oid, BuiltinType>
  readonly byName: ReadonlyMap<string, BuiltinType>
  readonly orders: ReadonlyMap<Oid, TypeOrder>
  readonly refused: ReadonlySet<string>
}

let loaded: Loaded | undefined

function load(): Loaded {
  const byOid = new Map<Oid, BuiltinType>()
  const byName = new Map<string, BuiltinType>()
  for (const line of types.split('\n')) {
    const f = line.split('\t')
    const type: BuiltinType = {
      oid: Number(f[0]),
      name: f[1]!,
      length: Number(f[2]),
      kind: f[3] as 'b' | 'p',
      category: f[4]!,
      preferred: f[5] !== '',
      element: Number(f[6]),
      array: Number(f[7]),
      displayName: f[8]!,
      takesTypmod: f[9] !== '',
      byValue: f[10] !== '',
      alignment: f[11]!,
      storage: f[12]!,
      inputProcedure: Number(f[13]),
      outputProcedure: Number(f[14]),
      collation: Number(f[15]),
      delimiter: f[16]!,
    }
    byOid.set(type.oid, type)
    byName.set(type.name, type)
  }
  const byType = new Map<Oid, TypeOrder>()
  for (const line of orders.split('\n')) {
    const [type, less, equal, greater] = line.split('\t').map(Number)
    byType.set(type!, { less: less!, equal: equal!, greater: greater! })
  }
  return { byOid, byName, orders: byType, refused: new Set(refusedTypes.split('\n')) }
}

const all = (): Loaded => (loaded ??= load())

export const builtinTypes = (): Iterable<BuiltinType> => all().byOid.values()

/** Undefined for an oid that is no type of ours. */
export const findBuiltinType = (oid: Oid): BuiltinType | undefined => all().byOid.get(oid)

export function builtinType(oid: Oid): BuiltinType {
  const type = all().byOid.get(oid)
  assert(type !== undefined, `type ${oid} is built in`)
  return type
}

/** By pg_type.typname: int4, _text. */
export const builtinTypeByName = (name: string): BuiltinType | undefined => all().byName.get(name)

/** A type that PostgreSQL has and we do not: refused by name rather than unknown. */
export const isRefusedType = (name: string): boolean => all().refused.has(name.startsWith('_') ? name.slice(1) : name)

export const typeCategory = (oid: Oid): string => all().byOid.get(oid)?.category ?? 'X'

export const isPolymorphic = (oid: Oid): boolean => isAnyElementFamily(oid) || isAnyCompatibleFamily(oid)
export const isAnyElementFamily = (oid: Oid): boolean => oid === anyelementOid || oid === anyarrayOid || oid === anynonarrayOid
export const isAnyCompatibleFamily = (oid: Oid): boolean =>
  oid === anycompatibleOid || oid === anycompatiblearrayOid || oid === anycompatiblenonarrayOid

/** The element type of an array (int2vector and oidvector are arrays here, name is none), else 0. */
export function arrayElement(oid: Oid): Oid {
  const type = all().byOid.get(oid)
  return type !== undefined && type.category === 'A' && type.length === -1 ? type.element : 0
}

export const isVector = (oid: Oid): boolean => oid === int2vectorOid || oid === oidvectorOid

/** The array type over a type, else 0. */
export const arrayOver = (oid: Oid): Oid => all().byOid.get(oid)?.array ?? 0

/** The default btree operators of exactly this type. */
export const typeOrder = (oid: Oid): TypeOrder | undefined => all().orders.get(oid)
