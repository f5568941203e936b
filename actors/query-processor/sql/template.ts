import { Lexer, TokenKind } from './lex.ts'

/** What a literal was, which decides the type its parameter has: an integer's size, an exact number, or text of a type to be inferred. */
export type LiteralClass = 'int4' | 'int8' | 'numeric' | 'text'

interface TemplateLiteral {
  readonly class: LiteralClass
  /** The value's text: digits, or the string's characters. */
  readonly text: string
  /** Where it stands: index in the original text, and in the template's. */
  readonly at: number
  readonly length: number
  readonly templateAt: number
  readonly templateLength: number
}

/** A statement with its literals taken out: `select * from t where id = $1`. */
export interface Template {
  readonly text: string
  readonly literals: readonly TemplateLiteral[]
}

const textLengthMax = 4_096
const literalsMax = 64

/** Statements that hold rows or a condition; everything else is parsed as it stands. */
const verbs = new Set(['select', 'insert', 'update', 'delete'])

/**
 * Words after which literals mean more than their value (a position in ORDER BY), or whose clauses compare expressions with each other:
 * such a statement is left alone.
 */
const refusing = new Set([
  'group',
  'distinct',
  'having',
  'over',
  'window',
  'union',
  'intersect',
  'except',
  'with',
  'into',
  'filter',
  'within',
])

/** A string behind one of these is a value; behind any other word it may be `date '...'`, an alias, a type. */
const beforeString = new Set([
  'select',
  'where',
  'and',
  'or',
  'not',
  'in',
  'like',
  'ilike',
  'between',
  'then',
  'else',
  'when',
  'case',
  'values',
  'returning',
  'on',
  'any',
  'all',
  'by',
])

/** `varchar(10)`: the number belongs to the type. */
const typesWithModifier = new Set([
  'varchar',
  'char',
  'character',
  'varying',
  'nchar',
  'bpchar',
  'numeric',
  'decimal',
  'dec',
  'float',
  'bit',
  'varbit',
  'timestamp',
  'timestamptz',
  'time',
  'timetz',
  'interval',
])

/** Texts that are looked up in the catalog, and literals whose meaning is the moment: their plans are not shared. */
export const refusingText =
  /\breg(class|type|proc|procedure|oper|operator|role|namespace|config|collation)\b|\b(nextval|currval|setval|pg_\w+|has_\w+|to_reg\w+|information_schema|current_setting|set_config|extract|xml\w*|json_\w+)\b|\b(now|today|tomorrow|yesterday|allballs)\b(?!\s*\()/i

const lexer = new Lexer()

/** Undefined: the statement is to be parsed as it stands. */
export function templateOf(sql: string): Template | undefined {
  if (sql.length > textLengthMax) return undefined
  lexer.reset(sql)
  lexer.next()
  if (lexer.kind !== TokenKind.word) return undefined
  const verb = lexer.source().toLowerCase()
  if (!verbs.has(verb)) return undefined
  const literals: TemplateLiteral[] = []
  let text = ''
  let copied = 0
  let ordering = false
  let typeDepth = 0
  let depth = 0
  let previous = 'select'
  let previousKind: number = TokenKind.word
  for (let kind = lexer.next(); kind !== TokenKind.end; kind = lexer.next()) {
    let word = ''
    let literalClass: LiteralClass | undefined
    switch (kind) {
      case TokenKind.word:
        word = lexer.source().toLowerCase()
        if (refusing.has(word) && !(word === 'into' && verb === 'insert')) return undefined
        if (word === 'order') ordering = true
        else if (word === 'limit' || word === 'offset' || word === 'fetch' || word === 'for') ordering = false
        break
      case TokenKind.integer:
      case TokenKind.decimal:
        if (!ordering && typeDepth === 0) {
          literalClass = numberClass(lexer.source(), kind)
          if (literalClass === undefined) return undefined
          if (
            previousKind === TokenKind.operator &&
            previous.endsWith('-') &&
            literalClass !== 'int4' &&
            isEdge(lexer.source())
          ) {
            return undefined
          }
        }
        break
      case TokenKind.string:
        if (!ordering && isValuePlace(previous, previousKind)) literalClass = 'text'
        break
      case TokenKind.punctuation: {
        const c = sql.charCodeAt(lexer.start)
        if (c === 59 && rest(sql, lexer.end)) return undefined
        if (c === 40) {
          depth++
          if (typeDepth === 0 && previousKind === TokenKind.word && typesWithModifier.has(previous)) typeDepth = depth
        } else if (c === 41) {
          if (typeDepth === depth) typeDepth = 0
          depth--
          if (ordering && depth < 0) return undefined
        }
        word = sql.slice(lexer.start, lexer.end)
        break
      }
      case TokenKind.operator:
        word = lexer.source()
        break
      case TokenKind.parameter:
      case TokenKind.invalid:
        return undefined
      default:
        break
    }
    if (literalClass !== undefined) {
      if (literals.length === literalsMax) return undefined
      const { start, end } = lexer
      text += sql.slice(copied, start)
      const name = ` $${literals.length + 1} `
      literals.push({
        class: literalClass,
        text: literalClass === 'text' ? stringValue(sql, start, end) : sql.slice(start, end).replaceAll('_', ''),
        at: start,
        length: end - start,
        templateAt: text.length + 1,
        templateLength: name.length - 2,
      })
      text += name
      copied = end
    }
    previous = word
    previousKind = kind
  }
  if (literals.length === 0 || refusingText.test(sql)) return undefined
  // ORDER BY in a subquery: positions there are positions too, and the flag above has covered them; a comment may not swallow a parameter.
  return { text: text + sql.slice(copied), literals }
}

/** Something stands behind the semicolon: several statements. */
function rest(sql: string, from: number): boolean {
  const after = new Lexer()
  after.reset(sql)
  after.end = from
  return after.next() !== TokenKind.end
}

/** Undefined: digits of another base, or grouped ones. A sign is part of the number. */
export function numberClass(source: string, kind: number): LiteralClass | undefined {
  if (kind === TokenKind.decimal) return 'numeric'
  if (!/^-?\d+$/.test(source)) return undefined
  if (source.length < 10) return 'int4'
  const value = BigInt(source)
  if (value === BigInt.asIntN(32, value)) return 'int4'
  return value === BigInt.asIntN(64, value) ? 'int8' : 'numeric'
}

/** -2147483648 is one literal to PostgreSQL and has another class than its digits. */
const isEdge = (source: string): boolean => source === '2147483648' || source === '9223372036854775808'

function isValuePlace(previous: string, kind: number): boolean {
  if (kind === TokenKind.word) return beforeString.has(previous)
  return (
    kind === TokenKind.operator || (kind === TokenKind.punctuation && (previous === '(' || previous === ',' || previous === '['))
  )
}

/** Between the quotes, doubled ones single; parts of a continued string joined. */
export function stringValue(sql: string, start: number, end: number): string {
  const inner = sql.slice(start + 1, end - 1)
  if (!inner.includes("'")) return inner
  return inner.replace(/''|'[\s\S]*?'/g, (quote) => (quote === "''" ? "'" : ''))
}

/** A position (from 1) in the template as one in the text it was made from. */
export function positionIn({ literals }: Template, position: number): number {
  let shift = 0
  for (const literal of literals) {
    if (position - 1 < literal.templateAt) break
    if (position - 1 < literal.templateAt + literal.templateLength) return literal.at + 1
    shift = literal.at + literal.length - (literal.templateAt + literal.templateLength + 1)
  }
  return position + shift
}
