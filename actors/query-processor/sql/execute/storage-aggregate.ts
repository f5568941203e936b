import { assert } from '../../../../protocol/assert.ts'
import type { StorageAggregate } from '../../../../protocol/predicate.ts'
import { Numeric } from '../../../../protocol/values/numeric.ts'
import { addNumeric, divideNumeric } from '../../../../protocol/values/numeric-arithmetic.ts'
import type { Value } from '../../../../protocol/values/value.ts'
import type { Slot, StorageAggregateScan } from '../plan/node.ts'
import type { Opener } from './frame.ts'
import { pause, settled } from './frame.ts'
import { typeCompare } from './kernels.ts'
import { compileBounds } from './key-bounds.ts'
import type { Stream } from './run.ts'
import { type CompilePlain, layoutOfTable } from './scan.ts'
import { compileStorageFilter } from './storage-filter.ts'

type Asked = StorageAggregateScan['aggregates'][number]

/** count, min, max, exact sum and avg, computed where the rows are; partial results of several ranges are put together here. */
export function storageAggregateRow(node: StorageAggregateScan, compile: CompilePlain): Opener {
  const { scan, aggregates } = node
  const { ranges } = compileBounds(scan, compile)
  const predicate = scan.storageFilter && compileStorageFilter(scan.storageFilter, scan.table, compile)
  const layout = layoutOfTable(scan.table)
  const typeOf = (column: number): number => scan.table.columns[column]?.type.oid ?? 0
  const asked: StorageAggregate[] = []
  const finish = aggregates.map((aggregate, i) => {
    const first = asked.length
    asked.push(...askedFor(aggregate, typeOf(aggregate.column)))
    return result(aggregate, (node.layout[i] as Slot).type.oid, first)
  })
  const combine = asked.map(combination)
  return function* (frame): Stream {
    const filter = predicate?.(frame)
    const totals: Value[] = asked.map(() => null)
    for (const range of ranges(frame)) {
      const source = frame.run.access.scan({
        range,
        reverse: false,
        rowsMax: Number.POSITIVE_INFINITY,
        layout,
        aggregates: asked,
        ...(filter !== undefined && { filter }),
      })
      for (;;) {
        frame.run.checkInterrupts()
        const batch = yield* settled(source.next())
        if (batch === undefined) break
        frame.counters?.keysRead(scan, batch.keysRead)
        batch.aggregates?.forEach((value, i) => {
          if (value !== null) totals[i] = totals[i] === null ? value : (combine[i] as Combine)(totals[i] as Value, value)
        })
        if (frame.run.shouldYield()) yield pause
      }
    }
    yield [finish.map((one) => one(totals))]
  }
}

function askedFor({ kind, column }: Asked, type: number): StorageAggregate[] {
  if (kind === 'countRows') return [{ kind }]
  if (kind !== 'avg') return [{ kind, column, type }]
  return [
    { kind: 'sum', column, type },
    { kind: 'count', column, type },
  ]
}

type Combine = (a: Value, b: Value) => Value

function combination(asked: StorageAggregate): Combine {
  switch (asked.kind) {
    case 'min':
    case 'max': {
      const compare = typeCompare({ oid: asked.type, typmod: -1 })
      return (a, b) => (compare(a, b) > 0 === (asked.kind === 'max') ? a : b)
    }
    case 'sum':
      if (asked.type === numericOid) return (a, b) => addNumeric(a as Numeric, b as Numeric)
      return (a, b) => whole(a) + whole(b)
    default:
      return (a, b) => whole(a) + whole(b)
  }
}

/** An integer total in whichever shape it was sent. */
function whole(value: Value): bigint {
  if (value instanceof Numeric) {
    assert(value.scale === 0, 'an integer total has no fraction')
    return value.unscaled
  }
  return BigInt(value as number)
}

const int8Oid = 20
const numericOid = 1700

const exact = (total: Value): Numeric => (total instanceof Numeric ? total : new Numeric(whole(total), 0))

/** One aggregate of the totals, which begin at `first`. */
function result({ kind }: Asked, oid: number, first: number): (totals: readonly Value[]) => Value {
  const total = (totals: readonly Value[]): Value => totals[first] as Value
  switch (kind) {
    case 'min':
    case 'max':
      return total
    case 'count':
    case 'countRows':
      return (totals) => (total(totals) === null ? 0n : whole(total(totals)))
    case 'sum':
      assert(oid === int8Oid || oid === numericOid, 'exact sums are int8 or numeric')
      return (totals) => {
        const sum = total(totals)
        if (sum === null) return null
        return oid === int8Oid ? whole(sum) : exact(sum)
      }
    case 'avg':
      return (totals) => {
        const sum = total(totals)
        return sum === null ? null : divideNumeric(exact(sum), exact(totals[first + 1] as Value))
      }
  }
}
