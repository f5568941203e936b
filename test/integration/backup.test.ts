/** `taudb backup` and `taudb restore` as a person runs them: of a running server and of a killed one, into a directory and a bucket of NATS. */
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { afterEach, expect, test } from 'vitest'
import { startNats } from '../support/nats-server.ts'
import { type ServerProcess, startServer, temporaryDirectory } from './server-process.ts'

const open: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

function directory(): string {
  const made = temporaryDirectory('backup')
  open.push(async () => made[Symbol.dispose]())
  return made.path
}

async function started(data: string, ...words: string[]): Promise<ServerProcess> {
  const server = await startServer(['--port', '0', '--data', data, ...words])
  open.push(() => server.stop('SIGKILL'))
  return server
}

async function connected({ connectionString }: ServerProcess): Promise<pg.Client> {
  const client = new pg.Client({ connectionString })
  client.on('error', () => {})
  await client.connect()
  open.push(() => client.end().catch(() => {}))
  return client
}

/** What it said, and its exit code or signal. `killWhen`: kill -9 once it is so. */
function taudb(
  words: readonly string[],
  killWhen?: () => boolean,
): Promise<{ said: string; complaint: string; exit: number | string | null }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../actors/cli.ts'), ...words])
  let said = ''
  let complaint = ''
  child.stdout.on('data', (bytes) => (said += bytes))
  child.stderr.on('data', (bytes) => (complaint += bytes))
  const looking = setInterval(() => {
    if (killWhen?.() === true) child.kill('SIGKILL')
  }, 2)
  child.on('close', () => clearInterval(looking))
  return new Promise((resolve) =>
    child.on('close', (code, signal) => resolve({ said: said + complaint, complaint, exit: code ?? signal })),
  )
}

const good = async (...words: string[]): Promise<string> => {
  const { said, exit } = await taudb(words)
  expect([said, exit]).toEqual([said, 0])
  return said
}

const refused = async (...words: string[]): Promise<string> => {
  const { complaint, exit } = await taudb(words)
  expect([complaint, exit]).toEqual([complaint, 1])
  expect(complaint.trim().split('\n')).toHaveLength(1)
  return complaint
}

const contents = async (client: pg.Client): Promise<unknown[]> => {
  const { rows } = await client.query("select count(*)::int, sum(id)::int, md5(string_agg(v, ',' order by id)) from t")
  return Object.values(rows[0] as object)
}

async function fill(client: pg.Client, rows: number): Promise<void> {
  await client.query('create table t (id int primary key, v text); create index on t (v)')
  for (let from = 1; from <= rows; from += 1_500)
    await client.query(
      `insert into t select g, 'row ' || g || repeat('x', 100) from generate_series(${from}, ${Math.min(rows, from + 1_499)}) g`,
    )
  await client.query("update t set v = 'changed ' || id where id % 7 = 0")
  await client.query('delete from t where id % 10 = 0')
}

test('online, while others write: everything acknowledged before it began comes back, and no transaction by half', async () => {
  const [data, place] = [directory(), join(directory(), 'b')]
  const server = await started(data, '--partitions', '2')
  const client = await connected(server)
  await fill(client, 6_000)
  await client.query(
    'create table pair (id int primary key, n int not null); insert into pair select g, 0 from generate_series(0, 9) g',
  )
  let n = 0
  let isRunning = true
  const other = await connected(server)
  const writing = (async () => {
    while (isRunning) {
      n++
      await other.query(`update pair set n = ${n}`)
    }
  })()
  const acknowledged = n
  const said = await good('backup', '--data', data, '--to', place)
  const after = n
  isRunning = false
  await writing
  expect(after).toBeGreaterThan(acknowledged)
  expect(said).toMatch(
    /is in use: its files are read beside the server\n.*complete: the database as of 2.* versions in .* MB, in /s,
  )
  expect(await good('backup', 'verify', '--from', place)).toMatch(/everything holds\n$/)
  const expected = await contents(client)

  const restored = join(directory(), 'new')
  expect(await good('restore', '--from', place, '--data', restored)).toMatch(/restored the database as of /)
  const again = await connected(await started(restored))
  expect(await contents(again)).toEqual(expected)
  const { rows } = await again.query('select distinct n from pair')
  expect(rows).toHaveLength(1)
  expect((rows[0] as { n: number }).n).toBeGreaterThanOrEqual(acknowledged)
  await again.query("insert into t values (-1, 'after'); update t set v = 'again' where id = 7")
  expect((await again.query('select v from t where id in (-1, 7) order by id')).rows).toEqual([{ v: 'after' }, { v: 'again' }])
})

test('of a killed server nothing is missing; --journal brings what came later, and only of the same database', async () => {
  const [data, place] = [directory(), join(directory(), 'b')]
  const first = await started(data)
  const client = await connected(first)
  await fill(client, 5_000)
  await first.stop('SIGKILL')
  await good('backup', '--data', data, '--to', place)
  const second = await connected(await started(data))
  await second.query("insert into t select g, 'later ' || g from generate_series(10001, 16000) g")
  await second.query('delete from t where id < 50')
  const expected = await contents(second)
  const restored = join(directory(), 'new')
  expect(await good('restore', '--from', place, '--data', restored, '--journal', data)).toContain('had behind it')
  expect(await contents(await connected(await started(restored)))).toEqual(expected)

  const other = directory()
  const stranger = await started(other)
  await (await connected(stranger)).query('create table t (id int primary key)')
  expect(await refused('restore', '--from', place, '--data', join(other, 'x'), '--journal', other)).toMatch(
    /is the journal of another database|nothing connects them/,
  )
})

