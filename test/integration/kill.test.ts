/** kill -9 of the real process under load: what was acknowledged is there, balances are conserved, and the directory opens again. */
import pg from 'pg'
import { expect, test } from 'vitest'
import { type ServerProcess, startServer, temporaryDirectory } from './server-process.ts'

const rounds = process.env.TAUDB_TEST_LONG === '1' ? 100 : 10
const accounts = 20
const clients = 6

interface Load {
  /** Unique numbers whose INSERT was acknowledged. */
  readonly acknowledged: number[]
  /** Stops with the first lost connection. */
  readonly done: Promise<void>
}

test(`${rounds} kills under load lose nothing that was acknowledged`, { timeout: rounds * 15_000 }, async () => {
  using directory = temporaryDirectory('kill')
  const words = ['--port', '0', '--data', directory.path]
  let server = await startServer(words)
  await once(
    server,
    `create table account (id int primary key, balance int not null);
    create table entry (n bigint primary key, note text);
    insert into account select g, 100 from generate_series(1, ${accounts}) g`,
  )
  const acknowledged = new Set<number>()
  let next = 1
  for (let round = 0; round < rounds; round++) {
    const loads = Array.from({ length: clients }, (_, i) => load(server, () => next++, i))
    if (round % 3 === 1) once(server, `create index entry_note_${round} on entry (note)`).catch(() => {})
    await new Promise((resolve) => setTimeout(resolve, 150 + ((round * 7919) % 500)))
    // A slow machine gets the time to acknowledge something that could be lost.
    const sum = (): number => loads.reduce((all, { acknowledged: numbers }) => all + numbers.length, 0)
    for (let waits = 0; waits < 500 && sum() < 25; waits++) await new Promise((resolve) => setTimeout(resolve, 10))
    expect(await server.stop('SIGKILL')).toBe('SIGKILL')
    for (const { acknowledged: numbers, done } of loads) {
      await done
      for (const n of numbers) acknowledged.add(n)
    }
    server = await startServer(words)
    const present = new Set((await once(server, 'select n from entry')).map(({ n }) => Number(n)))
    expect([...acknowledged].filter((n) => !present.has(n))).toEqual([])
    expect(await once(server, 'select sum(balance)::int as total, count(*)::int as accounts from account')).toEqual([
      { total: accounts * 100, accounts },
    ])
  }
  expect(acknowledged.size).toBeGreaterThan(rounds * 20)
  expect(await server.stop()).toBe(0)
})

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

function load(server: ServerProcess, number: () => number, seed: number): Load {
  const acknowledged: number[] = []
  const run = async (): Promise<void> => {
    const client = new pg.Client({ connectionString: server.connectionString })
    client.on('error', () => {})
    try {
      await client.connect()
      for (let i = seed; ; i++) {
        const n = number()
        await client.query('insert into entry values ($1, $2)', [n, `note ${n % 10}`])
        acknowledged.push(n)
        const [from, to] = [1 + (i % accounts), 1 + ((i * 7 + 3) % accounts)]
        try {
          await client.query('begin')
          await client.query('update account set balance = balance - 1 where id = $1', [from])
          await client.query('update account set balance = balance + 1 where id = $1', [to])
          await client.query('commit')
        } catch (error) {
          if ((error as { code?: string }).code !== '40001') throw error
          await client.query('rollback')
        }
      }
    } catch (error) {
      const code = (error as { code?: string }).code
      if (code !== undefined && /^[0-9A-Z]{5}$/.test(code) && !/^(08|57P)/.test(code)) throw error
    }
  }
  return { acknowledged, done: run() }
}
