import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Cluster, startCluster } from '../../../actors/cluster.ts'

let cluster: Cluster
let client: pg.Client

beforeAll(async () => {
  cluster = await startCluster()
  client = await connect()
})

afterAll(async () => {
  await client.end()
  await cluster.close()
})

async function connect(): Promise<pg.Client> {
  const made = new pg.Client(cluster.connectionString)
  await made.connect()
  return made
}

/** Each statement with what it answers: rows as `a|b`, or the error. */
async function transcript(statements: readonly (string | readonly [pg.Client, string])[]): Promise<string[]> {
  const told: string[] = []
  for (const statement of statements) {
    const [session, sql] = typeof statement === 'string' ? [client, statement] : statement
    try {
      const { rows, command } = await session.query({ text: sql, rowMode: 'array' })
      const lines = (rows as unknown[][]).map((row) => row.map((value) => (value === null ? 'NULL' : String(value))).join('|'))
      told.push(lines.length > 0 ? lines.join(' ') : command)
    } catch (error) {
      const { code, message } = error as pg.DatabaseError
      told.push(`${code} ${message}`)
    }
  }
  return told
}

test('a column added with a default keeps it in older rows when its type changes', async () => {
  expect(
    await transcript([
      'create table late (id int primary key)',
      'insert into late values (1), (2)',
      "alter table late add n int default 5, add t text default 'a'",
      'alter table late alter n drop default, alter n type bigint, alter t type varchar(5)',
      'select * from late order by id',
    ]),
  ).toEqual(['CREATE', 'INSERT', 'ALTER', 'ALTER', '1|5|a 2|5|a'])
})

test('a new type of a column that is not to be NULL leaves none there', async () => {
  expect(
    await transcript([
      'create table strict (id int primary key, n int not null)',
      'insert into strict values (1, 1)',
      'alter table strict alter n type text using null',
      'alter table strict alter id type text using null',
      'alter table strict alter n type numeric(4, 1) using id::boolean',
    ]),
  ).toEqual([
    'CREATE',
    'INSERT',
    '23502 column "n" of relation "strict" contains null values',
    '23502 column "id" of relation "strict" contains null values',
    '42804 result of USING clause for column "n" cannot be cast automatically to type numeric',
  ])
})

test('a key said twice is made once', async () => {
  expect(
    await transcript([
      'create table twice (a int constraint named unique, b int primary key, unique (a), unique (b), unique (b, a))',
      "select string_agg(conname, ' ' order by conname) from pg_constraint where conrelid = 'twice'::regclass",
    ]),
  ).toEqual(['CREATE', 'named twice_b_a_key twice_pkey'])
})

test('rows are rewritten under a new key, with new types and in new columns', async () => {
  expect(
    await transcript([
      'create table t (a int, b text)',
      "insert into t values (1, 'x'), (2, 'y'), (3, null)",
      'alter table t add id serial',
      'select * from t',
      'insert into t values (7) returning id',
      'alter table t add primary key (id)',
      'select a from t where id = 2',
      'alter table t alter id type bigint, alter a type text using a::text || $$!$$',
      'select * from t order by id',
      'create unique index on t (b)',
      'alter table t drop constraint t_pkey',
      "insert into t values ('n', 'y')",
      "insert into t values ('n', 'z') returning id",
      'alter table t drop a, add n numeric not null default 1.5, add u uuid default gen_random_uuid()',
      'update t set n = 2 where id = 1',
      'select b, id, n, length(u::text) from t order by id',
      "select b from t where b = 'z'",
    ]),
  ).toEqual([
    'CREATE',
    'INSERT',
    'ALTER',
    '1|x|1 2|y|2 3|NULL|3',
    '4',
    'ALTER',
    '2',
    'ALTER',
    '1!|x|1 2!|y|2 3!|NULL|3 7!|NULL|4',
    'CREATE',
    'ALTER',
    '23505 duplicate key value violates unique constraint "t_b_idx"',
    '6',
    'ALTER',
    'UPDATE',
    'x|1|2|36 y|2|1.5|36 NULL|3|1.5|36 NULL|4|1.5|36 z|6|1.5|36',
    'z',
  ])
})

