import type { World } from '../../bus/world.ts'
import type { Check, CommitRequest, Write } from '../../protocol/messages.ts'
import { type PackedBlock, PackedWrites, packWrites, WriteCursor } from '../../protocol/packed-writes.ts'
import { encodeChecks, stagePayloads } from '../../protocol/record.ts'
import { accept, admissible, enterChecks, type Judgement, type Jurisdiction, judgeChecks, judgeWrites } from './adjudicate.ts'
import type { ConflictWindow, Stamp } from './conflict-window.ts'
import type { Records } from './records.ts'

/** What is judged and entered in one turn: about a millisecond of work. */
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
  const { checks, tauStart } = request
  const writes = request.writes instanceof PackedWrites ? request.writes : packWrites(request.writes)
  const nextTurn = (): Promise<void> => new Promise((resolve) => world.clock.soon(resolve))
  window.beginEarly(stamp, writes.length + checks.length)
  for (const { bytes } of writes.blocks) {
    const cursor = new WriteCursor(bytes)
    while (cursor.next < bytes.length) {
      const slice: Pick<Write, 'key' | 'mode'>[] = []
      while (slice.length < sliceKeysMax && cursor.advance()) slice.push({ key: cursor.key, mode: cursor.mode })
      const judgement = judgeWrites(window, jurisdiction(), tauStart, slice, { from: 0, to: slice.length }, stamp)
      if (judgement.kind !== 'accept') return judgement
      for (const { key, mode } of slice) window.enter(key, mode, stamp)
      await nextTurn()
    }
  }
  const staged = await stageAll(writes.blocks, checks, records, nextTurn)
  if (staged !== 'staged') return staged
  const admitted = admissible(window, jurisdiction(), request)
  if (admitted.kind !== 'accept') return admitted
  const judgement = judgeChecks(window, jurisdiction(), tauStart, checks, stamp)
  if (judgement.kind !== 'accept') return judgement
  enterChecks(window, stamp, checks)
  return accept
}

/** Into the journal, where it counts for nothing yet, and to storage, where nobody sees it yet. */
async function stageAll(
  blocks: readonly PackedBlock[],
  checks: readonly Check[],
  records: Records,
  nextTurn: () => Promise<void>,
): Promise<'staged' | 'full' | 'lost'> {
  // An earlier owner in this process may have left something.
  await records.unstage()
  let isFirst = true
  const stage = async (piece: Buffer): Promise<'staged' | 'full' | 'lost'> => {
    for (const message of stagePayloads(piece)) {
      const staged = await records.stage(message, isFirst)
      if (staged !== 'staged') return staged
      isFirst = false
    }
    return 'staged'
  }
  for (const block of blocks) {
    const staged = await stage(block.bytes)
    if (staged !== 'staged') return staged
    await nextTurn()
    await records.preview(new PackedWrites([block]))
  }
  for (const piece of encodeChecks(checks)) {
    const staged = await stage(piece)
    if (staged !== 'staged') return staged
  }
  return 'staged'
}
