import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Cluster, startCluster } from '../../actors/cluster.ts'
import { readCommand } from '../../actors/command.ts'
import { showTrace } from '../../actors/trace-command.ts'
import { journey } from '../../observability/journey.ts'

/** `taudb trace` asks a running server. */

let cluster: Cluster
let client: pg.Client

beforeAll(async () => {
  cluster = await startCluster({ environment: {} })
  client = new pg.Client(cluster.connectionString)
  await client.connect()
  await client.query('create table account (id int primary key)')
})
afterAll(async () => {
  await client.end()
  await cluster.close()
})

async function drawn(transaction: string | undefined): Promise<{ status: number; lines: string[] }> {
  const lines: string[] = []
  const status = await showTrace(cluster, transaction, (line) => lines.push(line))
  return { status, lines }
}

test('a transaction run by hand is drawn whole, by the number that pg_current_xact_id showed', async () => {
  const person = new pg.Client(cluster.connectionString)
  await person.connect()
  await person.query('begin')
  const { rows } = await person.query('select pg_current_xact_id()::text as id')
  await person.query('insert into account values (1)')
  await person.query('commit')
  await person.end()
  const { status, lines } = await drawn(rows[0].id)
  expect(status).toBe(0)
  expect(lines[1]).toMatch(`pg_current_xact_id ${rows[0].id}`)
  const steps = lines.slice(2).map((line) => /[a-z-]+\.[a-z]+/.exec(line)?.[0])
  expect(new Set(steps)).toEqual(new Set(journey.map(({ name }) => name)))
  expect(lines.join('\n')).not.toMatch(/\(1\)|not ended/)
  const newest = await drawn(undefined)
  expect(newest.lines.join('\n')).toContain('insert into account')
  // Who looks is not seen.
  expect((await drawn(undefined)).lines).toEqual(newest.lines)
})

test('what is not there is said in one line', async () => {
  const { status, lines } = await drawn('12345')
  expect([status, lines.length]).toEqual([1, 1])
  expect(lines[0]).toMatch(/^transaction 12345 is not among the traces that are kept/)
})

test.each([
  [['trace'], /^trace: say which/],
  [['trace', '1', '--last'], /^trace: say which/],
  [['trace', '1', '2'], /^unexpected "2" behind "trace 1"/],
  [['--last'], /^--last belongs to "taudb trace"/],
])('%j is refused', (words, line) => {
  expect(() => readCommand(words, {})).toThrow(line)
})
