import { SqlError } from '../../../../protocol/errors.ts'
import { typeByOid } from '../../../../protocol/values/registry.ts'
import { SqlArray, type Value } from '../../../../protocol/values/value.ts'
import type { TypeRef } from '../catalog/schema.ts'
import { arrayElement, type BuiltinType, builtinType, isPolymorphic } from '../functions/builtin-types.ts'
import { isObjectIdentifier, objectIdentifier } from './object-identifier.ts'
import { locationIn, type TypeName, texts } from './parse-tree.ts'
import { anonymousCompositeInput } from './refusal-texts.ts'
import type { Statement } from './scope.ts'

/** The value of a quoted literal once its type is known; an error points at the literal. */
export function literal(statement: Statement, written: string, type: TypeRef, location: number): Value {
  try {
    return readLiteral(statement, written, type)
  } catch (error) {
    if (error instanceof SqlError) throw error.with(statement.at(location))
    throw error
  }
}

function readLiteral(statement: Statement, written: string, type: TypeRef): Value {
  if (isObjectIdentifier(type.oid)) return objectIdentifier(statement.outside, type.oid, written)
  const element = arrayElement(type.oid)
  if (element !== 0 && isObjectIdentifier(element)) {
    const names = typeByOid(1009)!.input(written, -1, statement.outside.settings) as SqlArray
    const oids = names.elements.map((name) =>
      name === null ? null : objectIdentifier(statement.outside, element, name as string),
    )
    return new SqlArray(oids, names.lowerBound)
  }
  const name = builtinType(type.oid)
  if (isPolymorphic(type.oid)) throw new SqlError('0A000', `cannot accept a value of type ${name.displayName}`)
  const reader = typeByOid(type.oid)
  if (reader === undefined) {
    if (name.kind === 'p') throw new SqlError('0A000', anonymousCompositeInput)
    throw new SqlError('0A000', `a literal of type ${name.displayName} is not supported`)
  }
  return reader.input(written, type.typmod, statement.outside.settings)
}

/** typenameTypeMod: the number that the modifiers in the parentheses make. */
export function typeModifier(statement: Statement, builtin: BuiltinType, type: TypeName): number {
  if (type.typmods === undefined || type.typmods.length === 0) return -1
  const location = locationIn(type)
  const reader = typeByOid(builtin.oid)
  if (reader?.typmodIn === undefined) {
    const name = texts(type.names ?? []).join('.')
    throw statement.error('42601', `type modifier is not allowed for type "${name}"`, location)
  }
  const modifiers = type.typmods.map((node) => {
    const constant = node.A_Const
    if (constant?.ival !== undefined) return constant.ival.ival ?? 0
    const written = constant?.fval?.fval ?? constant?.sval?.sval ?? node.ColumnRef?.fields[0]?.String?.sval
    if (written === undefined) throw statement.error('42601', 'type modifiers must be simple constants or identifiers', location)
    if (!/^\s*[-+]?\d+\s*$/.test(written)) {
      throw statement.error('22P02', `invalid input syntax for type integer: "${written}"`, location)
    }
    const value = Number(written)
    if (value > 2_147_483_647 || value < -2_147_483_648) {
      throw statement.error('22003', `value "${written}" is out of range for type integer`, location)
    }
    return value
  })
  try {
    warnOfPrecision(statement, builtin.oid, modifiers[0] ?? 0, location)
    return reader.typmodIn(modifiers)
  } catch (error) {
    if (error instanceof SqlError) throw error.with(statement.at(location))
    throw error
  }
}

/** As warnings name the types that have a precision. */
const precise: ReadonlyMap<number, readonly [string, string]> = new Map([
  [1083, ['TIME', '']],
  [1266, ['TIME', ' WITH TIME ZONE']],
  [1114, ['TIMESTAMP', '']],
  [1184, ['TIMESTAMP', ' WITH TIME ZONE']],
])

const precisionMax = 6

export function warnOfPrecision(statement: Statement, type: number, precision: number, location?: number): void {
  const words = precise.get(type)
  if (words === undefined || precision <= precisionMax) return
  const message = `${words[0]}(${precision})${words[1]} precision reduced to maximum allowed, ${precisionMax}`
  const place = location === undefined ? {} : statement.at(location)
  statement.outside.notice?.({ code: '22023', message, fields: { severity: 'WARNING', ...place } })
}
