import { SqlError } from '../errors.ts'
import {
  checkTimestamp,
  daysFromCivil,
  epochMicros,
  isFiniteTimestamp,
  isValidTimestamp,
  joinTimestamp,
  roundMicros,
  timestampInfinity,
  timestampMinusInfinity,
} from './calendar.ts'
import { type DecodedDateTime, decodeDateTime } from './datetime-input.ts'
import { outputTimestamp, outputTimestamptz } from './datetime-output.ts'
import { explainProblem } from './datetime-problem.ts'
import type { SqlType, Typmod } from './type.ts'

/** The precision in parentheses; more than 6 is taken as 6. */
export function precisionTypmod(name: string, suffix: string, modifiers: readonly number[]): Typmod {
  if (modifiers.length !== 1) throw new SqlError('22023', 'invalid type modifier')
  const precision = modifiers[0] as number
  if (precision < 0) throw new SqlError('22023', `${name}(${precision})${suffix} precision must not be negative`)
  return Math.min(precision, 6)
}

function fromDecoded(decoded: DecodedDateTime, text: string, zoned: boolean): bigint {
  switch (decoded.special) {
    case 'infinity':
      return timestampInfinity
    case '-infinity':
      return timestampMinusInfinity
    case 'epoch':
      return -epochMicros
    default: {
      const local = joinTimestamp(daysFromCivil(decoded.year, decoded.month, decoded.day), decoded.micros)
      const timestamp = zoned ? local - BigInt(decoded.offset) * 1_000_000n : local
      if (!isValidTimestamp(timestamp)) throw new SqlError('22008', `timestamp out of range: "${text}"`)
      return timestamp
    }
  }
}

/** Rounded to `typmod` digits of a second; what leaves the range by that is 22008. */
export function roundTimestamp(timestamp: bigint, typmod: Typmod): bigint {
  if (typmod < 0 || typmod >= 6 || !isFiniteTimestamp(timestamp)) return timestamp
  return roundMicros(timestamp, typmod)
}

function timestampOf(zoned: boolean, oid: number, arrayOid: number): SqlType<bigint> {
  const suffix = zoned ? ' with time zone' : ' without time zone'
  const inputName = zoned ? 'timestamp with time zone' : 'timestamp'
  return {
    oid,
    name: zoned ? 'timestamptz' : 'timestamp',
    displayName: `timestamp${suffix}`,
    category: 'D',
    preferred: zoned,
    length: 8,
    elementOid: 0,
    arrayOid,
    input(text, typmod, settings) {
      const decoded = explainProblem(text, inputName, () => decodeDateTime(text, settings))
      return roundTimestamp(fromDecoded(decoded, text, zoned), typmod)
    },
    output: zoned ? outputTimestamptz : outputTimestamp,
    receive(reader, typmod) {
      const timestamp = reader.i64()
      if (isFiniteTimestamp(timestamp)) checkTimestamp(timestamp)
      return roundTimestamp(timestamp, typmod)
    },
    send: (value, writer) => writer.i64(value),
    typmodIn: (modifiers) => precisionTypmod('TIMESTAMP', zoned ? ' WITH TIME ZONE' : '', modifiers),
    formatType: (typmod) => (typmod < 0 ? '' : `(${typmod})`),
    coerceTypmod: (value, typmod) => roundTimestamp(value, typmod),
    compare: (a, b) => (a < b ? -1 : a > b ? 1 : 0),
    hashKey: (value) => value,
    encodeKey: (value, writer) => writer.i64(BigInt.asIntN(64, value ^ timestampMinusInfinity)),
    encode: (value, writer) => writer.i64(value),
    decode: (buffer, start) => buffer.readBigInt64BE(start),
  }
}

export const timestampType = timestampOf(false, 1114, 1115)
export const timestamptzType = timestampOf(true, 1184, 1185)
