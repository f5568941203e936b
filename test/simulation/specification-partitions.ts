/** R12 for several journals: what one transaction may do is checked over all of them, in the order of tau. */
import { transactionIdText } from '../../protocol/ids.ts'
import type { Key } from '../../protocol/key.ts'
import { guardBreaches } from './guards.ts'
import type { ObservedRecord } from './observed-log.ts'
import { breachesOf, type Marks, markedBy } from './specification.ts'

/** Sentences that name the rule and the transaction; nothing where everything holds. */
export function breachesOfJournals(journals: readonly (readonly ObservedRecord[])[]): string[] {
  const guarded = guardBreaches(journals)
  if (journals.length === 1) return [...guarded, ...breachesOf(journals[0] ?? [])]
  const each = journals.flatMap((records, p) => breachesOf(records).map((what) => `journal ${p}: ${what}`))
  const breaches = [...guarded, ...each]
  const ids = new Map<string, number>()
  const marks = new Map<Key, Marks>()
  const all = journals.flatMap((records) => records.map(({ record }) => record)).sort((a, b) => a.tau - b.tau)
  for (const record of all) {
    if (record.kind !== 'commit') continue
    for (const transaction of record.transactions) {
      const id = transactionIdText(transaction.id)
      // One id may name several leaders only by mistake: the rest of it is unique.
      const name = `${Buffer.from(transaction.id.boot, 'latin1').toString('hex')}.${transaction.id.counter}`
      const known = ids.get(name)
      if (known !== undefined) breaches.push(`AtMostOnce: ${id} is in journals ${known} and ${record.partition}`)
      ids.set(name, record.partition)
      if (transaction.id.leader !== record.partition) breaches.push(`rule 9: ${id} is in journal ${record.partition}`)
      for (const what of markedBy(transaction, record.tau, marks)) breaches.push(`FirstCommitterWins: ${id} ${what}`)
    }
  }
  return breaches
}
