import type { Sequence } from '../protocol/ids.ts'
import { sequence } from '../protocol/ids.ts'
import type { Registration } from './bus.ts'
import type { AppendOutcome, Log, LogEntry } from './log.ts'
import { LogCorrupt } from './log.ts'
import { type EntryReading, encodeEntry, entryEnd, isZero, readEntry } from './log-entry.ts'
import type { FileHandle, Files } from './world.ts'

export interface EmbeddedLogOptions {
  readonly directory: string
  /** A segment is closed when an entry no longer fits in it; whole segments are trimmed. */
  readonly segmentBytes?: number
  /** Segments are filled with zeros this far at a time, so that an append changes no metadata. */
  readonly fillBytes?: number
  /** The directory lock is held: no predecessor is alive (rule 1). */
  readonly exclusive: boolean
}

const segmentBytesDefault = 16 * 2 ** 20
const fillBytesDefault = 4 * 2 ** 20
/**
 * Room kept filled ahead, so that claims and heartbeats still fit once the disk is full (rule 17). It is there and synced before the entry in
 * front of it is written: a file that ends sooner has been cut, unless it is marked as crowded.
 */
const urgentBytes = 65_536
/** Room for most entries: a block of a large transaction is a quarter of a megabyte. */
const scratchBytes = 327_680
/** The digit is the format of the entries. */
const segmentMagic = 'TAUDBLOG2\n'
const segmentHeaderBytes = 32
/** Where the header says that the disk was full while entries were written; two bits, so that no flipped one looks like it. */
const crowdedAt = 24
const crowdedMark = 0x3c
const segmentName = /^\d{16}\.log$/

interface Segment {
  readonly path: string
  readonly first: number
}

/**
 * One partition's journal in a directory of preallocated segment files (architecture decision 5). One append is in flight at a time; its
 * acknowledgement means fdatasync has returned. A failed sync poisons this object: it answers `unknown`, then refuses
 * everything, and only a new one, which copies the tail into a fresh file, may go on (rule 18).
 */
export class EmbeddedLog implements Log {
  readonly exclusive: boolean
  private readonly files: Files
  private readonly directory: string
  private readonly segmentBytes: number
  private readonly fillBytes: number
  private segments: Segment[] = []
  private file: FileHandle
  private position = segmentHeaderBytes
  private filled = 0
  /** Zeros were added that are not synced yet. */
  private hasNewRoom = false
  private isMarkedCrowded = false
  private lastSequence = 0
  private inFlight = false
  /** The entry in flight. */
  private readonly scratch = Buffer.allocUnsafeSlow(scratchBytes)
  private poisoned = false
  private isCrowded = false
  /** What opening has read and checked, for the first follower: a large journal is not read twice. */
  private recovered: LogEntry[] | undefined = []
  private readonly followers = new Set<{ next: number; onEntry: (entry: LogEntry) => void }>()

  /** Opens or creates the log and reads it through; throws LogCorrupt for damage. */
  static async open(files: Files, options: EmbeddedLogOptions): Promise<EmbeddedLog> {
    files.makeDirectory(options.directory)
    const log = new EmbeddedLog(files, options)
    await log.recover()
    return log
  }

  private constructor(files: Files, options: EmbeddedLogOptions) {
    this.files = files
    this.directory = options.directory
    this.segmentBytes = options.segmentBytes ?? segmentBytesDefault
    this.fillBytes = Math.min(options.fillBytes ?? fillBytesDefault, this.segmentBytes)
    this.exclusive = options.exclusive
    this.file = unopened
  }

  last(): Sequence {
    return sequence(this.lastSequence)
  }

  first(): Sequence {
    return sequence(this.segments[0]?.first ?? 1)
  }

