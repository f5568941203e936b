import type { SessionOutput } from '../../protocol/session.ts'
import type { Value } from '../../protocol/values/value.ts'
import type { Interrupts } from './interrupts.ts'
import type { OutputColumn } from './sql/bind/bound.ts'
import { type Batch, type Stream, Suspension } from './sql/execute/run.ts'
import type { Task } from './task.ts'

type Row = readonly Value[]

/** A statement under way: its rows, and the tag it ends with. */
export interface Execution {
  readonly columns: readonly OutputColumn[] | undefined
  readonly stream: Stream
  /** All its rows, where the statement was carried out when it was opened. */
  readonly ready?: Batch | undefined
  /** The command tag; `rows` that were given to the client. */
  tag(rows: number): string
  /** The command it runs as: when it goes on later, it still sees what it saw. Undefined: it reads nothing. */
  readonly command: number | undefined
  /** It changes rows: it runs to its end before the first row is given. */
  readonly writes: boolean
  /** Everything it held is let go; called once, at its end. */
  release(): void
}

export interface RowSink {
  row(row: Row): void
  /** The row with what takes long to write written already; undefined: there is nothing of that in it. */
  slow?(row: Row): Task<Row> | undefined
}

/** Rows that are there already. */
export function* streamOf(rows: readonly Row[]): Stream {
  if (rows.length > 0) yield rows
}

/** The stream of what has no rows, or gives them `ready`. */
export const nothing: Stream = streamOf([])

const rowsPerLook = 64

/** Pulls an execution for as long as rows are wanted, hands the thread to others when its slice is used up, and waits where it must. */
export class RowPump {
  private readonly execution: Execution
  private batch: Batch = []
  private at = 0
  private exhausted = false

  constructor(execution: Execution) {
    this.execution = execution
  }

  /** Gives rows that were there at once; undefined: there are others, to be pumped. */
  giveReady(sink: RowSink): number | undefined {
    const { ready } = this.execution
    if (ready === undefined || this.exhausted) return undefined
    this.exhausted = true
    for (const row of ready) {
      if (sink.slow?.(row) === undefined) continue
      this.batch = ready
      return undefined
    }
    for (const row of ready) sink.row(row)
    return ready.length
  }

  /** Gives up to `rowsMax` rows (0 = all) to the sink; answers how many. */
  *pump(sink: RowSink, rowsMax: number, interrupts: Interrupts, output: SessionOutput): Task<number> {
    let given = 0
    const limit = rowsMax === 0 ? Infinity : rowsMax
    for (;;) {
      const { batch } = this
      while (this.at < batch.length) {
        if (given >= limit) return given
        const row = batch[this.at++] as Row
        const slow = sink.slow?.(row)
        sink.row(slow === undefined ? row : yield* slow)
        given++
        // What is there already (rows of FETCH) comes as one batch.
        if (given % rowsPerLook === 0 && interrupts.isDue()) {
          yield interrupts.pause()
          interrupts.check()
        }
      }
      if (batch.length > 0) {
        const slow = output.drain()
        if (slow !== undefined) yield interrupts.guard(slow)
      }
      if (this.exhausted) return given
      if (given >= limit) return given
      const step = this.execution.stream.next()
      if (step.done === true) {
        this.exhausted = true
        this.batch = []
        return given
      }
      const item = step.value
      if (item instanceof Suspension) {
        this.batch = []
        this.at = 0
        if (item.promise !== undefined) yield interrupts.guard(item.promise)
        else yield interrupts.pause()
        interrupts.check()
        continue
      }
      this.batch = item
      this.at = 0
    }
  }

  /** Runs to the end and keeps the rows for later pumping: what changes rows is not left half done. */
  *collect(interrupts: Interrupts, output: SessionOutput): Task<void> {
    const rows: Row[] = []
    yield* this.pump({ row: (row) => rows.push(row) }, 0, interrupts, output)
    this.batch = rows
    this.at = 0
  }

  get isExhausted(): boolean {
    return this.exhausted
  }

  /** The stream's own clean-up runs. */
  close(): void {
    if (!this.exhausted) {
      this.exhausted = true
      this.execution.stream.return()
    }
    this.execution.release()
  }
}
