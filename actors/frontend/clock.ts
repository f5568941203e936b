import type { Clock, Timer } from '../../bus/world.ts'

/** The world's clock as statecharts want one. */
export function machineClock(clock: Clock) {
  return {
    setTimeout: (action: (...words: unknown[]) => void, delayMs: number): Timer => clock.after(delayMs, action),
    clearTimeout: (timer: Timer): void => timer.cancel(),
  }
}
