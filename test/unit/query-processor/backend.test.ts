import { expect, test } from 'vitest'
import { SqlError } from '../../../protocol/errors.ts'
import { Processor } from './transcript.ts'

/** Answers of one session, a line a message, without tags and ReadyForQuery. */
async function answers(queries: readonly string[], processor = new Processor()): Promise<string[]> {
  const client = await processor.open()
  const lines: string[] = []
  for (const sql of queries)
    lines.push(...(await client.query(sql)).split('\n').filter((line) => !/^([A-Z ]+( \d+)*)$/.test(line)))
  return lines
}

test('pg_sleep ends when it is canceled, or when its time is up', async () => {
  const client = await new Processor().open()
  const before = performance.now()
  const sleeping = client.query('select pg_sleep(30)')
  setTimeout(() => client.session.cancel(), 20)
  expect(await sleeping).toContain('57014 canceling statement due to user request')
  expect(performance.now() - before).toBeLessThan(1_000)
  expect(await client.query("set statement_timeout = 20; select pg_sleep('Infinity')")).toContain('statement timeout')
  expect(await client.query("select pg_sleep(0.01), pg_sleep(-1), pg_sleep_for('1 ms')")).toContain('SELECT 1')
})

test('random() repeats itself after setseed, with the numbers of PostgreSQL 16', async () => {
  expect(await answers(['select setseed(0.5)', 'select random(), random()', 'set seed = 0.25', 'select random()'])).toEqual([
    'setseed',
    '',
    'random|random',
    '0.9851677175347999|0.825301858027981',
    'random',
    '0.19726358498438978',
  ])
  expect(await answers(['select setseed(2)'])).toEqual(['22023 setseed parameter 2 is out of allowed range [-1,1]'])
})

test('a transaction has a number once it writes or asks, and its fate is known by it', async () => {
  const client = await new Processor().open()
  const number = async (): Promise<string> => (await client.query('select pg_current_xact_id()')).split('\n')[1] as string
  const status = async (of: string): Promise<string> =>
    (await client.query(`select pg_xact_status('${of}')`)).split('\n')[1] as string
  await client.query('create table t (a int)')
  await client.query('begin')
  expect(await client.query('select pg_current_xact_id_if_assigned() is null as none')).toContain('none\nt')
  const committed = await number()
  expect(await number()).toBe(committed)
  expect(await status(committed)).toBe('in progress')
  await client.query('insert into t values (1); commit')
  expect(await status(committed)).toBe('committed')
  await client.query('begin')
  const aborted = await number()
  await client.query('rollback')
  expect([aborted === committed, await status(aborted)]).toEqual([false, 'aborted'])
  expect(await client.query("select pg_xact_status('4611686018427387904')")).toContain('22023 transaction ID 4611686018427387904')
})

test('EXECUTE takes what an assignment takes', async () => {
  const lines = await answers([
    'prepare p (int, text) as select $1 + 1 as a, $2 as b',
    "execute p (1.6, 'x')",
    "execute p ('7', 5)",
    "execute p (true, 'x')",
    "execute p (now(), 'x')",
  ])
  expect(lines).toEqual([
    'a|b',
    '3|x',
    'a|b',
    '8|5',
    '42804 parameter $1 of type boolean cannot be coerced to the expected type integer at 12',
    '42804 parameter $1 of type timestamp with time zone cannot be coerced to the expected type integer at 12',
  ])
})

test('names that the parser cuts are told, each time', async () => {
  const long = 'A'.repeat(70)
  const notice = `NOTICE 42622 identifier "${'a'.repeat(70)}" will be truncated to "${'a'.repeat(63)}"`
  expect(await answers([`select 1 as ${long}`, `select 2 as ${long}`])).toEqual([
    notice,
    'a'.repeat(63),
    '1',
    notice,
    'a'.repeat(63),
    '2',
  ])
})

test('last_value is the last value that was given, not the last that was reserved', async () => {
  const last = 'select last_value, is_called from s'
  const lines = await answers(['create sequence s', last, "select count(nextval('s')) from generate_series(1, 5)", last])
  expect(lines).toEqual(['last_value|is_called', '1|f', 'count', '5', 'last_value|is_called', '5|t'])
})

test('sessions, cursors and prepared statements can be looked at', async () => {
  const processor = new Processor()
  const other = await processor.open()
  await other.query('begin')
  expect(
    await answers(
      [
        'select state, query, xact_start is not null as in_transaction from pg_stat_activity order by state',
        'prepare p (int) as select $1',
        'select name, parameter_types, result_types, from_sql, generic_plans from pg_prepared_statements',
        'begin; declare c scroll cursor with hold for select 1; select name, is_holdable, is_scrollable from pg_cursors',
      ],
      processor,
    ),
  ).toEqual([
    'state|query|in_transaction',
    'active|select state, query, xact_start is not null as in_transaction from pg_stat_activity order by state|t',
    'idle in transaction|begin|t',
    'name|parameter_types|result_types|from_sql|generic_plans',
    'p|{integer}|{integer}|t|0',
    'name|is_holdable|is_scrollable',
    'c|t|t',
  ])
})

test('pg_settings is the settings of this session', async () => {
  const row = "select setting, unit, category, source, boot_val, reset_val from pg_settings where name = 'work_mem'"
  expect(await answers([row, "set work_mem = '8MB'", row, 'select count(*) > 300 as many from pg_settings'])).toEqual([
    'setting|unit|category|source|boot_val|reset_val',
    '4096|kB|Resource Usage / Memory|default|4096|4096',
    'setting|unit|category|source|boot_val|reset_val',
    '8192|kB|Resource Usage / Memory|session|4096|4096',
    'many',
    't',
  ])
})

test('a processor serves before anybody answers it, and as soon as somebody does', async () => {
  const processor = new Processor()
  const { begin } = processor.circle
  processor.circle.begin = () => {
    throw new SqlError('57P03', 'part of the database does not answer')
  }
  const client = await processor.open()
  expect(await client.query('show datestyle')).toBe('DateStyle\nISO, MDY\nSHOW\nI')
  expect(await client.query('create table t (id int)')).toBe('57P03 part of the database does not answer\nI')
  processor.circle.begin = begin
  expect(await client.query('create table t (id int)')).toBe('CREATE TABLE\nI')
  expect(processor.bugs).toEqual([])
})
