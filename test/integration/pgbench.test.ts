/** pgbench, unmodified: its own initialisation, its three built-in scripts, its three protocols; afterwards the books must balance. */
import { spawn } from 'node:child_process'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Cluster, startCluster } from '../../actors/cluster.ts'
import { clientProgram } from './debian-clients.ts'

let cluster: Cluster
let client: pg.Client

beforeAll(async () => {
  cluster = await startCluster()
  client = new pg.Client({ connectionString: cluster.connectionString })
  await client.connect()
  const output = await pgbench('-i', '-q')
  expect(output).toContain('done in')
}, 60_000)

afterAll(async () => {
  await client.end()
  await cluster.close()
})

function pgbench(...words: string[]): Promise<string> {
  const all = ['-h', cluster.host, '-p', String(cluster.port), '-U', 'postgres', ...words, 'postgres']
  return new Promise((resolve, reject) => {
    const child = spawn(clientProgram('pgbench'), all, { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.on('data', (bytes: Buffer) => (output += bytes))
    child.stderr.on('data', (bytes: Buffer) => (output += bytes))
    child.on('exit', (code) => (code === 0 ? resolve(output) : reject(new Error(`pgbench ${words.join(' ')}: ${output}`))))
  })
}

async function numbers(sql: string): Promise<number[]> {
  const { rows } = await client.query({ text: sql, rowMode: 'array' })
  return (rows[0] as unknown[]).map(Number)
}

test('-i makes its tables, a hundred thousand accounts and their primary keys', async () => {
  expect(await numbers('select count(*), count(distinct aid), sum(abalance) from pgbench_accounts')).toEqual([
    100_000, 100_000, 0,
  ])
  const { rows } = await client.query(
    `select indexrelid::regclass::text as name from pg_index where indrelid::regclass::text like 'pgbench%' order by 1`,
  )
  expect(rows.map(({ name }) => name)).toEqual(['pgbench_accounts_pkey', 'pgbench_branches_pkey', 'pgbench_tellers_pkey'])
})

describe.each(['simple', 'extended', 'prepared'])('-M %s', (protocol) => {
  test.each([
    ['select only', ['-S']],
    ['simple update', ['-N', '--max-tries=50']],
    ['TPC-B', ['--max-tries=200']],
  ])('%s: every transaction counts, and the books balance', async (_, script) => {
    const [before] = (await numbers('select count(*) from pgbench_history')) as [number]
    const output = await pgbench('-n', '-c', '4', '-t', '50', '-M', protocol, ...script)
    expect(output).toContain('number of transactions actually processed: 200/200')
    expect(output).toContain('number of failed transactions: 0')
    const [after] = (await numbers('select count(*) from pgbench_history')) as [number]
    expect(after - before).toBe(script[0] === '-S' ? 0 : 200)
    const [accounts, history] = await numbers(
      'select (select sum(abalance) from pgbench_accounts), (select coalesce(sum(delta), 0) from pgbench_history)',
    )
    expect(accounts).toBe(history)
  })
})

test('statements outside BEGIN that lose a conflict are retried: no client sees 40001, no increment is lost', async () => {
  await client.query('create table counter (id int primary key, n int not null); insert into counter values (1, 0)')
  const increment = async (): Promise<void> => {
    const one = new pg.Client({ connectionString: cluster.connectionString })
    await one.connect()
    for (let i = 0; i < 50; i++) await one.query('update counter set n = n + 1 where id = 1')
    await one.end()
  }
  await Promise.all(Array.from({ length: 8 }, increment))
  expect(await numbers('select n from counter')).toEqual([400])
})
