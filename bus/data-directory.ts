import {
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import type { Files } from './world.ts'

/** Why a directory cannot be used, in one line with the way out. */
export class DirectoryRefused extends Error {
  override readonly name = 'DirectoryRefused'
}

/** Another process has it. */
class DirectoryInUse extends DirectoryRefused {}

export const isInUse = (error: unknown): boolean => error instanceof DirectoryInUse

export interface DataDirectory {
  readonly path: string
  /** Gives the lock back. */
  release(): Promise<void>
}

const formatFile = 'taudb.json'
const draftFile = 'taudb.json.draft'
const format = 1
const lockFile = 'lock'
/** Longer paths do not fit into a socket's address. */
const socketPathBytesMax = 100

/**
 * Takes a data directory for this process, creating it when it is missing or empty. The lock is a unix socket in it: whoever answers there
 * holds the directory, and a socket that nobody answers is what a killed process left behind. Throws DirectoryRefused.
 */
export async function takeDataDirectory(path: string): Promise<DataDirectory> {
  const directory = resolve(path)
  const names = entriesOf(directory)
  if (names.includes(formatFile)) checkFormat(directory)
  else if (names.some((name) => name !== lockFile && name !== draftFile)) {
    throw new DirectoryRefused(`${directory} is not a taudb data directory and not empty: name a new or empty one with --data`)
  }
  const lock = await takeLock(directory)
  if (!names.includes(formatFile)) {
    told(directory, () => writeFormat(directory, undefined))
  }
  return { path: directory, release: () => lock.release() }
}

/**
 * The journals in a data directory, one a partition, from partition 0 on; `wanted` of them in a fresh one (one, unless something is said), whose
 * directories are made before anything is written in one of them. Throws DirectoryRefused where there are others.
 */
export function journalsOf(files: Files, directory: string, wanted: number | undefined): string[] {
  const found = journalsIn(files, directory)
  const count = found.length
  if (count > 0 && wanted !== undefined && wanted !== count) {
    throw new DirectoryRefused(
      `${directory} was made with ${count} ${count === 1 ? 'partition' : 'partitions'}: leave --partitions out or say ${count}`,
    )
  }
  if (count > 0) return found
  const paths = Array.from({ length: wanted ?? 1 }, (_, partition) => journalPath(directory, partition))
  // The first one last: as long as it is missing, the database is a fresh one.
  for (const one of [...paths].reverse()) files.makeDirectory(one)
  files.syncDirectory(directory)
  return paths
}

/**
 * A data directory in the making: `draft`, empty now, gets its name when it is complete. What an earlier one that was cut off has left there is
 * removed. Throws DirectoryRefused where there is something already.
 */
export async function draftDirectory(path: string): Promise<{ readonly draft: string; complete(): void }> {
  const directory = resolve(path)
  const draft = `${directory}.restoring`
  told(directory, () => {
    if (existsSync(directory) && readdirSync(directory).length > 0)
      throw new DirectoryRefused(`${directory} is not empty: name a new directory with --data`)
  })
  if (existsSync(draft)) {
    // Not ours, or another one is just making it: then it is refused.
    await (await takeDataDirectory(draft)).release()
    told(draft, () => rmSync(draft, { recursive: true }))
  }
  return {
    draft,
    complete: () =>
      told(directory, () => {
        if (existsSync(directory)) rmdirSync(directory)
        renameSync(draft, directory)
        syncEntries(dirname(directory))
      }),
  }
}

/** Those that are there. */
export function journalsIn(files: Files, directory: string): string[] {
  const paths: string[] = []
  for (let path = journalPath(directory, 0); files.exists(path); path = journalPath(directory, paths.length)) paths.push(path)
  return paths
}

const journalPath = (directory: string, partition: number): string =>
  `${directory}/journal${partition === 0 ? '' : `-${partition}`}`

/**
 * Rows belong to one database: the one on NATS that is named, or undefined for that of the directory's own journals. A directory that has stored
 * nothing yet joins. Throws DirectoryRefused for another one's, of which nothing was changed.
 */
export function belongTo({ path }: DataDirectory, database: string | undefined): void {
  const owner = databaseIn(path)
  if (owner === database) return
  if (database === undefined)
    throw new DirectoryRefused(
      `${path} has rows of a database on NATS: start it with --bus nats://host:4222, or name another directory with --data`,
    )
  if (owner !== undefined)
    throw new DirectoryRefused(
      `${path} has rows of another database (${owner}) than the one on these servers (${database}): name another directory with --data, or other servers with --bus`,
    )
  told(path, () => writeFormat(path, database))
}

function databaseIn(directory: string): string | undefined {
  const { database } = JSON.parse(told(directory, () => readFileSync(join(directory, formatFile), 'utf8'))) as {
    database?: unknown
  }
  return typeof database === 'string' ? database : undefined
}

function writeFormat(directory: string, database: string | undefined): void {
  const about = 'a taudb data directory: do not change or remove files in it'
  writeSynced(directory, `${JSON.stringify({ about, format, ...(database === undefined ? {} : { database }) })}\n`)
}

/** A power cut leaves the file whole or not there: half of it would make the directory nobody's. */
function writeSynced(directory: string, text: string): void {
  const draft = join(directory, draftFile)
  const file = openSync(draft, 'w')
  try {
    writeFileSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(draft, join(directory, formatFile))
  for (const path of [directory, dirname(directory)]) syncEntries(path)
}

function syncEntries(path: string): void {
  const entries = openSync(path, 'r')
  try {
    fsyncSync(entries)
  } finally {
    closeSync(entries)
  }
}

function entriesOf(directory: string): string[] {
  return told(directory, () => {
    mkdirSync(directory, { recursive: true })
    return readdirSync(directory)
  })
}

/** Refuses what is there unless this program can read it; for the journal's reader, which takes no lock. */
export function checkDataDirectory(path: string): string {
  const directory = resolve(path)
  const isThere = told(
    directory,
    () => existsSync(directory) && statSync(directory).isDirectory() && existsSync(join(directory, formatFile)),
  )
  if (!isThere) throw new DirectoryRefused(`${directory} is not a taudb data directory: name one with --data`)
  checkFormat(directory)
  return directory
}

function checkFormat(directory: string): void {
  const path = join(directory, formatFile)
  const text = told(directory, () => readFileSync(path, 'utf8'))
  let found: unknown
  try {
    found = (JSON.parse(text) as { format?: unknown }).format
  } catch {
    throw new DirectoryRefused(
      `${path} is damaged: restore the directory from a backup, or write {"format": ${format}} into it if nothing else was touched`,
    )
  }
  if (found !== format)
    throw new DirectoryRefused(
      `${directory} has format ${String(found)}, this taudb reads format ${format}: use the version that made it`,
    )
}

/** Runs a step on the file system and says in one line what it would not do. */
function told<T>(directory: string, step: () => T): T {
  try {
    return step()
  } catch (error) {
    throw refusal(directory, error)
  }
}

/** What the file system would not do, in one line; an error of ours as it is. */
export function refusal(directory: string, error: unknown): unknown {
  const { code, message } = error as { code?: string; message: string }
  switch (code) {
    case undefined:
      return error
    case 'EACCES':
    case 'EPERM':
      return notPermitted(directory)
    case 'ENOENT':
      return new DirectoryRefused(`${directory} is missing`)
    case 'ENOTDIR':
    case 'EEXIST':
      return new DirectoryRefused(`${directory} is not a directory: name another one with --data`)
    case 'ENOSPC':
      return new DirectoryRefused(`no space left on the device of ${directory}`)
    case 'EROFS':
      return new DirectoryRefused(`${directory} is on a read-only file system: name another one with --data`)
    default:
      return new DirectoryRefused(`${directory} cannot be used: ${message}`)
  }
}

const notPermitted = (directory: string): DirectoryRefused =>
  new DirectoryRefused(`no permission to read and write ${directory}: change its owner or name another one with --data`)

interface Lock {
  release(): Promise<void>
}

/**
 * Two sockets. On Linux an abstract one, named after the directory's inode: binding it is atomic and it dies with its process. And one in the
 * directory itself, which also stops a process of another container that shares the directory but not the network.
 */
async function takeLock(directory: string): Promise<Lock> {
  const inUse = (): DirectoryRefused =>
    new DirectoryInUse(`${directory} is in use by another taudb process: stop that one or name another directory with --data`)
  const { dev, ino } = told(directory, () => statSync(directory))
  const guard = process.platform === 'linux' ? await listen(`\0taudb-${dev}-${ino}`, directory, inUse) : undefined
  const address = socketAddress(directory)
  try {
    if (await isAnswered(address.path)) throw inUse()
    told(directory, () => rmSync(join(directory, lockFile), { force: true }))
    const server = await listen(address.path, directory, inUse)
    return {
      release: async () => {
        await Promise.all([server, guard].map((open) => open !== undefined && new Promise((done) => open.close(done))))
        address.close()
      },
    }
  } catch (error) {
    guard?.close()
    address.close()
    throw error
  }
}

/** A short name for a deep directory: Linux names open directories under /proc/self/fd. */
function socketAddress(directory: string): { readonly path: string; close(): void } {
  const path = join(directory, lockFile)
  if (Buffer.byteLength(path) <= socketPathBytesMax) return { path, close: () => {} }
  if (!existsSync('/proc/self/fd'))
    throw new DirectoryRefused(`${directory} is too long a path for its lock: name a shorter one with --data`)
  const descriptor = told(directory, () => openSync(directory, constants.O_RDONLY))
  return { path: `/proc/self/fd/${descriptor}/${lockFile}`, close: () => closeSync(descriptor) }
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((settle) => {
    const socket = connect(path)
    socket.on('connect', () => {
      socket.destroy()
      settle(true)
    })
    socket.on('error', () => settle(false))
  })
}

function listen(path: string, directory: string, inUse: () => DirectoryRefused): Promise<Server> {
  return new Promise((settle, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.on('error', (error) => {
      const { code } = error as { code?: string }
      if (code === 'EADDRINUSE') reject(inUse())
      else if (code === 'EACCES') reject(notPermitted(directory))
      else reject(new DirectoryRefused(`${directory} cannot be locked: ${error.message}`))
    })
    server.listen(path, () => {
      server.unref()
      settle(server)
    })
  })
}
