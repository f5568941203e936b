/**
 * The invariants of the commit protocol that committed records show by themselves, looked at record by record. Hash chain, gaps, epochs, owners and
 * the order of tau within one journal are `Chain`'s business; these need more than one record, or more than one journal.
 */
import type { Epoch, Partition, Sequence, TransactionId } from '../protocol/ids.ts'
import { transactionIdText } from '../protocol/ids.ts'
import type { Key } from '../protocol/key.ts'
import type { CommittedTransaction, JournalRecord, Mode } from '../protocol/messages.ts'
import { type Tau, tauMax } from '../protocol/time.ts'

export type Invariant =
  | 'SingleWriter'
  | 'MonotoneTau'
  | 'AtMostOnce'
  | 'FirstCommitterWins'
  | 'ReadCheck'
  | 'FloorSound'
  | 'BeganBefore'
  | 'Position'

export interface Alarm {
  readonly invariant: Invariant
  readonly partition: Partition
  readonly sequence: Sequence
  readonly detail: string
}

/** The newest commit of each kind on a key, and when that transaction began. */
interface KeyHistory {
  /** S, N, X or E. */
  any: Tau
  anyStart: Tau
  /** N, X or E. */
  write: Tau
  writeStart: Tau
  /** X or E. */
  strong: Tau
  strongStart: Tau
  read: Tau
  readStart: Tau
}

interface Followed {
  epoch: Epoch
  owner: string
  tau: Tau
  horizon: Tau
  /** Of this epoch (rule 8), where the record before its claim was seen. */
  floor: Tau | undefined
}

/** The keys of a larger transaction are not remembered. */
const writesMax = 4_000

/** Remembers the newest entries: when `max` are young, the old ones go and the young ones are old. */
class Generations<K, V> {
  private young = new Map<K, V>()
  private old = new Map<K, V>()
  private readonly max: number

  constructor(max: number) {
    this.max = max
  }

  get(key: K): V | undefined {
    return this.young.get(key) ?? this.old.get(key)
  }

  set(key: K, value: V): void {
    if (this.young.size >= this.max) {
      this.old = this.young
      this.young = new Map()
    }
    this.young.set(key, value)
  }
}

/** What is older than so many keys and ids is not compared with; nor are more keys than that of one second of tau. */
interface Bounds {
  readonly keysMax: number
  readonly idsMax: number
  readonly keysPerSecondMax?: number
}

export class ProtocolWatch {
  private readonly followed = new Map<Partition, Followed>()
  private readonly keys: Generations<Key, KeyHistory>
  private readonly ids: Generations<string, Generations<number, Tau>>
  private readonly idsMax: number
  private readonly keysPerSecondMax: number
  private second = 0
  private compared = 0
  private readonly alarm: (alarm: Alarm) => void

  constructor(bounds: Bounds, alarm: (alarm: Alarm) => void) {
    this.keysPerSecondMax = bounds.keysPerSecondMax ?? Number.POSITIVE_INFINITY
    this.alarm = alarm
    this.keys = new Generations(bounds.keysMax)
    this.ids = new Generations(1_000)
    this.idsMax = bounds.idsMax
  }

  /** The next record of its journal; journals come in any order to each other. */
  accept(record: JournalRecord, at: Sequence): void {
    const raise = (invariant: Invariant, detail: string): void =>
      this.alarm({ invariant, partition: record.partition, sequence: at, detail })
    const place = this.follow(record, raise)
    if (record.kind !== 'commit') return
    for (const transaction of record.transactions) this.transaction(transaction, record.tau, place, raise)
  }

  private follow(record: JournalRecord, raise: (invariant: Invariant, detail: string) => void): Followed {
    const { partition, epoch, owner, tau, horizon, kind } = record
    const known = this.followed.get(partition)
    if (tau > horizon) raise('MonotoneTau', `tau ${tau} above its horizon ${horizon}`)
    if (known === undefined) {
      const first = { epoch, owner, tau, horizon, floor: undefined }
      this.followed.set(partition, first)
      return first
    }
    if (tau <= known.tau) raise('MonotoneTau', `tau ${tau} after ${known.tau}`)
    if (horizon < known.horizon) raise('MonotoneTau', `horizon ${horizon} after ${known.horizon}`)
    if (epoch === known.epoch) {
      if (owner !== known.owner) raise('SingleWriter', `a second owner of epoch ${epoch}`)
    } else {
      if (epoch < known.epoch || kind !== 'epoch') raise('SingleWriter', `${kind} of epoch ${epoch} after epoch ${known.epoch}`)
      if (tau <= known.horizon) raise('FloorSound', `epoch ${epoch} begins at ${tau}, not above the horizon ${known.horizon}`)
      known.floor = tauMax(known.horizon, known.tau)
    }
    known.epoch = epoch
    known.owner = owner
    known.tau = tau
    known.horizon = horizon
    return known
  }

