import { Lexer, TokenKind } from './lex.ts'

const textLengthMax = 2_048

const literals: ReadonlySet<TokenKind> = new Set([
  TokenKind.string,
  TokenKind.escapeString,
  TokenKind.unicodeString,
  TokenKind.prefixedString,
  TokenKind.dollarString,
  TokenKind.integer,
  TokenKind.decimal,
])

/** A statement for other people's eyes: every literal is a question mark, comments are left out, and what cannot be read ends it. */
export function withoutLiterals(sql: string): string {
  const lexer = new Lexer()
  lexer.reset(sql)
  let text = ''
  let end = 0
  for (let kind = lexer.next(); kind !== TokenKind.end && text.length < textLengthMax; kind = lexer.next()) {
    if (lexer.start > end && text !== '') text += ' '
    if (kind === TokenKind.invalid) return `${text}...`
    text += literals.has(kind) ? '?' : lexer.source()
    end = lexer.end
  }
  return text
}
