import { SqlError } from '../errors.ts'
import type { Oid } from '../ids.ts'
import { messageBytesMax, startupBytesMax } from '../limits.ts'
import { decodeUtf8 } from '../values/utf8.ts'

/**
 * What a client says, named as in the PostgreSQL manual, chapter 55.7 "Message Formats", and the incremental parser that reads it.
 * The same bytes give the same messages however they are cut into chunks.
 */
export type FrontendMessage =
  | Query
  | Parse
  | Bind
  | Describe
  | Execute
  | Close
  | CopyData
  | CopyFail
  | Password
  | Malformed
  | { readonly type: 'sync' }
  | { readonly type: 'flush' }
  | { readonly type: 'copyDone' }
  | { readonly type: 'terminate' }
  | { readonly type: 'functionCall' }

interface Query {
  readonly type: 'query'
  readonly sql: string
}

interface Parse {
  readonly type: 'parse'
  readonly name: string
  readonly sql: string
  readonly parameterTypes: readonly Oid[]
}

interface Bind {
  readonly type: 'bind'
  readonly portal: string
  readonly statement: string
  readonly parameterFormats: readonly number[]
  /** Copies: a portal may keep them. */
  readonly parameters: readonly (Buffer | null)[]
  readonly resultFormats: readonly number[]
}

interface Describe {
  readonly type: 'describe'
  readonly of: 'statement' | 'portal'
  readonly name: string
}

interface Execute {
  readonly type: 'execute'
  readonly portal: string
  /** 0 = all. */
  readonly rowsMax: number
}

interface Close {
  readonly type: 'close'
  readonly of: 'statement' | 'portal'
  readonly name: string
}

interface CopyData {
  readonly type: 'copyData'
  /** A copy: the session may keep it. */
  readonly bytes: Buffer
}

interface CopyFail {
  readonly type: 'copyFail'
  readonly message: string
}

/** PasswordMessage, SASLInitialResponse, SASLResponse and GSSResponse share a type byte; who asked knows which it is. */
interface Password {
  readonly type: 'password'
  readonly body: Buffer
}

/** The frame is whole and its body is not what its type promises. The conversation can go on. */
export interface Malformed {
  readonly type: 'malformed'
  readonly of: 'query' | 'extended' | 'copy'
  readonly error: SqlError
}

/** What stands before the first typed message. */
export type StartupPacket =
  | { readonly type: 'startup'; readonly major: number; readonly minor: number; readonly parameters: ReadonlyMap<string, string> }
  | { readonly type: 'cancel'; readonly backendId: number; readonly secret: Buffer }
  | { readonly type: 'sslRequest' }
  | { readonly type: 'gssEncRequest' }
  /** A TLS ClientHello where a start-up packet could stand: direct TLS. Nothing is consumed. */
  | { readonly type: 'tlsHello' }

const cancelRequestCode = 80_877_102
const sslRequestCode = 80_877_103
const gssEncRequestCode = 80_877_104
const tlsHandshakeRecord = 0x16
/** PostgreSQL's bound for messages that carry no data of the user's. */
const smallBytesMax = 10_000
const cancelSecretBytesMax = 256

const sync: FrontendMessage = { type: 'sync' }
const flush: FrontendMessage = { type: 'flush' }
const copyDone: FrontendMessage = { type: 'copyDone' }
const terminate: FrontendMessage = { type: 'terminate' }
const functionCall: FrontendMessage = { type: 'functionCall' }

const noBytes = Buffer.alloc(0)
const noNumbers: readonly number[] = []
const noParameters: readonly (Buffer | null)[] = []

/** The client no longer speaks the protocol, or never did: nothing behind this byte can be understood. */
export function protocolViolation(message: string): SqlError {
  return new SqlError('08P01', message, { severity: 'FATAL' })
}

const malformed = (message: string): SqlError => new SqlError('08P01', message)
const insufficientData = (): SqlError => malformed('insufficient data left in message')

