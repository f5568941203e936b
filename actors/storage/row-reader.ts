import type { RowLayout } from '../../protocol/messages.ts'
import { knownType } from '../../protocol/values/registry.ts'
import type { SqlType } from '../../protocol/values/type.ts'
import type { Value } from '../../protocol/values/value.ts'

/**
 * Looks into a stored row (protocol/row.ts) without decoding what nobody asks for: `open` walks the column lengths once, up to the last
 * column wanted; `column` decodes one.
 */
export class RowReader {
  private readonly types: readonly SqlType[]
  private readonly missing: readonly Value[]
  private readonly starts: Int32Array
  private readonly ends: Int32Array
  private readonly width: number
  private stored = 0
  private buffer: Buffer = Buffer.alloc(0)

  constructor(layout: RowLayout, columns: readonly number[]) {
    this.width = Math.max(-1, ...columns) + 1
    const wanted = new Set(columns)
    this.types = layout.types.map((oid, column) => (wanted.has(column) ? knownType(oid) : (undefined as unknown as SqlType)))
    this.missing = layout.missing
    this.starts = new Int32Array(this.width)
    this.ends = new Int32Array(this.width)
  }

  open(buffer: Buffer, start: number): void {
    this.buffer = buffer
    let at = start
    // Column counts and most lengths take one byte.
    let byte = buffer[at++] as number
    let count = byte & 0x7f
    for (let scale = 0x80; byte >= 0x80; scale *= 0x80) {
      byte = buffer[at++] as number
      count += (byte & 0x7f) * scale
    }
    const columns = Math.min(count, this.width)
    for (let i = 0; i < columns; i++) {
      byte = buffer[at++] as number
      let length = byte & 0x7f
      for (let scale = 0x80; byte >= 0x80; scale *= 0x80) {
        byte = buffer[at++] as number
        length += (byte & 0x7f) * scale
      }
      if (length === 0) this.starts[i] = -1
      else {
        this.starts[i] = at
        at += length - 1
        this.ends[i] = at
      }
    }
    this.stored = columns
  }

  /** A column added after the row was written reads as what the table says is missing. */
  column(column: number): Value {
    if (column >= this.stored) return this.missing[column] ?? null
    const start = this.starts[column] as number
    return start < 0 ? null : (this.types[column] as SqlType).decode(this.buffer, start, this.ends[column] as number)
  }

  isNull(column: number): boolean {
    if (column >= this.stored) return (this.missing[column] ?? null) === null
    return (this.starts[column] as number) < 0
  }
}
