import { SqlError } from '../../../../protocol/errors.ts'
import { checkTimestamp, isFiniteTimestamp } from '../../../../protocol/values/calendar.ts'
import { unixSeconds } from '../../../../protocol/values/datetime-output.ts'
import { zoneAbbreviation } from '../../../../protocol/values/datetime-words.ts'
import type { Interval } from '../../../../protocol/values/interval.ts'
import { timeZone } from '../../../../protocol/values/timezone.ts'

/** What AT TIME ZONE understands: a zone, an abbreviation, or an interval. Seconds east of Greenwich. */
export interface ZoneShift {
  offsetAt(unix: number): number
  offsetOfLocal(local: number): number
}

const fixedShift = (offset: number): ZoneShift => ({ offsetAt: () => offset, offsetOfLocal: () => offset })

/** Abbreviations win over zones of the same name, as in PostgreSQL. */
export function zoneShift(name: string): ZoneShift {
  const abbreviation = zoneAbbreviation(name.toLowerCase())
  if (abbreviation?.kind === 'zone') return fixedShift(abbreviation.offset)
  if (abbreviation?.kind === 'zoneOf') {
    const zone = timeZone(abbreviation.zone)
    const offsetAt = (unix: number): number => zone.abbreviated(abbreviation.abbreviation, unix)?.offset ?? zone.offsetAt(unix)
    return { offsetAt, offsetOfLocal: (local) => offsetAt(local - zone.offsetOfLocal(local)) }
  }
  return timeZone(name)
}

/** The same where a calendar is meant (date_add, date_trunc): an abbreviation with a history stands for its whole zone. */
export function calendarZone(name: string): ZoneShift {
  const abbreviation = zoneAbbreviation(name.toLowerCase())
  return abbreviation?.kind === 'zoneOf' ? timeZone(abbreviation.zone) : zoneShift(name)
}

export function intervalShift(interval: Interval, shown: string): ZoneShift {
  if (interval.months !== 0 || interval.days !== 0) {
    throw new SqlError('22023', `interval time zone "${shown}" must not include months or days`)
  }
  return fixedShift(Number(interval.micros / 1_000_000n))
}

const million = 1_000_000n

/** What the clocks of a zone show at a moment. At the ends of the range that may be a time that no timestamp holds. */
export function toLocal(timestamp: bigint, zone: ZoneShift): bigint {
  if (!isFiniteTimestamp(timestamp)) return timestamp
  return timestamp + BigInt(zone.offsetAt(unixSeconds(timestamp))) * million
}

/** The moment at which the clocks of a zone show `local`. */
export function fromLocal(local: bigint, zone: ZoneShift): bigint {
  if (!isFiniteTimestamp(local)) return local
  return checkTimestamp(local - BigInt(zone.offsetOfLocal(unixSeconds(local))) * million)
}
