/** Messages as bytes: what is written is read back, and bytes that nobody wrote are refused without harm. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SqlError } from '../../../protocol/errors.ts'
import {
  decodeAnswer,
  decodeFailure,
  decodeQuestion,
  encodeAnswer,
  encodeFailure,
  encodeQuestion,
} from '../../../protocol/message-codec.ts'
import type { Write } from '../../../protocol/messages.ts'
import { packWrites } from '../../../protocol/packed-writes.ts'
import { Interval } from '../../../protocol/values/interval.ts'
import { Jsonb, parseJsonb } from '../../../protocol/values/jsonb.ts'
import { Numeric } from '../../../protocol/values/numeric.ts'
import { SqlArray, SqlRow, type Value } from '../../../protocol/values/value.ts'

const whole = fc.maxSafeNat()
const key = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).latin1Slice())
const bytes = fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array))
const text = fc.string({ unit: 'binary', maxLength: 20 }).filter((s) => s.isWellFormed())
const clock = fc.double({ min: 0, max: 2 ** 52, noNaN: true, noDefaultInfinity: true }).map((n) => (Object.is(n, -0) ? 0 : n))
const id = fc.record({ leader: whole, epoch: whole, boot: key.map((k) => k.slice(0, 8)), counter: whole })
const mode = fc.constantFrom('X', 'N', 'S', 'R', 'E')
const range = fc.record({ start: key, end: key })
const write = fc.record({
  key,
  operation: fc.constantFrom('create', 'update', 'delete'),
  mode,
  postImage: fc.option(bytes, { nil: undefined }),
})
const check = fc.oneof(fc.record({ key, mode }), fc.record({ range, mode: fc.constant('R') }))
const int32 = fc.integer()
const value: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom<Value>(null, true, false, Number.NaN, Number.POSITIVE_INFINITY, -0),
    fc.double({ noNaN: true }),
    fc.bigInt(),
    text,
    bytes,
    fc.tuple(fc.bigInt(), fc.nat(50)).map(([unscaled, scale]) => new Numeric(unscaled, scale)),
    fc.constantFrom('NaN', 'Infinity', '-Infinity').map((special) => new Numeric(0n, 0, special)),
    fc
      .tuple(int32, int32, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }))
      .map(([months, days, micros]) => new Interval(months, days, micros)),
    fc
      .constantFrom('null', '{"a": [1.50, "x", true], "bb": {}}', '[]', '"\\u00e9"')
      .map((json) => new Jsonb(parseJsonb(json).root)),
    fc.tuple(fc.array(tie('value'), { maxLength: 3 }), int32).map(([elements, lowerBound]) => new SqlArray(elements, lowerBound)),
    fc.array(tie('value'), { maxLength: 3 }).map((fields) => new SqlRow(fields)),
  ),
})).value
const column = { column: whole, type: whole }
const predicate: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  predicate: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.record({ kind: fc.constant('compare'), ...column, operator: fc.constantFrom('=', '<>', '<', '<=', '>', '>='), value }),
    fc.record({ kind: fc.constant('in'), ...column, values: fc.array(value, { maxLength: 3 }) }),
    fc.record({ kind: fc.constant('isNull'), column: whole, negated: fc.boolean() }),
    fc.record({ kind: fc.constant('prefix'), column: whole, prefix: text }),
    fc.record({ kind: fc.constantFrom('and', 'or'), of: fc.array(tie('predicate'), { maxLength: 3 }) }),
    fc.record({ kind: fc.constant('not'), of: tie('predicate') }),
  ),
})).predicate
const aggregate = fc.oneof(
  fc.record({ kind: fc.constant('countRows') }),
  fc.record({ kind: fc.constantFrom('count', 'min', 'max', 'sum'), ...column }),
)

const head = { clock, id, tauStart: whole, until: whole }
const marks = { writes: fc.array(fc.record({ key, mode }), { maxLength: 4 }), checks: fc.array(check, { maxLength: 4 }) }
const refusal = fc.oneof(
  fc.record({ kind: fc.constant('conflict'), key, mode, atLeast: whole }),
  fc.record({ kind: fc.constant('tooOld'), atLeast: whole }),
  fc.record({ kind: fc.constant('refused'), code: fc.constant('53100'), message: text }),
)
const verdict = fc.oneof(fc.record({ kind: fc.constant('commit'), tauCommit: whole }), refusal)
const packed = fc.array(write, { maxLength: 4 }).map((some) => packWrites(some as Write[]))
const writes = fc.oneof(fc.array(write, { maxLength: 4 }), packed)
const kindIs = (kind: string) => ({ kind: fc.constant(kind) })

/** Every question with its answers. */
const conversations: Readonly<Record<string, readonly [fc.Arbitrary<unknown>, fc.Arbitrary<unknown>]>> = {
  begin: [fc.record({ ...kindIs('begin'), clock }), fc.record({ tau: whole, sequence: whole, mapVersion: whole, clock })],
  closed: [fc.record({ ...kindIs('closed'), clock, at: whole }), fc.record({ sequence: whole, clock })],
  commit: [
    fc.record(
      {
        ...kindIs('commit'),
        ...head,
        writes,
        checks: marks.checks,
        traceparent: fc.constantFrom('', '00-1-2-01'),
        inOrder: fc.boolean(),
      },
      { requiredKeys: ['kind', 'clock', 'id', 'tauStart', 'until', 'writes', 'checks', 'traceparent'] },
    ),
    fc.record({ verdict, clock }),
  ],
  outcome: [
    fc.record({ ...kindIs('outcome'), clock, id, tauStart: whole }),
    fc.oneof(
      fc.record({ kind: fc.constant('committed'), tauCommit: whole }),
      fc.record({ kind: fc.constantFrom('aborted', 'unknown') }),
    ),
  ],
  prepare: [
    fc.record({ ...kindIs('prepare'), ...head, ...marks }),
    fc.record({
      clock,
      vote: fc.oneof(
        fc.record({ kind: fc.constant('yes'), tauMin: whole, tauMax: whole }),
        fc.record({ kind: fc.constant('no'), verdict: refusal }),
      ),
    }),
  ],
  settle: [
    fc.record({ ...kindIs('settle'), clock, id, until: whole, tauCommit: fc.option(whole, { nil: undefined }) }),
    fc.record({ clock }),
  ],
  get: [
    fc.record(
      {
        ...kindIs('get'),
        clock,
        tauStart: whole,
        vector: fc.array(whole, { maxLength: 3 }),
        key,
        traceparent: fc.constant('00-1'),
      },
      { requiredKeys: ['kind', 'clock', 'tauStart', 'vector', 'key'] },
    ),
    fc.option(fc.record({ postImage: bytes, tau: whole }), { nil: undefined }),
  ],
  scan: [
    fc.record(
      {
        ...kindIs('scan'),
        clock,
        tauStart: whole,
        vector: fc.array(whole, { maxLength: 3 }),
        range,
        reverse: fc.boolean(),
        rowsMax: whole,
        bytesMax: whole,
        layout: fc.record({ types: fc.array(whole, { maxLength: 3 }), missing: fc.array(value, { maxLength: 3 }) }),
        filter: predicate,
        skip: fc.array(key, { maxLength: 3 }),
        aggregates: fc.array(aggregate, { maxLength: 3 }),
        traceparent: fc.constant('00-1'),
      },
      { requiredKeys: ['kind', 'clock', 'tauStart', 'vector', 'range', 'reverse', 'rowsMax', 'bytesMax'] },
    ),
    fc.record(
      {
        keys: fc.array(key, { maxLength: 3 }),
        rows: fc.array(bytes, { maxLength: 3 }),
        keysRead: whole,
        resume: fc.option(key, { nil: undefined }),
        aggregates: fc.array(value, { maxLength: 3 }),
      },
      { requiredKeys: ['keys', 'rows', 'keysRead', 'resume'] },
    ),
  ],
  vacuum: [fc.record({ ...kindIs('vacuum'), clock }), fc.constant(undefined)],
  postImages: [
    fc.record(
      {
        partition: whole,
        sequence: whole,
        tau: whole,
        writes,
        traceparents: fc.array(fc.constant('00-1'), { maxLength: 2 }),
        staged: whole,
      },
      { requiredKeys: ['partition', 'sequence', 'tau', 'writes', 'traceparents'] },
    ),
    fc.constant(undefined),
  ],
  rollCall: [fc.record({ ...kindIs('rollCall'), clock, call: key }), fc.constant(undefined)],
  spansAsked: [fc.record({ ...kindIs('spansAsked'), clock, call: key, traceIds: key }), fc.constant(undefined)],
  spansTold: [fc.record({ ...kindIs('spansTold'), clock, call: key, spans: text }), fc.constant(undefined)],
  present: [
    fc.record({
      ...kindIs('present'),
      clock,
      call: key,
      process: text,
      roles: fc.array(key, { maxLength: 5 }),
      serves: fc.boolean(),
      upMs: whole,
      listens: text,
      partitions: fc.array(
        fc.record({
          partition: whole,
          epoch: fc.option(whole, { nil: undefined }),
          applied: fc.option(whole, { nil: undefined }),
        }),
        { maxLength: 3 },
      ),
    }),
    fc.constant(undefined),
  ],
  owned: [fc.record({ ...kindIs('owned'), clock, partition: whole, epoch: whole }), fc.constant(undefined)],
  replica: [
    fc.record({
      ...kindIs('replica'),
      clock,
      shard: whole,
      name: fc.string({ unit: 'binary-ascii', maxLength: 16 }),
    }),
    fc.constant(undefined),
  ],
  stage: [fc.record({ kind: fc.constantFrom('stage', 'unstage'), partition: whole, writes: packed }), fc.constant(undefined)],
}

