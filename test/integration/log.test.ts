import pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { type Cluster, startCluster } from '../../actors/cluster.ts'

/** Lines on standard error of a running database, among those of others in this process. */

let cluster: Cluster
let client: pg.Client
let lines: Record<string, unknown>[] = []
const written = vi.spyOn(process.stderr, 'write').mockImplementation((line) => {
  lines.push(JSON.parse(String(line)))
  return true
})

beforeAll(async () => {
  cluster = await startCluster({ environment: {}, logFormat: 'json', logLevel: 'info', logSlowMs: 250 })
  client = new pg.Client(cluster.connectionString)
  await client.connect()
})
afterAll(async () => {
  await client.end()
  await cluster.close()
  written.mockRestore()
})
beforeEach(() => {
  lines = []
})

test('ownership', async () => {
  const other = await startCluster({ environment: {}, logFormat: 'json', logLevel: 'info', partitions: 2 })
  await other.close()
  expect(lines.filter(({ message }) => message === 'partition owned')).toMatchObject([
    { level: 'info', message: 'partition owned', partition: 0, epoch: 1 },
    { level: 'info', message: 'partition owned', partition: 1, epoch: 1 },
  ])
})

test('errors, with the statement without its literals and the trace', async () => {
  const traceId = 'd'.repeat(32)
  await client.query("select 1 / (length('secret') - 6) as a").catch(() => {})
  await client.query(`select * from nowhere /*traceparent='00-${traceId}-00f067aa0ba902b7-01'*/`).catch(() => {})
  const errors = lines.filter(({ sqlstate }) => sqlstate !== undefined)
  expect(errors).toMatchObject([
    {
      level: 'info',
      message: 'division by zero',
      sqlstate: '22012',
      statement: 'select ? / (length(?) - ?) as a',
      user: 'postgres',
    },
    { level: 'info', message: 'relation "nowhere" does not exist', sqlstate: '42P01', trace_id: traceId },
  ])
  expect(errors[0]?.trace_id).toMatch(/^[0-9a-f]{32}$/)
})

test('slow statements', async () => {
  await client.query('select 1')
  await client.query('select pg_sleep(0.3)')
  await client.query('select pg_sleep($1)', [0.3])
  const slow = { level: 'warning', message: 'slow statement', pid: expect.any(Number) }
  // On a busy machine others may be slow, too.
  const asleep = lines.filter(({ statement }) => String(statement).includes('pg_sleep'))
  expect(asleep).toMatchObject([
    { ...slow, statement: 'select pg_sleep(?)' },
    { ...slow, statement: 'select pg_sleep($1)' },
  ])
  for (const { duration_ms } of asleep) expect(duration_ms).toBeGreaterThanOrEqual(290)
})
