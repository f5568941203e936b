import { boolOid } from '../functions/builtin-types.ts'
import { operatorByOid } from '../functions/operators.ts'
import type { Expr } from './bound.ts'
import {
  allCoerceTo,
  arrayTypeOver,
  coerceToBoolean,
  coerceToCommonType,
  coerceType,
  leftmost,
  selectCommonType,
  typeRef,
} from './coerce.ts'
import { evaluatedOnce } from './once.ts'
import { callOperator, findOperator, makeAnyArray, makeOperator } from './operator.ts'
import { type AExpr, locationIn, type Node, texts } from './parse-tree.ts'
import { compareRows } from './row-comparison.ts'
import type { QueryScope, Statement } from './scope.ts'
import { bindRowComparedToSubquery } from './sublink.ts'
import { caseBranch, relationsRead } from './walk.ts'

/** Everything that the grammar writes as A_Expr: operators, IN, BETWEEN, LIKE, IS DISTINCT FROM, NULLIF. */
export function bindComparison(scope: QueryScope, node: AExpr, bindChild: (node: Node) => Expr): Expr {
  switch (node.kind) {
    case 'AEXPR_OP':
    case 'AEXPR_LIKE':
    case 'AEXPR_ILIKE':
    case 'AEXPR_SIMILAR':
      return bindOperator(scope, node, bindChild)
    case 'AEXPR_OP_ANY':
    case 'AEXPR_OP_ALL': {
      const left = bindChild(node.lexpr!)
      const array = bindChild(node.rexpr!)
      return makeAnyArray(scope.statement, node.name, node.kind === 'AEXPR_OP_ALL', left, array, locationIn(node))
    }
    case 'AEXPR_DISTINCT':
    case 'AEXPR_NOT_DISTINCT':
      return bindDistinct(scope.statement, node, bindChild)
    case 'AEXPR_NULLIF':
      return bindNullIf(scope.statement, node, bindChild)
    case 'AEXPR_IN':
      return bindIn(scope, node, bindChild)
    case 'AEXPR_BETWEEN':
    case 'AEXPR_NOT_BETWEEN':
    case 'AEXPR_BETWEEN_SYM':
    case 'AEXPR_NOT_BETWEEN_SYM':
      return bindChild(betweenAsComparisons(node))
    default:
      throw scope.statement.unsupported(node.kind, locationIn(node))
  }
}

function bindOperator(scope: QueryScope, node: AExpr, bindChild: (node: Node) => Expr): Expr {
  const { lexpr, rexpr } = node
  const location = locationIn(node)
  if (lexpr?.RowExpr !== undefined && rexpr?.SubLink?.subLinkType === 'EXPR_SUBLINK') {
    return bindRowComparedToSubquery(scope, node, rexpr.SubLink, bindChild)
  }
  if (lexpr?.RowExpr !== undefined && rexpr?.RowExpr !== undefined) {
    return compareRows(scope.statement, node.name, fieldsOf(bindChild(lexpr)), fieldsOf(bindChild(rexpr)), location)
  }
  const left = lexpr === undefined ? undefined : bindChild(lexpr)
  return makeOperator(scope.statement, node.name, left, bindChild(rexpr!), location)
}

function fieldsOf(expr: Expr): readonly Expr[] {
  return expr.kind === 'row' ? expr.fields : [expr]
}

function bindDistinct(statement: Statement, node: AExpr, bindChild: (node: Node) => Expr): Expr {
  const location = locationIn(node)
  const negated = node.kind === 'AEXPR_NOT_DISTINCT'
  const { lexpr, rexpr } = node
  // `x IS DISTINCT FROM NULL` is a test for NULL.
  for (const [isNull, other] of [
    [rexpr, lexpr],
    [lexpr, rexpr],
  ] as const) {
    if (isNull!.A_Const?.isnull) {
      return statement.place({ kind: 'isNull', type: typeRef(boolOid), argument: bindChild(other!), negated: !negated }, location)
    }
  }
  const left = bindChild(lexpr!)
  const right = bindChild(rexpr!)
  if (left.kind !== 'row' || right.kind !== 'row') return distinctPair(statement, node, left, right, negated)
  if (left.fields.length !== right.fields.length) {
    throw statement.error('42601', 'unequal number of entries in row expressions', location)
  }
  const pairs = left.fields.map((field, i) => distinctPair(statement, node, field, right.fields[i]!, negated))
  if (pairs.length === 1) return pairs[0]!
  return statement.place({ kind: negated ? 'and' : 'or', type: typeRef(boolOid), arguments: pairs }, location)
}

