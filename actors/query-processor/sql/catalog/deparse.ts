import { assert, unreachable } from '../../../../protocol/assert.ts'
import { SqlError } from '../../../../protocol/errors.ts'
import type { Oid } from '../../../../protocol/ids.ts'
import { typeByOid } from '../../../../protocol/values/registry.ts'
import { outputDefaults } from '../../../../protocol/values/type.ts'
import { typeName } from '../../../../protocol/values/type-name.ts'
import type { Value } from '../../../../protocol/values/value.ts'
import type { Expr, Query, RelationId, SessionValue, SortKey } from '../bind/bound.ts'
import {
  boolOid,
  bpcharOid,
  builtinType,
  int4Oid,
  numericOid,
  regclassOid,
  textOid,
  unknownOid,
} from '../functions/builtin-types.ts'
import { allCasts } from '../functions/casts.ts'
import { allOperators, type Operator } from '../functions/operators.ts'
import { procedureByOid } from '../functions/procedures.ts'
import { quoteIdentifier, quoteLiteral } from './quote.ts'
import type { TypeRef } from './schema.ts'

/** ruleutils.c of PostgreSQL 16: bound expressions back into SQL, spelled as \d shows them. */
export interface DeparseOptions {
  /** Spaces before CASE and END, which stand on lines of their own. */
  readonly indent: number
  /** pg_get_expr(..., true): parentheses only where they are needed. */
  readonly pretty: boolean
  /** A column of a relation, quoted and qualified as the place needs it. */
  columnName(relation: RelationId, column: number): string
  /** `t.*` as a value. */
  wholeRow(relation: RelationId): string
  /** What stands for a relation inside a quoted regclass literal. */
  quotedRelation(oid: Oid): string
  query(query: Query): string
  /** A name that stands for the whole expression: a column that USING has merged. */
  merged?(expr: Expr): string | undefined
}

export function typeText(type: TypeRef): string {
  // character would be character(1).
  if (type.oid === bpcharOid && type.typmod < 0) return 'bpchar'
  const known = typeByOid(type.oid)
  return known === undefined ? builtinType(type.oid).displayName : typeName(known, type.typmod)
}

interface Built {
  readonly operatorOf: ReadonlyMap<Oid, Operator>
  readonly castFunctions: ReadonlySet<Oid>
}
let built: Built | undefined

function lookups(): Built {
  if (built !== undefined) return built
  const operatorOf = new Map<Oid, Operator>()
  for (const operator of allOperators()) {
    if (operator.procedure !== 0 && !operatorOf.has(operator.procedure)) operatorOf.set(operator.procedure, operator)
  }
  const castFunctions = new Set([...allCasts()].map(({ procedure }) => procedure).filter((oid) => oid !== 0))
  built = { operatorOf, castFunctions }
  return built
}

/** The operator that a call stands for, if it is one. */
export function operatorOfCall(procedure: Oid, count: number): Operator | undefined {
  const operator = lookups().operatorOf.get(procedure)
  return operator !== undefined && (operator.left === 0) === (count === 1) ? operator : undefined
}

export function isCastCall(expr: Expr): boolean {
  if (expr.kind !== 'call' || !lookups().castFunctions.has(expr.procedure)) return false
  return expr.arguments.length === 1 && operatorOfCall(expr.procedure, 1) === undefined
}

/** A line break that takes the spaces before it away. */
const lineBreak = '\u0004'

/** The finished text: `deparse` leaves its line breaks as marks. */
export function finishText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the mark occurs in no SQL text of ours
  return text.replace(/ *\u0004/g, '\n')
}

export const startsLine = (text: string): boolean => text.startsWith(lineBreak)

/** One expression; `parent` decides about parentheses in pretty form. */
export function deparse(expr: Expr, options: DeparseOptions, parent?: Expr): string {
  const merged = options.merged?.(expr)
  if (merged !== undefined) return merged
  const text = deparseBare(expr, options)
  return options.pretty && parent !== undefined && !canBareInside(expr, parent) ? `(${text})` : text
}

