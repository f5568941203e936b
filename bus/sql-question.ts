import { connect } from 'node:net'

/** Who does not answer as a server of ours would, in one line. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer'
}

interface Question {
  readonly host: string
  readonly port: number
  readonly applicationName: string
  readonly sql: string
  /** Instead of ten seconds. */
  readonly answerMsMax?: number
}

type Row = readonly (string | null)[]

const answerMsDefault = 10_000

/**
 * Asks a running server one simple query over its SQL port and answers the rows as texts: the least of a client, for our own commands.
 * Rejects with NoAnswer.
 */
export function askServer({ host, port, applicationName, sql, answerMsMax = answerMsDefault }: Question): Promise<Row[]> {
  return new Promise((resolve, reject) => {
    const rows: Row[] = []
    let bytes = Buffer.alloc(0)
    const socket = connect({ host, port })
    const fail = (why: string): void => {
      socket.destroy()
      reject(new NoAnswer(why))
    }
    socket.setTimeout(answerMsMax, () => fail(`no answer from ${host}:${port} within ${answerMsMax / 1_000} s`))
    socket.on('error', (error: Error & { code?: string }) => {
      fail(`nobody answers at ${host}:${port} (${error.code ?? error.message}): is the database running? say where with --port`)
    })
    socket.on('connect', () => {
      socket.write(startup({ user: 'postgres', database: 'postgres', application_name: applicationName }))
      socket.write(message('Q', text(sql)))
    })
    socket.on('data', (chunk) => {
      bytes = Buffer.concat([bytes, chunk])
      while (bytes.length >= 5) {
        const length = bytes.readUInt32BE(1)
        if (bytes.length < length + 1) return
        const type = String.fromCharCode(bytes[0] as number)
        const body = bytes.subarray(5, length + 1)
        bytes = bytes.subarray(length + 1)
        if (type === 'D') rows.push(fieldsOf(body))
        else if (type === 'E') return fail(`${host}:${port} says: ${messageOf(body)}`)
        else if (type === 'R' && body.readUInt32BE(0) !== 0) return fail(`${host}:${port} wants a password`)
        else if (type === 'C') {
          socket.end(message('X', Buffer.alloc(0)))
          resolve(rows)
          return
        }
      }
    })
    socket.on('end', () => fail(`${host}:${port} closed the connection`))
  })
}

const text = (value: string): Buffer => Buffer.from(`${value}\0`, 'utf8')

function startup(parameters: Readonly<Record<string, string>>): Buffer {
  const body = Buffer.concat([
    ...Object.entries(parameters).flatMap(([name, value]) => [text(name), text(value)]),
    Buffer.alloc(1),
  ])
  const head = Buffer.alloc(8)
  head.writeUInt32BE(8 + body.length, 0)
  head.writeUInt32BE(3 << 16, 4)
  return Buffer.concat([head, body])
}

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.write(type, 0, 'latin1')
  head.writeUInt32BE(4 + body.length, 1)
  return Buffer.concat([head, body])
}

/** DataRow */
function fieldsOf(body: Buffer): Row {
  let at = 2
  return Array.from({ length: body.readUInt16BE(0) }, () => {
    const length = body.readInt32BE(at)
    at += 4
    if (length < 0) return null
    at += length
    return body.toString('utf8', at - length, at)
  })
}

/** The message field of an ErrorResponse. */
function messageOf(body: Buffer): string {
  const fields = body.toString('utf8').split('\0')
  return fields.find((field) => field.startsWith('M'))?.slice(1) ?? 'an error'
}