  private transaction(
    transaction: CommittedTransaction,
    tau: Tau,
    { floor }: Followed,
    raise: (invariant: Invariant, detail: string) => void,
  ): void {
    const { id, tauStart, writes, checks } = transaction
    const before = this.seen(id, tau)
    if (before !== undefined) raise('AtMostOnce', `${transactionIdText(id)} was committed at ${before} already`)
    if (tauStart >= tau) raise('BeganBefore', `${transactionIdText(id)} began at ${tauStart} and committed at ${tau}`)
    if (floor !== undefined && tauStart < floor)
      raise('FloorSound', `${transactionIdText(id)} began at ${tauStart}, below the floor ${floor}`)
    if (!this.hasTimeFor(writes.length + checks.length, tau)) return
    for (const { key, mode } of writes) this.compare(key, mode, transaction, tau, raise)
    for (const check of checks) if (!('range' in check)) this.compare(check.key, check.mode, transaction, tau, raise)
    for (const { key, mode } of writes) this.enter(key, mode, tauStart, tau)
    for (const check of checks) if (!('range' in check)) this.enter(check.key, check.mode, tauStart, tau)
  }

  /** A busy process has its first thousands of keys in each second looked at: transactions that bar each other lie close together. */
  private hasTimeFor(keys: number, tau: Tau): boolean {
    const second = Math.floor(tau / 1e6)
    if (second !== this.second) {
      this.second = second
      this.compared = 0
    }
    if (keys > writesMax || this.compared >= this.keysPerSecondMax) return false
    this.compared += keys
    return true
  }

  /** The tau at which the same id was committed before. */
  private seen({ boot, counter }: TransactionId, tau: Tau): Tau | undefined {
    let counters = this.ids.get(boot)
    if (counters === undefined) {
      counters = new Generations(this.idsMax)
      this.ids.set(boot, counters)
    }
    // A counter goes on over epochs and leaders.
    const before = counters.get(counter)
    counters.set(counter, tau)
    return before
  }

  /** Of two transactions that bar each other on a key, one began at or above the other's tauCommit. */
  private compare(
    key: Key,
    mode: Mode,
    { id, tauStart }: CommittedTransaction,
    tau: Tau,
    raise: (invariant: Invariant, detail: string) => void,
  ): void {
    const known = this.keys.get(key)
    if (known === undefined) return
    const words = (what: string, at: Tau): string =>
      `${transactionIdText(id)} (${tauStart} to ${tau}) and a ${what} at ${at} of key ${Buffer.from(key, 'latin1').toString('hex')}`
    if (mode === 'R') {
      if (known.write > tauStart && known.write <= tau) raise('ReadCheck', words('write', known.write))
      return
    }
    if (mode !== 'S' && tau > known.readStart && tau < known.read) raise('ReadCheck', words('read', known.read))
    if (mode === 'E') return
    const [other, otherStart] =
      mode === 'X'
        ? [known.any, known.anyStart]
        : mode === 'N'
          ? [known.write, known.writeStart]
          : [known.strong, known.strongStart]
    if (other > tauStart && tau > otherStart) raise('FirstCommitterWins', words('commit', other))
  }

  private enter(key: Key, mode: Mode, tauStart: Tau, tau: Tau): void {
    let known = this.keys.get(key)
    if (known === undefined) {
      const none = 0 as Tau
      known = {
        any: none,
        anyStart: none,
        write: none,
        writeStart: none,
        strong: none,
        strongStart: none,
        read: none,
        readStart: none,
      }
      this.keys.set(key, known)
    }
    if (mode === 'R') {
      if (tau > known.read) {
        known.read = tau
        known.readStart = tauStart
      }
      return
    }
    if (tau >= known.any) {
      known.any = tau
      known.anyStart = tauStart
    }
    if (mode === 'S') return
    if (tau >= known.write) {
      known.write = tau
      known.writeStart = tauStart
    }
    if (mode === 'N' || tau < known.strong) return
    known.strong = tau
    known.strongStart = tauStart
  }
}
