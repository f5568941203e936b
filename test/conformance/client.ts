/** A client that hides nothing: every answer as lines of text, so that two servers can be compared word for word. */
import { connect, type Socket } from 'node:net'
import { serialize } from 'pg-protocol'

export interface Statement {
  readonly file: string
  /** From 1. */
  readonly line: number
  readonly sql: string
  /** For $1, $2 ...: texts, or bytes in the type's binary format. Such a statement speaks the extended protocol in every mode. */
  readonly parameters: readonly (string | Buffer | null)[] | undefined
  /** Lines for COPY FROM STDIN. */
  readonly copy: readonly string[]
  /** Several commands: one simple query in every mode. */
  readonly several: boolean
}

export type Mode = 'simple' | 'extended'

interface Message {
  readonly type: string
  readonly body: Buffer
}

export class Client {
  private readonly socket: Socket
  private input = Buffer.alloc(0)
  private messages: Message[] = []
  private done: ((messages: Message[]) => void) | undefined
  private failed: ((error: Error) => void) | undefined
  private copy: readonly string[] = []
  private copySync = false

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (bytes) => this.read(bytes))
    socket.on('error', (error) => this.failed?.(error))
    socket.on('close', () => this.failed?.(new Error('the server closed the connection')))
  }

  static async connect(port: number, database: string): Promise<Client> {
    const client = new Client(connect({ port, host: '127.0.0.1', noDelay: true }))
    const parameters = { user: 'postgres', database, application_name: 'corpus' }
    const error = (await client.roundTrip(serialize.startup(parameters))).find(({ type }) => type === 'E')
    if (error !== undefined) throw new Error(report(error.body).join(' '))
    return client
  }

  /** The answer in lines. Rows come sorted where the statement does not say in which order they should. */
  async run(statement: Statement, mode: Mode): Promise<string[]> {
    this.copy = statement.copy
    const simple = statement.several || (mode === 'simple' && statement.parameters === undefined)
    this.copySync = !simple
    const binary = mode === 'extended'
    const lines = shown(await this.roundTrip(simple ? serialize.query(statement.sql) : extended(statement, binary)), statement)
    return withoutHalfResults(lines)
  }

  close(): void {
    this.failed = undefined
    this.socket.end(serialize.end())
  }

  private roundTrip(bytes: Buffer): Promise<Message[]> {
    return new Promise((resolve, reject) => {
      this.messages = []
      this.done = resolve
      this.failed = reject
      const overdue = setTimeout(() => reject(new Error('no answer for 20 s')), 20_000)
      this.done = (messages) => {
        clearTimeout(overdue)
        resolve(messages)
      }
      this.socket.write(bytes)
    })
  }

  private read(bytes: Buffer): void {
    this.input = this.input.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.input, bytes])
    let at = 0
    while (this.input.length - at >= 5) {
      const end = at + 1 + this.input.readInt32BE(at + 1)
      if (end > this.input.length) break
      const message = { type: String.fromCharCode(this.input[at] as number), body: Buffer.from(this.input.subarray(at + 5, end)) }
      at = end
      this.messages.push(message)
      if (message.type === 'G') this.sendCopy()
      if (message.type === 'Z') this.done?.(this.messages)
    }
    this.input = this.input.subarray(at)
  }

  private sendCopy(): void {
    const lines = this.copy.map((line) => serialize.copyData(Buffer.from(`${line}\n`)))
    this.socket.write(Buffer.concat([...lines, serialize.copyDone(), ...(this.copySync ? [serialize.sync()] : [])]))
  }
}

function extended({ sql, parameters }: Statement, binary: boolean): Buffer {
  return Buffer.concat([
    serialize.parse({ text: sql }),
    serialize.describe({ type: 'S' }),
    serialize.bind({ values: [...(parameters ?? [])], binary }),
    serialize.describe({ type: 'P' }),
    serialize.execute(),
    serialize.sync(),
  ])
}

