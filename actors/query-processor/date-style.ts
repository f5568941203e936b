import { SqlError } from '../../protocol/errors.ts'
import { findTimeZone, fixedZoneName } from '../../protocol/values/timezone.ts'
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

/**
 * The name of a time zone as SHOW will give it, or undefined: a name of the tz database in any case, a number of hours east (`2`, `-3.5`),
 * or a POSIX specification.
 */
export function readTimeZone(given: string): string | undefined {
  const text = given.trim()
  if (/^[+-]?\d+(\.\d+)?$/.test(text)) return fixedZoneName(Math.round(Number(text) * 3_600))
  if (/^(default|local|localtime)$/i.test(text)) return 'UTC'
  return findTimeZone(text)?.name
}
