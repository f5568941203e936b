import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type Cluster, type ClusterOptions, startCluster } from '../../actors/cluster.ts'
import { journey } from '../../observability/journey.ts'
import { type ExportedSpan, TraceSink } from '../support/trace-sink.ts'

/** What leaves the process over OTLP/HTTP, read with a decoder that is not ours. */

let sink: TraceSink
let cluster: Cluster | undefined
let clients: pg.Client[] = []

beforeAll(async () => {
  sink = await new TraceSink().start()
})
afterAll(() => sink.close())
afterEach(async () => {
  for (const client of clients.splice(0)) await client.end()
  await cluster?.close()
  cluster = undefined
  sink.spans.length = 0
  sink.requests.length = 0
})

async function start(options: ClusterOptions, variables: Record<string, string> = {}): Promise<pg.Client> {
  const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: sink.url, OTEL_BSP_SCHEDULE_DELAY: '5', ...variables }
  cluster = await startCluster({ ...options, environment })
  return await connect()
}

async function connect(): Promise<pg.Client> {
  const client = new pg.Client(cluster?.connectionString)
  await client.connect()
  clients.push(client)
  return client
}

const spansOf = (traceId: string): ExportedSpan[] => sink.spans.filter((span) => span.traceId === traceId)

/** `child < parent` of one trace, by start. */
function tree(traceId: string): string[] {
  const spans = spansOf(traceId)
  const nameOf = new Map(spans.map(({ spanId, name }) => [spanId, name]))
  const order = journey.map(({ name }) => name as string)
  const lines = spans.map(
    ({ name, parentSpanId }) => `${name} < ${nameOf.get(parentSpanId) ?? (parentSpanId === '' ? '-' : 'client')}`,
  )
  return lines.sort((a, b) => order.indexOf(a.split(' ')[0] as string) - order.indexOf(b.split(' ')[0] as string))
}

const rootOf = (statement: string): ExportedSpan | undefined => {
  const found = sink.spans.find(({ attributes }) => String(attributes['db.query.text']).startsWith(statement))
  return found && sink.spans.find(({ traceId, name }) => traceId === found.traceId && name === 'frontend.session')
}

async function exported(statement: string, spans: number): Promise<string> {
  await expect.poll(() => spansOf(rootOf(statement)?.traceId ?? '').length, { interval: 5, timeout: 5_000 }).toBe(spans)
  return (rootOf(statement) as ExportedSpan).traceId
}

const whole = journey.map(
  ({ name, parent }: { readonly name: string; readonly parent: string | undefined }) => `${name} < ${parent ?? '-'}`,
)

test('a sampled transaction is one tree, from the client to storage', async () => {
  const client = await start({ traceSample: 1 }, { OTEL_SERVICE_NAME: 'shop', OTEL_EXPORTER_OTLP_HEADERS: 'x-key=a%20b' })
  await client.query('create table account (id int primary key, owner text)')
  await client.query("insert into account values (1, 'Ada'), (2, 'Grace')")
  // Both keys are looked for.
  const traceId = await exported('insert', whole.length + 1)
  expect([...new Set(tree(traceId))]).toEqual(whole)
  const named = (name: string): ExportedSpan => spansOf(traceId).find((span) => span.name === name) as ExportedSpan
  expect(named('frontend.session')).toMatchObject({ kind: 2, service: 'shop', failure: undefined })
  expect(named('query-processor.statement').attributes).toMatchObject({
    'db.query.text': 'insert into account values ( $1 , $2 ), ( $3 , $4 )',
    'taudb.rows': 2,
  })
  const { attributes } = named('query-processor.commit')
  expect(attributes).toMatchObject({ 'taudb.writes': 2, 'taudb.verdict': 'commit' })
  expect(attributes['taudb.tau_commit']).toBe(named('storage.apply').attributes['taudb.tau_commit'])
  expect(named('journal.append').attributes['taudb.transactions']).toBe(1)
  const root = named('frontend.session')
  expect(Math.abs(root.startMicros / 1_000 - Date.now())).toBeLessThan(10_000)
  for (const span of spansOf(traceId)) expect(span.startMicros).toBeGreaterThanOrEqual(root.startMicros)
  expect(sink.requests[0]).toMatchObject({ 'content-type': 'application/x-protobuf', 'x-key': 'a b' })
})