test('a bucket of NATS serves as well, and so does the directory of a storage replica on NATS', async () => {
  const { url, dispose } = await startNats()
  open.push(dispose)
  const replica = directory()
  const onNats = await started(replica, '--bus', url)
  const clientOnNats = await connected(onNats)
  await fill(clientOnNats, 1_000)
  const there = await contents(clientOnNats)
  await onNats.stop('SIGTERM')
  const copy = join(directory(), 'b')
  expect(await good('backup', '--data', replica, '--to', copy)).toContain('complete: the database as of')
  const embedded = join(directory(), 'new')
  await good('restore', '--from', copy, '--data', embedded)
  expect(await contents(await connected(await started(embedded)))).toEqual(there)

  const data = directory()
  const server = await started(data)
  const client = await connected(server)
  await fill(client, 4_000)
  const expected = await contents(client)
  await server.stop('SIGTERM')
  const bucket = `${url}/backups`
  expect(await refused('restore', '--from', bucket, '--data', join(directory(), 'new'))).toMatch(/no bucket "backups"/)
  await good('backup', '--data', data, '--to', bucket)
  expect(await good('backup', 'verify', '--from', bucket)).toContain('everything holds')
  const restored = join(directory(), 'new')
  await good('restore', '--from', bucket, '--data', restored)
  expect(await contents(await connected(await started(restored)))).toEqual(expected)
})

test('kill -9 in the middle: a backup is told as incomplete, a restore leaves no directory and can be run again', async () => {
  const data = directory()
  const server = await started(data)
  const client = await connected(server)
  await fill(client, 12_000)
  await server.stop('SIGTERM')
  const place = join(directory(), 'b')
  const partsOf = (): string[] => (existsSync(place) ? readdirSync(place, { recursive: true, encoding: 'utf8' }) : [])
  const words = ['backup', '--data', data, '--to', place]
  expect((await taudb(words, () => partsOf().some((name) => name.endsWith('part-00000001')))).exit).toBe('SIGKILL')
  expect(partsOf().filter((name) => name.endsWith('complete'))).toEqual([])
  expect(await refused('backup', 'verify', '--from', place)).toMatch(/incomplete: it was cut off/)
  const restored = join(directory(), 'new')
  expect(await refused('restore', '--from', place, '--data', restored)).toMatch(/incomplete/)
  await good(...words)

  const again = ['restore', '--from', place, '--data', restored]
  const rows = `${restored}.restoring/storage/data.mdb`
  expect((await taudb(again, () => existsSync(rows) && statSync(rows).size > 1_500_000)).exit).toBe('SIGKILL')
  expect(existsSync(restored)).toBe(false)
  await good(...again)
  expect(existsSync(`${restored}.restoring`)).toBe(false)
  const [count] = await contents(await connected(await started(restored)))
  expect(count).toBe(10_800)
}, 120_000)

test('what a person can mend is told in one line', async () => {
  const data = directory()
  const server = await started(data)
  await fill(await connected(server), 3_000)
  await server.stop('SIGTERM')
  const place = join(directory(), 'b')
  await good('backup', '--data', data, '--to', place)
  const [snapshot = ''] = readdirSync(place)
  const part = join(place, snapshot, 'part-00000000')
  const bytes = readFileSync(part)
  const fresh = join(directory(), 'new')

  expect(await refused('backup', '--data', data)).toMatch(/backup: say where with --to DIR or --to nats:/)
  expect(await refused('backup', '--data', directory(), '--to', place)).toMatch(/is not a taudb data directory/)
  expect(await refused('restore', '--from', place, '--data', data)).toMatch(/is not empty: name a new directory with --data/)
  expect(await refused('restore', '--from', directory(), '--data', fresh)).toMatch(/holds no backup/)
  expect(await refused('backup', '--data', data, '--to', part)).toMatch(/part-00000000 cannot be used: /)
  expect(await refused('backup', '--data', data, '--to', 'nats://127.0.0.1:1')).toMatch(/names no bucket/)
  expect(await refused('backup', '--data', data, '--to', 'nats://127.0.0.1:1/b')).toMatch(/no connection to NATS/)
  const damaged = Buffer.from(bytes)
  damaged[bytes.length >> 1] = (damaged[bytes.length >> 1] as number) ^ 4
  writeFileSync(part, damaged)
  expect(await refused('backup', 'verify', '--from', place)).toMatch(/part-00000000 is damaged/)
  expect(await refused('restore', '--from', place, '--data', fresh)).toMatch(/part-00000000 is damaged/)
  expect(existsSync(fresh)).toBe(false)
  truncateSync(part, 1_000)
  expect(await refused('backup', 'verify', '--from', place)).toMatch(/part-00000000 is damaged/)
})
