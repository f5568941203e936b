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

test('a long literal does not go through the grammar: tree, texts and places are those of the text as it is written', () => {
  const literal = "x'' é ".repeat(5_000)
  const sql = `select '${literal}' as é, nope; select 1, 'b${literal}', zap`
  const trees = parse(sql) as readonly {
    readonly node: { SelectStmt: { targetList: never[] } }
    text: string
    positionOf: Position
  }[]
  expect(trees.map(({ text }) => `${text};`).join(' ')).toBe(`${sql};`)
  const targets = trees.map(({ node }) => node.SelectStmt.targetList.map(({ ResTarget }) => ResTarget as Target))
  expect(targets[0]?.[0]?.val.A_Const?.sval.sval).toBe("x' é ".repeat(5_000))
  expect(trees[0]?.positionOf(targets[0]?.[1]?.location)).toBe(sql.indexOf('nope') + 1)
  expect(trees[1]?.positionOf(targets[1]?.[2]?.location)).toBe(sql.indexOf('zap') + 1)
  const broken = `select '${literal}' frm '${literal}'`
  expect(() => parse(broken)).toThrow(expect.objectContaining({ message: `syntax error at or near "'${literal}'"` }))
})

type Position = (location: number | undefined) => number | undefined

interface Target {
  readonly location: number
  readonly val: { readonly A_Const?: { readonly sval: { readonly sval: string } } }
}