function deparseBare(expr: Expr, options: DeparseOptions): string {
  const inside = (child: Expr): string => deparse(child, options, expr)
  const list = (children: readonly Expr[]): string => children.map((child) => deparse(child, options)).join(', ')
  const wrap = (text: string): string => (options.pretty ? text : `(${text})`)
  switch (expr.kind) {
    case 'constant':
      return constantText(expr.type, expr.value, options)
    case 'parameter':
      return `$${expr.index + 1}`
    case 'column':
      return options.columnName(expr.relation, expr.column)
    case 'wholeRow':
      return options.wholeRow(expr.relation)
    case 'call':
      return callText(expr, options)
    case 'and':
    case 'or':
      return wrap(expr.arguments.map(inside).join(expr.kind === 'and' ? ' AND ' : ' OR '))
    case 'not':
      return wrap(`NOT ${inside(expr.argument)}`)
    case 'isNull':
      return wrap(`${inside(expr.argument)} IS ${expr.negated ? 'NOT ' : ''}NULL`)
    case 'isBoolean':
      return wrap(`${inside(expr.argument)} IS ${expr.negated ? 'NOT ' : ''}${expr.test.toUpperCase()}`)
    case 'isDistinct': {
      const text = wrap(`${inside(expr.left)} IS DISTINCT FROM ${inside(expr.right)}`)
      return expr.negated ? wrap(`NOT ${options.pretty ? `(${text})` : text}`) : text
    }
    case 'case': {
      const at = lineBreak + ' '.repeat(options.indent)
      const branches = expr.branches.map(
        ({ when, then }) => `${at}    WHEN ${deparse(when, options)} THEN ${deparse(then, options)}`,
      )
      return `${at}CASE${branches.join('')}${at}    ELSE ${deparse(expr.otherwise, options)}${at}END`
    }
    case 'coalesce':
    case 'greatest':
    case 'least':
      return `${expr.kind.toUpperCase()}(${list(expr.arguments)})`
    case 'relabel':
    case 'viaText':
    case 'arrayCast':
    case 'typmod':
      return castText(expr, coerced(expr), options)
    case 'elementInput':
    case 'subqueryOutput':
    case 'assignPart':
      throw notPrintable('this expression')
    case 'array':
      return expr.elements.length === 0 ? `ARRAY[]::${typeText(expr.type)}` : `ARRAY[${list(expr.elements)}]`
    case 'row':
      return `ROW(${list(expr.fields)})`
    case 'rowCompare':
      return wrap(`ROW(${list(expr.left)}) ${expr.operator} ROW(${list(expr.right)})`)
    case 'subscript':
      return `${subscripted(expr.argument, options)}[${deparse(expr.index, options)}]`
    case 'slice': {
      const bound = (one: Expr | undefined): string => (one === undefined ? '' : deparse(one, options))
      return `${subscripted(expr.argument, options)}[${bound(expr.from)}:${bound(expr.to)}]`
    }
    case 'field':
      throw notPrintable('a field of a row')
    case 'anyArray': {
      const operator = operatorName(expr.procedure)
      return wrap(`${inside(expr.left)} ${operator} ${expr.all ? 'ALL' : 'ANY'} (${deparse(expr.array, options)})`)
    }
    case 'in': {
      const how = expr.negated ? '<> ALL' : `${operatorName(expr.procedure)} ANY`
      return wrap(`${inside(expr.left)} ${how} (${listText(expr.list, options)})`)
    }
    case 'subquery':
      return subqueryText(expr, options)
    case 'aggregate':
      return aggregateText(expr, options)
    case 'session':
      return sessionText(expr.value)
    default:
      return unreachable(expr)
  }
}

/** The elements of IN as one array; casts that all have in common are made once, on the array. */
function listText(list: readonly Expr[], options: DeparseOptions): string {
  const first = list[0] as Expr
  const arrayOf = (elements: readonly Expr[]): Expr => {
    const type: TypeRef = { oid: builtinType((elements[0] as Expr).type.oid).array, typmod: -1 }
    return { kind: 'array', type, elements }
  }
  const isShared = list.every(
    (one) => one.kind === 'relabel' && first.kind === 'relabel' && one.argument.type.oid === first.argument.type.oid,
  )
  if (!isShared) return deparse(arrayOf(list), options)
  const argument = arrayOf(list.map((one) => (one as Expr & { kind: 'relabel' }).argument))
  return deparse({ kind: 'relabel', type: arrayOf(list).type, argument }, options)
}

export function notPrintable(what: string): SqlError {
  return new SqlError('0A000', `${what} in a stored expression is not supported`)
}

/* ---------------------------------------------------------------- parentheses: isSimpleNode */

type Shape = 'atom' | 'function' | 'cast' | 'operator' | 'test' | 'boolean' | 'other'