  async append(bytes: Uint8Array, expected: Sequence): Promise<AppendOutcome> {
    if (this.poisoned || this.inFlight) return { kind: 'unknown' }
    if (expected !== this.lastSequence) return this.refuseOrRepeat(bytes, expected)
    this.inFlight = true
    this.recovered = undefined
    try {
      const next = this.lastSequence + 1
      if (!(await this.makeRoom(bytes.length, next))) return { kind: 'full' }
      const entry = encodeEntry(this.position, next, bytes, this.scratch)
      try {
        if (this.hasNewRoom || this.isCrowded !== this.isMarkedCrowded) await this.settleRoom()
        this.file.writeAt(entry, this.position)
        await this.file.sync()
      } catch {
        this.poisoned = true
        return { kind: 'unknown' }
      }
      this.position += entry.length
      this.lastSequence = next
      const delivered = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes)
      this.deliver({ sequence: sequence(next), bytes: delivered })
      return { kind: 'appended', sequence: sequence(next) }
    } finally {
      this.inFlight = false
    }
  }

  /** An identical resend of the last entry is answered like the first sending; anything else found its slot taken. */
  private refuseOrRepeat(bytes: Uint8Array, expected: Sequence): AppendOutcome {
    if (expected === this.lastSequence - 1) {
      const [entry] = this.read(sequence(this.lastSequence))
      if (entry?.bytes.equals(bytes) === true) return { kind: 'appended', sequence: entry.sequence }
    }
    return { kind: 'refused', last: this.last() }
  }

  *read(from: Sequence): Iterable<LogEntry> {
    let next = Math.max(from, this.first())
    const segments = this.segments
    for (let i = 0; i < segments.length && next <= this.lastSequence; i++) {
      const segment = segments[i] as Segment
      const following = segments[i + 1]
      if (following !== undefined && following.first <= next) continue
      const buffer = this.load(segment)
      let at = segmentHeaderBytes
      for (let current = segment.first; current <= this.lastSequence; current++) {
        if (following !== undefined && current >= following.first) break
        const reading = readEntry(buffer, at, current)
        if (reading.kind !== 'entry')
          throw new LogCorrupt(`${segment.path}: entry ${current} cannot be read back (${reading.kind})`)
        if (current >= next) {
          yield { sequence: sequence(current), bytes: reading.bytes }
          next = current + 1
        }
        at = reading.next
      }
    }
  }

  follow(from: Sequence, onEntry: (entry: LogEntry) => void): Registration {
    const follower = { next: from as number, onEntry }
    this.followers.add(follower)
    const known = this.recovered ?? this.read(from)
    this.recovered = undefined
    for (const entry of known) {
      if (entry.sequence < from) continue
      follower.next = entry.sequence + 1
      onEntry(entry)
    }
    return { close: () => void this.followers.delete(follower) }
  }

  trim(to: Sequence): void {
    this.recovered = undefined
    let removed = false
    while (this.segments.length > 1 && (this.segments[1] as Segment).first <= to) {
      const segment = this.segments.shift() as Segment
      this.files.remove(segment.path)
      removed = true
    }
    if (removed) this.files.syncDirectory(this.directory)
  }

  bytesUsed(): number {
    return (this.segments.length - 1) * this.segmentBytes + this.filled
  }

  async close(): Promise<void> {
    this.poisoned = true
    this.followers.clear()
    if (this.file !== unopened) this.file.close()
    this.file = unopened
  }

  private deliver(entry: LogEntry): void {
    for (const follower of this.followers) {
      if (follower.next > entry.sequence) continue
      follower.next = entry.sequence + 1
      follower.onEntry(entry)
    }
  }

  private async recover(): Promise<void> {
    const names = this.files.list(this.directory)
    for (const name of names) if (name.endsWith('.draft')) this.files.remove(`${this.directory}/${name}`)
    const found = names.filter((name) => segmentName.test(name)).sort()
    const buffers: Buffer[] = []
    for (const name of found) {
      const segment = { path: `${this.directory}/${name}`, first: Number(name.slice(0, 16)) }
      const buffer = this.files.read(segment.path)
      if (!isSegment(buffer, segment.first)) {
        // Its creation was cut short, or undone on a full disk and the undoing lost: nothing was ever appended to it.
        if (wasNeverUsed(buffer)) {
          this.files.remove(segment.path)
          continue
        }
        throw unreadable(segment.path, buffer)
      }
      this.segments.push(segment)
      buffers.push(buffer)
    }
    for (const [i, segment] of this.segments.entries()) {
      if (i > 0 && segment.first !== this.lastSequence + 1)
        throw new LogCorrupt(`${segment.path}: damaged, entries ${this.lastSequence + 1} to ${segment.first - 1} are missing`)
      this.scan(segment, buffers[i] as Buffer, i === this.segments.length - 1)
    }
    const tail = this.segments.at(-1)
    if (tail === undefined) {
      const first = found.length === 0 ? 1 : this.lastSequence + 1
      if (!(await this.openSegment(first)))
        throw Object.assign(new Error(`ENOSPC: no space for a journal in ${this.directory}`), { code: 'ENOSPC' })
    } else await this.renew(tail, (buffers.at(-1) as Buffer).subarray(0, this.position))
  }

  private scan(segment: Segment, buffer: Buffer, isLast: boolean): void {
    this.lastSequence = segment.first - 1
    this.position = segmentHeaderBytes
    for (;;) {
      const reading = readEntry(buffer, this.position, this.lastSequence + 1)
      if (reading.kind === 'entry') {
        this.lastSequence++
        this.recovered?.push({ sequence: sequence(this.lastSequence), bytes: reading.bytes })
        this.position = reading.next
        continue
      }
      if (reading.kind === 'end' || (reading.kind === 'torn' && isLast)) {
        if (isLast && isCut(buffer, this.position, reading)) throw cutShort(segment.path, this.lastSequence)
        return
      }
      const why = reading.kind === 'damaged' ? reading.why : 'an entry is cut off'
      throw new LogCorrupt(`${segment.path}: damaged behind entry ${this.lastSequence}: ${why}`)
    }
  }

  /**
   * The tail goes on in a fresh file: after a failed sync the old one's pages may be in memory only and no longer known as such, and a torn
   * entry's bytes must be zeros again.
   */
  private async renew(segment: Segment, content: Buffer): Promise<void> {
    const padded = Buffer.alloc(content.length + urgentBytes)
    content.copy(padded)
    padded[crowdedAt] = 0
    try {
      await this.files.replace(segment.path, padded)
      this.file = this.files.open(segment.path, 'append')
      this.filled = padded.length
    } catch (error) {
      if ((error as { code?: string }).code !== 'ENOSPC') throw error
      this.file = this.files.open(segment.path, 'append')
      this.filled = this.file.size
      this.isMarkedCrowded = content[crowdedAt] === crowdedMark
      this.file.writeAt(Buffer.alloc(this.filled - this.position), this.position)
      await this.file.sync()
    }
  }

  crowded(): boolean {
    if (this.isCrowded) this.isCrowded = !this.fill(this.position + urgentBytes)
    return this.isCrowded
  }

  /** True when the entry fits at the position, filling or rolling as needed. False: the disk is full, and nothing of it was written. */
  private async makeRoom(bodyBytes: number, next: number): Promise<boolean> {
    const end = entryEnd(this.position, bodyBytes)
    if (this.position > segmentHeaderBytes && end > this.segmentBytes) {
      if (await this.openSegment(next)) return this.makeRoom(bodyBytes, next)
      this.isCrowded = true
    }
    this.isCrowded = !this.fill(end + urgentBytes)
    return end <= this.filled
  }

  /** Before an entry is written: the room behind it is the disk's, or the header says that there is none. */
  private async settleRoom(): Promise<void> {
    if (this.isCrowded && !this.isMarkedCrowded) this.markCrowded(true)
    await this.file.sync()
    this.hasNewRoom = false
    if (!this.isCrowded && this.isMarkedCrowded) this.markCrowded(false)
  }

  private markCrowded(isCrowded: boolean): void {
    this.file.writeAt(Uint8Array.of(isCrowded ? crowdedMark : 0), crowdedAt)
    this.isMarkedCrowded = isCrowded
  }

  /** Fills the segment with zeros, a step at a time, until `end` is inside; false when the disk is full first. */
  private fill(end: number): boolean {
    while (this.filled < end) {
      const step = Math.max(1, Math.min(this.fillBytes, Math.max(this.segmentBytes, end) - this.filled))
      try {
        this.file.writeAt(Buffer.alloc(step), this.filled)
      } catch (error) {
        if ((error as { code?: string }).code === 'ENOSPC') return false
        throw error
      }
      this.filled += step
      this.hasNewRoom = true
    }
    return true
  }

  private async openSegment(first: number): Promise<boolean> {
    const path = `${this.directory}/${String(first).padStart(16, '0')}.log`
    const fill = Math.max(Math.min(this.fillBytes, this.segmentBytes), segmentHeaderBytes + urgentBytes)
    let file: FileHandle | undefined
    try {
      file = this.files.open(path, 'create')
      file.writeAt(Buffer.alloc(fill), 0)
      await file.sync()
      file.writeAt(segmentHeader(first), 0)
      await file.sync()
      this.files.syncDirectory(this.directory)
    } catch (error) {
      file?.close()
      if ((error as { code?: string }).code !== 'ENOSPC') throw error
      this.files.remove(path)
      this.files.syncDirectory(this.directory)
      return false
    }
    if (this.file !== unopened) this.file.close()
    this.file = file
    this.position = segmentHeaderBytes
    this.filled = fill
    this.hasNewRoom = false
    this.isMarkedCrowded = false
    this.segments.push({ path, first })
    if (this.lastSequence === 0) this.lastSequence = first - 1
    return true
  }

  private load(segment: Segment): Buffer {
    return this.files.read(segment.path)
  }
}