function distinctPair(statement: Statement, node: AExpr, left: Expr, right: Expr, negated: boolean): Expr {
  const location = locationIn(node)
  const equality = makeOperator(statement, node.name, left, right, location) as Expr & { kind: 'call' }
  if (equality.type.oid !== boolOid) {
    throw statement.error('42804', 'IS DISTINCT FROM requires = operator to yield boolean', location)
  }
  return statement.place(
    {
      kind: 'isDistinct',
      type: typeRef(boolOid),
      left: equality.arguments[0]!,
      right: equality.arguments[1]!,
      equality: equality.procedure,
      negated,
    },
    statement.locationOf(equality),
  )
}

/** NULLIF(a, b) is CASE WHEN a = b THEN NULL ELSE a END. */
function bindNullIf(statement: Statement, node: AExpr, bindChild: (node: Node) => Expr): Expr {
  const location = locationIn(node)
  const left = bindChild(node.lexpr!)
  const right = bindChild(node.rexpr!)
  return evaluatedOnce(statement, left, (value) => {
    const equality = makeOperator(statement, node.name, value, right, location)
    if (equality.kind !== 'call' || equality.type.oid !== boolOid) {
      throw statement.error('42804', 'NULLIF requires = operator to yield boolean', location)
    }
    const first = equality.arguments[0]!
    const nothing: Expr = { kind: 'constant', type: first.type, value: null }
    return statement.place(
      { kind: 'case', type: first.type, branches: [caseBranch(equality, nothing)], otherwise: first },
      statement.locationOf(equality),
    )
  })
}

/** transformAExprIn: constants of one type become one list, everything else a chain of comparisons. */
function bindIn(scope: QueryScope, node: AExpr, bindChild: (node: Node) => Expr): Expr {
  const { statement } = scope
  const location = locationIn(node)
  const negated = texts(node.name).at(-1) === '<>'
  const left = bindChild(node.lexpr!)
  const items = node.rexpr!.List!.items.map(bindChild)
  const place = leftmost(location, statement.locationOf(left))
  const plain = items.filter((item) => item.kind === 'constant' || ![...relationsRead(item)].some((id) => scope.own.has(id)))
  const parts: Expr[] = []
  let rest = items
  if (plain.length > 1 && left.kind !== 'row') {
    const list = inList(statement, node, left, plain, negated, place)
    if (list !== undefined) {
      parts.push(list)
      const listed = new Set(plain)
      rest = items.filter((item) => !listed.has(item))
    }
  }
  for (const item of rest) {
    const comparison =
      left.kind === 'row' && item.kind === 'row'
        ? compareRows(statement, node.name, left.fields, item.fields, location)
        : makeOperator(statement, node.name, left, item, location)
    parts.push(coerceToBoolean(statement, comparison, 'IN'))
  }
  if (parts.length === 1) return parts[0]!
  return statement.place({ kind: negated ? 'and' : 'or', type: typeRef(boolOid), arguments: parts }, place)
}

function inList(
  statement: Statement,
  node: AExpr,
  left: Expr,
  list: readonly Expr[],
  negated: boolean,
  place: number,
): Expr | undefined {
  const common = selectCommonType(statement, [left, ...list], undefined)
  if (common === undefined || !allCoerceTo([left, ...list], common) || arrayTypeOver(common) === 0) return undefined
  const operator = findOperator(statement, node.name, left.type.oid, common, locationIn(node))
  if (operator.result !== boolOid) return undefined
  const elements = list.map((item) => coerceToCommonType(statement, item, common, 'IN'))
  const call = callOperator(statement, operator, left, elements[0]!, locationIn(node)) as Expr & { kind: 'call' }
  const elementType = call.arguments[1]!.type
  return statement.place(
    {
      kind: 'in',
      type: typeRef(boolOid),
      procedure: negated ? operatorByOid(operator.negator).procedure : operator.procedure,
      left: call.arguments[0]!,
      list: elements.map((item) => coerceType(statement, item, elementType, 'implicit')),
      negated,
    },
    place,
  )
}

/** transformAExprBetween */
function betweenAsComparisons(node: AExpr): Node {
  const [low, high] = node.rexpr!.List!.items
  const location = locationIn(node)
  const compare = (symbol: string, right: Node): Node => ({
    A_Expr: { kind: 'AEXPR_OP', name: [{ String: { sval: symbol } }], lexpr: node.lexpr!, rexpr: right, location },
  })
  const all = (...args: Node[]): Node => ({ BoolExpr: { boolop: 'AND_EXPR', args, location } })
  const some = (...args: Node[]): Node => ({ BoolExpr: { boolop: 'OR_EXPR', args, location } })
  switch (node.kind) {
    case 'AEXPR_BETWEEN':
      return all(compare('>=', low!), compare('<=', high!))
    case 'AEXPR_NOT_BETWEEN':
      return some(compare('<', low!), compare('>', high!))
    case 'AEXPR_BETWEEN_SYM':
      return some(all(compare('>=', low!), compare('<=', high!)), all(compare('>=', high!), compare('<=', low!)))
    default:
      return all(some(compare('<', low!), compare('>', high!)), some(compare('<', high!), compare('>', low!)))
  }
}
