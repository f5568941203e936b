import { assert } from '../../protocol/assert.ts'
import { SqlError } from '../../protocol/errors.ts'
import type { Key, KeyRange } from '../../protocol/key.ts'
import type { Check, Mode, Write, WriteOperation } from '../../protocol/messages.ts'
import type { MemoryPool } from './memory.ts'
import { SortedKeys } from './sorted-keys.ts'

/** What a reader finds for a key: undefined = ask storage, null = deleted by this transaction. */
export type Own = Uint8Array | null | undefined

interface Version {
  readonly command: number
  readonly postImage: Uint8Array | undefined
  readonly before: Version | undefined
}

/**
 * A key's newest state. It is the `Write` that a commit sends, so that a million rows are not copied for it; post-images lie in few large
 * chunks, because a Buffer of its own for each row would weigh more than the row.
 */
class Entry implements Write {
  readonly key: Key
  mode: Mode
  command: number
  /** Versions of earlier commands, as long as somebody may still see them. */
  before: Version | undefined
  /** Storage holds the key at tauStart. */
  readonly existed: boolean
  private chunk: Uint8Array | undefined
  private start = 0
  length = 0

  constructor(key: Key, mode: Mode, command: number, existed: boolean) {
    this.key = key
    this.mode = mode
    this.command = command
    this.before = undefined
    this.existed = existed
    this.chunk = undefined
  }

  get operation(): WriteOperation {
    if (this.chunk === undefined) return 'delete'
    return this.existed ? 'update' : 'create'
  }

  get isDelete(): boolean {
    return this.chunk === undefined
  }

  get postImage(): Uint8Array | undefined {
    const { chunk } = this
    if (chunk === undefined || chunk.length === this.length) return chunk
    return chunk.subarray(this.start, this.start + this.length)
  }

  /** Where the post-image lies; undefined: a delete. */
  place(chunk: Uint8Array | undefined, start: number, length: number): void {
    this.chunk = chunk
    this.start = start
    this.length = length
  }
}

export interface WriteSetContent {
  readonly writes: readonly Write[]
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
    return this.entries.size
  }

  get isEmpty(): boolean {
    return this.entries.size === 0 && this.checked.size === 0 && this.ranges.length === 0
  }

  /** The state that commands before `command` left. */
  visible(key: Key, command: number): Own {
    const entry = this.entryOf(key)
    if (entry === undefined) return undefined
    if (entry.command < command) return entry.postImage ?? null
    let version = entry.before
    while (version !== undefined && version.command >= command) version = version.before
    return version === undefined ? undefined : (version.postImage ?? null)
  }

  /** The state as it is now, the running command's own writes included. */
  latest(key: Key): Own {
    const entry = this.entryOf(key)
    return entry === undefined ? undefined : (entry.postImage ?? null)
  }

  has(key: Key): boolean {
    return this.entries.has(key)
  }

  private entryOf(key: Key): Entry | undefined {
    return key > this.highest ? undefined : this.entries.get(key)
  }

  /** `existed`: storage holds the key; asked only at its first write. Throws 54000 beyond the transaction's bound. */
  write(key: Key, postImage: Uint8Array | undefined, mode: Mode, command: number, existed: boolean): void {
    const entry = this.entryOf(key)
    if (entry === undefined) {
      this.take(key.length + entryBytes + (postImage?.length ?? 0))
      if (this.marks > 0) this.undo.push({ kind: 'new', key })
      const made = new Entry(key, mode, command, existed)
      this.put(made, postImage)
      this.entries.set(key, made)
      if (key > this.highest) this.highest = key
      if (this.entries.size % gatheredFrom === 0) this.weigh()
      this.sorted.add(key)
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

  /** Throws 53200 when the uncommitted writes of all sessions are more than the process can hold. */
  private weigh(): void {
    const { pool } = this
    if (pool === undefined) return
    const more = gatheredFrom * entryWeight
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
    if (this.entries.size === 0) return
    for (const key of this.sorted.within(range, reverse)) {
      const own = this.visible(key, command)
      if (own !== undefined) yield [key, own]
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

  private take(bytes: number): void {
    if (this.bytes + bytes > this.bytesMax) {
      throw new SqlError('54000', `transaction size limit of ${this.bytesMax} bytes exceeded`, {
        hint: 'Commit in smaller steps, or start the server with a larger --transaction-bytes-max.',
      })
    }
    this.bytes += bytes
  }
}