/** Every entry of a log's directory, read without changing anything; what a writer is just appending may or may not be there. */
export function* readLogFiles(files: Files, directory: string): Iterable<LogEntry> {
  let next: number | undefined
  const found = files
    .list(directory)
    .filter((name) => segmentName.test(name))
    .sort()
  for (const name of found) {
    const path = `${directory}/${name}`
    const first = Number(name.slice(0, 16))
    const buffer = files.read(path)
    if (!isSegment(buffer, first)) {
      if (wasNeverUsed(buffer)) continue
      throw unreadable(path, buffer)
    }
    if (next !== undefined && first !== next)
      throw new LogCorrupt(`${path}: damaged, entries ${next} to ${first - 1} are missing`)
    next = first
    for (let at = segmentHeaderBytes; ; next++) {
      const reading = readEntry(buffer, at, next)
      if (reading.kind === 'damaged') throw new LogCorrupt(`${path}: damaged behind entry ${next - 1}: ${reading.why}`)
      if (reading.kind !== 'entry') {
        // A writer that is just appending makes room first: then there is more of the file by now.
        const isWhole = name !== found.at(-1) || !isCut(buffer, at, reading) || files.read(path).length > buffer.length
        if (!isWhole) throw cutShort(path, next - 1)
        break
      }
      yield { sequence: sequence(next), bytes: reading.bytes }
      at = reading.next
    }
  }
}

