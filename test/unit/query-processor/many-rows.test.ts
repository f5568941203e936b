import { expect, test } from 'vitest'
import { type Client, Processor } from './transcript.ts'

const table = `create table t (id int primary key, big bigint, small smallint check (small > -5), price numeric(6,2), name varchar(12), born date, ok boolean,
  at timestamptz default '2020-01-01', tags int[], doc jsonb)`

/** Long enough to go by its rows. */
const padding = `/* ${'x'.repeat(1_000)} */`

const columns = ['id', 'big', 'small', 'price', 'name', 'born', 'ok', 'tags', 'doc']
const insert = (...rows: readonly string[]): string => `insert into t (${columns}) values ${rows.join(', ')} ${padding}`
const row = (id: string, more: Partial<Record<(typeof columns)[number], string>> = {}): string =>
  `(${columns.map((column) => (column === 'id' ? id : (more[column] ?? 'null'))).join(', ')})`

async function answers(client: Client, sql: string): Promise<string> {
  const told = await client.query(sql)
  return `${told}\n${await client.query('select * from t order by id')}\n${await client.query('rollback')}`
}

// The ordinary way of the same statement is the oracle: the plan cache switched off sends everything there.
test.each([
  ['plain rows', insert(row('1', { name: "'a'" }), row('2', { name: "'b'" }))],
  ['NULL between values', insert(row('1'), row('2', { price: '1.5' }), row('3', { big: '3000000000' }))],
  [
    'numbers of other sizes',
    insert(row('1', { big: '1', price: '2' }), row('-2', { big: '-9223372036854775808', price: '-2.999' })),
  ],
  [
    'literals that take the type of their column',
    insert(row("'1'", { born: "'2020-02-29'", ok: "'yes'" }), row("' 2 '", { tags: "'{1,2}'" })),
  ],
  ['words', insert(row('1', { ok: 'true', doc: '\'{"a": 1}\'' }), row('2', { ok: 'FALSE', doc: 'NULL' }))],
  ['DEFAULT', `insert into t (id, at) values (1, default), (2, '2021-01-01 00:00+00') ${padding}`],
  ['fewer columns', `insert into t values (1, 2), (2, 3) ${padding}`],
  ['an alias and RETURNING', `insert into t as x (id) values (2), (1) returning x.id * 10 as tenfold ${padding}`],
  ['ON CONFLICT', `insert into t (id, name) values (1, 'a'), (2, 'b'), (1, 'c') on conflict (id) do nothing ${padding}`],
  [
    'ON CONFLICT, twice the same row',
    `insert into t (id) values (1), (1) on conflict (id) do update set name = excluded.name ${padding}`,
  ],
  ['a date in the second row that is none', insert(row('1', { born: "'2020-01-01'" }), row('2', { born: "'2020-02-30'" }))],
  ['a number that is none', insert(row('1'), row("'x'"))],
  ['a number too large', insert(row('1'), row('3000000000'))],
  ['a number too large for its column', insert(row('1', { small: '1' }), row('2', { small: '40000' }))],
  ['a number too precise', insert(row('1', { price: '1' }), row('2', { price: '99999.5' }))],
  ['a text too long', insert(row('1', { name: "'a'" }), row('2', { name: "'abcdefghijklmn'" }))],
  ['a type that does not fit', insert(row('1', { ok: 'true' }), row('2', { ok: '1' }))],
  ['a CHECK', insert(row('1', { small: '1' }), row('2', { small: '-7' }))],
  ['NOT NULL', insert(row('1'), row('null'))],
  ['a duplicate key', insert(row('1'), row('2'), row('1'))],
  ['an unknown column', `insert into t (id, nosuch) values (1, 2), (3, 4) ${padding}`],
  ['an unknown table', `insert into nosuch values (1, 2), (3, 4) ${padding}`],
  ['a RETURNING that is wrong', `insert into t (id) values (1), (2) returning nosuch ${padding}`],
  ['a division by zero in RETURNING', `insert into t (id) values (1), (0) returning 1 / id ${padding}`],
  ['too many values', `insert into t (id) values (1, 2), (3, 4) ${padding}`],
  ['a name that is cut', `insert into t (id) values (1), (2) returning id as ${'n'.repeat(70)} ${padding}`],
])('many rows mean what they say: %s', async (_name, sql) => {
  const client = await new Processor().open()
  await client.query(table)
  await client.query('begin')
  const fast = await answers(client, sql)
  await client.query('set taudb.plan_cache = off')
  await client.query('begin')
  expect(fast).toBe(await answers(client, sql))
})

test('a template serves the next rows, also when the table has changed meanwhile', async () => {
  const client = await new Processor().open()
  await client.query('create table t (a int, b text)')
  const send = (first: string): Promise<string> => client.query(`insert into t values (${first}, 'x'), (2, 'y') ${padding}`)
  expect([await send('1'), await send('3')]).toEqual(['INSERT 0 2\nI', 'INSERT 0 2\nI'])
  await client.query('alter table t alter a type text')
  expect(await send('4')).toBe('INSERT 0 2\nI')
  await client.query('alter table t drop b')
  expect(await send('5')).toBe('42601 INSERT has more expressions than target columns at 26\nI')
  expect(await client.query('select string_agg(a, $$,$$ order by a) from t')).toContain('1,2,2,2,3,4')
})

test('many rows are taken in slices, and a cancel is heard between them', async () => {
  const client = await new Processor().open()
  await client.query('create table t (a int, b text)')
  const rows = Array.from({ length: 15_000 }, (_, i) => `(${i}, 'row ${i}')`).join(',')
  let turns = 0
  let counting = true
  const count = (): void => {
    turns++
    if (counting) setImmediate(count)
  }
  setImmediate(count)
  const told = await client.query(`insert into t values ${rows}`)
  counting = false
  expect([told, turns > 2]).toEqual(['INSERT 0 15000\nI', true])
  const running = client.query(`insert into t values ${rows}`)
  setImmediate(() => client.session.cancel())
  expect(await running).toBe('57014 canceling statement due to user request\nI')
})
