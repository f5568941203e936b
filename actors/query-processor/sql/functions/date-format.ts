import { SqlError } from '../../../../protocol/errors.ts'
import { isSpace } from '../../../../protocol/values/space.ts'

/** The template patterns of to_char, to_date and to_timestamp for dates (manual, table 9.27). */
export interface FormatKey {
  readonly name: string
  /** Upper case, without what only tells the letter case. */
  readonly kind: string
  readonly digits: boolean
  /** Which calendar it belongs to; the two are not mixed on input. */
  readonly calendar: 'gregorian' | 'iso' | undefined
}

export interface FormatNode {
  readonly type: 'key' | 'separator' | 'space' | 'character'
  readonly key: FormatKey | undefined
  readonly text: string
  readonly fillMode: boolean
  readonly translated: boolean
  readonly ordinal: 'TH' | 'th' | undefined
}

const gregorian = new Set('DDD DD D MM MONTH MON RM WW W Y,YYY YYYY YYY YY Y'.split(' '))
const iso = new Set('IDDD ID IW IYYY IYY IY I'.split(' '))
const words = new Set('A.D. AD A.M. AM B.C. BC P.M. PM DAY DY FX MONTH MON OF RM TZ TZH'.split(' '))

/** In the order of the search: of two that fit, the first one counts. */
const upper =
  'A.D. A.M. AD AM B.C. BC CC DAY DDD DD DY Day Dy D FF1 FF2 FF3 FF4 FF5 FF6 FX HH24 HH12 HH IDDD ID IW IYYY IYY IY I J ' +
  'MI MM MONTH MON MS Month Mon OF P.M. PM Q RM SSSSS SSSS SS TZH TZM TZ US WW W Y,YYY YYYY YYY YY Y'
const lower =
  'a.d. a.m. ad am b.c. bc cc day ddd dd dy d ff1 ff2 ff3 ff4 ff5 ff6 fx hh24 hh12 hh iddd id iw iyyy iyy iy i j ' +
  'mi mm month mon ms of p.m. pm q rm sssss ssss ss tzh tzm tz us ww w y,yyy yyyy yyy yy y'

const keysByLetter = new Map<string, FormatKey[]>()
for (const name of `${upper} ${lower}`.split(' ')) {
  const kind = name.toUpperCase()
  const calendar = gregorian.has(kind) ? 'gregorian' : iso.has(kind) ? 'iso' : undefined
  const key: FormatKey = { name, kind, digits: !words.has(kind), calendar }
  const letter = name[0] as string
  const list = keysByLetter.get(letter) ?? []
  list.push(key)
  keysByLetter.set(letter, list)
}

function keyAt(text: string, at: number): FormatKey | undefined {
  return keysByLetter.get(text[at] ?? '')?.find((key) => text.startsWith(key.name, at))
}

export function isSeparator(character: string | undefined): boolean {
  return character !== undefined && /^[!-/:-@[-`{-~]$/.test(character)
}

const cache = new Map<string, readonly FormatNode[]>()
const cacheMax = 256
/** A format is taken apart in one go, and what it says is kept. */
export const formatUnitsMax = 16_384

export function parseFormat(text: string): readonly FormatNode[] {
  const known = cache.get(text)
  if (known) return known
  const nodes = parse(text)
  if (cache.size >= cacheMax) cache.clear()
  cache.set(text, nodes)
  return nodes
}

function parse(text: string): FormatNode[] {
  if (text.length > formatUnitsMax) throw new SqlError('54000', 'requested length too large')
  const nodes: FormatNode[] = []
  const plain = (type: FormatNode['type'], character: string): void => {
    nodes.push({ type, key: undefined, text: character, fillMode: false, translated: false, ordinal: undefined })
  }
  let at = 0
  while (at < text.length) {
    let fillMode = false
    let translated = false
    const prefix = text.slice(at, at + 2)
    if (prefix === 'FM' || prefix === 'fm' || prefix === 'TM' || prefix === 'tm') {
      fillMode = prefix === 'FM' || prefix === 'fm'
      translated = !fillMode
      at += 2
    }
    const key = keyAt(text, at)
    if (key) {
      at += key.name.length
      const suffix = text.slice(at, at + 2)
      let ordinal: 'TH' | 'th' | undefined
      if (suffix === 'TH' || suffix === 'th' || suffix === 'SP') {
        at += 2
        if (suffix !== 'SP') ordinal = suffix
      }
      nodes.push({ type: 'key', key, text: '', fillMode, translated, ordinal })
    } else if (text[at] === '"') {
      at++
      while (at < text.length) {
        if (text[at] === '"') {
          at++
          break
        }
        if (text[at] === '\\' && at + 1 < text.length) at++
        const character = characterAt(text, at)
        plain('character', character)
        at += character.length
      }
    } else if (at < text.length) {
      if (text[at] === '\\' && text[at + 1] === '"') at++
      const character = characterAt(text, at)
      const type = isSeparator(character) ? 'separator' : isSpace(character.charCodeAt(0)) ? 'space' : 'character'
      plain(type, character)
      at += character.length
    }
  }
  return nodes
}

export const characterAt = (text: string, at: number): string => String.fromCodePoint(text.codePointAt(at) as number)
