import { SqlError } from '../errors.ts'
import { dayOfWeek, daysFromCivil, epochDays, isLeapYear } from './calendar.ts'
import { timeZoneData } from './timezone-data.generated.ts'

/** What clocks show in some stretch of time. */
export interface LocalTimeType {
  /** Seconds east of Greenwich. */
  readonly offset: number
  readonly daylight: boolean
  readonly abbreviation: string
}

interface Change {
  readonly at: number
  readonly before: LocalTimeType
  readonly after: LocalTimeType
}

interface RuleDate {
  readonly kind: 'julian' | 'day' | 'week'
  readonly month: number
  readonly week: number
  readonly day: number
  /** Seconds after local midnight; may be negative or beyond a day. */
  readonly time: number
}

interface Rule {
  readonly standard: LocalTimeType
  readonly daylight: LocalTimeType | undefined
  readonly start: RuleDate
  readonly end: RuleDate
}

const secondsPerDay = 86_400

/** A zone of the IANA database, or a POSIX rule. Times are seconds since the Unix epoch. Immutable but for its cache. */
export class TimeZone {
  readonly name: string
  private readonly times: readonly number[]
  private readonly types: readonly LocalTimeType[]
  private readonly first: LocalTimeType
  private readonly rule: Rule | undefined
  private readonly years = new Map<number, readonly Change[]>()

  constructor(
    name: string,
    times: readonly number[],
    types: readonly LocalTimeType[],
    first: LocalTimeType,
    rule: Rule | undefined,
  ) {
    this.name = name
    this.times = times
    this.types = types
    this.first = first
    this.rule = rule
  }

  at(unix: number): LocalTimeType {
    const { times } = this
    const last = times.length - 1
    if (last < 0 || unix < (times[0] as number)) return last < 0 && this.rule ? this.atRule(unix) : this.first
    if (unix >= (times[last] as number) && this.rule?.daylight) return this.atRule(unix)
    return this.types[this.indexAt(unix)] as LocalTimeType
  }

  offsetAt(unix: number): number {
    return this.at(unix).offset
  }

  /** For a time shown by local clocks, as if it were UTC. In a gap the time before it goes on, a doubled hour is the second one. */
  offsetOfLocal(local: number): number {
    const change = this.changeAfter(local - secondsPerDay)
    if (!change) return this.offsetAt(local - secondsPerDay)
    const before = local - change.before.offset
    const after = local - change.after.offset
    if (before < change.at && after < change.at) return change.before.offset
    if (before > change.at && after >= change.at) return change.after.offset
    return before > after ? change.before.offset : change.after.offset
  }

  /** The same offset at all times, or undefined. */
  get fixedOffset(): number | undefined {
    const { offset } = this.first
    if (this.rule?.daylight) return undefined
    if (this.rule && this.rule.standard.offset !== offset) return undefined
    return this.types.every((type) => type.offset === offset) ? offset : undefined
  }

  /** What the abbreviation meant here at that time: its last use before, else its first one after. */
  abbreviated(abbreviation: string, unix: number): LocalTimeType | undefined {
    const wanted = abbreviation.toUpperCase()
    const now = this.at(unix)
    if (now.abbreviation === wanted) return now
    const { standard, daylight } = this.rule ?? {}
    const last = this.times.at(-1)
    if (last !== undefined && unix >= last) {
      if (standard?.abbreviation === wanted) return standard
      if (daylight?.abbreviation === wanted) return daylight
    }
    const from = this.times.length === 0 || unix < (this.times[0] as number) ? -1 : this.indexAt(unix)
    for (let i = from; i >= 0; i--) if (this.types[i]?.abbreviation === wanted) return this.types[i]
    if (this.first.abbreviation === wanted) return this.first
    for (let i = from + 1; i < this.types.length; i++) if (this.types[i]?.abbreviation === wanted) return this.types[i]
    return undefined
  }

