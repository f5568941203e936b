/**
 * kill -9 of the real process under load, at any time and at points of its work that are worth it: what was acknowledged is there, balances
 * are conserved, a \copy is there whole or not at all, index builds go on, and the directory opens again.
 */
import { spawn } from 'node:child_process'
import pg from 'pg'
import { expect, test } from 'vitest'
import { clientProgram } from './debian-clients.ts'
import { type ServerProcess, startServer, temporaryDirectory } from './server-process.ts'

const isLong = process.env.TAUDB_TEST_LONG === '1'
const rounds = isLong ? 100 : 10
const accounts = 20
const clients = 6
/** More keys than a transaction may have without being staged. */
const copyRows = 4_200
const lots = 1_500

const points = ['checkpoint', 'trim', 'segment roll', 'index build', 'copy', 'copy commit', 'any time'] as const
const moments = ['before', 'within', 'after'] as const
type Point = (typeof points)[number]

/** What a round ends with. At 'any time' it is killed from outside, the plain server and the one with small segments in turn. */
function planOf(round: number): { point: Point; moment: (typeof moments)[number]; count: number } {
  const moment = moments[(round + Math.floor(round / points.length)) % moments.length] as (typeof moments)[number]
  return { point: points[round % points.length] as Point, moment, count: 1 + (round % 3) }
}

/** What clients were told, over all rounds. */
interface Told {
  readonly entries: Set<number>
  readonly batches: Set<number>
  transfers: number
}

test(`${rounds} kills under load, at named points and at any time, lose nothing that was acknowledged`, {
  timeout: 60_000 + rounds * 15_000,
}, async () => {
  using directory = temporaryDirectory('kill')
  const told: Told = { entries: new Set(), batches: new Set(), transfers: 0 }
  const hits = new Map<string, number>()
  let next = 1
  let server = await begin(directory.path, 0)
  await once(
    server,
    `create table account (id int primary key, balance int not null);
    create table entry (n bigint primary key, note text);
    create table lot (id int primary key, color int not null);
    create table bulk (batch int, n int, pad text, primary key (batch, n));
    insert into account select g, 100 from generate_series(1, ${accounts}) g;
    insert into lot select g, g % 7 from generate_series(1, ${lots}) g`,
  )
  for (let round = 0; round < rounds; round++) {
    const { point, moment } = planOf(round)
    const number = (): number => next++
    const before = told.entries.size
    const loads = Array.from({ length: clients }, (_, i) => pay(server, number, i, told))
    if (/index|time|checkpoint/.test(point)) loads.push(paint(server, round))
    if (/copy|time/.test(point)) loads.push(copy(server, number, told))
    // A slow machine gets the time to acknowledge something that could be lost.
    await new Promise((resolve) => setTimeout(resolve, 100 + ((round * 7919) % 300)))
    for (let waits = 0; waits < 500 && told.entries.size < before + 25; waits++)
      await new Promise((resolve) => setTimeout(resolve, 10))
    if (point === 'any time') server.stop('SIGKILL')
    else server.kill('SIGUSR2')
    const late = setTimeout(() => server.kill('SIGKILL'), 20_000)
    expect(await server.exited).toBe('SIGKILL')
    clearTimeout(late)
    if (point !== 'any time') expect(server.output()).toContain(`killed ${moment} ${point}`)
    hits.set(point, (hits.get(point) ?? 0) + 1)
    await Promise.all(loads)
    server = await begin(directory.path, round + 1)
    await look(server, told)
  }
  expect(await server.stop()).toBe(0)
  expect(points.filter((point) => !hits.has(point))).toEqual([])
  expect(told.entries.size).toBeGreaterThan(rounds * 20)
  expect(told.batches.size).toBeGreaterThan(0)
  const kills = points.map((point) => `${hits.get(point)} ${point}`).join(', ')
  process.stderr.write(
    `kill -9: ${kills}; acknowledged and found: ${told.entries.size} rows, ${told.transfers} transfers, ${told.batches.size} \\copy of ${copyRows} rows\n`,
  )
})

/** The server that ends in this round. */
function begin(path: string, round: number): Promise<ServerProcess> {
  const { point, moment, count } = planOf(round)
  if (point === 'any time' && round % 2 === 0) return startServer(['--port', '0', '--data', path])
  return startServer([path, point, moment, String(count)], {}, 'test/integration/crash-server.ts')
}

