import { afterAll, expect, test, vi } from 'vitest'
import { AsideThreads } from '../../../actors/query-processor/aside-threads.ts'
import { type Client, Processor } from './transcript.ts'

const processor = new Processor()
afterAll(() => processor.processor.lifecycle.drain())

async function withText(): Promise<Client> {
  const client = await processor.open()
  await client.query('drop table if exists big; create table big (id int primary key, t text)')
  await client.query("insert into big values (1, repeat('hello world, ', 50000)), (2, 'small')")
  return client
}

test.each([
  [
    'in the select list',
    "select md5(regexp_replace(t, 'o w', 'x', 'g')), length(t) from big order by id",
    'md5|length\n.*|650000\n.*|5',
  ],
  ['in WHERE', "select id from big where t !~ 'w[a-z]*z' order by id", 'id\n1\n2'],
  ['of one row by its key', "select length(regexp_replace(t, '[aeiou]', '', 'g')) from big where id = 1", 'length\n500000'],
  [
    'in an update of one row',
    "update big set t = regexp_replace(t, 'hello ', '', 'g') where id = 1 returning length(t)",
    'length\n350000',
  ],
  [
    'one in the other',
    "select length(regexp_replace(regexp_replace(t, 'hello', 'h', 'g'), 'world', 'w', 'g')) from big where id = 1",
    'length\n250000',
  ],
  [
    'that answer an array',
    "select array_length(regexp_split_to_array(t, ', '), 1) from big order by id",
    'array_length\n50001\n1',
  ],
  ['in CASE', "select case when id = 1 then regexp_count(t, 'w') else 1 / (id - 2) end from big where id = 1", 'case\n50000'],
  ['over constants', "select length(regexp_replace(repeat('ab', 300000), 'a', '', 'g'))", 'length\n300000'],
  ['in VALUES', "values (regexp_count(repeat('ab', 300000), 'b')), (2)", 'column1\n300000\n2'],
  ['over volatile values', "select length(regexp_replace(repeat('ab', 150000) || random(), '[^a]', '', 'g'))", 'length\n150000'],
  [
    'with a mistake',
    "select regexp_replace(t, '(', '') from big where id = 1",
    '2201B invalid regular expression: parentheses \\(\\) not balanced',
  ],
])('calls with huge values are carried out aside and answer the same: %s', async (_name, sql, expected) => {
  const client = await withText()
  const asked = vi.spyOn(AsideThreads.prototype, 'ask')
  const answer = await client.query(sql)
  const calls = asked.mock.calls.length
  asked.mockRestore()
  expect(answer.replace(/\n(SELECT|UPDATE) \d+\nI$|\nI$/, '')).toMatch(new RegExp(`^${expected.replaceAll('|', '\\|')}$`))
  expect(calls).toBeGreaterThan(0)
})

test('a cancel ends a call with huge values amid its work, and so does statement_timeout; the session goes on', async () => {
  const client = await processor.open()
  const endless = "select regexp_count(repeat('xy', 20000000), 'x')"
  const running = client.query(endless)
  setTimeout(() => client.session.cancel(), 50)
  expect(await running).toBe('57014 canceling statement due to user request\nI')
  await client.query('set statement_timeout = 400')
  expect(await client.query(endless)).toBe('57014 canceling statement due to statement timeout\nI')
  await client.query('reset statement_timeout')
  expect(await client.query("select regexp_count(repeat('ab', 300000), 'b')")).toBe('regexp_count\n300000\nSELECT 1\nI')
})
