import type { ByteReader, ByteWriter } from '../bytes.ts'
import { SqlError } from '../errors.ts'
import { dateMax, dateMin, daysFromCivil, epochDays } from './calendar.ts'
import { decodeDateTime } from './datetime-input.ts'
import { outputDate } from './datetime-output.ts'
import { explainProblem } from './datetime-problem.ts'
import type { InputSettings, SqlType } from './type.ts'

const infinityDays = 0x7fffffff
const minusInfinityDays = -0x80000000

function parseDate(text: string, settings: InputSettings): number {
  const decoded = explainProblem(text, 'date', () => decodeDateTime(text, settings))
  if (decoded.special === 'infinity') return Number.POSITIVE_INFINITY
  if (decoded.special === '-infinity') return Number.NEGATIVE_INFINITY
  if (decoded.special === 'epoch') return -epochDays
  const days = daysFromCivil(decoded.year, decoded.month, decoded.day)
  if (days < dateMin || days > dateMax) throw new SqlError('22008', `date out of range: "${text}"`)
  return days
}

const toInt4 = (days: number): number =>
  days === Number.POSITIVE_INFINITY ? infinityDays : days === Number.NEGATIVE_INFINITY ? minusInfinityDays : days

const fromInt4 = (days: number): number =>
  days === infinityDays ? Number.POSITIVE_INFINITY : days === minusInfinityDays ? Number.NEGATIVE_INFINITY : days

export const dateType: SqlType<number> = {
  oid: 1082,
  name: 'date',
  displayName: 'date',
  category: 'D',
  preferred: false,
  length: 4,
  elementOid: 0,
  arrayOid: 1182,
  input: (text, _typmod, settings) => parseDate(text, settings),
  output: outputDate,
  receive(reader: ByteReader) {
    const days = fromInt4(reader.i32())
    if (Number.isFinite(days) && (days < dateMin || days > dateMax)) throw new SqlError('22008', 'date out of range')
    return days
  },
  send: (value, writer) => writer.i32(toInt4(value)),
  compare: (a, b) => (a < b ? -1 : a > b ? 1 : 0),
  hashKey: (value) => value,
  encodeKey: (value, writer: ByteWriter) => writer.u32((toInt4(value) ^ 0x80000000) >>> 0),
  encode: (value, writer) => writer.i32(toInt4(value)),
  decode: (buffer, start) => fromInt4(buffer.readInt32BE(start)),
}
