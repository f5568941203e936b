/** `taudb journal dump | verify`: reads the log of a data directory without touching it, also while a server has it open. */
import { checkDataDirectory, journalsIn, refusal } from '../bus/data-directory.ts'
import { readLogFiles } from '../bus/embedded-log.ts'
import { LogCorrupt } from '../bus/log.ts'
import { realFiles } from '../bus/real-world.ts'
import { partition, type Sequence, transactionIdText } from '../protocol/ids.ts'
import { storageIdOf } from '../protocol/key.ts'
import type { CommittedTransaction, JournalRecord } from '../protocol/messages.ts'
import { Chain } from './journal/chain.ts'
import { ProtocolWatch } from './protocol-watch.ts'

type Print = (line: string) => void

/** Prints every record, one line each and one per write. Exit code 0, or 1 at the first damage. */
export function dumpJournal(data: string, print: Print): number {
  return walk(data, print, (record, sequence) => {
    print(
      `${record.partition === 0 ? '' : `partition ${record.partition}: `}${sequence} ${record.kind} tau ${record.tau} (${new Date(record.tau / 1_000).toISOString()}) epoch ${record.epoch} horizon ${record.horizon}`,
    )
    if (record.kind !== 'commit') return
    for (const transaction of record.transactions) {
      print(`  transaction ${transactionIdText(transaction.id)} began ${transaction.tauStart}${checksOf(transaction)}`)
      for (const { key, operation, mode, postImage } of transaction.writes) {
        const image = postImage === undefined ? '' : ` ${postImage.length} bytes`
        print(
          `    ${operation} ${mode} storage ${storageIdOf(key)} key ${Buffer.from(key.slice(4), 'latin1').toString('hex')}${image}`,
        )
      }
    }
  })
}

const checksOf = ({ checks }: CommittedTransaction): string => (checks.length === 0 ? '' : `, ${checks.length} checks`)

/** As much as fits into some hundred megabytes: what lies further apart is not compared. */
const bounds = { keysMax: 500_000, idsMax: 2_000_000 }

/**
 * Checks the invariants of the commit protocol that journals can show: no gap, an unbroken hash chain, one owner an epoch, epochs that never
 * decrease, tau strictly rising and at or below the horizon (`Chain`); every id at most once, every transaction begun before it committed and above
 * its owner's floor, and of two that bar each other the first one (`ProtocolWatch`).
 */
export function verifyJournal(data: string, print: Print): number {
  const wrong: string[] = []
  const watch = new ProtocolWatch(bounds, ({ invariant, partition: p, sequence, detail }) =>
    wrong.push(`${invariant}: entry ${sequence}${p === 0 ? '' : ` of partition ${p}`}: ${detail}`),
  )
  let records = 0
  let transactions = 0
  let writes = 0
  const status = walk(data, print, (record, sequence) => {
    records++
    watch.accept(record, sequence)
    if (record.kind !== 'commit') return
    for (const transaction of record.transactions) {
      transactions++
      writes += transaction.writes.length
    }
  })
  for (const line of wrong) print(line)
  if (status !== 0 || wrong.length > 0) return 1
  if (records === 0) {
    print('the journal has no records: this database never served, or the files of its journal are gone')
    return 1
  }
  print(`${records} records with ${transactions} transactions and ${writes} writes: everything holds`)
  return 0
}

/** Every journal of the directory, one after the other. */
function walk(data: string, print: Print, visit: (record: JournalRecord, sequence: Sequence) => void): number {
  for (const [p, directory] of journalsIn(realFiles, checkDataDirectory(data)).entries()) {
    const chain = new Chain(partition(p))
    try {
      for (const entry of readLogFiles(realFiles, directory)) {
        const record = chain.accept(entry)?.decode()
        if (record !== undefined) visit(record, entry.sequence)
      }
    } catch (error) {
      if (!(error instanceof LogCorrupt)) throw refusal(directory, error)
      print(error.message)
      return 1
    }
  }
  return 0
}
