import { assert } from '../../../../protocol/assert.ts'
import type { Oid } from '../../../../protocol/ids.ts'
import type { TypeRef } from '../catalog/schema.ts'
import {
  anyarrayOid,
  anyOid,
  arrayElement,
  arrayOver,
  boolOid,
  builtinType,
  intervalOid,
  isPolymorphic,
  jsonbOid,
  jsonOid,
  textOid,
  typeCategory,
  unknownOid,
} from '../functions/builtin-types.ts'
import { type CastContext, type CastPath, castPath, hasTypmodCoercion } from '../functions/casts.ts'
import { procedureByOid } from '../functions/procedures.ts'
import type { Expr } from './bound.ts'
import { literal } from './literal.ts'
import { isConsistent } from './polymorphic.ts'
import type { Statement } from './scope.ts'

/** parse_coerce.c: which types can become which, and the expression that makes it so. */

export const typeRef = (oid: Oid, typmod = -1): TypeRef => ({ oid, typmod })
export const typeName = (oid: Oid): string => builtinType(oid).displayName

/** A string literal or NULL whose type is still open. */
export const isUnknown = (expr: Expr): boolean => expr.type.oid === unknownOid

export function canCoerce(inputs: readonly Oid[], targets: readonly Oid[], context: CastContext): boolean {
  let hasGenerics = false
  for (let i = 0; i < inputs.length; i++) {
    const input = inputs[i]!
    const target = targets[i]!
    if (input === target || target === anyOid) continue
    if (isPolymorphic(target)) {
      hasGenerics = true
      continue
    }
    if (input === unknownOid) continue
    if (castPath(input, target, context) === undefined) return false
  }
  return !hasGenerics || isConsistent(inputs, targets)
}

const canCoerceOne = (input: Oid, target: Oid, context: CastContext): boolean => canCoerce([input], [target], context)

/** coerce_type: the caller has asked `canCoerce`. The typmod matters to interval literals only; `coerceTypmod` comes after. */
export function coerceType(statement: Statement, expr: Expr, target: TypeRef, context: CastContext, location = -1): Expr {
  const input = expr.type.oid
  if (input === target.oid || target.oid === anyOid) return expr
  if (isPolymorphic(target.oid) && !(target.oid === anyarrayOid && input === unknownOid)) return expr
  if (input === unknownOid) {
    if (expr.kind === 'constant') {
      const at = statement.locationOf(expr)
      assert(expr.value === null || typeof expr.value === 'string', 'an unknown constant is a text')
      const typmod = target.oid === intervalOid ? target.typmod : -1
      if (isReadLater(expr.value, target.oid)) {
        const text: Expr = { ...expr, type: typeRef(textOid) }
        return statement.place({ kind: 'viaText', type: typeRef(target.oid), argument: text, at: statement.position(at) }, at)
      }
      const value = expr.value === null ? null : literal(statement, expr.value, typeRef(target.oid, typmod), at)
      // A literal stands where it is written, wherever its type is.
      return statement.place({ kind: 'constant', type: typeRef(target.oid, typmod), value }, at)
    }
    if (expr.kind === 'parameter') return coerceParameter(statement, expr, target.oid, location)
  }
  const path = input === unknownOid ? { kind: 'inout' as const } : castPath(input, target.oid, context)
  assert(path !== undefined, `there is a cast from ${input} to ${target.oid}`)
  return statement.place(applyPath(expr, path, target.oid), leftmost(statement.locationOf(expr), location))
}

/** Documents so long are read when they are needed, and beside the others; in characters. */
const laterLengthMin = 1_000_000

const isReadLater = (written: string | null, type: Oid): boolean =>
  written !== null && written.length > laterLengthMin && (type === jsonOid || type === jsonbOid)

function applyPath(expr: Expr, path: CastPath, target: Oid): Expr {
  const type = typeRef(target)
  switch (path.kind) {
    case 'binary':
      return { kind: 'relabel', type, argument: expr }
    case 'inout':
      return { kind: 'viaText', type, argument: expr, at: undefined }
    case 'function': {
      // The second and third parameter of such functions are typmod and explicit: `typmod` expressions take care of both.
      const procedure = procedureByOid(path.procedure)!
      const result: Expr = {
        kind: 'call',
        type: typeRef(procedure.result),
        procedure: path.procedure,
        arguments: [expr],
        at: undefined,
        returnsSet: false,
      }
      return procedure.result === target ? result : { kind: 'relabel', type, argument: result }
    }
    case 'array': {
      const input: Expr = { kind: 'elementInput', type: typeRef(arrayElement(expr.type.oid)) }
      return { kind: 'arrayCast', type, argument: expr, element: applyPath(input, path.element, arrayElement(target)) }
    }
  }
}

/** A parameter of open type gets its type from its first use. */
function coerceParameter(statement: Statement, expr: Expr & { kind: 'parameter' }, target: Oid, location: number): Expr {
  const given = statement.parameters[expr.index] ?? 0
  const at = statement.locationOf(expr)
  if (given === 0 || given === unknownOid) statement.parameters[expr.index] = target
  else if (given !== target) {
    throw statement.error('42P08', `inconsistent types deduced for parameter $${expr.index + 1}`, at, {
      detail: `${typeName(given)} versus ${typeName(target)}`,
    })
  }
  statement.openParameters.delete(expr)
  return statement.place({ kind: 'parameter', type: typeRef(target), index: expr.index }, leftmost(at, location))
}

