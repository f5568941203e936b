import type { FileHandle, Files } from '../../bus/world.ts'
import { SqlError } from '../../protocol/errors.ts'
import type { SpillArea, SpillFile } from './sql/execute/run.ts'

/** Scratch files below one directory: what a statement cannot hold in memory. Nothing in them outlives the process. */
export class SpillDirectory {
  private readonly files: Files
  private readonly directory: string
  private count = 0

  /** Removes what a killed process left behind. */
  constructor(files: Files, directory: string) {
    this.files = files
    this.directory = directory
    files.makeDirectory(directory)
    for (const name of files.list(directory)) files.remove(`${directory}/${name}`)
  }

  /** The scratch area of one statement; `release` removes all of it. */
  area(): SpillArea & { release(): void } {
    const open = new Set<ScratchFile>()
    return {
      create: () => {
        const file = new ScratchFile(this.files, `${this.directory}/${++this.count}.spill`, () => open.delete(file))
        open.add(file)
        return file
      },
      release: () => {
        for (const file of [...open]) file.release()
      },
    }
  }
}

/** A full disk ends the statement, as it does in PostgreSQL. */
function withRoom<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if ((error as { code?: string }).code !== 'ENOSPC') throw error
    throw new SqlError('53100', 'could not write to a temporary file: No space left on device')
  }
}

class ScratchFile implements SpillFile {
  size = 0
  private readonly files: Files
  private readonly path: string
  private readonly handle: FileHandle
  private readonly released: () => void
  private isOpen = true

  constructor(files: Files, path: string, released: () => void) {
    this.files = files
    this.path = path
    this.released = released
    this.handle = withRoom(() => files.open(path, 'create'))
  }

  append(bytes: Uint8Array): void {
    withRoom(() => this.handle.writeAt(bytes, this.size))
    this.size += bytes.length
  }

  readAt(position: number, length: number): Buffer {
    return this.handle.readAt(position, length)
  }

  release(): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.handle.close()
    this.files.remove(this.path)
    this.released()
  }
}
