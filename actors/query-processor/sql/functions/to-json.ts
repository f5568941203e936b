import { assert } from '../../../../protocol/assert.ts'
import { SqlError } from '../../../../protocol/errors.ts'
import { civilFromDays, isFiniteTimestamp, splitTimestamp } from '../../../../protocol/values/calendar.ts'
import { localTypeAt, outputDate, outputDisplacement, outputTime } from '../../../../protocol/values/datetime-output.ts'
import { parseJson } from '../../../../protocol/values/json-parse.ts'
import { type Jsonb, type JsonNode, jsonNodeBuilder, objectOf, quoteJson } from '../../../../protocol/values/jsonb.ts'
import { Numeric, numericFromInteger } from '../../../../protocol/values/numeric.ts'
import { parseNumeric } from '../../../../protocol/values/numeric-text.ts'
import { knownType } from '../../../../protocol/values/registry.ts'
import { outputDefaults } from '../../../../protocol/values/type.ts'
import type { SqlArray, SqlRow, Value } from '../../../../protocol/values/value.ts'
import type { TypeRef } from '../catalog/schema.ts'
import type { FunctionContext } from './registry.ts'
import { textOf } from './value-text.ts'

/** How a type looks in JSON (json_categorize_type). */
type Category = 'boolean' | 'number' | 'date' | 'timestamp' | 'timestamptz' | 'json' | 'jsonb' | 'array' | 'row' | 'text'

function categoryOf(type: TypeRef): Category {
  switch (type.oid) {
    case 16:
      return 'boolean'
    case 20:
    case 21:
    case 23:
    case 700:
    case 701:
    case 1700:
      return 'number'
    case 1082:
      return 'date'
    case 1114:
      return 'timestamp'
    case 1184:
      return 'timestamptz'
    case 114:
      return 'json'
    case 3802:
      return 'jsonb'
    default:
      if (type.fields !== undefined || type.oid === 2249) return 'row'
      return knownType(type.oid).elementOid !== 0 && knownType(type.oid).category === 'A' ? 'array' : 'text'
  }
}

export const isStructured = (type: TypeRef): boolean => {
  const category = categoryOf(type)
  return category === 'array' || category === 'row'
}

/** ISO 8601 with a T, whatever DateStyle says. */
function isoTimestamp(timestamp: bigint, zoneName: string | undefined): string {
  if (!isFiniteTimestamp(timestamp)) return timestamp > 0n ? 'infinity' : '-infinity'
  const zone = zoneName === undefined ? undefined : localTypeAt(timestamp, zoneName)
  const { days, micros } = splitTimestamp(timestamp + BigInt(zone?.offset ?? 0) * 1_000_000n)
  const date = outputDate(days, outputDefaults)
  const [day, era] = civilFromDays(days).year <= 0 ? [date.slice(0, -3), ' BC'] : [date, '']
  return `${day}T${outputTime(micros)}${zone ? isoOffset(zone.offset) : ''}${era}`
}

function isoOffset(offset: number): string {
  const text = outputDisplacement(offset)
  return text.length === 3 ? `${text}:00` : text
}

/** The text that stands in JSON for a scalar, without quotes; undefined for arrays, rows and JSON. */
type ScalarText = (value: Value, context: FunctionContext) => string

function scalarText(type: TypeRef, category: Category): ScalarText | undefined {
  switch (category) {
    case 'boolean':
      return (value) => (value ? 'true' : 'false')
    case 'date':
      return (value) => outputDate(value as number, outputDefaults)
    case 'timestamp':
      return (value) => isoTimestamp(value as bigint, undefined)
    case 'timestamptz':
      return (value, context) => isoTimestamp(value as bigint, context.settings.timeZone)
    case 'number':
    case 'text': {
      const output = textOf(type)
      return (value, context) => output(value, context.settings)
    }
    default:
      return undefined
  }
}

const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?$/

export type JsonText = (value: Value, context: FunctionContext) => string

const elementOf = (type: TypeRef): TypeRef => ({ oid: knownType(type.oid).elementOid, typmod: -1 })

function fieldsOf(type: TypeRef): readonly { readonly name: string; readonly type: TypeRef }[] {
  assert(type.fields !== undefined, 'the fields of a row that becomes JSON are known')
  return type.fields
}

/** JSON text as to_json writes it: `lines` puts the members of the outermost array or row on lines of their own. */
export function jsonTextOf(type: TypeRef, lines = false): JsonText {
  const category = categoryOf(type)
  const separator = lines ? ',\n ' : ','
  switch (category) {
    case 'json':
      return (value) => value as string
    case 'array': {
      const element = jsonTextOf(elementOf(type))
      return (value, context) =>
        `[${(value as SqlArray).elements.map((item) => (item === null ? 'null' : element(item, context))).join(separator)}]`
    }
    case 'row': {
      const fields = fieldsOf(type).map(({ name, type: fieldType }) => ({ key: quoteJson(name), text: jsonTextOf(fieldType) }))
      return (value, context) => {
        const members = fields.map(({ key, text }, i) => {
          const field = (value as SqlRow).fields[i] as Value
          return `${key}:${field === null ? 'null' : text(field, context)}`
        })
        return `{${members.join(separator)}}`
      }
    }
    case 'jsonb': {
      const output = textOf(type)
      return (value, context) => output(value, context.settings)
    }
    default: {
      const text = scalarText(type, category) as ScalarText
      if (category === 'boolean') return text
      if (category !== 'number') return (value, context) => quoteJson(text(value, context))
      return (value, context) => {
        const number = text(value, context)
        return jsonNumber.test(number) ? number : quoteJson(number)
      }
    }
  }
}

export type ToNode = (value: Value, context: FunctionContext) => JsonNode

/** The same as a jsonb node. */
export function jsonNodeOf(type: TypeRef): ToNode {
  const category = categoryOf(type)
  switch (category) {
    case 'json':
      return (value) => parseJson(value as string, jsonNodeBuilder)
    case 'jsonb':
      return (value) => (value as Jsonb).root
    case 'array': {
      const element = jsonNodeOf(elementOf(type))
      return (value, context) => (value as SqlArray).elements.map((item) => (item === null ? null : element(item, context)))
    }
    case 'row': {
      const fields = fieldsOf(type).map(({ name, type: fieldType }) => ({ name, node: jsonNodeOf(fieldType) }))
      return (value, context) =>
        objectOf(
          fields.map(({ name, node }, i) => {
            const field = (value as SqlRow).fields[i] as Value
            return [name, field === null ? null : node(field, context)] as const
          }),
        )
    }
    case 'boolean':
      return (value) => value as boolean
    case 'number':
      return numberNode(type)
    default:
      return scalarText(type, category) as ScalarText
  }
}

/** What JSON has no number for (NaN, infinity) becomes a string. */
function numberNode(type: TypeRef): ToNode {
  if (type.oid === 1700) return (value) => ((value as Numeric).special === '' ? (value as Numeric) : (value as Numeric).special)
  if (type.oid === 20) return (value) => new Numeric(value as bigint, 0)
  if (type.oid === 21 || type.oid === 23) return (value) => numericFromInteger(value as number)
  const output = textOf(type)
  return (value, context) => {
    const text = output(value, context.settings)
    return Number.isFinite(value) ? parseNumeric(text) : text
  }
}

/** The key that a value makes in an object. Throws 22023 for what is no scalar. */
export function jsonKeyOf(type: TypeRef): ScalarText {
  const text = scalarText(type, categoryOf(type))
  if (text) return text
  return () => {
    throw new SqlError('22023', 'key value must be scalar, not array, composite, or json')
  }
}
