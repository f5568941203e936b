import { assert } from '../assert.ts'
import type { Notice, SqlError, SqlErrorFields } from '../errors.ts'
import type { Oid } from '../ids.ts'
import type { FieldDescription, SessionOutput, TransactionStatus } from '../session.ts'

/** Where the bytes of one session go: a socket, or a message on the bus. */
export interface BackendSink {
  /**
   * True: the bytes are taken and their memory may be written over at once. False: the memory belongs to the sink until the bytes
   * have left, which nobody is told.
   */
  send(bytes: Buffer): boolean
  /** As SessionOutput.drain. */
  drain(): Promise<void> | undefined
}

/** Output is handed to the sink when this much has gathered, whether or not a round trip is over. */
export const flushBytes = 65_536
const slackBytes = 4_096
/** A buffer that one huge row has blown up beyond this is not kept. */
const keptBytesMax = 1_048_576

/**
 * The one buffer into which all sessions of a frontend write. Only one of them writes at a time; who has not yet flushed when another
 * one begins gets its bytes copied out, and back in when it goes on. So a busy session costs no copy and an idle one no memory.
 */
export class OutputBuffer {
  bytes = Buffer.allocUnsafeSlow(flushBytes + slackBytes)
  length = 0
  owner: BackendWriter | undefined

  grow(bytes: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(this.length + bytes, this.bytes.length * 2))
    this.bytes.copy(grown, 0, 0, this.length)
    this.bytes = grown
  }

  /** Empties the buffer; `taken` tells whether its memory may be written over. */
  clear(taken: boolean): void {
    this.length = 0
    if (!taken || this.bytes.length > keptBytesMax) this.bytes = Buffer.allocUnsafeSlow(flushBytes + slackBytes)
  }
}

const constant = (type: string, body: readonly number[] = []): Buffer =>
  Buffer.from([type.charCodeAt(0), 0, 0, 0, 4 + body.length, ...body])

const parseComplete = constant('1')
const bindComplete = constant('2')
const closeComplete = constant('3')
const noData = constant('n')
const portalSuspended = constant('s')
const emptyQueryResponse = constant('I')
const copyDone = constant('c')
const authenticationOk = constant('R', [0, 0, 0, 0])
const readyForQuery = {
  I: constant('Z', [0x49]),
  T: constant('Z', [0x54]),
  E: constant('Z', [0x45]),
} as const

/** Below this many characters a loop is faster than a call into the encoder. */
const loopCharactersMax = 24

/**
 * The server's half of the protocol: writes backend messages, named as in the PostgreSQL manual, chapter 55.7, into the shared buffer.
 * Nothing is sent before `flush`, except when `flushBytes` have gathered.
 */
export class BackendWriter implements SessionOutput {
  /** Set when the client waits for what was written; whoever runs the session flushes when it has nothing more to do at once. */
  flushDue = false
  /** What the last ReadyForQuery said. */
  status: TransactionStatus = 'I'
  /** No message of the next transaction has come: whoever takes the first one sets it to false. */
  isFresh = true
  /** Hears of the end of the transaction under way. */
  rested: (() => void) | undefined
  /** Hears of an error before its message is written. */
  failed: ((code: string) => void) | undefined
  /** Between CopyInResponse and whatever ends the copy; the runner of the session clears it. */
  copyIn = false

  private readonly shared: OutputBuffer
  private readonly sink: BackendSink
  private readonly onCopyIn: () => void
  /** Our bytes while another session owns the buffer. */
  private saved: Buffer | undefined
  /** Where the message being written begins, -1 between messages. */
  private start = -1
  private fieldsLeft = 0

  constructor(shared: OutputBuffer, sink: BackendSink, onCopyIn: () => void = () => {}) {
    this.shared = shared
    this.sink = sink
    this.onCopyIn = onCopyIn
  }

  // --- start-up

  authenticationOk(): void {
    this.constant(authenticationOk)
  }

  /** `secret` as a binary string: 4 bytes, or up to 256 from protocol 3.2 on. */
  backendKeyData(backendId: number, secret: string): void {
    const out = this.begin(0x4b)
    this.i32(out, backendId)
    this.room(out, secret.length)
    out.length += out.bytes.latin1Write(secret, out.length)
    this.end(out)
  }

  /** `newest` is the version spoken from here on, as in a start-up packet. */
  negotiateProtocolVersion(newest: number, unknownOptions: readonly string[]): void {
    const out = this.begin(0x76)
    this.i32(out, newest)
    this.i32(out, unknownOptions.length)
    for (const option of unknownOptions) this.cstring(out, option)
    this.end(out)
  }

  // --- SessionOutput