describe.each(Object.entries(conversations))('%s', (_, [question, answer]) => {
  test('question and answer are read back as they were', () => {
    fc.assert(
      fc.property(question, answer, (asked, answered) => {
        expect(decodeQuestion(encodeQuestion(asked))).toEqual(asked)
        expect(decodeAnswer(asked, encodeAnswer(asked, answered))).toEqual(answered)
      }),
      { numRuns: 60 },
    )
  })

  test('cut short, drawn out or changed, it is refused or is another message: never anything else', () => {
    fc.assert(
      fc.property(question, fc.nat(), fc.integer({ min: 1, max: 255 }), (asked, place, change) => {
        const bytes = encodeQuestion(asked)
        for (let end = 0; end < bytes.length; end++) expect(() => decodeQuestion(bytes.subarray(0, end))).toThrow()
        expect(() => decodeQuestion(Buffer.concat([bytes, Buffer.from([0])]))).toThrow('ends where its content does')
        const at = place % bytes.length
        bytes[at] = (bytes[at] as number) ^ change
        try {
          encodeQuestion(decodeQuestion(bytes))
        } catch (error) {
          expect(['RangeError', 'AssertionFailed', 'SqlError']).toContain((error as Error).name)
        }
      }),
      { numRuns: 40 },
    )
  })
})

