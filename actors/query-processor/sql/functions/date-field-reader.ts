import { SqlError } from '../../../../protocol/errors.ts'
import { dayNames, monthNames } from '../../../../protocol/values/datetime-words.ts'
import { isSpace } from '../../../../protocol/values/space.ts'
import { characterAt, type FormatKey, type FormatNode, isSeparator } from './date-format.ts'
import { romanMonths } from './date-to-char.ts'

/** Numbers as they stood in the text; 0 where none did. */
interface Fields {
  hour: number
  pm: number
  minute: number
  second: number
  secondOfDay: number
  weekDay: number
  day: number
  yearDay: number
  month: number
  millis: number
  year: number
  bc: number
  week: number
  monthWeek: number
  century: number
  julian: number
  micros: number
  zoneHour: number
  zoneMinute: number
}

export const formatError = (message: string, fields: { detail?: string; hint?: string } = {}): SqlError =>
  new SqlError('22007', message, fields)

const fixedWidthHint = 'If your source string is not fixed-width, try using the "FM" modifier.'

/** Reads a text by a format, as PostgreSQL's DCH_from_char does: what each field says, not yet what day that is. */
export class FieldReader {
  readonly text: string
  readonly nodes: readonly FormatNode[]
  at = 0
  readonly fields: Fields = {
    hour: 0,
    pm: 0,
    minute: 0,
    second: 0,
    secondOfDay: 0,
    weekDay: 0,
    day: 0,
    yearDay: 0,
    month: 0,
    millis: 0,
    year: 0,
    bc: 0,
    week: 0,
    monthWeek: 0,
    century: 0,
    julian: 0,
    micros: 0,
    zoneHour: 0,
    zoneMinute: 0,
  }
  twelveHours = false
  calendar: FormatKey['calendar']
  yearDigits = 0
  zoneSign = 0
  precision: number | undefined

  constructor(text: string, nodes: readonly FormatNode[]) {
    this.text = text
    this.nodes = nodes
  }

  read(): void {
    const { text, nodes } = this
    let fixed = false
    // Characters skipped beyond what the format asked for.
    let extra = 0
    const skipSpace = (): void => {
      while (isSpace(text.charCodeAt(this.at))) {
        this.at++
        extra++
      }
    }
    for (const [i, node] of nodes.entries()) {
      if (this.at >= text.length) break
      if (!fixed && node.key?.kind !== 'FX' && (node.type === 'key' || i === 0)) skipSpace()
      if (node.type === 'space' || node.type === 'separator') {
        if (fixed) this.at += this.characterLength()
        else {
          extra--
          if (isSpace(text.charCodeAt(this.at)) || isSeparator(text[this.at])) {
            this.at++
            extra++
          }
        }
        continue
      }
      if (node.key === undefined) {
        if (!fixed && extra > 0) extra--
        else this.at += this.characterLength()
        continue
      }
      this.useCalendar(node.key)
      if (node.key.kind === 'FX') fixed = true
      else this.readKey(node, node.key, i, extra)
      if (!fixed) {
        extra = 0
        skipSpace()
      }
    }
  }

  private characterLength(): number {
    return this.at < this.text.length ? characterAt(this.text, this.at).length : 0
  }

  private useCalendar(key: FormatKey): void {
    if (key.calendar === undefined) return
    if (this.calendar !== undefined && this.calendar !== key.calendar) {
      throw formatError('invalid combination of date conventions', {
        hint: 'Do not mix Gregorian and ISO week date conventions in a formatting template.',
      })
    }
    this.calendar = key.calendar
  }

