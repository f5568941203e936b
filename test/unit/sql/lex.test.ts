import { expect, test } from 'vitest'
import { Lexer, nestsTooDeep, TokenKind } from '../../../actors/query-processor/sql/lex.ts'

const names = new Map<number, string>(Object.entries(TokenKind).map(([name, kind]) => [kind, name]))

function tokens(text: string): string {
  const lexer = new Lexer()
  lexer.reset(text)
  const found: string[] = []
  while (lexer.next() !== TokenKind.end) found.push(`${names.get(lexer.kind)} ${lexer.source()}`)
  return found.join(' · ')
}

test.each([
  ['select Foo_1$x é', 'word select · word Foo_1$x · word é'],
  ['"a""b" U&"\\0041"', 'quotedIdentifier "a""b" · unicodeIdentifier U&"\\0041"'],
  ["'it''s'", "string 'it''s'"],
  ["'a'\n  'b' 'c'", "string 'a'\n  'b' · string 'c'"],
  ["'a' -- x\n 'b'", "string 'a' · string 'b'"],
  ["'a'\n -- x\n 'b'", "string 'a'\n -- x\n 'b'"],
  ["E'\\'' e'a'", "escapeString E'\\'' · escapeString e'a'"],
  ["B'01' x'ff' N'n' U&'d'", "prefixedString B'01' · prefixedString x'ff' · prefixedString N'n' · unicodeString U&'d'"],
  ["$$a'b$$ $x$ $$ $x$", "dollarString $$a'b$$ · dollarString $x$ $$ $x$"],
  [
    '1 1_000 0xFF 1.5 .5 1. 1e3 1.5e-3',
    'integer 1 · integer 1_000 · integer 0xFF · decimal 1.5 · decimal .5 · decimal 1. · decimal 1e3 · decimal 1.5e-3',
  ],
  ['1..2', 'integer 1 · punctuation .. · integer 2'],
  ['a[1:2]', 'word a · punctuation [ · integer 1 · punctuation : · integer 2 · punctuation ]'],
  ['1a', 'invalid 1 · word a'],
  ['$1 $12', 'parameter $1 · parameter $12'],
  [
    'a::int x:=1 f(a=>1)',
    'word a · punctuation :: · word int · word x · punctuation := · integer 1 · word f · punctuation ( · word a · punctuation => · integer 1 · punctuation )',
  ],
  ['1=-1', 'integer 1 · operator = · operator - · integer 1'],
  ['@-1 <->', 'operator @- · integer 1 · operator <->'],
  ['2*-3+-4', 'integer 2 · operator * · operator - · integer 3 · operator + · operator - · integer 4'],
  ['a->>b', 'word a · operator ->> · word b'],
  ['1 -- x\n/* a /* b */ c */ 2', 'integer 1 · integer 2'],
  ['+/* x */-', 'operator + · operator -'],
  ["'open", "invalid 'open"],
  ['"open', 'invalid "open'],
  ['$a$open', 'invalid $a$open'],
])('%s', (text, expected) => {
  expect(tokens(text)).toBe(expected)
})

test('depth counts brackets and chains, not lists', () => {
  const deep: readonly (readonly [string, boolean])[] = [
    [`select ${'('.repeat(5_000)}1${')'.repeat(5_000)}`, true],
    [`select ${Array(5_000).fill('1').join('+')}`, true],
    [`select ${'not '.repeat(5_000)}true`, true],
    [`select ${Array(5_000).fill('select 1').join(' union ')}`, true],
    [`select ${'case when true then '.repeat(5_000)}1${' end'.repeat(5_000)}`, true],
    [`select ${Array(5_000).fill('1').join(', ')}`, false],
    [`insert into t values ${Array(5_000).fill('(1 + 2, 3)').join(', ')}`, false],
    [`select 1 where ${Array(5_000).fill('a = 1').join(' or ')}`, false],
    [Array(5_000).fill('select 1 + 1').join(';'), false],
  ]
  for (const [text, expected] of deep) expect(nestsTooDeep(text)).toBe(expected)
})
