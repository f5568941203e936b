import { expect, test } from 'vitest'
import { positionIn, templateOf } from '../../../actors/query-processor/sql/template.ts'

function shown(sql: string): string | undefined {
  const template = templateOf(sql)
  if (template === undefined) return undefined
  return [template.text.replaceAll(/ +/g, ' ').trim(), ...template.literals.map((one) => `${one.class} ${one.text}`)].join(' · ')
}

test.each([
  ["select * from t where id = 5 and v = 'it''s'", "select * from t where id = $1 and v = $2 · int4 5 · text it's"],
  [
    'select 1, 3000000000, 1.5, 99999999999999999999',
    'select $1 , $2 , $3 , $4 · int4 1 · int8 3000000000 · numeric 1.5 · numeric 99999999999999999999',
  ],
  ['select a from t order by 1 limit 2', 'select a from t order by 1 limit $1 · int4 2'],
  [
    'select cast(a as varchar(10)), b::numeric(5,2) from t where c = 1',
    'select cast(a as varchar(10)), b::numeric(5,2) from t where c = $1 · int4 1',
  ],
  ["select date '2020-01-01', 7", "select date '2020-01-01', $1 · int4 7"],
  [
    "insert into t values (1, 'a'), (2, 'b')",
    'insert into t values ( $1 , $2 ), ( $3 , $4 ) · int4 1 · text a · int4 2 · text b',
  ],
  ["update t set a = 'x'\n 'y' where b = 1", 'update t set a = $1 where b = $2 · text xy · int4 1'],
  ['select -5', 'select - $1 · int4 5'],
])('%s', (sql, expected) => {
  expect(shown(sql)).toBe(expected)
})

test.each([
  'select a + 1 from t group by a + 1',
  'select distinct 1',
  'select -2147483648',
  "select 'now'::timestamp, 1",
  "select nextval('s'), 1",
  "select 'pg_class'::regclass, 1",
  'select $1, 2',
  'select 1; select 2',
  'select 1 union select 2',
  'create table t (a int default 1)',
  'select a from t',
  'select 0x10',
])('%s is left alone', (sql) => {
  expect(shown(sql)).toBeUndefined()
})

test('a position in the template is one in the text', () => {
  const sql = "select 'abc', x, 12345678, y"
  const template = templateOf(sql)
  if (template === undefined) throw new Error('no template')
  for (const what of ['x', 'y']) {
    expect(positionIn(template, template.text.indexOf(what) + 1)).toBe(sql.indexOf(what, sql.indexOf(',')) + 1)
  }
})
