import type { Bus } from './bus.ts'

export interface Timer {
  cancel(): void
}

/** Time of one process. The simulator owns all of it. */
export interface Clock {
  /** Wall clock, microseconds since the Unix epoch. May jump. */
  now(): number
  /** Microseconds from an arbitrary start; never goes back. */
  monotonic(): number
  /** Runs `action` once after `delayMs`. Does not keep the process alive. */
  after(delayMs: number, action: () => void): Timer
  /** Runs `action` in a later turn of the event loop, after pending I/O had its chance. */
  soon(action: () => void): void
  sleep(delayMs: number): Promise<void>
}

export interface Random {
  /** A whole number in [0, below). */
  integer(below: number): number
  /** In [0, 1). */
  fraction(): number
  /** Random bytes as a binary string; from the operating system's generator outside the simulator. */
  bytes(length: number): string
}

/** An open file. Positions are bytes; errors are Node's (ENOSPC, EIO ...). */
export interface FileHandle {
  readonly size: number
  writeAt(bytes: Uint8Array, position: number): void
  readAt(position: number, length: number): Buffer
  truncate(size: number): void
  /** Makes all writes so far durable (fdatasync). Rejects when the device did. A failed sync is never retried on the same file (rule 18). */
  sync(): Promise<void>
  close(): void
}

/** The file system below a data directory. Paths are absolute or relative to the process, '/' separated. */
export interface Files {
  open(path: string, mode: 'read' | 'create' | 'append'): FileHandle
  read(path: string): Buffer
  /** Replaces the file atomically: temporary file, sync, rename, sync of the directory. */
  replace(path: string, bytes: Uint8Array): Promise<void>
  list(path: string): readonly string[]
  exists(path: string): boolean
  makeDirectory(path: string): void
  remove(path: string): void
  /** Bytes free for us on the device that holds `path`. */
  bytesFree(path: string): number
  /** Makes creations, renames and removals in this directory durable. */
  syncDirectory(path: string): void
}

/** Runs beside the main thread and shares nothing with it: questions and answers are copied. */
export interface Thread {
  /** Rejects when the thread fails or is ended. */
  ask(question: unknown): Promise<unknown>
  /** At once, whatever it is doing. */
  end(): void
}

/**
 * Everything outside the program, in one injected value (architecture decision 14): nothing else reads a clock, draws a number, opens a
 * file or a socket. Sockets of clients are the frontend's own door (`bus/sockets.ts`).
 */
export interface World {
  readonly clock: Clock
  /** One independent stream per purpose, or shrinking a failure would shift every draw. */
  random(stream: string): Random
  readonly files: Files
  readonly bus: Bus
  /** Starts a thread that answers with the module's `answer`; undefined where all must happen in one, as in the simulator. */
  readonly startThread?: (module: URL) => Thread
  /** A point where the simulator may take the rare path; false outside it. */
  maybe(name: string): boolean
  /** Unhandled failure of an actor: the world decides whether the process stops. */
  failed(actor: string, error: unknown): void
}