test('what the rows do not bear is refused, and nothing has changed', async () => {
  expect(
    await transcript([
      'create table r (a int, b text)',
      "insert into r values (1, 'x'), (1, null)",
      'alter table r add primary key (a)',
      'alter table r add unique (a)',
      'alter table r alter b set not null',
      'alter table r add c int not null',
      'alter table r add check (a > 1)',
      'alter table r add constraint late check (a > 1) not valid',
      'insert into r values (0)',
      'alter table r validate constraint late',
      'alter table r alter b type int',
      'alter table r alter b type int using b::int',
      'create unique index on r (a)',
      'select * from r',
    ]),
  ).toEqual([
    'CREATE',
    'INSERT',
    '23505 could not create unique index "r_pkey"',
    '23505 could not create unique index "r_a_key"',
    '23502 column "b" of relation "r" contains null values',
    '23502 column "c" of relation "r" contains null values',
    '23514 check constraint "r_a_check" of relation "r" is violated by some row',
    'ALTER',
    '23514 new row for relation "r" violates check constraint "late"',
    '23514 check constraint "late" of relation "r" is violated by some row',
    '42804 column "b" cannot be cast automatically to type integer',
    '22P02 invalid input syntax for type integer: "x"',
    '23505 could not create unique index "r_a_idx"',
    '1|x 1|NULL',
  ])
})

test('DDL and writers of other sessions: one of two that do not go together loses', async () => {
  const other = await connect()
  expect(
    await transcript([
      'create table w (a int)',
      // A row is committed between the look at the rows and the commit.
      'begin',
      'alter table w alter a set not null',
      [other, 'insert into w values (null)'],
      'commit',
      // The writer knows the table as it was.
      [other, 'begin'],
      [other, 'insert into w values (null)'],
      'truncate w',
      [other, 'commit'],
      'select count(*) from w',
      // A view rests on a table that is being dropped.
      'begin',
      'create view v as select a from w',
      [other, 'drop table w'],
      'commit',
      // Two tables of one schema do not disturb each other, two of one name do.
      'begin',
      'create table x (a int)',
      [other, 'create table y (a int)'],
      'commit',
      'begin',
      'create table z (a int)',
      [other, 'create table z (b int)'],
      'commit',
    ]),
  ).toEqual([
    'CREATE',
    'BEGIN',
    'ALTER',
    'INSERT',
    '40001 change conflicts with another transaction (OC000)',
    'BEGIN',
    'INSERT',
    'TRUNCATE',
    '40001 schema has been updated by another transaction (OC001)',
    '0',
    'BEGIN',
    'CREATE',
    'DROP',
    '40001 schema has been updated by another transaction (OC001)',
    'BEGIN',
    'CREATE',
    'CREATE',
    'COMMIT',
    'BEGIN',
    'CREATE',
    'CREATE',
    '40001 schema has been updated by another transaction (OC001)',
  ])
  await other.end()
})

test('a sequence restarts with its transaction or not at all', async () => {
  expect(
    await transcript([
      'create table s (id int generated by default as identity, x int)',
      'insert into s (x) values (1), (2) returning id',
      'truncate s restart identity',
      'insert into s (x) values (1) returning id',
      'alter table s alter id restart with 100',
      'insert into s (x) values (1) returning id',
      'begin',
      'alter sequence s_id_seq restart 500',
      'insert into s (x) values (1) returning id',
      'rollback',
      'insert into s (x) values (1) returning id',
    ]),
  ).toEqual(['CREATE', '1 2', 'TRUNCATE', '1', 'ALTER', '100', 'BEGIN', 'ALTER', '500', 'ROLLBACK', '101'])
})
