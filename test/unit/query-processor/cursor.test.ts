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
