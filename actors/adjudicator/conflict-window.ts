import { assert } from '../../protocol/assert.ts'
import { contains, type Key, type KeyRange, storageIdOf } from '../../protocol/key.ts'
import type { Mark, Mode } from '../../protocol/messages.ts'
import { type Tau, tauMax } from '../../protocol/time.ts'
import { barredFrom, KeyMarks, strengthOf } from './key-marks.ts'
import { type Barrier, Promises } from './promises.ts'

/** Above every tauStart: the entry's record has not been sent yet. */
const undecided = Number.POSITIVE_INFINITY
const divisions = 64
/** What one call may forget: dropping a large transaction is spread over many calls. */
const forgottenMax = 4_000
/** Keys of all large transactions together: 16 to 32 bytes each. */
const largeKeysMax = 16_000_000

/**
 * One transaction's mark in the window. All its entries share it, so that fixing the record's tau is one assignment however many keys
 * were written.
 */
export class Stamp implements Barrier {
  tau: number = undecided
  /** In a record or waiting for one: later stamps get a tau at or above this one's. A long transaction enters keys before it joins. */
  hasJoined = false
  readonly entries: Entry[] = []
  /** The keys of a large transaction instead of entries. */
  marks: KeyMarks | undefined
  private waiting: ((tau: Tau) => void)[] | undefined

  get isFixed(): boolean {
    return this.tau !== undecided
  }

  fix(tau: Tau): void {
    assert(!this.isFixed, 'a stamp is fixed once')
    this.tau = tau
    const waiting = this.waiting
    this.waiting = undefined
    if (waiting !== undefined) for (const tell of waiting) tell(tau)
  }

  whenFixed(tell: (tau: Tau) => void): void {
    if (this.isFixed) tell(this.tau as Tau)
    else (this.waiting ??= []).push(tell)
  }
}

/** The latest marks on one key, by how strongly they bar: x by an X, write by an X or N, any by an X, N or S. */
interface Entry {
  readonly key: Key
  x: Stamp | undefined
  write: Stamp | undefined
  any: Stamp
}

export interface WindowBounds {
  /** Keys and transactions together. */
  readonly entriesMax: number
  /** Entries older than this, in tau, may go. */
  readonly ageMicrosMax: number
}

/**
 * What has been written lately, to tell first committers from second ones. Bounded in age and memory: what is pruned raises `floor`, and
 * transactions that began below the floor are refused.
 */
export class ConflictWindow {
  floor: Tau
  private readonly bounds: WindowBounds
  /** Divided, because growing one map of a million keys would stop everything for a tenth of a second. */
  private readonly entries: readonly Map<Key, Entry>[] = Array.from({ length: divisions }, () => new Map<Key, Entry>())
  private entryCount = 0
  /** Stamps in the order in which they joined, which is tau order; the oldest at `oldest`. */
  private joined: Stamp[] = []
  private oldest = 0
  /** How many entries of the oldest stamp are forgotten already. */
  private forgotten = 0
  /** The long transaction that enters keys before it joins. There is one at a time, so that no later stamp hides behind it. */
  private early: Stamp | undefined
  /** Stamps with marks of their own, in tau order. */
  private large: Stamp[] = []
  private largeKeys = 0
  /** Last write below each storage id: most range checks end here. */
  private readonly lastWrites = new Map<number, Stamp>()
  /** What other partitions' transactions may still write here. */
  readonly promises = new Promises()

  constructor(floor: Tau, bounds: WindowBounds) {
    this.floor = floor
    this.bounds = bounds
  }

  get size(): number {
    return this.entryCount
  }

  /** Rule 4: the entry that bars `mode` on `key` for a transaction that began at tauStart. Own entries never bar. */
  barring(key: Key, mode: Mode, tauStart: Tau, own?: Stamp): Barrier | undefined {
    if (this.promises.open.size > 0) {
      const held = this.promises.barring(key, mode, tauStart)
      if (held !== undefined) return held
    }
    const large = this.large.length === 0 ? undefined : this.barringLarge(key, mode, tauStart, own)
    const entry = this.division(key).get(key)
    if (entry === undefined) return large
    let stamp: Stamp | undefined
    switch (mode) {
      case 'X':
        stamp = entry.any
        break
      case 'N':
      case 'R':
        stamp = entry.write
        break
      case 'S':
        stamp = entry.x
        break
      case 'E':
        return undefined
    }
    if (stamp === undefined || stamp === own || stamp.tau <= tauStart) return large
    return large !== undefined && large.tau > stamp.tau ? large : stamp
  }

