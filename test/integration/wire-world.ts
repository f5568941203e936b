import type { Clock, World } from '../../bus/world.ts'

/** A clock that stands still until it is told to go on. */
export class ManualClock implements Clock {
  private micros = 0
  private readonly timers = new Set<{ at: number; action: () => void }>()

  now(): number {
    return this.micros
  }

  monotonic(): number {
    return this.micros
  }

  after(delayMs: number, action: () => void): { cancel(): void } {
    const timer = { at: this.micros + delayMs * 1_000, action }
    this.timers.add(timer)
    return { cancel: () => this.timers.delete(timer) }
  }

  soon(action: () => void): void {
    this.after(0, action)
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve))
  }

  get waiting(): number {
    return this.timers.size
  }

  advance(delayMs: number): void {
    const until = this.micros + delayMs * 1_000
    for (;;) {
      const due = [...this.timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0]
      if (due === undefined) break
      this.timers.delete(due)
      this.micros = due.at
      due.action()
    }
    this.micros = until
  }
}

const realClock: Clock = {
  now: () => Date.now() * 1_000,
  monotonic: () => performance.now() * 1_000,
  after: (delayMs, action) => {
    const timer = setTimeout(action, delayMs)
    timer.unref()
    return { cancel: () => clearTimeout(timer) }
  },
  soon: (action) => void setImmediate(action),
  sleep: (delayMs) => new Promise((resolve) => setTimeout(resolve, delayMs)),
}

/** What a frontend uses of a world: the clock and random bytes, which count up so that transcripts repeat. */
export function wireWorld(clock: Clock = realClock): World {
  let drawn = 0
  const bytes = (length: number): string => {
    drawn++
    return String.fromCharCode(...Array.from({ length }, (_, i) => (drawn * 16 + i) & 0xff))
  }
  const absent = (what: string) => (): never => {
    throw new Error(`a frontend uses no ${what}`)
  }
  return {
    clock,
    random: () => ({ bytes, integer: absent('random integer'), fraction: absent('random fraction') }),
    get files(): never {
      return absent('files')()
    },
    get bus(): never {
      return absent('bus')()
    },
    maybe: () => false,
    failed: (actor, error) => {
      throw new Error(`${actor} failed`, { cause: error })
    },
  }
}
