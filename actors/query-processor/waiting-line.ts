import type { Clock } from '../../bus/world.ts'

/**
 * Where statements stand that have used up their slice: one goes on per turn of the event loop, so that between two slices everybody's input
 * is read, however many long statements there are. Were all resumed in one turn, it would last as long as all their slices together, and each
 * new connection, message and timer waits for a turn.
 */
export class WaitingLine {
  private readonly clock: Clock
  private waiting: (() => boolean)[] = []
  private isRolling = false

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** `goOn` is called when its turn has come; false tells that nobody waits for it any more, and the turn is the next one's. */
  queue(goOn: () => boolean): void {
    this.waiting.push(goOn)
    if (this.isRolling) return
    this.isRolling = true
    // What is put off amid input runs before input is looked for again; what that puts off runs behind it.
    this.clock.soon(() => this.clock.soon(() => this.roll()))
  }

  private roll(): void {
    let goOn = this.waiting.shift()
    while (goOn !== undefined && !goOn()) goOn = this.waiting.shift()
    if (this.waiting.length > 0) this.clock.soon(() => this.roll())
    else this.isRolling = false
  }
}
