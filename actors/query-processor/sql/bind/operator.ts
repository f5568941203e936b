import { SqlError } from '../../../../protocol/errors.ts'
import type { Oid } from '../../../../protocol/ids.ts'
import { typeByOid } from '../../../../protocol/values/registry.ts'
import {
  anyarrayOid,
  arrayElement,
  arrayOver,
  boolOid,
  isPolymorphic,
  type TypeOrder,
  typeOrder,
  unknownOid,
} from '../functions/builtin-types.ts'
import { isBinaryCoercible } from '../functions/casts.ts'
import { type Operator, operatorsByName } from '../functions/operators.ts'
import type { Expr } from './bound.ts'
import { coerceType, leftmost, typeName, typeRef } from './coerce.ts'
import { matching, selectCandidate } from './overload.ts'
import { type Node, texts } from './parse-tree.ts'
import { resolvePolymorphic } from './polymorphic.ts'
import type { Statement } from './scope.ts'

/** parse_oper.c: which operator is meant, and the call of its function. */

interface Found {
  readonly operator: Operator
  readonly types: readonly Oid[]
}

/** Of jsonpath and text search, whose types are not here. */
const pathOperators: ReadonlySet<string> = new Set(['@?', '@@', '@@@'])

/** The operator for these operand types (`left` undefined: prefix); throws 42883 or 42725. */
export function findOperator(
  statement: Statement,
  name: readonly Node[],
  left: Oid | undefined,
  right: Oid,
  location: number,
): Operator {
  const names = texts(name)
  const symbol = names.at(-1)!
  if (names.length > 1 && statement.outside.catalog.schema(names.at(-2)!) === undefined) {
    throw statement.error('3F000', `schema "${names.at(-2)}" does not exist`, location)
  }
  const inCatalog = names.length === 1 || names.at(-2) === 'pg_catalog'
  const actual = left === undefined ? [right] : [left, right]
  const candidates: Found[] = inCatalog
    ? operatorsByName(symbol, left === undefined ? 1 : 2).map((operator) => ({
        operator,
        types: left === undefined ? [operator.right] : [operator.left, operator.right],
      }))
    : []
  const exact = findExact(candidates, actual)
  if (exact !== undefined) return exact.operator
  const possible = matching(candidates, actual)
  const found = possible.length > 1 ? selectCandidate(actual, possible) : possible[0]
  if (found !== undefined) return found.operator
  const shown = `${left === undefined ? '' : `${typeName(left)} `}${names.join('.')} ${typeName(right)}`
  if (possible.length > 1) {
    throw statement.error('42725', `operator is not unique: ${shown}`, location, {
      hint: 'Could not choose a best candidate operator. You might need to add explicit type casts.',
    })
  }
  if (inCatalog && pathOperators.has(symbol)) throw statement.unsupported(`the operator ${symbol}`, location)
  throw statement.error('42883', `operator does not exist: ${shown}`, location, {
    hint:
      left === undefined
        ? 'No operator matches the given name and argument type. You might need to add an explicit type cast.'
        : 'No operator matches the given name and argument types. You might need to add explicit type casts.',
  })
}

/** An operator with exactly these types; one open operand is first taken for the type of the other. */
function findExact(candidates: readonly Found[], actual: readonly Oid[]): Found | undefined {
  let types = actual
  if (actual.length === 2 && actual[0] !== actual[1]) {
    if (actual[0] === unknownOid) types = [actual[1]!, actual[1]!]
    else if (actual[1] === unknownOid) types = [actual[0]!, actual[0]!]
  }
  const same = (wanted: readonly Oid[]) => candidates.find((found) => found.types.every((type, i) => type === wanted[i]))
  return same(types) ?? (types === actual ? undefined : same(actual))
}

/** make_op */
export function makeOperator(
  statement: Statement,
  name: readonly Node[],
  left: Expr | undefined,
  right: Expr,
  location: number,
): Expr {
  const operator = findOperator(statement, name, left?.type.oid, right.type.oid, location)
  return callOperator(statement, operator, left, right, location)
}

