import type { Key } from '../../protocol/key.ts'
import type { Mode, Write, WriteOperation } from '../../protocol/messages.ts'

/** What an earlier command left. */
export interface Version {
  readonly command: number
  readonly postImage: Uint8Array | undefined
  readonly before: Version | undefined
}

/**
 * A key's newest state. It is the `Write` that a commit sends, so that a million rows are not copied for it; post-images lie in few large
 * chunks, because a Buffer of its own for each row would weigh more than the row.
 */
export class Entry implements Write {
  readonly key: Key
  mode: Mode
  command: number
  /** Versions of earlier commands, as long as somebody may still see them. */
  before: Version | undefined
  /** Storage holds the key at tauStart. */
  readonly existed: boolean
  private chunk: Uint8Array | undefined
  private start = 0
  length = 0

  constructor(key: Key, mode: Mode, command: number, existed: boolean) {
    this.key = key
    this.mode = mode
    this.command = command
    this.before = undefined
    this.existed = existed
    this.chunk = undefined
  }

  get operation(): WriteOperation {
    if (this.chunk === undefined) return 'delete'
    return this.existed ? 'update' : 'create'
  }

  get isDelete(): boolean {
    return this.chunk === undefined
  }

  get postImage(): Uint8Array | undefined {
    const { chunk } = this
    if (chunk === undefined || chunk.length === this.length) return chunk
    return chunk.subarray(this.start, this.start + this.length)
  }

  /** Where the post-image lies; undefined: a delete. */
  place(chunk: Uint8Array | undefined, start: number, length: number): void {
    this.chunk = chunk
    this.start = start
    this.length = length
  }
}
