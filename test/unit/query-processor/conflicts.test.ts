import { expect, test } from 'vitest'
import { Processor } from './transcript.ts'

test('the first committer wins; a statement outside BEGIN is run again', async () => {
  const processor = new Processor()
  const first = await processor.open()
  const second = await processor.open()
  await first.query('create table t (id int primary key, n int); insert into t values (1, 0)')
  await first.query('begin; update t set n = n + 1 where id = 1')
  await second.query('begin; update t set n = n + 10 where id = 1')
  expect(await first.query('commit')).toBe('COMMIT\nI')
  expect(await second.query('commit')).toBe('40001 change conflicts with another transaction (OC000)\nI')
  processor.circle.beforeCommit = () => void second.session.query('update t set n = n + 100 where id = 1')
  expect(await first.query('update t set n = n + 1000 where id = 1 returning n')).toBe('n\n1101\nUPDATE 1\nI')
})

test('a single statement of the extended protocol is run again, a pipeline is not', async () => {
  const processor = new Processor()
  const client = await processor.open()
  const other = await processor.open()
  await client.query('create table t (id int primary key, n int); insert into t values (1, 0), (2, 0)')
  const { session, output } = client
  await session.parse('u', 'update t set n = n + $1 where id = $2', [])
  await session.sync()
  output.take()
  const intrude = (): void => void other.session.query('update t set n = n + 10 where id = 1')
  processor.circle.beforeCommit = intrude
  await session.bind('', 'u', [], [Buffer.from('1'), Buffer.from('1')], [])
  await session.execute('', 0)
  await session.sync()
  expect(output.take()).toBe('bound\nUPDATE 1\nI')
  processor.circle.beforeCommit = intrude
  for (const id of ['1', '2']) {
    await session.bind('', 'u', [], [Buffer.from('1'), Buffer.from(id)], [])
    await session.execute('', 0)
  }
  await session.sync()
  expect(output.take()).toBe('bound\nUPDATE 1\nbound\nUPDATE 1\n40001 change conflicts with another transaction (OC000)\nI')
  expect(await client.query('select id, n from t order by id')).toBe('id|n\n1|21\n2|0\nSELECT 2\nI')
})

test('who writes rows of a table that was changed meanwhile is told so; who only reads is not', async () => {
  const processor = new Processor()
  const writer = await processor.open()
  const ddl = await processor.open()
  await writer.query('create table t (id int primary key)')
  await writer.query('begin; insert into t values (1)')
  await ddl.query('begin; drop table t; create table t (id int primary key, more text); commit')
  expect(await writer.query('commit')).toBe('40001 schema has been updated by another transaction (OC001)\nI')
  await writer.query('begin; select * from t')
  await ddl.query('drop table t')
  expect(await writer.query('select * from t; commit')).toBe('id|more\nSELECT 0\nCOMMIT\nI')
})

test('reads are never adjudicated, row locks are', async () => {
  const processor = new Processor()
  const client = await processor.open()
  await client.query('create table t (id int primary key, n int); insert into t values (1, 0)')
  processor.circle.requests.length = 0
  await client.query('begin; select * from t; commit')
  expect(processor.circle.requests.length).toBe(0)
  await client.query('select * from t for update')
  expect(processor.circle.requests.map(({ writes, checks }) => [writes.length, checks.map(({ mode }) => mode)])).toEqual([
    [0, ['X']],
  ])
})

test('a transaction has a bound', async () => {
  const client = await new Processor({ transactionBytesMax: 5_000 }).open()
  await client.query('create table t (id int primary key, v text)')
  expect(await client.query("insert into t select i, repeat('x', 100) from generate_series(1, 100) i")).toContain(
    '54000 transaction size limit of 5000 bytes exceeded',
  )
  expect(await client.query('select count(*) from t')).toContain('\n0\n')
})