  /** The last change at or before `unix`, which is not before the first one. */
  private indexAt(unix: number): number {
    let low = 0
    let high = this.times.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.times[middle] as number) <= unix) low = middle
      else high = middle - 1
    }
    return low
  }

  private changeAfter(unix: number): Change | undefined {
    const { times, types } = this
    if (times.length > 0 && unix < (times[times.length - 1] as number)) {
      const next = unix < (times[0] as number) ? 0 : this.indexAt(unix) + 1
      return {
        at: times[next] as number,
        before: next === 0 ? this.first : (types[next - 1] as LocalTimeType),
        after: types[next] as LocalTimeType,
      }
    }
    if (!this.rule?.daylight) return undefined
    const year = yearOf(unix)
    for (let y = year - 1; y <= year + 1; y++) {
      for (const change of this.changesIn(y)) if (change.at > unix) return change
    }
    return undefined
  }

  private atRule(unix: number): LocalTimeType {
    const rule = this.rule as Rule
    if (!rule.daylight) return rule.standard
    const year = yearOf(unix)
    for (let y = year + 1; y >= year - 1; y--) {
      const changes = this.changesIn(y)
      for (let i = changes.length - 1; i >= 0; i--) {
        const change = changes[i] as Change
        if (change.at <= unix) return change.after
      }
    }
    return rule.standard
  }

  private changesIn(year: number): readonly Change[] {
    const known = this.years.get(year)
    if (known) return known
    const { standard, daylight, start, end } = this.rule as Rule
    assertDaylight(daylight)
    const yearStart = (daysFromCivil(year, 1, 1) + epochDays) * secondsPerDay
    const changes = [
      { at: yearStart + ruleSeconds(start, year) - standard.offset, before: standard, after: daylight },
      { at: yearStart + ruleSeconds(end, year) - daylight.offset, before: daylight, after: standard },
    ].sort((a, b) => a.at - b.at)
    if (this.years.size >= 1_024) this.years.clear()
    this.years.set(year, changes)
    return changes
  }
}

function assertDaylight(type: LocalTimeType | undefined): asserts type is LocalTimeType {
  if (type === undefined) throw new RangeError('a rule without daylight saving has no changes')
}

/** Close enough: callers look at the neighbouring years too. */
function yearOf(unix: number): number {
  return 1970 + Math.floor(unix / 31_556_952)
}

function ruleSeconds(date: RuleDate, year: number): number {
  if (date.kind === 'day') return date.day * secondsPerDay + date.time
  if (date.kind === 'julian') {
    const leap = isLeapYear(year) && date.day >= 60 ? 1 : 0
    return (date.day - 1 + leap) * secondsPerDay + date.time
  }
  const yearStart = daysFromCivil(year, 1, 1)
  const monthStart = daysFromCivil(year, date.month, 1)
  let day = monthStart + ((date.day - dayOfWeek(monthStart) + 7) % 7) + (date.week - 1) * 7
  const next = daysFromCivil(year, date.month + 1, 1)
  while (day >= next) day -= 7
  return (day - yearStart) * secondsPerDay + date.time
}

const canonicalNames = new Map<string, string>()
const sources = new Map<string, string>()
for (const line of timeZoneData.split('\n')) {
  const cut = line.indexOf('=')
  if (cut < 0) continue
  for (const name of line.slice(0, cut).split(',')) {
    canonicalNames.set(name.toUpperCase(), name)
    sources.set(name, line.slice(cut + 1))
  }
}

/** Every name of the database, for pg_timezone_names. */
export const timeZoneNames: readonly string[] = [...sources.keys()].sort()

const zones = new Map<string, TimeZone | null>()
const zonesMax = 2_048

/** By name without regard to case, or a POSIX specification (`EST5EDT`, `<+03>-03`). Undefined: there is none. */
export function findTimeZone(name: string): TimeZone | undefined {
  const known = zones.get(name)
  if (known !== undefined) return known ?? undefined
  const canonical = canonicalNames.get(name.toUpperCase())
  const zone = canonical === undefined ? fromPosix(name) : fromDatabase(canonical)
  if (zones.size >= zonesMax) zones.clear()
  zones.set(name, zone ?? null)
  return zone
}

export function timeZone(name: string): TimeZone {
  const zone = findTimeZone(name)
  if (!zone) throw new SqlError('22023', `time zone "${name}" not recognized`)
  return zone
}

function fromDatabase(name: string): TimeZone {
  const [typeTexts, changeTexts, ruleText] = (sources.get(name) as string).split('|') as [string, string, string]
  const all = typeTexts.split(',').map((text): LocalTimeType => {
    const [abbreviation, offset] = text.split(':') as [string, string]
    return { abbreviation, offset: Number.parseInt(offset, 10), daylight: offset.endsWith('d') }
  })
  const times: number[] = []
  const types: LocalTimeType[] = []
  let at = 0
  if (changeTexts !== '') {
    for (const text of changeTexts.split(' ')) {
      const [delta, index] = text.split('.') as [string, string]
      at += Number.parseInt(delta, 36)
      times.push(at)
      types.push(all[Number.parseInt(index, 36)] as LocalTimeType)
    }
  }
  const rule = ruleText === '' ? undefined : parseRule(ruleText)
  return new TimeZone(name, times, types, all[0] as LocalTimeType, rule)
}

