/**
 * crossbar.route: where does each post-image of a record go?
 * From: the journal, in its order. To: the storage shards.
 * Invariant: every shard hears of every record, so that its position says all there is to know; each write goes to the shard of its key.
 */
import type { Sequence } from '../../protocol/ids.ts'
import { contains } from '../../protocol/key.ts'
import type { JournalRecord, PostImages, Staging, Write } from '../../protocol/messages.ts'
import { PackedWrites, type Writes } from '../../protocol/packed-writes.ts'
import type { RangeMap, ShardPlace } from '../topology.ts'

const nothing: readonly never[] = []

/** One message per shard, also where the record writes nothing there: the position still moves. */
export function route(record: JournalRecord, at: Sequence, map: RangeMap): readonly (readonly [ShardPlace, PostImages])[] {
  const { writes, traceparents } = contentOf(record)
  const { partition, tau } = record
  if (record.kind === 'commit' && record.isStaged) {
    return map.shards.map((place) => [
      place,
      { partition, sequence: at, tau, writes: nothing, traceparents, staged: countOf(writes, place, map) },
    ])
  }
  return map.shards.map((place) => [
    place,
    {
      partition,
      sequence: at,
      tau,
      writes: map.shards.length === 1 ? writes : writesOf(writes, place),
      traceparents,
    },
  ])
}

function countOf(writes: Writes, place: ShardPlace, { shards }: RangeMap): number {
  return shards.length === 1 ? writes.length : writesOf(writes, place).length
}

function writesOf(writes: Writes, { range }: ShardPlace): Writes {
  return writes instanceof PackedWrites ? writes.within(range) : writes.filter(({ key }) => contains(range, key))
}

/** Staged writes go where they would go with their record. */
export function routeStaging(staging: Staging, map: RangeMap): readonly (readonly [ShardPlace, Staging])[] {
  if (map.shards.length === 1) return map.shards.map((place) => [place, staging])
  return map.shards.map((place) => [place, { ...staging, writes: staging.writes.within(place.range) }])
}

/** The writes of all transactions, in the order of their commit. */
function contentOf(record: JournalRecord): { writes: Writes; traceparents: readonly string[] } {
  if (record.kind !== 'commit') return { writes: nothing, traceparents: nothing }
  const { transactions } = record
  const [first] = transactions
  if (first !== undefined && transactions.length === 1) {
    return { writes: first.writes, traceparents: first.traceparent === '' ? nothing : [first.traceparent] }
  }
  const writes: Write[] = []
  const traceparents: string[] = []
  for (const transaction of transactions) {
    for (const write of transaction.writes) writes.push(write)
    if (transaction.traceparent !== '') traceparents.push(transaction.traceparent)
  }
  return { writes, traceparents }
}