test('what is not sampled stays here, unless it fails: then its tree goes out', async () => {
  const client = await start({}, { OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip' })
  await client.query('create table account (id int primary key)')
  await client.query('select 1 / (1 - 1)').catch(() => {})
  const late = await exported('select ?', 2)
  expect(tree(late)).toEqual(['frontend.session < -', 'query-processor.statement < frontend.session'])
  expect(spansOf(late).map(({ failure }) => failure)).toEqual(['22012', '22012'])
  expect(rootOf('select ?')?.attributes['taudb.late']).toBe('error')
  expect(new Set(sink.spans.map(({ traceId }) => traceId)).size).toBe(1)
  expect(sink.requests[0]?.['content-encoding']).toBe('gzip')
})

test('at a person’s pace everything is recorded, and a failure sends the whole tree', async () => {
  const client = await start({})
  await client.query('create table account (id int primary key)')
  const person = await connect()
  // A client that has just come has rested long enough.
  await person.query('begin; insert into account values (1); insert into account values (1); commit').catch(() => {})
  await person.query('rollback')
  const traceId = await exported('begin', 7)
  expect(new Set(tree(traceId))).toEqual(
    new Set([
      'frontend.session < -',
      'query-processor.statement < frontend.session',
      'query-processor.begin < query-processor.statement',
      'storage.scan < query-processor.statement',
    ]),
  )
  expect(rootOf('begin')).toMatchObject({ failure: '23505' })
})

test('a slow transaction goes out, with the time that it took', async () => {
  const client = await start({ traceSlowMs: 30 })
  await client.query('select 1')
  await client.query('select pg_sleep(0.05)')
  const traceId = await exported('select pg_sleep', 2)
  for (const { durationMicros } of spansOf(traceId)) expect(durationMicros).toBeGreaterThanOrEqual(45_000)
  expect(rootOf('select pg_sleep')?.attributes['taudb.late']).toBe('slow')
})

test('SET traceparent: what follows joins the client’s own trace', async () => {
  const client = await start({})
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
  await client.query('select 1')
  await client.query(`set traceparent = '00-${traceId}-00f067aa0ba902b7-01'`)
  await client.query('select 2')
  await client.query('reset traceparent')
  await client.query('select 3')
  await expect.poll(() => spansOf(traceId).length, { interval: 5 }).toBe(5)
  expect([...new Set(tree(traceId))]).toEqual([
    'frontend.session < client',
    'query-processor.statement < frontend.session',
    'query-processor.begin < query-processor.statement',
  ])
  const texts = spansOf(traceId).flatMap(({ attributes }) => attributes['db.query.text'] ?? [])
  expect(texts).toEqual(['select $1', 'reset traceparent'])
  const wrong = await client.query("set traceparent = 'hello'").catch((error: Error) => error.message)
  expect(wrong).toBe('invalid value for parameter "traceparent": "hello"')
})

test('in a block SET LOCAL traceparent joins from its beginning to its end', async () => {
  const client = await start({})
  const traceId = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'
  await client.query('select 1')
  await client.query('begin')
  await client.query(`set local traceparent = '00-${traceId}-00f067aa0ba902b7-01'`)
  await client.query('select 2')
  await client.query('commit')
  await client.query('select 3')
  await expect.poll(() => spansOf(traceId).some(({ name }) => name === 'frontend.session'), { interval: 5 }).toBe(true)
  const texts = spansOf(traceId).flatMap(({ attributes }) => attributes['db.query.text'] ?? [])
  expect(texts).toEqual(['select $1', 'commit'])
})

test('a sqlcommenter comment names the trace, in either protocol', async () => {
  const client = await start({})
  await client.query('select 1')
  for (const [traceId, values] of [['b'.repeat(32), undefined] as const, ['c'.repeat(32), [5]] as const]) {
    const comment = `/*action='%2Fbuy',traceparent='00-${traceId}-00f067aa0ba902b7-01'*/`
    const text = values === undefined ? `select 5 ${comment};` : `select $1::int ${comment}`
    await client.query(text, values === undefined ? [] : [...values])
    await expect.poll(() => spansOf(traceId).length, { interval: 5 }).toBe(3)
    expect(tree(traceId)[0]).toBe('frontend.session < client')
    expect(spansOf(traceId).flatMap(({ attributes }) => attributes['db.query.text'] ?? [])[0]).not.toMatch(/traceparent|5/)
  }
})

test('a collector that is busy is asked again; one that is away costs nothing but the traces', async () => {
  sink.refusals.push(503, 429)
  const client = await start({ traceSample: 1 })
  await client.query('select 42')
  await exported('select', 3)
  expect(sink.requests.length).toBeGreaterThanOrEqual(3)
  await client.end()
  clients = []
  await cluster?.close()
  const other = await start({ traceSample: 1 }, { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' })
  expect((await other.query('select 42 as n')).rows).toEqual([{ n: 42 }])
})

test.each([
  [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, 'OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" is not spoken here; use http/protobuf'],
  [{ OTEL_TRACES_EXPORTER: 'zipkin' }, 'OTEL_TRACES_EXPORTER: "zipkin" is not here; there are otlp and none'],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'localhost' }, 'OTEL_EXPORTER_OTLP_ENDPOINT: "localhost" is no http:// or https:// address'],
  [{ OTEL_BSP_MAX_QUEUE_SIZE: '-1' }, 'OTEL_BSP_MAX_QUEUE_SIZE: "-1" is not a positive whole number'],
])('%o is refused in one line', async (variables, line) => {
  await expect(start({}, variables)).rejects.toThrow(line)
})

/** A real Jaeger, where JAEGER_URL names its query address (http://host:16686); it takes OTLP on port 4318 of the same host. */
const jaeger = process.env.JAEGER_URL
if (jaeger === undefined) console.log('trace-export.test.ts: no JAEGER_URL, so no real Jaeger has shown a trace')
test.skipIf(jaeger === undefined)('Jaeger shows the tree', async () => {
  const collector = new URL(jaeger as string)
  collector.port = '4318'
  const traceId = randomBytes(16).toString('hex')
  const client = await start({}, { OTEL_EXPORTER_OTLP_ENDPOINT: process.env.JAEGER_OTLP_URL ?? collector.origin })
  await client.query('create table account (id int primary key)')
  await client.query(`insert into account values (1) /*traceparent='00-${traceId}-00f067aa0ba902b7-01'*/`)
  const shown = async (): Promise<string[]> => {
    const answer = await fetch(new URL(`/api/traces/${traceId}`, jaeger))
    if (!answer.ok) return []
    const { data } = (await answer.json()) as { data: { spans: { operationName: string }[] }[] }
    return (data[0]?.spans ?? []).map(({ operationName }) => operationName).sort()
  }
  await expect.poll(shown, { interval: 200, timeout: 20_000 }).toEqual(journey.map(({ name }) => name as string).sort())
})
