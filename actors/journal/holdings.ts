import { mapVersion } from '../../protocol/ids.ts'
import { merged, without } from '../../protocol/key-ranges.ts'
import type { Holdings, JournalRecord, SealedRange } from '../../protocol/messages.ts'

export type RangeStatement = JournalRecord & { readonly kind: 'epoch' | 'seal' | 'open' }

export const noHoldings: Holdings = { version: mapVersion(0), ranges: [], sealed: [], opened: [] }

/** What a journal says of the map after this record (rule 20). An epoch record says all of it anew. */
export function holdingsAfter(before: Holdings, record: RangeStatement): Holdings {
  const version = record.mapVersion
  switch (record.kind) {
    case 'epoch':
      return { version, ranges: record.ranges, sealed: record.sealed ?? [], opened: record.opened ?? [] }
    case 'seal': {
      const { range, to, horizon } = record
      const sealed: SealedRange = { range, to, version, horizon }
      return { ...before, version, ranges: without(before.ranges, range), sealed: [...before.sealed, sealed] }
    }
    case 'open': {
      const { range, from, sealed } = record
      const opened = [...before.opened.filter((one) => one.from !== from), { from, version: sealed }]
      return { ...before, version, ranges: merged([...before.ranges, range]), opened }
    }
  }
}
