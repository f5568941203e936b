import { Chain } from '../../actors/journal/chain.ts'
import type { VersionStore } from '../../actors/storage/version-store.ts'
import { everything } from '../../actors/topology.ts'
import type { Log, LogEntry } from '../../bus/log.ts'
import { partition, type Sequence } from '../../protocol/ids.ts'
import { droppedStorageId, type Key, storageIdOf } from '../../protocol/key.ts'
import type { JournalRecord } from '../../protocol/messages.ts'
import { decodeMessage } from '../../protocol/record.ts'
import { type Tau, tau } from '../../protocol/time.ts'

export interface ObservedRecord {
  readonly record: JournalRecord
  readonly sequence: Sequence
}

type Rows = ReadonlyMap<Key, string>

/**
 * Everything that was ever in the journal, seen from beside it: entries are noted when the log says that they are there, over all restarts and
 * trims. What was there once must be there for ever, unchanged, until it is trimmed (R1).
 */
export class ObservedLog {
  /** What the log did that it must never do. */
  readonly breaches: string[] = []
  /** Hears of every seal and open when it is there. */
  onMove: (() => void) | undefined
  private readonly entries: LogEntry[] = []
  private readonly partition: number

  constructor(partition = 0) {
    this.partition = partition
  }

  /** Called for each new incarnation of the log. */
  observe(log: Log): void {
    if (log.last() < this.entries.length) {
      this.breaches.push(`entries ${log.last() + 1} to ${this.entries.length} were acknowledged and are gone after a restart`)
      this.entries.length = log.last()
    }
    log.follow(log.first(), (entry) => this.note(entry))
  }

  private note({ sequence, bytes }: LogEntry): void {
    const known = this.entries[sequence - 1]
    if (known === undefined) {
      if (sequence !== this.entries.length + 1) this.breaches.push(`entry ${sequence} follows entry ${this.entries.length}`)
      this.entries[sequence - 1] = { sequence, bytes: Buffer.from(bytes) }
      if (isMove(bytes)) this.onMove?.()
    } else if (!known.bytes.equals(bytes)) this.breaches.push(`entry ${sequence} is not what it was`)
  }

  /** All records from the first on, read by the product's own chain. */
  records(): ObservedRecord[] {
    return recordsOf(this.partition, this.entries)
  }
}

export function isMove(bytes: Uint8Array): boolean {
  const { kind } = decodeMessage(bytes)
  return kind === 'seal' || kind === 'open'
}

/** What these entries of one journal say. */
export function recordsOf(p: number, entries: readonly LogEntry[]): ObservedRecord[] {
  const chain = new Chain(partition(p))
  const records: ObservedRecord[] = []
  for (const entry of entries) {
    const record = chain.accept(entry)?.decode()
    if (record !== undefined) records.push({ record, sequence: entry.sequence })
  }
  return records
}

/** Where storage and the whole journals from their beginning disagree about the newest rows (R8, Replay). */
export function differenceOf(journals: readonly (readonly ObservedRecord[])[], store: VersionStore): string[] {
  const replayed = new Map<Key, string | undefined>()
  const inOrder = journals.length === 1 ? journals.flat() : journals.flat().sort((a, b) => a.record.tau - b.record.tau)
  for (const { record } of inOrder) {
    if (record.kind !== 'commit') continue
    for (const { writes } of record.transactions) {
      for (const { key, postImage } of writes)
        replayed.set(key, postImage === undefined ? undefined : shown(record.tau, postImage))
    }
  }
  // Rows of what was dropped are nobody's: storage may have them still or not.
  const dropped = new Set([...replayed.keys()].map(droppedStorageId))
  const counts = (key: Key): boolean => storageIdOf(key) !== 0 && !dropped.has(storageIdOf(key))
  const stored = rowsOf(store)
  const found: string[] = []
  for (const [key, row] of replayed) {
    if (counts(key) && stored.get(key) !== row)
      found.push(
        `key ${nameOf(key)}: journal ${row?.slice(0, 40) ?? 'nothing'}, storage ${stored.get(key)?.slice(0, 40) ?? 'nothing'}`,
      )
  }
  for (const key of stored.keys()) if (!replayed.has(key)) found.push(`key ${nameOf(key)} is in storage only`)
  return found
}

const shown = (at: Tau, postImage: Uint8Array): string => `${at} ${Buffer.from(postImage).toString('hex')}`
const nameOf = (key: Key): string => Buffer.from(key, 'latin1').toString('hex')

/** Every row that a reader of now finds. */
function rowsOf(store: VersionStore): Rows {
  const now = tau(Number.MAX_SAFE_INTEGER)
  const rows = new Map<Key, string>()
  const keys: Key[] = []
  store.scan(everything, { reverse: false, at: now }, (key) => {
    keys.push(key)
    return true
  })
  for (const key of keys) {
    const found = store.get(key, now)
    if (found !== undefined) rows.set(key, shown(found.tau, found.postImage))
  }
  return rows
}
