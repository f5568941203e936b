import { expect, test } from 'vitest'
import { type Client, Processor } from './transcript.ts'

/** One session's queries and what it says, as one text. */
async function transcript(client: Client, queries: readonly string[]): Promise<string> {
  const lines: string[] = []
  for (const sql of queries) lines.push(`> ${sql}`, await client.query(sql))
  return lines.join('\n')
}

test('a transaction block sees its own writes, a savepoint undoes some, the rest is there afterwards', async () => {
  const client = await new Processor().open()
  expect(
    await transcript(client, [
      'create table t (id int primary key, v text)',
      "begin; insert into t values (1, 'a'); savepoint s; insert into t values (2, 'b'); update t set v = 'x'",
      'select * from t order by id; rollback to s; select * from t',
      'commit',
      'select count(*), max(v) from t',
    ]),
  ).toMatchInlineSnapshot(`
    "> create table t (id int primary key, v text)
    CREATE TABLE
    I
    > begin; insert into t values (1, 'a'); savepoint s; insert into t values (2, 'b'); update t set v = 'x'
    BEGIN
    INSERT 0 1
    SAVEPOINT
    INSERT 0 1
    UPDATE 2
    T
    > select * from t order by id; rollback to s; select * from t
    id|v
    1|x
    2|x
    SELECT 2
    ROLLBACK
    id|v
    1|a
    SELECT 1
    T
    > commit
    COMMIT
    I
    > select count(*), max(v) from t
    count|max
    1|a
    SELECT 1
    I"
  `)
})

test('an error aborts the block, and only its end is heard', async () => {
  const client = await new Processor().open()
  expect(await transcript(client, ['begin; select 1/0; select 1', 'select 1', 'commit', 'commit'])).toMatchInlineSnapshot(`
    "> begin; select 1/0; select 1
    BEGIN
    22012 division by zero
    E
    > select 1
    25P02 current transaction is aborted, commands ignored until end of transaction block
    E
    > commit
    ROLLBACK
    I
    > commit
    WARNING 25P01 there is no transaction in progress
    COMMIT
    I"
  `)
})

test('several statements of one message are one transaction', async () => {
  const client = await new Processor().open()
  await client.query('create table t (id int primary key)')
  expect(
    await transcript(client, [
      'insert into t values (1); select 1/0',
      'insert into t values (2); commit; insert into t values (2)',
      'insert into t values (3); savepoint a',
      'select * from t',
    ]),
  ).toMatchInlineSnapshot(`
    "> insert into t values (1); select 1/0
    INSERT 0 1
    22012 division by zero
    I
    > insert into t values (2); commit; insert into t values (2)
    INSERT 0 1
    WARNING 25P01 there is no transaction in progress
    COMMIT
    23505 duplicate key value violates unique constraint "t_pkey"
    detail: Key (id)=(2) already exists.
    I
    > insert into t values (3); savepoint a
    INSERT 0 1
    25P01 SAVEPOINT can only be used in transaction blocks
    I
    > select * from t
    id
    2
    SELECT 1
    I"
  `)
})

test('settings follow their transaction, and the client hears of those it must know', async () => {
  const client = await new Processor().open()
  expect(
    await transcript(client, [
      "set application_name = 'one'",
      "begin; set application_name = 'two'; set local datestyle = german; show datestyle",
      'rollback',
      'show datestyle; show application_name',
      'begin read only; show transaction_read_only; create table t (a int)',
      'rollback',
      'begin isolation level read uncommitted; show transaction_isolation; commit',
      'begin isolation level serializable',
    ]),
  ).toMatchInlineSnapshot(`
    "> set application_name = 'one'
    SET
    application_name = one
    I
    > begin; set application_name = 'two'; set local datestyle = german; show datestyle
    BEGIN
    SET
    SET
    DateStyle
    German, DMY
    SHOW
    application_name = two
    DateStyle = German, DMY
    T
    > rollback
    ROLLBACK
    application_name = one
    DateStyle = ISO, MDY
    I
    > show datestyle; show application_name
    DateStyle
    ISO, MDY
    SHOW
    application_name
    one
    SHOW
    I
    > begin read only; show transaction_read_only; create table t (a int)
    BEGIN
    transaction_read_only
    on
    SHOW
    25006 cannot execute CREATE TABLE in a read-only transaction
    E
    > rollback
    ROLLBACK
    I
    > begin isolation level read uncommitted; show transaction_isolation; commit
    BEGIN
    transaction_isolation
    read uncommitted
    SHOW
    COMMIT
    I
    > begin isolation level serializable
    0A000 isolation level SERIALIZABLE is not supported
    I"
  `)
})

