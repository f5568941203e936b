import { SqlError, unsupported } from '../../protocol/errors.ts'
import { truth } from './parameter.ts'

/** How the rows of a COPY look. */
export interface CopyOptions {
  readonly format: 'text' | 'csv' | 'binary'
  readonly delimiter: string
  readonly nullText: string
  readonly header: boolean | 'match'
  readonly quote: string
  readonly escape: string
  /** Column names; '*' = all. */
  readonly forceQuote: readonly string[] | '*'
  readonly forceNotNull: readonly string[]
  readonly forceNull: readonly string[]
}

interface Argument {
  readonly String?: { readonly sval?: string }
  readonly Boolean?: { readonly boolval?: boolean }
  readonly Integer?: { readonly ival?: number }
  readonly List?: { readonly items: readonly { readonly String?: { readonly sval?: string } }[] }
  readonly A_Star?: object
}

export interface CopyOption {
  readonly DefElem: { readonly defname: string; readonly arg?: Argument; readonly location?: number }
}

const invalid = (message: string): SqlError => new SqlError('22023', message)
const refused = (message: string): SqlError => new SqlError('0A000', message)

/** ProcessCopyOptions, with PostgreSQL's complaints. */
export function readCopyOptions(
  options: readonly CopyOption[],
  isFrom: boolean,
  positionOf: (location: number | undefined) => number | undefined,
): CopyOptions {
  const said = new Map<string, Argument | undefined>()
  for (const { DefElem: option } of options) {
    const position = positionOf(option.location ?? 0)
    const at = position === undefined ? {} : { position }
    if (!names.has(option.defname)) throw new SqlError('42601', `option "${option.defname}" not recognized`, at)
    if (said.has(option.defname)) throw new SqlError('42601', 'conflicting or redundant options', at)
    said.set(option.defname, option.arg)
  }
  const format = text(said, 'format') ?? 'text'
  if (format !== 'text' && format !== 'csv' && format !== 'binary')
    throw invalid(`COPY format "${format}" not recognized`).with(place(options, 'format', positionOf))
  const isCsv = format === 'csv'
  const header = readHeader(said, isFrom)
  if (format === 'binary') {
    if (said.has('delimiter')) throw new SqlError('42601', 'cannot specify DELIMITER in BINARY mode')
    if (said.has('null')) throw new SqlError('42601', 'cannot specify NULL in BINARY mode')
    if (header !== false) throw refused('cannot specify HEADER in BINARY mode')
  }
  if (said.has('default')) throw unsupported('COPY with DEFAULT')
  const delimiter = text(said, 'delimiter') ?? (isCsv ? ',' : '\t')
  const nullText = text(said, 'null') ?? (isCsv ? '' : '\\N')
  checkDelimiter(delimiter, nullText, isCsv)
  const quote = text(said, 'quote') ?? '"'
  const escaping = text(said, 'escape') ?? quote
  checkCsvOnly(said, isCsv, isFrom)
  if (said.has('quote') && Buffer.byteLength(quote) !== 1) throw refused('COPY quote must be a single one-byte character')
  if (isCsv && delimiter === quote) throw invalid('COPY delimiter and quote must be different')
  if (said.has('escape') && Buffer.byteLength(escaping) !== 1) throw refused('COPY escape must be a single one-byte character')
  if (nullText.includes(delimiter)) throw refused('COPY delimiter must not appear in the NULL specification')
  if (isCsv && nullText.includes(quote)) throw refused('CSV quote character must not appear in the NULL specification')
  const encoding = text(said, 'encoding')
  if (encoding !== undefined && !/^(utf-?8|unicode)$/i.test(encoding)) throw unsupported(`COPY with encoding ${encoding}`)
  return {
    format,
    delimiter,
    nullText,
    header,
    quote,
    escape: escaping,
    forceQuote: said.get('force_quote')?.A_Star !== undefined ? '*' : list(said, 'force_quote'),
    forceNotNull: list(said, 'force_not_null'),
    forceNull: list(said, 'force_null'),
  }
}

function place(
  options: readonly CopyOption[],
  name: string,
  positionOf: (location: number | undefined) => number | undefined,
): { position?: number } {
  const position = positionOf(options.find(({ DefElem }) => DefElem.defname === name)?.DefElem.location)
  return position === undefined ? {} : { position }
}

const names = new Set(
  `format freeze delimiter null default header quote escape force_quote force_not_null force_null encoding`.split(' '),
)

type Said = ReadonlyMap<string, Argument | undefined>

const text = (said: Said, name: string): string | undefined => {
  if (!said.has(name)) return undefined
  const arg = said.get(name)
  if (arg?.Integer !== undefined) return String(arg.Integer.ival ?? 0)
  if (arg?.String === undefined) throw new SqlError('42601', `${name} requires a parameter`)
  return arg.String.sval ?? ''
}

const list = (said: Said, name: string): readonly string[] => {
  if (!said.has(name)) return []
  const items = said.get(name)?.List?.items
  if (items === undefined) throw invalid(`argument to option "${name}" must be a list of column names`)
  return items.map((item) => item.String?.sval ?? '')
}

function readHeader(said: Said, isFrom: boolean): boolean | 'match' {
  if (!said.has('header')) return false
  const arg = said.get('header')
  if (arg === undefined) return true
  if (arg.Boolean !== undefined) return arg.Boolean.boolval === true
  if (arg.Integer !== undefined) {
    if (arg.Integer.ival === 1) return true
    if (arg.Integer.ival === undefined || arg.Integer.ival === 0) return false
  }
  const word = arg.String?.sval ?? ''
  if (word.toLowerCase() === 'match') {
    if (!isFrom) throw refused('cannot use "match" with HEADER in COPY TO')
    return 'match'
  }
  const value = truth(word)
  if (value === undefined) throw new SqlError('42601', 'header requires a Boolean value or "match"')
  return value
}

function checkDelimiter(delimiter: string, nullText: string, isCsv: boolean): void {
  if (Buffer.byteLength(delimiter) !== 1) throw refused('COPY delimiter must be a single one-byte character')
  if (delimiter === '\n' || delimiter === '\r') throw invalid('COPY delimiter cannot be newline or carriage return')
  if (/[\r\n]/.test(nullText)) throw invalid('COPY null representation cannot use newline or carriage return')
  if (!isCsv && '\\.abcdefghijklmnopqrstuvwxyz0123456789'.includes(delimiter))
    throw invalid(`COPY delimiter cannot be "${delimiter}"`)
}

function checkCsvOnly(said: Said, isCsv: boolean, isFrom: boolean): void {
  const words = [
    ['quote', 'COPY quote', undefined],
    ['escape', 'COPY escape', undefined],
    ['force_quote', 'COPY force quote', false],
    ['force_not_null', 'COPY force not null', true],
    ['force_null', 'COPY force null', true],
  ] as const
  for (const [name, what, direction] of words) {
    if (!said.has(name)) continue
    if (!isCsv) throw refused(`${what} available only in CSV mode`)
    if (direction !== undefined && direction !== isFrom)
      throw refused(`${what} only available using COPY ${direction ? 'FROM' : 'TO'}`)
  }
}
