import type { SqlError } from '../../protocol/errors.ts'
import type { QueryProcessorPort, QuerySession, SessionOutput } from '../../protocol/session.ts'

/** What one simple query answered: the rows of its last result, as text, and the first error. */
export interface Answer {
  readonly rows: readonly (readonly (string | null)[])[]
  readonly tag: string
  readonly error: SqlError | undefined
}

/** The connection died with the query processor: what was asked last may or may not have happened. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost'
}

/** A client of one session, without a wire: results are collected as they are written. */
export class SimulatedClient {
  private readonly session: QuerySession
  private readonly collector = new Collector()
  private lost: ((error: ConnectionLost) => void) | undefined
  private isLost = false

  constructor(port: QueryProcessorPort, backendId: number) {
    this.session = port.openSession({
      user: 'simulation',
      database: 'postgres',
      parameters: new Map(),
      backendId,
      clientAddress: '127.0.0.1',
      output: this.collector,
      terminate: () => this.disconnect(),
    })
  }

  get isConnected(): boolean {
    return !this.isLost
  }

  query(sql: string): Promise<Answer> {
    if (this.isLost) return Promise.reject(new ConnectionLost())
    this.collector.reset()
    return new Promise((resolve, reject) => {
      this.lost = reject
      const done = (): void => resolve(this.collector.answer())
      const pending = this.session.query(sql)
      if (pending === undefined) done()
      else pending.then(done, reject)
    })
  }

  /** The process at the other end is gone. */
  disconnect(): void {
    this.isLost = true
    this.lost?.(new ConnectionLost())
  }

  close(): void {
    if (!this.isLost) this.session.close()
    this.isLost = true
  }
}

class Collector implements SessionOutput {
  private rows: (string | null)[][] = []
  private row: (string | null)[] = []
  private tag = ''
  private failure: SqlError | undefined

  reset(): void {
    this.rows = []
    this.tag = ''
    this.failure = undefined
  }

  answer(): Answer {
    return { rows: this.rows, tag: this.tag, error: this.failure }
  }

  rowDescription(): void {
    this.rows = []
  }
  beginRow(): void {
    this.row = []
  }
  fieldNull(): void {
    this.row.push(null)
  }
  fieldText(text: string): void {
    this.row.push(text)
  }
  fieldBytes(bytes: Uint8Array): void {
    this.row.push(Buffer.from(bytes).toString('utf8'))
  }
  endRow(): void {
    this.rows.push(this.row)
  }
  commandComplete(tag: string): void {
    this.tag = tag
  }
  error(error: SqlError): void {
    this.failure ??= error
  }
  drain(): undefined {
    return undefined
  }
  parameterDescription(): void {}
  noData(): void {}
  parseComplete(): void {}
  bindComplete(): void {}
  closeComplete(): void {}
  portalSuspended(): void {}
  emptyQueryResponse(): void {}
  notice(): void {}
  parameterStatus(): void {}
  readyForQuery(): void {}
  copyInResponse(): void {}
  copyOutResponse(): void {}
  copyData(): void {}
  copyDone(): void {}
}
