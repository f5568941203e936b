import type { Clock } from '../../bus/world.ts'

/** Wrong keys answered per second; beyond, every key is wrong. A 4-byte key then withstands guessing for a year. */
const guessesMax = 50
const windowMicros = 1_000_000

/** Compares the key of a CancelRequest with a session's. */
export class CancelKeys {
  private readonly clock: Clock
  private windowStart = 0
  private guesses = 0

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** `expected` is a binary string, undefined where there is no such session. Takes as long for a wrong key as for the right one. */
  fits(given: Buffer, expected: string | undefined): boolean {
    const now = this.clock.monotonic()
    if (now - this.windowStart >= windowMicros) {
      this.windowStart = now
      this.guesses = 0
    }
    if (this.guesses >= guessesMax) return false
    const secret = expected ?? ''
    let difference = given.length ^ secret.length
    for (let i = 0; i < given.length; i++) difference |= (given[i] as number) ^ (i < secret.length ? secret.charCodeAt(i) : 0)
    if (difference === 0 && secret.length > 0) return true
    this.guesses++
    return false
  }
}
