import { expect, test } from 'vitest'
import { Processor } from './transcript.ts'

test('a cursor and a portal go on with what they saw when they began', async () => {
  const client = await new Processor().open()
  await client.query('create table t (id int primary key); insert into t values (1), (2), (3), (4)')
  await client.query('begin; declare c cursor for select id from t order by id')
  const { session, output } = client
  await session.parse('', 'select id from t order by id', [])
  await session.bind('p', '', [], [], [])
  await session.execute('p', 1)
  output.take()
  expect(
    await client.query(
      'fetch 2 from c; delete from t where id > 2; insert into t values (0); fetch all from c; select count(*) from t',
    ),
  ).toBe('id\n1\n2\nFETCH 2\nDELETE 2\nINSERT 0 1\nid\n3\n4\nFETCH 2\ncount\n3\nSELECT 1\nT')
  await session.execute('p', 0)
  await session.sync()
  expect(output.take()).toBe('2\n3\n4\nSELECT 3\nT')
  expect(await client.query('fetch backward 2 from c; fetch absolute 1 from c; move all in c; close c; fetch c')).toBe(
    'id\n4\n3\nFETCH 2\nid\n1\nFETCH 1\nMOVE 3\nCLOSE CURSOR\n34000 cursor "c" does not exist\nE',
  )
})

test('a modification with a row limit is done as a whole', async () => {
  const client = await new Processor().open()
  await client.query('create table t (id int)')
  const { session, output } = client
  await session.parse('', 'insert into t select generate_series(1, 5) returning id', [])
  await session.bind('', '', [], [], [])
  await session.execute('', 2)
  await session.sync()
  expect(output.take()).toBe('parsed\nbound\n1\n2\nsuspended\nI')
  expect(await client.query('select count(*) from t')).toBe('count\n5\nSELECT 1\nI')
})

test('a portal that began to read behind a savepoint goes when that is taken back, the one before it stays', async () => {
  const client = await new Processor().open()
  const { session, output } = client
  await client.query('create table t (id int primary key); insert into t values (1), (2); begin')
  await session.parse('s', 'select id from t order by id', [])
  await session.bind('before', 's', [], [], [])
  await session.execute('before', 1)
  await session.sync()
  await client.query('savepoint x; insert into t values (0)')
  await session.bind('behind', 's', [], [], [])
  await session.execute('behind', 1)
  await session.parse('', 'rollback to x', [])
  await session.bind('', '', [], [], [])
  await session.execute('', 0)
  await session.execute('before', 0)
  await session.execute('behind', 0)
  await session.sync()
  expect(output.take().split('\n')).toEqual([
    'bound',
    '0',
    'suspended',
    'parsed',
    'bound',
    'ROLLBACK',
    '2',
    'SELECT 1',
    '34000 portal "behind" does not exist',
    'E',
  ])
})

test('after an error of the extended protocol nothing is heard before Sync, not even a simple query', async () => {
  const client = await new Processor().open()
  const { session, output } = client
  await session.parse('', 'selct', [])
  await session.query('create table t (id int)')
  await session.sync()
  await session.query('select count(*) from t')
  expect(output.take().split('\n')).toEqual([
    '42601 syntax error at or near "selct" at 1',
    'I',
    '42P01 relation "t" does not exist at 22',
    'I',
  ])
})

test('a cursor of DECLARE is a portal: described, executed and closed by protocol', async () => {
  const client = await new Processor().open()
  const { session, output } = client
  await client.query('begin; declare c cursor for select n as x from generate_series(1, 5) n')
  await session.describePortal('c')
  await session.execute('c', 2)
  await session.execute('c', 0)
  session.closePortal('c')
  await session.sync()
  expect(output.take()).toBe('x\n1\n2\nsuspended\n3\n4\n5\nSELECT 3\nclosed\nT')
  await session.describePortal('c')
  await session.sync()
  expect(output.take()).toBe('34000 portal "c" does not exist\nE')
})

test('what Bind and Parse get wrong leaves nothing old behind', async () => {
  const client = await new Processor().open()
  const { session, output } = client
  await session.parse('', 'select 1, 2', [])
  await session.bind('', '', [], [], [0, 0, 0])
  await session.sync()
  await session.parse('', 'selec', [])
  await session.sync()
  await session.bind('', '', [], [], [])
  await session.sync()
  await session.parse('', 'begin', [])
  await session.bind('p', '', [], [], [])
  await session.execute('p', 0)
  await session.execute('p', 0)
  await session.sync()
  expect(output.take().split('\n')).toEqual([
    'parsed',
    '08P01 bind message has 3 result formats but query has 2 columns',
    'I',
    '42601 syntax error at or near "selec" at 1',
    'I',
    '26000 unnamed prepared statement does not exist',
    'I',
    'parsed',
    'bound',
    'BEGIN',
    '55000 portal "p" cannot be run',
    'E',
  ])
})

test('a finished portal that answers with rows has no more of them; Describe does not take another result than Parse found', async () => {
  const client = await new Processor().open()
  const { session, output } = client
  await client.query('create table t (a int)')
  for (const sql of [
    'insert into t values (1) returning a',
    'update t set a = 2 returning a',
    'show timezone',
    'delete from t',
  ]) {
    await session.parse('', sql, [])
    await session.bind('', '', [], [], [])
    await session.execute('', 0)
    await session.execute('', 0)
    await session.sync()
  }
  const answers = output
    .take()
    .split('\n')
    .filter((line) => !['parsed', 'bound', 'I'].includes(line))
  expect(answers).toEqual([
    ...['1', 'INSERT 0 1', 'INSERT 0 0', '2', 'UPDATE 1', 'UPDATE 0', 'UTC', 'SHOW', 'SHOW'],
    ...['DELETE 1', '55000 portal "" cannot be run'],
  ])
  await session.parse('s', 'select * from t where a = $1', [])
  await session.sync()
  await client.query('alter table t add b text')
  await session.describeStatement('s')
  await session.sync()
  expect(output.take().split('\n')).toEqual(['parameters 23', '0A000 cached plan must not change result type', 'I'])
})

test('what connection pools say when they take a session back', async () => {
  const client = await new Processor().open()
  expect(await client.query('select pg_advisory_unlock_all(); close all; unlisten *; reset all')).toBe(
    'pg_advisory_unlock_all\n\nSELECT 1\nCLOSE CURSOR ALL\nUNLISTEN\nRESET\nI',
  )
})
