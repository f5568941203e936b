import { expect, test } from 'vitest'
import { firstUserOid } from '../../../actors/query-processor/sql/catalog/keys.ts'
import { SqlError } from '../../../protocol/errors.ts'
import { storageIdOf } from '../../../protocol/key.ts'
import type { GetAnswer, GetRequest } from '../../../protocol/messages.ts'
import { Processor } from './transcript.ts'

test('answers of storage that are lost end the statement, and no promise of them is left behind', async () => {
  const left: unknown[] = []
  const note = (reason: unknown): void => void left.push(reason)
  process.on('unhandledRejection', note)
  try {
    const processor = new Processor()
    const client = await processor.open()
    await client.query('create table t (id int primary key, a int unique, b int unique); insert into t values (1, 1, 1)')
    const { circle } = processor
    const stored = circle.get.bind(circle)
    let table: number | undefined
    const get = (request: GetRequest): GetAnswer | Promise<GetAnswer> => {
      const storage = storageIdOf(request.key)
      if (storage < firstUserOid) return stored(request)
      // The first one asked for is the row, then come the unique entries.
      table ??= storage
      if (storage === table) return stored(request)
      return new Promise((_, reject) => setImmediate(reject, new SqlError('57P03', 'part of the database does not answer')))
    }
    Object.assign(circle, { get })
    const statements = [
      'update t set a = 2, b = 2 where id = 1',
      'update t set a = 2, b = 2 where id > 0',
      'update t set id = 2, a = 2, b = 2 where id = 1',
      'insert into t values (2, 2, 2)',
      'insert into t values (2, 2, 2), (3, 3, 3)',
      'insert into t values (2, 2, 2) on conflict do nothing',
      'insert into t values (2, 1, 2) on conflict (a) do update set b = 3',
      'select id from t where a in (1, 2, 3)',
      'delete from t where a = 1 and b = 1',
    ]
    for (const sql of statements) expect(await client.query(sql)).toBe('57P03 part of the database does not answer\nI')
    Object.assign(circle, { get: stored })
    expect(await client.query('update t set a = 2, b = 2 where id = 1')).toBe('UPDATE 1\nI')
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(left).toEqual([])
  } finally {
    process.off('unhandledRejection', note)
  }
})
