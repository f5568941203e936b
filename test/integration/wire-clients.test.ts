/** The clients people use, against the whole database. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import pg from 'pg'
import { serialize } from 'pg-protocol'
import postgres from 'postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Cluster, startCluster } from '../../actors/cluster.ts'
import { clientProgram } from './debian-clients.ts'
import { backendMessages } from './transcript.ts'

const run = promisify(execFile)
let cluster: Cluster
let client: pg.Client

beforeAll(async () => {
  cluster = await startCluster()
  client = new pg.Client(cluster.connectionString)
  await client.connect()
  await client.query('create table accounts (id int primary key, owner text not null, balance numeric(12,2) default 0)')
  await client.query(`insert into accounts select g, 'owner ' || g, g * 10 from generate_series(1, 100) g`)
})

afterAll(async () => {
  await client.end()
  await cluster.close()
})

const psql = (...words: string[]) =>
  run(clientProgram('psql'), [cluster.connectionString, '-XAt', '-v', 'ON_ERROR_STOP=1', ...words])

/** Sends messages on a connection of its own and returns the answers up to the given number of ReadyForQuery (or Flush's answer). */
async function converse(parts: readonly Buffer[], until: (lines: readonly string[]) => boolean): Promise<string[]> {
  const socket: Socket = connect(cluster.port, '127.0.0.1')
  await once(socket, 'connect')
  let bytes = Buffer.alloc(0)
  const lines = (): string[] => {
    try {
      return backendMessages(bytes)
    } catch {
      return []
    }
  }
  const heard = async (enough: (lines: readonly string[]) => boolean): Promise<string[]> => {
    while (!enough(lines())) {
      const [chunk] = (await once(socket, 'data', { signal: AbortSignal.timeout(5_000) })) as [Buffer]
      bytes = Buffer.concat([bytes, chunk])
    }
    return lines()
  }
  socket.write(serialize.startup({ user: 'postgres', database: 'postgres' }))
  await heard((all) => all.at(-1)?.startsWith('ReadyForQuery') === true)
  bytes = Buffer.alloc(0)
  socket.write(Buffer.concat(parts))
  const answer = await heard(until)
  socket.destroy()
  return answer
}

const readyTimes =
  (count: number) =>
  (lines: readonly string[]): boolean =>
    lines.filter((line) => line.startsWith('ReadyForQuery')).length === count

test('node-postgres: types, prepared statements, errors with their fields', async () => {
  const { rows } = await client.query('select id, owner, balance, true as yes, null as nothing from accounts where id = $1', [7])
  expect(rows).toEqual([{ id: 7, owner: 'owner 7', balance: '70.00', yes: true, nothing: null }])
  const named = { name: 'by-id', text: 'select owner from accounts where id = $1' }
  for (const id of [1, 2, 3]) expect((await client.query({ ...named, values: [id] })).rows).toEqual([{ owner: `owner ${id}` }])
  await expect(client.query('select nothing from accounts')).rejects.toMatchObject({ code: '42703', position: '8' })
  await expect(client.query('insert into accounts values (1, $1)', ['x'])).rejects.toMatchObject({
    code: '23505',
    table: 'accounts',
    constraint: 'accounts_pkey',
    detail: 'Key (id)=(1) already exists.',
  })
  expect((await client.query('select 1 as a; select 2 as b')) as unknown as pg.QueryResult[]).toMatchObject([
    { rows: [{ a: 1 }] },
    { rows: [{ b: 2 }] },
  ])
})

test('postgres.js: transactions, a pipeline, a cursor', async () => {
  const sql = postgres(cluster.connectionString, { max: 2 })
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, i) => sql`select ${i + 1}::int as n, owner from accounts where id = ${i + 1}`),
  )
  expect(answers.map(([row]) => row)).toEqual(Array.from({ length: 100 }, (_, i) => ({ n: i + 1, owner: `owner ${i + 1}` })))
  await sql.begin(async (inside) => {
    await inside`update accounts set balance = balance - 5 where id = 1`
    await inside`update accounts set balance = balance + 5 where id = 2`
  })
  const failing = sql.begin(async (inside) => {
    await inside`update accounts set balance = 0`
    await inside`select 1 / 0`
  })
  await expect(failing).rejects.toMatchObject({ code: '22012' })
  expect(await sql`select id, balance from accounts where id < 3 order by id`).toEqual([
    { id: 1, balance: '5.00' },
    { id: 2, balance: '25.00' },
  ])
  let seen = 0
  await sql`select id from accounts order by id`.cursor(30, (rows) => {
    seen += rows.length
  })
  expect(seen).toBe(100)
  await sql.end()
})

