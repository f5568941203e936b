/**
 * R12: is the journal of a run one that the commit protocol allows? The rules are checked on the product's own records, whoever wrote them:
 * what an adjudicator may never do shows here even where no client could tell.
 */
import { transactionIdText } from '../../protocol/ids.ts'
import type { Key } from '../../protocol/key.ts'
import { contains } from '../../protocol/key.ts'
import type { CommittedTransaction, Mode } from '../../protocol/messages.ts'
import type { Tau } from '../../protocol/time.ts'
import type { ObservedRecord } from './observed-log.ts'

/** The newest marks on one key. */
export interface Marks {
  x: number
  write: number
  any: number
}

const none: Marks = { x: 0, write: 0, any: 0 }

/** Sentences that name the rule and the transaction; nothing where everything holds. */
export function breachesOf(records: readonly ObservedRecord[]): string[] {
  const breaches: string[] = []
  const marks = new Map<Key, Marks>()
  const ids = new Set<string>()
  let floor = 0
  let horizon = 0
  let before: ObservedRecord['record'] | undefined
  for (const { record } of records) {
    if (before !== undefined && record.tau <= before.tau) breaches.push(`MonotoneTau: ${record.tau} follows ${before.tau}`)
    if (record.tau > record.horizon) breaches.push(`MonotoneTau: tau ${record.tau} lies above horizon ${record.horizon}`)
    if (before !== undefined && record.horizon < before.horizon)
      breaches.push(`MonotoneTau: horizon ${record.horizon} follows ${before.horizon}`)
    if (before !== undefined && record.epoch < before.epoch)
      breaches.push(`SingleWriter: epoch ${record.epoch} follows ${before.epoch}`)
    if (before !== undefined && record.epoch === before.epoch && record.owner !== before.owner)
      breaches.push(`SingleWriter: two owners of epoch ${record.epoch}`)
    if (record.epoch !== before?.epoch) {
      floor = Math.max(before?.horizon ?? 0, before?.tau ?? 0)
      if (record.tau <= floor && before !== undefined) breaches.push(`FloorSound: claim at ${record.tau}, floor ${floor}`)
    }
    if (record.kind === 'commit') {
      for (const transaction of record.transactions) {
        const name = transactionIdText(transaction.id)
        if (ids.has(name)) breaches.push(`AtMostOnce: ${name} is in the journal twice`)
        ids.add(name)
        if (transaction.tauStart >= record.tau)
          breaches.push(`MonotoneTau: ${name} began at ${transaction.tauStart} and committed at ${record.tau}`)
        if (transaction.tauStart < floor) breaches.push(`FloorSound: ${name} began at ${transaction.tauStart}, floor ${floor}`)
        if (transaction.tauStart > horizon)
          breaches.push(`rule 4: ${name} began at ${transaction.tauStart}, above horizon ${horizon}`)
        if (transaction.id.epoch !== record.epoch) breaches.push(`rule 7: ${name} in a record of epoch ${record.epoch}`)
        breaches.push(...barred(transaction, marks).map((what) => `FirstCommitterWins: ${name} ${what}`))
        enter(transaction, record.tau, marks)
      }
    }
    horizon = record.horizon
    before = record
  }
  return breaches
}

/** What bars this transaction among those before it in the order of tau; from now on it is one of them. */
export function markedBy(transaction: CommittedTransaction, at: Tau, marks: Map<Key, Marks>): string[] {
  const found = barred(transaction, marks)
  enter(transaction, at, marks)
  return found
}

function barred({ tauStart, writes, checks }: CommittedTransaction, marks: ReadonlyMap<Key, Marks>): string[] {
  const found: string[] = []
  const look = (key: Key, mode: Mode): void => {
    const { x, write, any } = marks.get(key) ?? none
    const by = mode === 'X' ? any : mode === 'N' || mode === 'R' ? write : mode === 'S' ? x : 0
    if (by > tauStart) found.push(`began at ${tauStart} and holds ${mode} on a key marked at ${by}`)
  }
  for (const { key, mode } of writes) look(key, mode)
  for (const check of checks) {
    if ('key' in check) look(check.key, check.mode)
    else {
      for (const [key, { write }] of marks)
        if (write > tauStart && contains(check.range, key)) found.push(`read a range that was written at ${write}`)
    }
  }
  return found
}

function enter({ writes, checks }: CommittedTransaction, at: Tau, marks: Map<Key, Marks>): void {
  const mark = (key: Key, mode: Mode, isWrite: boolean): void => {
    if (mode === 'R') return
    const known = marks.get(key) ?? none
    const isX = mode === 'X' || mode === 'E'
    marks.set(key, {
      x: isX ? at : known.x,
      write: isWrite || mode === 'X' || mode === 'N' ? at : known.write,
      any: at,
    })
  }
  for (const { key, mode } of writes) mark(key, mode, true)
  for (const check of checks) if ('key' in check) mark(check.key, check.mode, false)
}
