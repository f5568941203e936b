import type { TransactionId } from '../../protocol/ids.ts'
import { contains, type Key, type KeyRange } from '../../protocol/key.ts'
import type { Check, Mark, Mode } from '../../protocol/messages.ts'
import { type Tau, tauMax, tauZero } from '../../protocol/time.ts'
import { barredFrom, type Strength, strengthOf } from './key-marks.ts'

/** What bars a transaction: its tau may still become known. */
export interface Barrier {
  readonly tau: number
  readonly isFixed: boolean
  whenFixed(tell: (tau: Tau) => void): void
}

/**
 * A yes to a transaction that another partition leads (rule 11): its keys are taken as if written at `tauMax` until somebody says what became
 * of it. Nobody takes it back because time has passed.
 */
export class Held implements Barrier {
  readonly id: TransactionId
  readonly tauStart: Tau
  readonly marks: readonly Mark[]
  readonly reads: readonly Check[]
  readonly tau: number
  isFixed = false
  private waiting: ((tau: Tau) => void)[] = []

  constructor(
    { id, tauStart }: { readonly id: TransactionId; readonly tauStart: Tau },
    writes: readonly Mark[],
    checks: readonly Check[],
    tauMax: Tau,
  ) {
    this.id = id
    this.tauStart = tauStart
    this.tau = tauMax
    const marks = [...writes]
    const reads: Check[] = []
    for (const check of checks) {
      if ('range' in check || check.mode === 'R') reads.push(check)
      else marks.push(check)
    }
    this.marks = marks
    this.reads = reads
  }

  whenFixed(tell: (tau: Tau) => void): void {
    this.waiting.push(tell)
  }

  /** It is known what became of it: from `at` on whoever was refused because of it may try again. */
  fix(at: Tau): void {
    this.isFixed = true
    this.excuse(at)
  }

  /** Nobody shall wait any longer for what nobody says: they try again from `at`. */
  excuse(at: Tau): void {
    for (const tell of this.waiting.splice(0)) tell(at)
  }
}

/** The promises of one owner that are still open. */
export class Promises {
  readonly open = new Set<Held>()
  private readonly byKey = new Map<Key, Map<Held, Strength>>()

  hold(held: Held): void {
    this.open.add(held)
    for (const { key, mode } of held.marks) {
      const strength = strengthOf(mode)
      const marked = this.byKey.get(key)
      if (marked === undefined) this.byKey.set(key, new Map([[held, strength]]))
      else if (strength > (marked.get(held) ?? 0)) marked.set(held, strength)
    }
  }

  drop(held: Held): void {
    if (!this.open.delete(held)) return
    for (const { key } of held.marks) {
      const marked = this.byKey.get(key)
      if (marked === undefined) continue
      marked.delete(held)
      if (marked.size === 0) this.byKey.delete(key)
    }
  }

  /** Rule 4: the promise that bars `mode` on `key` for a transaction that began at tauStart. */
  barring(key: Key, mode: Mode, tauStart: Tau): Held | undefined {
    const from = barredFrom(mode)
    const marked = from === undefined ? undefined : this.byKey.get(key)
    if (from === undefined || marked === undefined) return undefined
    let found: Held | undefined
    for (const [held, strength] of marked) {
      if (held.tau > tauStart && strength >= from && (found === undefined || held.tau > found.tau)) found = held
    }
    return found
  }

  /** A promised write above tauStart anywhere in `range`. */
  barringRange(range: KeyRange, tauStart: Tau): { readonly stamp: Held; readonly key: Key } | undefined {
    for (const stamp of this.open) {
      if (stamp.tau <= tauStart) continue
      for (const { key, mode } of stamp.marks) if (strengthOf(mode) > 1 && contains(range, key)) return { stamp, key }
    }
    return undefined
  }

  /** Whoever writes these keys commits above this: somebody was promised that what they have read there stays up to it (rule 9). */
  readsMet(changes: Changes): Tau {
    let highest = tauZero
    for (const { tau, reads } of this.open) {
      if (reads.length > 0 && tau > highest && meets(changes, reads)) highest = tauMax(highest, tau as Tau)
    }
    return highest
  }
}

/** What a transaction marks: a lock (X) counts as a change, as DDL marks the catalog's version in other partitions without writing it. */
interface Changes {
  readonly writes: Iterable<Mark>
  readonly checks: readonly Check[]
}

/** One of these changes befalls what one of these checks has read. */
export function meets(changes: Changes, read: readonly Check[]): boolean {
  let keys: Set<Key> | undefined
  for (const check of read) {
    if (check.mode !== 'R') continue
    keys ??= keysOf(changes)
    if ('key' in check) {
      if (keys.has(check.key)) return true
    } else for (const key of keys) if (contains(check.range, key)) return true
  }
  return false
}

function keysOf({ writes, checks }: Changes): Set<Key> {
  const keys = new Set<Key>()
  for (const { key } of writes) keys.add(key)
  for (const check of checks) if ('key' in check && strengthOf(check.mode) > 1) keys.add(check.key)
  return keys
}
