import type { Clock, Timer } from '../../bus/world.ts'
import { queryCanceled, type SqlError } from '../../protocol/errors.ts'
import type { Task } from './task.ts'
import type { WaitingLine } from './waiting-line.ts'

/** How long a statement runs before it lets others have the thread, in microseconds. */
const sliceMicros = 5_000

/** No timer takes more. */
const timerMsMax = 2_147_483_647

/**
 * What may end or pause a running statement: a cancel request, statement_timeout, and the turn of the others. Busy code asks
 * (`check`, `isDue`), waiting code is raced (`guard`).
 */
export class Interrupts {
  private readonly clock: Clock
  private readonly waitingLine: WaitingLine
  private reason: SqlError | undefined
  private deadline = Infinity
  private timer: Timer | undefined
  private sleeping: Timer | undefined
  private sliceEnd = 0
  /** A statement is running: there is something to cancel. */
  isActive = false
  private stopWaiting: ((reason: SqlError) => void) | undefined

  constructor(clock: Clock, waitingLine: WaitingLine) {
    this.clock = clock
    this.waitingLine = waitingLine
  }

  /** A statement begins: what came before it is forgotten. 0 = no limit. */
  start(timeoutMs: number): void {
    this.reason = undefined
    this.isActive = true
    this.beginSlice()
    this.timer?.cancel()
    this.timer = undefined
    this.deadline = Infinity
    this.limit(timeoutMs)
  }

  /** The next statement of the same message: its limit counts if there was none before. */
  limit(timeoutMs: number): void {
    if (timeoutMs <= 0 || this.timer !== undefined) return
    this.deadline = this.clock.monotonic() + timeoutMs * 1_000
    this.timer = this.clock.after(timeoutMs, () => this.interrupt(queryCanceled('statement timeout')))
  }

  /** The statement is over: a cancel request that comes now has missed it. */
  stop(): void {
    this.isActive = false
    this.timer?.cancel()
    this.timer = undefined
    this.deadline = Infinity
    this.reason = undefined
    this.sleeping?.cancel()
    this.sleeping = undefined
  }

  interrupt(reason: SqlError): void {
    this.reason ??= reason
    this.stopWaiting?.(this.reason)
  }

  /** Throws 57014 when the statement must end. */
  check(): void {
    if (this.reason !== undefined) throw this.reason
    if (this.deadline !== Infinity && this.clock.monotonic() > this.deadline) throw queryCanceled('statement timeout')
  }

  isDue(): boolean {
    return this.clock.monotonic() > this.sliceEnd
  }

  beginSlice(): void {
    this.sliceEnd = this.clock.monotonic() + sliceMicros
  }

  /** The promise, or a rejection as soon as the statement must end. What was waited for goes on unheard. */
  guard<T>(promise: Promise<T>): Promise<T> {
    if (this.reason !== undefined) {
      promise.catch(() => {})
      return Promise.reject(this.reason)
    }
    return new Promise<T>((resolve, reject) => {
      const stop = (reason: SqlError): void => {
        this.stopWaiting = undefined
        reject(reason)
      }
      this.stopWaiting = stop
      promise.then(
        (value) => {
          if (this.stopWaiting === stop) this.stopWaiting = undefined
          resolve(value)
        },
        (error: unknown) => {
          if (this.stopWaiting === stop) this.stopWaiting = undefined
          reject(error)
        },
      )
    })
  }

  /** Settles when the time is over, and never if the statement ends before: then nobody waits for it any more. */
  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const until = this.clock.monotonic() + delayMs * 1_000
      const part = (): void => {
        const leftMs = (until - this.clock.monotonic()) / 1_000
        if (leftMs <= 0) {
          this.sleeping = undefined
          resolve()
        } else this.sleeping = this.clock.after(Math.min(leftMs, timerMsMax), part)
      }
      part()
    })
  }

  /** Between two steps of one statement: others run if the slice is used up, and a cancel is heard. */
  *turn(): Task<void> {
    if (!this.isDue()) return
    yield this.pause()
    this.check()
  }

  /** Goes through work that can stand still: others get their turn, and a cancel is heard. */
  *through<T>(work: Generator<void, T>): Task<T> {
    for (;;) {
      const step = work.next()
      if (step.done === true) return step.value
      yield* this.turn()
    }
  }

  /** Others run; then a new slice begins. At once when the statement must end: `check` tells. */
  pause(): Promise<void> {
    if (this.reason !== undefined) return Promise.resolve()
    return new Promise((resolve) => {
      const goOn = (): boolean => {
        if (this.stopWaiting !== goOn) return false
        this.stopWaiting = undefined
        this.beginSlice()
        resolve()
        return true
      }
      this.stopWaiting = goOn
      this.waitingLine.queue(goOn)
    })
  }
}
