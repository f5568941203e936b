import { describe, expect, test } from 'vitest'
import { scan } from '../../../actors/storage/scan.ts'
import { MemoryVersionStore } from '../../../actors/storage/version-store-memory.ts'
import { partition, sequence } from '../../../protocol/ids.ts'
import type { ScanAnswer, ScanRequest } from '../../../protocol/messages.ts'
import type { Predicate, StorageAggregate } from '../../../protocol/predicate.ts'
import { encodeRow } from '../../../protocol/row.ts'
import { tau } from '../../../protocol/time.ts'
import { Numeric } from '../../../protocol/values/numeric.ts'
import { knownType } from '../../../protocol/values/registry.ts'
import type { Value } from '../../../protocol/values/value.ts'
import { k, testWorld } from '../circle/driver.ts'

const [int4, int8, text, numeric] = [23, 20, 25, 1700]
const oids = [int4, int8, text, numeric]
const types = oids.map(knownType)

/** Rows (int4, int8, text, numeric); shorter ones were written before the later columns existed. */
const rows: readonly (readonly Value[])[] = [
  [1, 10n, 'apple', new Numeric(15n, 1)],
  [2, null, 'apricot', new Numeric(-25n, 1)],
  [3, 30n, 'banana', null],
  [null, 40n, 'blueberry', new Numeric(1n, 0)],
  [5],
]

async function store(): Promise<MemoryVersionStore> {
  const memory = new MemoryVersionStore(testWorld().clock)
  await memory.apply({
    partition: partition(0),
    sequence: sequence(1),
    tau: tau(10),
    traceparents: [],
    writes: rows.map((row, i) => ({
      key: k(`r${i + 1}`),
      operation: 'create',
      mode: 'X',
      postImage: encodeRow(types, row),
    })),
  })
  return memory
}

async function ask(request: Partial<ScanRequest>): Promise<ScanAnswer> {
  return scan(await store(), {
    kind: 'scan',
    clock: 0,
    tauStart: tau(10),
    vector: [],
    range: { start: k(''), end: k('\xff') },
    reverse: false,
    rowsMax: 100,
    bytesMax: 1_000_000,
    layout: { types: oids, missing: [null, 99n, 'missing', null] },
    ...request,
  })
}

const namesOf = (answer: ScanAnswer): string => answer.keys.map((key) => key.slice(4)).join(' ')

describe('filters know NULL and columns that came later', () => {
  const column = (i: number): { column: number; type: number } => ({ column: i, type: oids[i] as number })
  const cases: [string, Predicate, string][] = [
    ['a = 3', { kind: 'compare', ...column(0), operator: '=', value: 3 }, 'r3'],
    ['a <> 3', { kind: 'compare', ...column(0), operator: '<>', value: 3 }, 'r1 r2 r5'],
    ['a < 3', { kind: 'compare', ...column(0), operator: '<', value: 3 }, 'r1 r2'],
    ['a >= 3', { kind: 'compare', ...column(0), operator: '>=', value: 3 }, 'r3 r5'],
    ['a = NULL', { kind: 'compare', ...column(0), operator: '=', value: null }, ''],
    ['b > 30', { kind: 'compare', ...column(1), operator: '>', value: 30n }, 'r4 r5'],
    ['b <= 30', { kind: 'compare', ...column(1), operator: '<=', value: 30n }, 'r1 r3'],
    ['b is null', { kind: 'isNull', column: 1, negated: false }, 'r2'],
    ['b is not null', { kind: 'isNull', column: 1, negated: true }, 'r1 r3 r4 r5'],
    ['c like ap%', { kind: 'prefix', column: 2, prefix: 'ap' }, 'r1 r2'],
    ['c like miss%', { kind: 'prefix', column: 2, prefix: 'miss' }, 'r5'],
    ['d = 1.00', { kind: 'compare', ...column(3), operator: '=', value: new Numeric(100n, 2) }, 'r4'],
    ['a in (1, 5)', { kind: 'in', ...column(0), values: [1, 5] }, 'r1 r5'],
    ['a in (1, null)', { kind: 'in', ...column(0), values: [1, null] }, 'r1'],
    ['d in (1.50)', { kind: 'in', ...column(3), values: [new Numeric(150n, 2)] }, 'r1'],
  ]
  const not = (of: Predicate): Predicate => ({ kind: 'not', of })
  const [eq3] = [cases[0]?.[1] as Predicate]
  cases.push(
    ['not a = 3', not(eq3), 'r1 r2 r5'],
    ['not a in (1, null)', not({ kind: 'in', ...column(0), values: [1, null] }), ''],
    ['a = 3 or b is null', { kind: 'or', of: [eq3, { kind: 'isNull', column: 1, negated: false }] }, 'r2 r3'],
    ['a <> 3 and b is not null', { kind: 'and', of: [not(eq3), { kind: 'isNull', column: 1, negated: true }] }, 'r1 r5'],
    [
      'not (a = 3 and b = 40)',
      not({ kind: 'and', of: [eq3, { kind: 'compare', ...column(1), operator: '=', value: 40n }] }),
      'r1 r2 r3 r5',
    ],
    ['and of nothing', { kind: 'and', of: [] }, 'r1 r2 r3 r4 r5'],
    ['or of nothing', { kind: 'or', of: [] }, ''],
  )
  test.each(cases)('%s', async (_, filter, expected) => {
    const answer = await ask({ filter })
    expect(namesOf(answer)).toBe(expected)
    expect(answer.keysRead).toBe(5)
  })
})

