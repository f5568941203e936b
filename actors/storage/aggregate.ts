import { unreachable } from '../../protocol/assert.ts'
import type { StorageAggregate } from '../../protocol/predicate.ts'
import { Numeric } from '../../protocol/values/numeric.ts'
import { addNumeric } from '../../protocol/values/numeric-arithmetic.ts'
import type { Value } from '../../protocol/values/value.ts'
import { comparing } from './filter.ts'
import type { RowReader } from './row-reader.ts'

const oids = { int8: 20, int2: 21, int4: 23, numeric: 1700 } as const

/** One aggregate over the rows of one answer: a partial result, combined by whoever asked. NULL where no value came in; counts are bigint. */
export interface Accumulator {
  add(row: RowReader): void
  result(): Value
}

export function accumulator(aggregate: StorageAggregate): Accumulator {
  switch (aggregate.kind) {
    case 'countRows':
      return new Count(undefined)
    case 'count':
      return new Count(aggregate.column)
    case 'min':
      return new Extreme(aggregate.column, aggregate.type, -1)
    case 'max':
      return new Extreme(aggregate.column, aggregate.type, 1)
    case 'sum':
      return sum(aggregate.column, aggregate.type)
    default:
      return unreachable(aggregate)
  }
}

class Count implements Accumulator {
  private readonly column: number | undefined
  private count = 0

  constructor(column: number | undefined) {
    this.column = column
  }

  add(row: RowReader): void {
    if (this.column === undefined || !row.isNull(this.column)) this.count++
  }

  result(): Value {
    return BigInt(this.count)
  }
}

class Extreme implements Accumulator {
  private readonly column: number
  private readonly compare: (a: Value, b: Value) => number
  private readonly sign: number
  private best: Value = null

  constructor(column: number, type: number, sign: -1 | 1) {
    this.column = column
    this.compare = comparing(type)
    this.sign = sign
  }

  add(row: RowReader): void {
    const value = row.column(this.column)
    if (value !== null && (this.best === null || this.compare(value, this.best) * this.sign > 0)) this.best = value
  }

  result(): Value {
    return this.best
  }
}

/** sum's result types are PostgreSQL's: int2 and int4 give int8, int8 and numeric give numeric, floats themselves. */
function sum(column: number, type: number): Accumulator {
  switch (type) {
    case oids.int2:
    case oids.int4:
      return new SmallIntegerSum(column)
    case oids.int8:
      return new Folding(
        column,
        (total, value) => (total as bigint) + (value as bigint),
        0n,
        (total) => new Numeric(total as bigint, 0),
      )
    case oids.numeric:
      return new Folding(
        column,
        (total, value) => addNumeric(total as Numeric, value as Numeric),
        new Numeric(0n, 0),
        (total) => total,
      )
    default:
      throw new Error(`storage does not add up values of type ${type}`)
  }
}

/** Adds numbers as long as they are exact, and carries over into a bigint before they are not. */
class SmallIntegerSum implements Accumulator {
  private readonly column: number
  private total = 0
  private carried = 0n
  private isEmpty = true

  constructor(column: number) {
    this.column = column
  }

  add(row: RowReader): void {
    const value = row.column(this.column)
    if (value === null) return
    this.isEmpty = false
    this.total += value as number
    if (this.total > 2 ** 52 || this.total < -(2 ** 52)) {
      this.carried += BigInt(this.total)
      this.total = 0
    }
  }

  result(): Value {
    return this.isEmpty ? null : this.carried + BigInt(this.total)
  }
}

class Folding implements Accumulator {
  private readonly column: number
  private readonly plus: (total: Value, value: Value) => Value
  private readonly finish: (total: Value) => Value
  private total: Value
  private isEmpty = true

  constructor(column: number, plus: (total: Value, value: Value) => Value, zero: Value, finish: (total: Value) => Value) {
    this.column = column
    this.plus = plus
    this.total = zero
    this.finish = finish
  }

  add(row: RowReader): void {
    const value = row.column(this.column)
    if (value === null) return
    this.isEmpty = false
    this.total = this.plus(this.total, value)
  }

  result(): Value {
    return this.isEmpty ? null : this.finish(this.total)
  }
}
