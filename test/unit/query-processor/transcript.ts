import { QueryProcessor } from '../../../actors/query-processor/query-processor.ts'
import { singleMap, Topology } from '../../../actors/topology.ts'
import { EmbeddedBus } from '../../../bus/embedded.ts'
import { realWorld } from '../../../bus/real-world.ts'
import type { Notice, SqlError } from '../../../protocol/errors.ts'
import type { FieldDescription, QuerySession, SessionOutput } from '../../../protocol/session.ts'
import { MemoryCircle } from './memory-circle.ts'

/** Writes down what a session says, one line a message. */
export class Transcript implements SessionOutput {
  lines: string[] = []
  private row: string[] = []

  rowDescription(fields: readonly FieldDescription[]): void {
    this.lines.push(fields.map(({ name }) => name).join('|'))
  }
  parameterDescription(types: readonly number[]): void {
    this.lines.push(`parameters ${types.join(' ')}`)
  }
  noData(): void {
    this.lines.push('no data')
  }
  parseComplete(): void {
    this.lines.push('parsed')
  }
  bindComplete(): void {
    this.lines.push('bound')
  }
  closeComplete(): void {
    this.lines.push('closed')
  }
  portalSuspended(): void {
    this.lines.push('suspended')
  }
  emptyQueryResponse(): void {
    this.lines.push('empty')
  }
  commandComplete(tag: string): void {
    this.lines.push(tag)
  }
  error({ code, message, fields }: SqlError): void {
    this.lines.push(`${code} ${message}${fields.position === undefined ? '' : ` at ${fields.position}`}`)
    if (fields.detail !== undefined) this.lines.push(`detail: ${fields.detail}`)
    if (fields.where !== undefined) this.lines.push(`where: ${fields.where}`)
  }
  notice({ code, message, fields }: Notice): void {
    this.lines.push(`${fields.severity} ${code} ${message}`)
  }
  parameterStatus(name: string, value: string): void {
    this.lines.push(`${name} = ${value}`)
  }
  readyForQuery(status: string): void {
    this.lines.push(status)
  }
  copyInResponse(): void {
    this.lines.push('copy in')
  }
  copyOutResponse(): void {
    this.lines.push('copy out')
  }
  copyData(bytes: Uint8Array): void {
    this.lines.push(`> ${Buffer.from(bytes).toString('utf8').trimEnd()}`)
  }
  copyDone(): void {
    this.lines.push('copy done')
  }
  beginRow(): void {
    this.row = []
  }
  fieldNull(): void {
    this.row.push('NULL')
  }
  fieldText(text: string): void {
    this.row.push(text)
  }
  fieldBytes(bytes: Uint8Array): void {
    this.row.push(`0x${Buffer.from(bytes).toString('hex')}`)
  }
  endRow(): void {
    this.lines.push(this.row.join('|'))
  }
  drain(): undefined {
    return undefined
  }

  take(): string {
    const text = this.lines.join('\n')
    this.lines = []
    return text
  }
}

/** A query processor over rows in memory, and its sessions. */
export class Processor {
  readonly circle = new MemoryCircle()
  readonly bugs: unknown[] = []
  readonly processor: QueryProcessor
  private sessions = 0

  constructor(options: { readonly transactionBytesMax?: number; readonly memoryBytesMax?: number } = {}) {
    const world = realWorld({
      bus: new EmbeddedBus(),
      onFailure: (actor, error) => {
        throw new Error(`${actor} failed`, { cause: error })
      },
    })
    this.processor = new QueryProcessor({
      world,
      topology: new Topology(singleMap),
      circle: this.circle,
      onBug: (error) => this.bugs.push(error),
      ...options,
    })
  }

  async open(parameters: Record<string, string> = {}): Promise<Client> {
    if (!this.processor.lifecycle.serving) await this.processor.lifecycle.start()
    const output = new Transcript()
    const session = this.processor.openSession({
      user: 'postgres',
      database: 'postgres',
      parameters: new Map(Object.entries(parameters)),
      backendId: ++this.sessions,
      clientAddress: '127.0.0.1',
      output,
      terminate: (error) => output.error(error),
    })
    return new Client(session, output)
  }
}

export class Client {
  readonly session: QuerySession
  readonly output: Transcript

  constructor(session: QuerySession, output: Transcript) {
    this.session = session
    this.output = output
  }

  /** Everything that answers a simple query. */
  async query(sql: string): Promise<string> {
    await this.session.query(sql)
    return this.output.take()
  }
}
