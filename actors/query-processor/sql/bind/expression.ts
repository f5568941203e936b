import type { SqlError } from '../../../../protocol/errors.ts'
import { staticRows } from '../catalog/system/static-rows.ts'
import {
  arrayElement,
  arrayOver,
  boolOid,
  builtinType,
  dateOid,
  nameOid,
  recordOid,
  textOid,
  timeOid,
  timestampOid,
  timestamptzOid,
  timetzOid,
  unknownOid,
} from '../functions/builtin-types.ts'
import type { Expr, SessionValue } from './bound.ts'
import {
  coerceToBoolean,
  coerceToCommonType,
  coerceToTarget,
  coerceTypmod,
  commonTypmod,
  leftmost,
  selectCommonType,
  typeName,
  typeRef,
} from './coerce.ts'
import { bindColumnRef, bindIndirection } from './column-ref.ts'
import { bindComparison } from './comparison.ts'
import { bindConstant } from './constant.ts'
import { bindCall } from './function-call.ts'
import { warnOfPrecision } from './literal.ts'
import { resolveTypeName } from './names.ts'
import { evaluatedOnce } from './once.ts'
import { makeOperator, requireOrder } from './operator.ts'
import { type CaseExpr, type CollateClause, locationIn, type Node, nodeKind, type TypeCast, texts } from './parse-tree.ts'
import type { ExpressionPlace, QueryScope } from './scope.ts'
import { bindSubLink } from './sublink.ts'
import { caseBranch } from './walk.ts'

/** parse_expr.c: an expression of the parse tree becomes one with types. */
export function bindExpr(scope: QueryScope, node: Node, place: ExpressionPlace): Expr {
  const before = scope.place
  scope.place = place
  try {
    return transform(scope, node)
  } finally {
    scope.place = before
  }
}

/** WHERE, ON, HAVING ...: must be a boolean. */
export function bindCondition(scope: QueryScope, node: Node, place: ExpressionPlace, construct: string): Expr {
  return coerceToBoolean(scope.statement, bindExpr(scope, node, place), construct)
}

export function transform(scope: QueryScope, node: Node): Expr {
  scope.statement.enter()
  const expr = dispatch(scope, node)
  scope.statement.leave()
  return expr
}

function dispatch(scope: QueryScope, node: Node): Expr {
  const { statement } = scope
  const child = (inner: Node) => transform(scope, inner)
  const kind = nodeKind(node)
  switch (kind) {
    case 'ColumnRef':
      return bindColumnRef(scope, node.ColumnRef!)
    case 'A_Const':
      return bindConstant(statement, node.A_Const!)
    case 'ParamRef':
      return bindParameter(scope, node.ParamRef!)
    case 'A_Expr':
      return bindComparison(scope, node.A_Expr!, child)
    case 'FuncCall':
      return bindCall(scope, node.FuncCall!, child)
    case 'TypeCast':
      return bindCast(scope, node.TypeCast!)
    case 'BoolExpr':
      return bindBoolean(scope, node.BoolExpr!)
    case 'NullTest': {
      const test = node.NullTest!
      const argument = child(test.arg)
      const location = leftmost(locationIn(test), statement.locationOf(argument))
      const negated = test.nulltesttype === 'IS_NOT_NULL'
      return statement.place({ kind: 'isNull', type: typeRef(boolOid), argument, negated }, location)
    }
    case 'BooleanTest':
      return bindBooleanTest(scope, node.BooleanTest!)
    case 'SubLink':
      return bindSubLink(scope, node.SubLink!, child)
    case 'CaseExpr':
      return bindCase(scope, node.CaseExpr!)
    case 'CoalesceExpr':
      return bindCoalesce(scope, node.CoalesceExpr!)
    case 'MinMaxExpr':
      return bindMinMax(scope, node.MinMaxExpr!)
    case 'A_ArrayExpr':
      return bindArray(scope, node.A_ArrayExpr!, undefined)
    case 'RowExpr': {
      const fields = (node.RowExpr!.args ?? []).flatMap((arg) => expandRowArgument(scope, arg))
      const named = fields.map((field, i) => ({ name: `f${i + 1}`, type: field.type }))
      return statement.place({ kind: 'row', type: { ...typeRef(recordOid), fields: named }, fields }, locationIn(node.RowExpr!))
    }
    case 'A_Indirection':
      return bindIndirection(scope, child(node.A_Indirection!.arg), node.A_Indirection!.indirection, child)
    case 'SQLValueFunction':
      return bindSessionValue(scope, node.SQLValueFunction!)
    case 'CollateClause':
      return bindCollate(scope, node.CollateClause!)
    case 'SetToDefault':
      throw statement.error('42601', 'DEFAULT is not allowed in this context', locationIn(node.SetToDefault!))
    case 'GroupingFunc':
      throw statement.unsupported('GROUPING', locationIn(node.GroupingFunc!))
    case 'CurrentOfExpr':
      throw statement.unsupported('WHERE CURRENT OF')
    default:
      throw statement.unsupported(refused[kind] ?? kind)
  }
}

