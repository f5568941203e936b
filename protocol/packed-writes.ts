import { assert } from './assert.ts'
import { ByteWriter } from './bytes.ts'
import { contains, type Key, type KeyRange } from './key.ts'
import type { Mode, Write, WriteOperation } from './messages.ts'

/**
 * The writes of a large transaction as bytes: a million objects would be walked through and moved by every garbage collection for as long
 * as they live. A write lies as it does in a journal's record:
 *
 *     operation * 16 + mode (u8) | key (length, bytes) | 0 or post-image (length + 1, bytes)
 *
 * Numbers are varints. In a `PackedWrites` the keys ascend, each once, over all blocks.
 */
const modes: readonly Mode[] = ['X', 'N', 'S', 'R', 'E']
const operations: readonly WriteOperation[] = ['create', 'update', 'delete']
/** A block is closed when it is larger. Small blocks, a message each, let other records in between. */
const blockBytesMax = 262_144
const blockBytesMin = 16_384
/** Besides key and post-image. */
const headBytesMax = 16

export const flagsOf = (operation: WriteOperation, mode: Mode): number => operations.indexOf(operation) * 16 + modes.indexOf(mode)

export function modeOf(flags: number): Mode {
  const mode = modes[flags & 15]
  assert(mode !== undefined, 'a write has a mode')
  return mode
}

export function operationOf(flags: number): WriteOperation {
  const operation = operations[flags >> 4]
  assert(operation !== undefined, 'a write has an operation')
  return operation
}

/** Puts writes behind each other. */
export function encodeWrite(writer: ByteWriter, flags: number, key: Key, postImage: Uint8Array | undefined): void {
  writer.u8(flags)
  writer.lengthLatin1(key)
  if (postImage === undefined) writer.u8(0)
  else {
    writer.varint(postImage.length + 1)
    writer.bytes(postImage)
  }
}

/** Walks through writes in one buffer without making anything of them. Throws RangeError where one is cut off. */
export class WriteCursor {
  bytes: Buffer
  /** Where the write begins and the next one does. */
  start = 0
  next = 0
  flags = 0
  keyStart = 0
  keyEnd = 0
  /** -1: no post-image. */
  imageStart = -1
  private at = 0

  constructor(bytes: Buffer, next = 0) {
    this.bytes = bytes
    this.next = next
  }

  /** False at the end. */
  advance(): boolean {
    if (this.next >= this.bytes.length) return false
    this.open(this.bytes, this.next)
    return true
  }

  open(bytes: Buffer, start: number): void {
    this.bytes = bytes
    this.start = start
    this.flags = bytes[start] as number
    this.at = start + 1
    const keyLength = this.varint()
    this.keyStart = this.at
    this.keyEnd = this.at += keyLength
    const length = this.varint()
    this.imageStart = length === 0 ? -1 : this.at
    this.next = length === 0 ? this.at : this.at + length - 1
    if (this.next > bytes.length) throw new RangeError('a write goes beyond the end of its block')
  }

  get key(): Key {
    return this.bytes.latin1Slice(this.keyStart, this.keyEnd) as Key
  }

  /** A view. */
  get postImage(): Buffer | undefined {
    return this.imageStart < 0 ? undefined : this.bytes.subarray(this.imageStart, this.next)
  }

  get mode(): Mode {
    return modeOf(this.flags)
  }

  get write(): Write {
    return { key: this.key, operation: operationOf(this.flags), mode: this.mode, postImage: this.postImage }
  }

  private varint(): number {
    const { bytes } = this
    let byte = bytes[this.at++] as number
    let value = byte & 0x7f
    for (let unit = 0x80; byte >= 0x80; unit *= 0x80) {
      byte = bytes[this.at++] as number
      value += (byte & 0x7f) * unit
    }
    if (this.at > bytes.length) throw new RangeError('a write goes beyond the end of its block')
    return value
  }
}

/** Below 0, 0 or above 0, as the key at the cursor lies to `key`. */
export function compareToKey(bytes: Buffer, start: number, end: number, key: Key): number {
  const length = Math.min(end - start, key.length)
  for (let i = 0; i < length; i++) {
    const difference = (bytes[start + i] as number) - key.charCodeAt(i)
    if (difference !== 0) return difference
  }
  return end - start - key.length
}

export interface PackedBlock {
  readonly bytes: Buffer
  readonly count: number
}

export class PackedWrites implements Iterable<Write> {
  readonly blocks: readonly PackedBlock[]
  readonly length: number

