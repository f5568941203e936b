import { outputRow } from '../../../../protocol/values/record.ts'
import { knownType } from '../../../../protocol/values/registry.ts'
import type { OutputSettings } from '../../../../protocol/values/type.ts'
import type { SqlArray, SqlRow, Value } from '../../../../protocol/values/value.ts'
import type { TypeRef } from '../catalog/schema.ts'
import type { CallTypes } from './registry.ts'

export type ToText = (value: Value, settings: OutputSettings) => string

/** The type's output function; of a row with the types of its fields. The value is not NULL. */
export function textOf(type: TypeRef): ToText {
  if (type.fields !== undefined) {
    const outputs = type.fields.map((field) => textOf(field.type))
    return (value, settings) => outputRow(value as SqlRow, outputs, settings)
  }
  const known = knownType(type.oid)
  return (value, settings) => known.output(value as never, settings)
}

/**
 * The arguments of a VARIADIC "any" parameter from position `from` on, as texts with NULLs; undefined when VARIADIC was given a NULL array.
 */
export function anyTexts(
  types: CallTypes,
  from: number,
): (values: readonly Value[], settings: OutputSettings) => readonly (string | null)[] | undefined {
  const rest = types.arguments.slice(from)
  if (types.variadic === true) {
    const element = textOf({ oid: knownType((rest[0] as TypeRef).oid).elementOid, typmod: -1 })
    return (values, settings) => {
      const array = values[from] as SqlArray | null
      return array === null ? undefined : array.elements.map((item) => (item === null ? null : element(item, settings)))
    }
  }
  const outputs = rest.map(textOf)
  return (values, settings) =>
    outputs.map((output, i) => {
      const value = values[from + i] as Value
      return value === null ? null : output(value, settings)
    })
}
