import { SqlError } from '../../protocol/errors.ts'
import type { MemoryBudget } from './sql/execute/run.ts'

/** What one statement holds in memory. */
export class StatementMemory implements MemoryBudget {
  readonly bytesMax: number
  bytesUsed = 0

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }

  take(bytes: number): void {
    if (this.bytesUsed + bytes > this.bytesMax) {
      throw new SqlError('53200', 'out of memory', { detail: `The statement needs more than ${this.bytesMax} bytes.` })
    }
    this.bytesUsed += bytes
  }

  give(bytes: number): void {
    this.bytesUsed -= bytes
  }
}