  private readKey(node: FormatNode, key: FormatKey, index: number, extra: number): void {
    const { fields } = this
    const number = (field: keyof Fields, width = key.name.length): number => {
      const length = this.integer(field, width, node, index)
      this.skipOrdinal(node)
      return length
    }
    switch (key.kind) {
      case 'A.M.':
      case 'P.M.':
        this.set('pm', this.word(['a.m.', 'p.m.'], key), key)
        this.twelveHours = true
        return
      case 'AM':
      case 'PM':
        this.set('pm', this.word(['am', 'pm'], key), key)
        this.twelveHours = true
        return
      case 'HH':
      case 'HH12':
        number('hour', 2)
        this.twelveHours = true
        return
      case 'HH24':
        number('hour', 2)
        return
      case 'MI':
        number('minute')
        return
      case 'SS':
        number('second')
        return
      case 'MS': {
        const length = this.integer('millis', 3, node, index)
        fields.millis *= length === 1 ? 100 : length === 2 ? 10 : 1
        this.skipOrdinal(node)
        return
      }
      case 'FF1':
      case 'FF2':
      case 'FF3':
      case 'FF4':
      case 'FF5':
      case 'FF6':
      case 'US': {
        const width = key.kind === 'US' ? 6 : Number(key.kind[2])
        if (key.kind !== 'US') this.precision = width
        const length = this.integer('micros', width, node, index)
        fields.micros *= length >= 1 && length <= 5 ? 10 ** (6 - length) : 1
        this.skipOrdinal(node)
        return
      }
      case 'SSSS':
      case 'SSSSS':
        number('secondOfDay')
        return
      case 'TZ':
      case 'OF':
        throw new SqlError('0A000', `formatting field "${key.name}" is only supported in to_char`)
      case 'TZH': {
        const sign = this.text[this.at]
        if (sign === '+' || sign === '-' || sign === ' ') {
          this.zoneSign = sign === '-' ? -1 : 1
          this.at++
        } else this.zoneSign = extra > 0 && this.text[this.at - 1] === '-' ? -1 : 1
        this.integer('zoneHour', 2, node, index)
        return
      }
      case 'TZM':
        this.zoneSign ||= 1
        this.integer('zoneMinute', 2, node, index)
        return
      case 'A.D.':
      case 'B.C.':
        this.set('bc', this.word(['a.d.', 'b.c.'], key), key)
        return
      case 'AD':
      case 'BC':
        this.set('bc', this.word(['ad', 'bc'], key), key)
        return
      case 'MONTH':
        this.set('month', this.word(monthNames, key) + 1, key)
        return
      case 'MON':
        this.set('month', this.word(shortMonths, key) + 1, key)
        return
      case 'RM':
        this.set('month', 12 - this.word(romanMonths, key), key)
        return
      case 'MM':
        number('month')
        return
      case 'DAY':
        this.set('weekDay', this.word(dayNames, key), key)
        fields.weekDay++
        return
      case 'DY':
        this.set('weekDay', this.word(shortDays, key), key)
        fields.weekDay++
        return
      case 'DDD':
        number('yearDay')
        return
      case 'IDDD':
        number('yearDay', 3)
        return
      case 'DD':
        number('day')
        return
      case 'D':
        number('weekDay')
        return
      case 'ID':
        this.integer('weekDay', 1, node, index)
        // From Sunday = 1 on, as the Gregorian field counts.
        if (++fields.weekDay > 7) fields.weekDay = 1
        this.skipOrdinal(node)
        return
      case 'WW':
      case 'IW':
        number('week')
        return
      case 'Q':
        // Read and forgotten: it does not say which day.
        this.integer(undefined, 1, node, index)
        this.skipOrdinal(node)
        return
      case 'CC':
        number('century')
        return
      case 'Y,YYY':
        this.yearWithComma(key)
        this.skipOrdinal(node)
        return
      case 'YYYY':
      case 'IYYY':
        number('year')
        this.yearDigits = 4
        return
      case 'YYY':
      case 'IYY':
      case 'YY':
      case 'IY':
      case 'Y':
      case 'I': {
        const length = this.integer('year', key.name.length, node, index)
        if (length < 4) fields.year = nearestTo2020(fields.year)
        this.yearDigits = key.name.length
        this.skipOrdinal(node)
        return
      }
      case 'W':
        number('monthWeek')
        return
      case 'J':
        number('julian')
        return
      default:
    }
  }

  private skipOrdinal(node: FormatNode): void {
    if (node.ordinal === undefined) return
    this.at += this.characterLength()
    this.at += this.characterLength()
  }

