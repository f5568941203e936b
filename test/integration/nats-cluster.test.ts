/** A database on NATS, as a person starts it: taudb processes against a real nats-server, killed and started again. */
import pg from 'pg'
import { afterEach, describe, expect, test } from 'vitest'
import { startNats } from '../support/nats-server.ts'
import { ServerDidNotStart, type ServerProcess, startServer, temporaryDirectory } from './server-process.ts'

const open: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

async function nats(config = ''): Promise<Awaited<ReturnType<typeof startNats>>> {
  const servers = await startNats({ config })
  open.push(() => servers.dispose())
  return servers
}

function directory(name: string): string {
  const made = temporaryDirectory(name)
  open.push(async () => made[Symbol.dispose]())
  return made.path
}

async function started(words: readonly string[], environment: Record<string, string> = {}): Promise<ServerProcess> {
  const server = await startServer(['--port', '0', ...words], environment)
  open.push(() => server.stop('SIGKILL'))
  return server
}

async function connected({ connectionString }: ServerProcess): Promise<pg.Client> {
  const client = new pg.Client({ connectionString })
  client.on('error', () => {})
  await client.connect()
  open.push(() => client.end().catch(() => {}))
  return client
}

const rowsOf = async (client: pg.Client, sql: string): Promise<unknown[]> =>
  (await client.query<unknown[]>({ text: sql, rowMode: 'array' })).rows

