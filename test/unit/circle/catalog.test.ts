import { expect, test } from 'vitest'
import { startCircle } from '../../../actors/circle.ts'
import { QueryProcessor } from '../../../actors/query-processor/query-processor.ts'
import { MemoryVersionStore } from '../../../actors/storage/version-store-memory.ts'
import { MemoryLog } from '../../../bus/memory-log.ts'
import { SimulatedClient } from '../../simulation/client.ts'
import { testWorld } from './driver.ts'

test('a change of the catalog that began before another one was committed does not bring back what that one has dropped', async () => {
  const world = testWorld()
  const circle = await startCircle({ world, logs: [new MemoryLog()], versionStore: new MemoryVersionStore(world.clock) })
  const queryProcessor = new QueryProcessor({ world, topology: circle.topology })
  await queryProcessor.lifecycle.start()
  const [one, two] = [new SimulatedClient(queryProcessor, 1), new SimulatedClient(queryProcessor, 2)]
  const run = async (client: SimulatedClient, sql: string): Promise<string> => {
    const { rows, error, tag } = await client.query(sql)
    return error === undefined ? rows.map((row) => row.join(' ')).join(', ') || tag : `${error.code} ${error.message}`
  }
  await run(one, 'create table t (id int primary key, v int)')
  await run(one, 'create index t_v on t (v)')
  await run(two, 'begin')
  expect(await run(two, 'create table u (id int)')).toBe('CREATE TABLE')
  expect(await run(one, 'drop index t_v')).toBe('DROP INDEX')
  expect(await run(two, 'commit')).toBe('COMMIT')
  const indexes = `select count(*) from pg_indexes where tablename = 't'`
  for (const client of [one, two]) expect(await run(client, indexes)).toBe('1')
  expect(await run(one, 'select count(*) from u')).toBe('0')
  await circle.close()
})
