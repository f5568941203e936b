import type { Oid } from '../../../../protocol/ids.ts'
import type { Value } from '../../../../protocol/values/value.ts'
import type { Expr } from '../bind/bound.ts'
import { comparisonOf } from '../plan/comparison.ts'
import { sqlType } from '../plan/sql-type.ts'
import { typeHashKey } from './kernels.ts'

/* IN without a comparison for each element: by the hash of what is sought. */

type Kind<K extends Expr['kind']> = Extract<Expr, { kind: K }>

/** `left = output` with a hashable equality of one type: an uncorrelated IN becomes a look-up. */
export function hashableTest(expr: Kind<'subquery'>): { readonly left: Expr; readonly outputType: Oid } | undefined {
  const { test } = expr
  if (expr.how !== 'any' || test?.kind !== 'call' || test.arguments.length !== 2) return undefined
  const comparison = comparisonOf(test.procedure)
  const [left, right] = test.arguments as readonly [Expr, Expr]
  if (comparison?.operator !== '=' || comparison.left !== comparison.right || right.kind !== 'subqueryOutput') return undefined
  if (sqlType(comparison.left).hashKey === undefined) return undefined
  return { left, outputType: comparison.left }
}

interface ConstantSet {
  readonly keys: ReadonlySet<unknown>
  readonly hasNull: boolean
  readonly hashKey: (value: Value) => unknown
}

/** A longer list of constants compared by a hashable equality. */
export function constantSet(expr: Kind<'in'>): ConstantSet | undefined {
  if (expr.list.length < 4) return undefined
  const comparison = comparisonOf(expr.procedure)
  if (comparison?.operator !== '=' || comparison.left !== comparison.right) return undefined
  if (sqlType(comparison.left).hashKey === undefined) return undefined
  const values: Value[] = []
  for (const item of expr.list) {
    if (item.kind !== 'constant') return undefined
    values.push(item.value)
  }
  const hashKey = typeHashKey({ oid: comparison.left, typmod: -1 })
  return {
    keys: new Set(values.filter((value) => value !== null).map(hashKey)),
    hasNull: values.includes(null),
    hashKey,
  }
}
