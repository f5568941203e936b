import { assert } from '../../protocol/assert.ts'
import { SqlError } from '../../protocol/errors.ts'
import type { Key, KeyRange } from '../../protocol/key.ts'
import { longBytesMin, longKeysMin } from '../../protocol/limits.ts'
import type { Check, Mode, Write } from '../../protocol/messages.ts'
import { modeOf, operationOf, type Writes } from '../../protocol/packed-writes.ts'
import type { MemoryPool } from './memory.ts'
import { PackedTables } from './packed-tables.ts'
import { SortedKeys } from './sorted-keys.ts'
import { Entry, type Version } from './write-entry.ts'

/** What a reader finds for a key: undefined = ask storage, null = deleted by this transaction. */
export type Own = Uint8Array | null | undefined

export interface WriteSetContent {
  readonly writes: Writes
  readonly checks: readonly Check[]
}

type Undo =
  | { readonly kind: 'new'; readonly key: Key }
  | {
      readonly kind: 'changed'
      readonly entry: Entry
      readonly mode: Mode
      readonly postImage: Uint8Array | undefined
      readonly command: number
      readonly before: Version | undefined
    }
  | { readonly kind: 'check'; readonly key: Key; readonly mode: Mode | undefined }

/** From weak to strong; who holds a stronger mode needs no weaker one. E beside R or S is no stronger: it checks nothing. */
const strength: Readonly<Record<Mode, number>> = { E: 0, R: 1, S: 2, N: 3, X: 4 }
const stronger = (a: Mode, b: Mode): Mode => (strength[a] >= strength[b] ? a : b)
/** What an entry costs beside its key and post-image, in the record and in memory. */
const entryBytes = 32
/** From so many entries on, post-images are gathered in chunks. */
const gatheredFrom = 256
const chunkBytes = 1_048_576
/** What an entry weighs in this process beside its post-image, all told, until its commit is on disk. */
const entryWeight = 320
/** Writes put together in one turn. */
const sliceWrites = 20_000

/**
 * What one transaction has written and checked: key -> post-image, repeated writes merged. Statements do not see what they write
 * themselves: every version carries the command that wrote it. A mark is a savepoint.
 */
export class WriteSet {
  private readonly entries = new Map<Key, Entry>()
  /** From `longKeysMin` keys on, what is written for the first time lies here, and in `entries` only what is written again. */
  private packed: PackedTables | undefined
  /** No entry has a key above it: loads bring their rows in key order, and each is new without a look at a table of millions. */
  private highest = '' as Key
  private readonly checked = new Map<Key, Mode>()
  private readonly ranges: KeyRange[] = []
  private readonly sorted = new SortedKeys()
  /** Kept only while there are savepoints. */
  private undo: Undo[] = []
  private chunk: Buffer | undefined
  private chunkUsed = 0
  private marks = 0
  private readonly bytesMax: number
  /** What all write sets of the process hold; only large ones are counted. */
  private readonly pool: MemoryPool | undefined
  private pooled = 0
  bytes = 0
  /** Scans of earlier commands that are still open (suspended portals): while there are any, older versions are kept. */
  openReaders = 0

  constructor(bytesMax: number, pool?: MemoryPool) {
    this.bytesMax = bytesMax
    this.pool = pool
  }

  get size(): number {
    return this.entries.size + (this.packed?.size ?? 0)
  }

  get isEmpty(): boolean {
    return this.size === 0 && this.checked.size === 0 && this.ranges.length === 0
  }

  /** The state that commands before `command` left. */
  visible(key: Key, command: number): Own {
    const entry = this.entryOf(key)
    if (entry === undefined) return this.packed?.visible(key, command)
    if (entry.command < command) return entry.postImage ?? null
    let version = entry.before
    while (version !== undefined && version.command >= command) version = version.before
    return version === undefined ? undefined : (version.postImage ?? null)
  }

  /** The state as it is now, the running command's own writes included. */
  latest(key: Key): Own {
    const entry = this.entryOf(key)
    return entry === undefined ? this.packed?.visible(key, Number.POSITIVE_INFINITY) : (entry.postImage ?? null)
  }

  has(key: Key): boolean {
    return this.entries.has(key) || this.packed?.has(key) === true
  }

  private entryOf(key: Key): Entry | undefined {
    return key > this.highest ? undefined : this.entries.get(key)
  }

