import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { expect, test } from 'vitest'
import { startServer, temporaryDirectory } from './server-process.ts'

const cli = join(import.meta.dirname, '../../actors/cli.ts')

function journal(action: string, data: string): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, 'journal', action, '--data', data], { encoding: 'utf8' })
  return { status, output: stdout + stderr }
}

test('dump shows every commit, verify checks them, also while the server runs; damage is told', async () => {
  using directory = temporaryDirectory('journal')
  const data = directory.path
  const server = await startServer(['--port', '0', '--data', data])
  const client = new pg.Client({ connectionString: server.connectionString })
  await client.connect()
  await client.query('create table t (id int primary key, note text)')
  await client.query('begin')
  await client.query(`insert into t values (1, 'one'), (2, 'two')`)
  await client.query('delete from t where id = 1')
  await client.query('update t set note = $$TWO$$ where id = 2')
  await client.query('commit')

  const live = journal('verify', data)
  expect(live).toMatchObject({
    status: 0,
    output: expect.stringMatching(/^\d+ records with \d+ transactions and \d+ writes: everything holds\n$/),
  })
  await client.end()
  await server.stop()

  const { status, output } = journal('dump', data)
  expect(status).toBe(0)
  const lines = output.trim().split('\n')
  const entries = lines.filter((line) => /^\d/.test(line)).map((line) => Number(line.split(' ')[0]))
  expect(entries).toEqual(entries.map((_, i) => i + 1))
  expect(lines[0]).toMatch(/^1 epoch tau \d+ \(\d{4}-.*\) epoch 1 horizon \d+$/)
  expect(output).toMatch(/transaction 0\.1\.[0-9a-f]{16}\.\d+ began \d+/)
  expect(output).toMatch(/create X storage \d+ key 80000002 \d+ bytes/)
  expect(lines.at(-1)).toMatch(/heartbeat/)

  const folder = join(data, 'journal')
  const segment = join(folder, readdirSync(folder)[0] as string)
  const bytes = readFileSync(segment)
  bytes[200] = (bytes[200] as number) ^ 1
  writeFileSync(segment, bytes)
  expect(journal('verify', data)).toMatchObject({ status: 1, output: expect.stringMatching(/damaged behind entry \d+/) })
})

test('a reader that has seen enough ends the dump without a complaint', async () => {
  using directory = temporaryDirectory('head')
  const server = await startServer(['--port', '0', '--data', directory.path])
  await server.stop()
  const shell = `'${process.execPath}' '${cli}' journal dump --data '${directory.path}' | true`
  expect(spawnSync('sh', ['-c', shell], { encoding: 'utf8' }).stderr).toBe('')
})

test('a journal without records is not called whole', async () => {
  using directory = temporaryDirectory('empty')
  const server = await startServer(['--port', '0', '--data', directory.path])
  await server.stop()
  const folder = join(directory.path, 'journal')
  for (const name of readdirSync(folder)) rmSync(join(folder, name))
  expect(journal('verify', directory.path)).toMatchObject({ status: 1, output: expect.stringContaining('has no records') })
})

test('a directory that is none: one line, exit 1', () => {
  using directory = temporaryDirectory('none')
  expect(journal('dump', directory.path)).toEqual({
    status: 1,
    output: `taudb: ${directory.path} is not a taudb data directory: name one with --data\n`,
  })
})
