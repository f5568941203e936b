import type { Value } from '../../protocol/values/value.ts'
import { type AsideThreads, awaited } from './aside-threads.ts'
import type { RowSink } from './execution.ts'
import { describe, type Formats, formatsOf, RowWriter, WrittenText } from './result.ts'
import type { Session } from './session.ts'
import type { OutputColumn } from './sql/bind/bound.ts'
import { isHuge } from './sql/execute/aside-functions.ts'
import { textOutput } from './sql/functions/aside.ts'
import { jsonbOid } from './sql/functions/builtin-types.ts'
import type { Task } from './task.ts'

/** Rows held back at most, so that their statement can be run again. */
const heldRowsMax = 1_000

/**
 * The answer of one statement on its way out. While the statement's transaction may still lose its commit, rows are held back: nothing has
 * left then, and it can be run again (rule 24). Statements that wrote nothing stream.
 */
export class ResultOutput implements RowSink {
  /** Something of it is in the output. */
  left = false
  private readonly session: Session
  private readonly columns: readonly OutputColumn[] | undefined
  private readonly withDescription: boolean
  private readonly formats: Formats
  private readonly writer: RowWriter | undefined
  /** Columns whose texts take long where values are huge. */
  private readonly documents: number[] = []
  private held: (readonly Value[])[] = []
  private tag: string | undefined
  private suspended = false

  constructor(
    session: Session,
    columns: readonly OutputColumn[] | undefined,
    formatCodes: readonly number[],
    withDescription: boolean,
  ) {
    this.session = session
    this.columns = columns
    this.withDescription = withDescription
    this.formats = columns === undefined ? [] : formatsOf(formatCodes, columns.length)
    if (columns !== undefined && session.runtime.asideThreads !== undefined) {
      for (const [i, { type }] of columns.entries()) if (type.oid === jsonbOid && this.formats[i] === 0) this.documents.push(i)
    }
    this.writer =
      columns === undefined
        ? undefined
        : new RowWriter(session.output, columns, this.formats, session.environment.current().input)
  }

  row(row: readonly Value[]): void {
    if (this.left) this.writer?.row(row)
    else if (this.mustHold()) {
      this.held.push(row)
      if (this.held.length > heldRowsMax) this.writeRows()
    } else {
      this.writeRows()
      this.writer?.row(row)
    }
  }

  slow(row: readonly Value[]): Task<readonly Value[]> | undefined {
    const { documents } = this
    for (let i = 0; i < documents.length; i++) {
      if (isHuge(row[documents[i] as number] as Value)) return this.written(row)
    }
    return undefined
  }

  private *written(row: readonly Value[]): Task<readonly Value[]> {
    const { interrupts, runtime } = this.session
    const made = [...row]
    for (const i of this.documents) {
      const value = made[i] as Value
      if (!isHuge(value)) continue
      const writing = (runtime.asideThreads as AsideThreads).ask(textOutput(jsonbOid), [value])
      made[i] = new WrittenText((yield* awaited(writing, interrupts)) as string) as unknown as Value
    }
    return made
  }

  private mustHold(): boolean {
    const { block } = this.session
    return block.state === 'implicit' && !block.transaction.writeSet.isEmpty
  }

  private writeRows(): void {
    if (!this.left && this.withDescription && this.columns !== undefined) {
      this.session.output.rowDescription(describe(this.columns, this.formats))
    }
    this.left = true
    for (const row of this.held) this.writer?.row(row)
    this.held = []
  }

  complete(tag: string): void {
    this.tag = tag
  }

  /** The portal has more rows. */
  suspend(): void {
    this.suspended = true
  }

  /** It is true now: everything that was held is written. */
  release(): void {
    this.writeRows()
    if (this.suspended) this.session.output.portalSuspended()
    else if (this.tag !== undefined) this.session.output.commandComplete(this.tag)
  }
}
