import type { Oid } from './ids.ts'
import type { Value } from './values/value.ts'

/**
 * What storage may decide about a row without knowing SQL: a closed language over stored columns. NULL compares to NULL (unknown);
 * a row passes when the predicate is true. `column` is the position in the stored row (attnum - 1), `type` its type's oid,
 * and `value` a value of that very type: whoever builds a predicate has resolved casts and overloads.
 */
export type Predicate =
  | {
      readonly kind: 'compare'
      readonly column: number
      readonly type: Oid
      readonly operator: '=' | '<>' | '<' | '<=' | '>' | '>='
      readonly value: Value
    }
  | { readonly kind: 'in'; readonly column: number; readonly type: Oid; readonly values: readonly Value[] }
  | { readonly kind: 'isNull'; readonly column: number; readonly negated: boolean }
  | { readonly kind: 'prefix'; readonly column: number; readonly prefix: string }
  | { readonly kind: 'and' | 'or'; readonly of: readonly Predicate[] }
  | { readonly kind: 'not'; readonly of: Predicate }

/** An aggregate storage can compute over the rows that pass; partial results are combined by the query processor. */
export type StorageAggregate =
  | { readonly kind: 'countRows' }
  | { readonly kind: 'count' | 'min' | 'max' | 'sum'; readonly column: number; readonly type: Oid }
