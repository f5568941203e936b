import { SqlError } from '../errors.ts'
import { microsPerDay } from './calendar.ts'
import { decodeTimeOfDay } from './datetime-input.ts'
import { outputDisplacement, outputTime } from './datetime-output.ts'
import { explainProblem } from './datetime-problem.ts'
import { precisionTypmod } from './timestamp.ts'
import type { SqlType, Typmod } from './type.ts'

export function roundTime(micros: number, typmod: Typmod): number {
  if (typmod < 0 || typmod >= 6) return micros
  const scale = 10 ** (6 - typmod)
  return Math.floor((micros + scale / 2) / scale) * scale
}

const outOfRange = (): SqlError => new SqlError('22008', 'time out of range')

export const timeType: SqlType<number> = {
  oid: 1083,
  name: 'time',
  displayName: 'time without time zone',
  category: 'D',
  preferred: false,
  length: 8,
  elementOid: 0,
  arrayOid: 1183,
  input: (text, typmod, settings) =>
    roundTime(explainProblem(text, 'time', () => decodeTimeOfDay(text, settings)).micros, typmod),
  output: (value) => outputTime(value),
  receive(reader, typmod) {
    const micros = Number(reader.i64())
    if (micros < 0 || micros > microsPerDay) throw outOfRange()
    return roundTime(micros, typmod)
  },
  send: (value, writer) => writer.i64(BigInt(value)),
  typmodIn: (modifiers) => precisionTypmod('TIME', '', modifiers),
  formatType: (typmod) => (typmod < 0 ? '' : `(${typmod})`),
  coerceTypmod: (value, typmod) => roundTime(value, typmod),
  compare: (a, b) => a - b,
  hashKey: (value) => value,
  encodeKey: (value, writer) => writer.i64(BigInt(value)),
  encode: (value, writer) => writer.varint(value),
  decode(buffer, start, end) {
    let value = 0
    let scale = 1
    for (let at = start; at < end; at++) {
      value += ((buffer[at] as number) & 0x7f) * scale
      scale *= 0x80
    }
    return value
  },
}

/** A time with its zone, in one bigint: the microseconds, then 18 bits for the seconds east of Greenwich + 2^17. */
export function timetz(micros: number, secondsEast: number): bigint {
  return (BigInt(micros) << 18n) | BigInt(secondsEast + 131_072)
}

export const timetzMicros = (value: bigint): number => Number(value >> 18n)
export const timetzEast = (value: bigint): number => Number(value & 262_143n) - 131_072

/** Ordered by the moment; equal moments by zone, the eastern one first. */
function timetzOrder(value: bigint): bigint {
  const east = timetzEast(value)
  const moment = BigInt(timetzMicros(value)) - BigInt(east) * 1_000_000n
  return ((moment + 0x4000000000n) << 18n) | BigInt(131_072 - east)
}

export const timetzType: SqlType<bigint> = {
  oid: 1266,
  name: 'timetz',
  displayName: 'time with time zone',
  category: 'D',
  preferred: false,
  length: 12,
  elementOid: 0,
  arrayOid: 1270,
  input(text, typmod, settings) {
    const decoded = explainProblem(text, 'time with time zone', () => decodeTimeOfDay(text, settings))
    return timetz(roundTime(decoded.micros, typmod), decoded.offset)
  },
  output: (value) => `${outputTime(timetzMicros(value))}${outputDisplacement(timetzEast(value))}`,
  receive(reader, typmod) {
    const micros = Number(reader.i64())
    const west = reader.i32()
    if (micros < 0 || micros > microsPerDay) throw outOfRange()
    if (west <= -57_600 || west >= 57_600) throw new SqlError('22009', 'time zone displacement out of range')
    return timetz(roundTime(micros, typmod), -west)
  },
  send(value, writer) {
    writer.i64(BigInt(timetzMicros(value)))
    writer.i32(-timetzEast(value))
  },
  typmodIn: (modifiers) => precisionTypmod('TIME', ' WITH TIME ZONE', modifiers),
  formatType: (typmod) => (typmod < 0 ? '' : `(${typmod})`),
  coerceTypmod: (value, typmod) => timetz(roundTime(timetzMicros(value), typmod), timetzEast(value)),
  compare(a, b) {
    const left = timetzOrder(a)
    const right = timetzOrder(b)
    return left < right ? -1 : left > right ? 1 : 0
  },
  hashKey: (value) => value,
  encodeKey: (value, writer) => writer.i64(timetzOrder(value)),
  encode: (value, writer) => writer.i64(value),
  decode: (buffer, start) => buffer.readBigInt64BE(start),
}
