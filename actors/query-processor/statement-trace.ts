import { beginStep, type Traced } from '../../observability/tracing.ts'
import { withoutLiterals } from './sql/statement-text.ts'

/** The spans of a traced transaction's statements, one at a time. A statement goes from its first message until the next one comes or all is answered. */
export class StatementTrace {
  private readonly root: string
  private span: Traced | undefined
  private isDone = false

  /** `root`: the traceparent of the client's transaction. */
  constructor(root: string) {
    this.root = root
  }

  /** Of the statement under way; '' between statements. */
  get traceparent(): string {
    return this.span?.traceparent ?? ''
  }

  /** A statement, or the next message about the one under way. `sinceMicros`: it has begun earlier than now. */
  enter(sql: string, sinceMicros?: number): void {
    if (this.isDone) this.leave()
    this.span ??= beginStep('query-processor.statement', this.root, { 'db.system.name': 'postgresql' }, sinceMicros)
    this.span?.set('db.query.text', withoutLiterals(sql))
  }

  /** It has answered so many rows or changed them; its commit may still come. */
  ran(rows: number): void {
    this.span?.set('taudb.rows', rows)
    this.isDone = true
  }

  /** `code`: the SQLSTATE of its failure. */
  leave(code?: string): void {
    if (code !== undefined) this.span?.set('db.response.status_code', code)
    this.span?.end(code)
    this.span = undefined
    this.isDone = false
  }
}
