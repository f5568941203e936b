import { beforeAll, expect, test } from 'vitest'
import { MemorySession } from './memory-session.ts'

const session = new MemorySession()
beforeAll(async () => {
  session.table('n', { columns: 'x int4, y text' })
  session.table('t', { columns: 'id int4, a int4', primaryKey: ['id'] })
  await session.text("insert into n values (1, 'a'), (1, 'a'), (2, null), (null, 'b'), (null, null)")
  await session.text('insert into t values (1, 10), (2, 20), (3, null)')
})

/** Compared with PostgreSQL 16. */
const transcript: readonly (readonly [sql: string, answer: string])[] = [
  ['select (select x from n where x > 100)', ''],
  ['select (select x from n)', '21000 more than one row returned by a subquery used as an expression'],
  // What is not reached does not fail.
  ['select case when id < 9 then 0 else (select x from n) end from t where id = 1', '0'],
  ['select id, (select count(*) from n where n.x = t.id) from t order by id', '1|2\n2|1\n3|0'],
  ['select array(select x from n order by x)', '{1,1,2,NULL,NULL}'],
  [
    'select 1 = any (select x from n), 7 = any (select x from n), 7 <> all (select x from n), 7 = any (select x from n where false)',
    't|||f',
  ],
  ['select id from t where a > all (select x from n where x is not null) order by id', '1\n2'],
  ['select t.id, s.c from t, lateral (select count(*) as c from n where n.x < t.id) s order by 1', '1|0\n2|2\n3|3'],
  ['with recursive r(n) as (select 1 union select n % 3 + 1 from r) select n from r order by 1', '1\n2\n3'],
  ['with recursive r(n) as (select 1 union all select n + 1 from r) select n from r limit 3', '1\n2\n3'],
  ['select x, y from n intersect all select x, y from n where x = 1', '1|a\n1|a'],
  ['select x from n except all select 1 order by x', '1\n2\n\n'],
  ['select generate_series(1, 3), generate_series(1, 2)', '1|1\n2|2\n3|'],
  ['select t.id, count(n) from t left join n on n.x = t.id group by t.id order by 1', '1|2\n2|1\n3|0'],
  ['select a from t order by a fetch first 1 rows with ties', '10'],
  ['select id from t limit -1', '2201W LIMIT must not be negative'],
  ['select id from t offset -1', '2201X OFFSET must not be negative'],
  ['select 1/0', '22012 division by zero'],
  // A common table of a correlated query is another one for every row.
  [
    'select id, (with w as materialized (select t.id as i) select count(*) from n where x in (select i from w)) from t order by id',
    '1|2\n2|1\n3|0',
  ],
  ['select id from t where id = (select max(x) from n) or id = any (array(select x from n)) order by id', '1\n2'],
  ['select id from t where id = (select max(x) from n)', '2'],
  ['select count(*) from t limit 0', ''],
]

for (const [sql, answer] of transcript) {
  test(sql, async () => {
    expect(await session.text(sql)).toBe(answer)
  })
}

test('a plan is used again with other parameters', async () => {
  const planned = session.plan('select id from t where id = any($1) or a = $2 order by id', [1007, 23])
  const { SqlArray } = await import('../../../protocol/values/value.ts')
  expect((await session.carryOut(planned, [new SqlArray([3, 3]), 10])).rows).toEqual([[1], [3]])
  expect((await session.carryOut(planned, [new SqlArray([]), null])).rows).toEqual([])
})