test('postgres.js: COPY both ways', async () => {
  const sql = postgres(cluster.connectionString, { max: 1 })
  await sql`create table copied (id int primary key, t text)`
  const writable = await sql`copy copied from stdin`.writable()
  const lines = Array.from({ length: 5_000 }, (_, i) => `${i}\ttext ${i}\n`)
  await pipeline(lines, writable)
  expect(await sql`select count(*)::int, max(t) from copied`).toEqual([{ count: 5_000, max: 'text 999' }])
  const readable = await sql`copy (select * from copied order by id) to stdout`.readable()
  let text = ''
  for await (const chunk of readable) text += chunk
  expect(text).toBe(lines.join(''))
  await sql.end()
})

test('psql: scripts, variables, notices, COPY from its own input', async () => {
  expect((await psql('-c', 'select owner from accounts where id = 3')).stdout).toBe('owner 3\n')
  const dropped = await psql('-c', 'drop table if exists nowhere')
  expect(dropped).toEqual({ stdout: 'DROP TABLE\n', stderr: 'NOTICE:  table "nowhere" does not exist, skipping\n' })
  await expect(psql('-c', 'selec 1')).rejects.toMatchObject({
    stderr: 'ERROR:  syntax error at or near "selec"\nLINE 1: selec 1\n        ^\n',
  })
  const script = run(clientProgram('psql'), [cluster.connectionString, '-XqAt', '-v', 'ON_ERROR_STOP=1'])
  script.child.stdin?.end(
    'create table p (a int, b text);\ncopy p from stdin;\n1\tx\n2\ty\n\\.\n\\set n 2\nselect b from p where a = :n;\n\\gdesc\n',
  )
  expect((await script).stdout).toBe('y\nb|text\n')
})

test('pipelined transactions: an error skips to its Sync and no further', async () => {
  const query = (sql: string): Buffer[] => [serialize.parse({ text: sql }), serialize.bind(), serialize.execute()]
  const lines = await converse(
    [
      ...query("insert into accounts values (501, 'a')"),
      ...query("insert into accounts values (1, 'duplicate')"),
      ...query("insert into accounts values (502, 'b')"),
      serialize.sync(),
      ...query("insert into accounts values (503, 'c')"),
      serialize.sync(),
    ],
    readyTimes(2),
  )
  expect(
    lines.filter((line) => !/^(Parse|Bind)Complete/.test(line)).map((line) => line.split(' ').slice(0, 3).join(' ')),
  ).toEqual([
    'CommandComplete "INSERT 0 1"'.split(' ').slice(0, 3).join(' '),
    'ErrorResponse S=ERROR C=23505',
    'ReadyForQuery I',
    'CommandComplete "INSERT 0',
    'ReadyForQuery I',
  ])
  expect((await client.query('select id from accounts where id > 500 order by id')).rows).toEqual([{ id: 503 }])
})

test('a portal gives its rows in portions, and Flush brings even the last ones', async () => {
  const begun = [serialize.parse({ text: 'select id from accounts where id <= 5 order by id' }), serialize.bind({ portal: 'p' })]
  const portion = [serialize.execute({ portal: 'p', rows: 2 }), serialize.flush()]
  const lines = await converse(
    [...begun, ...portion, ...portion, ...portion],
    (all) => all.at(-1)?.startsWith('CommandComplete') === true,
  )
  expect(lines.slice(2)).toEqual([
    'DataRow 1',
    'DataRow 2',
    'PortalSuspended',
    'DataRow 3',
    'DataRow 4',
    'PortalSuspended',
    'DataRow 5',
    'CommandComplete "SELECT 1"',
  ])
  const whole = [serialize.parse({ text: 'select 7' }), serialize.bind(), serialize.execute(), serialize.flush()]
  expect((await converse(whole, (all) => all.at(-1)?.startsWith('CommandComplete') === true)).slice(2)).toEqual([
    'DataRow 7',
    'CommandComplete "SELECT 1"',
  ])
})

