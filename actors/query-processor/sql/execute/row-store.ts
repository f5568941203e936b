import type { Layout } from '../plan/node.ts'
import { batchRows, type Row, rowBytes } from './frame.ts'
import { Holding } from './holding.ts'
import type { Run } from './run.ts'
import { SpilledRows } from './spill-rows.ts'

/** Rows kept to be read again: in memory while the budget lasts, the rest in a file. */
export class RowStore {
  private readonly run: Run
  private readonly layout: Layout
  private readonly what: string
  private rows: Row[] = []
  private readonly holding: Holding
  private spilled: SpilledRows | undefined

  constructor(run: Run, layout: Layout, what: string) {
    this.run = run
    this.layout = layout
    this.what = what
    this.holding = new Holding(run.memory)
  }

  get length(): number {
    return this.rows.length + (this.spilled?.rows ?? 0)
  }

  add(row: Row): void {
    if (this.spilled === undefined) {
      const bytes = rowBytes(row)
      if (this.holding.fits(bytes)) {
        this.holding.take(bytes)
        this.rows.push(row)
        return
      }
      this.spilled = new SpilledRows(this.run, this.layout, this.what)
    }
    this.spilled.add(row)
  }

  /** The batch that starts at `from`; undefined at the end of what is there now. Readers keep a cursor of their own. */
  reader(): RowReader {
    let at = 0
    let chunk = 0
    return {
      next: () => {
        if (at < this.rows.length) {
          const batch = this.rows.slice(at, at + batchRows)
          at += batch.length
          return batch
        }
        if (this.spilled === undefined) return undefined
        this.spilled.flush()
        if (chunk >= this.spilled.chunks.length) return undefined
        return this.spilled.readChunk(chunk++)
      },
    }
  }

  clear(): void {
    this.holding.release()
    this.rows = []
    this.spilled?.release()
    this.spilled = undefined
  }
}

export interface RowReader {
  next(): Row[] | undefined
}