/**
 * Bytes in, messages out. `feed` lends a chunk: messages are read where they lie. Once `release` was called the chunk may be overwritten;
 * the unread rest is then kept in a buffer of the parser's own, which idle connections do not have.
 */
export class FrontendParser {
  private buffer: Buffer = noBytes
  private at = 0
  private end = 0
  private borrowed = false
  /** Where the current message's body ends; reads beyond it are the client's mistake. */
  private bodyEnd = 0

  /** Bytes fed and not yet read as messages. */
  get unread(): number {
    return this.end - this.at
  }

  feed(bytes: Buffer, start = 0, end = bytes.length): void {
    if (this.at === this.end) {
      this.buffer = bytes
      this.at = start
      this.end = end
      this.borrowed = true
      return
    }
    this.release()
    this.append(bytes, start, end)
  }

  /** Takes the unread rest out of the lent chunk. */
  release(): void {
    if (!this.borrowed && this.at < this.end) return
    const rest = this.end - this.at
    if (rest === 0) {
      this.buffer = noBytes
      this.at = this.end = 0
    } else {
      const own = Buffer.allocUnsafeSlow(Math.max(rest, 64))
      this.buffer.copy(own, 0, this.at, this.end)
      this.buffer = own
      this.at = 0
      this.end = rest
    }
    this.borrowed = false
  }

  /** Everything unread, which is then no longer here: for what speaks another protocol (TLS). */
  takeUnread(): Buffer {
    const rest = Buffer.from(this.buffer.subarray(this.at, this.end))
    this.at = this.end
    this.release()
    return rest
  }

  private append(bytes: Buffer, start: number, end: number): void {
    const added = end - start
    const unread = this.end - this.at
    if (this.end + added > this.buffer.length) {
      // Grows with what has arrived, never with what a length field promises.
      const room =
        unread + added > this.buffer.length ? Buffer.allocUnsafeSlow(Math.max(unread + added, 2 * unread)) : this.buffer
      this.buffer.copy(room, 0, this.at, this.end)
      this.buffer = room
      this.at = 0
      this.end = unread
    }
    bytes.copy(this.buffer, this.end, start, end)
    this.end += added
  }

  /** Undefined until a whole packet is there. Throws a FATAL SqlError 08P01 for what is none. */
  nextStartup(): StartupPacket | undefined {
    const { buffer, at, end } = this
    if (at === end) return undefined
    if (buffer[at] === tlsHandshakeRecord) return { type: 'tlsHello' }
    // A client of something else (HTTP, SSH) is told so by its first bytes, before its "length" has arrived.
    if (buffer[at] !== 0) throw protocolViolation('invalid length of startup packet')
    if (end - at < 4) return undefined
    const length = buffer.readUInt32BE(at)
    if (length < 8 || length > startupBytesMax) throw protocolViolation('invalid length of startup packet')
    if (end - at < length) return undefined
    this.at = at + length
    this.bodyEnd = at + length
    const code = buffer.readUInt32BE(at + 4)
    switch (code) {
      case sslRequestCode:
      case gssEncRequestCode:
        if (length !== 8) throw protocolViolation('invalid length of startup packet')
        return { type: code === sslRequestCode ? 'sslRequest' : 'gssEncRequest' }
      case cancelRequestCode: {
        if (length < 16 || length > 12 + cancelSecretBytesMax) throw protocolViolation('invalid length of query cancel packet')
        return {
          type: 'cancel',
          backendId: buffer.readUInt32BE(at + 8),
          secret: Buffer.from(buffer.subarray(at + 12, at + length)),
        }
      }
      default:
        return { type: 'startup', major: code >>> 16, minor: code & 0xffff, parameters: this.startupParameters(at + 8) }
    }
  }