test('aggregates are those of SQL, over the rows that pass', async () => {
  const aggregates: StorageAggregate[] = [
    { kind: 'countRows' },
    { kind: 'count', column: 0, type: int4 as number },
    { kind: 'sum', column: 0, type: int4 as number },
    { kind: 'sum', column: 1, type: int8 as number },
    { kind: 'sum', column: 3, type: numeric as number },
    { kind: 'min', column: 2, type: text as number },
    { kind: 'max', column: 1, type: int8 as number },
  ]
  const all = await ask({ aggregates })
  expect([all.keys, all.resume]).toEqual([[], undefined])
  expect(all.aggregates).toEqual([5n, 4n, 11n, new Numeric(179n, 0), new Numeric(0n, 1), 'apple', 99n])
  const none = await ask({ aggregates, filter: { kind: 'compare', column: 0, type: int4 as number, operator: '>', value: 9 } })
  expect(none.aggregates).toEqual([0n, 0n, null, null, null, null, null])
})

test('pages are bounded by rows and bytes, go on where they stopped, and leave out what is skipped', async () => {
  const walk = async (request: Partial<ScanRequest>): Promise<string> => {
    const pages: string[] = []
    let range = { start: k(''), end: k('\xff') }
    for (;;) {
      const answer = await ask({ ...request, range })
      pages.push(namesOf(answer))
      if (answer.resume === undefined) return pages.join(' | ')
      range = request.reverse === true ? { ...range, end: answer.resume } : { ...range, start: answer.resume }
    }
  }
  expect(await walk({ rowsMax: 2 })).toBe('r1 r2 | r3 r4 | r5')
  expect(await walk({ rowsMax: 2, reverse: true })).toBe('r5 r4 | r3 r2 | r1')
  expect(await walk({ bytesMax: 1 })).toBe('r1 | r2 | r3 | r4 | r5')
  expect(await walk({ skip: [k('r0'), k('r2'), k('r5')] })).toBe('r1 r3 r4')
  expect(await walk({ skip: [k('r2'), k('r5'), k('r9')], reverse: true, rowsMax: 2 })).toBe('r4 r3 | r1')
  expect(await walk({ rowsMax: 1, filter: { kind: 'prefix', column: 2, prefix: 'b' } })).toBe('r3 | r4 | ')
})

test('rows come back as they were stored', async () => {
  const answer = await ask({})
  expect(answer.rows.map((row) => Buffer.from(row))).toEqual(rows.map((row) => encodeRow(types, row)))
})