/** `ROW(t.*, 1)`: a star stands for all columns. */
function expandRowArgument(scope: QueryScope, node: Node): Expr[] {
  const fields = node.ColumnRef?.fields
  const expr = transform(scope, node)
  if (fields?.at(-1)?.A_Star === undefined || expr.type.fields === undefined) return [expr]
  if (expr.kind === 'row') return [...expr.fields]
  if (expr.kind !== 'wholeRow') return [expr]
  return expr.type.fields.map((field, i) =>
    scope.statement.place(
      { kind: 'column', type: field.type, relation: expr.relation, column: expr.columns[i]! },
      scope.statement.locationOf(expr),
    ),
  )
}

function bindParameter(scope: QueryScope, ref: { readonly number?: number; readonly location?: number }): Expr {
  const { statement } = scope
  const number = ref.number ?? 0
  const location = locationIn(ref)
  if (number <= 0 || number > 65_535 || statement.outside.parametersRefused) {
    throw statement.error('42P02', `there is no parameter $${number}`, location)
  }
  while (statement.parameters.length < number) statement.parameters.push(0)
  const known = statement.parameters[number - 1]!
  const isOpen = known === 0 || known === unknownOid
  const expr: Expr = { kind: 'parameter', type: typeRef(isOpen ? unknownOid : known), index: number - 1 }
  if (isOpen) statement.openParameters.add(expr)
  return statement.place(expr, location)
}

function bindBoolean(scope: QueryScope, bool: NonNullable<Node['BoolExpr']>): Expr {
  const { statement } = scope
  const word = bool.boolop.slice(0, -'_EXPR'.length)
  const parts = bool.args.map((arg) => coerceToBoolean(statement, transform(scope, arg), word))
  const location = leftmost(locationIn(bool), statement.locationOf(parts[0]!))
  const type = typeRef(boolOid)
  if (bool.boolop === 'NOT_EXPR') return statement.place({ kind: 'not', type, argument: parts[0]! }, location)
  return statement.place({ kind: bool.boolop === 'AND_EXPR' ? 'and' : 'or', type, arguments: parts }, location)
}

function bindBooleanTest(scope: QueryScope, test: NonNullable<Node['BooleanTest']>): Expr {
  const { statement } = scope
  const negated = test.booltesttype.startsWith('IS_NOT_')
  const word = test.booltesttype.slice(negated ? 'IS_NOT_'.length : 'IS_'.length)
  const construct = `IS ${negated ? 'NOT ' : ''}${word}`
  const argument = coerceToBoolean(statement, transform(scope, test.arg), construct)
  return statement.place(
    { kind: 'isBoolean', type: typeRef(boolOid), argument, test: word.toLowerCase() as 'true' | 'false' | 'unknown', negated },
    leftmost(locationIn(test), statement.locationOf(argument)),
  )
}

/** transformTypeCast */
function bindCast(scope: QueryScope, cast: TypeCast): Expr {
  const { statement } = scope
  const target = resolveTypeName(statement, cast.typeName)
  const element = arrayElement(target.oid)
  // The parser takes `interval $1`; PostgreSQL wants a literal behind a type.
  if (cast.arg.ParamRef !== undefined && cast.location === -1) {
    const { number, location } = cast.arg.ParamRef
    throw statement.error('42601', `syntax error at or near "$${number ?? 0}"`, location ?? 0)
  }
  const elements = cast.arg.A_ArrayExpr
  const expr =
    elements !== undefined && element !== 0
      ? bindArray(scope, elements, typeRef(element, target.typmod))
      : transform(scope, cast.arg)
  const castLocation = locationIn(cast)
  const location = castLocation < 0 ? locationIn(cast.typeName) : castLocation
  const coerced = coerceToTarget(statement, expr, target, 'explicit', location)
  if (coerced === undefined) throw cannotCast(scope, expr, target.oid, location)
  return coerced
}

