/** Storage on NATS behind a trimmed journal: whoever comes with an empty disk, or was left behind, loads a snapshot and follows from there. */
import { rmSync } from 'node:fs'
import pg from 'pg'
import { afterEach, expect, test } from 'vitest'
import { type Cluster, type ClusterOptions, startCluster } from '../../actors/cluster.ts'
import { reached, startNats } from '../support/nats-server.ts'
import { temporaryDirectory } from './server-process.ts'

const open: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

const hasty: NonNullable<ClusterOptions['keeping']> = {
  sayMs: 100,
  silentMs: 700,
  bytesMin: 30_000,
  bytesMost: 100_000,
  recordsMicros: 200_000,
}

async function started(url: string, data: string): Promise<Cluster> {
  const cluster = await startCluster({ bus: [url], data, keeping: hasty, onFailure: () => {} })
  open.push(() => cluster.close())
  return cluster
}

async function connected({ connectionString }: Cluster): Promise<pg.Client> {
  const client = new pg.Client({ connectionString })
  client.on('error', () => {})
  await client.connect()
  open.push(() => client.end().catch(() => {}))
  return client
}

function directory(name: string): string {
  const made = temporaryDirectory(name)
  open.push(async () => made[Symbol.dispose]())
  return made.path
}

/** Rows come, change and go. */
async function write(client: pg.Client, from: number, to: number): Promise<void> {
  for (let n = from; n < to; n++) {
    await client.query('insert into t values ($1, $2)', [n, `row ${n} ${'x'.repeat(80)}`])
    if (n % 3 === 0) await client.query('update t set v = $2 where id = $1', [n, `changed ${n}`])
    if (n % 5 === 0) await client.query('delete from t where id = $1', [n])
  }
}

const rowsOf = async (client: pg.Client): Promise<unknown> => (await client.query('select id, v from t order by id')).rows

test('a new replica and one that was left behind load a snapshot while writers go on, and hold what all hold', async () => {
  const { url, dispose } = await startNats()
  open.push(dispose)
  const { jetstreamManager } = await import('@nats-io/jetstream')
  const { connect } = await import('@nats-io/transport-node')
  const nats = await connect({ servers: url })
  open.push(() => nats.close())
  const manager = await jetstreamManager(nats)
  const first = async (): Promise<number> => (await manager.streams.info('taudb-journal-0')).state.first_seq

  const one = await started(url, directory('one'))
  const client = await connected(one)
  await client.query('create table t (id int primary key, v text)')
  let n = 0
  const goOn = async (count: number): Promise<void> => {
    n += count
    await write(client, n - count, n)
  }
  const trimmedBy = async (count: number): Promise<void> => {
    const before = await first()
    await reached(async () => {
      await goOn(20)
      return (await first()) > before + count
    })
  }
  await trimmedBy(100)

  const second = directory('two')
  let writing = goOn(100)
  const two = await started(url, second)
  await writing
  expect(await rowsOf(await connected(two))).toEqual(await rowsOf(client))
  await two.close()

  await trimmedBy(300)
  writing = goOn(100)
  const again = await started(url, second)
  await writing
  await one.close()
  const found = (await rowsOf(await connected(again))) as { id: number; v: string }[]
  expect(found.map(({ id }) => id)).toEqual(Array.from({ length: n }, (_, id) => id).filter((id) => id % 5 !== 0))
  expect(found.filter(({ id, v }) => v.startsWith('changed') !== (id % 3 === 0))).toEqual([])

  // Its disk is gone too: nobody has the rows but the snapshot and the journal.
  await again.close()
  rmSync(second, { recursive: true })
  expect(await rowsOf(await connected(await started(url, second)))).toEqual(found)
}, 60_000)
