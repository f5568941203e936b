import type { World } from '../../bus/world.ts'
import type { CommitRequest } from '../../protocol/messages.ts'
import { StageEncoder } from '../../protocol/record.ts'
import { accept, admissible, enterChecks, type Judgement, type Jurisdiction, judgeChecks, judgeWrites } from './adjudicate.ts'
import type { ConflictWindow, Stamp } from './conflict-window.ts'
import type { Records } from './records.ts'

/** A transaction with more keys is long. */
export const longKeysMin = 4_000
/** So is one with more bytes: they would hold up the journal. */
export const longBytesMin = 4_000_000
/** What is adjudicated and entered, or encoded and staged, in one turn: about a millisecond of work. */
const sliceKeysMax = 1_000

/**
 * Rule 4 for a transaction of any size, a slice a turn. Each slice is judged and entered at once under a stamp above every tauStart, so
 * whoever comes between the slices meets it; whatever was written between them is met by the slices still to come. Then everything is
 * staged (rule 19), and the checks are judged in the last turn. The floor is judged last: nothing this transaction should have met can
 * have been pruned unnoticed.
 */
export async function adjudicateLong(
  world: World,
  window: ConflictWindow,
  jurisdiction: () => Jurisdiction,
  request: CommitRequest,
  stamp: Stamp,
  records: Records,
): Promise<Judgement | 'full' | 'lost'> {
  const { writes, checks, tauStart } = request
  const nextTurn = (): Promise<void> => new Promise((resolve) => world.clock.soon(resolve))
  window.beginEarly(stamp, writes.length + checks.length)
  for (let from = 0; from < writes.length; from += sliceKeysMax) {
    const to = Math.min(writes.length, from + sliceKeysMax)
    const judgement = judgeWrites(window, jurisdiction(), tauStart, writes, { from, to }, stamp)
    if (judgement.kind !== 'accept') return judgement
    for (let i = from; i < to; i++) {
      const write = writes[i]
      if (write !== undefined) window.enter(write.key, write.mode, stamp)
    }
    await nextTurn()
  }
  const staged = await stageAll(world, request, records)
  if (staged !== 'staged') return staged
  const admitted = admissible(window, jurisdiction(), request)
  if (admitted.kind !== 'accept') return admitted
  const judgement = judgeChecks(window, jurisdiction(), tauStart, checks, stamp)
  if (judgement.kind !== 'accept') return judgement
  enterChecks(window, stamp, checks)
  return accept
}

/** Into the journal, where it counts for nothing yet, and to storage, where nobody sees it yet. */
async function stageAll(world: World, request: CommitRequest, records: Records): Promise<'staged' | 'full' | 'lost'> {
  // An earlier owner in this process may have left something.
  await records.unstage()
  const encoder = new StageEncoder(request)
  const { writes } = request
  let isFirst = true
  while (!encoder.isDone) {
    const from = encoder.next
    for (const message of encoder.slice(sliceKeysMax)) {
      const staged = await records.stage(message, isFirst)
      if (staged !== 'staged') return staged
      isFirst = false
    }
    await new Promise<void>((resolve) => world.clock.soon(resolve))
    if (from < writes.length) await records.preview(writes.slice(from, Math.min(writes.length, encoder.next)))
  }
  return 'staged'
}
