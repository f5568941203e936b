import { unsupported } from '../../../protocol/errors.ts'
import { Lexer, TokenKind } from './lex.ts'

/** What Aurora DSQL's own syntax said, once it has been taken out of the text. */
export interface Dialect {
  /** The text for PostgreSQL's parser, of the same length: words of the dialect are blanks. */
  readonly text: string
  /** Where (index in the text) an ASYNC stood, ascending: the statement around it is asynchronous. */
  readonly asyncAt: readonly number[]
}

const mention = /\basync\b|\baws\b/i
const none: readonly number[] = []

/** CREATE [UNIQUE] INDEX ASYNC loses its ASYNC; found by tokens, so that strings, comments and names are left alone. */
export function takeDialect(text: string): Dialect {
  if (!mention.test(text)) return { text, asyncAt: none }
  const lexer = new Lexer()
  lexer.reset(text)
  const asyncAt: number[] = []
  let result = text
  while (lexer.next() !== TokenKind.end) {
    if (lexer.isWord('create')) {
      lexer.next()
      if (lexer.isWord('unique')) lexer.next()
      if (!lexer.isWord('index')) continue
      lexer.next()
      if (!lexer.isWord('async') || !startsIndex(text, lexer.end)) continue
      asyncAt.push(lexer.start)
      result = `${result.slice(0, lexer.start)}     ${result.slice(lexer.end)}`
    } else if (lexer.isWord('alter')) {
      lexer.next()
      if (!lexer.isWord('table')) continue
      lexer.next()
      if (lexer.isWord('async') && startsName(text, lexer.end)) throw unsupported('ALTER TABLE ASYNC')
    } else if (lexer.isWord('aws')) {
      const start = lexer.start
      lexer.next()
      if (lexer.isWord('iam') && isStatementStart(text, start)) throw unsupported('AWS IAM')
    }
    skipStatement(lexer)
  }
  return { text: result, asyncAt }
}

/** `create index async on t (a)` names an index "async" in plain PostgreSQL; in the dialect it is a nameless asynchronous index. */
function startsIndex(text: string, from: number): boolean {
  const lexer = new Lexer()
  lexer.reset(text)
  lexer.end = from
  const kind = lexer.next()
  return kind === TokenKind.word || kind === TokenKind.quotedIdentifier || kind === TokenKind.unicodeIdentifier
}

function startsName(text: string, from: number): boolean {
  const lexer = new Lexer()
  lexer.reset(text)
  lexer.end = from
  const kind = lexer.next()
  if (kind === TokenKind.quotedIdentifier || kind === TokenKind.unicodeIdentifier) return true
  return kind === TokenKind.word && !['add', 'drop', 'alter', 'rename', 'owner', 'set'].includes(lexer.source().toLowerCase())
}

function isStatementStart(text: string, at: number): boolean {
  const before = text.slice(0, at).trimEnd()
  return before === '' || before.endsWith(';')
}

function skipStatement(lexer: Lexer): void {
  while (lexer.kind !== TokenKind.end && !lexer.isPunctuation(';')) lexer.next()
}
