import { assert } from '../../protocol/assert.ts'
import { type Key, keyEnd, keyStart } from '../../protocol/key.ts'
import type { Write } from '../../protocol/messages.ts'
import { compareToKey, type PackedBlock, type PackedWrites, WriteCursor } from '../../protocol/packed-writes.ts'
import type { Tau } from '../../protocol/time.ts'

/** A block and where its writes begin. */
interface IndexedBlock {
  readonly bytes: Buffer
  readonly starts: Uint32Array
  readonly first: Key
  /** Of its first write, counted over the run. */
  readonly number: number
}

/**
 * The writes of one large transaction until they are on disk, as the bytes they came in, in key order. All share one tau, which lies above
 * every reader's until their record has come.
 */
export class PackedRun {
  tau = Number.POSITIVE_INFINITY as Tau
  length = 0
  private readonly blocks: IndexedBlock[] = []
  /** Writes before it are on disk and are no longer found here. */
  private settled = 0
  private settledKey: Key | undefined
  private readonly cursor = new WriteCursor(Buffer.alloc(0))
  /** Where the write before was: walks stay in a block for thousands. */
  private lastBlock: IndexedBlock | undefined

  add({ blocks }: PackedWrites): void {
    for (const block of blocks) this.addBlock(block)
  }

  private addBlock({ bytes, count }: PackedBlock): void {
    const starts = new Uint32Array(count)
    const cursor = new WriteCursor(bytes)
    let first = '' as Key
    for (let i = 0; cursor.advance(); i++) {
      starts[i] = cursor.start
      if (i === 0) first = cursor.key
    }
    assert(this.length === 0 || this.writeAt(this.length - 1).key < first, 'blocks come in key order')
    this.blocks.push({ bytes, starts, first, number: this.length })
    this.length += count
  }

  /** The write of this number, counted from 0. */
  writeAt(number: number): Write {
    this.open(number)
    return this.cursor.write
  }

  /** The cursor stands on the key's write, which is still to be found here. */
  find(key: Key): WriteCursor | undefined {
    if (this.settledKey !== undefined && key <= this.settledKey) return undefined
    const number = this.lowerBound(key)
    if (number === this.length) return undefined
    this.open(number)
    const { cursor } = this
    return compareToKey(cursor.bytes, cursor.keyStart, cursor.keyEnd, key) === 0 ? cursor : undefined
  }

  /** So many writes are on disk. */
  settle(count: number): void {
    this.settled = count
    this.settledKey = count === 0 ? undefined : this.writeAt(count - 1).key
  }

  /** Walks what is still to be found here in [start, end), ascending or descending. */
  walk(start: Key, end: Key, reverse: boolean): RunWalk {
    const low = Math.max(this.settled, start === keyStart ? 0 : this.lowerBound(start))
    const high = end === keyEnd ? this.length : this.lowerBound(end)
    return reverse ? new RunWalk(this, high, low, true) : new RunWalk(this, low - 1, high, false)
  }

  open(number: number): WriteCursor {
    let block = this.lastBlock
    if (block === undefined || number < block.number || number >= block.number + block.starts.length) {
      block = this.blocks[this.blockOf(number)] as IndexedBlock
      this.lastBlock = block
    }
    this.cursor.open(block.bytes, block.starts[number - block.number] as number)
    return this.cursor
  }

  /** The number of the first write whose key is at or above `key`. */
  private lowerBound(key: Key): number {
    const { blocks, cursor } = this
    let low = 0
    let high = blocks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((blocks[middle] as IndexedBlock).first <= key) low = middle + 1
      else high = middle
    }
    if (low === 0) return 0
    const { bytes, starts, number } = blocks[low - 1] as IndexedBlock
    let from = 0
    let to = starts.length
    while (from < to) {
      const middle = (from + to) >>> 1
      cursor.open(bytes, starts[middle] as number)
      if (compareToKey(bytes, cursor.keyStart, cursor.keyEnd, key) < 0) from = middle + 1
      else to = middle
    }
    return number + from
  }

  private blockOf(number: number): number {
    const { blocks } = this
    let low = 0
    let high = blocks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((blocks[middle] as IndexedBlock).number <= number) low = middle + 1
      else high = middle
    }
    return low - 1
  }
}

/** Stands before the first write, like `Cursor`. */
export class RunWalk {
  key = '' as Key
  readonly run: PackedRun
  number: number
  private readonly bound: number
  private readonly isReverse: boolean

  constructor(run: PackedRun, number: number, bound: number, isReverse: boolean) {
    this.run = run
    this.number = number
    this.bound = bound
    this.isReverse = isReverse
  }

  advance(): boolean {
    this.number += this.isReverse ? -1 : 1
    if (this.isReverse ? this.number < this.bound : this.number >= this.bound) return false
    this.key = this.run.open(this.number).key
    return true
  }
}
