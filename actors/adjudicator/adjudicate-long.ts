import type { World } from '../../bus/world.ts'
import type { CommitRequest } from '../../protocol/messages.ts'
import { type Body, TransactionEncoder } from '../../protocol/record.ts'
import { accept, admissible, enterChecks, type Judgement, type Jurisdiction, judgeChecks, judgeWrites } from './adjudicate.ts'
import type { ConflictWindow, Stamp } from './conflict-window.ts'

/** What is adjudicated, entered or encoded in one turn: some milliseconds of work. */
export const sliceKeysMax = 4_000

/**
 * Rule 4 for a transaction of any size, a slice a turn. Each slice is judged and entered at once under a stamp above every tauStart, so
 * whoever comes between the slices meets it; whatever was written between them is met by the slices still to come, and the checks are
 * judged in the last turn. The floor is judged last: nothing this transaction should have met can have been pruned unnoticed.
 */
export async function adjudicateLong(
  world: World,
  window: ConflictWindow,
  jurisdiction: () => Jurisdiction,
  request: CommitRequest,
  stamp: Stamp,
): Promise<{ readonly judgement: Judgement; readonly encoded: Body | undefined }> {
  const { writes, checks, tauStart } = request
  const nextTurn = (): Promise<void> => new Promise((resolve) => world.clock.soon(resolve))
  window.beginEarly(stamp)
  for (let from = 0; from < writes.length; from += sliceKeysMax) {
    const to = Math.min(writes.length, from + sliceKeysMax)
    const judgement = judgeWrites(window, jurisdiction(), tauStart, writes, { from, to }, stamp)
    if (judgement.kind !== 'accept') return { judgement, encoded: undefined }
    for (let i = from; i < to; i++) {
      const write = writes[i]
      if (write !== undefined) window.enter(write.key, write.mode, stamp)
    }
    await nextTurn()
  }
  const encoder = new TransactionEncoder(request)
  while (!encoder.step(sliceKeysMax)) await nextTurn()
  const admitted = admissible(window, jurisdiction(), request)
  if (admitted.kind !== 'accept') return { judgement: admitted, encoded: undefined }
  const judgement = judgeChecks(window, jurisdiction(), tauStart, checks, stamp)
  if (judgement.kind !== 'accept') return { judgement, encoded: undefined }
  enterChecks(window, stamp, checks)
  return { judgement: accept, encoded: encoder }
}
