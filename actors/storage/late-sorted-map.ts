import type { Key } from '../../protocol/key.ts'
import { type Cursor, SortedMap } from './sorted-map.ts'

/** New keys that one walk puts in their places; those beyond are looked through. */
const placedPerWalk = 2_000
/** Names of keys that are gone are tolerated up to this many, and as many again as there are keys. */
const staleMin = 1_024

/**
 * A map that is put in order when somebody walks. Keys come and go by the thousand between two walks, most are asked for by name only, and
 * keeping an order that nobody looks at costs more than all the rest. The first walk behind many new keys does not pay for all of them.
 */
export class LateSortedMap<V> {
  private readonly values = new Map<Key, V>()
  /** Keys that have their place, some of them gone. */
  private readonly placed = new SortedMap<true>()
  /** The others, some gone, some twice, some that have a place after all. */
  private unplaced: Key[] = []

  get size(): number {
    return this.values.size
  }

  get(key: Key): V | undefined {
    return this.values.get(key)
  }

  set(key: Key, value: V): void {
    const { values } = this
    const before = values.size
    values.set(key, value)
    if (values.size === before) return
    this.unplaced.push(key)
    if (this.unplaced.length + this.placed.size > 2 * values.size + staleMin) this.forgetPlaces()
  }

  delete(key: Key): boolean {
    const had = this.values.delete(key)
    if (this.values.size === 0) this.forgetPlaces()
    return had
  }

  private forgetPlaces(): void {
    this.placed.clear()
    this.unplaced = [...this.values.keys()]
  }

  /** Walks [start, end), ascending or descending. The map must not change before the walk is over. */
  cursor(start: Key, end: Key, reverse: boolean): LateCursor<V> {
    for (let left = placedPerWalk; left > 0; left--) {
      const key = this.unplaced.pop()
      if (key === undefined) break
      if (this.values.has(key)) this.placed.set(key, true)
    }
    const among = this.unplaced.length === 0 ? [] : this.unplacedWithin(start, end)
    if (reverse) among.reverse()
    return new LateCursor(this.values, this.placed.cursor(start, end, reverse), among, reverse)
  }

  private unplacedWithin(start: Key, end: Key): Key[] {
    const within = new Set<Key>()
    for (const key of this.unplaced) if (key >= start && key < end && this.values.has(key)) within.add(key)
    return [...within].sort((a, b) => (a < b ? -1 : 1))
  }
}

/** Stands before the first entry: `advance` moves it, `key` and `value` are where it stands. */
export class LateCursor<V> {
  key = '' as Key
  value: V | undefined
  private readonly values: ReadonlyMap<Key, V>
  /** Undefined: at its end. It stands on a key that is still to come. */
  private placed: Cursor<true> | undefined
  private readonly among: readonly Key[]
  private at = 0
  private readonly isReverse: boolean

  constructor(values: ReadonlyMap<Key, V>, placed: Cursor<true>, among: readonly Key[], isReverse: boolean) {
    this.values = values
    this.among = among
    this.isReverse = isReverse
    this.placed = placed.advance() ? placed : undefined
  }

  /** False when the walk is over. */
  advance(): boolean {
    for (;;) {
      const key = this.next()
      if (key === undefined) return false
      const value = this.values.get(key)
      if (value === undefined) continue
      this.key = key
      this.value = value
      return true
    }
  }

  private next(): Key | undefined {
    const { placed } = this
    const other = this.among[this.at]
    if (placed === undefined) {
      this.at++
      return other
    }
    const { key } = placed
    if (other !== undefined && key !== other && (this.isReverse ? other > key : other < key)) {
      this.at++
      return other
    }
    if (other === key) this.at++
    if (!placed.advance()) this.placed = undefined
    return key
  }
}
