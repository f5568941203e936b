import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Document, decodeDocument, encodeDocument } from '../../../actors/query-processor/sql/catalog/document.ts'
import { Interval } from '../../../protocol/values/interval.ts'
import { Jsonb } from '../../../protocol/values/jsonb.ts'
import { Numeric } from '../../../protocol/values/numeric.ts'
import { SqlArray, SqlRow } from '../../../protocol/values/value.ts'

const value: fc.Arbitrary<Document> = fc.letrec<{ tree: Document }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom<Document>(null, true, false, '', -0, Number.NaN, Number.POSITIVE_INFINITY),
    fc.string({ unit: 'binary' }),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double(),
    fc.bigInt(),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    fc.bigInt().map((unscaled) => new Numeric(unscaled, 3)),
    fc.bigInt().map((micros) => new Interval(-1, 7, micros)),
    fc.constant(new Jsonb(new Map([['a', [null, new Numeric(1n, 0), 'x']]]))),
    fc.constant(new SqlArray([1, null, 'x'], 0)),
    fc.constant(new SqlRow([1n, null])),
    fc.array(tie('tree')),
    fc.dictionary(
      fc.string({ minLength: 1 }).filter((name) => name !== '__proto__'),
      tie('tree'),
      { noNullPrototype: true },
    ),
  ),
})).tree

test('what is written is read', () => {
  fc.assert(
    fc.property(value, (document) => {
      expect(decodeDocument(encodeDocument(document))).toEqual(document)
    }),
  )
})

test('repeated names cost one byte or two', () => {
  const node = { ColumnRef: { fields: [{ String: { sval: 'a' } }], location: 4 } }
  const once = encodeDocument([node]).length
  expect(encodeDocument([node, node]).length - once).toBeLessThan(once / 2)
})
