import { SqlError } from '../../protocol/errors.ts'
import type { MemoryBudget } from './sql/execute/run.ts'

/** What all statements, or all write sets, of one process may hold together: many large ones share it and spill, or fail, one by one. */
export class MemoryPool {
  readonly bytesMax: number
  bytesUsed = 0

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }

  get bytesFree(): number {
    return Math.max(0, this.bytesMax - this.bytesUsed)
  }
}

/** What one statement holds in memory: at most so much, and no more than the others leave. */
export class StatementMemory implements MemoryBudget {
  bytesUsed = 0
  private readonly pool: MemoryPool
  private readonly limit: number

  constructor(pool: MemoryPool, limit: number) {
    this.pool = pool
    this.limit = limit
  }

  get bytesMax(): number {
    return Math.min(this.limit, this.bytesUsed + this.pool.bytesFree)
  }

  take(bytes: number): void {
    if (this.bytesUsed + bytes > this.bytesMax) {
      throw new SqlError('53200', 'out of memory', { detail: `The statement needs more than ${this.bytesMax} bytes.` })
    }
    this.bytesUsed += bytes
    this.pool.bytesUsed += bytes
  }

  give(bytes: number): void {
    this.bytesUsed -= bytes
    this.pool.bytesUsed -= bytes
  }

  /** The statement is over. */
  release(): void {
    this.give(this.bytesUsed)
  }
}