/** coerce_type_typmod: fits a value of the type to varchar(n), numeric(p,s) ... */
export function coerceTypmod(statement: Statement, expr: Expr, target: TypeRef, explicit: boolean, location = -1): Expr {
  const at = leftmost(statement.locationOf(expr), location)
  if (target.typmod < 0) {
    // A numeric(6,2) cast to numeric promises no scale any more.
    if (!explicit || expr.type.typmod < 0 || expr.type.oid !== target.oid) return expr
    return statement.place({ kind: 'relabel', type: target, argument: expr }, at)
  }
  if (expr.type.typmod === target.typmod) return expr
  const element = arrayElement(target.oid)
  if (!hasTypmodCoercion(element === 0 ? target.oid : element)) return expr
  return statement.place({ kind: 'typmod', type: target, argument: expr, explicit }, at)
}

/** coerce_to_target_type; undefined: there is no such cast. */
export function coerceToTarget(
  statement: Statement,
  expr: Expr,
  target: TypeRef,
  context: CastContext,
  location = -1,
): Expr | undefined {
  if (!canCoerceOne(expr.type.oid, target.oid, context)) return undefined
  const coerced = coerceType(statement, expr, target, context, location)
  return coerceTypmod(statement, coerced, target, context === 'explicit', location)
}

/** For WHERE, ON, AND ...: `argument of WHERE must be type boolean, not type integer`. */
export function coerceToBoolean(statement: Statement, expr: Expr, construct: string): Expr {
  if (expr.type.oid !== boolOid) {
    const coerced = coerceToTarget(statement, expr, typeRef(boolOid), 'assignment')
    if (coerced === undefined) {
      throw statement.error(
        '42804',
        `argument of ${construct} must be type boolean, not type ${typeName(expr.type.oid)}`,
        statement.locationOf(expr),
      )
    }
    expr = coerced
  }
  refuseSet(statement, expr, construct)
  return expr
}

/** For LIMIT, array subscripts ... */
export function coerceToSpecificType(statement: Statement, expr: Expr, target: Oid, construct: string): Expr {
  if (expr.type.oid !== target) {
    const coerced = coerceToTarget(statement, expr, typeRef(target), 'assignment')
    if (coerced === undefined) {
      throw statement.error(
        '42804',
        `argument of ${construct} must be type ${typeName(target)}, not type ${typeName(expr.type.oid)}`,
        statement.locationOf(expr),
      )
    }
    expr = coerced
  }
  refuseSet(statement, expr, construct)
  return expr
}

function refuseSet(statement: Statement, expr: Expr, construct: string): void {
  if (expr.kind === 'call' && expr.returnsSet) {
    throw statement.error('42804', `argument of ${construct} must not return a set`, statement.locationOf(expr))
  }
}

/** select_common_type. With a context (`CASE`, `UNION` ...) types that do not match are an error, without one the answer is undefined. */
export function selectCommonType(statement: Statement, exprs: readonly Expr[], context: string): Oid
export function selectCommonType(statement: Statement, exprs: readonly Expr[], context: undefined): Oid | undefined
export function selectCommonType(statement: Statement, exprs: readonly Expr[], context: string | undefined): Oid | undefined {
  const first = exprs[0]!.type.oid
  if (first !== unknownOid && exprs.every((expr) => expr.type.oid === first)) return first
  let common = first
  let preferred = builtinType(common).preferred
  let category = typeCategory(common)
  for (const expr of exprs.slice(1)) {
    const next = expr.type.oid
    if (next === unknownOid || next === common) continue
    const type = builtinType(next)
    if (common === unknownOid) {
      common = next
      category = type.category
      preferred = type.preferred
    } else if (type.category !== category) {
      if (context === undefined) return undefined
      throw statement.error(
        '42804',
        `${context} types ${typeName(common)} and ${typeName(next)} cannot be matched`,
        statement.locationOf(expr),
      )
    } else if (!preferred && canCoerceOne(common, next, 'implicit') && !canCoerceOne(next, common, 'implicit')) {
      common = next
      category = type.category
      preferred = type.preferred
    }
  }
  return common === unknownOid ? textOid : common
}

/** Whether every expression can become the common type: select_common_type may have guessed too much. */
export const allCoerceTo = (exprs: readonly Expr[], type: Oid): boolean =>
  exprs.every((expr) => canCoerceOne(expr.type.oid, type, 'implicit'))

export function coerceToCommonType(statement: Statement, expr: Expr, type: Oid, context: string): Expr {
  if (expr.type.oid === type) return expr
  if (!canCoerceOne(expr.type.oid, type, 'implicit')) {
    throw statement.error(
      '42846',
      `${context} could not convert type ${typeName(expr.type.oid)} to ${typeName(type)}`,
      statement.locationOf(expr),
    )
  }
  return coerceType(statement, expr, typeRef(type), 'implicit')
}

/** The typmod that all share, else none. */
export function commonTypmod(exprs: readonly Expr[], type: Oid): number {
  const first = exprs[0]!.type.typmod
  return exprs.every((expr) => expr.type.oid === type && expr.type.typmod === first) ? first : -1
}

/** `ARRAY[...]`, IN lists: the array type over a common element type. */
export function arrayTypeOver(element: Oid): Oid {
  return arrayOver(element)
}

export function leftmost(a: number, b: number): number {
  if (a < 0) return b
  if (b < 0) return a
  return Math.min(a, b)
}