  private barringLarge(key: Key, mode: Mode, tauStart: Tau, own: Stamp | undefined): Stamp | undefined {
    const from = barredFrom(mode)
    if (from === undefined) return undefined
    for (let i = this.large.length - 1; i >= 0; i--) {
      const stamp = this.large[i] as Stamp
      if (stamp.tau <= tauStart && stamp.hasJoined) return undefined
      if (stamp !== own && stamp.marks !== undefined && stamp.marks.strength(key) >= from) return stamp
    }
    return undefined
  }

  /** A write above tauStart anywhere in `range`. */
  barringRange(range: KeyRange, tauStart: Tau, own?: Stamp): { readonly stamp: Barrier; readonly key: Key } | undefined {
    const held = this.promises.barringRange(range, tauStart)
    if (held !== undefined) return held
    if (range.start.length >= 4 && range.start.slice(0, 4) === range.end.slice(0, 4)) {
      const last = this.lastWrites.get(storageIdOf(range.start))
      if (last === undefined || (last.tau <= tauStart && last.hasJoined)) return undefined
    }
    const inRange = (stamp: Stamp): { stamp: Stamp; key: Key } | undefined => {
      if (stamp === own) return undefined
      const key = stamp.marks?.mayHaveWritten(range.start, range.end)
      if (key !== undefined) return { stamp, key }
      for (const entry of stamp.entries) {
        if (entry.write === stamp && contains(range, entry.key)) return { stamp, key: entry.key }
      }
      return undefined
    }
    const early = this.early === undefined ? undefined : inRange(this.early)
    if (early !== undefined) return early
    for (let i = this.joined.length - 1; i >= this.oldest; i--) {
      const stamp = this.joined[i] as Stamp
      if (stamp.tau <= tauStart) return undefined
      const found = inRange(stamp)
      if (found !== undefined) return found
    }
    return undefined
  }

  /** Marks `key`. R marks nothing here: with one partition, whoever writes what was read comes later in the same or a later record. */
  enter(key: Key, mode: Mode, stamp: Stamp): void {
    if (mode === 'R') return
    const isWrite = mode !== 'S'
    if (isWrite) {
      const id = storageIdOf(key)
      const last = this.lastWrites.get(id)
      if (last !== stamp && replaces(stamp, last)) this.lastWrites.set(id, stamp)
    }
    if (stamp.marks !== undefined) {
      stamp.marks.mark(key, strengthOf(mode))
      return
    }
    const division = this.division(key)
    const known = division.get(key)
    if (known === undefined) {
      const isX = mode === 'X' || mode === 'E'
      const entry: Entry = { key, x: isX ? stamp : undefined, write: isWrite ? stamp : undefined, any: stamp }
      division.set(key, entry)
      this.entryCount++
      stamp.entries.push(entry)
      return
    }
    if (known.any !== stamp) stamp.entries.push(known)
    if ((mode === 'X' || mode === 'E') && replaces(stamp, known.x)) known.x = stamp
    if (isWrite && replaces(stamp, known.write)) known.write = stamp
    if (replaces(stamp, known.any)) known.any = stamp
  }

  /**
   * A transaction that another partition led has been committed at `at`, or may have been: its marks take their place among those that are
   * there already, and hide none that is newer.
   */
  enterAt(marks: readonly Mark[], at: Tau): void {
    if (at <= this.floor) return
    const stamp = new Stamp()
    stamp.fix(at)
    stamp.hasJoined = true
    for (const { key, mode } of marks) if (mode !== 'R') this.enterAmong(key, mode, stamp)
    let place = this.joined.length
    while (place > this.oldest && (this.joined[place - 1] as Stamp).tau > at) place--
    this.joined.splice(place, 0, stamp)
  }