  /** `existed`: storage holds the key; asked only at its first write. Throws 54000 beyond the transaction's bound. */
  write(key: Key, postImage: Uint8Array | undefined, mode: Mode, command: number, existed: boolean): void {
    const entry = this.entryOf(key) ?? this.unpacked(key)
    if (entry === undefined) {
      this.writeNew(key, postImage, mode, command, existed)
      return
    }
    assert(command >= entry.command, 'commands are counted upwards')
    this.take((postImage?.length ?? 0) - entry.length)
    if (this.marks > 0) {
      const { mode, postImage, command, before } = entry
      this.undo.push({ kind: 'changed', entry, mode, postImage, command, before })
    }
    if (command > entry.command) {
      const older = this.openReaders > 0 || this.marks > 0 ? entry.before : undefined
      entry.before = { command: entry.command, postImage: entry.postImage, before: older }
      entry.command = command
    }
    this.put(entry, postImage)
    entry.mode = stronger(entry.mode, mode)
  }

  private writeNew(key: Key, postImage: Uint8Array | undefined, mode: Mode, command: number, existed: boolean): void {
    this.take(key.length + entryBytes + (postImage?.length ?? 0))
    const isHighest = key > this.highest
    if (isHighest) this.highest = key
    // What a savepoint may take back, and what was never there and is not, is no packed write.
    if (this.packed !== undefined && this.marks === 0 && (postImage !== undefined || existed)) {
      const operation = postImage === undefined ? 'delete' : existed ? 'update' : 'create'
      this.packed.of(key).add(key, mode, operation, postImage, command)
      return
    }
    if (this.marks > 0) this.undo.push({ kind: 'new', key })
    const made = new Entry(key, mode, command, existed)
    this.put(made, postImage)
    this.entries.set(key, made)
    if (this.entries.size % gatheredFrom === 0) this.weigh(gatheredFrom * entryWeight)
    this.sorted.add(key)
    if (this.entries.size >= longKeysMin && this.packed === undefined && this.marks === 0) this.pack()
  }

  /** The transaction has become a large one: objects become bytes, but for those that earlier commands see in another state. */
  private pack(): void {
    this.packed = new PackedTables((bytes) => this.weigh(bytes))
    this.sorted.clear()
    for (const entry of this.entries.values()) {
      if (entry.before !== undefined || (entry.isDelete && !entry.existed)) this.sorted.add(entry.key)
      else {
        this.packed.add(entry)
        this.entries.delete(entry.key)
      }
    }
  }

  /** A packed write that is about to change becomes an object again. */
  private unpacked(key: Key): Entry | undefined {
    if (this.packed === undefined || key > this.highest) return undefined
    const taken = this.packed.remove(key)
    if (taken === undefined) return undefined
    const entry = new Entry(key, modeOf(taken.flags), taken.command, operationOf(taken.flags) !== 'create')
    this.put(entry, taken.postImage)
    this.entries.set(key, entry)
    return entry
  }

  /** Throws 53200 when the uncommitted writes of all sessions are more than the process can hold. */
  private weigh(more: number): void {
    const { pool } = this
    if (pool === undefined) return
    if (more > pool.bytesFree) {
      throw new SqlError('53200', 'out of memory', {
        detail: `The uncommitted writes of all transactions together need more than ${pool.bytesMax} bytes.`,
        hint: 'Commit in smaller steps, or fewer large transactions at a time.',
      })
    }
    this.pooled += more
    pool.bytesUsed += more
  }

  /** The transaction is over. */
  close(): void {
    if (this.pool !== undefined) this.pool.bytesUsed -= this.pooled
    this.pooled = 0
  }

  /** A few post-images stay as they came; many are gathered. */
  private put(entry: Entry, postImage: Uint8Array | undefined): void {
    if (postImage === undefined || this.entries.size < gatheredFrom || postImage.length > chunkBytes / 4) {
      entry.place(postImage, 0, postImage?.length ?? 0)
      return
    }
    if (this.chunk === undefined || this.chunkUsed + postImage.length > chunkBytes) {
      this.chunk = Buffer.allocUnsafeSlow(chunkBytes)
      this.chunkUsed = 0
    }
    this.chunk.set(postImage, this.chunkUsed)
    entry.place(this.chunk, this.chunkUsed, postImage.length)
    this.chunkUsed += postImage.length
  }

  /** The commit is on its way: only its request holds the writes from now on. */
  letGo(): void {
    this.entries.clear()
    this.packed = undefined
    this.checked.clear()
    this.sorted.clear()
    this.undo = []
  }

