import { createHash } from 'node:crypto'
import { SeededRandom, streamSeed } from './random.ts'

/** Microseconds of simulated time since the simulation's start. */
export type SimulatedTime = number

interface Event {
  readonly at: SimulatedTime
  readonly order: number
  readonly kind: string
  readonly action: () => void
  cancelled: boolean
}

const before = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/**
 * The one scheduler of a simulation: virtual time, a heap of events keyed (time, order), random streams, counters and the trace whose hash
 * must be the same for the same seed. Promises settle between events: after each one every microtask runs before the next.
 */
export class Kernel {
  now: SimulatedTime = 0
  steps = 0
  readonly seed: number
  readonly counters = new Map<string, number>()
  /** The last lines of the trace, for a failure's report. */
  readonly tail: string[] = []
  private readonly heap: Event[] = []
  private order = 0
  private readonly hash = createHash('sha256')
  private readonly streams = new Map<string, SeededRandom>()
  private failure: { error: unknown } | undefined

  constructor(seed: number) {
    this.seed = seed
  }

  random(name: string): SeededRandom {
    let stream = this.streams.get(name)
    if (stream === undefined) this.streams.set(name, (stream = new SeededRandom(streamSeed(this.seed, name))))
    return stream
  }

  /** `kind` names the event in the trace and in the counts. */
  after(delay: SimulatedTime, kind: string, action: () => void): { cancel(): void } {
    const event: Event = { at: this.now + Math.max(0, Math.round(delay)), order: this.order++, kind, action, cancelled: false }
    this.push(event)
    return {
      cancel: () => {
        event.cancelled = true
      },
    }
  }

  count(name: string, by = 1): void {
    this.counters.set(name, (this.counters.get(name) ?? 0) + by)
  }

  trace(line: string): void {
    const whole = `${this.now} ${line}\n`
    this.hash.update(whole)
    this.tail.push(whole)
    if (this.tail.length > 400) this.tail.splice(0, 200)
  }

  digest(): string {
    return this.hash.copy().digest('hex')
  }

  /** An oracle or an assertion failed: the run ends with this error. The first one counts. */
  fail(error: unknown): void {
    this.failure ??= { error }
  }

  /** Runs until `done` says so, the time is up or nothing is left to do. Throws what `fail` was told. */
  async run(until: SimulatedTime, done: () => boolean = () => false): Promise<void> {
    await nextTurn()
    for (;;) {
      if (this.failure !== undefined) throw this.failure.error
      if (done()) return
      const event = this.pop()
      if (event === undefined || event.at > until) {
        if (event !== undefined) this.push(event)
        this.now = Math.max(this.now, until)
        return
      }
      if (event.cancelled) continue
      this.now = event.at
      this.steps++
      this.count(`event ${event.kind}`)
      this.trace(event.kind)
      try {
        event.action()
      } catch (error) {
        this.fail(error)
      }
      await nextTurn()
    }
  }

  private push(event: Event): void {
    const heap = this.heap
    let i = heap.push(event) - 1
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (before(heap[parent] as Event, event)) break
      heap[i] = heap[parent] as Event
      i = parent
    }
    heap[i] = event
  }

  private pop(): Event | undefined {
    const heap = this.heap
    const top = heap[0]
    const last = heap.pop()
    if (top === undefined || last === undefined || heap.length === 0) return top
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1] as Event, heap[child] as Event)) child++
      if (before(last, heap[child] as Event)) break
      heap[i] = heap[child] as Event
      i = child
    }
    heap[i] = last
    return top
  }
}