function fromPosix(name: string): TimeZone | undefined {
  if (name.length > 255) return undefined
  const upper = name.toUpperCase()
  const rule = parseRule(upper)
  return rule && new TimeZone(upper, [], [], rule.standard, rule)
}

/** `EST5EDT,M3.2.0,M11.1.0`, as in POSIX's TZ variable; offsets count westwards there. */
function parseRule(text: string): Rule | undefined {
  const zoneName = '(?:<([^>]*)>|([^-+,<0-9]*))'
  const offset = '[-+]?\\d{1,3}(?::\\d{1,2}(?::\\d{1,2})?)?'
  const match = new RegExp(`^${zoneName}(${offset})(?:${zoneName}(${offset})?(?:[,;](.*))?)?$`).exec(text)
  if (!match) return undefined
  const [, quoted, plain, west, daylightQuoted, daylightPlain, daylightWest, dates] = match
  const standardOffset = parseOffset(west as string)
  if (standardOffset === undefined) return undefined
  const standard: LocalTimeType = { offset: -standardOffset, daylight: false, abbreviation: quoted ?? plain ?? '' }
  const daylightName = daylightQuoted ?? daylightPlain ?? ''
  const never: RuleDate = { kind: 'day', month: 0, week: 0, day: 0, time: 0 }
  if (daylightName === '') {
    if (daylightWest !== undefined || dates !== undefined) return undefined
    return { standard, daylight: undefined, start: never, end: never }
  }
  const daylightOffset = daylightWest === undefined ? standardOffset - 3_600 : parseOffset(daylightWest)
  if (daylightOffset === undefined) return undefined
  const parts = (dates ?? 'M3.2.0,M11.1.0').split(',')
  const start = parseRuleDate(parts[0])
  const end = parseRuleDate(parts[1])
  if (parts.length !== 2 || !start || !end) return undefined
  return { standard, daylight: { offset: -daylightOffset, daylight: true, abbreviation: daylightName }, start, end }
}

function parseOffset(text: string): number | undefined {
  const [, sign, hours, minutes = '0', seconds = '0'] = /^([-+]?)(\d+)(?::(\d+)(?::(\d+))?)?$/.exec(text) ?? []
  if (hours === undefined || Number(hours) > 167 || Number(minutes) > 59 || Number(seconds) > 60) return undefined
  const value = Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds)
  return sign === '-' ? -value : value
}

function parseRuleDate(text: string | undefined): RuleDate | undefined {
  const match = /^(?:M(\d+)\.(\d+)\.(\d+)|J(\d+)|(\d+))(?:\/(.+))?$/.exec(text ?? '')
  if (!match) return undefined
  const [, month, week, weekDay, julian, day, timeText] = match
  const time = timeText === undefined ? 7_200 : parseOffset(timeText)
  if (time === undefined) return undefined
  const within = (value: string, min: number, max: number): boolean => Number(value) >= min && Number(value) <= max
  if (julian !== undefined) {
    return within(julian, 1, 365) ? { kind: 'julian', month: 0, week: 0, day: Number(julian), time } : undefined
  }
  if (day !== undefined) return within(day, 0, 365) ? { kind: 'day', month: 0, week: 0, day: Number(day), time } : undefined
  if (month === undefined || week === undefined || weekDay === undefined) return undefined
  if (!within(month, 1, 12) || !within(week, 1, 5) || !within(weekDay, 0, 6)) return undefined
  return { kind: 'week', month: Number(month), week: Number(week), day: Number(weekDay), time }
}

/** The zone that SET TIME ZONE 3.5 makes: `<+03:30>-03:30`. */
export function fixedZoneName(secondsEast: number): string {
  const magnitude = Math.abs(secondsEast)
  const two = (value: number): string => String(value).padStart(2, '0')
  const minutes = Math.floor(magnitude / 60) % 60
  const seconds = magnitude % 60
  let text = two(Math.floor(magnitude / 3_600))
  if (minutes !== 0 || seconds !== 0) text += `:${two(minutes)}`
  if (seconds !== 0) text += `:${two(seconds)}`
  return secondsEast >= 0 ? `<+${text}>-${text}` : `<-${text}>+${text}`
}