test('broken messages abort the transaction they come in', async () => {
  const lines = await converse(
    [
      serialize.query('begin'),
      Buffer.from([0x44, 0, 0, 0, 6, 0x58, 0]),
      serialize.sync(),
      serialize.query('select 1'),
      serialize.query('rollback'),
      Buffer.from([0x51, 0, 0, 0, 6, 0xff, 0]),
      Buffer.from([0x46, 0, 0, 0, 4]),
    ],
    readyTimes(6),
  )
  expect(
    lines.filter((line) => /^(ErrorResponse|ReadyForQuery)/.test(line)).map((line) => /C=\w+|Query \w/.exec(line)?.[0]),
  ).toEqual(['Query T', 'C=08P01', 'Query E', 'C=25P02', 'Query E', 'Query I', 'C=22021', 'Query I', 'C=0A000', 'Query I'])
})

test('cancel: a statement that runs ends, its session goes on', async () => {
  const victim = new pg.Client(cluster.connectionString)
  victim.on('error', () => {})
  await victim.connect()
  const pid = (await victim.query('select pg_backend_pid() as pid')).rows[0].pid
  expect((victim as unknown as { processID: number }).processID).toBe(pid)
  const cancel = async (): Promise<void> => {
    const { processID, secretKey } = victim as unknown as { processID: number; secretKey: number }
    const socket = connect(cluster.port, '127.0.0.1')
    socket.write(serialize.cancel(processID, secretKey))
    socket.resume()
    await once(socket, 'close')
  }
  for (const sql of ['select count(*) from generate_series(1, 100000000)']) {
    const running = victim.query(sql).then(
      () => 'done',
      (error) => error.code,
    )
    await new Promise((resolve) => setTimeout(resolve, 50))
    await cancel()
    expect(await running, sql).toBe('57014')
  }
  expect((await victim.query('select 1 as on')).rows).toEqual([{ on: 1 }])
  await victim.end()
})

test('start-up parameters: set, refused, in options', async () => {
  const given = new pg.Client({
    connectionString: cluster.connectionString,
    application_name: 'a test',
    options: '-c timezone=Asia/Tokyo -c search_path=a,\\ b',
  })
  await given.connect()
  const { rows } = await given.query(
    `select current_setting('application_name') as n, current_setting('timezone') as z, current_setting('search_path') as s`,
  )
  expect(rows).toEqual([{ n: 'a test', z: 'Asia/Tokyo', s: 'a, b' }])
  await given.end()
  const wrong = new pg.Client({ connectionString: cluster.connectionString, options: '-c work_mem=lots' })
  await expect(wrong.connect()).rejects.toMatchObject({ code: '22023', severity: 'FATAL' })
  const elsewhere = new pg.Client({ host: '127.0.0.1', port: cluster.port, user: 'anyone', database: 'shop' })
  await expect(elsewhere.connect()).rejects.toMatchObject({ code: '3D000', message: 'database "shop" does not exist' })
})

test('many clients at once keep their answers apart', async () => {
  const pool = new pg.Pool({ connectionString: cluster.connectionString, max: 20 })
  const asked = Array.from({ length: 600 }, (_, i) => i)
  const answers = await Promise.all(
    asked.map(async (i) => {
      const wide = 'w'.repeat((i * 37) % 3_000)
      const { rows } = await pool.query('select $1::int as i, $2 as wide, owner from accounts where id = $3', [
        i,
        wide,
        (i % 100) + 1,
      ])
      return rows[0].i === i && rows[0].wide === wide && rows[0].owner === `owner ${(i % 100) + 1}`
    }),
  )
  expect(answers.every(Boolean)).toBe(true)
  await pool.end()
})
