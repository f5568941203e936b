import { type AppendOutcome, type Following, type Log, LogCorrupt, type LogEntry } from '../../bus/log.ts'
import type { World } from '../../bus/world.ts'
import { type Sequence, sequence } from '../../protocol/ids.ts'
import type { Kernel } from './kernel.ts'
import type { SeededRandom } from './random.ts'

/** Probabilities per append. */
interface StreamFaults {
  /** It never arrives. */
  lost: number
  /** It lands, and its acknowledgement does not come. */
  unacknowledged: number
  /** It lands long after its sender has given up on it. */
  late: number
}

/**
 * One partition's journal as several processes share it, after JetStream: appends carry the sequence they expect, acknowledgements get lost,
 * identical resends are acknowledged again, appends land late, and every reader hears of entries in order and in its own time.
 */
export class SharedStream {
  /** All that there ever were; readers get those that have not been trimmed. */
  readonly entries: LogEntry[] = []
  /** Sequence of the first entry held. */
  first = 1
  readonly faults: StreamFaults = { lost: 0, unacknowledged: 0, late: 0 }
  /** Hears of every entry when it is there. */
  onEntry: ((bytes: Uint8Array) => void) | undefined
  private readonly kernel: Kernel
  private readonly random: SeededRandom
  private readonly readers = new Set<() => void>()
  /** Readers are behind by up to so much. */
  private readonly lagMicros: number

  constructor(kernel: Kernel, name: string) {
    this.kernel = kernel
    this.random = kernel.random(`stream ${name}`)
    this.lagMicros = kernel.random('stream lags').pick([1, 4_000, 20_000])
  }

  /** The log as one incarnation of a process sees it. */
  attach(world: World): Log {
    return new SharedLog(this, world)
  }

  delay(): number {
    return 100 + this.random.integer(700)
  }

  /** What became of one sending; undefined: nobody says. */
  send(bytes: Uint8Array, expected: Sequence, answer: (outcome: AppendOutcome) => void): void {
    const { kernel, random, faults } = this
    if (random.chance(faults.lost)) {
      kernel.count('fault append lost')
      return
    }
    const isLate = random.chance(faults.late)
    if (isLate) kernel.count('fault append late')
    kernel.after(this.delay() + (isLate ? random.integer(1_500_000) : 0), 'append arrives', () => {
      const outcome = this.land(bytes, expected)
      if (random.chance(faults.unacknowledged)) kernel.count('fault acknowledgement lost')
      else kernel.after(this.delay(), 'append answered', () => answer(outcome))
    })
  }

  private land(bytes: Uint8Array, expected: Sequence): AppendOutcome {
    const held = this.entries[expected]
    if (held !== undefined) {
      if (held.bytes.equals(bytes)) return { kind: 'appended', sequence: held.sequence }
      this.kernel.count('fault append refused')
      return { kind: 'refused', last: sequence(this.entries.length) }
    }
    if (expected !== this.entries.length) return { kind: 'refused', last: sequence(this.entries.length) }
    this.entries.push({ sequence: sequence(expected + 1), bytes: Buffer.from(bytes) })
    for (const tell of [...this.readers]) tell()
    this.onEntry?.(bytes)
    return { kind: 'appended', sequence: sequence(expected + 1) }
  }

  follow(told: () => void): () => void {
    const tell = (): void => void this.kernel.after(this.delay() + this.random.integer(this.lagMicros), 'entry delivered', told)
    this.readers.add(tell)
    return () => void this.readers.delete(tell)
  }
}

const answerMs = 60

interface Follower {
  next: number
  readonly onEntry: (entry: LogEntry) => void
  readonly onFailure: ((error: unknown) => void) | undefined
}

class SharedLog implements Log {
  readonly exclusive = false
  private readonly stream: SharedStream
  private readonly world: World
  private readonly followers = new Set<Follower>()
  private readonly unfollow: () => void

  constructor(stream: SharedStream, world: World) {
    this.stream = stream
    this.world = world
    // Deliveries die with the process: its timers do.
    this.unfollow = stream.follow(() => world.clock.soon(() => this.deliver()))
  }

  append(bytes: Uint8Array, expected: Sequence): Promise<AppendOutcome> {
    return new Promise((resolve) => {
      const timeout = this.world.clock.after(answerMs, () => resolve({ kind: 'unknown' }))
      this.stream.send(bytes, expected, (outcome) =>
        this.world.clock.soon(() => {
          timeout.cancel()
          // Own entries come before their acknowledgement.
          if (outcome.kind === 'appended') this.deliver()
          resolve(outcome)
        }),
      )
    })
  }

  /** From the stream's leader: nothing that was acknowledged is missing. */
  async *read(from: Sequence): AsyncIterable<LogEntry> {
    await this.world.clock.sleep(1)
    const last = this.stream.entries.length
    for (let n = Math.max(from, this.stream.first); n <= last; n++) yield this.stream.entries[n - 1] as LogEntry
  }

  follow(from: Sequence, onEntry: (entry: LogEntry) => void, onFailure?: (error: unknown) => void): Following {
    const follower: Follower = { next: Math.max(1, from), onEntry, onFailure }
    this.followers.add(follower)
    this.give(follower)
    return { close: () => void this.followers.delete(follower) }
  }

  private deliver(): void {
    for (const follower of this.followers) this.give(follower)
  }

  private give(follower: Follower): void {
    const { entries, first } = this.stream
    while (follower.next <= entries.length) {
      if (follower.next < first) {
        this.followers.delete(follower)
        follower.onFailure?.(
          new LogCorrupt(`the stream begins with message ${first}, and message ${follower.next} was not read yet`),
        )
        return
      }
      follower.onEntry(entries[follower.next++ - 1] as LogEntry)
    }
  }

  last(): Sequence {
    return sequence(this.stream.entries.length)
  }

  first(): Sequence {
    return sequence(this.stream.first)
  }

  /** A purge that every other process finds done at once. */
  trim(to: Sequence): void {
    const { stream } = this
    stream.first = Math.max(stream.first, Math.min(to, stream.entries.length))
  }

  crowded(): boolean {
    return false
  }

  bytesUsed(): number {
    return this.stream.entries.slice(this.stream.first - 1).reduce((sum, { bytes }) => sum + bytes.length, 0)
  }

  async close(): Promise<void> {
    this.unfollow()
    this.followers.clear()
  }
}
