import type { Key } from '../../protocol/key.ts'

/** Divided, because growing one table of a million would stop everything for a tenth of a second. */
const divisions = 64
const slotsFirst = 64

/** FNV-1a, mixed. */
export function hashOf(key: Key): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  return (hash ^ (hash >>> 13)) >>> 0
}

/** Numbers found by the hash of what they stand for, in flat tables. */
export class HashIndex {
  private readonly tables: { slots: Uint32Array; used: number }[] = []
  private readonly hashAt: (number: number) => number
  private readonly take: (bytes: number) => void

  constructor(hashAt: (number: number) => number, take: (bytes: number) => void) {
    this.hashAt = hashAt
    this.take = take
    for (let i = 0; i < divisions; i++) this.tables.push({ slots: new Uint32Array(slotsFirst), used: 0 })
  }

  add(hash: number, number: number): void {
    const table = this.tables[hash % divisions] as { slots: Uint32Array; used: number }
    if (table.used * 2 >= table.slots.length) this.grow(table)
    put(table.slots, hash, number)
    table.used++
  }

  /** The first number with this hash for which `is` says yes, or -1. */
  find(hash: number, is: (number: number) => boolean): number {
    const { slots } = this.tables[hash % divisions] as { slots: Uint32Array }
    const mask = slots.length - 1
    for (let at = (hash >>> 6) & mask; ; at = (at + 1) & mask) {
      const held = slots[at] as number
      if (held === 0) return -1
      if (is(held - 1)) return held - 1
    }
  }

  private grow(table: { slots: Uint32Array; used: number }): void {
    this.take(table.slots.length * 4)
    const slots = new Uint32Array(table.slots.length * 2)
    for (const held of table.slots) if (held !== 0) put(slots, this.hashAt(held - 1), held - 1)
    table.slots = slots
  }
}

/** A slot holds the number and one: 0 is empty. */
function put(slots: Uint32Array, hash: number, number: number): void {
  const mask = slots.length - 1
  let at = (hash >>> 6) & mask
  while (slots[at] !== 0) at = (at + 1) & mask
  slots[at] = number + 1
}
