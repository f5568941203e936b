import { SqlError } from '../../protocol/errors.ts'
import type { OutputSettings } from '../../protocol/values/type.ts'

interface DateStyle {
  readonly style: OutputSettings['dateStyle']
  readonly order: OutputSettings['dateOrder']
}

/** `SET DateStyle`: words for style and order in any order, each at most once; what is not said stays. */
export function readDateStyle(text: string, current: DateStyle, fallback = 'ISO, MDY'): DateStyle {
  let style: DateStyle['style'] | undefined
  let order: DateStyle['order'] | undefined
  let impliedOrder: DateStyle['order'] | undefined
  let conflict = false
  for (const item of text.split(',')) {
    const word = item
      .trim()
      .replace(/^"(.*)"$/, '$1')
      .toUpperCase()
    let newStyle: DateStyle['style'] | undefined
    let newOrder: DateStyle['order'] | undefined
    if (word === 'ISO') newStyle = 'ISO'
    else if (word === 'SQL') newStyle = 'SQL'
    else if (word.startsWith('POSTGRES')) newStyle = 'Postgres'
    else if (word === 'GERMAN') {
      newStyle = 'German'
      impliedOrder = 'DMY'
    } else if (word === 'YMD') newOrder = 'YMD'
    else if (word === 'DMY' || word.startsWith('EURO')) newOrder = 'DMY'
    else if (word === 'MDY' || word === 'US' || word.startsWith('NONEURO')) newOrder = 'MDY'
    else if (word === 'DEFAULT') {
      const standard = readDateStyle(fallback, current)
      style ??= standard.style
      order ??= standard.order
      continue
    } else {
      throw new SqlError('22023', `invalid value for parameter "DateStyle": "${text}"`, {
        detail: `Unrecognized key word: "${item.trim().toLowerCase()}".`,
      })
    }
    if (newStyle !== undefined) {
      if (style !== undefined && style !== newStyle) conflict = true
      style = newStyle
    }
    if (newOrder !== undefined) {
      if (order !== undefined && order !== newOrder) conflict = true
      order = newOrder
    }
  }
  if (conflict) {
    throw new SqlError('22023', `invalid value for parameter "DateStyle": "${text}"`, {
      detail: 'Conflicting "datestyle" specifications.',
    })
  }
  return { style: style ?? current.style, order: order ?? impliedOrder ?? current.order }
}

const zones = new Map<string, string>()
for (const zone of Intl.supportedValuesOf('timeZone')) zones.set(zone.toLowerCase(), zone)

/**
 * The name of a time zone as SHOW will give it, or undefined: an IANA name in any case, a number of hours east (`2`, `-3.5`), or a
 * POSIX specification with a fixed offset (`UTC+3`, `<+03>-03`).
 */
export function readTimeZone(given: string): string | undefined {
  const text = given.trim()
  if (/^[+-]?\d+(\.\d+)?$/.test(text)) return fixedOffset(Math.round(Number(text) * 3_600))
  const known = zones.get(text.toLowerCase())
  if (known !== undefined) return known
  if (/^(utc|gmt|z|zulu|uct)$/i.test(text))
    return /^z$/i.test(text) ? undefined : text.toUpperCase() === 'ZULU' ? 'Zulu' : text.toUpperCase()
  if (/^(default|local|localtime)$/i.test(text)) return 'UTC'
  if (/^(<[+-]?\w+>|[A-Za-z]{3,})[+-]?\d{1,2}(:\d{2}(:\d{2})?)?$/.test(text)) return text
  if (!/^[A-Za-z][\w+-]*(\/[\w+-]+)*$/.test(text)) return undefined
  try {
    new Intl.DateTimeFormat('en', { timeZone: text })
  } catch {
    return undefined
  }
  // Links that the list of canonical names leaves out (US/Pacific, EST5EDT): capitals as the tz database writes them.
  if (!text.includes('/')) return /\d/.test(text) || text.length <= 3 ? text.toUpperCase() : capital(text)
  return text
    .split('/')
    .map((part) => (part.length <= 2 ? part.toUpperCase() : part.split('_').map(capital).join('_')))
    .join('/')
}

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1).toLowerCase()

/** Seconds east of Greenwich as the POSIX name PostgreSQL gives it, whose sign points west. */
export function fixedOffset(seconds: number): string {
  const absolute = Math.abs(seconds)
  const hours = String(Math.floor(absolute / 3_600)).padStart(2, '0')
  const minutes = Math.floor((absolute % 3_600) / 60)
  const rest = minutes === 0 ? '' : `:${String(minutes).padStart(2, '0')}`
  return seconds < 0 ? `<-${hours}${rest}>+${hours}${rest}` : `<+${hours}${rest}>-${hours}${rest}`
}