function cannotCast(scope: QueryScope, expr: Expr, target: number, location: number): SqlError {
  const { statement } = scope
  return statement.error(
    '42846',
    `cannot cast type ${typeName(expr.type.oid)} to ${typeName(target)}`,
    location < 0 ? statement.locationOf(expr) : location,
  )
}

/** transformCaseExpr; the simple form compares with its argument in every branch. */
function bindCase(scope: QueryScope, node: CaseExpr): Expr {
  const { statement } = scope
  if (node.arg === undefined) return bindBranches(scope, node, undefined)
  let argument = transform(scope, node.arg)
  if (argument.type.oid === unknownOid) argument = coerceToCommonType(statement, argument, textOid, 'CASE')
  return evaluatedOnce(statement, argument, (value) => bindBranches(scope, node, value))
}

function bindBranches(scope: QueryScope, node: CaseExpr, argument: Expr | undefined): Expr {
  const { statement } = scope
  const setBefore = scope.lastSetReturning
  const branches = node.args.map((arg) => {
    const when = arg.CaseWhen!
    let condition = transform(scope, when.expr)
    if (argument !== undefined) {
      condition = makeOperator(statement, [{ String: { sval: '=' } }], argument, condition, locationIn(when))
    }
    condition = coerceToBoolean(statement, condition, 'CASE/WHEN')
    return caseBranch(condition, transform(scope, when.result))
  })
  const otherwise: Expr =
    node.defresult === undefined ? { kind: 'constant', type: typeRef(unknownOid), value: null } : transform(scope, node.defresult)
  // PostgreSQL looks at the ELSE first.
  const common = selectCommonType(statement, [otherwise, ...branches.map((branch) => branch.then)], 'CASE')
  const last = coerceToCommonType(statement, otherwise, common, 'CASE/ELSE')
  const coerced = branches.map((branch) =>
    caseBranch(branch.when, coerceToCommonType(statement, branch.then, common, 'CASE/WHEN')),
  )
  refuseSets(scope, setBefore, 'CASE')
  const typmod = commonTypmod([last, ...coerced.map((branch) => branch.then)], common)
  const type = typeRef(common, typmod)
  return statement.place({ kind: 'case', type, branches: coerced, otherwise: last }, locationIn(node))
}

function refuseSets(scope: QueryScope, before: Expr | undefined, construct: string): void {
  if (scope.lastSetReturning === before) return
  throw scope.statement.error(
    '0A000',
    `set-returning functions are not allowed in ${construct}`,
    scope.statement.locationOf(scope.lastSetReturning!),
    { hint: 'You might be able to move the set-returning function into a LATERAL FROM item.' },
  )
}

function bindCoalesce(scope: QueryScope, node: NonNullable<Node['CoalesceExpr']>): Expr {
  const { statement } = scope
  const setBefore = scope.lastSetReturning
  const parts = node.args.map((arg) => transform(scope, arg))
  const common = selectCommonType(statement, parts, 'COALESCE')
  const coerced = parts.map((part) => coerceToCommonType(statement, part, common, 'COALESCE'))
  refuseSets(scope, setBefore, 'COALESCE')
  const type = typeRef(common, commonTypmod(coerced, common))
  return statement.place({ kind: 'coalesce', type, arguments: coerced }, locationIn(node))
}

function bindMinMax(scope: QueryScope, node: NonNullable<Node['MinMaxExpr']>): Expr {
  const { statement } = scope
  const construct = node.op === 'IS_GREATEST' ? 'GREATEST' : 'LEAST'
  const parts = node.args.map((arg) => transform(scope, arg))
  const common = selectCommonType(statement, parts, construct)
  const coerced = parts.map((part) => coerceToCommonType(statement, part, common, construct))
  requireOrder(statement, coerced[0]!, -1)
  const type = typeRef(common, commonTypmod(coerced, common))
  const kind = node.op === 'IS_GREATEST' ? 'greatest' : 'least'
  return statement.place({ kind, type, arguments: coerced }, locationIn(node))
}

