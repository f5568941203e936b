import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type Notice, SqlError } from '../../../protocol/errors.ts'
import { takeDialect } from './dialect.ts'
import { Lexer, nestsTooDeep, TokenKind } from './lex.ts'
import { type ShortText, withoutLongLiterals } from './long-literals.ts'
import { truncations } from './truncation.ts'

/**
 * The only door to libpg-query: PostgreSQL 16's own grammar in WASM. Every surprise it holds (byte offsets, no SQLSTATEs, a stack that one
 * client could break for all) stays on this side of the door.
 */
export interface ParsedStatement {
  /** libpg-query's node: `{ SelectStmt: { ... } }`. Locations in it are byte offsets: `positionOf` translates. */
  readonly node: unknown
  /** This statement's text, without the semicolon and what surrounds it. */
  readonly text: string
  /** The dialect's CREATE INDEX ASYNC. */
  readonly isAsync: boolean
  /** What the parser has to say about the text, told with its first statement: names that were cut. */
  readonly notices?: readonly Notice[]
  /** The character position (from 1) in the whole text for a `location` in the tree; undefined where the tree has none (-1). */
  positionOf(byteLocation: number | undefined): number | undefined
}

interface Wasm {
  _malloc(bytes: number): number
  _free(pointer: number): void
  _wasm_parse_query_raw(text: number): number
  _wasm_free_parse_result(result: number): void
  getValue(pointer: number, type: 'i32'): number
  UTF8ToString(pointer: number): string
  /** The memory of now: it may grow. */
  readonly HEAPU8: Uint8Array
}
interface Options {
  instantiateWasm(imports: object, receive: (instance: object) => void): unknown
}
type Factory = (options: Options) => unknown

/** The part of WebAssembly's JavaScript interface that we use; its types come with a browser's library only. */
const { WebAssembly } = globalThis as unknown as {
  readonly WebAssembly: {
    readonly Module: new (bytes: Uint8Array) => object
    readonly Instance: new (module: object, imports: object) => { readonly exports: object }
    readonly RuntimeError: new () => Error
  }
}

// The package's own wrapper holds one instance for good; we must be able to replace it. The .wasm file is part of the program, so it is
// read here and not through the world.
const require = createRequire(import.meta.url)
const factory = require('libpg-query/wasm/libpg-query.js') as Factory
const compiled = new WebAssembly.Module(readFileSync(require.resolve('libpg-query/wasm/libpg-query.wasm')))
let wasm = freshInstance()

/** Synchronous: emscripten fills the options object in before its promise settles. */
function freshInstance(): Wasm {
  const options: Options = {
    instantiateWasm(imports, receive) {
      const instance = new WebAssembly.Instance(compiled, imports)
      receive(instance)
      return instance.exports
    },
  }
  factory(options)
  return options as unknown as Wasm
}

interface RawStatement {
  readonly stmt: unknown
  readonly stmt_location?: number
  readonly stmt_len?: number
}

/**
 * All statements of a text, none for an empty one. Throws SqlError with PostgreSQL's message and position, 54001 for what nests too deep.
 */
export function parse(sql: string): ParsedStatement[] {
  if (sql.includes('\0')) throw new SqlError('22021', 'invalid byte sequence for encoding "UTF8": 0x00')
  if (isEmpty(sql)) return []
  const short = withoutLongLiterals(sql)
  if (short === undefined) return parseWhole(sql)
  try {
    return parseWhole(short.text, { sql, short })
  } catch (error) {
    // What is wrong is told in the text's own words and places.
    if (error instanceof SqlError) return parseWhole(sql)
    throw error
  }
}

function parseWhole(sql: string, written?: { readonly sql: string; readonly short: ShortText }): ParsedStatement[] {
  if (nestsTooDeep(sql)) throw stackDepthExceeded()
  const { text, asyncAt } = takeDialect(sql)
  const bytes = Buffer.byteLength(text)
  const toIndex = bytes === text.length ? undefined : byteIndex(text)
  const positionOf = (location: number | undefined): number | undefined => {
    if (location === undefined || location < 0) return undefined
    if (written !== undefined) return codePointsBefore(written.sql, written.short.indexIn(toIndex?.(location) ?? location)) + 1
    return toIndex === undefined ? location + 1 : codePointsBefore(text, toIndex(location)) + 1
  }
  const textBetween = (from: number, to: number): string =>
    written === undefined ? sql.slice(from, to) : written.sql.slice(written.short.indexIn(from), written.short.indexIn(to))
  const notices = truncations(sql)
  return parseRaw(text, bytes).map((raw, i) => {
    const from = raw.stmt_location ?? 0
    const to = raw.stmt_len === undefined || raw.stmt_len === 0 ? bytes : from + raw.stmt_len
    const start = toIndex === undefined ? from : toIndex(from)
    const end = toIndex === undefined ? to : toIndex(to)
    return {
      node: written === undefined ? raw.stmt : written.short.whole(raw.stmt),
      text: textBetween(start, end).trim(),
      isAsync: asyncAt.some((at) => at >= start && at < end),
      positionOf,
      ...(i === 0 && notices.length > 0 && { notices }),
    }
  })
}

