import { type Notice, notice } from '../../../protocol/errors.ts'
import { Lexer, TokenKind } from './lex.ts'

/** NAMEDATALEN - 1 */
const identifierBytesMax = 63

const lexer = new Lexer()

/** PostgreSQL's notices about names that the parser has cut, one for each place. */
export function truncations(sql: string): Notice[] {
  const notices: Notice[] = []
  if (sql.length * 3 <= identifierBytesMax) return notices
  lexer.reset(sql)
  for (let kind = lexer.next(); kind !== TokenKind.end; kind = lexer.next()) {
    if (kind !== TokenKind.word && kind !== TokenKind.quotedIdentifier) continue
    if ((lexer.end - lexer.start) * 3 <= identifierBytesMax) continue
    const source = lexer.source()
    const name = kind === TokenKind.word ? source.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()) : unquoted(source)
    const bytes = Buffer.from(name)
    if (bytes.length <= identifierBytesMax) continue
    notices.push(notice(`identifier "${name}" will be truncated to "${cut(bytes)}"`, {}, '42622'))
  }
  return notices
}

const unquoted = (source: string): string => source.slice(1, -1).replaceAll('""', '"')

/** Whole characters only. */
function cut(bytes: Buffer): string {
  let end = identifierBytesMax
  while (((bytes[end] as number) & 0xc0) === 0x80) end--
  return bytes.toString('utf8', 0, end)
}