export function callOperator(
  statement: Statement,
  operator: Operator,
  left: Expr | undefined,
  right: Expr,
  location: number,
): Expr {
  const operands = left === undefined ? [right] : [left, right]
  const declared = left === undefined ? [operator.right] : [operator.left, operator.right]
  const resolved = resolveAt(statement, operands, declared, operator.result, location)
  const operandExprs = operands.map((operand, i) => coerceType(statement, operand, typeRef(resolved.types[i]!), 'implicit'))
  const first = leftmost(location, statement.locationOf(operandExprs[0]!))
  return statement.place(
    {
      kind: 'call',
      type: typeRef(resolved.result),
      procedure: operator.procedure,
      arguments: operandExprs,
      at: undefined,
      returnsSet: false,
    },
    first,
  )
}

function resolveAt(
  statement: Statement,
  operands: readonly Expr[],
  declared: readonly Oid[],
  result: Oid,
  location: number,
): { readonly types: readonly Oid[]; readonly result: Oid } {
  try {
    return resolvePolymorphic(
      operands.map((operand) => operand.type.oid),
      declared,
      result,
    )
  } catch (error) {
    if (error instanceof SqlError) throw error.with(statement.at(location))
    throw error
  }
}

/** make_scalar_array_op: `x op ANY (array)`. */
export function makeAnyArray(
  statement: Statement,
  name: readonly Node[],
  all: boolean,
  left: Expr,
  array: Expr,
  location: number,
): Expr {
  const arrayType = array.type.oid
  const element = arrayType === unknownOid ? unknownOid : arrayElement(arrayType)
  if (element === 0) throw statement.error('42809', 'op ANY/ALL (array) requires array on right side', location)
  const operator = findOperator(statement, name, left.type.oid, element, location)
  if (operator.result !== boolOid) {
    throw statement.error('42809', 'op ANY/ALL (array) requires operator to yield boolean', location)
  }
  const actual = [left.type.oid, element]
  const asIf = actual.map((oid): Expr => ({ kind: 'elementInput', type: typeRef(oid) }))
  const { types } = resolveAt(statement, asIf, [operator.left, operator.right], operator.result, location)
  const arrayTarget = isPolymorphic(operator.right) && arrayType !== unknownOid ? arrayType : arrayOver(types[1]!)
  if (arrayTarget === 0) {
    throw statement.error('42704', `could not find array type for data type ${typeName(types[1]!)}`, location)
  }
  const leftExpr = coerceType(statement, left, typeRef(types[0]!), 'implicit')
  return statement.place(
    {
      kind: 'anyArray',
      type: typeRef(boolOid),
      all,
      procedure: operator.procedure,
      left: leftExpr,
      array: coerceType(statement, array, typeRef(arrayTarget), 'implicit'),
    },
    leftmost(location, statement.locationOf(leftExpr)),
  )
}

/** The default btree operators that sort a type, through what it is binary coercible to (varchar sorts as text). */
export function orderOf(type: Oid): TypeOrder | undefined {
  const own = typeOrder(type)
  if (own !== undefined) return own
  if (arrayElement(type) !== 0) return orderOf(arrayElement(type)) === undefined ? undefined : typeOrder(anyarrayOid)
  for (const target of [25, 26, 1042]) if (isBinaryCoercible(type, target)) return typeOrder(target)
  return undefined
}

/** ORDER BY needs `<`. */
export function requireOrder(statement: Statement, expr: Expr, location = statement.locationOf(expr)): void {
  if (isSortable(expr)) return
  throw statement.error('42883', `could not identify an ordering operator for type ${typeName(expr.type.oid)}`, location, {
    hint: 'Use an explicit ordering operator or modify the query.',
  })
}

/** GROUP BY, DISTINCT, UNION ... need `=`. */
export function requireEquality(statement: Statement, expr: Expr, location = statement.locationOf(expr)): void {
  // xid and cid are equal or not, and in no order.
  if (isSortable(expr) || typeByOid(expr.type.oid)?.hashKey !== undefined) return
  throw statement.error('42883', `could not identify an equality operator for type ${typeName(expr.type.oid)}`, location)
}

/** A row is, when its fields are; PostgreSQL finds that out when it compares them. */
const isSortable = (expr: Expr): boolean => orderOf(expr.type.oid) !== undefined