const first = new Lexer()
/** Nothing but white space and comments, which the library itself refuses. */
function isEmpty(sql: string): boolean {
  first.reset(sql)
  return first.next() === TokenKind.end
}

function parseRaw(text: string, bytes: number): readonly RawStatement[] {
  try {
    return call(text, bytes)
  } catch (error) {
    if (error instanceof SqlError) throw error
    if (!(error instanceof RangeError || error instanceof WebAssembly.RuntimeError)) throw error
    // Its stack pointer and memory contexts are where the overflow left them: this instance would fail for everybody from now on.
    wasm = freshInstance()
    throw stackDepthExceeded()
  }
}

function call(text: string, bytes: number): readonly RawStatement[] {
  const pointer = wasm._malloc(bytes + 1)
  if (pointer === 0) throw new RangeError('the parser is out of memory')
  let result = 0
  const memory = memoryOf(wasm)
  memory.utf8Write(text, pointer, bytes)
  memory[pointer + bytes] = 0
  result = wasm._wasm_parse_query_raw(pointer)
  if (result === 0) throw new RangeError('the parser is out of memory')
  const errorPointer = wasm.getValue(result + 8, 'i32')
  const error = errorPointer === 0 ? undefined : readError(errorPointer)
  const tree = error === undefined ? textAt(wasm.getValue(result, 'i32')) : ''
  wasm._free(pointer)
  wasm._wasm_free_parse_result(result)
  if (error !== undefined) throw error
  return (JSON.parse(tree) as { readonly stmts?: readonly RawStatement[] }).stmts ?? []
}

const memoryOf = ({ HEAPU8 }: Wasm): Buffer => Buffer.from(HEAPU8.buffer, HEAPU8.byteOffset, HEAPU8.length)

/** The library's own way goes through a text byte by byte. */
function textAt(pointer: number): string {
  const memory = memoryOf(wasm)
  return memory.utf8Slice(pointer, memory.indexOf(0, pointer))
}

/** struct { char *message, *funcname, *filename; int lineno, cursorpos; char *context; }: cursorpos counts characters from 1, 0 is unknown. */
function readError(pointer: number): SqlError | RangeError {
  const message = wasm.UTF8ToString(wasm.getValue(pointer, 'i32'))
  const position = wasm.getValue(pointer + 16, 'i32')
  if (message.startsWith('stack depth limit exceeded')) return stackDepthExceeded()
  if (message.startsWith('out of memory')) return new RangeError(message)
  const code = codes.find(([pattern]) => pattern.test(message))?.[1] ?? '42601'
  const hint = hints.find(([pattern]) => pattern.test(message))?.[1]
  return new SqlError(code, message, { ...(position > 0 && { position }), ...(hint !== undefined && { hint }) })
}

/** The parser's errors that are no plain syntax errors (gram.y, scan.l of PostgreSQL 16). */
const codes: readonly (readonly [RegExp, string])[] = [
  [/^invalid Unicode escape$/, '22025'],
  [/^unsafe use of \\' in a string literal/, '22P06'],
  [/^unsafe use of string constant with Unicode escapes/, '0A000'],
  [/^invalid byte sequence for encoding/, '22021'],
  [/constraints cannot be marked/, '0A000'],
  [/(is|are) not (yet )?(implemented)|not yet implemented$|no longer supported/, '0A000'],
  [/^(WITH CHECK OPTION not supported|current database cannot be changed|aggregates cannot have output arguments)/, '0A000'],
  [/^precision for type float must be/, '22023'],
  [/^unrecognized (partitioning strategy|JSON encoding)/, '22023'],
  [/^frame (start|end|starting|ending)|^(EXCLUDE|RANGE|GROUPS) .*frame/, '42P20'],
  [/^role name ".*" is reserved$|cannot be used as a role name here$/, '42939'],
  [/^(modulus|remainder) for hash partition provided more than once/, '42710'],
]

/** The library drops hints. */
const hints: readonly (readonly [RegExp, string])[] = [
  [/^LIMIT #,# syntax/, 'Use separate LIMIT and OFFSET clauses.'],
  [/^unsafe use of \\' in a string literal/, "Use '' to write quotes in strings. \\' is insecure in client-only encodings."],
]

export function stackDepthExceeded(): SqlError {
  return new SqlError('54001', 'stack depth limit exceeded', {
    hint: 'Increase the configuration parameter "max_stack_depth" (currently 2048kB), after ensuring the platform\'s stack depth limit is adequate.',
  })
}

/** UTF-8 byte offset to index in the string: one walk builds the table, and only texts beyond ASCII need it. */
function byteIndex(text: string): (byte: number) => number {
  let lastByte = 0
  let lastIndex = 0
  return (byte) => {
    if (byte < lastByte) {
      lastByte = 0
      lastIndex = 0
    }
    while (lastByte < byte && lastIndex < text.length) {
      const c = text.codePointAt(lastIndex) as number
      lastByte += c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4
      lastIndex += c < 0x10000 ? 1 : 2
    }
    return lastIndex
  }
}

/** PostgreSQL counts characters, a JavaScript string counts UTF-16 units. */
function codePointsBefore(text: string, index: number): number {
  let count = index
  for (let i = 0; i < index; i++) {
    const c = text.charCodeAt(i)
    if (c >= 0xd800 && c <= 0xdbff) count--
  }
  return count
}
