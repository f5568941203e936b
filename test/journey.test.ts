import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Cluster, startCluster } from '../actors/cluster.ts'
import type { CollectedSpan } from '../observability/collector.ts'
import { journey, type Step } from '../observability/journey.ts'

/** Every statement of a real client leaves the spans that `observability/journey.ts` lists, and no others. */

let cluster: Cluster
let client: pg.Client
let spans: CollectedSpan[] = []
const collector = { begun: (span: CollectedSpan): void => void spans.push(span), ended: (): void => {} }

beforeAll(async () => {
  cluster = await startCluster({ traceSample: 1, collector })
  client = new pg.Client(cluster.connectionString)
  await client.connect()
  await client.query('create table account (id int primary key, owner text)')
})

afterAll(async () => {
  await client.end()
  await cluster.close()
})

beforeEach(async () => {
  await allEnded()
  spans = []
})

/** Routing and applying come after the answer. */
async function allEnded(): Promise<void> {
  const isOver = (): boolean => {
    const committed = spans.filter(({ name, attributes }) => name === 'query-processor.commit' && attributes['taudb.tau_commit'])
    const applied = spans.filter(({ name }) => name === 'storage.apply')
    return committed.length === applied.length && spans.every(({ endMicros }) => endMicros !== undefined)
  }
  await expect.poll(isOver, { interval: 5 }).toBe(true)
}

const parentOf = ({ parentId }: CollectedSpan): string | undefined => spans.find(({ spanId }) => spanId === parentId)?.name
const tree = (of = spans): string[] => of.map((span) => `${span.name} < ${parentOf(span) ?? '-'}`)
const listed = (steps: readonly Step[] = journey.map(({ name }) => name)): string[] =>
  journey.filter(({ name }) => steps.includes(name)).map(({ name, parent }) => `${name} < ${parent ?? '-'}`)
const attribute = (step: Step, name: string): unknown => spans.find((span) => span.name === step)?.attributes[name]

const reading: readonly Step[] = ['frontend.session', 'query-processor.statement', 'query-processor.begin', 'storage.scan']

test('an INSERT makes the whole journey, in its order', async () => {
  await client.query("insert into account values (1, 'Ada')")
  await allEnded()
  expect(tree()).toEqual(listed())
  expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1)
  expect(spans.flatMap(({ failure }) => failure ?? [])).toEqual([])
})

test('each span says what the journey says it says', async () => {
  await client.query('insert into account values ($1, $2)', [2, 'Grace'])
  await allEnded()
  expect(tree()).toEqual(listed())
  for (const { name, attributes } of journey) {
    const said = Object.keys(spans.find((span) => span.name === name)?.attributes ?? {})
    const onlyWhenItFails = ['taudb.conflict_key', 'taudb.conflict_table', 'db.response.status_code', 'taudb.late']
    expect({ [name]: said.sort() }).toEqual({ [name]: attributes.filter((one) => !onlyWhenItFails.includes(one)).sort() })
  }
  expect(attribute('query-processor.statement', 'db.query.text')).toBe('insert into account values ($1, $2)')
  const tauStart = attribute('query-processor.begin', 'taudb.tau_start') as number
  const tauCommit = attribute('journal.append', 'taudb.tau_commit') as number
  expect(tauCommit).toBeGreaterThan(tauStart)
  for (const { name, attributes } of spans) {
    expect([name, attributes['taudb.tau_start'] ?? tauStart]).toEqual([name, tauStart])
    expect([name, attributes['taudb.tau_commit'] ?? tauCommit]).toEqual([name, tauCommit])
  }
  expect(attribute('adjudicator.adjudicate', 'taudb.verdict')).toBe('commit')
  expect(attribute('storage.apply', 'taudb.writes')).toBe(1)
})

test('a SELECT goes as far as storage', async () => {
  await client.query("insert into account values (3, 'Edsger')")
  await allEnded()
  spans = []
  await client.query("select owner from account where id = 3 and owner <> 'secret'")
  await allEnded()
  expect(tree()).toEqual(listed(reading))
  expect(attribute('storage.scan', 'taudb.rows')).toBe(1)
  expect(attribute('storage.scan', 'taudb.keys_read')).toBe(1)
  expect(attribute('query-processor.statement', 'db.query.text')).not.toMatch(/secret|3/)
  expect(attribute('frontend.session', 'db.user')).toBe('postgres')
})

test('a block is one trace: each statement a span, the snapshot taken by the first, the commit under the last', async () => {
  await client.query('begin')
  await client.query("update account set owner = 'Barbara' where id = 3")
  await client.query('commit')
  await allEnded()
  expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1)
  expect([...new Set(tree())].sort()).toEqual([...listed()].sort())
  const statements = spans.filter(({ name }) => name === 'query-processor.statement')
  expect(statements.map(({ attributes }) => attributes['db.query.text'])).toEqual([
    'begin',
    'update account set owner = $1 where id = $2',
    'commit',
  ])
  const commit = spans.find(({ name }) => name === 'query-processor.commit')
  expect(commit?.parentId).toBe(statements.at(-1)?.spanId)
})

test('who loses a conflict sees where, and its SQLSTATE', async () => {
  const other = new pg.Client(cluster.connectionString)
  await other.connect()
  await client.query('begin')
  await client.query("update account set owner = 'first' where id = 3")
  await other.query("update account set owner = 'second' where id = 3")
  await other.end()
  const lost = await client.query('commit').catch((error: { readonly code: string }) => error.code)
  await allEnded()
  expect(lost).toBe('40001')
  const refused = spans.find(({ attributes }) => attributes['taudb.verdict'] === 'conflict')
  expect(refused?.name).toBe('query-processor.commit')
  const judged = spans.find(({ attributes }) => attributes['taudb.conflict_key'] !== undefined)
  expect(judged?.name).toBe('adjudicator.adjudicate')
  const statement = spans.find(({ spanId }) => spanId === refused?.parentId)
  expect([statement?.attributes['db.response.status_code'], statement?.failure]).toEqual(['40001', '40001'])
})

test('a step that an actor left out would be missed', async () => {
  await client.query("insert into account values (4, 'Donald')")
  await allEnded()
  for (const { name } of journey) {
    const without = spans.filter((span) => span.name !== name)
    expect(tree(without)).not.toEqual(listed())
  }
})

test('every file on the journey opens with what it does, from whom, to whom, and its invariant', () => {
  for (const { file } of journey) {
    const head = readFileSync(join(import.meta.dirname, '..', file), 'utf8')
      .split('\n')
      .slice(0, 4)
      .join('\n')
    expect(head, file).toMatch(/From: .*To: .*\n.*Invariant: /)
  }
})
