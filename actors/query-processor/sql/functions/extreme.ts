import { float4Type, float8Type } from '../../../../protocol/values/float.ts'
import { int2Type, int4Type, int8Type } from '../../../../protocol/values/integer.ts'
import { numericType } from '../../../../protocol/values/numeric-type.ts'
import { oidType, tidType, xid8Type } from '../../../../protocol/values/oid.ts'
import { bpcharType, textType } from '../../../../protocol/values/text.ts'
import type { SqlType } from '../../../../protocol/values/type.ts'
import type { Value } from '../../../../protocol/values/value.ts'
import { folding } from './aggregate.ts'
import type { AggregateFunction, Implementations } from './registry.ts'

/** max and min over a type's own order; of equal values the later one stays, as with PostgreSQL's `larger` functions. */
export function extremesOf(type: unknown): Record<string, AggregateFunction> {
  const { name, compare } = type as SqlType
  const order = compare as (a: Value, b: Value) => number
  return {
    [`max(${name})`]: folding<Value>((state, value) => (order(state, value) > 0 ? state : value)),
    [`min(${name})`]: folding<Value>((state, value) => (order(state, value) < 0 ? state : value)),
  }
}

const types = [
  int2Type,
  int4Type,
  int8Type,
  float4Type,
  float8Type,
  numericType,
  textType,
  bpcharType,
  oidType,
  tidType,
  xid8Type,
]

export const extremeFunctions: Implementations = {
  aggregate: Object.assign({}, ...types.map(extremesOf)) as Record<string, AggregateFunction>,
}
