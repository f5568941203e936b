import { randomBytes, randomInt } from 'node:crypto'
import * as fs from 'node:fs'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import type { Bus } from './bus.ts'
import { startThread } from './threads.ts'
import type { Clock, FileHandle, Files, Random, Timer, World } from './world.ts'

/** This process on Node. `onFailure` hears of actors that failed for good; a process should stop then. */
export function realWorld(options: { readonly bus: Bus; readonly onFailure: (actor: string, error: unknown) => void }): World {
  return {
    clock: realClock,
    random: () => realRandom,
    files: realFiles,
    bus: options.bus,
    startThread,
    maybe: () => false,
    failed: options.onFailure,
  }
}

/** Tells this process from others: `host:4711`. */
export const processName = (): string => `${hostname()}:${process.pid}`

export const realClock: Clock = {
  now: () => Date.now() * 1_000,
  monotonic: () => Math.round(performance.now() * 1_000),
  after(delayMs: number, action: () => void): Timer {
    const timer = setTimeout(action, delayMs)
    timer.unref()
    return { cancel: () => clearTimeout(timer) }
  },
  soon: (action) => void setImmediate(action),
  sleep: (delayMs) => new Promise((resolve) => setTimeout(resolve, delayMs)),
}

/** Names, owners and secrets come from here: always the operating system's generator. */
const realRandom: Random = {
  integer: (below) => randomInt(below),
  fraction: () => randomInt(2 ** 47) / 2 ** 47,
  bytes: (length) => randomBytes(length).latin1Slice(),
}

export const realFiles: Files = {
  open(path, mode) {
    const flags =
      mode === 'read'
        ? fs.constants.O_RDONLY
        : fs.constants.O_RDWR | fs.constants.O_CREAT | (mode === 'create' ? fs.constants.O_TRUNC : 0)
    return new RealFile(fs.openSync(path, flags, 0o600))
  },
  read: (path) => fs.readFileSync(path),
  async replace(path, bytes) {
    const draft = `${path}.draft`
    const fd = fs.openSync(draft, 'w', 0o600)
    try {
      writeAll(fd, bytes, 0)
      await synced(fd)
    } finally {
      fs.closeSync(fd)
    }
    fs.renameSync(draft, path)
    syncDirectory(dirname(path))
  },
  list: (path) => fs.readdirSync(path).sort(),
  exists: (path) => fs.existsSync(path),
  makeDirectory: (path) => void fs.mkdirSync(path, { recursive: true, mode: 0o700 }),
  remove: (path) => fs.unlinkSync(path),
  bytesFree(path) {
    const { bavail, bsize } = fs.statfsSync(path)
    return bavail * bsize
  },
  syncDirectory,
}

class RealFile implements FileHandle {
  private readonly fd: number
  private bytes: number

  constructor(fd: number) {
    this.fd = fd
    this.bytes = fs.fstatSync(fd).size
  }

  get size(): number {
    return this.bytes
  }

  writeAt(bytes: Uint8Array, position: number): void {
    writeAll(this.fd, bytes, position)
    if (position + bytes.length > this.bytes) this.bytes = position + bytes.length
  }

  readAt(position: number, length: number): Buffer {
    const wanted = Math.max(0, Math.min(length, this.bytes - position))
    const buffer = Buffer.allocUnsafeSlow(wanted)
    let read = 0
    while (read < wanted) {
      const n = fs.readSync(this.fd, buffer, read, wanted - read, position + read)
      if (n === 0) return buffer.subarray(0, read)
      read += n
    }
    return buffer
  }

  truncate(size: number): void {
    fs.ftruncateSync(this.fd, size)
    this.bytes = size
  }

  sync(): Promise<void> {
    return synced(this.fd)
  }

  close(): void {
    fs.closeSync(this.fd)
  }
}

/**
 * Linux keeps what one call has written in one piece of its cache (large folios), and every later sync of a few bytes within it walks the
 * whole: twice the CPU per append for a segment filled in steps of 4 MB.
 */
const writeBytesMax = 65_536

/** A short write is no error to the operating system: go on until all is written or it says why not. */
function writeAll(fd: number, bytes: Uint8Array, position: number): void {
  let written = 0
  while (written < bytes.length) {
    written += fs.writeSync(fd, bytes, written, Math.min(writeBytesMax, bytes.length - written), position + written)
  }
}

function synced(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.fdatasync(fd, (error) => (error === null ? resolve() : reject(error)))
  })
}

function syncDirectory(path: string): void {
  // Windows cannot open directories; its file system journals renames.
  if (process.platform === 'win32') return
  const fd = fs.openSync(path, 'r')
  try {
    fs.fsyncSync(fd)
  } finally {
    fs.closeSync(fd)
  }
}