  private enterAmong(key: Key, mode: Mode, stamp: Stamp): void {
    const isWrite = mode !== 'S'
    const isX = mode === 'X' || mode === 'E'
    const newer = (known: Stamp | undefined): Stamp => (known === undefined || stamp.tau > known.tau ? stamp : known)
    if (isWrite) this.lastWrites.set(storageIdOf(key), newer(this.lastWrites.get(storageIdOf(key))))
    const division = this.division(key)
    const known = division.get(key)
    if (known === undefined) {
      const entry: Entry = { key, x: isX ? stamp : undefined, write: isWrite ? stamp : undefined, any: stamp }
      division.set(key, entry)
      this.entryCount++
      stamp.entries.push(entry)
      return
    }
    stamp.entries.push(known)
    if (isX) known.x = newer(known.x)
    if (isWrite) known.write = newer(known.write)
    known.any = newer(known.any)
  }

  /** So many keys will be entered over several turns, before the stamp joins. */
  beginEarly(stamp: Stamp, keysMax: number): void {
    assert(this.early === undefined, 'one long transaction enters its keys at a time')
    this.early = stamp
    stamp.marks = new KeyMarks(keysMax)
    this.large.push(stamp)
    this.largeKeys += keysMax
  }

  /** The transaction's place in the order of commits is settled: it is in the record being built. */
  join(stamp: Stamp): void {
    assert(!stamp.hasJoined, 'a stamp joins once')
    stamp.hasJoined = true
    if (this.early === stamp) this.early = undefined
    this.joined.push(stamp)
  }

  /**
   * The transaction was refused after it had entered keys. Its marks go; what is known of whole tables stays, as high as the last mark made so
   * far: too many refusals, never too few.
   */
  withdraw(stamp: Stamp): void {
    const last = this.joined[this.joined.length - 1]
    this.dropMarks(stamp)
    this.join(stamp)
    if (last === undefined || this.joined.length - 1 <= this.oldest) stamp.fix(this.floor)
    else last.whenFixed((tau) => stamp.fix(tau))
  }

  /** Keeps the bounds; `acknowledged` is the tau of the last acknowledged record. */
  prune(acknowledged: Tau): void {
    const { entriesMax, ageMicrosMax } = this.bounds
    let budget = forgottenMax
    while (this.oldest < this.joined.length && budget > 0) {
      const stamp = this.joined[this.oldest] as Stamp
      const isOld = stamp.tau < acknowledged - ageMicrosMax
      // Transactions count as their keys do: ten thousand of them a second write the same keys for as long as they like.
      const isCrowded = this.entryCount + this.joined.length - this.oldest > entriesMax || this.largeKeys > largeKeysMax
      if (stamp.tau > acknowledged || !(isOld || this.forgotten > 0 || isCrowded)) break
      this.floor = tauMax(this.floor, stamp.tau as Tau)
      const end = Math.min(stamp.entries.length, this.forgotten + budget)
      budget -= end - this.forgotten
      for (; this.forgotten < end; this.forgotten++) this.forget(stamp, stamp.entries[this.forgotten] as Entry)
      if (end < stamp.entries.length) break
      this.forgotten = 0
      this.dropMarks(stamp)
      this.oldest++
    }
    if (this.oldest > 4_096 && this.oldest * 2 > this.joined.length) {
      this.joined = this.joined.slice(this.oldest)
      this.oldest = 0
    }
    if (this.lastWrites.size > 100_000) {
      for (const [id, stamp] of this.lastWrites) if (stamp.tau <= this.floor) this.lastWrites.delete(id)
    }
  }

  private dropMarks(stamp: Stamp): void {
    if (stamp.marks === undefined) return
    stamp.marks = undefined
    this.large = this.large.filter((one) => one !== stamp)
    this.largeKeys = 0
    for (const { marks } of this.large) this.largeKeys += marks?.count ?? 0
  }

  private forget(stamp: Stamp, entry: Entry): void {
    if (entry.any === stamp && this.division(entry.key).delete(entry.key)) this.entryCount--
  }

  private division(key: Key): Map<Key, Entry> {
    const end = key.length - 1
    const mixed = key.charCodeAt(end) + key.charCodeAt(end - 1) * 7 + key.charCodeAt(end >> 1) * 13 + end
    return this.entries[mixed & (divisions - 1)] as Map<Key, Entry>
  }
}

/** An early stamp will get a tau at or above whatever joins before it does: it must not be lost behind one of those. */
function replaces(stamp: Stamp, known: Stamp | undefined): boolean {
  return known === undefined || known === stamp || known.hasJoined
}
