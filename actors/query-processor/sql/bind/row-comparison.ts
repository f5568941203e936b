import { boolOid } from '../functions/builtin-types.ts'
import type { Expr } from './bound.ts'
import { allCoerceTo, coerceToCommonType, selectCommonType, typeName, typeRef } from './coerce.ts'
import { makeOperator, orderOf } from './operator.ts'
import { type Node, texts } from './parse-tree.ts'
import type { Statement } from './scope.ts'

/** make_row_comparison_op: `(a, b) < (c, d)`. */
export function compareRows(
  statement: Statement,
  name: readonly Node[],
  left: readonly Expr[],
  right: readonly Expr[],
  location: number,
): Expr {
  if (left.length !== right.length) {
    throw statement.error('42601', 'unequal number of entries in row expressions', location)
  }
  if (left.length === 0) throw statement.error('0A000', 'cannot compare rows of zero length', location)
  const pairs = left.map((expr, i) => {
    const call = makeOperator(statement, name, expr, right[i]!, location)
    if (call.type.oid !== boolOid) {
      throw statement.error(
        '42804',
        `row comparison operator must yield type boolean, not type ${typeName(call.type.oid)}`,
        location,
      )
    }
    return call as Expr & { kind: 'call' }
  })
  if (pairs.length === 1) return pairs[0]!
  const operator = rowOperator(statement, name, pairs[0]!, location)
  const type = typeRef(boolOid)
  if (operator === '=') return statement.place({ kind: 'and', type, arguments: pairs }, location)
  if (operator === '<>') return statement.place({ kind: 'or', type, arguments: pairs }, location)
  const sides = pairs.map(({ arguments: [a, b] }) => {
    // int4 against int8 has an operator of its own; column by column the comparison is within one type.
    if (a!.type.oid === b!.type.oid) return [a!, b!] as const
    const common = selectCommonType(statement, [a!, b!], undefined)
    if (common === undefined || !allCoerceTo([a!, b!], common)) throw statement.unsupported('this row comparison', location)
    return [coerceToCommonType(statement, a!, common, 'ROW'), coerceToCommonType(statement, b!, common, 'ROW')] as const
  })
  return statement.place(
    { kind: 'rowCompare', type, operator, left: sides.map((side) => side[0]), right: sides.map((side) => side[1]) },
    location,
  )
}

/** What a row operator means: by its btree strategy, which for operators of ours goes with its name. */
function rowOperator(
  statement: Statement,
  name: readonly Node[],
  first: Expr & { kind: 'call' },
  location: number,
): '=' | '<>' | '<' | '<=' | '>' | '>=' {
  const symbol = texts(name).at(-1)!
  const hasOrder = first.arguments.every((argument) => orderOf(argument.type.oid) !== undefined)
  if (hasOrder && ['=', '<>', '<', '<=', '>', '>='].includes(symbol)) return symbol as '='
  throw statement.error('0A000', `could not determine interpretation of row comparison operator ${symbol}`, location, {
    hint: 'Row comparison operators must be associated with btree operator families.',
  })
}
