import { SqlError } from '../../../../protocol/errors.ts'
import { formatUnitsMax } from './date-format.ts'

/** A format picture of to_char and to_number for numbers, taken apart (formatting.c: NUM_keywords, parse_format, NUMDesc_prepare). */
export type Token =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'key'; readonly key: Key; readonly lower: boolean }

export type Key =
  | ','
  | '.'
  | '0'
  | '9'
  | 'B'
  | 'C'
  | 'D'
  | 'EEEE'
  | 'FM'
  | 'G'
  | 'L'
  | 'MI'
  | 'PL'
  | 'PR'
  | 'RN'
  | 'SG'
  | 'SP'
  | 'S'
  | 'TH'
  | 'V'

/** What the tokens say together. `pre` and `post` count digits before and behind the point, `multi` those behind V. */
export interface Picture {
  readonly tokens: readonly Token[]
  pre: number
  post: number
  multi: number
  /** Where the sign of S stands: before the digits or behind them. */
  sign: '' | 'pre' | 'post'
  /** Digits before an S that precedes the point. */
  signAfter: number
  /** From 1: the digit at which zeros start (0: none), and the last one that a 0 stands for. */
  zeroStart: number
  zeroEnd: number
  decimal: boolean
  zero: boolean
  fill: boolean
  signed: boolean
  bracket: boolean
  minus: boolean
  plus: boolean
  roman: boolean
  multiplied: boolean
  scientific: boolean
  blank: boolean
}

const keyAt = /^(?:EEEE|FM|MI|PL|PR|RN|SG|SP|TH|eeee|fm|mi|pl|pr|rn|sg|sp|th|[,.09BCDGLSVbcdglsv])/

function tokensOf(format: string): Token[] {
  const tokens: Token[] = []
  const literal = (at: number): number => {
    const character = String.fromCodePoint(format.codePointAt(at) as number)
    tokens.push({ kind: 'literal', text: character })
    return at + character.length
  }
  let at = 0
  while (at < format.length) {
    const match = keyAt.exec(format.slice(at, at + 4))
    if (match) {
      const upper = match[0].toUpperCase()
      tokens.push({ kind: 'key', key: upper as Key, lower: match[0] !== upper })
      at += match[0].length
    } else if (format[at] === '"') {
      at++
      while (at < format.length && format[at] !== '"') {
        if (format[at] === '\\' && at + 1 < format.length) at++
        at = literal(at)
      }
      at++
    } else {
      if (format[at] === '\\' && format[at + 1] === '"') at++
      at = literal(at)
    }
  }
  return tokens
}

const wrong = (message: string, detail?: string): SqlError =>
  new SqlError('42601', message, detail === undefined ? {} : { detail })

export function parsePicture(format: string): Picture {
  if (format.length > formatUnitsMax) throw new SqlError('54000', 'requested length too large')
  const picture: Picture = {
    tokens: tokensOf(format),
    pre: 0,
    post: 0,
    multi: 0,
    sign: '',
    signAfter: 0,
    zeroStart: 0,
    zeroEnd: 0,
    decimal: false,
    zero: false,
    fill: false,
    signed: false,
    bracket: false,
    minus: false,
    plus: false,
    roman: false,
    multiplied: false,
    scientific: false,
    blank: false,
  }
  for (const token of picture.tokens) {
    if (token.kind === 'literal') continue
    if (picture.scientific && token.key !== 'EEEE') throw wrong('"EEEE" must be the last pattern used')
    take(picture, token.key)
  }
  return picture
}

function take(picture: Picture, key: Key): void {
  switch (key) {
    case '9':
      if (picture.bracket) throw wrong('"9" must be ahead of "PR"')
      if (picture.multiplied) picture.multi++
      else if (picture.decimal) picture.post++
      else picture.pre++
      return
    case '0':
      if (picture.bracket) throw wrong('"0" must be ahead of "PR"')
      if (!picture.zero && !picture.decimal) {
        picture.zero = true
        picture.zeroStart = picture.pre + 1
      }
      if (picture.decimal) picture.post++
      else picture.pre++
      picture.zeroEnd = picture.pre + picture.post
      return
    case 'B':
      if (picture.pre === 0 && picture.post === 0 && !picture.zero) picture.blank = true
      return
    case 'D':
    case '.':
      if (picture.decimal) throw wrong('multiple decimal points')
      if (picture.multiplied) throw wrong('cannot use "V" and decimal point together')
      picture.decimal = true
      return
    case 'FM':
      picture.fill = true
      return
    case 'V':
      if (picture.decimal) throw wrong('cannot use "V" and decimal point together')
      picture.multiplied = true
      return
    case 'RN':
      picture.roman = true
      return
    case 'EEEE':
      takeScientific(picture)
      return
    default:
      takeSign(picture, key)
  }
}

function takeScientific(picture: Picture): void {
  if (picture.scientific) throw wrong('cannot use "EEEE" twice')
  const { blank, fill, signed, bracket, minus, plus, roman, multiplied } = picture
  if (blank || fill || signed || bracket || minus || plus || roman || multiplied) {
    throw wrong(
      '"EEEE" is incompatible with other formats',
      '"EEEE" may only be used together with digit and decimal point patterns.',
    )
  }
  picture.scientific = true
}

function takeSign(picture: Picture, key: Key): void {
  switch (key) {
    case 'S':
      if (picture.signed) throw wrong('cannot use "S" twice')
      if (picture.plus || picture.minus || picture.bracket) {
        throw wrong('cannot use "S" and "PL"/"MI"/"SG"/"PR" together')
      }
      picture.sign = picture.decimal ? 'post' : 'pre'
      if (!picture.decimal) picture.signAfter = picture.pre
      picture.signed = true
      return
    case 'MI':
    case 'PL':
    case 'SG':
      if (picture.signed) throw wrong(`cannot use "S" and "${key}" together`)
      if (key !== 'PL') picture.minus = true
      if (key !== 'MI') picture.plus = true
      return
    case 'PR':
      if (picture.signed || picture.plus || picture.minus) {
        throw wrong('cannot use "PR" and "S"/"PL"/"MI"/"SG" together')
      }
      picture.bracket = true
  }
}
