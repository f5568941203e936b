/**
 * adjudicator.adjudicate: may this transaction commit?
 * From: the query processor's commit request. To: the record being built (group-commit.ts), or a refusal.
 * Invariant: first committer wins (rule 4). Of two transactions that ran at the same time and bar each other on a key, one commits.
 */
import type { Epoch } from '../../protocol/ids.ts'
import { contains, type Key, type KeyRange } from '../../protocol/key.ts'
import type { Check, CommitRequest, Mark, Mode } from '../../protocol/messages.ts'
import type { Tau } from '../../protocol/time.ts'
import type { ConflictWindow, Stamp } from './conflict-window.ts'
import type { Domain } from './domain.ts'
import type { Barrier } from './promises.ts'

/** What the owner may decide about. */
export interface Jurisdiction {
  readonly epoch: Epoch
  readonly ranges: readonly KeyRange[]
  /** Instead of the ranges, where there are several partitions. */
  readonly domain?: Pick<Domain, 'owns' | 'floorOf'>
  /** The horizon that the journal holds. */
  readonly horizon: Tau
}

/** What rule 4 looks at: of a whole transaction, or of its share in one partition. */
export type Share = Pick<CommitRequest, 'id' | 'tauStart' | 'checks' | 'map'> & { readonly writes: readonly Mark[] }

export type Judgement =
  | { readonly kind: 'accept' }
  /** Another transaction's entry bars it. From `by.tau` on a retry passes. */
  | { readonly kind: 'barred'; readonly key: Key; readonly mode: Mode; readonly by: Barrier }
  /** `floor`: of the range that a key lies in, where that is not the window's. */
  | { readonly kind: 'tooOld'; readonly floor?: Tau }
  | { readonly kind: 'outside'; readonly reason: 'epoch' | 'range' | 'horizon' }

export const accept: Judgement = { kind: 'accept' }

/** Everything but the keys: epoch, floor and horizon. */
export function admissible(
  window: ConflictWindow,
  jurisdiction: Jurisdiction,
  request: Pick<Share, 'id' | 'tauStart'>,
): Judgement {
  if (request.id.epoch !== jurisdiction.epoch) return { kind: 'outside', reason: 'epoch' }
  if (request.tauStart > jurisdiction.horizon) return { kind: 'outside', reason: 'horizon' }
  if (request.tauStart < window.floor) return { kind: 'tooOld' }
  return accept
}

/** Rule 4 on a slice of the writes. */
export function judgeWrites(
  window: ConflictWindow,
  jurisdiction: Jurisdiction,
  tauStart: Tau,
  writes: readonly Mark[],
  slice: { readonly from: number; readonly to: number },
  own?: Stamp,
): Judgement {
  for (let i = slice.from; i < slice.to; i++) {
    const { key, mode } = writes[i] as Mark
    if (mode !== 'E') {
      const strange = foreign(jurisdiction, key, tauStart)
      if (strange !== undefined) return strange
    }
    const by = window.barring(key, mode, tauStart, own)
    if (by !== undefined) return { kind: 'barred', key, mode, by }
  }
  return accept
}

/** Rule 4 on the checks: keys and ranges that are not written. */
export function judgeChecks(
  window: ConflictWindow,
  jurisdiction: Jurisdiction,
  tauStart: Tau,
  checks: readonly Check[],
  own?: Stamp,
): Judgement {
  for (const check of checks) {
    if ('range' in check) {
      const found = window.barringRange(check.range, tauStart, own)
      if (found !== undefined) return { kind: 'barred', key: found.key, mode: 'R', by: found.stamp }
      continue
    }
    const strange = foreign(jurisdiction, check.key, tauStart)
    if (strange !== undefined) return strange
    const by = window.barring(check.key, check.mode, tauStart, own)
    if (by !== undefined) return { kind: 'barred', key: check.key, mode: check.mode, by }
  }
  return accept
}

/** The whole of rule 4 for a transaction that fits into one turn. */
export function adjudicate(window: ConflictWindow, jurisdiction: Jurisdiction, request: Share): Judgement {
  const { tauStart, writes, checks } = request
  const admitted = admissible(window, jurisdiction, request)
  if (admitted.kind !== 'accept') return admitted
  const judged = judgeWrites(window, jurisdiction, tauStart, writes, { from: 0, to: writes.length })
  if (judged.kind !== 'accept') return judged
  return judgeChecks(window, jurisdiction, tauStart, checks)
}

/** Enters an accepted transaction: from now on it bars others. */
export function enterAll(window: ConflictWindow, stamp: Stamp, { writes, checks }: Pick<Share, 'writes' | 'checks'>): void {
  for (const { key, mode } of writes) window.enter(key, mode, stamp)
  enterChecks(window, stamp, checks)
}

export function enterChecks(window: ConflictWindow, stamp: Stamp, checks: readonly Check[]): void {
  for (const check of checks) if (!('range' in check)) window.enter(check.key, check.mode, stamp)
}

/** Entries that are not checked (E) may lie anywhere: only a check of a range meets them, and that asks every partition. */
function foreign({ ranges, domain }: Jurisdiction, key: Key, tauStart: Tau): Judgement | undefined {
  if (domain === undefined) {
    for (const range of ranges) if (contains(range, key)) return undefined
    return outsideRange
  }
  if (!domain.owns(key)) return outsideRange
  const floor = domain.floorOf(key)
  return tauStart < floor ? { kind: 'tooOld', floor } : undefined
}

const outsideRange: Judgement = { kind: 'outside', reason: 'range' }