  check(key: Key, mode: Mode): void {
    const held = this.checked.get(key)
    if (held !== undefined && strength[held] >= strength[mode]) return
    if (held === undefined) this.take(key.length + entryBytes)
    if (this.marks > 0) this.undo.push({ kind: 'check', key, mode: held })
    this.checked.set(key, mode)
  }

  /** Nobody else may have written a key of this range (R). Kept over ROLLBACK TO: a check too many is no mistake. */
  checkRange(range: KeyRange): void {
    this.take(range.start.length + range.end.length + entryBytes)
    this.ranges.push(range)
  }

  /** Own keys inside a range, ascending (descending when `reverse`), as commands before `command` left them; untouched ones are left out. */
  *within(range: KeyRange, reverse: boolean, command: number): Generator<readonly [Key, Uint8Array | null], void, void> {
    if (this.size === 0) return
    const own = this.sorted.within(range, reverse)
    for (const key of this.packed === undefined ? own : this.packed.keysWithin(range, reverse, own)) {
      const state = this.visible(key, command)
      if (state !== undefined) yield [key, state]
    }
  }

  /** A savepoint. */
  mark(): number {
    this.marks++
    return this.undo.length
  }

  /** The savepoint is gone, what was written since stays. */
  release(): void {
    assert(this.marks > 0, 'a released savepoint was set')
    if (--this.marks === 0) this.undo = []
  }

  /** Undoes everything since the mark, which stays. */
  rollBackTo(mark: number): void {
    while (this.undo.length > mark) this.revert(this.undo.pop() as Undo)
  }

  private revert(step: Undo): void {
    if (step.kind === 'new') {
      const entry = this.entries.get(step.key) as Entry
      this.bytes -= step.key.length + entryBytes + entry.length
      this.entries.delete(step.key)
    } else if (step.kind === 'changed') {
      const { entry } = step
      this.bytes += (step.postImage?.length ?? 0) - entry.length
      entry.mode = step.mode
      this.put(entry, step.postImage)
      entry.command = step.command
      entry.before = step.before
    } else if (step.mode === undefined) {
      this.bytes -= step.key.length + entryBytes
      this.checked.delete(step.key)
    } else this.checked.set(step.key, step.mode)
  }

  /**
   * What a commit sends. A key created and deleted again leaves nothing behind; a check of a written key strengthens its mode. Suspends
   * itself between slices: a million writes are not put together in one turn.
   */
  *result(): Generator<undefined, WriteSetContent> {
    if (this.packed !== undefined || this.entries.size > longKeysMin || this.bytes > longBytesMin)
      return yield* this.packedResult()
    const writes: Write[] = []
    let seen = 0
    for (const entry of this.entries.values()) {
      if (++seen % sliceWrites === 0) yield
      if (!entry.isDelete || entry.existed) writes.push(entry)
    }
    const checks: Check[] = this.ranges.map((range) => ({ range, mode: 'R' }))
    for (const [key, mode] of this.checked) {
      if (++seen % sliceWrites === 0) yield
      const entry = this.entries.get(key)
      if (entry === undefined || (entry.isDelete && !entry.existed) || entry.mode === 'E') checks.push({ key, mode })
      else entry.mode = stronger(entry.mode, mode)
    }
    return { writes, checks }
  }

  private *packedResult(): Generator<undefined, WriteSetContent> {
    const packed = this.packed ?? new PackedTables((bytes) => this.weigh(bytes))
    const checks: Check[] = this.ranges.map((range) => ({ range, mode: 'R' }))
    let seen = 0
    for (const [key, mode] of this.checked) {
      if (++seen % sliceWrites === 0) yield
      const entry = this.entries.get(key)
      const held = entry === undefined ? packed.mode(key) : entry.isDelete && !entry.existed ? undefined : entry.mode
      if (held === undefined || held === 'E') checks.push({ key, mode })
      else if (entry === undefined) packed.setMode(key, stronger(held, mode))
      else entry.mode = stronger(held, mode)
    }
    for (const entry of this.entries.values()) {
      if (++seen % sliceWrites === 0) yield
      if (!entry.isDelete || entry.existed) packed.add(entry)
    }
    return { writes: yield* packed.result(), checks }
  }

  private take(bytes: number): void {
    if (this.bytes + bytes > this.bytesMax) {
      throw new SqlError('54000', `transaction size limit of ${this.bytesMax} bytes exceeded`, {
        hint: 'Commit in smaller steps, or start the server with a larger --transaction-bytes-max.',
      })
    }
    this.bytes += bytes
  }
}
