import { assert } from '../protocol/assert.ts'
import { type Sequence, sequence } from '../protocol/ids.ts'
import type { Registration } from './bus.ts'
import type { AppendOutcome, Log, LogEntry } from './log.ts'

/** A log that forgets everything with its process (`--ephemeral`). The same contract as the embedded log, without a disk. */
export class MemoryLog implements Log {
  readonly exclusive: boolean = true
  private entries: LogEntry[] = []
  private firstHeld = 1
  private lastHeld = 0
  private bytesHeld = 0
  private readonly followers = new Set<(entry: LogEntry) => void>()
  private isAppending = false

  async append(bytes: Uint8Array, expected: Sequence): Promise<AppendOutcome> {
    assert(!this.isAppending, 'one append is under way at a time')
    if (expected !== this.lastHeld) {
      const held = this.entries[expected + 1 - this.firstHeld]
      if (held?.bytes.equals(bytes)) return { kind: 'appended', sequence: held.sequence }
      return { kind: 'refused', last: sequence(this.lastHeld) }
    }
    this.isAppending = true
    const copy = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes)
    const entry: LogEntry = { sequence: sequence(++this.lastHeld), bytes: copy }
    this.entries.push(entry)
    this.bytesHeld += copy.length
    for (const onEntry of this.followers) onEntry(entry)
    this.isAppending = false
    return { kind: 'appended', sequence: entry.sequence }
  }

  *read(from: Sequence): Iterable<LogEntry> {
    for (let n = Math.max(from, this.firstHeld); n <= this.lastHeld; n++) {
      const entry = this.entries[n - this.firstHeld]
      if (entry !== undefined) yield entry
    }
  }

  follow(from: Sequence, onEntry: (entry: LogEntry) => void): Registration {
    for (const entry of this.read(from)) onEntry(entry)
    this.followers.add(onEntry)
    return { close: () => void this.followers.delete(onEntry) }
  }

  last(): Sequence {
    return sequence(this.lastHeld)
  }

  first(): Sequence {
    return sequence(this.firstHeld)
  }

  trim(to: Sequence): void {
    const count = Math.min(to, this.lastHeld) - this.firstHeld
    if (count <= 0) return
    for (let i = 0; i < count; i++) this.bytesHeld -= (this.entries[i] as LogEntry).bytes.length
    this.entries = this.entries.slice(count)
    this.firstHeld += count
  }

  crowded(): boolean {
    return false
  }

  bytesUsed(): number {
    return this.bytesHeld
  }

  async close(): Promise<void> {
    this.followers.clear()
  }
}
