import type { Oid } from '../../../../protocol/ids.ts'
import type { Expr } from '../bind/bound.ts'
import { typeOrder } from '../functions/builtin-types.ts'
import { allOperators, type Operator } from '../functions/operators.ts'
import { procedureByOid } from '../functions/procedures.ts'
import { renumbering } from './renumbering.ts'

export type ComparisonOperator = '=' | '<>' | '<' | '<=' | '>' | '>='

/** A comparison that agrees with the default btree order of its types: what keys, hashes and storage filters may rely on. */
export interface Comparison {
  readonly operator: ComparisonOperator
  readonly left: Oid
  readonly right: Oid
}

const symbols: readonly string[] = ['=', '<>', '<', '<=', '>', '>=']
export const commuted: Readonly<Record<ComparisonOperator, ComparisonOperator>> = {
  '=': '=',
  '<>': '<>',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
}

const integerTypes: readonly Oid[] = [20, 21, 23]
export const isInteger = (oid: Oid): boolean => integerTypes.includes(oid)

let byProcedure: Map<Oid, Comparison> | undefined

function load(): Map<Oid, Comparison> {
  const found = new Map<Oid, Comparison>()
  for (const operator of allOperators()) {
    if (!symbols.includes(operator.name) || operator.left === 0) continue
    const sameType = operator.left === operator.right && typeOrder(operator.left) !== undefined
    const integers = isInteger(operator.left) && isInteger(operator.right)
    if (!sameType && !integers) continue
    found.set(operator.procedure, { operator: operator.name as ComparisonOperator, left: operator.left, right: operator.right })
  }
  return found
}

/** Undefined when the function is no comparison, or one across types whose orders we do not mix (date with timestamp ...). */
export const comparisonOf = (procedure: Oid): Comparison | undefined => (byProcedure ??= load()).get(procedure)

let operatorsByProcedure: Map<Oid, Operator> | undefined

/** The operator a function implements, for EXPLAIN. */
export function operatorOf(procedure: Oid): Operator | undefined {
  if (operatorsByProcedure === undefined) {
    operatorsByProcedure = new Map()
    for (const operator of allOperators()) {
      if (!operatorsByProcedure.has(operator.procedure)) operatorsByProcedure.set(operator.procedure, operator)
    }
  }
  return operatorsByProcedure.get(procedure)
}

/** The same value under another name of its type. */
export function withoutRelabel(expr: Expr): Expr {
  let inner = expr
  while (inner.kind === 'relabel' && renumbering(inner.argument.type.oid, inner.type.oid) === undefined) inner = inner.argument
  return inner
}

/** `left operator right` with an operator of the btree kind. */
export function asComparison(
  expr: Expr,
): { operator: ComparisonOperator; left: Expr; right: Expr; types: Comparison } | undefined {
  if (expr.kind !== 'call' || expr.arguments.length !== 2) return undefined
  const types = comparisonOf(expr.procedure)
  if (types === undefined) return undefined
  return { operator: types.operator, left: expr.arguments[0] as Expr, right: expr.arguments[1] as Expr, types }
}

export const isVolatileProcedure = (procedure: Oid): boolean => procedureByOid(procedure)?.volatility === 'v'
