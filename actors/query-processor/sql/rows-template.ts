import { Lexer, TokenKind } from './lex.ts'
import { type LiteralClass, numberClass, refusingText, stringValue } from './template.ts'

/** What stands in one place of a row: a literal, or a word that stays in the template. */
type Place = LiteralClass | 'boolean' | 'null' | 'default'

/** One way in which a row's literals are of classes, written as a row of the template. */
interface Shape {
  readonly places: readonly Place[]
}

/**
 * `INSERT ... VALUES` with many rows of nothing but literals, as a statement with one row for each shape of rows: `values ($1, $2), ($3, null)`.
 * PostgreSQL binds each such row by itself, so one row of a shape means what all of them mean.
 */
export interface RowsTemplate {
  readonly text: string
  /** Of the parameters: `width` for each shape, also where the template needs none. */
  readonly classes: readonly (LiteralClass | 'boolean')[]
  readonly width: number
  readonly shapes: number
  readonly rows: number
  /** Which shape each row has. */
  readonly shapeOf: readonly number[]
  /** The literals' texts, row after row; undefined for NULL and DEFAULT. */
  readonly literals: readonly (string | undefined)[]
  /** What stands in front of the rows has its position in the text the client wrote. */
  readonly headLength: number
}

const shapesMax = 16
const parametersMax = 1_000
/** Rows between two looks whether the slice is used up. */
const rowsPerLook = 64

/** Words that begin something with rows of its own, or that the rest may not hold. */
const refusing = new Set(['select', 'values', 'with', 'table', 'default'])

const comma = 44
const opening = 40
const closing = 41
const semicolon = 59

/** Undefined: not such a statement. Yields from time to time: a long text is taken in slices. */
export function* rowsTemplateOf(sql: string): Generator<void, RowsTemplate | undefined> {
  const lexer = new Lexer()
  lexer.reset(sql)
  const headLength = headOf(lexer)
  if (headLength === undefined) return undefined
  const reader = new RowReader(sql, lexer)
  while (reader.row()) if (reader.rows % rowsPerLook === 0) yield
  if (!reader.isWhole || reader.rows < 2) return undefined
  const tailStart = lexer.start
  if (!isPlainTail(lexer)) return undefined
  const head = sql.slice(0, headLength)
  const tail = sql.slice(tailStart)
  if (refusingText.test(head) || refusingText.test(tail)) return undefined
  return { ...reader.template(head, tail), headLength }
}

/** Reads `insert into name (columns) values`; answers where it ends. */
function headOf(lexer: Lexer): number | undefined {
  lexer.next()
  if (!lexer.isWord('insert')) return undefined
  lexer.next()
  if (!lexer.isWord('into')) return undefined
  for (;;) {
    switch (lexer.next()) {
      case TokenKind.quotedIdentifier:
        break
      case TokenKind.word:
        if (lexer.isWord('values')) return lexer.end
        if (refusing.has(lexer.source().toLowerCase())) return undefined
        break
      case TokenKind.punctuation:
        if (!'.,()'.includes(lexer.source())) return undefined
        break
      default:
        return undefined
    }
  }
}

/** Nothing, a semicolon, or clauses without rows of their own. The lexer stands on the first token behind the rows. */
function isPlainTail(lexer: Lexer): boolean {
  for (;;) {
    switch (lexer.kind) {
      case TokenKind.end:
        return true
      case TokenKind.parameter:
      case TokenKind.invalid:
        return false
      case TokenKind.word:
        if (refusing.has(lexer.source().toLowerCase())) return false
        break
      case TokenKind.punctuation:
        if (lexer.text.charCodeAt(lexer.start) === semicolon) return lexer.next() === TokenKind.end
        break
      default:
        break
    }
    lexer.next()
  }
}

