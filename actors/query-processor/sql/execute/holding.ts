import type { MemoryBudget } from './run.ts'

/** However much others hold, an operator may hold this: less could not be sorted or divided at all. */
const floorBytes = 64 * 1_024

/** What one operator holds of the statement's memory. Its floor need not be booked: there are no more operators than nodes in a plan. */
export class Holding {
  private readonly memory: MemoryBudget
  private readonly floor: number
  private held = 0
  private booked = 0

  constructor(memory: MemoryBudget) {
    this.memory = memory
    this.floor = Math.min(floorBytes, memory.bytesMax / 8)
  }

  fits(bytes: number): boolean {
    return this.held + bytes <= this.floor || this.memory.bytesUsed + bytes <= this.memory.bytesMax
  }

  /** Throws 53200 beyond the limit: whoever can spill asks `fits` first. */
  take(bytes: number): void {
    this.held += bytes
    if (this.held <= this.floor && this.memory.bytesUsed + bytes > this.memory.bytesMax) return
    this.memory.take(bytes)
    this.booked += bytes
  }

  release(): void {
    this.memory.give(this.booked)
    this.held = 0
    this.booked = 0
  }
}
