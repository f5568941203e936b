import { SqlError } from '../errors.ts'
import { roundMicros } from './calendar.ts'
import {
  parseInterval,
  rangeDay,
  rangeFull,
  rangeHour,
  rangeMinute,
  rangeMonth,
  rangeSecond,
  rangeYear,
} from './interval-input.ts'
import { outputInterval } from './interval-output.ts'
import type { SqlType, Typmod } from './type.ts'

/** Months, days and microseconds, kept apart as PostgreSQL keeps them. Immutable. */
export class Interval {
  readonly months: number
  readonly days: number
  readonly micros: bigint

  constructor(months: number, days: number, micros: bigint) {
    this.months = months
    this.days = days
    this.micros = micros
  }
}

/** For comparisons a month has 30 days and a day 24 hours. */
export function intervalSpan(value: Interval): bigint {
  return BigInt(value.months * 30 + value.days) * 86_400_000_000n + value.micros
}

const fullPrecision = 0xffff

const fieldNames = new Map([
  [rangeFull, ''],
  [rangeYear, ' year'],
  [rangeMonth, ' month'],
  [rangeDay, ' day'],
  [rangeHour, ' hour'],
  [rangeMinute, ' minute'],
  [rangeSecond, ' second'],
  [rangeYear | rangeMonth, ' year to month'],
  [rangeDay | rangeHour, ' day to hour'],
  [rangeDay | rangeHour | rangeMinute, ' day to minute'],
  [rangeDay | rangeHour | rangeMinute | rangeSecond, ' day to second'],
  [rangeHour | rangeMinute, ' hour to minute'],
  [rangeHour | rangeMinute | rangeSecond, ' hour to second'],
  [rangeMinute | rangeSecond, ' minute to second'],
])

const rangeOf = (typmod: Typmod): number => (typmod < 0 ? rangeFull : (typmod >> 16) & 0x7fff)
const precisionOf = (typmod: Typmod): number => (typmod < 0 ? fullPrecision : typmod & 0xffff)

/** Fields below the last one of the range are dropped, seconds are rounded. */
function restrict(value: Interval, typmod: Typmod): Interval {
  if (typmod < 0) return value
  const range = rangeOf(typmod)
  const precision = precisionOf(typmod)
  let { months, days, micros } = value
  if (range !== rangeFull && !(range & rangeSecond)) {
    if (range & rangeMinute) micros = (micros / 60_000_000n) * 60_000_000n
    else if (range & rangeHour) micros = (micros / 3_600_000_000n) * 3_600_000_000n
    else {
      micros = 0n
      if (!(range & rangeDay)) {
        days = 0
        if (!(range & rangeMonth)) months = Math.trunc(months / 12) * 12
      }
    }
  }
  if (precision < 6) {
    micros = roundMicros(micros, precision)
    if (BigInt.asIntN(64, micros) !== micros) throw new SqlError('22008', 'interval out of range')
  }
  return new Interval(months, days, micros)
}

function intervalTypmod(modifiers: readonly number[]): Typmod {
  const [range, precision] = modifiers
  if (range === undefined || modifiers.length > 2 || !fieldNames.has(range)) {
    throw new SqlError('22023', 'invalid INTERVAL type modifier')
  }
  if (precision === undefined) return range === rangeFull ? -1 : (range << 16) | fullPrecision
  if (precision < 0) throw new SqlError('22023', `INTERVAL(${precision}) precision must not be negative`)
  return (range << 16) | Math.min(precision, 6)
}

export const intervalType: SqlType<Interval> = {
  oid: 1186,
  name: 'interval',
  displayName: 'interval',
  category: 'T',
  preferred: true,
  length: 16,
  elementOid: 0,
  arrayOid: 1187,
  input(text, typmod, settings) {
    const { months, days, micros } = parseInterval(text, rangeOf(typmod), settings)
    return restrict(new Interval(months, days, micros), typmod)
  },
  output: (value, settings) => outputInterval(value.months, value.days, value.micros, settings.intervalStyle),
  receive(reader, typmod) {
    const micros = reader.i64()
    const days = reader.i32()
    return restrict(new Interval(reader.i32(), days, micros), typmod)
  },
  send(value, writer) {
    writer.i64(value.micros)
    writer.i32(value.days)
    writer.i32(value.months)
  },
  typmodIn: intervalTypmod,
  formatType(typmod) {
    const precision = precisionOf(typmod)
    return `${fieldNames.get(rangeOf(typmod)) ?? ''}${precision === fullPrecision ? '' : `(${precision})`}`
  },
  coerceTypmod: (value, typmod) => restrict(value, typmod),
  compare(a, b) {
    const left = intervalSpan(a)
    const right = intervalSpan(b)
    return left < right ? -1 : left > right ? 1 : 0
  },
  hashKey: intervalSpan,
  encodeKey(value, writer) {
    // The span needs 74 bits: shifted to be positive, in ten bytes.
    const span = intervalSpan(value) + (1n << 79n)
    writer.i16(Number(BigInt.asIntN(16, span >> 64n)))
    writer.i64(BigInt.asIntN(64, span))
  },
  encode(value, writer) {
    writer.i64(value.micros)
    writer.i32(value.days)
    writer.i32(value.months)
  },
  decode: (buffer, start) =>
    new Interval(buffer.readInt32BE(start + 12), buffer.readInt32BE(start + 8), buffer.readBigInt64BE(start)),
}
