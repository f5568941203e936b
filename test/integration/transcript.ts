/** The wire as text: lines that say what a client sends, and lines for what a server answered; named as in the PostgreSQL manual. */
import { serialize } from 'pg-protocol'

/** Words of a line: bare, or a JSON string in quotes. */
function words(line: string): string[] {
  return [...line.matchAll(/"(?:[^"\\]|\\.)*"|\S+/g)].map(([word]) => (word.startsWith('"') ? JSON.parse(word) : word))
}

/** `Query "select 1"`, `Bind "" s1 1 null`, `Bytes 51 00 ...`: see test/scripts/protocol. */
export function frontendMessage(line: string): Buffer {
  const [name = '', ...rest] = words(line)
  const [first = '', second = ''] = rest
  const kind = first === 'statement' ? 'S' : 'P'
  switch (name) {
    case 'StartupMessage':
      return serialize.startup(Object.fromEntries(rest.map((pair) => pair.split('=') as [string, string])))
    case 'StartupVersion':
      return startupVersion(Number(first), Number(second), rest.slice(2))
    case 'SSLRequest':
      return serialize.requestSsl()
    case 'GSSENCRequest':
      return Buffer.from([0, 0, 0, 8, 4, 210, 22, 48])
    case 'Query':
      return serialize.query(first)
    case 'Parse':
      return serialize.parse({ name: first, text: second, types: rest.slice(2).map(Number) })
    case 'Bind':
      return serialize.bind({
        portal: first,
        statement: second,
        values: rest.slice(2).map((word) => (word === 'null' ? null : word)),
      })
    case 'Describe':
      return serialize.describe({ type: kind, name: second })
    case 'Execute':
      return serialize.execute({ portal: first, rows: Number(second) })
    case 'Close':
      return serialize.close({ type: kind, name: second })
    case 'Sync':
      return serialize.sync()
    case 'Flush':
      return serialize.flush()
    case 'CopyData':
      return serialize.copyData(Buffer.from(first))
    case 'CopyDone':
      return serialize.copyDone()
    case 'CopyFail':
      return serialize.copyFail(first)
    case 'PasswordMessage':
      return serialize.password(first)
    case 'Terminate':
      return serialize.end()
    case 'Bytes':
      return Buffer.from(rest.join(''), 'hex')
    default:
      throw new Error(`unknown frontend message: ${line}`)
  }
}

function startupVersion(major: number, minor: number, pairs: readonly string[]): Buffer {
  const text = pairs.map((pair) => pair.replace('=', '\0')).join('\0')
  const body = Buffer.concat([Buffer.alloc(8), Buffer.from(`${text}\0\0`)])
  body.writeInt32BE(body.length, 0)
  body.writeInt32BE(major * 65_536 + minor, 4)
  return body
}

const shown = (text: string): string => (/^[\w.,$-]+$/.test(text) ? text : JSON.stringify(text))

/** One line a message. The answers to SSLRequest and GSSENCRequest are bare bytes; no message of ours is 16 MB long. */
export function backendMessages(bytes: Buffer): string[] {
  const lines: string[] = []
  let at = 0
  while (at < bytes.length) {
    if (bytes[at + 1] !== 0) {
      lines.push(String.fromCharCode(bytes[at++] as number))
      continue
    }
    const end = at + 1 + bytes.readInt32BE(at + 1)
    lines.push(backendMessage(String.fromCharCode(bytes[at] as number), bytes.subarray(at + 5, end)))
    at = end
  }
  return lines
}

function backendMessage(type: string, body: Buffer): string {
  let at = 0
  const int16 = (): number => body.readInt16BE((at += 2) - 2)
  const int32 = (): number => body.readInt32BE((at += 4) - 4)
  const text = (): string => {
    const end = body.indexOf(0, at)
    const found = body.toString('utf8', at, end)
    at = end + 1
    return found
  }
  const many = <T>(count: number, one: () => T): T[] => Array.from({ length: count }, one)
  switch (type) {
    case 'R':
      return `Authentication ${int32() === 0 ? 'Ok' : body.readInt32BE(0)}`
    case 'S':
      return `ParameterStatus ${shown(text())} ${shown(text())}`
    case 'K':
      return `BackendKeyData ${int32()} ${body.subarray(4).toString('hex')}`
    case 'Z':
      return `ReadyForQuery ${body.toString()}`
    case 'v':
      return `NegotiateProtocolVersion ${int16()}.${int16()} ${many(int32(), () => shown(text())).join(' ')}`.trimEnd()
    case 'T':
      return `RowDescription ${many(int16(), () => {
        const name = shown(text())
        int32()
        int16()
        const typeOid = int32()
        at += 8
        return `${name}:${typeOid}`
      }).join(' ')}`
    case 'D':
      return `DataRow ${many(int16(), () => {
        const length = int32()
        if (length < 0) return 'null'
        at += length
        return shown(body.toString('utf8', at - length, at))
      }).join(' ')}`
    case 't':
      return `ParameterDescription ${many(int16(), int32).join(' ')}`.trimEnd()
    case 'C':
      return `CommandComplete ${shown(text())}`
    case 'E':
    case 'N': {
      const fields: string[] = []
      while (body[at] !== 0) {
        const kind = String.fromCharCode(body[at++] as number)
        fields.push(`${kind}=${shown(text())}`)
      }
      return `${type === 'E' ? 'ErrorResponse' : 'NoticeResponse'} ${fields.filter((field) => !field.startsWith('V')).join(' ')}`
    }
    case 'G':
    case 'H':
      return `${type === 'G' ? 'CopyInResponse' : 'CopyOutResponse'} ${body[at++]} ${many(int16(), int16).join(' ')}`
    case 'd':
      return `CopyData ${JSON.stringify(body.toString())}`
    default:
      return (
        {
          1: 'ParseComplete',
          2: 'BindComplete',
          3: 'CloseComplete',
          n: 'NoData',
          s: 'PortalSuspended',
          I: 'EmptyQueryResponse',
          c: 'CopyDone',
        }[type] ?? `? ${type}`
      )
  }
}
