import type { Interval } from './interval.ts'
import type { Jsonb } from './jsonb.ts'
import type { Numeric } from './numeric.ts'

/**
 * A SQL value in memory. Which JavaScript shape belongs to which type:
 *
 * | SQL | here |
 * |---|---|
 * | NULL | null |
 * | boolean | boolean |
 * | int2 int4 oid regclass regtype ... | number |
 * | int8, timestamp, timestamptz (microseconds since 2000-01-01, int8 extremes = infinity) | bigint |
 * | timetz (packed, see time.ts) | bigint |
 * | float4 float8 | number |
 * | numeric | Numeric |
 * | text varchar char(n) name json uuid "char" unknown | string (json: the text as it was given; uuid: lower case, with dashes) |
 * | bytea | Uint8Array |
 * | date (days since 2000-01-01, +-Infinity), time (microseconds) | number |
 * | interval | Interval |
 * | jsonb | Jsonb |
 * | arrays | SqlArray |
 * | rows | SqlRow |
 */
export type Value = null | boolean | number | bigint | string | Uint8Array | Numeric | Interval | Jsonb | SqlArray | SqlRow

/** A one-dimensional array. An empty array has no dimension; `lowerBound` is 1 unless the literal said otherwise. */
export class SqlArray {
  readonly elements: readonly Value[]
  readonly lowerBound: number

  constructor(elements: readonly Value[], lowerBound = 1) {
    this.elements = elements
    this.lowerBound = lowerBound
  }
}

/** A row value: `ROW(1, 'a')`, a whole-row reference. Its column types stand in the expression's type. */
export class SqlRow {
  readonly fields: readonly Value[]

  constructor(fields: readonly Value[]) {
    this.fields = fields
  }
}
