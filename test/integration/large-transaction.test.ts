/** One transaction of many rows: whole or not at all, through kill -9, beyond its bound, and without holding up anybody else. */
import { once } from 'node:events'
import { connect } from 'node:net'
import pg from 'pg'
import { serialize } from 'pg-protocol'
import { expect, test } from 'vitest'
import { type ServerProcess, startServer, temporaryDirectory } from './server-process.ts'

const isLong = process.env.TAUDB_TEST_LONG === '1'
const rows = isLong ? 1_000_000 : 60_000
const rounds = isLong ? 20 : 4

async function client(server: ServerProcess): Promise<pg.Client> {
  const made = new pg.Client({ connectionString: server.connectionString })
  made.on('error', () => {})
  await made.connect()
  return made
}

const answer = async (server: ServerProcess, sql: string): Promise<unknown> => {
  const one = await client(server)
  try {
    return (await one.query({ text: sql, rowMode: 'array' })).rows
  } finally {
    await one.end()
  }
}

/** COPY acc FROM STDIN of keys from `first` on. Resolves with what the server says, or 'lost'; `sent` tells when all has been sent. */
async function copyIn(server: ServerProcess, first: number, sent: () => void = () => {}): Promise<string> {
  const socket = connect({ port: server.port, host: '127.0.0.1' })
  let said = ''
  const end = new Promise<string>((resolve) => {
    socket.on('error', () => resolve('lost'))
    socket.on('close', () => resolve('lost'))
    socket.on('data', (bytes) => {
      said += bytes.toString('latin1')
      const [tag] = /COPY \d+|C[0-9A-Z]{5}\0M[^\0]*/.exec(said) ?? []
      if (tag !== undefined) resolve(tag.replace(/^C(\w{5})\0M/, '$1 '))
    })
  })
  await once(socket, 'connect')
  socket.write(serialize.startup({ user: 'postgres', database: 'postgres' }))
  socket.write(serialize.query('copy acc from stdin'))
  for (let from = 0; from < rows; from += 2_000) {
    let lines = ''
    for (let i = from; i < Math.min(rows, from + 2_000); i++) lines += `${first + i}\t1\t0\t${'x'.repeat(60)}\n`
    if (!socket.write(serialize.copyData(Buffer.from(lines)))) await Promise.race([once(socket, 'drain'), end])
  }
  socket.write(serialize.copyDone())
  sent()
  const told = await end
  socket.destroy()
  return told
}

const table = 'create table acc (aid int primary key, bid int, balance int, filler text); create table entry (n int primary key)'

test('a large COPY is one transaction, others commit and read meanwhile, and it is there after a restart', {
  timeout: 120_000,
}, async () => {
  using directory = temporaryDirectory('large')
  const words = ['--port', '0', '--data', directory.path]
  let server = await startServer(words)
  await answer(server, table)
  const [writer, reader] = [await client(server), await client(server)]
  const seen = new Set<number>()
  let worst = 0
  let n = 0
  let isOver = false
  const timed = async (work: () => Promise<unknown>): Promise<void> => {
    const from = performance.now()
    await work()
    worst = Math.max(worst, performance.now() - from)
  }
  const others = [
    (async () => {
      while (!isOver) await timed(() => writer.query('insert into entry values ($1)', [++n]))
    })(),
    (async () => {
      while (!isOver) {
        await timed(() => reader.query('select 1'))
        seen.add((await reader.query(`select aid from acc where aid in (0, ${rows - 1})`)).rows.length)
      }
    })(),
  ]
  expect(await copyIn(server, 0)).toBe(`COPY ${rows}`)
  isOver = true
  await Promise.all(others)
  expect([...seen].filter((count) => count !== 0 && count !== 2)).toEqual([])
  expect(n).toBeGreaterThan(10)
  // A quiet machine stays below 100 ms; a laden one must not fail for its neighbours.
  expect(worst).toBeLessThan(1_000)
  await Promise.all([writer.end(), reader.end()])
  expect(await server.stop('SIGKILL')).toBe('SIGKILL')
  server = await startServer(words)
  expect(await answer(server, 'select count(*)::int, (select count(*)::int from entry) from acc')).toEqual([[rows, n]])
  expect(await server.stop()).toBe(0)
})

test(`${rounds} kills while a large transaction commits: all of it or nothing`, { timeout: rounds * 60_000 }, async () => {
  using directory = temporaryDirectory('large-kill')
  const words = ['--port', '0', '--data', directory.path]
  let server = await startServer(words)
  await answer(server, table)
  const fates: string[] = []
  for (let round = 0; round < rounds; round++) {
    const first = round * rows
    let sent = (): void => {}
    const isSent = new Promise<void>((resolve) => {
      sent = resolve
    })
    const told = copyIn(server, first, sent)
    await isSent
    await new Promise((resolve) => setTimeout(resolve, ((round * 7_919) % 11) * (rows / 1_000)))
    await server.stop('SIGKILL')
    const said = await told
    server = await startServer(words)
    const [[found]] = (await answer(server, `select count(*)::int from acc where aid >= ${first} and aid < ${first + rows}`)) as [
      [number],
    ]
    expect(found === 0 || found === rows).toBe(true)
    if (said === `COPY ${rows}`) expect(found).toBe(rows)
    fates.push(found === 0 ? 'nothing' : 'all')
    // What was left staged is in nobody's way.
    await answer(server, `insert into entry values (${round})`)
  }
  expect(await answer(server, 'select count(*)::int from acc')).toEqual([[fates.filter((fate) => fate === 'all').length * rows]])
  expect(await server.stop()).toBe(0)
})

test('beyond --transaction-bytes-max a COPY ends with 54000, the session and everybody else go on', {
  timeout: 60_000,
}, async () => {
  const server = await startServer(['--port', '0', '--ephemeral', '--transaction-bytes-max', '2MB'])
  await answer(server, table)
  expect(await copyIn(server, 0)).toBe('54000 transaction size limit of 2097152 bytes exceeded')
  const one = await client(server)
  await expect(
    one.query("insert into acc select g, 1, 0, repeat('x', 100) from generate_series(1, 100000) g"),
  ).rejects.toMatchObject({
    code: '54000',
  })
  await one.query("insert into acc values (1, 1, 0, 'small')")
  expect((await one.query('select count(*)::int as count from acc')).rows).toEqual([{ count: 1 }])
  await one.end()
  expect(await server.stop()).toBe(0)
})
