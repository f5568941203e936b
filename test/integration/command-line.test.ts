import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, readdirSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { ServerDidNotStart, startServer, temporaryDirectory } from './server-process.ts'

const root = join(import.meta.dirname, '../..')

async function refusal(words: readonly string[]): Promise<{ exit: number | string; output: string }> {
  try {
    const server = await startServer(words)
    await server.stop('SIGKILL')
  } catch (error) {
    if (error instanceof ServerDidNotStart) return { exit: error.exit, output: error.output }
    throw error
  }
  throw new Error('the server started')
}

async function ask(connectionString: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

describe('a data directory', () => {
  test('is created, and holds what was committed over a restart', async () => {
    using directory = temporaryDirectory('restart')
    const data = join(directory.path, 'new/place')
    const first = await startServer(['--port', '0', '--data', data])
    expect(first.output()).toContain(data)
    await ask(first.connectionString, 'create table t (a int primary key, b text); insert into t values (1, $$one$$)')
    expect(await first.stop('SIGTERM')).toBe(0)
    const second = await startServer(['--port', '0', '--data', data])
    expect(await ask(second.connectionString, 'select * from t')).toEqual([{ a: 1, b: 'one' }])
    expect(await second.stop('SIGINT')).toBe(0)
  })

  test('SIGKILL leaves no stale lock and loses nothing acknowledged', async () => {
    using directory = temporaryDirectory('sigkill')
    const first = await startServer(['--port', '0', '--data', directory.path])
    await ask(first.connectionString, 'create table t (a int primary key)')
    await ask(first.connectionString, 'insert into t values (42)')
    expect(await first.stop('SIGKILL')).toBe('SIGKILL')
    const second = await startServer(['--port', '0', '--data', directory.path])
    expect(await ask(second.connectionString, 'select a from t')).toEqual([{ a: 42 }])
    await second.stop()
  })

  test('in use by another process: one line, exit 1, and the first goes on', async () => {
    using directory = temporaryDirectory('in-use')
    const first = await startServer(['--port', '0', '--data', directory.path])
    const second = await refusal(['--port', '0', '--data', directory.path])
    expect(second.exit).toBe(1)
    expect(second.output.trim().split('\n')).toHaveLength(1)
    expect(second.output).toMatch(/in use/)
    expect(await ask(first.connectionString, 'select 1 as one')).toEqual([{ one: 1 }])
    await first.stop()
  })

  test.each<[string, (path: string) => void, RegExp]>([
    ['foreign', (path) => writeFileSync(join(path, 'holiday.jpg'), 'x'), /not a taudb/],
    ['a file', (path) => writeFileSync(join(path, 'file'), ''), /directory/],
  ])('%s: one clear line and exit 1', async (kind, prepare, message) => {
    using directory = temporaryDirectory('foreign')
    prepare(directory.path)
    const { exit, output } = await refusal([
      '--port',
      '0',
      '--data',
      kind === 'a file' ? join(directory.path, 'file') : directory.path,
    ])
    expect(output).toMatch(message)
    expect(output.trim().split('\n')).toHaveLength(1)
    expect(exit).toBe(1)
  })

  test('unreadable: one clear line and exit 1', async () => {
    if (process.getuid?.() === 0) return expect(process.getuid()).toBe(0) // root reads everything
    using directory = temporaryDirectory('unreadable')
    const data = join(directory.path, 'closed')
    mkdirSync(data)
    chmodSync(data, 0)
    const { exit, output } = await refusal(['--port', '0', '--data', data])
    chmodSync(data, 0o700)
    expect([exit, output.trim().split('\n').length]).toEqual([1, 1])
  })

  test('corrupt: one clear line and exit 1', async () => {
    using directory = temporaryDirectory('corrupt')
    const first = await startServer(['--port', '0', '--data', directory.path])
    await ask(first.connectionString, 'create table t (a int primary key)')
    for (let i = 0; i < 5; i++) await ask(first.connectionString, `insert into t values (${i})`)
    await first.stop()
    const journal = join(directory.path, 'journal')
    const segment = readdirSync(journal).find((name) => /\d/.test(name)) as string
    spawnSync('sh', ['-c', `printf '\\377\\377\\377\\377' | dd of='${join(journal, segment)}' bs=1 seek=120 conv=notrunc`])
    const { exit, output } = await refusal(['--port', '0', '--data', directory.path])
    expect(output).toMatch(/corrupt|damage/i)
    expect([exit, output.trim().split('\n').length]).toEqual([1, 1])
  })

  test.each<[string, (file: string) => void]>([
    ['something else', (file) => writeFileSync(file, randomBytes(100_000))],
    ['cut short', (file) => truncateSync(file, 9_000)],
  ])('a storage file that is %s: one clear line and exit 1, not a crash of LMDB', async (_, damage) => {
    using directory = temporaryDirectory('storage')
    const first = await startServer(['--port', '0', '--data', directory.path])
    await ask(first.connectionString, 'create table t (a int primary key)')
    await first.stop()
    damage(join(directory.path, 'storage/data.mdb'))
    const { exit, output } = await refusal(['--port', '0', '--data', directory.path])
    expect([exit, output]).toEqual([1, expect.stringMatching(/^taudb: .*data\.mdb is damaged.*\n$/)])
  })
})

describe('the command line', () => {
  test('a port in use: one line and exit 1', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => other.once('listening', resolve))
    const { port } = other.address() as { port: number }
    const { exit, output } = await refusal(['--ephemeral', '--port', String(port)])
    other.close()
    expect(output).toMatch(new RegExp(`port ${port} .*in use`))
    expect([exit, output.trim().split('\n').length]).toEqual([1, 1])
  })

  test('a certificate that is none: one line and exit 1', async () => {
    const { exit, output } = await refusal(['--ephemeral', '--port', '0', '--tls-cert', 'LICENSE', '--tls-key', 'LICENSE'])
    expect([exit, output]).toEqual([1, expect.stringMatching(/^taudb: LICENSE and LICENSE are no certificate.*\n$/)])
  })

  test('a mistyped option: the nearest valid one, exit 1', async () => {
    const { exit, output } = await refusal(['--prot', '5432'])
    expect([exit, output]).toEqual([1, 'taudb: unknown option --prot; did you mean --port?; see taudb --help\n'])
  })

  test('--help and --version', () => {
    const run = (word: string) => spawnSync(process.execPath, [join(root, 'actors/cli.ts'), word], { encoding: 'utf8' })
    expect(run('--help').stdout).toContain('--transaction-bytes-max')
    expect(run('--version').stdout).toMatch(/^taudb \d+\.\d+\.\d+\n$/)
  })

  test('npm start passes SIGTERM on: the database drains and exits 0', async () => {
    const { spawn } = await import('node:child_process')
    const child = spawn('npm', ['start', '--', '--ephemeral', '--port', '0'], { cwd: root, stdio: ['ignore', 'pipe', 'ignore'] })
    let output = ''
    await new Promise<void>((resolve) =>
      child.stdout.on('data', (bytes: Buffer) => {
        output += bytes
        if (/postgres:\/\//.test(output)) resolve()
      }),
    )
    const port = Number(/127\.0\.0\.1:(\d+)/.exec(output)?.[1])
    expect(await ask(`postgres://someone@127.0.0.1:${port}/postgres`, 'select 1 as one')).toEqual([{ one: 1 }])
    child.kill('SIGTERM')
    expect(await new Promise((resolve) => child.on('exit', (code, signal) => resolve(code ?? signal)))).toBe(0)
    await expect(ask(`postgres://someone@127.0.0.1:${port}/postgres`, 'select 1')).rejects.toThrow('ECONNREFUSED')
  })
})
