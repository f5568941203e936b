import type { FileHandle, Files } from '../../bus/world.ts'
import type { Kernel } from './kernel.ts'
import type { SeededRandom } from './random.ts'

const sectorBytes = 512

interface PendingWrite {
  readonly position: number
  readonly bytes: Buffer
}

/** Bytes that grow without being copied for every write. */
class Content {
  length: number
  private whole: Buffer

  constructor(bytes: Buffer) {
    this.whole = bytes
    this.length = bytes.length
  }

  get bytes(): Buffer {
    return this.whole.subarray(0, this.length)
  }

  write(bytes: Buffer, position: number): void {
    if (position + bytes.length > this.length) this.resize(position + bytes.length)
    bytes.copy(this.whole, position)
  }

  resize(size: number): void {
    if (size > this.whole.length) {
      const larger = Buffer.alloc(Math.max(size, this.whole.length * 2))
      this.whole.copy(larger, 0, 0, this.length)
      this.whole = larger
    } else if (size < this.length) this.whole.fill(0, size, this.length)
    this.length = size
  }
}

interface SimulatedFile {
  /** What a crash leaves for certain. */
  durable: Content
  /** What readers see. */
  visible: Content
  pending: PendingWrite[]
  /** The directory entry itself has been synced. */
  entryDurable: boolean
}

/** What the fault plan says about one disk. Probabilities per operation. */
export interface DiskFaults {
  syncFails: number
  syncSlow: number
  /** Bytes the disk holds; Infinity while no fault is on. */
  bytesMax: number
}

class DiskError extends Error {
  readonly code: string

  constructor(code: string, path: string) {
    super(`${code}: ${path}`)
    this.code = code
  }
}

/**
 * A disk that survives its process. A crash keeps what was synced, and of each later write nothing, all, its beginning, or any of its sectors.
 * Content and directory entries are synced apart, as on a real file system.
 */
export class SimulatedDisk {
  readonly faults: DiskFaults = { syncFails: 0, syncSlow: 0, bytesMax: Number.POSITIVE_INFINITY }
  private readonly files = new Map<string, SimulatedFile>()
  private removed: { path: string; file: SimulatedFile }[] = []
  private readonly directories = new Set<string>()
  private readonly kernel: Kernel
  private readonly name: string
  private readonly random: SeededRandom

  constructor(kernel: Kernel, name: string) {
    this.kernel = kernel
    this.name = name
    this.random = kernel.random(`disk ${name}`)
  }

  crash(): void {
    for (const { path, file } of this.removed) {
      if (!this.files.has(path) && this.random.chance(0.5)) this.files.set(path, file)
    }
    this.removed = []
    for (const [path, file] of this.files) {
      if (!file.entryDurable && this.random.chance(0.5)) {
        this.files.delete(path)
        this.kernel.count('fault lost file')
        continue
      }
      file.entryDurable = true
      for (const write of file.pending) {
        const draw = this.random.fraction()
        if (draw < 0.4) {
          this.kernel.count('fault lost write')
          continue
        }
        if (draw < 0.7) file.durable.write(write.bytes, write.position)
        else if (draw < 0.85) this.tear(file, write, this.random.integer(write.bytes.length + 1))
        else this.scatter(file, write)
      }
      file.pending = []
      file.visible = new Content(Buffer.from(file.durable.bytes))
    }
  }

  /** The first bytes of it came. */
  private tear(file: SimulatedFile, { bytes, position }: PendingWrite, kept: number): void {
    if (kept < bytes.length) this.kernel.count('fault torn write')
    file.durable.write(bytes.subarray(0, kept), position)
  }

  /** A device writes sectors in the order it likes: any of them came. */
  private scatter(file: SimulatedFile, { bytes, position }: PendingWrite): void {
    this.kernel.count('fault torn write')
    this.kernel.count('fault scattered write')
    const end = position + bytes.length
    for (let at = position; at < end; ) {
      const next = Math.min(end, at - (at % sectorBytes) + sectorBytes)
      if (this.random.chance(0.5)) file.durable.write(bytes.subarray(at - position, next - position), at)
      at = next
    }
    if (file.durable.length < end && this.random.chance(0.5)) file.durable.resize(end)
  }

  /** Flips one bit of what is durable: R9, corruption is detected and never served. Answers false where there is nothing to flip. */
  flipBit(path: string, at: number, bit = 0): boolean {
    const file = this.files.get(path)
    if (file === undefined || at >= file.durable.length) return false
    const { bytes } = file.durable
    bytes[at] = (bytes[at] as number) ^ (1 << bit)
    file.visible.write(bytes.subarray(at, at + 1), at)
    this.kernel.count('fault bit flip')
    return true
  }

