import { decodeDocument, encodeDocument } from './document.ts'
import type { SequenceRelation } from './schema.ts'

/** What lies under a sequence's storage id: PostgreSQL's last_value and is_called. */
export interface SequenceCounter {
  readonly last: bigint
  readonly isCalled: boolean
}

export const encodeCounter = (counter: SequenceCounter): Buffer => encodeDocument([counter.last, counter.isCalled])

/** The counter of a sequence from the bytes under `sequenceKey(storageId)`. */
export function decodeCounter(sequence: SequenceRelation, bytes: Uint8Array | undefined): SequenceCounter {
  if (bytes === undefined) return sequence.initial ?? { last: sequence.start, isCalled: false }
  const [last, isCalled] = decodeDocument(bytes) as [bigint, boolean]
  return { last, isCalled }
}
