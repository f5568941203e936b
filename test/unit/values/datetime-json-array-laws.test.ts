/** Order, key bytes, hash key, stored form, text and binary form of one type all say the same about its values. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteReader, ByteWriter } from '../../../protocol/bytes.ts'
import { timestampEnd, timestampMin } from '../../../protocol/values/calendar.ts'
import { Interval } from '../../../protocol/values/interval.ts'
import { Jsonb, type JsonNode, objectOf } from '../../../protocol/values/jsonb.ts'
import { Numeric } from '../../../protocol/values/numeric.ts'
import { typeByName } from '../../../protocol/values/registry.ts'
import { timetz } from '../../../protocol/values/time.ts'
import { outputDefaults, type SqlType } from '../../../protocol/values/type.ts'
import { SqlArray, type Value } from '../../../protocol/values/value.ts'

const settings = { ...outputDefaults, timeZone: 'America/New_York', now: 0n }

const int8 = { min: -(2n ** 63n), max: 2n ** 63n - 1n }
const timestamp = fc.oneof(
  fc.bigInt({ min: timestampMin, max: timestampEnd - 1n }),
  fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n }),
  fc.constantFrom(int8.min, int8.max),
)
const interval = fc.oneof(
  // PostgreSQL, too, does not read back what it shows for the smallest number of microseconds.
  fc.tuple(fc.integer(), fc.integer(), fc.bigInt({ ...int8, min: int8.min + 1n })),
  fc.tuple(
    fc.integer({ min: -2, max: 2 }),
    fc.integer({ min: -60, max: 60 }),
    fc.bigInt({ min: -3n, max: 3n }).map((n) => n * 86_400_000_000n),
  ),
)
const leaf = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.constantFrom('', 'a', 'b', 'aa', 'é', '😀', '"\\\n'),
  fc.tuple(fc.integer({ min: -20, max: 20 }), fc.integer({ min: 0, max: 2 })).map(([n, scale]) => new Numeric(BigInt(n), scale)),
)
const json: fc.Arbitrary<JsonNode> = fc.letrec<{ node: JsonNode }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    leaf,
    fc.array(tie('node'), { maxLength: 3 }),
    fc.array(fc.tuple(fc.constantFrom('a', 'b', 'aa', ''), tie('node')), { maxLength: 3 }).map(objectOf),
  ),
})).node
const arrayOf = (item: fc.Arbitrary<Value>): fc.Arbitrary<Value> =>
  fc
    .tuple(fc.array(fc.oneof(item, fc.constant(null)), { maxLength: 3 }), fc.constantFrom(1, 1, 0, -3))
    .map(([items, lowerBound]) => new SqlArray(items, items.length === 0 ? 1 : lowerBound))

const day = 86_400_000_000
const values: Record<string, fc.Arbitrary<Value>> = {
  date: fc.oneof(
    fc.integer({ min: -2_451_545, max: 2_145_031_948 }),
    fc.integer({ min: -9, max: 9 }),
    fc.constantFrom(Infinity, -Infinity),
  ),
  time: fc.integer({ min: 0, max: day }),
  timetz: fc
    .tuple(
      fc.oneof(fc.integer({ min: 0, max: day }), fc.constantFrom(0, 3_600_000_000)),
      fc.constantFrom(0, 3_600, -3_600, 57_599, -12_345),
    )
    .map(([micros, east]) => timetz(micros, east)),
  timestamp,
  timestamptz: timestamp,
  interval: interval.map(([months, days, micros]) => new Interval(months, days, micros)),
  jsonb: json.map((node) => new Jsonb(node)),
  _int4: arrayOf(fc.integer({ min: -2, max: 2 })),
  _text: arrayOf(fc.constantFrom('', 'a', 'ab', 'NULL', 'a,b', '"', '\\', ' x ', '{}')),
  _interval: arrayOf(fc.integer({ min: -40, max: 40 }).map((days) => new Interval(0, days, 0n))),
}

const typeOf = (name: string): SqlType => typeByName(name) as SqlType
const written = (write: (writer: ByteWriter) => void): Buffer => {
  const writer = new ByteWriter(8)
  write(writer)
  return writer.take()
}

test.each(Object.keys(values))('%s: order = key bytes = hash key', (name) => {
  const { compare, hashKey, encodeKey } = typeOf(name)
  fc.assert(
    fc.property(values[name] as fc.Arbitrary<Value>, values[name] as fc.Arbitrary<Value>, (a, b) => {
      const order = Math.sign(compare?.(a, b) ?? Number.NaN)
      expect(Math.sign(compare?.(b, a) ?? Number.NaN)).toBe(order === 0 ? 0 : -order)
      const [keyA, keyB] = [a, b].map((value) => written((writer) => encodeKey?.(value, writer))) as [Buffer, Buffer]
      expect(Buffer.compare(keyA, keyB)).toBe(order)
      // Self-delimiting: what follows never changes the order of different values.
      if (order !== 0)
        expect(Buffer.compare(Buffer.concat([keyA, Buffer.from([255])]), Buffer.concat([keyB, Buffer.from([0])]))).toBe(order)
      expect(hashKey?.(a) === hashKey?.(b)).toBe(order === 0)
    }),
    { numRuns: 300 },
  )
})

test.each(Object.keys(values))('%s: stored, sent and shown values come back', (name) => {
  const type = typeOf(name)
  fc.assert(
    fc.property(values[name] as fc.Arbitrary<Value>, (value) => {
      const stored = Buffer.concat([Buffer.from([9]), written((writer) => type.encode(value, writer)), Buffer.from([9])])
      expect(type.decode(stored, 1, stored.length - 1)).toEqual(value)
      expect(type.receive(new ByteReader(written((writer) => type.send(value, writer))), -1)).toEqual(value)
      const shown = type.output(value, settings)
      expect(type.output(type.input(shown, -1, settings), settings)).toBe(shown)
    }),
    { numRuns: 200 },
  )
})