function shown(messages: readonly Message[], { sql }: Statement): string[] {
  const lines: string[] = []
  let rows: string[] = []
  let formats: number[] = []
  const rowsEnd = (): void => {
    lines.push(...(/\border\s+by\b/i.test(sql) ? rows : rows.sort()))
    rows = []
  }
  for (const { type, body } of messages) {
    if (type === 'D') {
      rows.push(`row ${row(body, formats)}`)
      continue
    }
    rowsEnd()
    if (type === 'T') {
      const fields = rowDescription(body)
      formats = fields.map(({ format }) => format)
      const line = `columns ${fields.map(({ name, typeOid, typmod }) => `${JSON.stringify(name)}:${builtIn(typeOid)}:${typmod}`).join(' ')}`
      // The portal's description repeats the statement's, but for the formats.
      if (lines.at(-1) !== line) lines.push(line)
    } else if (type === 't') lines.push(`parameters ${oids(body)}`)
    else if (type === 'C') lines.push(`tag ${body.toString('utf8', 0, body.length - 1)}`)
    else if (type === 'E' || type === 'N') lines.push(...report(body))
    else if (type === 'd') lines.push(`copy ${body.toString()}`)
    else if (type === 'Z') lines.push(`ready ${body}`)
    else if (type === 'I') lines.push('empty')
    else if (type === 'S') lines.push(`set ${body.toString().split('\0').slice(0, 2).join(' = ')}`)
  }
  return lines.map((line) => line.trimEnd())
}

/**
 * What an error leaves of a result is no promise: how many rows came before it, and whether their description did, depends on what was
 * computed ahead.
 */
function withoutHalfResults(lines: readonly string[]): string[] {
  const whole: string[] = []
  for (const line of lines) {
    if (line.startsWith('severity ERROR')) {
      while (/^(row|columns|parameters)\b/.test(whole.at(-1) ?? '')) whole.pop()
    }
    whole.push(line)
  }
  return whole
}

function rowDescription(body: Buffer): { name: string; typeOid: number; typmod: number; format: number }[] {
  let at = 2
  return Array.from({ length: body.readInt16BE(0) }, () => {
    const end = body.indexOf(0, at)
    const name = body.toString('utf8', at, end)
    at = end + 19
    return { name, typeOid: body.readInt32BE(end + 7), typmod: body.readInt32BE(end + 13), format: body.readInt16BE(end + 17) }
  })
}

/** Oids of a user's own types depend on what was made before. */
const builtIn = (typeOid: number): string => (typeOid < 16_384 ? String(typeOid) : 'own')

function oids(body: Buffer): string {
  return Array.from({ length: body.readInt16BE(0) }, (_, i) => body.readInt32BE(2 + 4 * i)).join(' ')
}

function row(body: Buffer, formats: readonly number[]): string {
  let at = 2
  const fields = Array.from({ length: body.readInt16BE(0) }, (_, i) => {
    const length = body.readInt32BE(at)
    at += 4 + Math.max(0, length)
    if (length < 0) return 'null'
    const bytes = body.subarray(at - length, at)
    return formats[i] === 1 ? `x${bytes.toString('hex')}` : JSON.stringify(bytes.toString())
  })
  return fields.join(' | ')
}

const compared: Readonly<Record<string, string>> = {
  S: 'severity',
  C: 'code',
  M: 'message',
  D: 'detail',
  H: 'hint',
  P: 'position',
  s: 'schema',
  t: 'table',
  c: 'column',
  d: 'datatype',
  n: 'constraint',
}

/** Every field but where in the server's source it was raised. */
function report(body: Buffer): string[] {
  const lines: string[] = []
  for (const field of body.toString().split('\0')) {
    const name = compared[field[0] ?? '']
    if (name !== undefined) lines.push(`${name} ${field.slice(1)}`)
  }
  return lines
}