  paths(): readonly string[] {
    return [...this.files.keys()]
  }

  sizeOf(path: string): number {
    return this.files.get(path)?.visible.length ?? 0
  }

  bytesUsed(): number {
    let bytes = 0
    for (const file of this.files.values()) bytes += file.visible.length
    return bytes
  }

  /** The disk as one incarnation of a process sees it; `alive` turns false when that incarnation dies. */
  attach(alive: () => boolean): Files {
    const mustExist = (path: string): SimulatedFile => {
      const file = this.files.get(path)
      if (file === undefined) throw new DiskError('ENOENT', path)
      return file
    }
    return {
      open: (path, mode) => {
        let file = this.files.get(path)
        if (file === undefined) {
          if (mode === 'read') throw new DiskError('ENOENT', path)
          file = {
            durable: new Content(Buffer.alloc(0)),
            visible: new Content(Buffer.alloc(0)),
            pending: [],
            entryDurable: false,
          }
          this.files.set(path, file)
        } else if (mode === 'create') {
          file.visible.resize(0)
          file.durable.resize(0)
          file.pending = []
        }
        return this.handle(path, file, alive)
      },
      read: (path) => Buffer.from(mustExist(path).visible.bytes),
      replace: async (path, bytes) => {
        this.room(path, bytes.length)
        await this.wait('disk replace')
        if (!alive()) return never()
        const content = Buffer.from(bytes)
        this.files.set(path, {
          durable: new Content(content),
          visible: new Content(Buffer.from(content)),
          pending: [],
          entryDurable: true,
        })
      },
      list: (path) => {
        const prefix = path.endsWith('/') ? path : `${path}/`
        const names = new Set<string>()
        for (const file of [...this.files.keys(), ...this.directories]) {
          if (file.startsWith(prefix)) names.add(file.slice(prefix.length).split('/')[0] as string)
        }
        return [...names].sort()
      },
      exists: (path) => this.files.has(path) || this.directories.has(path),
      makeDirectory: (path) => void this.directories.add(path),
      remove: (path) => {
        const file = mustExist(path)
        this.files.delete(path)
        this.removed.push({ path, file })
      },
      bytesFree: () => Math.max(0, Math.min(this.faults.bytesMax, 1e12) - this.bytesUsed()),
      syncDirectory: (path) => {
        for (const [name, file] of this.files) if (name.startsWith(`${path}/`)) file.entryDurable = true
        this.removed = this.removed.filter((entry) => !entry.path.startsWith(`${path}/`))
      },
    }
  }

  private handle(path: string, file: SimulatedFile, alive: () => boolean): FileHandle {
    const disk = this
    return {
      get size() {
        return file.visible.length
      },
      writeAt(bytes, position) {
        if (!alive()) return
        disk.room(path, Math.max(0, position + bytes.length - file.visible.length))
        const copy = Buffer.from(bytes)
        file.visible.write(copy, position)
        file.pending.push({ position, bytes: copy })
      },
      readAt: (position, length) => Buffer.from(file.visible.bytes.subarray(position, position + length)),
      truncate(size) {
        if (!alive()) return
        if (size > file.visible.length) disk.room(path, size - file.visible.length)
        file.visible.resize(size)
        file.durable.resize(Math.min(size, file.durable.length))
        file.pending = file.pending.filter(({ position }) => position < size)
      },
      async sync() {
        const writes = file.pending.length
        await disk.wait('disk sync')
        if (!alive()) return never()
        if (disk.random.chance(disk.faults.syncFails)) {
          disk.kernel.count('fault sync failed')
          // As on Linux: the pages are clean now, readers see them, and they never reach the device.
          if (disk.random.chance(0.5)) file.pending.splice(0, writes)
          throw new DiskError('EIO', path)
        }
        for (const write of file.pending.splice(0, writes)) file.durable.write(write.bytes, write.position)
        if (file.durable.length < file.visible.length) file.durable.resize(file.visible.length)
      },
      close() {},
    }
  }

  private room(path: string, more: number): void {
    if (more > 0 && this.bytesUsed() + more > this.faults.bytesMax) {
      this.kernel.count('fault disk full')
      throw new DiskError('ENOSPC', path)
    }
  }

  private wait(kind: string): Promise<void> {
    let delay = 50 + this.random.integer(400)
    if (this.random.chance(this.faults.syncSlow)) {
      this.kernel.count('fault slow sync')
      delay += this.random.integer(500_000)
    }
    return new Promise((resolve) => this.kernel.after(delay, `${kind} ${this.name}`, resolve))
  }
}

/** What a dead process waits for never comes. */
const never = <T>(): Promise<T> => new Promise<T>(() => {})
