import { assert } from '../../protocol/assert.ts'
import { ByteWriter } from '../../protocol/bytes.ts'
import type { Key, KeyRange } from '../../protocol/key.ts'
import type { Mode } from '../../protocol/messages.ts'
import {
  compareKeys,
  compareToKey,
  encodeWrite,
  flagsOf,
  operationOf,
  type PackedBlock,
  WriteCursor,
  WritePacker,
} from '../../protocol/packed-writes.ts'
import { HashIndex, hashOf } from './hash-index.ts'

/** A block is closed when it is larger: a message of the journal each. */
const blockBytesMax = 262_144
const blockBytesMin = 16_384
const headBytesMax = 16
/** Numbers of writes in one piece of the directory. */
const pieceLength = 16_384
/** Set in a write's flags: it counts no more. */
const isGone = 0x80
/** Comparisons and moves between two pauses of sorting: about a millisecond. */
const stepsMax = 8_192
/** Writes sorted in one go, before they are merged. */
const runLength = 1_024

/**
 * What a large transaction has written below one storage id: writes as bytes, numbered in the order in which they came, each of a new key.
 * Nothing here is an object of its own, so the garbage collector has nothing to walk through.
 */
export class PackedTable {
  count = 0
  /** Closed ones, and the one that is filled. */
  private readonly blocks: ByteWriter[] = []
  /** The number of each block's first write. */
  private readonly firsts: number[] = []
  /** Where each write begins in its block. */
  private readonly starts: Uint32Array[] = []
  /** Writes before it came in key order: they need no index. */
  private ascending = 0
  /** The others. */
  private index: HashIndex | undefined
  private highest = '' as Key
  /** Commands and the number of their first write. */
  private readonly commands: { readonly command: number; readonly from: number }[] = []
  private goneCount = 0
  /** All numbers by key; undefined: they are so by themselves, or nobody has asked since the last write. */
  private sorted: Uint32Array | undefined
  private readonly cursor = new WriteCursor(Buffer.alloc(0))
  private readonly other = new WriteCursor(Buffer.alloc(0))
  /** Bytes of memory are about to be taken. */
  private readonly take: (bytes: number) => void

  constructor(take: (bytes: number) => void) {
    this.take = take
  }

  /** A key that is not here yet. */
  add(key: Key, mode: Mode, operation: 'create' | 'update' | 'delete', postImage: Uint8Array | undefined, command: number): void {
    const writer = this.room(key.length + (postImage?.length ?? 0) + headBytesMax)
    const number = this.count
    const piece = this.starts[Math.floor(number / pieceLength)] ?? this.newPiece()
    piece[number % pieceLength] = writer.length
    encodeWrite(writer, flagsOf(operation, mode), key, postImage)
    if (this.commands.at(-1)?.command !== command) this.commands.push({ command, from: number })
    this.count++
    this.sorted = undefined
    if (key > this.highest) {
      this.highest = key
      if (this.ascending === number) {
        this.ascending++
        return
      }
    }
    this.index ??= new HashIndex((other) => this.hashAt(other), this.take)
    this.index.add(hashOf(key), number)
  }

  /** The number of the key's write, or -1. */
  find(key: Key): number {
    if (this.count === 0 || key > this.highest) return -1
    const inOrder = this.findAscending(key)
    if (inOrder >= 0 || this.index === undefined) return this.unlessGone(inOrder)
    return this.unlessGone(this.index.find(hashOf(key), (number) => this.compareTo(number, key) === 0))
  }

  private unlessGone(number: number): number {
    return number >= 0 && this.isGone(number) ? -1 : number
  }

  postImage(number: number): Uint8Array | undefined {
    return this.open(number).postImage
  }

  flags(number: number): number {
    return this.open(number).flags
  }

  key(number: number): Key {
    return this.open(number).key
  }