  private set(field: keyof Fields, value: number, key: FormatKey): void {
    if (this.fields[field] !== 0 && this.fields[field] !== value) {
      throw formatError(`conflicting values for "${key.name}" field in formatting string`, {
        detail: 'This value contradicts a previous setting for the same field type.',
      })
    }
    this.fields[field] = value
  }

  /** The index of the word that the text goes on with. */
  private word(words: readonly string[], key: FormatKey): number {
    const rest = this.text.slice(this.at, this.at + 12).toLowerCase()
    const found = words.findIndex((word) => rest.startsWith(word.toLowerCase()))
    if (found < 0) {
      const shown = /^[^ \t\n\r\f]*/.exec(this.text.slice(this.at))?.[0] ?? ''
      throw formatError(`invalid value "${shown}" for "${key.name}"`, {
        detail: 'The given value did not match any of the allowed values for this field.',
      })
    }
    this.at += (words[found] as string).length
    return found
  }

  /** How many characters were read, blanks in front included. */
  private integer(field: keyof Fields | undefined, width: number, node: FormatNode, index: number): number {
    const { text } = this
    const key = node.key as FormatKey
    const start = this.at
    while (isSpace(text.charCodeAt(this.at))) this.at++
    const copy = text.slice(this.at, this.at + width)
    let digits: string
    if (node.fillMode || this.nextIsNoDigit(index)) {
      digits = /^\s*[-+]?\d+/.exec(text.slice(start))?.[0] ?? ''
      this.at = start + digits.length
    } else {
      const left = text.length - this.at
      if (left < width) {
        throw formatError(`source string too short for "${key.name}" formatting field`, {
          detail: `Field requires ${width} characters, but only ${left} remain.`,
          hint: fixedWidthHint,
        })
      }
      digits = /^\s*[-+]?\d+/.exec(copy)?.[0] ?? ''
      if (digits.length > 0 && digits.length < width) {
        throw formatError(`invalid value "${copy}" for "${key.name}"`, {
          detail: `Field requires ${width} characters, but only ${digits.length} could be parsed.`,
          hint: fixedWidthHint,
        })
      }
      this.at += digits.length
    }
    if (this.at === start) throw formatError(`invalid value "${copy}" for "${key.name}"`, { detail: 'Value must be an integer.' })
    const value = Number(digits)
    if (value > 2_147_483_647 || value < -2_147_483_648) throw fieldOutOfRange(key)
    if (field !== undefined) this.set(field, value, key)
    return this.at - start
  }

  private nextIsNoDigit(index: number): boolean {
    if (this.nodes[index]?.ordinal !== undefined) return true
    const next = this.nodes[index + 1]
    if (next === undefined) return true
    return next.key ? !next.key.digits : !/^\d$/.test(next.text)
  }

  private yearWithComma(key: FormatKey): void {
    const match = /^\s*([-+]?\d+),\s*([-+]?\d{1,3})/.exec(this.text.slice(this.at))
    if (!match) throw formatError('invalid input string for "Y,YYY"')
    const year = Number(match[1]) * 1_000 + Number(match[2])
    if (year > 2_147_483_647 || year < -2_147_483_648)
      throw new SqlError('22008', `value for "${key.name}" in source string is out of range`)
    this.set('year', year, key)
    this.yearDigits = 4
    this.at += match[0].length
  }
}

const shortMonths = monthNames.map((name) => name.slice(0, 3))
const shortDays = dayNames.map((name) => name.slice(0, 3))

const fieldOutOfRange = (key: FormatKey): SqlError =>
  new SqlError('22008', `value for "${key.name}" in source string is out of range`, {
    detail: 'Value must be in the range -2147483648 to 2147483647.',
  })

/** One to three digits of a year: the year nearest to 2020. */
function nearestTo2020(year: number): number {
  if (year < 70) return year + 2000
  if (year < 100) return year + 1900
  if (year < 520) return year + 2000
  return year < 1000 ? year + 1000 : year
}
