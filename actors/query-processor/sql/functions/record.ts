import { SqlError } from '../../../../protocol/errors.ts'
import { compareRows } from '../../../../protocol/values/record.ts'
import { knownType } from '../../../../protocol/values/registry.ts'
import type { SqlRow, Value } from '../../../../protocol/values/value.ts'
import type { TypeRef } from '../catalog/schema.ts'
import type { CallTypes, Implementations, ScalarFunction, SpecializedFunction } from './registry.ts'

type Compare = (a: Value, b: Value) => number

/** record_cmp: rows of as many fields, each pair of one type. */
function rowsOrder([left, right]: readonly TypeRef[], wanted: string): (a: SqlRow, b: SqlRow) => number {
  const [a, b] = [left?.fields, right?.fields]
  if (a === undefined || b === undefined) throw new SqlError('0A000', 'comparing rows of unknown columns is not supported')
  const compares = a
    .slice(0, b.length)
    .map((field, i) => fieldOrder(field.type, (b[i] as { readonly type: TypeRef }).type, i + 1, wanted))
  return (one, other) => {
    const order = compareRows(one, other, compares)
    if (order !== 0 || a.length === b.length) return order
    throw new SqlError('42804', 'cannot compare record types with different numbers of columns')
  }
}

function fieldOrder(a: TypeRef, b: TypeRef, place: number, wanted: string): Compare {
  if (a.fields !== undefined && b.fields !== undefined) {
    const order = rowsOrder([a, b], wanted)
    return (one, other) => order(one as SqlRow, other as SqlRow)
  }
  const [left, right] = [knownType(a.oid), knownType(b.oid)]
  if (a.oid !== b.oid) {
    const names = `${left.displayName} and ${right.displayName}`
    throw new SqlError('42804', `cannot compare dissimilar column types ${names} at record column ${place}`)
  }
  if (left.compare === undefined) {
    throw new SqlError('42883', `could not identify ${wanted} for type ${left.displayName}`)
  }
  return left.compare as Compare
}

function comparing(holds: (order: number) => boolean, wanted = 'a comparison function'): SpecializedFunction {
  return {
    specialize: (types: CallTypes) => {
      let order: ReturnType<typeof rowsOrder> | undefined
      const compare = (a: SqlRow, b: SqlRow): boolean => holds((order ??= rowsOrder(types.arguments, wanted))(a, b))
      return ((_context: unknown, a: SqlRow, b: SqlRow) => compare(a, b)) as unknown as ScalarFunction
    },
  }
}

export const recordFunctions: Implementations = {
  scalar: {
    record_eq: comparing((order) => order === 0, 'an equality operator'),
    record_ne: comparing((order) => order !== 0, 'an equality operator'),
    record_lt: comparing((order) => order < 0),
    record_le: comparing((order) => order <= 0),
    record_gt: comparing((order) => order > 0),
    record_ge: comparing((order) => order >= 0),
  },
}
