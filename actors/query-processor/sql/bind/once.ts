import { arrayOver, int4Oid } from '../functions/builtin-types.ts'
import { procedureByOid } from '../functions/procedures.ts'
import type { Expr } from './bound.ts'
import { typeRef } from './coerce.ts'
import type { Statement } from './scope.ts'
import { some } from './walk.ts'

const isVolatile = (expr: Expr): boolean =>
  some(expr, (inner) => inner.kind === 'call' && procedureByOid(inner.procedure)?.volatility === 'v')

const readsMore = (expr: Expr): boolean =>
  some(expr, ({ kind }) => kind === 'column' || kind === 'wholeRow' || kind === 'subquery' || kind === 'aggregate')

/**
 * An expression that looks at `argument` several times. `CASE random() WHEN ...` draws once: a volatile argument becomes the only element
 * of an array, and the expression a cast of that element.
 */
export function evaluatedOnce(statement: Statement, argument: Expr, body: (value: Expr) => Expr): Expr {
  if (!isVolatile(argument)) return body(argument)
  const value = statement.place<Expr>({ kind: 'elementInput', type: argument.type }, statement.locationOf(argument))
  const element = body(value)
  const location = statement.locationOf(element)
  const array = arrayOver(argument.type.oid)
  const resultArray = arrayOver(element.type.oid)
  if (array === 0 || resultArray === 0 || readsMore(element)) {
    throw statement.unsupported('a volatile expression compared with columns in CASE or NULLIF', location)
  }
  const one: Expr = { kind: 'array', type: typeRef(array), elements: [argument] }
  const results: Expr = { kind: 'arrayCast', type: typeRef(resultArray), argument: one, element }
  const index: Expr = { kind: 'constant', type: typeRef(int4Oid), value: 1 }
  return statement.place({ kind: 'subscript', type: element.type, argument: results, index }, location)
}
