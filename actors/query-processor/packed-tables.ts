import { type Key, type KeyRange, prefixEnd, storageIdOf, storagePrefix } from '../../protocol/key.ts'
import type { Mode } from '../../protocol/messages.ts'
import { modeOf, type PackedBlock, PackedWrites } from '../../protocol/packed-writes.ts'
import { PackedTable } from './packed-table.ts'
import type { Entry } from './write-entry.ts'

/** What a large transaction has written, a table by itself for each storage id: loads bring rows in key order, and index entries in another. */
export class PackedTables {
  private readonly tables = new Map<number, PackedTable>()
  private lastId = -1
  private last: PackedTable | undefined
  /** Bytes of memory are about to be taken. */
  private readonly take: (bytes: number) => void

  constructor(take: (bytes: number) => void) {
    this.take = take
  }

  get size(): number {
    let size = 0
    for (const table of this.tables.values()) size += table.live
    return size
  }

  of(key: Key): PackedTable {
    const id = storageIdOf(key)
    if (id === this.lastId && this.last !== undefined) return this.last
    let table = this.tables.get(id)
    if (table === undefined) this.tables.set(id, (table = new PackedTable(this.take)))
    this.lastId = id
    this.last = table
    return table
  }

  add({ key, mode, operation, postImage, command }: Entry): void {
    this.of(key).add(key, mode, operation, postImage, command)
  }

  has(key: Key): boolean {
    return this.of(key).find(key) >= 0
  }

  /** As `WriteSet.visible`. */
  visible(key: Key, command: number): Uint8Array | null | undefined {
    const table = this.of(key)
    const number = table.find(key)
    if (number < 0 || table.command(number) >= command) return undefined
    return table.postImage(number) ?? null
  }

  mode(key: Key): Mode | undefined {
    const table = this.of(key)
    const number = table.find(key)
    return number < 0 ? undefined : modeOf(table.flags(number))
  }

  setMode(key: Key, mode: Mode): void {
    const table = this.of(key)
    table.setMode(table.find(key), mode)
  }

  /** The key's write, which is not here from now on. */
  remove(key: Key): { flags: number; command: number; postImage: Uint8Array | undefined } | undefined {
    const table = this.of(key)
    const number = table.find(key)
    if (number < 0) return undefined
    const removed = { flags: table.flags(number), command: table.command(number), postImage: table.postImage(number) }
    table.drop(number)
    return removed
  }

  /** These keys and those here, in order. What has been removed is among them: its key still has a state. */
  *keysWithin(range: KeyRange, reverse: boolean, others: Iterator<Key, void>): Generator<Key, void, void> {
    let other = others.next()
    for (const key of this.ownWithin(range, reverse)) {
      while (other.done !== true && (reverse ? other.value > key : other.value < key)) {
        yield other.value
        other = others.next()
      }
      if (other.done !== true && other.value === key) other = others.next()
      yield key
    }
    for (; other.done !== true; other = others.next()) yield other.value
  }

  private *ownWithin(range: KeyRange, reverse: boolean): Generator<Key, void, void> {
    for (const id of this.ids(reverse)) {
      const prefix = storagePrefix(id)
      if (prefix >= range.end || prefixEnd(prefix) <= range.start) continue
      yield* (this.tables.get(id) as PackedTable).keysWithin(range, reverse)
    }
  }

  /** Everything in key order. Suspends itself between slices. */
  *result(): Generator<undefined, PackedWrites> {
    const blocks: PackedBlock[] = []
    for (const id of this.ids(false)) {
      for (const block of yield* (this.tables.get(id) as PackedTable).packed()) if (block.count > 0) blocks.push(block)
    }
    return new PackedWrites(blocks)
  }

  private ids(reverse: boolean): number[] {
    return [...this.tables.keys()].sort((a, b) => (reverse ? b - a : a - b))
  }
}
