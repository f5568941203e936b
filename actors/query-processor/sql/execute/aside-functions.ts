import { Jsonb, jsonbWeight } from '../../../../protocol/values/jsonb.ts'
import { SqlArray, type Value } from '../../../../protocol/values/value.ts'
import type { TypeRef } from '../catalog/schema.ts'
import { textInput, textOutput } from '../functions/aside.ts'
import type { Procedure } from '../functions/procedures.ts'
import type { FunctionContext } from '../functions/registry.ts'

/** What a call may take in place, in nanoseconds by a rough estimate. */
const nanosMax = 20_000_000
/** For one character, byte or element. */
const nanosPerUnit = 15
/** Regular expressions, for one character of the text and a small pattern. */
const nanosPerMatchedUnit = 80

/** Compiling a regular expression or a LIKE pattern, for one character of it. */
const nanosPerPatternUnit = 4_000

/** Values that cross over to a thread and back: bool, bytea, name, int8, int2, int4, text, json, bpchar, varchar, text[], jsonb. */
const crossing = new Set([16, 17, 19, 20, 21, 23, 25, 114, 1042, 1043, 1009, 3802])
/** Those of them that can be huge. */
const huge = new Set([17, 25, 114, 1042, 1043, 1009, 3802])
/** As quick as the copy to another thread. */
const quick = new Set(['textlen', 'textoctetlen', 'byteaoctetlen', 'textcat', 'byteacat', 'text_starts_with', 'ascii'])

/** These pass over a large document without taking it apart. */
const lookups = new Set([
  'jsonb_object_field',
  'jsonb_object_field_text',
  'jsonb_array_element',
  'jsonb_array_element_text',
  'jsonb_extract_path',
  'jsonb_extract_path_text',
])
const nanosPerPassedUnit = 3

/** Functions that look at nothing but their values, which may be huge. */
export function mayGoAside({ volatility, arguments: types, result, source, kind }: Procedure): boolean {
  if (volatility !== 'i' || kind !== 'function' || quick.has(source)) return false
  return types.some((oid) => huge.has(oid)) && types.every((oid) => crossing.has(oid)) && crossing.has(result)
}

type Function = (context: FunctionContext, ...values: readonly Value[]) => Value | Promise<Value>

/** The function under its `key` (pg_proc.prosrc, or its name), which goes aside where its values are huge and whoever evaluates can wait. */
export function asideCall(call: Function, key: string): Function {
  const isMatch = key.includes('regex') || key.includes('like') || key === 'substring'
  const perUnit = key.includes('like') ? nanosPerUnit : nanosPerMatchedUnit
  const perRead = lookups.has(key) ? nanosPerPassedUnit : nanosPerUnit
  return (context, a, b, ...rest) => {
    const { aside } = context
    if (
      aside?.canWait === true &&
      (isMatch ? matchNanos(a as Value, b, perUnit) : nanosOf(a as Value, b, rest, perRead)) > nanosMax
    ) {
      return aside.call(key, b === undefined ? [a as Value] : [a as Value, b, ...rest])
    }
    return b === undefined ? call(context, a as Value) : call(context, a as Value, b, ...rest)
  }
}

function nanosOf(a: Value, b: Value | undefined, rest: readonly Value[], perUnit: number): number {
  let units = sizeOf(a) + (b === undefined ? 0 : sizeOf(b))
  for (const value of rest) units += sizeOf(value)
  return units * perUnit
}

function matchNanos(text: Value, pattern: Value | undefined, perUnit: number): number {
  if (typeof pattern !== 'string') return sizeOf(text) * perUnit
  return sizeOf(text) * perUnit * patternWeight(pattern) + pattern.length * nanosPerPatternUnit
}

/** Beyond what may be done in place with a value of this size. */
export const isHuge = (value: Value): boolean => sizeOf(value) * nanosPerUnit > nanosMax

function sizeOf(value: Value): number {
  if (typeof value === 'string' || value instanceof Uint8Array) return value.length
  if (value instanceof Jsonb) return jsonbWeight(value)
  return value instanceof SqlArray ? value.elements.length * 4 : 0
}

/** How much more work a pattern is than a short one: bounded repetitions are written out. */
function patternWeight(pattern: string): number {
  if (pattern.length < 32 && !pattern.includes('{')) return 1
  let weight = pattern.length / 32
  for (const [bounds] of pattern.matchAll(/\{[\d,]+\}/g)) weight *= Math.max(1, ...bounds.slice(1, -1).split(',').map(Number))
  return Math.max(1, weight)
}

/** Types whose huge values are made of a text, or a text of them, aside: no setting changes it. */
const texts = new Set([114, 3802])

type OfHuge = (value: Value, context: FunctionContext, at?: number) => Value | undefined

/** The text of a huge value, made aside; undefined where it is to be made in place. */
export const textOfHuge = (type: TypeRef): ((value: Value, context: FunctionContext) => string | undefined) | undefined =>
  ofHuge(texts.has(type.oid) ? textOutput(type.oid) : undefined) as ReturnType<typeof textOfHuge>

/** The value that a huge text says, made aside. */
export const valueOfHuge = (type: TypeRef): OfHuge | undefined => ofHuge(texts.has(type.oid) ? textInput(type.oid) : undefined)

function ofHuge(source: string | undefined): OfHuge | undefined {
  if (source === undefined) return undefined
  return (value, { aside }, at) => (aside?.canWait === true && isHuge(value) ? aside.call(source, [value], at) : undefined)
}
