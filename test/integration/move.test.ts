/** Places move between the partitions of a real server while clients write; the command line asks for it. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import pg from 'pg'
import { expect, test } from 'vitest'
import { startNats } from '../support/nats-server.ts'
import { startServer, temporaryDirectory } from './server-process.ts'

const cli = join(import.meta.dirname, '../../actors/cli.ts')

/** What `taudb` says and how it ends. */
function taudb(words: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [cli, ...words])
    let said = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => (said += bytes))
    child.on('exit', (code) => resolve(`${said}exit ${code}`))
  })
}

const accounts = 40

test('money is moved between accounts while their places move; kill -9 in between loses neither', {
  timeout: 60_000,
}, async () => {
  using directory = temporaryDirectory('move')
  const words = ['--port', '0', '--data', directory.path]
  let server = await startServer([...words, '--partitions', '2'])
  const ask = async (sql: string): Promise<unknown[]> => {
    const client = new pg.Client({ connectionString: server.connectionString })
    await client.connect()
    try {
      return (await client.query({ text: sql, rowMode: 'array' })).rows
    } finally {
      await client.end()
    }
  }
  await ask('create table account (id int primary key, balance int not null)')
  await ask(`insert into account select g, 100 from generate_series(1, ${accounts}) g`)
  let isOver = false
  let transfers = 0
  const refusals = new Set<string>()
  const transfer = async (): Promise<void> => {
    const client = new pg.Client({ connectionString: server.connectionString })
    await client.connect()
    while (!isOver) {
      const [from, to] = [1 + Math.floor(Math.random() * accounts), 1 + Math.floor(Math.random() * accounts)]
      try {
        await client.query(
          `update account set balance = balance + case id when ${from} then -1 else 1 end where id in (${from}, ${to}) and ${from} <> ${to}`,
        )
        transfers++
      } catch (error) {
        refusals.add((error as { code: string }).code)
      }
    }
    await client.end()
  }
  const clients = Array.from({ length: 4 }, transfer)
  const port = String(server.port)
  for (let round = 0; round < 3; round++) {
    expect(await taudb(['move', '--from', '0', '--to', '1', '--places', '0-32767', '--port', port])).toBe(
      'places 0 to 32767: partition 0 gives them to partition 1\nplaces 0 to 32767: partition 1 has them\nexit 0',
    )
    await ask('call sys.move_range(1, 0, 0, 32767)')
  }
  for (const [places, why] of [
    ['30000-40000', 'partition 0 does not hold all of these places'],
    ['9-8', 'the first place lies behind the last one'],
  ]) {
    const said = await taudb(['move', '--from', '0', '--to', '1', '--places', places as string, '--port', port])
    expect(said).toContain(why)
    expect(said).toContain('exit 1')
  }
  await ask('call sys.move_range(0, 1, 1000, 20000)')
  isOver = true
  await Promise.all(clients)
  expect(transfers).toBeGreaterThan(50)
  expect([...refusals].filter((code) => code !== '40001')).toEqual([])
  await server.stop('SIGKILL')
  server = await startServer(words)
  expect(await ask('select count(*)::int, sum(balance)::int from account')).toEqual([[accounts, accounts * 100]])
  await ask('update account set balance = balance + 1')
  await ask('call sys.move_range(1, 0, 1000, 20000)')
  expect(await ask('select sum(balance)::int from account')).toEqual([[accounts * 101]])
  await server.stop()
})

test('on NATS: places move between owners in other processes, which are killed and followed by others', {
  timeout: 90_000,
}, async () => {
  using directory = temporaryDirectory('move-nats')
  const nats = await startNats({})
  const words = ['--port', '0', '--bus', nats.url]
  const owner = await startServer([...words, '--partitions', '2', '--roles', 'adjudicator'])
  const rest = await startServer([...words, '--roles', 'frontend,query-processor,crossbar,storage', '--data', directory.path])
  const client = new pg.Client({ connectionString: rest.connectionString })
  await client.connect()
  try {
    await client.query('create table t (id int primary key, n int)')
    await client.query('insert into t select g, 0 from generate_series(1, 50) g')
    await client.query('call sys.move_range(0, 1, 5000, 32767)')
    await client.query('update t set n = n + 1')
    const standby = await startServer([...words, '--roles', 'adjudicator'])
    await owner.stop('SIGKILL')
    for (let left = 20; left > 0; left--) {
      const failed = await client.query('update t set n = n + 1').then(
        () => undefined,
        (error: { code: string }) => error.code,
      )
      if (failed === undefined) break
      expect(failed).toMatch(/^(40001|08007|57P0\d)$/)
      // Nobody knows: so one looks.
      if (failed !== '08007') continue
      if ((await client.query('select min(n)::int as n from t')).rows[0]?.n === 2) break
    }
    await client.query('call sys.move_range(1, 0, 5000, 40000)')
    await client.query('update t set n = n + 1')
    expect((await client.query('select count(*)::int as rows, sum(n)::int as sum from t')).rows).toEqual([{ rows: 50, sum: 150 }])
    await standby.stop('SIGKILL')
  } finally {
    await client.end()
    await rest.stop('SIGKILL')
    await owner.stop('SIGKILL')
    await nats.dispose()
  }
})
