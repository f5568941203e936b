import { Lexer, TokenKind } from './lex.ts'
import { stringValue } from './template.ts'

/** Shorter literals go through the grammar as they stand; in characters. */
const literalLengthMin = 16_384

interface LongLiteral {
  /** Behind it, as index in the short text. */
  readonly end: number
  /** By how much the text behind it was further on. */
  readonly shift: number
  readonly value: string
}

/**
 * A statement whose long string literals are short ones: the grammar in WASM takes 20 ms for each megabyte of a literal, although it has
 * nothing to say about it. They come back into the tree when it is there.
 */
export interface ShortText {
  readonly text: string
  /** The index in the text as it was written, for one in `text`. */
  indexIn(index: number): number
  /** The tree with its literals in their places. */
  whole<T>(tree: T): T
}

/** Nobody writes this: a text that holds it stays as it is. */
const mark = '\u0001long literal '

/** Undefined: there is no long literal. */
export function withoutLongLiterals(sql: string): ShortText | undefined {
  if (sql.length < literalLengthMin || sql.includes(mark)) return undefined
  const found: LongLiteral[] = []
  const lexer = new Lexer()
  lexer.reset(sql)
  let text = ''
  let copied = 0
  for (let kind = lexer.next(); kind !== TokenKind.end; kind = lexer.next()) {
    if (kind === TokenKind.invalid) return undefined
    if (kind !== TokenKind.string || lexer.end - lexer.start < literalLengthMin) continue
    text += `${sql.slice(copied, lexer.start)}'${mark}${found.length}'`
    copied = lexer.end
    found.push({ end: text.length, shift: copied - text.length, value: stringValue(sql, lexer.start, copied) })
  }
  if (found.length === 0) return undefined
  return {
    text: text + sql.slice(copied),
    indexIn: (index) => index + (found.findLast(({ end }) => end <= index)?.shift ?? 0),
    whole: (tree) => restored(tree, found) as typeof tree,
  }
}

function restored(node: unknown, literals: readonly LongLiteral[]): unknown {
  if (typeof node === 'string') return node.startsWith(mark) ? literals[Number(node.slice(mark.length))]?.value : node
  if (typeof node !== 'object' || node === null) return node
  const object = node as Record<string, unknown>
  for (const key of Object.keys(object)) object[key] = restored(object[key], literals)
  return node
}
