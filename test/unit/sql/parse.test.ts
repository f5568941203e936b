import { expect, test } from 'vitest'
import { parse } from '../../../actors/query-processor/sql/parse.ts'
import { SqlError } from '../../../protocol/errors.ts'

function told(sql: string): string {
  try {
    return parse(sql)
      .map(({ text, isAsync }) => (isAsync ? `async ${text}` : text))
      .join(' | ')
  } catch (error) {
    if (!(error instanceof SqlError)) throw error
    return `${error.code} ${error.message}${error.fields.position === undefined ? '' : ` at ${error.fields.position}`}`
  }
}

test.each([
  ['select 1', 'select 1'],
  [' select 1 ; ; select 2 -- end', 'select 1 | select 2 -- end'],
  ['', ''],
  [' -- nothing\n;', ''],
  ['selec', '42601 syntax error at or near "selec" at 1'],
  ["select 'é𝒳' frm x y", '42601 syntax error at or near "x" at 17'],
  ["select 'abc", '42601 unterminated quoted string at or near "\'abc" at 8'],
  ['select * from t limit 1, 2', '42601 LIMIT #,# syntax is not supported at 17'],
  ["select U&'\\zz'", '22025 invalid Unicode escape at 11'],
  ['select 1\0; drop table t', '22021 invalid byte sequence for encoding "UTF8": 0x00'],
  ['create index async i on t (a)', 'async create index async i on t (a)'],
  ['create unique index async on t (a)', 'async create unique index async on t (a)'],
  ['create index async on t (a)', 'async create index async on t (a)'],
  ["select 'create index async i on t(a)'", "select 'create index async i on t(a)'"],
  ['alter table async t validate constraint c', '0A000 ALTER TABLE ASYNC is not supported'],
  ["aws iam grant x to 'arn'", '0A000 AWS IAM is not supported'],
])('%s', (sql, expected) => {
  expect(told(sql)).toBe(expected)
})

test('locations in the tree become positions in characters', () => {
  const [, second] = parse("select 'é'; select 'é', 𝒳")
  expect(second?.positionOf(Buffer.byteLength("select 'é'; select 'é', "))).toBe(25)
  expect(second?.positionOf(-1)).toBeUndefined()
})

test('a thousand statements that overflow the parser leave it as it was', () => {
  const chain = `select ${Array(10_000).fill('1').join('+')}`
  const cases = `select ${'case when true then '.repeat(3_900)}1${' end'.repeat(3_900)}`
  for (let i = 0; i < 1_000; i++) expect(told(chain)).toBe('54001 stack depth limit exceeded')
  for (let i = 0; i < 20; i++) expect(told(cases)).toMatch(/^42601 memory exhausted|^54001/)
  expect(told('select 1')).toBe('select 1')
})