  constructor(blocks: readonly PackedBlock[]) {
    this.blocks = blocks
    this.length = blocks.reduce((sum, { count }) => sum + count, 0)
  }

  *[Symbol.iterator](): Generator<Write, void, void> {
    for (const { bytes } of this.blocks) {
      const cursor = new WriteCursor(bytes)
      while (cursor.advance()) yield cursor.write
    }
  }

  get bytes(): number {
    return this.blocks.reduce((sum, { bytes }) => sum + bytes.length, 0)
  }

  /** Those within the range. */
  within(range: KeyRange): PackedWrites {
    const packer = new WritePacker()
    for (const { key, operation, mode, postImage } of this) {
      if (contains(range, key)) packer.add(flagsOf(operation, mode), key, postImage)
    }
    return packer.packed()
  }
}

/** The writes of a transaction: a few as objects, many as bytes. */
export type Writes = readonly Write[] | PackedWrites

/** Gathers writes into blocks. Who adds them in key order gets a `PackedWrites`. */
export class WritePacker {
  readonly blocks: PackedBlock[] = []
  private writer = new ByteWriter(blockBytesMin)
  private count = 0

  add(flags: number, key: Key, postImage: Uint8Array | undefined): void {
    this.makeRoom(key.length + (postImage?.length ?? 0) + headBytesMax)
    encodeWrite(this.writer, flags, key, postImage)
    this.count++
  }

  /** The write at the cursor. */
  copy({ bytes, start, next }: WriteCursor): void {
    this.makeRoom(next - start)
    this.writer.bytes(bytes.subarray(start, next))
    this.count++
  }

  packed(): PackedWrites {
    this.close()
    return new PackedWrites(this.blocks)
  }

  private makeRoom(bytes: number): void {
    if (this.count > 0 && this.writer.length + bytes > blockBytesMax) this.close()
  }

  private close(): void {
    if (this.count === 0) return
    this.blocks.push({ bytes: this.writer.view(), count: this.count })
    this.writer = new ByteWriter(blockBytesMax)
    this.count = 0
  }
}

/** By key, each the last one of its key. */
export function packWrites(writes: readonly Write[]): PackedWrites {
  const byKey = new Map(writes.map((write) => [write.key, write]))
  const packer = new WritePacker()
  for (const key of [...byKey.keys()].sort(byBytes)) {
    const { operation, mode, postImage } = byKey.get(key) as Write
    packer.add(flagsOf(operation, mode), key, postImage)
  }
  return packer.packed()
}

const byBytes = (a: Key, b: Key): number => (a < b ? -1 : a > b ? 1 : 0)

/**
 * The writes that lie in these bytes, `count` of them, and where what follows them begins: the block and the place in it. Journals hold
 * them in key order; those that do not are put in order.
 */
export function readPacked(
  buffers: readonly Buffer[],
  count: number,
): { readonly writes: PackedWrites; readonly rest: Buffer[] } {
  const blocks: PackedBlock[] = []
  const rest: Buffer[] = []
  let left = count
  let isAscending = true
  let before: { bytes: Buffer; start: number; end: number } | undefined
  for (const bytes of buffers) {
    if (left === 0) {
      rest.push(bytes)
      continue
    }
    const cursor = new WriteCursor(bytes)
    let found = 0
    while (found < left && cursor.advance()) {
      found++
      assert((cursor.flags & 15) < modes.length && cursor.flags >> 4 < operations.length, 'a write has an operation and a mode')
      const { keyStart, keyEnd } = cursor
      if (before === undefined) before = { bytes, start: keyStart, end: keyEnd }
      else {
        isAscending &&= compareKeys(before.bytes, before.start, before.end, bytes, keyStart, keyEnd) < 0
        before.bytes = bytes
        before.start = keyStart
        before.end = keyEnd
      }
    }
    left -= found
    if (cursor.next < bytes.length) rest.push(bytes.subarray(cursor.next))
    if (found > 0) blocks.push({ bytes: bytes.subarray(0, cursor.next), count: found })
  }
  assert(left === 0, 'as many writes as are counted')
  const writes = new PackedWrites(blocks)
  return { writes: isAscending ? writes : packWrites([...writes]), rest }
}

export function compareKeys(a: Buffer, aStart: number, aEnd: number, b: Buffer, bStart: number, bEnd: number): number {
  const length = Math.min(aEnd - aStart, bEnd - bStart)
  for (let i = 0; i < length; i++) {
    const difference = (a[aStart + i] as number) - (b[bStart + i] as number)
    if (difference !== 0) return difference
  }
  return aEnd - aStart - (bEnd - bStart)
}
