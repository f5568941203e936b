import { SqlError } from '../../../../protocol/errors.ts'
import { typeByOid } from '../../../../protocol/values/registry.ts'
import { boolOid, int4Oid, int8Oid, numericOid, unknownOid } from '../functions/builtin-types.ts'
import type { Expr } from './bound.ts'
import { typeRef } from './coerce.ts'
import { type AConst, locationIn } from './parse-tree.ts'
import type { Statement } from './scope.ts'

/** make_const: the smallest type that holds a number; quoted literals wait for theirs. */
export function bindConstant(statement: Statement, constant: AConst): Expr {
  const location = locationIn(constant)
  if (constant.bsval !== undefined) throw statement.unsupported('type bit', location)
  return statement.place(constantOf(statement, constant), location)
}

function constantOf(statement: Statement, constant: AConst): Expr {
  if (constant.isnull) return { kind: 'constant', type: typeRef(unknownOid), value: null }
  if (constant.ival !== undefined) return { kind: 'constant', type: typeRef(int4Oid), value: constant.ival.ival ?? 0 }
  if (constant.boolval !== undefined)
    return { kind: 'constant', type: typeRef(boolOid), value: constant.boolval.boolval ?? false }
  if (constant.sval !== undefined) return { kind: 'constant', type: typeRef(unknownOid), value: constant.sval.sval ?? '' }
  return numberOf(statement, constant.fval?.fval ?? '0', locationIn(constant))
}

function numberOf(statement: Statement, written: string, location: number): Expr {
  const plain = written.replaceAll('_', '')
  const negative = plain.startsWith('-')
  const digits = negative ? plain.slice(1) : plain
  if (/^(\d+|0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+)$/.test(digits)) {
    // A leading zero does not mean octal.
    const magnitude = BigInt(/^\d+$/.test(digits) ? digits.replace(/^0+(?=\d)/, '') : digits)
    const value = negative ? -magnitude : magnitude
    if (BigInt.asIntN(32, value) === value) return { kind: 'constant', type: typeRef(int4Oid), value: Number(value) }
    if (BigInt.asIntN(64, value) === value) return { kind: 'constant', type: typeRef(int8Oid), value }
    return numeric(statement, value.toString(), location)
  }
  return numeric(statement, plain, location)
}

function numeric(statement: Statement, written: string, location: number): Expr {
  try {
    const value = typeByOid(numericOid)!.input(written, -1, statement.outside.settings)
    return { kind: 'constant', type: typeRef(numericOid), value }
  } catch (error) {
    if (error instanceof SqlError) throw statement.error(error.code, error.message, location, error.fields)
    throw error
  }
}
