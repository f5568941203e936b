import { expect, test } from 'vitest'
import { startCircle } from '../../../actors/circle.ts'
import { QueryProcessor } from '../../../actors/query-processor/query-processor.ts'
import { MemoryVersionStore } from '../../../actors/storage/version-store-memory.ts'
import { MemoryLog } from '../../../bus/memory-log.ts'
import { SimulatedClient } from '../../simulation/client.ts'
import { recordsOf } from '../../simulation/observed-log.ts'
import { testWorld } from './driver.ts'

/** A database of so many partitions, its clients, and what its journals say of ranges. */
async function start(logs: readonly MemoryLog[]) {
  const world = testWorld()
  const circle = await startCircle({ world, logs, versionStore: new MemoryVersionStore(world.clock) })
  const queryProcessor = new QueryProcessor({ world, topology: circle.topology })
  await queryProcessor.lifecycle.start()
  const client = () => {
    const session = new SimulatedClient(queryProcessor, 1)
    return async (sql: string): Promise<string> => {
      const { rows, error, tag } = await session.query(sql)
      if (error !== undefined) return `${error.code} ${error.message}`
      return rows.length === 0 ? tag : rows.map((row) => row.join(' ')).join(', ')
    }
  }
  const statements = (): string[] =>
    logs.flatMap((log, p) =>
      recordsOf(p, [...log.read(1 as never)]).flatMap(({ record }) => {
        if (record.kind === 'seal') return [`${p} seals for ${record.to} as ${record.mapVersion}`]
        if (record.kind === 'open') return [`${p} opens ${record.from}'s ${record.sealed} as ${record.mapVersion}`]
        return []
      }),
    )
  return { run: client(), client, statements, circle }
}

const logs = (count: number): MemoryLog[] => Array.from({ length: count }, () => new MemoryLog())

test('places move to another partition and back; rows are written and read before, between and after', async () => {
  const journals = logs(2)
  const { run, statements, circle } = await start(journals)
  await run('create table t (id int primary key, v int)')
  await run('insert into t select g, 0 from generate_series(1, 200) g')
  expect(await run('call sys.move_range(0, 1, 16384, 32767)')).toBe('16384')
  expect(await run('update t set v = v + 1')).toBe('UPDATE 200')
  expect(await run('call sys.move_range(1, 0, 16384, 65535)')).toBe('49152')
  expect(await run('update t set v = v + 1')).toBe('UPDATE 200')
  expect(await run('call sys.move_range(0, 1, 0, 65535)')).toBe('65536')
  expect(await run('alter table t add column w int default 3')).toBe('ALTER TABLE')
  for (let id = 1; id <= 20; id++) expect(await run(`update t set v = v + w where id = ${id}`)).toBe('UPDATE 1')
  expect(await run('select count(*), sum(v) from t')).toBe('200 460')
  expect(statements()).toEqual([
    '0 seals for 1 as 2',
    "0 opens 1's 3 as 3",
    '0 seals for 1 as 4',
    "1 opens 0's 2 as 2",
    '1 seals for 0 as 3',
    "1 opens 0's 4 as 4",
  ])
  await circle.close()
  const again = await start(journals)
  // What a trim would leave says all of it: nothing of partition 0 waits to be opened, and nothing is opened twice.
  const stated = journals.map((log, p) =>
    recordsOf(p, [...log.read(1 as never)])
      .map(({ record }) => record)
      .findLast((record) => record.kind === 'epoch'),
  )
  expect(stated).toMatchObject([
    { ranges: [], sealed: [], opened: [{ from: 1, version: 3 }] },
    { ranges: [{ start: '', end: '\xff\xff\xff\xff\xff' }], sealed: [], opened: [{ from: 0, version: 4 }] },
  ])
  expect(await again.run('update t set v = 0 where id = 7')).toBe('UPDATE 1')
  expect(await again.run('call sys.move_range(1, 0, 7, 7)')).toBe('1')
  expect(await again.run('select count(*), sum(v) from t')).toBe('200 455')
  await again.circle.close()
})

test('a transaction that began before the seal and writes what has moved is refused, and passes on a retry', async () => {
  const { run, client, circle } = await start(logs(2))
  const other = client()
  await run('create table t (id int primary key, v int)')
  await run('insert into t select g, 0 from generate_series(1, 50) g')
  await other('begin')
  await other('update t set v = v + 1')
  await run('call sys.move_range(0, 1, 0, 32767)')
  expect(await other('commit')).toBe('40001 change conflicts with another transaction (OC000)')
  await other('begin')
  await other('update t set v = v + 1')
  expect(await other('commit')).toBe('COMMIT')
  await circle.close()
})

test('who asks for what cannot be moved is told why', async () => {
  const { run, circle } = await start(logs(2))
  const refusals: readonly (readonly [string, string])[] = [
    ['call sys.move_range(0, 1, 30000, 40000)', '22023 partition 0 does not hold all of these places'],
    ['call sys.move_range(1, 1, 40000, 40001)', '22023 there is no other partition 1'],
    ['call sys.move_range(0, 2, 1, 2)', '22023 there is no other partition 2'],
    ['call sys.move_range(7, 0, 1, 2)', '22023 there is no partition 7'],
    ['call sys.move_range(0, 1, 2, 1)', '22023 places are a first and a last one of 0 to 65535'],
    ['call sys.move_range(0, 1, 0, 65536)', '22023 places are a first and a last one of 0 to 65535'],
    ['call sys.move_range(0, 1)', '0A000 CALL is not supported'],
  ]
  for (const [sql, refusal] of refusals) expect([sql, await run(sql)]).toEqual([sql, refusal])
  await run('begin')
  expect(await run('call sys.move_range(0, 1, 0, 1)')).toBe('25001 CALL sys.move_range cannot run inside a transaction block')
  await circle.close()
})

test('with one partition there is nowhere to move to', async () => {
  const { run, circle } = await start(logs(1))
  expect(await run('call sys.move_range(0, 1, 0, 1)')).toBe('22023 there is no other partition 1')
  await circle.close()
})