  rowDescription(fields: readonly FieldDescription[]): void {
    const out = this.begin(0x54)
    this.i16(out, fields.length)
    for (const field of fields) {
      this.cstring(out, field.name)
      this.room(out, 18)
      const { bytes } = out
      let at = out.length
      at = put32(bytes, at, field.tableOid)
      at = put16(bytes, at, field.attnum)
      at = put32(bytes, at, field.typeOid)
      at = put16(bytes, at, field.typeLength)
      at = put32(bytes, at, field.typmod)
      out.length = put16(bytes, at, field.format)
    }
    this.end(out)
  }

  parameterDescription(types: readonly Oid[]): void {
    const out = this.begin(0x74)
    this.i16(out, types.length)
    for (const type of types) this.i32(out, type)
    this.end(out)
  }

  noData(): void {
    this.constant(noData)
  }

  parseComplete(): void {
    this.constant(parseComplete)
  }

  bindComplete(): void {
    this.constant(bindComplete)
  }

  closeComplete(): void {
    this.constant(closeComplete)
  }

  portalSuspended(): void {
    this.constant(portalSuspended)
  }

  emptyQueryResponse(): void {
    this.constant(emptyQueryResponse)
  }

  commandComplete(tag: string): void {
    const out = this.begin(0x43)
    this.cstring(out, tag)
    this.end(out)
  }

  /** Takes back a row that the error has cut short: an output function may fail in its middle. */
  error(error: SqlError): void {
    this.abandonMessage()
    this.failed?.(error.code)
    this.report(0x45, error.fields.severity ?? 'ERROR', error.code, error.message, error.fields)
  }

  notice(notice: Notice): void {
    this.report(0x4e, notice.fields.severity ?? 'NOTICE', notice.code, notice.message, notice.fields)
  }

  parameterStatus(name: string, value: string): void {
    const out = this.begin(0x53)
    this.cstring(out, name)
    this.cstring(out, value)
    this.end(out)
  }

  readyForQuery(status: TransactionStatus): void {
    this.constant(readyForQuery[status])
    this.status = status
    this.flushDue = true
    if (status === 'I') {
      this.isFresh = true
      this.rested?.()
    }
  }

  copyInResponse(format: 0 | 1, columnFormats: readonly (0 | 1)[]): void {
    this.copyResponse(0x47, format, columnFormats)
    this.copyIn = true
    this.flushDue = true
    this.onCopyIn()
  }

  copyOutResponse(format: 0 | 1, columnFormats: readonly (0 | 1)[]): void {
    this.copyResponse(0x48, format, columnFormats)
  }

  copyData(bytes: Uint8Array): void {
    const out = this.begin(0x64)
    this.raw(out, bytes)
    this.end(out)
  }

  copyDone(): void {
    this.constant(copyDone)
  }

  beginRow(columns: number): void {
    const out = this.begin(0x44)
    this.i16(out, columns)
    this.fieldsLeft = columns
  }

  fieldNull(): void {
    const out = this.own()
    this.room(out, 4)
    out.length = put32(out.bytes, out.length, -1)
    this.fieldsLeft--
  }

  fieldText(text: string): void {
    const out = this.own()
    const at = out.length
    const characters = text.length
    this.room(out, 4 + characters * 3)
    const { bytes } = out
    let end = at + 4
    if (characters <= loopCharactersMax) {
      let bits = 0
      for (let i = 0; i < characters; i++) {
        const code = text.charCodeAt(i)
        bits |= code
        bytes[end + i] = code
      }
      end += bits < 0x80 ? characters : bytes.utf8Write(text, end)
    } else {
      end += bytes.utf8Write(text, end)
    }
    put32(bytes, at, end - at - 4)
    out.length = end
    this.fieldsLeft--
  }

  fieldBytes(value: Uint8Array): void {
    const out = this.own()
    this.i32(out, value.length)
    this.raw(out, value)
    this.fieldsLeft--
  }

  endRow(): void {
    assert(this.fieldsLeft === 0, 'a row has the fields its beginning promised')
    this.end(this.own())
  }

  drain(): Promise<void> | undefined {
    return this.sink.drain()
  }

  // --- for the runner of the session

  /** Everything written so far goes to the client. */
  flush(): void {
    this.flushDue = false
    if (this.shared.owner !== this) {
      if (this.saved === undefined) return
      this.own()
    }
    const out = this.shared
    assert(this.start < 0, 'only whole messages are flushed')
    if (out.length > 0) out.clear(this.sink.send(out.bytes.subarray(0, out.length)))
    out.owner = undefined
  }

  private abandonMessage(): void {
    if (this.start < 0) return
    this.own().length = this.start
    this.start = -1
  }

  /** The session is over: what it has not flushed is dropped. */
  discard(): void {
    this.start = -1
    this.saved = undefined
    if (this.shared.owner === this) this.shared.owner = undefined
  }

  // --- bytes