/** transformArrayExpr; with `element` given by a cast around it. */
function bindArray(
  scope: QueryScope,
  node: NonNullable<Node['A_ArrayExpr']>,
  given: { readonly oid: number; readonly typmod: number } | undefined,
): Expr {
  const { statement } = scope
  const location = locationIn(node)
  const nested = node.elements?.find((element) => element.A_ArrayExpr !== undefined)
  if (nested !== undefined) throw statement.unsupported('a multidimensional array', locationIn(nested.A_ArrayExpr!))
  const parts = (node.elements ?? []).map((element) => transform(scope, element))
  if (parts.length === 0 && given === undefined) {
    throw statement.error('42P18', 'cannot determine type of empty array', location, {
      hint: 'Explicitly cast to the desired type, for example ARRAY[]::integer[].',
    })
  }
  const element = given?.oid ?? selectCommonType(statement, parts, 'ARRAY')
  if (arrayElement(element) !== 0) throw statement.unsupported('a multidimensional array', location)
  if (element === recordOid) throw statement.unsupported('an array of rows', location)
  const array = arrayOver(element)
  if (array === 0) {
    throw statement.error('42704', `could not find array type for data type ${typeName(element)}`, location)
  }
  const elements = parts.map((part) => {
    if (given === undefined) return coerceToCommonType(statement, part, element, 'ARRAY')
    const coerced = coerceToTarget(statement, part, given, 'explicit')
    if (coerced === undefined) throw cannotCast(scope, part, element, -1)
    return coerced
  })
  const typmod = given === undefined ? commonTypmod(elements, element) : given.typmod
  return statement.place({ kind: 'array', type: typeRef(array, typmod), elements }, location)
}

/** Expressions that PostgreSQL has and we do not, by what they are called. */
const refused: Readonly<Record<string, string>> = {
  JsonIsPredicate: 'IS JSON',
  JsonObjectConstructor: 'JSON_OBJECT',
  JsonArrayConstructor: 'JSON_ARRAY',
  XmlExpr: 'XML',
  XmlSerialize: 'XML',
}

const sessionValues: Readonly<Record<string, readonly [SessionValue, number]>> = {
  SVFOP_CURRENT_DATE: ['current_date', dateOid],
  SVFOP_CURRENT_TIME: ['current_time', timetzOid],
  SVFOP_CURRENT_TIME_N: ['current_time', timetzOid],
  SVFOP_CURRENT_TIMESTAMP: ['current_timestamp', timestamptzOid],
  SVFOP_CURRENT_TIMESTAMP_N: ['current_timestamp', timestamptzOid],
  SVFOP_LOCALTIME: ['localtime', timeOid],
  SVFOP_LOCALTIME_N: ['localtime', timeOid],
  SVFOP_LOCALTIMESTAMP: ['localtimestamp', timestampOid],
  SVFOP_LOCALTIMESTAMP_N: ['localtimestamp', timestampOid],
  SVFOP_CURRENT_ROLE: ['current_role', nameOid],
  SVFOP_CURRENT_USER: ['current_user', nameOid],
  SVFOP_USER: ['current_user', nameOid],
  SVFOP_SESSION_USER: ['session_user', nameOid],
  SVFOP_CURRENT_CATALOG: ['current_catalog', nameOid],
  SVFOP_CURRENT_SCHEMA: ['current_schema', nameOid],
}

function bindSessionValue(scope: QueryScope, node: NonNullable<Node['SQLValueFunction']>): Expr {
  const { statement } = scope
  const [value, oid] = sessionValues[node.op]!
  const session = statement.place({ kind: 'session', type: typeRef(oid), value }, locationIn(node))
  const precision = node.typmod ?? 0
  warnOfPrecision(statement, oid, precision)
  return node.op.endsWith('_N') ? coerceTypmod(statement, session, typeRef(oid, Math.min(precision, 6)), true) : session
}

const collations = new Set(['C', 'POSIX', 'default', 'ucs_basic'])

/** Everything sorts by its bytes (collation C), which is what these names mean here. */
function bindCollate(scope: QueryScope, node: CollateClause): Expr {
  const { statement } = scope
  const location = locationIn(node)
  const expr = transform(scope, node.arg!)
  const oid = expr.type.oid
  const element = arrayElement(oid)
  if (oid !== unknownOid && builtinType(element === 0 ? oid : element).collation === 0) {
    throw statement.error('42804', `collations are not supported by type ${typeName(oid)}`, location)
  }
  const names = texts(node.collname)
  if (!collations.has(names.at(-1)!) || (names.length > 1 && names.at(-2) !== 'pg_catalog')) {
    if (!staticRows('pg_collation').some((row) => row.collname === names.at(-1))) {
      throw statement.error('42704', `collation "${names.join('.')}" for encoding "UTF8" does not exist`, location)
    }
    throw statement.unsupported(`collation "${names.join('.')}"`, location)
  }
  return expr
}