function shapeOf(expr: Expr): Shape {
  switch (expr.kind) {
    case 'constant':
    case 'parameter':
    case 'column':
    case 'wholeRow':
      return 'atom'
    case 'and':
    case 'or':
    case 'not':
      return 'boolean'
    case 'isNull':
    case 'isBoolean':
    case 'subquery':
      return 'test'
    case 'isDistinct':
      return expr.negated ? 'boolean' : 'test'
    case 'relabel':
    case 'viaText':
    case 'arrayCast':
    case 'typmod':
      return 'cast'
    case 'call':
      if (operatorOfCall(expr.procedure, expr.arguments.length) !== undefined) return 'operator'
      return isCastCall(expr) ? 'cast' : 'function'
    case 'anyArray':
    case 'in':
    case 'rowCompare':
      return 'other'
    default:
      return 'function'
  }
}

/** May `expr` stand in `parent` without parentheses of its own? */
function canBareInside(expr: Expr, parent: Expr): boolean {
  const outer = shapeOf(parent)
  switch (shapeOf(expr)) {
    case 'atom':
    case 'function':
      return true
    case 'cast':
      return expr.kind === 'call' || canBareInside(coerced(expr as CastExpr), expr)
    case 'operator':
      return outer === 'operator' ? bindsTighter(expr, parent) : outer === 'function' || outer === 'boolean'
    case 'test':
      return outer === 'function' || outer === 'boolean'
    case 'boolean':
      if (outer === 'boolean') return parent.kind === 'or' ? true : parent.kind === 'and' && expr.kind !== 'or'
      return outer === 'function'
    case 'other':
      return false
  }
}

/** a * b in a * b + c, (a - b) in a - b - c; only + - * / % are known. */
function bindsTighter(expr: Expr, parent: Expr): boolean {
  const [inner, outer] = [basicOperator(expr), basicOperator(parent)]
  if (inner === undefined || outer === undefined) return false
  if (inner.isHigh !== outer.isHigh) return inner.isHigh
  return parent.kind === 'call' && parent.arguments[0] === expr
}

function basicOperator(expr: Expr): { readonly isHigh: boolean } | undefined {
  if (expr.kind !== 'call' || expr.arguments.length !== 2) return undefined
  const name = operatorOfCall(expr.procedure, 2)?.name ?? ''
  if (name.length !== 1 || !'+-*/%'.includes(name)) return undefined
  return { isHigh: '*/%'.includes(name) }
}

/* ---------------------------------------------------------------- constants: get_const_expr */

function constantText(type: TypeRef, value: Value, options: DeparseOptions, withLabel = true): string {
  const oid = type.oid === unknownOid ? textOid : type.oid
  const label = withLabel ? `::${typeText({ oid, typmod: type.typmod })}` : ''
  if (value === null) return `NULL${label}`
  const known = typeByOid(oid)
  assert(known !== undefined, 'a constant has a type of ours')
  if (oid === boolOid) return value === true ? 'true' : 'false'
  if (oid === regclassOid && typeof value === 'number' && value >= 16_384) return `'${options.quotedRelation(value)}'${label}`
  const text = known.output(value, outputDefaults)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: our own marks must not be mistaken
  if (/[\u0001-\u0004]/.test(text)) throw notPrintable('a control character')
  if (oid === int4Oid) return text.startsWith('-') ? `'${text}'${label}` : text
  if (oid === numericOid) {
    const isBare = /^\d/.test(text) && /[eE.]/.test(text)
    return isBare ? text + (type.typmod >= 0 ? label : '') : `'${text}'${label}`
  }
  return quoteLiteral(text) + label
}

/* ---------------------------------------------------------------- functions, operators, casts */

function callText(expr: Expr & { kind: 'call' }, options: DeparseOptions): string {
  const { arguments: given, procedure } = expr
  const operator = operatorOfCall(procedure, given.length)
  const [first, second] = given
  if (operator !== undefined && first !== undefined) {
    const text =
      second === undefined
        ? `${operator.name} ${deparse(first, options, expr)}`
        : `${deparse(first, options, expr)} ${operator.name} ${deparse(second, options, expr)}`
    return options.pretty ? text : `(${text})`
  }
  if (isCastCall(expr)) return castText(expr, first as Expr, options)
  const known = procedureByOid(procedure)
  assert(known !== undefined, 'a call names a function')
  const special = syntaxText(known.name, given, options)
  if (special !== undefined) return special
  return `${quoteFunction(known.name)}(${argumentsText(expr, options)})`
}

function argumentsText(expr: Expr & { kind: 'call' }, options: DeparseOptions): string {
  const known = procedureByOid(expr.procedure)
  const given = expr.arguments
  const last = given.length - 1
  // A variadic parameter's arguments have been gathered: spread them again where that says the same.
  const gathered = given[last]
  if (known !== undefined && known.variadic !== 0 && gathered?.kind === 'array' && expr.variadic !== true) {
    return [...given.slice(0, last), ...gathered.elements].map((one) => deparse(one, options)).join(', ')
  }
  return given.map((one, i) => (expr.variadic === true && i === last ? 'VARIADIC ' : '') + deparse(one, options)).join(', ')
}

