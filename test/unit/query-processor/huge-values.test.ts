import { expect, test } from 'vitest'
import { Processor } from './transcript.ts'

const memory = '53200 out of memory\ndetail: The statement needs more than 268435456 bytes.\nI'
const text = (length: number): string =>
  `53200 out of memory\ndetail: A text of ${length} characters; the longest is 134217728.\nI`
const million = "repeat('x', 1000000)"

test.each([
  [`select length(string_agg(${million}, '')) from generate_series(1, 400)`, text(135_000_000)],
  [`select array_length(array_agg(${million} || i), 1) from generate_series(1, 400) i`, memory],
  [`select jsonb_agg(${million} || i) is null from generate_series(1, 400) i`, memory],
  [`select json_object_agg(i, ${million} || i) is null from generate_series(1, 400) i`, memory],
  [`select i / 1000, array_agg(${million} || i) is null from generate_series(1, 400) i group by 1`, memory],
  [`select length(string_agg(${million} || i, '' order by i)) from generate_series(1, 400) i`, memory],
  ["select length(repeat('x', 300000000))", text(300_000_000)],
  ["select length(repeat('x', 2000000000))", '54000 requested length too large\nI'],
  ["select length(lpad('x', 200000000, 'ab'))", text(200_000_000)],
  ["select length(format('%200000000s', 'x'))", text(200_000_000)],
  ["select length(replace(repeat('x', 1000000), 'x', repeat('y', 1000)))", text(1_000_000_000)],
  ["select length(replace(repeat('xy', 10), 'x', '$&'))", 'length\n30\nSELECT 1\nI'],
  ["select length(t || t) from repeat('x', 100000000) t", text(200_000_000)],
  ["select 'x' ~ repeat('a', 60000)", '2201B invalid regular expression: regular expression is too complex\nI'],
  ["select to_char(now(), repeat('Y', 20000))", '54000 requested length too large\nI'],
  ["select to_char(1.5, repeat('9', 20000))", '54000 requested length too large\nI'],
  // Neither goes through one array for each element of the other.
  [
    'with a as (select array_agg(i) as i, array_agg(i::numeric) as n from generate_series(1, 30000) i) select i @> i, n <@ n, i && array[-1], i @> array[null::int] from a',
    '?column?|?column?|?column?|?column?\nt|t|f|f\nSELECT 1\nI',
  ],
])('what memory cannot hold is refused, and what it can is done: %s', async (sql, expected) => {
  const processor = new Processor()
  const client = await processor.open()
  expect(await client.query(sql)).toBe(expected)
  expect(await client.query('select 1')).toBe('?column?\n1\nSELECT 1\nI')
  expect(processor.bugs).toEqual([])
  await processor.processor.lifecycle.drain()
})
