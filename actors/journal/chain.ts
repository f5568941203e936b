import { LogCorrupt, type LogEntry } from '../../bus/log.ts'
import { type Epoch, type MapVersion, type Owner, type Partition, type Sequence, sequence } from '../../protocol/ids.ts'
import type { JournalRecord } from '../../protocol/messages.ts'
import { decodeMessage, decodeRecord, type Message, messageHash } from '../../protocol/record.ts'
import type { Tau } from '../../protocol/time.ts'

type Last = Exclude<Message, { kind: 'part' }>

/** What a journal says at its end: at a record boundary, except `sequence` and `hash`, which are the last message's. */
export interface JournalEnd {
  readonly sequence: Sequence
  readonly hash: string
  readonly epoch: Epoch
  readonly owner: Owner
  readonly mapVersion: MapVersion
  readonly tau: Tau
  readonly horizon: Tau
  /** The last record is the owner's farewell: it answers nothing after it. */
  readonly released: boolean
  /** Where the last record ends: positions and trims stand here. */
  readonly recordAt: Sequence
  /** The last statement of ranges (rule 17: never trimmed). */
  readonly rangesAt: Sequence
}

/** A record as it was found: its end and, on demand, its content. */
export interface ReadRecord {
  readonly sequence: Sequence
  readonly kind: JournalRecord['kind']
  readonly tau: Tau
  /** Undefined where its first parts have been trimmed away. */
  decode(): JournalRecord | undefined
}

/**
 * Puts messages together to records and checks what rule 18 demands on the way: no gap, no broken chain, no regression of epoch, tau or
 * horizon, one owner an epoch. Throws LogCorrupt at the first damage; nothing is ever skipped.
 */
export class Chain {
  end: JournalEnd | undefined
  private readonly partition: Partition
  private parts: Buffer[] = []
  /** The hash before each part, so that a record knows its predecessor. */
  private partHashes: string[] = []
  /** The log begins within a record whose head is gone. */
  private headless = false
  private nextSequence: number | undefined
  private lastHash = ''

  constructor(partition: Partition) {
    this.partition = partition
  }

  /** The record that ends with this entry, or undefined when the entry is a part of one. `hash` spares hashing known bytes. */
  accept(entry: LogEntry, hash = messageHash(entry.bytes)): ReadRecord | undefined {
    const message = this.read(entry)
    const isFirst = this.nextSequence === undefined
    if (!isFirst && entry.sequence !== this.nextSequence)
      this.damaged(entry, `follows ${(this.nextSequence ?? 0) - 1} with a gap`)
    if (isFirst) this.headless = entry.sequence > 1
    else if (message.prevHash !== this.lastHash) this.damaged(entry, 'does not continue the hash chain')
    if (entry.sequence === 1 && message.prevHash !== '') this.damaged(entry, 'is the first and names a predecessor')
    if (message.partition !== this.partition) this.damaged(entry, `belongs to partition ${message.partition}`)
    const isClaim = message.kind === 'epoch' && message.epoch !== this.end?.epoch
    if (this.end !== undefined) {
      if (isClaim ? message.epoch < this.end.epoch : message.epoch !== this.end.epoch)
        this.damaged(entry, `epoch ${message.epoch} after epoch ${this.end.epoch}`)
      if (!isClaim && message.owner !== this.end.owner) this.damaged(entry, `a second owner of epoch ${message.epoch}`)
    }
    this.nextSequence = entry.sequence + 1
    this.lastHash = hash
    if (message.kind === 'part') {
      this.parts.push(message.payload)
      this.partHashes.push(message.prevHash)
      if (this.end !== undefined) this.end = { ...this.end, sequence: entry.sequence, hash }
      return undefined
    }
    return this.close(entry, message, hash)
  }

  private close(entry: LogEntry, message: Last, hash: string): ReadRecord {
    const { end } = this
    if (end !== undefined && message.tau <= end.tau) this.damaged(entry, `tau ${message.tau} after tau ${end.tau}`)
    if (end !== undefined && message.horizon < end.horizon) this.damaged(entry, 'the horizon goes back')
    if (message.tau > message.horizon) this.damaged(entry, 'tau lies above the horizon')
    const found = this.parts.length
    if (message.parts > found && !this.headless) this.damaged(entry, `${message.parts - found} of its parts are missing`)
    const parts = message.parts > found ? undefined : this.parts.slice(found - message.parts)
    const prevHash =
      message.parts > 0 && parts !== undefined ? (this.partHashes[found - message.parts] as string) : message.prevHash
    this.parts = []
    this.partHashes = []
    this.headless = false
    const statesRanges = message.kind === 'epoch' || message.kind === 'open' || message.kind === 'seal'
    this.end = {
      sequence: entry.sequence,
      hash,
      epoch: message.epoch,
      owner: message.owner,
      mapVersion: message.mapVersion,
      tau: message.tau,
      horizon: message.horizon,
      released: message.kind === 'heartbeat' && message.payload[0] === 1,
      recordAt: entry.sequence,
      rangesAt: statesRanges ? entry.sequence : (end?.rangesAt ?? sequence(0)),
    }
    return {
      sequence: entry.sequence,
      kind: message.kind,
      tau: message.tau,
      decode: () => (parts === undefined ? undefined : this.decode(entry, message, parts, prevHash)),
    }
  }

  private decode(entry: LogEntry, message: Last, parts: readonly Buffer[], prevHash: string): JournalRecord {
    try {
      return decodeRecord(message, parts, prevHash)
    } catch (error) {
      return this.damaged(entry, String(error))
    }
  }

  private read(entry: LogEntry): Message {
    try {
      return decodeMessage(entry.bytes)
    } catch (error) {
      return this.damaged(entry, String(error))
    }
  }

  private damaged(entry: LogEntry, what: string): never {
    throw new LogCorrupt(`journal of partition ${this.partition}, entry ${entry.sequence}: ${what}`)
  }
}
