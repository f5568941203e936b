/**
 * R12: the records of a run, taken as steps of the specification: each must be one that the guards of test/specification/rules.qnt allow. The
 * same guards stand before every step of the specifications, all of whose states are explored.
 */
import { transactionIdText } from '../../protocol/ids.ts'
import { contains, type Key, type KeyRange } from '../../protocol/key.ts'
import type { CommittedTransaction, JournalRecord, Mode } from '../../protocol/messages.ts'
import { bars, floorAfter, mayBeJudged, mayClaim, mayFollow, mayJoin } from '../specification/rules.generated.ts'
import type { ObservedRecord } from './observed-log.ts'

/** The newest entry of each mode on one key. */
type Entries = Map<Mode, number>

const held: readonly Mode[] = ['X', 'N', 'S', 'R']

/** Sentences that name the guard and what it forbids; nothing where every step is allowed. */
export function guardBreaches(journals: readonly (readonly ObservedRecord[])[]): string[] {
  const breaches = journals.flatMap((records, p) => stepsOf(records).map((what) => `journal ${p}: ${what}`))
  const entries = new Map<Key, Entries>()
  const all = journals.flat().sort((a, b) => a.record.tau - b.record.tau)
  for (const { record } of all) {
    if (record.kind !== 'commit') continue
    for (const transaction of record.transactions) {
      const by = barredBy(transaction, entries)
      if (by !== undefined) breaches.push(`bars: ${transactionIdText(transaction.id)} at ${record.tau} ${by}`)
      enter(transaction, record.tau, entries)
    }
  }
  return breaches
}

/** What one owner after the other did to one journal. */
function stepsOf(records: readonly ObservedRecord[]): string[] {
  const breaches: string[] = []
  let floor = 0
  let before: JournalRecord | undefined
  for (const { record, sequence } of records) {
    const { epoch, tau, horizon } = record
    if (before !== undefined && !mayFollow(tau, horizon, before.tau, before.horizon))
      breaches.push(`mayFollow: record ${sequence} at ${tau}, horizon ${horizon}, after ${before.tau}, horizon ${before.horizon}`)
    if (epoch !== before?.epoch) {
      floor = before === undefined ? 0 : floorAfter(before.tau, before.horizon)
      if (record.kind !== 'epoch' || !mayClaim(epoch, tau, before?.epoch ?? 0, floor))
        breaches.push(`mayClaim: record ${sequence} claims epoch ${epoch} at ${tau}, floor ${floor}`)
    }
    if (record.kind === 'commit') {
      for (const { id, tauStart } of record.transactions) {
        if (!mayBeJudged(tauStart, floor, before?.horizon ?? 0))
          breaches.push(`mayBeJudged: ${transactionIdText(id)} began at ${tauStart}, floor ${floor}, horizon ${before?.horizon}`)
        if (!mayJoin(tauStart, tau, 0, tau, tau))
          breaches.push(`mayJoin: ${transactionIdText(id)} began at ${tauStart} and is in a record at ${tau}`)
      }
    }
    before = record
  }
  return breaches
}

function barredBy({ tauStart, writes, checks }: CommittedTransaction, entries: ReadonlyMap<Key, Entries>): string | undefined {
  const barring = (onKey: Entries | undefined, wanted: Mode): Mode | undefined =>
    onKey === undefined ? undefined : held.find((mode) => bars(mode, wanted) && (onKey.get(mode) ?? 0) > tauStart)
  const inRange = (range: KeyRange): boolean => {
    for (const [key, onKey] of entries) if (contains(range, key) && barring(onKey, 'R') !== undefined) return true
    return false
  }
  for (const { key, mode } of writes) {
    const by = mode === 'E' ? undefined : barring(entries.get(key), mode)
    if (by !== undefined) return `wants ${mode} since ${tauStart}, where ${by} was entered later`
  }
  for (const check of checks) {
    const isBarred = 'key' in check ? barring(entries.get(check.key), check.mode) !== undefined : inRange(check.range)
    if (isBarred) return `checked ${'key' in check ? check.mode : 'a range'} since ${tauStart}, and it was changed later`
  }
  return undefined
}

function enter({ writes, checks }: CommittedTransaction, tau: number, entries: Map<Key, Entries>): void {
  const mark = (key: Key, mode: Mode): void => {
    const known = entries.get(key) ?? new Map<Mode, number>()
    // Entries that nobody checks bar as new rows do.
    entries.set(key, known.set(mode === 'E' ? 'X' : mode, tau))
  }
  for (const { key, mode } of writes) mark(key, mode)
  for (const check of checks) if ('key' in check) mark(check.key, check.mode)
}
