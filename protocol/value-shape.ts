import { assert } from './assert.ts'
import { bytes, list, nested, type Shape, truth, union, utf8, whole } from './shape.ts'
import { Interval } from './values/interval.ts'
import { formatJsonb, Jsonb, parseJsonb } from './values/jsonb.ts'
import { Numeric } from './values/numeric.ts'
import { SqlArray, SqlRow, type Value } from './values/value.ts'

/** How values travel that no column type is known for: each says what it is. Stored rows have a form of their own (row.ts). */

const nothing: Shape<null> = { write() {}, read: () => null }
const double: Shape<number> = { write: (writer, value) => writer.f64(value), read: (reader) => reader.f64() }

/** Two's complement, as few bytes as it takes. */
const big: Shape<bigint> = {
  write(writer, value) {
    let hex = (value < 0n ? ~value : value).toString(16)
    if (hex.length % 2 === 1) hex = `0${hex}`
    writer.u8(value < 0n ? 1 : 0)
    writer.lengthBytes(Buffer.from(hex, 'hex'))
  },
  read(reader) {
    const isNegative = truth.read(reader)
    const magnitude = reader.lengthBytes()
    assert(magnitude.length > 0, 'a number has digits')
    const value = BigInt(`0x${magnitude.toString('hex')}`)
    return isNegative ? ~value : value
  },
}

const specials = ['', 'NaN', 'Infinity', '-Infinity'] as const
const scale = whole()

const numeric: Shape<Numeric> = {
  write(writer, value) {
    writer.u8(specials.indexOf(value.special))
    scale.write(writer, value.scale)
    big.write(writer, value.unscaled)
  },
  read(reader) {
    const special = specials[reader.u8()]
    assert(special !== undefined, 'a numeric is finite or one of its specials')
    const digits = scale.read(reader)
    return new Numeric(big.read(reader), digits, special)
  },
}

const interval: Shape<Interval> = {
  write(writer, { months, days, micros }) {
    writer.i32(months)
    writer.i32(days)
    writer.i64(micros)
  },
  read: (reader) => new Interval(reader.i32(), reader.i32(), reader.i64()),
}

const jsonb: Shape<Jsonb> = {
  write: (writer, value) => utf8.write(writer, formatJsonb(value.root)),
  read: (reader) => parseJsonb(utf8.read(reader)),
}

function kindOf(value: Value): number {
  switch (typeof value) {
    case 'boolean':
      return 1
    case 'number':
      return 2
    case 'bigint':
      return 3
    case 'string':
      return 4
  }
  if (value === null) return 0
  if (value instanceof Uint8Array) return 5
  if (value instanceof Numeric) return 6
  if (value instanceof Interval) return 7
  if (value instanceof Jsonb) return 8
  return value instanceof SqlArray ? 9 : 10
}

export const valueShape: Shape<Value> = nested((value) => {
  const values = list(value)
  const array: Shape<SqlArray> = {
    write(writer, { elements, lowerBound }) {
      writer.i32(lowerBound)
      values.write(writer, elements)
    },
    read(reader) {
      const lowerBound = reader.i32()
      return new SqlArray(values.read(reader), lowerBound)
    },
  }
  const row: Shape<SqlRow> = {
    write: (writer, { fields }) => values.write(writer, fields),
    read: (reader) => new SqlRow(values.read(reader)),
  }
  return union<Value>(kindOf, [nothing, truth, double, big, utf8, bytes, numeric, interval, jsonb, array, row] as Shape<never>[])
})
