import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Cluster, startCluster } from '../../actors/cluster.ts'

/** What Prometheus fetches. Counters belong to the process, so a test looks at what has been added. */

let cluster: Cluster
let client: pg.Client
let other: pg.Client

beforeAll(async () => {
  cluster = await startCluster({ environment: {}, metricsPort: 0 })
  client = new pg.Client(cluster.connectionString)
  other = new pg.Client(cluster.connectionString)
  await Promise.all([client.connect(), other.connect()])
  await client.query('create table account (id int primary key, balance int)')
  await client.query('insert into account values (1, 100), (2, 100)')
})
afterAll(async () => {
  await Promise.all([client.end(), other.end()])
  await cluster.close()
})

async function fetched(): Promise<string> {
  const answer = await fetch(cluster.metricsUrl as string)
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8'])
  return await answer.text()
}

interface Parsed {
  readonly types: ReadonlyMap<string, string>
  /** By name and labels as they stand. */
  readonly samples: ReadonlyMap<string, number>
}

/** The text format, strictly: HELP and TYPE once before their samples, nothing twice, buckets that never fall and end in +Inf = count. */
function parse(text: string): Parsed {
  const types = new Map<string, string>()
  const samples = new Map<string, number>()
  let helped = ''
  let family = ''
  let bucket = 0
  expect(text.endsWith('\n')).toBe(true)
  for (const line of text.slice(0, -1).split('\n')) {
    const help = /^# HELP ([a-z_]+) \S.*$/.exec(line)
    const type = /^# TYPE ([a-z_]+) (counter|gauge|histogram)$/.exec(line)
    if (help !== null) helped = help[1] as string
    else if (type !== null) {
      family = type[1] as string
      expect([helped, types.has(family)], line).toEqual([family, false])
      types.set(family, type[2] as string)
      bucket = 0
      expect(family.endsWith('_total'), line).toBe(type[2] === 'counter')
    } else {
      const sample =
        /^([a-z_]+)(\{[a-z_]+="(?:[^"\\\n]|\\[\\"n])*"(?:,[a-z_]+="(?:[^"\\\n]|\\[\\"n])*")*\})? (-?[\d.e+-]+)$/.exec(line)
      expect(sample, line).not.toBe(null)
      const [, name = '', labels = '', value] = sample as RegExpExecArray
      const isHistogram = types.get(family) === 'histogram'
      expect(isHistogram ? name.replace(/_(bucket|sum|count)$/, '') : name, line).toBe(family)
      expect(samples.has(name + labels), line).toBe(false)
      samples.set(name + labels, Number(value))
      if (name.endsWith('_bucket')) {
        expect(Number(value), line).toBeGreaterThanOrEqual(bucket)
        bucket = Number(value)
      }
      if (isHistogram && name.endsWith('_count')) expect([line, bucket]).toEqual([line, Number(value)])
    }
  }
  return { types, samples }
}

async function added(work: () => Promise<void>): Promise<(sample: string) => number> {
  const before = parse(await fetched()).samples
  await work()
  const after = parse(await fetched()).samples
  return (sample) => (after.get(sample) ?? 0) - (before.get(sample) ?? 0)
}

test('transactions by outcome, their latencies, errors and plans', async () => {
  const more = await added(async () => {
    for (let i = 0; i < 3; i++) await client.query('select balance from account where id = 1')
    await client.query('update account set balance = 1 where id = 1')
    await client.query('begin')
    await client.query('update account set balance = 2 where id = 1')
    await client.query('rollback')
    await client.query('select * from nowhere').catch(() => {})
  })
  const outcomes = ['read', 'commit', 'rollback', 'error', 'conflict']
  expect(outcomes.map((outcome) => more(`taudb_transactions_total{outcome="${outcome}"}`))).toEqual([3, 1, 1, 1, 0])
  expect(more('taudb_read_duration_seconds_count')).toBe(3)
  expect(more('taudb_read_duration_seconds_sum')).toBeGreaterThan(0)
  expect(more('taudb_commit_duration_seconds_count')).toBe(1)
  expect(more('taudb_errors_total{sqlstate="42P01"}')).toBe(1)
  expect(more('taudb_record_transactions_count')).toBe(1)
  expect(more('taudb_append_duration_seconds_count')).toBeGreaterThanOrEqual(1)
  expect(more('taudb_plan_cache_lookups_total{result="hit"}')).toBeGreaterThanOrEqual(2)
})

test('who lost, over which table and which key', async () => {
  let samples: Parsed['samples'] = new Map()
  const more = await added(async () => {
    await client.query('begin')
    await client.query('update account set balance = 3 where id = 2')
    await other.query('update account set balance = 4 where id = 2')
    await client.query('commit').catch(() => {})
    samples = parse(await fetched()).samples
  })
  expect(more('taudb_transactions_total{outcome="conflict"}')).toBe(1)
  expect(more('taudb_conflicts_total{table="account"}')).toBe(1)
  const hot = [...samples].filter(([sample]) => sample.startsWith('taudb_hot_key_conflicts{table="account"'))
  expect(hot.length).toBeGreaterThanOrEqual(1)
})

test('what is read when somebody asks', async () => {
  const { samples, types } = parse(await fetched())
  expect(samples.get('taudb_sessions')).toBe(2)
  expect(samples.get('taudb_owned_epoch{partition="0"}')).toBeGreaterThanOrEqual(1)
  expect(samples.get('taudb_storage_lag_entries{partition="0"}')).toBe(0)
  expect(samples.get('process_resident_memory_bytes')).toBeGreaterThan(10_000_000)
  expect(samples.get('taudb_invariant_alarms_total{invariant="any"}')).toBe(0)
  expect(types.size).toBeGreaterThanOrEqual(18)
})

test('nothing else is there', async () => {
  const elsewhere = await fetch(new URL('/', cluster.metricsUrl))
  expect(elsewhere.status).toBe(404)
  expect((await fetch(cluster.metricsUrl as string, { method: 'POST', body: 'x' })).status).toBe(405)
})

test('a port in use is said in one line', async () => {
  const { port } = new URL(cluster.metricsUrl as string)
  await expect(startCluster({ metricsPort: Number(port), environment: {} })).rejects.toThrow(
    /metrics cannot be shown on 127\.0\.0\.1:\d+: .*EADDRINUSE.*; choose another with --metrics-port/,
  )
})

const cached = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'taudb', 'promtool')
const promtool = process.env.PROMTOOL ?? (existsSync(cached) ? cached : 'promtool')
const hasPromtool = spawnSync(promtool, ['--version']).status === 0
if (!hasPromtool)
  console.log('metrics.test.ts: no promtool (Debian package prometheus), so only our own parser has read the metrics')
test.skipIf(!hasPromtool)('promtool accepts it', async () => {
  const { status, stdout, stderr } = spawnSync(promtool, ['check', 'metrics'], { input: await fetched(), encoding: 'utf8' })
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' })
})
