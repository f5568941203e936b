import type { Value } from '../../protocol/values/value.ts'
import type { RowSink } from './execution.ts'
import { describe, type Formats, formatsOf, RowWriter } from './result.ts'
import type { Session } from './session.ts'
import type { OutputColumn } from './sql/bind/bound.ts'

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
