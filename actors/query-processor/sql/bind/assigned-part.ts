import type { Column } from '../catalog/schema.ts'
import { arrayElement } from '../functions/builtin-types.ts'
import type { Expr } from './bound.ts'
import { coerceToTarget, typeName, typeRef } from './coerce.ts'
import { bindArrayIndex, bindJsonbSubscript } from './column-ref.ts'
import { bindExpr } from './expression.ts'
import { locationIn, type ResTarget, text } from './parse-tree.ts'
import type { QueryScope } from './scope.ts'

const jsonbOid = 3802

/** What stands behind the column's name in `SET a[1] = ...`, `INSERT INTO t (a[1])`. */
export interface PartTarget {
  readonly subscripts: readonly (Expr | undefined)[]
  readonly isSlice: boolean
  /** Of jsonb: the first subscript is a number. */
  readonly isIndex: boolean
  readonly location: number
}

/** transformAssignmentIndirection, for columns of array types and jsonb; `containerAt`: where the old value stands, -1 for none. */
export function bindPartTarget(scope: QueryScope, column: Column, target: ResTarget, containerAt: number): PartTarget {
  const { statement } = scope
  const location = locationIn(target)
  const indirection = target.indirection!
  const field = indirection.find((step) => step.String !== undefined)
  const type = column.type.oid
  const shown = typeName(type)
  if (field !== undefined) {
    const message = `cannot assign to field "${text(field)}" of column "${column.name}" because its type ${shown} is not a composite type`
    throw statement.error('42804', message, location)
  }
  const steps = indirection.map((step) => step.A_Indices!)
  const bindChild = (node: Parameters<typeof bindExpr>[1]): Expr => bindExpr(scope, node, 'UPDATE')
  if (type === jsonbOid) {
    const bound = steps.map((step) => bindJsonbSubscript(scope, step, bindChild))
    return { subscripts: bound.map(({ path }) => path), isSlice: false, isIndex: bound[0]!.isIndex, location }
  }
  if (arrayElement(type) === 0) {
    const message = `cannot subscript type ${shown} because it does not support subscripting`
    throw statement.error('42804', message, containerAt)
  }
  if (steps.length > 1) throw statement.unsupported('a multidimensional subscript', location)
  const { is_slice, lidx, uidx } = steps[0]!
  const from = lidx && bindArrayIndex(scope, lidx, bindChild)
  const to = uidx && bindArrayIndex(scope, uidx, bindChild)
  return { subscripts: is_slice === true ? [from, to] : [to], isSlice: is_slice === true, isIndex: true, location }
}

/** The value as what stands in that place. */
export function coercedPart(scope: QueryScope, column: Column, part: PartTarget, value: Expr): Expr {
  const { statement } = scope
  const { oid, typmod } = column.type
  const wanted = oid === jsonbOid || part.isSlice ? column.type : typeRef(arrayElement(oid), typmod)
  const coerced = coerceToTarget(statement, value, wanted, 'assignment')
  if (coerced !== undefined) return coerced
  const message = `subscripted assignment to "${column.name}" requires type ${typeName(wanted.oid)} but expression is of type ${typeName(value.type.oid)}`
  throw statement.error('42804', message, part.location, {
    hint: 'You will need to rewrite or cast the expression.',
  })
}

export function assignPart(column: Column, container: Expr, part: PartTarget, value: Expr): Expr {
  const { subscripts, isSlice, isIndex } = part
  return { kind: 'assignPart', type: column.type, argument: container, subscripts, isSlice, isIndex, value }
}
