import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterEach, expect, test } from 'vitest'
import { showTrace } from '../../actors/trace-command.ts'
import { journey } from '../../observability/journey.ts'
import { startNats } from '../support/nats-server.ts'
import { type ExportedSpan, TraceSink } from '../support/trace-sink.ts'
import { type ServerProcess, startServer, temporaryDirectory } from './server-process.ts'

/** One transaction over several processes on NATS is one trace, up to the apply on every replica. */

const open: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

test('from the client to both replicas, over four processes, one tree', async () => {
  const sink = await new TraceSink().start()
  open.push(() => sink.close())
  const nats = await startNats({})
  open.push(() => nats.dispose())
  const variables = { OTEL_EXPORTER_OTLP_ENDPOINT: sink.url, OTEL_BSP_SCHEDULE_DELAY: '20' }
  const started = async (roles: string, ...words: string[]): Promise<ServerProcess> => {
    const server = await startServer(['--port', '0', '--bus', nats.url, '--roles', roles, ...words], {
      ...variables,
      OTEL_SERVICE_NAME: roles,
    })
    open.push(() => server.stop('SIGKILL'))
    return server
  }
  const data = (): string[] => {
    const made = temporaryDirectory('trace-data')
    open.push(async () => made[Symbol.dispose]())
    return ['--data', made.path]
  }
  const owner = started('adjudicator')
  await Promise.all([owner, started('crossbar,storage', ...data()), started('crossbar,storage', ...data())])
  const { connectionString } = await started('frontend,query-processor')
  const client = new pg.Client({ connectionString })
  await client.connect()
  open.push(() => client.end())
  await client.query('create table account (id int primary key, owner text)')
  // The question holds many of them.
  for (let i = 0; i < 210; i++)
    await client.query(`select 1 /*traceparent='00-${randomBytes(16).toString('hex')}-00f067aa0ba902b7-00'*/`)
  const traceId = 'e'.repeat(32)
  await client.query(`insert into account values (1, 'Ada') /*traceparent='00-${traceId}-00f067aa0ba902b7-01'*/`)
  const spans = (): ExportedSpan[] => sink.spans.filter((span) => span.traceId === traceId)
  const applied = (): number => spans().filter(({ name }) => name === 'storage.apply').length
  const isWhole = (): boolean =>
    applied() === 2 && spans().some(({ name }) => name === 'frontend.session') && spans().length >= 10
  await expect.poll(isWhole, { interval: 20, timeout: 10_000 }).toBe(true)
  const nameOf = new Map(spans().map(({ spanId, name }) => [spanId, name]))
  const lines = spans().map(({ name, parentSpanId, service }) => `${name} < ${nameOf.get(parentSpanId) ?? 'client'} (${service})`)
  expect([...new Set(lines)].sort()).toEqual([
    'adjudicator.adjudicate < query-processor.commit (adjudicator)',
    'crossbar.route < query-processor.commit (crossbar,storage)',
    'frontend.session < client (frontend,query-processor)',
    'journal.append < query-processor.commit (adjudicator)',
    'query-processor.begin < query-processor.statement (frontend,query-processor)',
    'query-processor.commit < query-processor.statement (frontend,query-processor)',
    'query-processor.statement < frontend.session (frontend,query-processor)',
    'storage.apply < query-processor.commit (crossbar,storage)',
    'storage.scan < query-processor.statement (crossbar,storage)',
  ])
  // The same tree in the terminal, without a collector: the frontend asks the others for what they keep.
  const { hostname: host, port } = new URL(connectionString)
  const drawn: string[] = []
  expect(await showTrace({ host, port: Number(port) }, traceId, (line) => drawn.push(line))).toBe(0)
  const steps = drawn.flatMap((line) => /[a-z-]+\.(?:[a-z]+)(?= )/.exec(line.slice(0, 60))?.[0] ?? [])
  expect(steps.filter((step) => step === 'storage.apply').length).toBe(2)
  expect(new Set(steps)).toEqual(new Set(journey.map(({ name }) => name)))
  const commits = new Set(spans().flatMap(({ attributes }) => attributes['taudb.tau_commit'] ?? []))
  expect(commits.size).toBe(1)
})
