import type { MaybePromise } from '../../../../../bus/bus.ts'
import type { RowScan } from '../../execute/access.ts'
import type { Run } from '../../execute/run.ts'
import { decodeDocument } from '../document.ts'
import { jobsRange, sequenceKey } from '../keys.ts'
import { decodeCounter } from '../sequence-counter.ts'
import { sequences } from './class-rows.ts'
import { type Row, schemaName } from './record.ts'

/** Rows that lie in storage beside the catalog: counters of sequences and background jobs. */

export function sequenceRows(run: Run): MaybePromise<Iterable<Row>> {
  const { catalog, access } = run
  const all = sequences(catalog.relations())
  const stored = all.map((sequence) => access.get(sequenceKey(sequence.storageId)))
  const rows = (counters: readonly (Uint8Array | undefined)[]): Row[] =>
    all.map((sequence, i) => {
      const counter = decodeCounter(sequence, counters[i])
      const given = run.functions.lastSequenceValue?.(sequence, counter.last)
      return {
        schemaname: schemaName(catalog, sequence.schemaOid),
        sequencename: sequence.name,
        sequenceowner: sequence.owner,
        data_type: sequence.type.oid,
        start_value: sequence.start,
        min_value: sequence.min,
        max_value: sequence.max,
        increment_by: sequence.increment,
        cycle: sequence.cycle,
        cache_size: sequence.cache,
        last_value: given ?? (counter.isCalled ? counter.last : null),
      }
    })
  return stored.some((one) => one instanceof Promise)
    ? Promise.all(stored).then(rows)
    : rows(stored as (Uint8Array | undefined)[])
}

/** sys.jobs: a job's row is its document. */
export function jobRows(run: Run): MaybePromise<Iterable<Row>> {
  const scan = run.access.scan({ range: jobsRange, reverse: false, rowsMax: Number.POSITIVE_INFINITY })
  const rows: Row[] = []
  for (;;) {
    const batch = scan.next()
    if (batch instanceof Promise) return readOn(scan, batch, rows)
    if (batch === undefined) return rows
    for (const bytes of batch.rows) rows.push(decodeDocument(bytes) as Row)
  }
}

async function readOn(scan: RowScan, first: ReturnType<RowScan['next']>, rows: Row[]): Promise<Row[]> {
  for (let batch = await first; batch !== undefined; batch = await scan.next()) {
    for (const bytes of batch.rows) rows.push(decodeDocument(bytes) as Row)
  }
  return rows
}
