import { SqlError } from '../../protocol/errors.ts'
import type { Task } from './task.ts'

/** The client is asked to wait while more than this is not yet read. */
const waitingBytesMax = 1_048_576
/** Messages are gathered: psql sends eight kilobytes, others a line each. */
const gatheredBytes = 65_536

/** The bytes of a COPY FROM STDIN between the frontend, which brings them, and the statement, which takes them. */
export class CopyIn {
  private readonly full: Buffer[] = []
  /** Filled up to `filled`, and given away up to `taken`. */
  private gathered: Buffer = Buffer.alloc(0)
  private filled = 0
  private taken = 0
  private bytes = 0
  private ended = false
  private failure: SqlError | undefined
  private wakeReader: (() => void) | undefined
  private wakeWriter: (() => void) | undefined

  data(bytes: Buffer): Promise<void> | undefined {
    if (this.ended || this.failure !== undefined) return undefined
    this.gather(bytes)
    this.bytes += bytes.length
    this.wakeReader?.()
    if (this.bytes <= waitingBytesMax) return undefined
    return new Promise((resolve) => {
      this.wakeWriter = resolve
    })
  }

  end(): void {
    this.ended = true
    this.wakeReader?.()
  }

  fail(error: SqlError): void {
    this.failure ??= error
    this.wakeReader?.()
    this.wakeWriter?.()
  }

  /** The next bytes; undefined when the client has said all. Throws what CopyFail or a cancel said. */
  *next(): Task<Buffer | undefined> {
    for (;;) {
      if (this.failure !== undefined) throw this.failure
      const chunk = this.take()
      if (chunk !== undefined) {
        this.bytes -= chunk.length
        if (this.bytes <= waitingBytesMax) {
          this.wakeWriter?.()
          this.wakeWriter = undefined
        }
        return chunk
      }
      if (this.ended) return undefined
      yield new Promise<void>((resolve) => {
        this.wakeReader = resolve
      })
      this.wakeReader = undefined
    }
  }

  /** The frontend's buffer is its own: what waits is a copy. */
  private gather(bytes: Buffer): void {
    for (let from = 0; from < bytes.length; ) {
      if (this.filled === this.gathered.length) {
        if (this.taken < this.filled) this.full.push(this.gathered.subarray(this.taken))
        this.gathered = Buffer.allocUnsafeSlow(gatheredBytes)
        this.filled = 0
        this.taken = 0
      }
      const copied = bytes.copy(this.gathered, this.filled, from)
      this.filled += copied
      from += copied
    }
  }

  private take(): Buffer | undefined {
    const first = this.full.shift()
    if (first !== undefined || this.taken === this.filled) return first
    const rest = this.gathered.subarray(this.taken, this.filled)
    this.taken = this.filled
    return rest
  }

  /** The statement takes no more: what still comes is thrown away. */
  close(): void {
    this.ended = true
    this.full.length = 0
    this.taken = this.filled
    this.wakeWriter?.()
  }
}

export const copyFormatError = (message: string): SqlError => new SqlError('22P04', message)