/** Functions that the grammar spells in a way of its own. */
function syntaxText(name: string, given: readonly Expr[], options: DeparseOptions): string | undefined {
  const [first, second] = given
  if (name === 'timezone' && first !== undefined && second !== undefined) {
    const text = `${deparse(second, options, first)} AT TIME ZONE ${deparse(first, options, second)}`
    return `(${text})`
  }
  if (name === 'extract' && first?.kind === 'constant' && second !== undefined && typeof first.value === 'string') {
    return `EXTRACT(${first.value} FROM ${deparse(second, options)})`
  }
  return undefined
}

const quoteFunction = (name: string): string => quoteIdentifier(name)

function operatorName(procedure: Oid): string {
  const operator = lookups().operatorOf.get(procedure)
  assert(operator !== undefined, 'a comparison is an operator')
  return operator.name
}

type CastExpr = Expr & { readonly kind: 'relabel' | 'viaText' | 'arrayCast' | 'typmod' }

/** What stands before the `::`; a length coercion hides the cast to its type that comes before it. */
function coerced(expr: CastExpr): Expr {
  const { argument } = expr
  if (expr.kind !== 'typmod' || argument.type.oid !== expr.type.oid) return argument
  if (argument.kind === 'relabel' || argument.kind === 'viaText' || argument.kind === 'arrayCast') return argument.argument
  return isCastCall(argument) ? ((argument as Expr & { kind: 'call' }).arguments[0] as Expr) : argument
}

/** get_coercion_expr */
function castText(cast: Expr, argument: Expr, options: DeparseOptions): string {
  const target = `::${typeText(cast.type)}`
  if (argument.kind === 'constant' && argument.type.oid === cast.type.oid && argument.type.typmod < 0) {
    return constantText(argument.type, argument.value, options, false) + target
  }
  const text = deparse(argument, options, cast)
  return (options.pretty ? text : `(${text})`) + target
}

function subscripted(argument: Expr, options: DeparseOptions): string {
  const text = deparse(argument, options)
  return argument.kind === 'column' || argument.kind === 'parameter' ? text : `(${text})`
}

/* ---------------------------------------------------------------- subqueries, aggregates, session values */

function subqueryText(expr: Expr & { kind: 'subquery' }, options: DeparseOptions): string {
  const body = options.query(expr.query)
  switch (expr.how) {
    case 'scalar':
      return `(${body})`
    case 'exists':
      return `(EXISTS (${body}))`
    case 'array':
      return `ARRAY(${body})`
    default: {
      const test = expr.test
      const isPlain = test?.kind === 'call' && test.arguments.length === 2 && test.arguments[1]?.kind === 'subqueryOutput'
      if (!isPlain || test.kind !== 'call') throw notPrintable('a comparison with a subquery of this kind')
      const operator = operatorName(test.procedure)
      const left = deparse(test.arguments[0] as Expr, options, expr)
      if (expr.how === 'any') return operator === '=' ? `(${left} IN (${body}))` : `(${left} ${operator} ANY (${body}))`
      return `(${left} ${operator} ALL (${body}))`
    }
  }
}

function aggregateText(expr: Expr & { kind: 'aggregate' }, options: DeparseOptions): string {
  const known = procedureByOid(expr.procedure)
  assert(known !== undefined, 'an aggregate is a function')
  if (known.aggregateKind !== 'n') throw notPrintable('WITHIN GROUP')
  const given = expr.arguments.length === 0 ? '*' : expr.arguments.map((argument) => deparse(argument, options)).join(', ')
  const order = expr.orderBy.length === 0 ? '' : ` ORDER BY ${sortText(expr.orderBy, options)}`
  const filter = expr.filter === undefined ? '' : ` FILTER (WHERE ${deparse(expr.filter, options)})`
  return `${quoteFunction(known.name)}(${expr.distinct ? 'DISTINCT ' : ''}${given}${order})${filter}`
}

export function sortText(keys: readonly SortKey[], options: DeparseOptions): string {
  return keys.map((key) => deparse(key.expr, options) + directionText(key)).join(', ')
}

export function directionText(key: { readonly descending: boolean; readonly nullsFirst: boolean }): string {
  if (key.descending) return key.nullsFirst ? ' DESC' : ' DESC NULLS LAST'
  return key.nullsFirst ? ' NULLS FIRST' : ''
}

const sessionText = (value: SessionValue): string => value.toUpperCase()
