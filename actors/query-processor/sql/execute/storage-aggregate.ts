import { assert } from '../../../../protocol/assert.ts'
import type { StorageAggregate } from '../../../../protocol/predicate.ts'
import { Numeric } from '../../../../protocol/values/numeric.ts'
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

/** count, min, max and integer sum, computed where the rows are; partial results of several ranges are put together here. */
export function storageAggregateRow(node: StorageAggregateScan, compile: CompilePlain): Opener {
  const { scan, aggregates } = node
  const { ranges } = compileBounds(scan, compile)
  const predicate = scan.storageFilter && compileStorageFilter(scan.storageFilter, scan.table, compile)
  const layout = layoutOfTable(scan.table)
  const asked = aggregates.map(({ kind, column }): StorageAggregate => {
    return kind === 'countRows' ? { kind } : { kind, column, type: scan.table.columns[column]!.type.oid }
  })
  const combine = aggregates.map((aggregate) => combination(aggregate, scan.table.columns[aggregate.column]?.type.oid ?? 0))
  const finish = aggregates.map((aggregate, i) => result(aggregate, (node.layout[i] as Slot).type.oid))
  return function* (frame): Stream {
    const filter = predicate?.(frame)
    const totals: Value[] = aggregates.map(() => null)
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
    yield [totals.map((total, i) => (finish[i] as (value: Value) => Value)(total))]
  }
}

type Combine = (a: Value, b: Value) => Value

function combination({ kind }: Asked, type: number): Combine {
  if (kind === 'min' || kind === 'max') {
    const compare = typeCompare({ oid: type, typmod: -1 })
    return (a, b) => (compare(a, b) > 0 === (kind === 'max') ? a : b)
  }
  return (a, b) => whole(a) + whole(b)
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

function result({ kind }: Asked, oid: number): (value: Value) => Value {
  if (kind === 'min' || kind === 'max') return (value) => value
  if (kind !== 'sum') return (value) => (value === null ? 0n : whole(value))
  assert(oid === int8Oid || oid === numericOid, 'sums of integers are int8 or numeric')
  return (value) => (value === null ? null : oid === int8Oid ? whole(value) : new Numeric(whole(value), 0))
}
