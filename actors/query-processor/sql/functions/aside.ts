import { assert } from '../../../../protocol/assert.ts'
import { isTooLargeForEngine, outOfMemory, SqlError, type SqlErrorFields } from '../../../../protocol/errors.ts'
import type { Oid } from '../../../../protocol/ids.ts'
import { Jsonb, storedForm } from '../../../../protocol/values/jsonb.ts'
import { knownType } from '../../../../protocol/values/registry.ts'
import { outputDefaults } from '../../../../protocol/values/type.ts'
import { SqlArray, type Value } from '../../../../protocol/values/value.ts'
import { scalarImplementation } from './implementations.ts'
import type { FunctionContext, ScalarFunction } from './registry.ts'

/*
 * Calls that take long because their values are huge are carried out in a thread beside the main one: nobody waits for them but their
 * statement, and a cancel ends them amid their work. Here is what crosses over, and the thread's end of it.
 */

export interface Question {
  /** pg_proc.prosrc, as implementations are found. */
  readonly source: string
  readonly values: readonly unknown[]
}

export type Answer =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'mistake'; readonly code: string; readonly message: string; readonly fields: SqlErrorFields }
  | { readonly kind: 'bug'; readonly stack: string }

interface PackedArray {
  readonly elements: readonly Value[]
  readonly lowerBound: number
}

interface PackedJsonb {
  readonly jsonb: Uint8Array
}

/** Copies between threads lose their class. */
export function packed(value: Value): unknown {
  if (value instanceof Jsonb) return { jsonb: storedForm(value) } satisfies PackedJsonb
  if (!(value instanceof SqlArray)) return value
  const { elements, lowerBound } = value
  return { elements, lowerBound } satisfies PackedArray
}

export function unpacked(value: unknown): Value {
  if (typeof value !== 'object' || value === null) return value as Value
  if (value instanceof Uint8Array) return bytesOf(value)
  if ('jsonb' in value) return new Jsonb(undefined, bytesOf((value as PackedJsonb).jsonb))
  const { elements, lowerBound } = value as PackedArray
  return new SqlArray(elements, lowerBound)
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer => Buffer.from(buffer, byteOffset, byteLength)

/** What takes a value to a text and back, beside the functions by name: of types whose texts no setting changes. */
export const textOutput = (type: Oid): string => `output of ${type}`
export const textInput = (type: Oid): string => `input of ${type}`

function callOf(source: string): ScalarFunction {
  const [, way, oid] = /^(input|output) of (\d+)$/.exec(source) ?? []
  if (way !== undefined) {
    const type = knownType(Number(oid))
    if (way === 'output') return (_context, value: never) => type.output(value, outputDefaults)
    return (_context, text: string) => type.input(text, -1, { ...outputDefaults, now: 0n })
  }
  const implementation = scalarImplementation(source)
  assert(typeof implementation === 'function', `${source} is a plain function`)
  return implementation as ScalarFunction
}

/** What comes here is immutable and looks at nothing of a session. */
const noContext = {} as FunctionContext

const mistake = ({ code, message, fields }: SqlError): Answer => ({ kind: 'mistake', code, message, fields })

/** Runs in the thread. */
export function answer({ source, values }: Question): Answer {
  try {
    const value = callOf(source)(noContext, ...(values.map(unpacked) as never[]))
    return { kind: 'value', value: packed(value as Value) }
  } catch (error) {
    if (isTooLargeForEngine(error)) return mistake(outOfMemory('A value is too large.'))
    if (error instanceof SqlError) return mistake(error)
    return { kind: 'bug', stack: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
}