/** Inserts one row after the other until told to stop, and says which were acknowledged. */
function writing(client: pg.Client): { readonly acknowledged: number[]; readonly errors: string[]; stop(): Promise<void> } {
  const acknowledged: number[] = []
  const errors: string[] = []
  let isRunning = true
  const done = (async () => {
    for (let n = 0; isRunning; n++) {
      try {
        await client.query('insert into t values ($1, $2)', [n, `row ${n}`])
        acknowledged.push(n)
      } catch (error) {
        errors.push((error as { code?: string }).code ?? 'connection')
        if ((error as { code?: string }).code === undefined) return
      }
    }
  })()
  return {
    acknowledged,
    errors,
    stop: async () => {
      isRunning = false
      await done
    },
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

test('one process with its journal on NATS: written, killed in the middle, started again, nothing lost', async () => {
  const { url } = await nats()
  const words = ['--bus', url, '--data', directory('nats-data')]
  const first = await started(words)
  const client = await connected(first)
  await client.query('create table t (id int primary key, v text)')
  await client.query("insert into t values (-1, 'a'), (-2, 'b'), (-3, 'c')")
  await client.query("update t set v = 'changed' where id = -2")
  await client.query('delete from t where id = -3')
  const writer = writing(client)
  await pause(400)
  await first.stop('SIGKILL')
  await writer.stop()
  expect(writer.acknowledged.length).toBeGreaterThan(20)

  const again = await connected(await started(words))
  expect(await rowsOf(again, 'select id, v from t where id < 0 order by id')).toEqual([
    [-2, 'changed'],
    [-1, 'a'],
  ])
  const found = new Set((await rowsOf(again, 'select id from t where id >= 0')).flat())
  expect(writer.acknowledged.filter((id) => !found.has(id))).toEqual([])
  expect(found.size - writer.acknowledged.length).toBeLessThanOrEqual(1)
})

test('an orderly stop says farewell: the next start does not wait for a lease', async () => {
  const { url } = await nats()
  const words = ['--bus', url, '--data', directory('nats-data')]
  const first = await started(words)
  await (await connected(first)).query('create table t (id int primary key)')
  expect(await first.stop('SIGTERM')).toBe(0)
  const before = Date.now()
  await connected(await started(words))
  expect(Date.now() - before).toBeLessThan(2_000)
})

test('NATS is gone for good: an orderly stop gives up the farewell after ten seconds', async () => {
  const { server, url } = await nats()
  const adjudicator = await started(['--bus', url, '--roles', 'adjudicator'])
  await server.stop()
  const before = Date.now()
  expect(await adjudicator.stop('SIGTERM')).toBe(1)
  expect(Date.now() - before).toBeLessThan(13_000)
  expect(adjudicator.output()).toContain('taudb: NATS did not take the farewell in time: stopped without it')
})

test('nats-server is killed and started again under load: writers wait, and nothing is lost or doubled', async () => {
  const { server, url } = await nats()
  const client = await connected(await started(['--bus', url, '--data', directory('nats-data')]))
  await client.query('create table t (id int primary key, v text)')
  const writer = writing(client)
  await pause(300)
  await server.stop('SIGKILL')
  const before = writer.acknowledged.length
  await pause(500)
  await server.start()
  for (let i = 0; i < 200 && writer.acknowledged.length < before + 20; i++) await pause(50)
  await writer.stop()
  expect(writer.acknowledged.length).toBeGreaterThanOrEqual(before + 20)
  expect(writer.errors.filter((code) => !['08007', '40001', '57P03'].includes(code))).toEqual([])
  const found = (await rowsOf(client, 'select id from t order by id')).flat()
  expect(writer.acknowledged.filter((id) => !found.includes(id))).toEqual([])
})

describe('what is refused in one line', () => {
  /** What is wrong, whether a database is there already, the words, and what is said. */
  const refusals: readonly (readonly [string, boolean, (url: string) => readonly string[], RegExp])[] = [
    [
      'nobody there',
      false,
      () => ['--bus', 'nats://127.0.0.1:1', '--data', 'DIR'],
      /no connection to NATS at 127\.0\.0\.1:1: .*start nats-server there/,
    ],
    ['no data directory', false, (url) => ['--bus', url, '--ephemeral'], /use --data DIR, not --ephemeral/],
    ['no address', false, () => ['--bus', 'here'], /--bus: "here" is not an address of a NATS server/],
    [
      'more partitions than there are',
      true,
      (url) => ['--bus', url, '--data', 'DIR', '--partitions', '3'],
      /there are 1 journals on these servers, not 3/,
    ],
    [
      'a journal of another size',
      true,
      (url) => ['--bus', url, '--data', 'DIR', '--journal-bytes-max', '64GB'],
      /the stream taudb-journal-0 has other settings .*max_bytes is/,
    ],
  ]

  test.each(refusals)('%s', async (_, isMade, words, expected) => {
    const { url } = await nats()
    if (isMade) await (await started(['--bus', url, '--data', directory('nats-data')])).stop('SIGTERM')
    const given = words(url).map((word) => (word === 'DIR' ? directory('nats-other') : word))
    const refusal = await started(given).catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(ServerDidNotStart)
    expect((refusal as ServerDidNotStart).exit).toBe(1)
    expect((refusal as ServerDidNotStart).output).toMatch(expected)
    expect((refusal as ServerDidNotStart).output.trim().split('\n')).toHaveLength(1)
  })
})

describe('several processes, one database', () => {
  test('processes that make a database at the same moment agree about its partitions: the first one decides, others are told', async () => {
    const { url } = await nats()
    const wishes = await Promise.allSettled(
      ['2', '3', '4'].map((count) => started(['--bus', url, '--roles', 'adjudicator', '--partitions', count])),
    )
    const made = wishes.flatMap(({ status }, i) => (status === 'fulfilled' ? [i + 2] : []))
    expect(made).toHaveLength(1)
    for (const wish of wishes) {
      if (wish.status === 'rejected')
        expect((wish.reason as ServerDidNotStart).output).toBe(
          `taudb: there are ${made[0]} journals on these servers, not ${/not (\d)/.exec((wish.reason as ServerDidNotStart).output)?.[1]}: ` +
            'a database keeps the number of partitions that it was made with\n',
        )
    }
    await started(['--bus', url, '--roles', 'adjudicator'])
  })

  test('rows of one database are not taken for those of another, nor for a database without NATS', async () => {
    const [here, there, data] = [await nats(), await nats(), directory('nats-data')]
    await (await started(['--bus', here.url, '--data', data])).stop('SIGTERM')
    const refusalOf = async (words: readonly string[]): Promise<string> =>
      ((await started(words).catch((error: unknown) => error)) as ServerDidNotStart).output
    expect(await refusalOf(['--bus', there.url, '--data', data])).toMatch(
      /^taudb: \S+ has rows of another database \(\S{36}\) than the one on these servers \(\S{36}\): .*--data, or other servers with --bus\n$/,
    )
    expect(await refusalOf(['--data', data])).toMatch(/^taudb: \S+ has rows of a database on NATS: start it with --bus .*\n$/)
    await started(['--bus', here.url, '--data', data])
  })

  test('each role in a process of its own, and a second of each joins with the same words', async () => {
    const { url } = await nats()
    const bus = ['--bus', url]
    const [storage, owner] = await Promise.all([
      started([...bus, '--roles', 'storage,crossbar', '--data', directory('nats-storage')]),
      started([...bus, '--roles', 'adjudicator']),
    ])
    const client = await connected(await started([...bus, '--roles', 'frontend,query-processor']))
    await client.query('create table t (id int primary key, v text)')
    await client.query("insert into t select g, 'row ' || g from generate_series(1, 500) g")
    const other = await connected(await started([...bus, '--roles', 'query-processor,frontend']))
    expect(await rowsOf(other, 'select count(*)::int, max(v) from t')).toEqual([[500, 'row 99']])

    await started([...bus, '--roles', 'storage', '--data', directory('nats-storage-2')])
    await storage.stop('SIGKILL')
    expect(await rowsOf(client, 'select sum(id)::int from t')).toEqual([[125_250]])

    await started([...bus, '--roles', 'adjudicator']).then(() => owner.stop('SIGKILL'))
    await client.query("update t set v = 'after' where id = 1")
    expect(await rowsOf(other, 'select v from t where id = 1')).toEqual([['after']])
  })

  test('the owner is killed under load: a standby takes over within the bound, and nothing is lost', async () => {
    const { url } = await nats()
    const all = await started(['--bus', url, '--roles', 'adjudicator,storage', '--data', directory('nats-storage')])
    const standby = await started(['--bus', url, '--roles', 'adjudicator,storage', '--data', directory('nats-storage-2')])
    const frontend = await started(['--bus', url, '--roles', 'frontend,query-processor'])
    const client = await connected(frontend)
    await client.query('create table t (id int primary key, v text)')
    const writer = writing(client)
    for (let i = 0; i < 200 && writer.acknowledged.length < 50; i++) await pause(20)
    const before = writer.acknowledged.length
    const killedAt = Date.now()
    await all.stop('SIGKILL')
    for (let i = 0; i < 400 && writer.acknowledged.length <= before + 1; i++) await pause(10)
    const outageMs = Date.now() - killedAt
    await pause(200)
    await writer.stop()
    expect(outageMs).toBeLessThan(4_000)
    process.stderr.write(`kill -9 of the owner: writes go on after ${outageMs} ms\n`)
    expect(writer.errors.filter((code) => !['08007', '40001', '57P01'].includes(code))).toEqual([])
    const found = (await rowsOf(client, 'select id from t')).flat()
    expect(writer.acknowledged.filter((id) => !found.includes(id))).toEqual([])
    expect(standby.output()).not.toContain('failed')
  })
})

describe('taudb doctor', () => {
  async function doctor(words: readonly string[]): Promise<string> {
    const said = await startServer(['doctor', ...words]).catch((error: unknown) => error)
    expect(said).toBeInstanceOf(ServerDidNotStart)
    const { exit, output } = said as ServerDidNotStart
    return `${output.replaceAll(/127\.0\.0\.1:\d+/g, 'HOST')}exit ${exit}`
  }

  test('says what is right, what cannot be seen, and what to change', async () => {
    const { url, server } = await nats()
    const monitor = `http://127.0.0.1:${server.monitorPort}`
    expect(await doctor(['--bus', url])).toMatch(
      /^ok {4}server nats:\/\/HOST: version 2\.\S+\nok {4}journal of partition 0: not there yet.*\n\? {5}sync_interval: .*--nats-monitor.*\nexit 0$/,
    )
    await (await started(['--bus', url, '--data', directory('nats-data'), '--durable', '--nats-monitor', monitor])).stop(
      'SIGTERM',
    )
    const after = await doctor(['--bus', url, '--nats-monitor', monitor])
    expect(after).toMatch(
      /\? {5}journal of partition 0: 1 copy: .*\nok {4}clocks: .*\nok {4}sync_interval at http:\/\/HOST: always\nexit 0$/,
    )
  })

  test('a server that syncs now and then is bad, and --durable refuses it', async () => {
    const lazy = await startNats({ sync: '"2m"' })
    open.push(() => lazy.dispose())
    const words = ['--bus', lazy.url, '--nats-monitor', `http://127.0.0.1:${lazy.server.monitorPort}`]
    expect(await doctor(words)).toMatch(/BAD {3}sync_interval at http:\/\/HOST: every 120 s: .*sync_interval: always }\nexit 1$/)
    const refusal = await started([...words, '--durable', '--data', directory('nats-data')]).catch((error: unknown) => error)
    expect((refusal as ServerDidNotStart).output).toContain('taudb: --durable: sync_interval at')
  })
})