function segmentHeader(first: number): Buffer {
  const header = Buffer.alloc(segmentHeaderBytes)
  header.write(segmentMagic, 'latin1')
  header.writeUIntBE(first, 16, 6)
  writeHeaderCheck(header)
  return header
}

function writeHeaderCheck(header: Buffer): void {
  header.writeUInt32BE(checkOfHeader(header), 28)
}

function checkOfHeader(header: Buffer): number {
  let check = 0
  for (let i = 0; i < 24; i++) check = (check * 31 + (header[i] as number)) >>> 0
  return check
}

/** A whole header of another format is no damage. */
function unreadable(path: string, buffer: Buffer): LogCorrupt {
  const isOther =
    buffer.length >= segmentHeaderBytes &&
    buffer.latin1Slice(0, 8) === segmentMagic.slice(0, 8) &&
    buffer.readUInt32BE(28) === checkOfHeader(buffer)
  return new LogCorrupt(
    isOther
      ? `${path}: another version of taudb wrote it in a format that this one does not read`
      : `${path}: damaged, its header does not match its check`,
  )
}

function isSegment(buffer: Buffer, first: number): boolean {
  const header = segmentHeader(first)
  header[crowdedAt] = buffer[crowdedAt] === crowdedMark ? crowdedMark : 0
  return buffer.subarray(0, segmentHeaderBytes).equals(header)
}

/** Its header is written when its room is synced: a small file with a part of one is what is left of a segment. */
const wasNeverUsed = (buffer: Buffer): boolean =>
  isZero(buffer.subarray(segmentHeaderBytes)) && (buffer.length >= segmentHeaderBytes + urgentBytes || isZero(buffer))

/** Whether a last segment, whole up to `position`, ends before the room that was synced before its last entry was written. */
function isCut(buffer: Buffer, position: number, reading: EntryReading): boolean {
  const end = reading.kind === 'torn' ? Math.max(position, reading.end) : position
  return buffer.length < end + urgentBytes && buffer[crowdedAt] !== crowdedMark
}

const cutShort = (path: string, last: number): LogCorrupt =>
  new LogCorrupt(`${path}: damaged behind entry ${last}: the file has been cut short`)

const unopened: FileHandle = {
  size: 0,
  writeAt: () => {},
  readAt: () => Buffer.alloc(0),
  truncate: () => {},
  sync: () => Promise.resolve(),
  close: () => {},
}
