import { LogCorrupt, type LogEntry } from '../../bus/log.ts'
import { assert } from '../../protocol/assert.ts'
import {
  type Epoch,
  type MapVersion,
  type Owner,
  type Partition,
  type Sequence,
  sequence,
  type TransactionId,
} from '../../protocol/ids.ts'
import type { Holdings, JournalRecord } from '../../protocol/messages.ts'
import {
  chainedHash,
  decodeMessage,
  decodeRecord,
  decodeStaged,
  type LastMessage,
  type Message,
  messageHash,
  type StageEnd,
  type StageMessage,
  stagedId,
} from '../../protocol/record.ts'
import type { Tau } from '../../protocol/time.ts'
import { holdingsAfter, noHoldings, type RangeStatement } from './holdings.ts'

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
  /** The last statement of all ranges (rule 17: never trimmed, nor the moves behind it). */
  readonly rangesAt: Sequence
  /** What it and the moves of ranges since then say. */
  readonly holdings: Holdings
}

/** A record as it was found: its end and, on demand, its content. */
export interface ReadRecord {
  readonly sequence: Sequence
  readonly kind: JournalRecord['kind']
  readonly tau: Tau
  /** The first message that it is made of: as long as the record is needed, that one is. */
  readonly from: Sequence
  /** Undefined where its first parts have been trimmed away, or nobody kept them. */
  decode(): JournalRecord | undefined
  /** Of its transactions. A staged one tells its own whatever became of the stage. */
  ids(): readonly TransactionId[]
}

/** Messages of a large transaction whose record has not come yet. At most one stage is open: the next one, or another owner, voids it. */
interface OpenStage {
  readonly stage: number
  messages: number
  hash: string
  /** Undefined: its writer has them anyway. */
  kept: Pick<StageMessage, 'goesOn' | 'payload'>[] | undefined
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
  /** Sequence of the first entry read. */
  private begin = 1
  private stage: OpenStage | undefined
  private nextSequence: number | undefined
  private lastHash = ''

  private readonly keepsStages: boolean

  /** `keepsStages`: staged records can be decoded, at the price of holding what is staged. */
  constructor(partition: Partition, keepsStages = true) {
    this.partition = partition
    this.keepsStages = keepsStages
  }

  /** What is staged and not yet named by a record. */
  get openStage(): StageEnd | undefined {
    return this.stage
  }

  /** Its owner will never name it. */
  forgetStage(): void {
    this.stage = undefined
  }

  /**
   * The record that ends with this entry, or undefined when the entry is a part of one. `ownHash`: this process wrote the entry and knows
   * its hash and content.
   */
  accept(entry: LogEntry, ownHash?: string): ReadRecord | undefined {
    const hash = ownHash ?? messageHash(entry.bytes)
    const message = this.read(entry)
    const isFirst = this.nextSequence === undefined
    if (!isFirst && entry.sequence !== this.nextSequence)
      this.damaged(entry, `follows ${(this.nextSequence ?? 0) - 1} with a gap`)
    if (isFirst) {
      this.headless = entry.sequence > 1
      this.begin = entry.sequence
    } else if (message.prevHash !== this.lastHash) this.damaged(entry, 'does not continue the hash chain')
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
    if (isClaim) this.stage = undefined
    if (message.kind === 'stage') {
      this.addToStage(entry, message, hash, this.keepsStages && ownHash === undefined)
      if (this.end !== undefined) this.end = { ...this.end, sequence: entry.sequence, hash }
      return undefined
    }
    if (message.kind === 'part') {
      this.parts.push(message.payload)
      this.partHashes.push(message.prevHash)
      if (this.end !== undefined) this.end = { ...this.end, sequence: entry.sequence, hash }
      return undefined
    }
    return this.close(entry, message, hash)
  }

  private addToStage(entry: LogEntry, message: Message & { kind: 'stage' }, hash: string, keep: boolean): void {
    const { stage, index, goesOn, payload } = message
    if (index === 0) {
      if (stage !== entry.sequence) this.damaged(entry, `begins stage ${stage}`)
      this.stage = { stage, messages: 0, hash: '', kept: keep ? [] : undefined }
    }
    const open = this.stage
    // Its beginning has been trimmed away, and whoever needs the record has it.
    if (open === undefined && stage < this.begin) return
    if (open?.stage !== stage || open.messages !== index) this.damaged(entry, `message ${index} of stage ${stage} out of order`)
    open.messages++
    open.hash = chainedHash(open.hash, hash)
    open.kept?.push({ goesOn, payload })
  }

  /** The stage that a record names, closed. Undefined: its beginning has been trimmed away. */
  private closeStage(entry: LogEntry, { stage, messages, hash }: StageEnd): OpenStage | undefined {
    const open = this.stage
    this.stage = undefined
    if (open === undefined && stage < this.begin) return undefined
    if (open?.stage !== stage || open.messages !== messages || open.hash !== hash)
      this.damaged(entry, `names stage ${stage}, which is not here as it was written`)
    return open
  }

  private close(entry: LogEntry, message: LastMessage, hash: string): ReadRecord {
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
    const moves = message.kind === 'open' || message.kind === 'seal'
    const version = end?.mapVersion ?? message.mapVersion
    if (message.mapVersion < version || (end !== undefined && moves && message.mapVersion === version))
      this.damaged(entry, `map version ${message.mapVersion} after map version ${version}`)
    const holdings =
      message.kind === 'epoch' || moves
        ? this.decoded(entry, () => this.stated(message, parts ?? [], prevHash))
        : (end?.holdings ?? noHoldings)
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
      rangesAt: message.kind === 'epoch' ? entry.sequence : (end?.rangesAt ?? sequence(0)),
      holdings,
    }
    const ending = { sequence: entry.sequence, kind: message.kind, tau: message.tau }
    if (message.staged !== undefined) {
      const kept = this.closeStage(entry, message.staged)?.kept
      return {
        ...ending,
        from: sequence(message.staged.stage),
        decode: () => (kept === undefined ? undefined : this.decoded(entry, () => decodeStaged(message, kept))),
        ids: () => [stagedId(message)],
      }
    }
    const decode = (): JournalRecord | undefined =>
      parts === undefined ? undefined : this.decoded(entry, () => decodeRecord(message, parts, prevHash))
    return {
      ...ending,
      from: sequence(entry.sequence - message.parts),
      decode,
      ids: () => {
        const record = decode()
        return record?.kind === 'commit' ? record.transactions.map(({ id }) => id) : []
      },
    }
  }

  private stated(message: LastMessage, parts: readonly Buffer[], prevHash: string): Holdings {
    const before = this.end?.holdings ?? noHoldings
    const record = decodeRecord(message, parts, prevHash) as RangeStatement
    if (record.kind === 'open') {
      const { from, sealed } = record
      const known = before.opened.find((one) => one.from === from)
      assert(known === undefined || known.version < sealed, 'a seal is opened once')
    }
    return holdingsAfter(before, record)
  }

  private decoded<Content>(entry: LogEntry, decode: () => Content): Content {
    try {
      return decode()
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
