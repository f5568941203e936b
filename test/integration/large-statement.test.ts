/** Long statements in one session of the real process: others go on, they can be ended, and memory stays bounded. */
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import pg from 'pg'
import { serialize } from 'pg-protocol'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ServerProcess, startServer, temporaryDirectory } from './server-process.ts'

const isLong = process.env.TAUDB_TEST_LONG === '1'
const rows = isLong ? 1_000_000 : 60_000

let server: ServerProcess
const directory = temporaryDirectory('large-statement')
const clients: pg.Client[] = []

async function client(): Promise<pg.Client> {
  const made = new pg.Client({ connectionString: server.connectionString })
  made.on('error', () => {})
  await made.connect()
  clients.push(made)
  return made
}

beforeAll(async () => {
  server = await startServer(['--port', '0', '--data', directory.path])
  const one = await client()
  await one.query('create table acc (aid int primary key, bid int, filler text)')
  await one.query(`insert into acc select g, g % 10, repeat('x', 80) from generate_series(1, ${rows}) g`)
}, 60_000)

afterAll(async () => {
  await Promise.all(clients.map((one) => one.end().catch(() => {})))
  await server.stop()
  directory[Symbol.dispose]()
})

const residentMegabytes = (): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'latin1'))?.[1] ?? 0) / 1_024

/** Endless, or long enough to be caught. */
const long = {
  'cross join': 'select count(*) from generate_series(1, 100000) a, generate_series(1, 100000) b where a + b > 0',
  'nested loops': 'select count(*) from acc a, acc b, acc c where a.bid + b.bid + c.bid < 0',
  sort: 'select * from acc a, generate_series(1, 1000) b order by a.filler, b, a.aid desc',
  'hash join': 'select count(*) from acc a join acc b using (bid) join acc c using (bid)',
  aggregate: 'select a.aid, b, count(*) from acc a, generate_series(1, 1000) b group by 1, 2',
  'recursive query':
    'with recursive r (n) as (select 1 union all select n + 1 from r where n < 100000000) select count(*) from r',
  'INSERT ... SELECT': 'insert into acc select g, 1, null from generate_series(10000001, 20000000) g',
  'regular expression': "select regexp_count(repeat('xy', 5000000), '(x|y)')",
  'ordered aggregate': 'select array_agg(a.aid order by a.filler, b desc) from acc a, generate_series(1, 1000) b',
} as const

test.each(Object.entries(long))('%s: others go on, a cancel request and statement_timeout end it at once', async (_, sql) => {
  const [busy, other] = [await client(), await client()]
  for (const how of ['cancel', 'timeout'] as const) {
    if (how === 'timeout') await busy.query("set statement_timeout = '200ms'")
    const ended = busy.query(sql).then(
      () => ({ code: 'finished' }),
      (error: { code: string }) => ({ code: error.code, at: performance.now() }),
    )
    const waits: number[] = []
    const from = performance.now()
    while (performance.now() - from < 200 || waits.length < 20) {
      const before = performance.now()
      await other.query('select 1')
      waits.push(performance.now() - before)
    }
    const asked = performance.now()
    if (how === 'cancel') await cancel(busy)
    const end = await ended
    expect(end.code).toBe('57014')
    // 100 ms on a quiet machine.
    expect(('at' in end ? end.at : 0) - asked).toBeLessThan(1_000)
    waits.sort((a, b) => a - b)
    expect(waits[waits.length >> 1]).toBeLessThan(100)
  }
  await busy.query('set statement_timeout = 0')
  expect((await busy.query('select 1 as one')).rows).toEqual([{ one: 1 }])
})

/** CancelRequest, as psql sends it: on a connection of its own. */
async function cancel(busy: pg.Client): Promise<void> {
  const { processID, secretKey } = busy as unknown as { readonly processID: number; readonly secretKey: number }
  const socket = connect({ port: server.port, host: '127.0.0.1' }, () => socket.end(serialize.cancel(processID, secretKey)))
  await new Promise((resolve) => socket.on('close', resolve))
}

test('a client that stops reading a long result does not fill memory', async () => {
  const before = residentMegabytes()
  const socket = connect({ port: server.port, host: '127.0.0.1' })
  await new Promise((resolve) => socket.on('connect', resolve))
  socket.write(serialize.startup({ user: 'postgres', database: 'postgres' }))
  await new Promise((resolve) => socket.once('data', resolve))
  socket.pause()
  socket.write(serialize.query("select g, repeat('x', 1000) from generate_series(1, 10000000) g"))
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  expect(residentMegabytes() - before).toBeLessThan(300)
  socket.destroy()
})

test('ten large sorts at once: every one ends well or with 53200', { timeout: 180_000 }, async () => {
  const answers = await Promise.all(
    Array.from({ length: 10 }, async (_, i) => {
      const one = await client()
      const sql = `select count(*)::int as n from (select aid + ${i} as x, repeat(filler, 4) as y from acc order by y desc, aid desc offset 1) q`
      return one.query(sql).then(
        (result) => result.rows[0].n as number,
        (error: { code: string }) => error.code,
      )
    }),
  )
  for (const answer of answers) expect([rows - 1, '53200']).toContain(answer)
  expect(residentMegabytes()).toBeLessThan(3_500)
})

test('thousands of parameters and alternatives, large texts and deep nesting', { timeout: 60_000 }, async () => {
  const one = await client()
  const numbers = Array.from({ length: 10_000 }, (_, i) => i + 1)
  const count = async (condition: string, values: unknown[] = []): Promise<unknown> =>
    (await one.query(`select count(*)::int as n from acc where ${condition}`, values)).rows[0].n
  expect(await count(`aid in (${numbers.map((n) => `$${n}`).join(',')})`, numbers)).toBe(10_000)
  expect(await count(`aid in (${numbers.join(',')})`)).toBe(10_000)
  expect(
    await count(
      numbers
        .slice(0, 2_000)
        .map((n) => `aid = ${n}`)
        .join(' or '),
    ),
  ).toBe(2_000)
  const text = 'é'.repeat(500_000)
  await one.query('insert into acc values (-1, 0, $1)', [text])
  expect((await one.query('select filler from acc where aid = -1')).rows[0].filler === text).toBe(true)
  expect(
    Object.keys(
      (
        await one.query(
          `select ${numbers
            .slice(0, 1_600)
            .map((n) => `${n} as c${n}`)
            .join(',')}`,
        )
      ).rows[0],
    ).length,
  ).toBe(1_600)
  await expect(one.query(`select ${'('.repeat(100_000)}1${')'.repeat(100_000)}`)).rejects.toMatchObject({ code: '54001' })
  await one.query('delete from acc where aid = -1')
})