test('a message costs what it says and little more', () => {
  const sizes = {
    begin: encodeQuestion({ kind: 'begin', clock: 1.7e15 }).length,
    get: encodeQuestion({ kind: 'get', clock: 1.7e15, tauStart: 1.7e15, vector: [70_000], key: '\0\0@\0\x80\0\0\x01' }).length,
  }
  expect(sizes).toEqual({ begin: 10, get: 32 })
})

test('an answer to another question is none', () => {
  const answer = encodeAnswer({ kind: 'outcome' }, { kind: 'aborted' })
  expect(() => decodeAnswer({ kind: 'begin' }, answer)).toThrow('an answer is one to what was asked')
})

test('failures keep their words and places', () => {
  const error = new SqlError('40001', 'change conflicts', { detail: 'd', table: 't', position: 7 })
  expect(decodeFailure(encodeFailure({ kind: 'sql', error }))).toEqual({ kind: 'sql', error })
  expect(decodeFailure(encodeFailure({ kind: 'bus', reason: 'closed' }))).toEqual({ kind: 'bus', reason: 'closed' })
  expect(decodeFailure(encodeFailure({ kind: 'bug', message: 'Error: é' }))).toEqual({ kind: 'bug', message: 'Error: é' })
})

test('a message nested beyond all measure is refused', () => {
  let filter: unknown = { kind: 'isNull', column: 0, negated: false }
  for (let i = 0; i < 5_000; i++) filter = { kind: 'not', of: filter }
  const scan = {
    kind: 'scan',
    clock: 1,
    tauStart: 1,
    vector: [],
    range: { start: '', end: '' },
    reverse: false,
    rowsMax: 1,
    bytesMax: 1,
    filter,
  }
  expect(() => encodeQuestion(scan)).toThrow('nested too deeply')
})