class RowReader {
  rows = 0
  /** The last row was followed by something else than a comma. */
  isWhole = false
  private readonly sql: string
  private readonly lexer: Lexer
  private readonly shapes: Shape[] = []
  private readonly shapeOf: number[] = []
  private readonly literals: (string | undefined)[] = []
  private places: Place[] = []
  private width = 0

  constructor(sql: string, lexer: Lexer) {
    this.sql = sql
    this.lexer = lexer
  }

  /** True when another row follows. */
  row(): boolean {
    const { lexer } = this
    if (!this.punctuation(lexer.next(), opening)) return false
    const places: Place[] = []
    for (;;) {
      const place = this.place()
      if (place === undefined) return false
      places.push(place)
      const kind = lexer.next()
      if (this.punctuation(kind, comma)) continue
      if (this.punctuation(kind, closing)) break
      return false
    }
    if (this.rows === 0) this.width = places.length
    if (places.length !== this.width) return false
    this.places = places
    const shape = this.shape()
    if (shape === undefined) return false
    this.shapeOf.push(shape)
    this.rows++
    if (this.punctuation(lexer.next(), comma)) return true
    this.isWhole = true
    return false
  }

  private punctuation(kind: TokenKind, code: number): boolean {
    return kind === TokenKind.punctuation && this.sql.charCodeAt(this.lexer.start) === code
  }

  private place(): Place | undefined {
    const { lexer, sql } = this
    let kind = lexer.next()
    let sign = ''
    if (kind === TokenKind.operator && lexer.source() === '-') {
      sign = '-'
      kind = lexer.next()
      if (kind !== TokenKind.integer && kind !== TokenKind.decimal) return undefined
    }
    switch (kind) {
      case TokenKind.integer:
      case TokenKind.decimal: {
        const source = sign + lexer.source()
        const found = numberClass(source, kind)
        this.literals.push(source)
        return found
      }
      case TokenKind.string:
        this.literals.push(stringValue(sql, lexer.start, lexer.end))
        return 'text'
      case TokenKind.word:
        return this.word(lexer.source().toLowerCase())
      default:
        return undefined
    }
  }

  private word(word: string): Place | undefined {
    if (word === 'true' || word === 'false') {
      this.literals.push(word)
      return 'boolean'
    }
    if (word !== 'null' && word !== 'default') return undefined
    this.literals.push(undefined)
    return word
  }

  /** A NULL is a value of any class: it makes a shape of its own only where no other fits. */
  private shape(): number | undefined {
    const { shapes, places } = this
    const last = this.shapeOf[this.rows - 1]
    if (last !== undefined && fits(places, shapes[last] as Shape)) return last
    const known = shapes.findIndex((shape) => fits(places, shape))
    if (known >= 0) return known
    if (shapes.length === shapesMax || (shapes.length + 1) * this.width > parametersMax) return undefined
    shapes.push({ places })
    return shapes.length - 1
  }

  template(head: string, tail: string): Omit<RowsTemplate, 'headLength'> {
    const { shapes, width } = this
    const texts = shapes.map(
      ({ places }, i) => `(${places.map((place, j) => (isWord(place) ? place : `$${i * width + j + 1}`)).join(', ')})`,
    )
    // Never one row alone: that is another statement to the binder, and to the planner.
    if (texts.length === 1) texts.push(texts[0] as string)
    return {
      text: `${head} ${texts.join(', ')} ${tail}`,
      classes: shapes.flatMap(({ places }) => places.map((place) => (isWord(place) ? 'int4' : place))),
      width,
      shapes: shapes.length,
      rows: this.rows,
      shapeOf: this.shapeOf,
      literals: this.literals,
    }
  }
}

const isWord = (place: Place): place is 'null' | 'default' => place === 'null' || place === 'default'

function fits(places: readonly Place[], shape: Shape): boolean {
  for (let i = 0; i < places.length; i++) {
    const place = places[i]
    const wanted = shape.places[i]
    if (place !== wanted && (place !== 'null' || wanted === 'default')) return false
  }
  return true
}
