import { float4Type, float8Type } from '../../../../protocol/values/float.ts'
import { int2Type, int4Type, int8Type } from '../../../../protocol/values/integer.ts'
import { numericType } from '../../../../protocol/values/numeric-type.ts'
import { oidType, tidType, xid8Type } from '../../../../protocol/values/oid.ts'
import { bpcharType, textType } from '../../../../protocol/values/text.ts'
import type { SqlType } from '../../../../protocol/values/type.ts'
import type { Value } from '../../../../protocol/values/value.ts'
import { folding } from './aggregate.ts'
import type { AggregateFunction, Implementations } from './registry.ts'

type Order = (a: Value, b: Value) => number

function extremes(name: string, larger: (a: Value, b: Value) => boolean): Record<string, AggregateFunction> {
  return {
    [`max(${name})`]: folding<Value>((state, value) => (larger(state, value) ? state : value)),
    [`min(${name})`]: folding<Value>((state, value) => (larger(value, state) ? state : value)),
  }
}

/** max and min over a type's own order. Of equal values (they may look different: 1.0 and 1.00) the last one stays. */
export function extremesOf(type: unknown): Record<string, AggregateFunction> {
  const { name, compare } = type as SqlType
  const order = compare as Order
  return extremes(name, (a, b) => order(a, b) > 0)
}

/** For char(n), whose equal values differ in their padding, PostgreSQL keeps the first. */
function bpcharExtremes(): Record<string, AggregateFunction> {
  const order = bpcharType.compare as unknown as Order
  return extremes(bpcharType.name, (a, b) => order(a, b) >= 0)
}

const types = [int2Type, int4Type, int8Type, float4Type, float8Type, numericType, textType, oidType, tidType, xid8Type]

export const extremeFunctions: Implementations = {
  aggregate: Object.assign({}, ...types.map(extremesOf), bpcharExtremes()) as Record<string, AggregateFunction>,
}