async function look(server: ServerProcess, told: Told): Promise<void> {
  const present = new Set((await once(server, 'select n from entry')).map(({ n }) => Number(n)))
  expect([...told.entries].filter((n) => !present.has(n))).toEqual([])
  expect(await once(server, 'select sum(balance)::int as total, count(*)::int as accounts from account')).toEqual([
    { total: accounts * 100, accounts },
  ])
  const batches = await once(server, 'select batch, count(*)::int as rows from bulk group by batch')
  expect(batches.filter(({ rows }) => rows !== copyRows)).toEqual([])
  const whole = new Set(batches.map(({ batch }) => Number(batch)))
  expect([...told.batches].filter((batch) => !whole.has(batch))).toEqual([])
  // A build that was under way goes on by itself.
  const unfinished = `select 1 from sys.jobs where status not in ('completed', 'failed')`
  for (let waits = 0; (await once(server, unfinished)).length > 0; waits++) {
    expect(waits).toBeLessThan(200)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const byTable = await once(server, 'select color + 0 as color, count(*)::int as count from lot group by 1 order by 1')
  const byIndex = await once(
    server,
    Array.from({ length: 7 }, (_, color) => `select ${color} as color, count(*)::int as count from lot where color = ${color}`)
      .join(' union all ')
      .concat(' order by 1'),
  )
  expect(byIndex).toEqual(byTable)
}

async function once(server: ServerProcess, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: server.connectionString })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(sql)).rows ?? []
  } finally {
    await client.end()
  }
}

/** Work until the connection is lost; an error of SQL that nobody expects ends the test. */
async function untilLost(server: ServerProcess, work: (client: pg.Client, turn: number) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: server.connectionString })
  client.on('error', () => {})
  try {
    await client.connect()
    for (let turn = 0; ; turn++) await work(client, turn)
  } catch (error) {
    const code = (error as { code?: string }).code
    if (code !== undefined && /^[0-9A-Z]{5}$/.test(code) && !/^(08|57P)/.test(code)) throw error
  }
}

/** Repeats what lost a conflict. */
async function again(work: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await work()
      return
    } catch (error) {
      if ((error as { code?: string }).code !== '40001') throw error
    }
  }
}

function pay(server: ServerProcess, number: () => number, seed: number, told: Told): Promise<void> {
  return untilLost(server, async (client, turn) => {
    const n = number()
    await client.query('insert into entry values ($1, $2)', [n, `note ${n % 10}`])
    told.entries.add(n)
    const i = seed + turn
    const [from, to] = [1 + (i % accounts), 1 + ((i * 7 + 3) % accounts)]
    try {
      await client.query('begin')
      await client.query('update account set balance = balance - 1 where id = $1', [from])
      await client.query('update account set balance = balance + 1 where id = $1', [to])
      await client.query('commit')
      told.transfers++
    } catch (error) {
      if ((error as { code?: string }).code !== '40001') throw error
      await client.query('rollback')
    }
    await again(() => client.query('update lot set color = $2 where id = $1', [1 + ((i * 31) % lots), i % 7]))
  })
}

/** Builds an index, again and again: beside it rows change. */
function paint(server: ServerProcess, round: number): Promise<void> {
  return untilLost(server, async (client, turn) => {
    const name = `lot_color_${round}_${turn}`
    let job: unknown
    await again(async () => {
      job = (await client.query(`create index async ${name} on lot (color)`)).rows[0]?.job_id
    })
    await client.query(`call sys.wait_for_job('${job}')`)
    const others = await client.query(`select indexname from pg_indexes where tablename = 'lot' and indexname like 'lot_color_%'`)
    for (const { indexname } of others.rows) if (indexname !== name) await again(() => client.query(`drop index ${indexname}`))
  })
}

/** psql's \copy: it ends with 0 when the server has acknowledged. */
async function copy(server: ServerProcess, number: () => number, told: Told): Promise<void> {
  for (let isUp = true; isUp; ) {
    const batch = number()
    const rows = Array.from({ length: copyRows }, (_, n) => `${batch}\t${n}\t${'x'.repeat(40 + (n % 60))}\n`).join('')
    const words = ['-X', '-q', '-v', 'ON_ERROR_STOP=1', server.connectionString, '-c', '\\copy bulk from pstdin']
    const child = spawn(clientProgram('psql'), words, { stdio: ['pipe', 'ignore', 'pipe'] })
    child.stdin.on('error', () => {})
    child.stdin.end(rows)
    const code = await new Promise((resolve) => child.on('close', resolve))
    isUp = code === 0
    if (isUp) told.batches.add(batch)
    else if (await Promise.race([server.exited.then(() => false), new Promise((resolve) => setTimeout(resolve, 2_000, true))]))
      throw new Error('\\copy failed while the server went on')
  }
}
