import { expect, test } from 'vitest'
import { startCircle } from '../../../actors/circle.ts'
import { QueryProcessor } from '../../../actors/query-processor/query-processor.ts'
import { MemoryVersionStore } from '../../../actors/storage/version-store-memory.ts'
import { evenMap, Topology } from '../../../actors/topology.ts'
import { MemoryLog } from '../../../bus/memory-log.ts'
import { firstUserStorageId, type Key, pinnedKey, storagePrefix } from '../../../protocol/key.ts'
import { SimulatedClient } from '../../simulation/client.ts'
import { recordsOf } from '../../simulation/observed-log.ts'
import { testWorld } from './driver.ts'

/** A database of three partitions, and what its journals hold. */
async function start(logs: readonly MemoryLog[] = [new MemoryLog(), new MemoryLog(), new MemoryLog()]) {
  const world = testWorld()
  const circle = await startCircle({ world, logs, versionStore: new MemoryVersionStore(world.clock) })
  const queryProcessor = new QueryProcessor({ world, topology: circle.topology })
  await queryProcessor.lifecycle.start()
  const client = new SimulatedClient(queryProcessor, 1)
  const run = async (sql: string): Promise<string> => {
    const { rows, error, tag } = await client.query(sql)
    if (error !== undefined) return `${error.code} ${error.message}`
    return rows.length === 0 ? tag : rows.map((row) => row.join(' ')).join(', ')
  }
  const committed = (): number[] =>
    logs.map((log, p) => {
      const records = recordsOf(p, [...log.read(1 as never)])
      return records.reduce((sum, { record }) => sum + (record.kind === 'commit' ? record.transactions.length : 0), 0)
    })
  return { run, committed, circle, logs }
}

test('neighbours of one table and whole tables are spread evenly; the catalog lies together', () => {
  const topology = new Topology(evenMap(3))
  const counts = [0, 0, 0]
  for (let n = 0; n < 3_000; n++) {
    const key = (storagePrefix(firstUserStorageId + (n % 7)) + storagePrefix(n)) as Key
    const p = topology.partitionOf(key)
    counts[p] = (counts[p] as number) + 1
  }
  for (const count of counts) expect(count).toBeGreaterThan(900)
  expect(new Set([1, 2, 5, 9_999].map((id) => topology.partitionOf(storagePrefix(id))))).toEqual(new Set([0]))
  expect(topology.partitionOf(pinnedKey(2, 'x'))).toBe(2)
})

test('a transaction over three partitions lies in one journal; one of a single row asks nobody else', async () => {
  const { run, committed, circle } = await start()
  await run('create table t (id int primary key, v int)')
  await run('insert into t select g, 0 from generate_series(1, 30) g')
  const before = committed()
  expect(await run('update t set v = 1')).toBe('UPDATE 30')
  expect(committed().reduce((sum, n, p) => sum + n - (before[p] as number), 0)).toBe(1)
  for (let id = 1; id <= 30; id++) await run(`update t set v = v + 1 where id = ${id}`)
  const after = committed()
  expect(after.every((n, p) => n > (before[p] as number))).toBe(true)
  expect(await run('select sum(v), count(*) from t')).toBe('60 30')
  await circle.close()
})

test('a restart reads every journal', async () => {
  const first = await start()
  await first.run('create table t (id int primary key, v int)')
  await first.run('insert into t select g, g from generate_series(1, 100) g')
  await first.run('alter table t add column w int default 7')
  await first.run('delete from t where id % 2 = 0')
  const again = await start(first.logs)
  expect(await again.run('select count(*), sum(v), sum(w) from t')).toBe('50 2500 350')
  await again.circle.close()
})

test('what is too large to be staged in several journals is refused whole', async () => {
  const { run, circle } = await start()
  await run('create table t (id int primary key)')
  expect(await run('insert into t select g from generate_series(1, 5000) g')).toMatch(
    /^54000 a transaction over several partitions is limited to 4000 keys/,
  )
  expect(await run('select count(*) from t')).toBe('0')
  await circle.close()
})

test('journals of another number of partitions are refused', async () => {
  const { logs, circle } = await start()
  await circle.close()
  await expect(start([logs[0] as MemoryLog, new MemoryLog()])).rejects.toThrow(
    'the journals of 2 partitions are not of one database: some places belong to nobody',
  )
})
