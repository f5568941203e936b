import type { Clock } from '../../bus/world.ts'
import type { TransactionId } from '../../protocol/ids.ts'
import type { Outcome } from '../../protocol/messages.ts'
import type { Tau } from '../../protocol/time.ts'
import type { Journal } from './journal.ts'

const recordsPerTurn = 200

/** Rule 7, from the records that are held: committed where the id is in one, unknown where its record may have been trimmed. */
export async function findOutcome(journal: Journal, clock: Clock, id: TransactionId, tauStart: Tau): Promise<Outcome> {
  const from = journal.recordsAbove(tauStart)
  let isFirst = from > 1
  let seen = 0
  for await (const found of journal.records(from)) {
    if (isFirst && found.tau > tauStart) return { kind: 'unknown' }
    isFirst = false
    if (++seen % recordsPerTurn === 0) await new Promise<void>((resolve) => clock.soon(resolve))
    if (found.kind !== 'commit' || found.tau <= tauStart) continue
    if (found.ids().some((one) => isSame(one, id))) return { kind: 'committed', tauCommit: found.tau }
  }
  return { kind: 'aborted' }
}

function isSame(a: TransactionId, b: TransactionId): boolean {
  return a.counter === b.counter && a.boot === b.boot && a.epoch === b.epoch && a.leader === b.leader
}
