import type { SqlArray, Value } from '../../../../protocol/values/value.ts'
import type { CallTypes, Implementations, ScalarFunction, SpecializedFunction } from './registry.ts'

/** num_nulls and num_nonnulls over any arguments, or over the elements of one VARIADIC array. */
function counting(nulls: boolean): SpecializedFunction {
  const count = (values: readonly Value[]): number => values.filter((value) => (value === null) === nulls).length
  return {
    specialize: (types: CallTypes) =>
      (types.variadic === true
        ? (_context: unknown, array: SqlArray | null) => (array === null ? null : count(array.elements))
        : (_context: unknown, ...values: Value[]) => count(values)) as ScalarFunction,
  }
}

export const nullCountFunctions: Implementations = {
  scalar: { pg_num_nulls: counting(true), pg_num_nonnulls: counting(false) },
}