  command(number: number): number {
    const { commands } = this
    let low = 0
    let high = commands.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((commands[middle] as { from: number }).from <= number) low = middle + 1
      else high = middle
    }
    return (commands[low - 1] as { command: number }).command
  }

  setMode(number: number, mode: Mode): void {
    const cursor = this.open(number)
    cursor.bytes[cursor.start] = flagsOf(operationOf(cursor.flags), mode)
  }

  /** The key's state is kept elsewhere from now on. */
  drop(number: number): void {
    const cursor = this.open(number)
    assert((cursor.flags & isGone) === 0, 'a write goes once')
    cursor.bytes[cursor.start] = cursor.flags | isGone
    this.goneCount++
  }

  isGone(number: number): boolean {
    return (this.open(number).flags & isGone) !== 0
  }

  get live(): number {
    return this.count - this.goneCount
  }

  /** Keys inside the range in order, those that are gone too: what has been written so far. */
  *keysWithin(range: KeyRange, reverse: boolean): Generator<Key, void, void> {
    if (this.count === 0 || range.start > this.highest) return
    const sorting = this.sort()
    while (sorting.next().done !== true) {}
    const { sorted, count } = this
    const numberAt = (at: number): number => (sorted === undefined ? at : (sorted[at] as number))
    const bound = (key: Key): number => {
      let low = 0
      let high = count
      while (low < high) {
        const middle = (low + high) >>> 1
        if (this.compareTo(numberAt(middle), key) < 0) low = middle + 1
        else high = middle
      }
      return low
    }
    const low = bound(range.start)
    const high = bound(range.end)
    if (reverse) for (let at = high - 1; at >= low; at--) yield this.key(numberAt(at))
    else for (let at = low; at < high; at++) yield this.key(numberAt(at))
  }

  /** Everything by key, without what is gone. Suspends itself: a million writes are not sorted and copied in one turn. */
  *packed(): Generator<undefined, readonly PackedBlock[]> {
    yield* this.sort()
    const { sorted, count, blocks, firsts } = this
    if (sorted === undefined && this.goneCount === 0) {
      return blocks.map((writer, i) => ({
        bytes: writer.view(),
        count: (firsts[i + 1] ?? count) - (firsts[i] as number),
      }))
    }
    const packer = new WritePacker()
    for (let at = 0; at < count; at++) {
      if (at % stepsMax === stepsMax - 1) yield
      const cursor = this.open(sorted === undefined ? at : (sorted[at] as number))
      if ((cursor.flags & isGone) === 0) packer.copy(cursor)
    }
    return packer.packed().blocks
  }

  /** Runs of a thousand are sorted, then merged two by two. */
  private *sort(): Generator<undefined, void> {
    const { count, ascending } = this
    if (this.sorted !== undefined || ascending === count) return
    let from = new Uint32Array(count)
    for (let i = 0; i < count; i++) from[i] = i
    const bounds = [0]
    if (ascending > 0) bounds.push(ascending)
    for (let at = ascending; at < count; at += runLength) {
      const end = Math.min(count, at + runLength)
      from.subarray(at, end).sort((a, b) => this.compare(a, b))
      bounds.push(end)
      yield
    }
    let to = new Uint32Array(count)
    let runs = bounds
    while (runs.length > 2) {
      const next = [0]
      for (let i = 0; i + 1 < runs.length; i += 2) {
        const [start, middle, end] = [runs[i] as number, runs[i + 1] as number, runs[i + 2] ?? (runs[i + 1] as number)]
        yield* this.merge(from, to, start, middle, end)
        next.push(end)
      }
      ;[from, to] = [to, from]
      runs = next
    }
    if (this.count === count) this.sorted = from
  }

  private *merge(from: Uint32Array, to: Uint32Array, start: number, middle: number, end: number): Generator<undefined, void> {
    let [a, b] = [start, middle]
    for (let at = start; at < end; at++) {
      if ((at & (stepsMax - 1)) === 0) yield
      const takesA = b === end || (a < middle && this.compare(from[a] as number, from[b] as number) < 0)
      to[at] = from[takesA ? a++ : b++] as number
    }
  }

  private findAscending(key: Key): number {
    let low = 0
    let high = this.ascending
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.compareTo(middle, key) < 0) low = middle + 1
      else high = middle
    }
    return low < this.ascending && this.compareTo(low, key) === 0 ? low : -1
  }

  private hashAt(number: number): number {
    return hashOf(this.key(number))
  }

  private compareTo(number: number, key: Key): number {
    const { bytes, keyStart, keyEnd } = this.open(number)
    return compareToKey(bytes, keyStart, keyEnd, key)
  }

  private compare(a: number, b: number): number {
    const one = this.open(a)
    const two = this.open(b, this.other)
    return compareKeys(one.bytes, one.keyStart, one.keyEnd, two.bytes, two.keyStart, two.keyEnd)
  }

  private open(number: number, cursor = this.cursor): WriteCursor {
    const { firsts } = this
    let low = 0
    let high = firsts.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((firsts[middle] as number) <= number) low = middle + 1
      else high = middle
    }
    const start = (this.starts[Math.floor(number / pieceLength)] as Uint32Array)[number % pieceLength] as number
    cursor.open((this.blocks[low - 1] as ByteWriter).buffer, start)
    return cursor
  }

  private room(bytes: number): ByteWriter {
    const last = this.blocks.at(-1)
    if (last !== undefined && last.length + bytes <= blockBytesMax) return last
    const capacity = Math.max(bytes, this.blocks.length === 0 ? blockBytesMin : blockBytesMax)
    this.take(capacity)
    const writer = new ByteWriter(capacity)
    this.blocks.push(writer)
    this.firsts.push(this.count)
    return writer
  }

  private newPiece(): Uint32Array {
    this.take(pieceLength * 4)
    const piece = new Uint32Array(pieceLength)
    this.starts.push(piece)
    return piece
  }
}