  private startupParameters(start: number): Map<string, string> {
    const parameters = new Map<string, string>()
    // Other versions may have another layout: who looks at the version refuses them.
    if (this.buffer.readUInt16BE(start - 4) !== 3) return parameters
    let at = start
    while (at < this.bodyEnd && this.buffer[at] !== 0) {
      const [name, behindName] = this.startupString(at)
      const [value, behindValue] = this.startupString(behindName)
      parameters.set(name, value)
      at = behindValue
    }
    if (at !== this.bodyEnd - 1) throw protocolViolation('invalid startup packet layout: expected terminator as last byte')
    return parameters
  }

  private startupString(at: number): [string, number] {
    const nul = this.buffer.indexOf(0, at)
    if (nul < 0 || nul >= this.bodyEnd) throw protocolViolation('invalid startup packet layout: expected terminator as last byte')
    try {
      return [decodeUtf8(this.buffer, at, nul), nul + 1]
    } catch (error) {
      throw error instanceof SqlError ? error.with({ severity: 'FATAL' }) : error
    }
  }

  /**
   * Undefined until a whole message is there. Throws a FATAL SqlError 08P01 where the frame itself is broken;
   * a broken body in a good frame is a `malformed` message.
   */
  next(): FrontendMessage | undefined {
    const { buffer, at } = this
    const unread = this.end - at
    if (unread === 0) return undefined
    const kind = buffer[at] as number
    const lengthMax = bodyBytesMax(kind)
    if (lengthMax === 0) throw protocolViolation(`invalid frontend message type ${kind}`)
    if (unread < 5) return undefined
    // The length counts itself.
    const length = readInt32(buffer, at + 1)
    if (length < 4 || length - 4 > lengthMax) throw protocolViolation('invalid message length')
    if (unread < length + 1) return undefined
    this.at = at + 5
    this.bodyEnd = at + 1 + length
    let message: FrontendMessage
    try {
      message = this.body(kind)
      if (this.at !== this.bodyEnd) throw malformed('invalid message format')
    } catch (error) {
      if (!(error instanceof SqlError)) throw error
      message = { type: 'malformed', of: conversation(kind), error }
    }
    this.at = this.bodyEnd
    return message
  }

  private body(kind: number): FrontendMessage {
    switch (kind) {
      case 0x42: // B
        return this.bind()
      case 0x45: // E
        return { type: 'execute', portal: this.text(), rowsMax: Math.max(0, this.int32()) }
      case 0x53: // S
        return sync
      case 0x51: // Q
        return { type: 'query', sql: this.text() }
      case 0x50: // P
        return this.parse()
      case 0x44: // D
        return { type: 'describe', of: this.target('DESCRIBE'), name: this.text() }
      case 0x43: // C
        return { type: 'close', of: this.target('CLOSE'), name: this.text() }
      case 0x48: // H
        return flush
      case 0x64: // d
        return { type: 'copyData', bytes: this.rest() }
      case 0x63: // c
        return copyDone
      case 0x66: // f
        return { type: 'copyFail', message: this.text() }
      case 0x58: // X
        this.at = this.bodyEnd
        return terminate
      case 0x70: // p
        return { type: 'password', body: this.rest() }
      default: // F
        this.at = this.bodyEnd
        return functionCall
    }
  }

  private parse(): Parse {
    const name = this.text()
    const sql = this.text()
    const count = this.uint16()
    if (count === 0) return { type: 'parse', name, sql, parameterTypes: noNumbers }
    this.need(4 * count)
    const parameterTypes: Oid[] = []
    for (let i = 0; i < count; i++) parameterTypes.push(this.int32() >>> 0)
    return { type: 'parse', name, sql, parameterTypes }
  }

  private bind(): Bind {
    const portal = this.text()
    const statement = this.text()
    const parameterFormats = this.formats()
    const parameters = this.parameters()
    const resultFormats = this.formats()
    return { type: 'bind', portal, statement, parameterFormats, parameters, resultFormats }
  }

