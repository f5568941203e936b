import { type Key, storageIdOf } from '../../protocol/key.ts'
import type { Mode } from '../../protocol/messages.ts'

/** How strongly a key is marked: S bars X; a write bars R, N and X; an X (or an entry that is not checked) bars S too. */
export type Strength = 0 | 1 | 2 | 3

export function strengthOf(mode: Mode): Strength {
  switch (mode) {
    case 'R':
      return 0
    case 'S':
      return 1
    case 'N':
      return 2
    case 'X':
    case 'E':
      return 3
  }
}

/** The weakest mark that bars a transaction with this mode. */
export function barredFrom(mode: Mode): Strength | undefined {
  switch (mode) {
    case 'X':
      return 1
    case 'N':
    case 'R':
      return 2
    case 'S':
      return 3
    case 'E':
      return undefined
  }
}

/**
 * The keys of one large transaction, told by 62 bits of their hash in one flat table: a million keys take 16 MB that no garbage collector
 * walks through, and go in one step. Two keys of one hash would bar each other without need (one transaction in 10^12), never pass wrongly.
 */
export class KeyMarks {
  count = 0
  private readonly mask: number
  private readonly table: Uint32Array
  /** The lowest and the highest key written below each storage id. */
  private readonly extents = new Map<number, { low: Key; high: Key }>()
  private lastId = -1
  private lastExtent: { low: Key; high: Key } | undefined
  private first = 0
  private second = 0

  constructor(keysMax: number) {
    let slots = 1_024
    while (slots < keysMax * 1.5) slots *= 2
    this.mask = slots - 1
    this.table = new Uint32Array(slots * 2)
  }

  mark(key: Key, strength: Strength): void {
    if (strength === 0) return
    if (strength > 1) this.extend(key)
    const slot = this.slotOf(key)
    const { table } = this
    const known = (table[slot + 1] as number) & 3
    if (known === 0) this.count++
    table[slot] = this.first
    table[slot + 1] = this.second | Math.max(known, strength)
  }

  strength(key: Key): Strength {
    return ((this.table[this.slotOf(key) + 1] as number) & 3) as Strength
  }

  /** The lowest key written in the range's part of a table, where one may lie in the range. */
  mayHaveWritten(start: Key, end: Key): Key | undefined {
    for (const { low, high } of this.extents.values()) if (low < end && high >= start) return low < start ? start : low
    return undefined
  }

  *storageIds(): Iterable<number> {
    yield* this.extents.keys()
  }

  private extend(key: Key): void {
    const id = storageIdOf(key)
    if (id !== this.lastId) {
      this.lastId = id
      this.lastExtent = this.extents.get(id)
      if (this.lastExtent === undefined) {
        this.lastExtent = { low: key, high: key }
        this.extents.set(id, this.lastExtent)
      }
    }
    const extent = this.lastExtent as { low: Key; high: Key }
    if (key > extent.high) extent.high = key
    else if (key < extent.low) extent.low = key
  }

  /** Where the key is, or would be; its hash is left in `first` and `second`, whose two lowest bits are free. */
  private slotOf(key: Key): number {
    let a = 0x811c9dc5
    let b = 0x9747b28c
    for (let i = 0; i < key.length; i++) {
      const byte = key.charCodeAt(i)
      a = Math.imul(a ^ byte, 0x01000193)
      b = Math.imul(b + byte, 0x5bd1e995)
      b ^= b >>> 15
    }
    a = Math.imul(a ^ (a >>> 16), 0x85ebca6b)
    this.first = (a ^ (a >>> 13)) >>> 0
    this.second = ((Math.imul(b ^ (b >>> 13), 0xc2b2ae35) ^ a) & ~3) >>> 0
    const { table, mask, first, second } = this
    let at = first & mask
    for (;;) {
      const held = table[at * 2 + 1] as number
      if ((held & 3) === 0) return at * 2
      if (table[at * 2] === first && (held & ~3) >>> 0 === second) return at * 2
      at = (at + 1) & mask
    }
  }
}
