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

test('a statement that is run again after another session changed a column reads its literals anew', async () => {
  const processor = new Processor()
  const client = await processor.open()
  const other = await processor.open()
  const changedMeanwhile = (change: string): void => {
    processor.circle.beforeCommit = () => other.session.query(change)
  }
  await client.query('create table t (id int primary key, v date, n int); insert into t values (1, null, 0)')
  changedMeanwhile('alter table t alter column v type text')
  expect(await client.query("update t set v = '2024-02-29' where id = 1")).toBe('UPDATE 1\nI')
  expect(await client.query('select v from t')).toBe('v\n2024-02-29\nSELECT 1\nI')
  changedMeanwhile('alter table t alter column v type date using v::date')
  expect(await client.query("update t set v = '2024-03-01' where v = '2024-02-29' returning id, v")).toBe(
    'id|v\n1|2024-03-01\nUPDATE 1\nI',
  )
  changedMeanwhile('alter table t alter column v type text')
  expect(await client.query("update t set v = '2024-02-29' where id = 1")).toBe('UPDATE 1\nI')
  // The answer of a simple query may have other columns than its first attempt would have had.
  changedMeanwhile('alter table t alter column n type text')
  expect(await client.query("update t set v = 'x' where id = 1 returning *")).toBe('id|v|n\n1|x|0\nUPDATE 1\nI')
  changedMeanwhile('alter table t alter column n type int using n::int')
  expect(await client.query("update t set v = v || repeat('y', 2) /* as it stands */ returning n, v")).toBe(
    'n|v\n0|xyy\nUPDATE 1\nI',
  )
  const many = Array.from({ length: 100 }, (_, i) => `(${i + 2}, '2024-02-29', ${i})`).join(', ')
  changedMeanwhile('alter table t alter column v type date using null')
  expect(await client.query(`insert into t values ${many}`)).toBe('INSERT 0 100\nI')
  changedMeanwhile('alter table t alter column v type text')
  expect(await client.query(`insert into t values ${many.replaceAll(/\((\d+)/g, '(1000$1')}`)).toBe('INSERT 0 100\nI')
  expect(await client.query('select v, count(*) from t where id > 1 group by v')).toBe('v|count\n2024-02-29|200\nSELECT 1\nI')
  // What the text means now is for its author to hear: nothing was written.
  changedMeanwhile('alter table t alter column v type int using 7')
  expect(await client.query("update t set v = 'seven' where id = 1")).toBe(
    '40001 schema has been updated by another transaction (OC001)\nI',
  )
  expect(await client.query("update t set v = 'seven' where id = 1")).toBe(
    '22P02 invalid input syntax for type integer: "seven" at 18\nI',
  )
})

test('parameters of the extended protocol keep the types that their client was told', async () => {
  const processor = new Processor()
  const { session, output } = await processor.open()
  const other = await processor.open()
  await other.query('create table t (id int primary key, v date)')
  await other.query("insert into t values (1, '2024-01-01')")
  await session.parse('u', 'update t set v = $1 where id = 1', [])
  await session.sync()
  expect(output.take()).toBe('parsed\nI')
  processor.circle.beforeCommit = () => other.session.query('alter table t alter column v type text')
  await session.bind('', 'u', [], [Buffer.from('2024-02-29')], [])
  await session.execute('', 0)
  await session.sync()
  expect(output.take()).toBe('bound\nUPDATE 1\nI')
  expect(await other.query('select v from t')).toContain('v\n2024-02-29\n')
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
