import { expect, test } from 'vitest'
import { rowsTemplateOf } from '../../../actors/query-processor/sql/rows-template.ts'

function shown(sql: string): string | undefined {
  const work = rowsTemplateOf(sql)
  let step = work.next()
  while (step.done !== true) step = work.next()
  const template = step.value
  if (template === undefined) return undefined
  const { text, classes, shapeOf, literals } = template
  return [text.trim(), classes.join(' '), shapeOf.join(' '), literals.map((one) => one ?? '-').join(' ')].join(' · ')
}

test.each([
  ["insert into t values (1, 'a'), (-2, 'it''s');", "insert into t values ($1, $2), ($1, $2) ; · int4 text · 0 0 · 1 a -2 it's"],
  // A NULL goes with any shape; a shape of its own is made where none fits.
  [
    'insert into s."T" (a, b) values (1, null), (2, 3), (null, 4), (3000000000, 5) returning a',
    'insert into s."T" (a, b) values ($1, null), ($3, $4), ($5, $6) returning a · int4 int4 int4 int4 int8 int4 · 0 1 1 2 · 1 - 2 3 - 4 3000000000 5',
  ],
  [
    'insert into t values (true, 1.5, default), (false, 2e3, default) on conflict (a) do nothing',
    'insert into t values ($1, $2, default), ($1, $2, default) on conflict (a) do nothing · boolean numeric int4 · 0 0 · true 1.5 - false 2e3 -',
  ],
  [
    'insert into t values (-2147483648), (2147483648), (-9223372036854775808), (9223372036854775808)',
    'insert into t values ($1), ($2), ($3) · int4 int8 numeric · 0 1 1 2 · -2147483648 2147483648 -9223372036854775808 9223372036854775808',
  ],
  [
    'insert into t values (1 /* one */, 2), -- two\n (3, 4)',
    'insert into t values ($1, $2), ($1, $2) · int4 int4 · 0 0 · 1 2 3 4',
  ],
])('%s', (sql, expected) => {
  expect(shown(sql)).toBe(expected)
})

test.each([
  'select 1',
  'insert into t values (1)',
  'insert into t values (1), (2, 3)',
  'insert into t values (1), (2 + 3)',
  'insert into t values (1), (+2)',
  'insert into t values (1), (- -2)',
  'insert into t values (1), (1_000)',
  'insert into t values (1), (0x10)',
  "insert into t values ('a'), (E'b')",
  "insert into t values ('a'), ('2020-01-01'::date)",
  "insert into t values ('a'), (date '2020-01-01')",
  'insert into t values (1), (now())',
  'insert into t values (1), ()',
  'insert into t values (1), (2',
  'insert into t values (1), (2), ',
  'insert into t values (1), (2); select 1',
  'insert into t values (1), (2) returning (select max(a) from t)',
  'insert into t values (1), (2) on conflict (a) do update set a = (table u)',
  "insert into t values (1), (2) returning 'now'::timestamptz",
  'insert into t values (1), (2) returning $1',
  'insert into t (a) select 1 union values (1), (2)',
  'with w as (select 1) insert into t values (1), (2)',
])('not by its rows: %s', (sql) => {
  expect(shown(sql)).toBeUndefined()
})
