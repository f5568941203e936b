/** What every orderable type promises: order, key bytes, hash key and every encoding say the same thing about two values. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteReader, ByteWriter } from '../../../protocol/bytes.ts'
import { Numeric } from '../../../protocol/values/numeric.ts'
import { typeByName } from '../../../protocol/values/registry.ts'
import { noTypmod, outputDefaults, type SqlType } from '../../../protocol/values/type.ts'
import type { Value } from '../../../protocol/values/value.ts'

const settings = { ...outputDefaults, now: 0n }

const numeric = fc.oneof(
  fc
    .tuple(fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }), fc.integer({ min: 0, max: 30 }))
    .map(([n, s]) => new Numeric(n, s)),
  fc.tuple(fc.bigInt({ min: -200n, max: 200n }), fc.integer({ min: 0, max: 3 })).map(([n, s]) => new Numeric(n, s)),
  fc
    .constantFrom('0', '0.00', '1e200', '-1e200', '1e-200', 'NaN', 'Infinity', '-Infinity')
    .map((text) => typeOf('numeric').input(text, noTypmod, settings) as Numeric),
)
const text = fc.string({
  unit: fc.constantFrom('a', 'b', ' ', '\u0001', 'é', '\ud7ff', '\ue000', '\uffff', '😀', '𐀀'),
  maxLength: 6,
})
/** With its sign bit set: what `-x` makes of NaN. */
const minusNaN = new DataView(new BigUint64Array([0xffffffffffffffffn]).buffer).getFloat64(0)
const float = fc.oneof(fc.double(), fc.constantFrom(0, -0, Number.NaN, minusNaN, Infinity, -Infinity, 5e-324, -5e-324, 1, -1))

const values: Record<string, fc.Arbitrary<Value>> = {
  bool: fc.boolean(),
  int2: fc.oneof(fc.integer({ min: -0x8000, max: 0x7fff }), fc.integer({ min: -3, max: 3 })),
  int4: fc.oneof(fc.integer(), fc.integer({ min: -300, max: 300 })),
  int8: fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.bigInt({ min: -300n, max: 300n })),
  float4: float.map(Math.fround),
  float8: float,
  numeric,
  text,
  varchar: text,
  name: text,
  bpchar: text,
  char: fc.integer({ min: 0, max: 255 }).map((byte) => (byte === 0 ? '' : String.fromCharCode(byte))),
  bytea: fc.uint8Array({ maxLength: 5 }).chain((bytes) => fc.constantFrom(bytes, Uint8Array.from([...bytes, 0]))),
  uuid: fc.uuid(),
  oid: fc.integer({ min: 0, max: 0xffffffff }),
  xid8: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  tid: fc.tuple(fc.integer({ min: 0, max: 0xffffffff }), fc.integer({ min: 0, max: 0xffff })).map(([b, o]) => `(${b},${o})`),
}

function typeOf(name: string): SqlType {
  return typeByName(name) as SqlType
}

function keyOf(type: SqlType, ...items: Value[]): Buffer {
  const writer = new ByteWriter()
  for (const item of items) type.encodeKey?.(item, writer)
  return writer.take()
}

const runs = { numRuns: 300 }

test.each(Object.entries(values))('%s: order of values = order of keys, equality = hash key', (name, arbitrary) => {
  const type = typeOf(name)
  fc.assert(
    fc.property(arbitrary, arbitrary, arbitrary, (a, b, after) => {
      const order = Math.sign(type.compare?.(a, b) as number)
      expect(Math.sign(Buffer.compare(keyOf(type, a), keyOf(type, b)))).toBe(order)
      expect(new Set([type.hashKey?.(a), type.hashKey?.(b)]).size).toBe(order === 0 ? 1 : 2)
      // Keys delimit themselves: a following column decides only between equals.
      if (order !== 0) {
        expect(Math.sign(Buffer.compare(keyOf(type, a, after), keyOf(type, b, a)))).toBe(order)
      }
    }),
    runs,
  )
})

test.each(Object.entries(values))('%s: what is stored, shown or sent comes back', (name, arbitrary) => {
  const type = typeOf(name)
  fc.assert(
    fc.property(arbitrary, (value) => {
      const stored = new ByteWriter()
      stored.u8(0xaa)
      type.encode(value, stored)
      const bytes = stored.take()
      expect(type.decode(Buffer.concat([bytes, Buffer.of(0x55)]), 1, bytes.length)).toEqual(value)
      const sent = new ByteWriter()
      type.send(value, sent)
      const reader = new ByteReader(sent.take())
      expect(type.receive(reader, noTypmod)).toEqual(value)
      expect(reader.remaining).toBe(0)
      if (name !== 'bpchar') expect(type.input(type.output(value, settings), noTypmod, settings)).toEqual(value)
    }),
    runs,
  )
})
