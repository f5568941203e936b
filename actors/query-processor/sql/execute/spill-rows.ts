import { ByteWriter } from '../../../../protocol/bytes.ts'
import { outOfMemory } from '../../../../protocol/errors.ts'
import { decodeRow, encodeRow } from '../../../../protocol/row.ts'
import type { Value } from '../../../../protocol/values/value.ts'
import type { Layout } from '../plan/node.ts'
import { typeOf } from '../plan/sql-type.ts'
import type { Row } from './frame.ts'
import type { Run, SpillFile } from './run.ts'

const chunkBytes = 64 * 1_024
const noMissing: readonly Value[] = []

interface Chunk {
  readonly position: number
  readonly length: number
  readonly rows: number
}

/** Rows in a temporary file, in the order they came: written once, read by chunks as often as needed. */
export class SpilledRows {
  readonly chunks: Chunk[] = []
  rows = 0
  private readonly file: SpillFile
  private readonly types
  private readonly writer = new ByteWriter(chunkBytes)
  private pending = 0
  private written = 0

  /** Throws 53200 where no temporary files are allowed or a column's type cannot be written. */
  constructor(run: Run, layout: Layout, what: string) {
    if (run.spill === undefined) throw outOfMemory(`${what} needs more than ${run.memory.bytesMax} bytes.`)
    this.types = layout.map((slot) => {
      const type = typeOf(slot.type)
      if (typeof type.encode !== 'function') throw outOfMemory(`${what} of type ${type.displayName} cannot leave memory.`)
      return type
    })
    this.file = run.spill.create()
  }

  add(row: Row): void {
    this.writer.lengthBytes(encodeRow(this.types, row))
    this.rows++
    this.pending++
    if (this.writer.length >= chunkBytes) this.flush()
  }

  flush(): void {
    if (this.pending === 0) return
    const bytes = this.writer.take()
    this.file.append(bytes)
    this.chunks.push({ position: this.written, length: bytes.length, rows: this.pending })
    this.written += bytes.length
    this.pending = 0
    this.writer.reset()
  }

  readChunk(index: number): Row[] {
    const { position, length, rows } = this.chunks[index] as Chunk
    const bytes = this.file.readAt(position, length)
    const found = new Array<Row>(rows)
    let at = 0
    for (let i = 0; i < rows; i++) {
      let size = 0
      let scale = 1
      for (;;) {
        const byte = bytes[at++] as number
        size += (byte & 0x7f) * scale
        if (byte < 0x80) break
        scale *= 0x80
      }
      found[i] = decodeRow(bytes.subarray(at, at + size), this.types, noMissing)
      at += size
    }
    return found
  }

  *read(): Generator<Row[], void, void> {
    this.flush()
    for (let i = 0; i < this.chunks.length; i++) yield this.readChunk(i)
  }

  release(): void {
    this.file.release()
  }
}