  private formats(): readonly number[] {
    const count = this.uint16()
    if (count === 0) return noNumbers
    this.need(2 * count)
    const formats: number[] = []
    for (let i = 0; i < count; i++) formats.push(this.uint16())
    return formats
  }

  private parameters(): readonly (Buffer | null)[] {
    const count = this.uint16()
    if (count === 0) return noParameters
    this.need(4 * count)
    const parameters: (Buffer | null)[] = []
    for (let i = 0; i < count; i++) {
      const length = this.int32()
      if (length === -1) {
        parameters.push(null)
        continue
      }
      if (length < 0) throw insufficientData()
      this.need(length)
      parameters.push(copyOf(this.buffer, this.at, length))
      this.at += length
    }
    return parameters
  }

  private target(message: string): 'statement' | 'portal' {
    this.need(1)
    const kind = this.buffer[this.at++] as number
    if (kind === 0x53) return 'statement'
    if (kind === 0x50) return 'portal'
    throw malformed(`invalid ${message} message subtype ${kind}`)
  }

  private rest(): Buffer {
    const bytes = copyOf(this.buffer, this.at, this.bodyEnd - this.at)
    this.at = this.bodyEnd
    return bytes
  }

  private need(bytes: number): void {
    if (this.at + bytes > this.bodyEnd) throw insufficientData()
  }

  private uint16(): number {
    this.need(2)
    const { buffer, at } = this
    this.at = at + 2
    return ((buffer[at] as number) << 8) | (buffer[at + 1] as number)
  }

  private int32(): number {
    this.need(4)
    const { buffer, at } = this
    this.at = at + 4
    return readInt32(buffer, at)
  }

  /** A string up to its NUL. Names are short and mostly ASCII: a loop beats a call into native code for them. */
  private text(): string {
    const { buffer, at, bodyEnd } = this
    const near = Math.min(bodyEnd, at + 24)
    let bits = 0
    for (let i = at; i < near; i++) {
      const byte = buffer[i] as number
      if (byte === 0) {
        this.at = i + 1
        if (i === at) return ''
        return bits < 0x80 ? buffer.latin1Slice(at, i) : decodeUtf8(buffer, at, i)
      }
      bits |= byte
    }
    const nul = buffer.indexOf(0, near)
    if (nul < 0 || nul >= bodyEnd) throw malformed('invalid string in message')
    this.at = nul + 1
    return decodeUtf8(buffer, at, nul)
  }
}

function readInt32(buffer: Buffer, at: number): number {
  return (
    ((buffer[at] as number) << 24) |
    ((buffer[at + 1] as number) << 16) |
    ((buffer[at + 2] as number) << 8) |
    (buffer[at + 3] as number)
  )
}

function copyOf(buffer: Buffer, at: number, length: number): Buffer {
  const copy = Buffer.allocUnsafe(length)
  if (length > 16) {
    buffer.copy(copy, 0, at, at + length)
    return copy
  }
  for (let i = 0; i < length; i++) copy[i] = buffer[at + i] as number
  return copy
}

/** Longest body of a message type, 0 for no such type. */
function bodyBytesMax(kind: number): number {
  switch (kind) {
    case 0x42: // B
    case 0x46: // F
    case 0x50: // P
    case 0x51: // Q
    case 0x64: // d
      return messageBytesMax
    case 0x43: // C
    case 0x44: // D
    case 0x45: // E
    case 0x48: // H
    case 0x53: // S
    case 0x58: // X
    case 0x63: // c
    case 0x66: // f
    case 0x70: // p
      return smallBytesMax
    default:
      return 0
  }
}

/** Which recovery a mistake in this message asks for. */
function conversation(kind: number): Malformed['of'] {
  switch (kind) {
    case 0x51:
    case 0x46:
    // Sync ends the skipping whatever else is in it: an error, and the next query.
    case 0x53:
      return 'query'
    case 0x63:
    case 0x64:
    case 0x66:
      return 'copy'
    default:
      return 'extended'
  }
}