test('an answer is the same with and without the plan cache', async () => {
  const processor = new Processor()
  const queries = [
    'select 1, -1, 2147483648, 1.50, null, true',
    "select 'a' || 'b', 'it''s', 5 || 'x'",
    "select id, v from t where id in (1, 3) and v <> 'b' order by 2 desc, 1 limit 2",
    "select v from t where v like 'a%' and id between 1 and 2",
    "select case when id > 1 then 'big' else 'small' end from t order by 1",
    'select 1/0 from t',
    'select nope from t where id = 1',
    "select * from t where id = 'x'",
    'select 3000000000 + id from t where id = 1',
    "update t set v = 'z' where id = 2 returning *",
    "insert into t values (9, 'nine') returning id + 1",
    "delete from t where id = 9 and v = 'nine'",
    "select '2020-01-01'::date + 1, '1 day'::interval * 2",
    "select coalesce(null, 'a'), array[1, 2], array['x']",
  ]
  const answers: string[] = []
  for (const cache of ['on', 'off']) {
    const client = await processor.open({ 'taudb.plan_cache': cache })
    await client.query('drop table if exists t')
    await client.query("create table t (id int primary key, v text); insert into t values (1, 'a'), (2, 'b'), (3, 'ab')")
    const told: string[] = []
    for (let round = 0; round < 2; round++) for (const sql of queries) told.push(sql, await client.query(sql))
    answers.push(told.join('\n'))
  }
  expect(answers[0]).toBe(answers[1])
})

test('a literal has the type of the column of now, a parameter the type that was told', async () => {
  const processor = new Processor()
  const one = await processor.open()
  const two = await processor.open()
  await transcript(one, [
    'create table t (v interval)',
    'prepare p as insert into t values ($1)',
    "insert into t values ('24:00')",
  ])
  await transcript(two, ['drop table t', 'create table t (v time)'])
  expect(
    await transcript(one, ["insert into t values ('24:00')", "execute p ('24:00')", 'select v from t']),
  ).toMatchInlineSnapshot(`
    "> insert into t values ('24:00')
    INSERT 0 1
    I
    > execute p ('24:00')
    INSERT 0 1
    I
    > select v from t
    v
    24:00:00
    00:00:00
    SELECT 2
    I"
  `)
  expect(await transcript(two, ["insert into t values ('24:00') returning v"])).toMatchInlineSnapshot(`
    "> insert into t values ('24:00') returning v
    v
    24:00:00
    INSERT 0 1
    I"
  `)
})

test('a recursion over a cycle never ends by itself: it is canceled, others are answered meanwhile, and what it holds has a bound', async () => {
  const processor = new Processor({ memoryBytesMax: 40_000_000 })
  const client = await processor.open()
  const other = await processor.open()
  await client.query('create table edge (a int, b int); insert into edge values (1, 2), (2, 3), (3, 1)')
  const cycle = 'with recursive r as (select 1 as n union all select b from edge join r on a = n)'
  expect(await client.query(`${cycle} select n from r limit 5`)).toBe('n\n1\n2\n3\n1\n2\nSELECT 5\nI')
  const counting = client.query(`${cycle} select count(*) from r`)
  for (const id of [1, 2, 3]) expect(await other.query(`select b from edge where a = ${id}`)).toContain('SELECT 1')
  client.session.cancel()
  expect(await counting).toBe('57014 canceling statement due to user request\nI')
  await client.query("set statement_timeout = '20ms'")
  expect(await client.query(`${cycle} select count(*) from r`)).toBe('57014 canceling statement due to statement timeout\nI')
  await client.query('reset statement_timeout')
  // There is no disk to spill to.
  const wide = "with recursive r as (select 1 as n, repeat('x', 500) as x union all select b, x || 'x' from edge join r on a = n)"
  expect(await client.query(`${wide} select count(*) from r`)).toContain('53200 out of memory')
  expect(await client.query('select count(*) from edge')).toBe('count\n3\nSELECT 1\nI')
})
