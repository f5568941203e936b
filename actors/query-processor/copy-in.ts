import { SqlError } from '../../protocol/errors.ts'
import type { Task } from './task.ts'

/** The client is asked to wait while more than this is not yet read. */
const waitingBytesMax = 1_048_576
/** Chunks that are taken and still held. */
const takenMax = 1_024

/** The bytes of a COPY FROM STDIN between the frontend, which brings them, and the statement, which takes them. */
export class CopyIn {
  private readonly chunks: Buffer[] = []
  /** Chunks before it have been taken. Lines come by the ten thousand, and `shift` moves all that wait. */
  private taken = 0
  private bytes = 0
  private ended = false
  private failure: SqlError | undefined
  private wakeReader: (() => void) | undefined
  private wakeWriter: (() => void) | undefined

  data(bytes: Buffer): Promise<void> | undefined {
    if (this.ended || this.failure !== undefined) return undefined
    // The frontend's buffer is its own: what waits must be a copy.
    this.chunks.push(Buffer.from(bytes))
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

  private take(): Buffer | undefined {
    const chunk = this.chunks[this.taken]
    if (chunk === undefined) return undefined
    if (++this.taken === this.chunks.length || this.taken === takenMax) {
      this.chunks.splice(0, this.taken)
      this.taken = 0
    }
    return chunk
  }

  /** The statement takes no more: what still comes is thrown away. */
  close(): void {
    this.ended = true
    this.chunks.length = 0
    this.taken = 0
    this.wakeWriter?.()
  }
}

export const copyFormatError = (message: string): SqlError => new SqlError('22P04', message)