  /** The shared buffer with our own unflushed bytes in it. */
  private own(): OutputBuffer {
    const out = this.shared
    if (out.owner !== this) this.takeOver(out)
    return out
  }

  private takeOver(out: OutputBuffer): void {
    const before = out.owner
    if (before !== undefined && out.length > 0) before.saved = Buffer.from(out.bytes.subarray(0, out.length))
    out.owner = this
    out.length = 0
    if (this.saved === undefined) return
    this.raw(out, this.saved)
    this.saved = undefined
  }

  private begin(type: number): OutputBuffer {
    assert(this.start < 0, 'messages are written one behind the other')
    const out = this.own()
    this.room(out, 5)
    this.start = out.length
    out.bytes[out.length] = type
    out.length += 5
    return out
  }

  /** The length counts itself, not the type. */
  private end(out: OutputBuffer): void {
    const { start } = this
    put32(out.bytes, start + 1, out.length - start - 1)
    this.start = -1
    if (out.length >= flushBytes) this.flushKeeping()
  }

  /** A flush for want of room says nothing about what the client waits for. */
  private flushKeeping(): void {
    const due = this.flushDue
    this.flush()
    this.flushDue = due
  }

  private constant(message: Buffer): void {
    assert(this.start < 0, 'messages are written one behind the other')
    const out = this.own()
    this.room(out, message.length)
    const { bytes } = out
    const at = out.length
    for (let i = 0; i < message.length; i++) bytes[at + i] = message[i] as number
    out.length = at + message.length
    if (out.length >= flushBytes) this.flushKeeping()
  }

  private copyResponse(type: number, format: 0 | 1, columnFormats: readonly (0 | 1)[]): void {
    const out = this.begin(type)
    this.room(out, 1)
    out.bytes[out.length++] = format
    this.i16(out, columnFormats.length)
    for (const columnFormat of columnFormats) this.i16(out, columnFormat)
    this.end(out)
  }

  private report(type: number, severity: string, code: string, message: string, fields: SqlErrorFields): void {
    const out = this.begin(type)
    this.reportField(out, 'S', severity)
    this.reportField(out, 'V', severity)
    this.reportField(out, 'C', code)
    this.reportField(out, 'M', message)
    this.reportField(out, 'D', fields.detail)
    this.reportField(out, 'H', fields.hint)
    this.reportField(out, 'P', fields.position?.toString())
    this.reportField(out, 'p', fields.internalPosition?.toString())
    this.reportField(out, 'q', fields.internalQuery)
    this.reportField(out, 'W', fields.where)
    this.reportField(out, 's', fields.schema)
    this.reportField(out, 't', fields.table)
    this.reportField(out, 'c', fields.column)
    this.reportField(out, 'd', fields.datatype)
    this.reportField(out, 'n', fields.constraint)
    this.room(out, 1)
    out.bytes[out.length++] = 0
    this.end(out)
    this.flushDue = true
  }

  private reportField(out: OutputBuffer, field: string, value: string | undefined): void {
    if (value === undefined) return
    this.room(out, 1)
    out.bytes[out.length++] = field.charCodeAt(0)
    this.cstring(out, value)
  }

  private room(out: OutputBuffer, bytes: number): void {
    if (out.length + bytes > out.bytes.length) out.grow(bytes)
  }

  private i16(out: OutputBuffer, value: number): void {
    this.room(out, 2)
    out.length = put16(out.bytes, out.length, value)
  }

  private i32(out: OutputBuffer, value: number): void {
    this.room(out, 4)
    out.length = put32(out.bytes, out.length, value)
  }

  private raw(out: OutputBuffer, value: Uint8Array): void {
    this.room(out, value.length)
    out.bytes.set(value, out.length)
    out.length += value.length
  }

  /** Text with a NUL behind it. A NUL inside would end it early and shift the rest of the message: it is left out. */
  private cstring(out: OutputBuffer, text: string): void {
    const characters = text.length
    this.room(out, characters * 3 + 1)
    const { bytes } = out
    const at = out.length
    if (characters <= loopCharactersMax) {
      let plain = true
      for (let i = 0; i < characters; i++) {
        const code = text.charCodeAt(i)
        if (code === 0 || code >= 0x80) {
          plain = false
          break
        }
        bytes[at + i] = code
      }
      if (plain) {
        bytes[at + characters] = 0
        out.length = at + characters + 1
        return
      }
    }
    const end = at + bytes.utf8Write(text.includes('\0') ? text.replaceAll('\0', '') : text, at)
    bytes[end] = 0
    out.length = end + 1
  }
}

function put16(bytes: Buffer, at: number, value: number): number {
  bytes[at] = value >>> 8
  bytes[at + 1] = value
  return at + 2
}

function put32(bytes: Buffer, at: number, value: number): number {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
  return at + 4
}
