import { expect, test } from 'vitest'
import { renderTrace, type ToldSpan, traceOf } from '../../../observability/trace-tree.ts'

let last = 0
function span(
  name: string,
  parent: ToldSpan | undefined,
  at: number,
  took: number | undefined,
  attributes: ToldSpan['attributes'] = {},
): ToldSpan {
  return {
    traceId: parent?.traceId ?? `trace${++last}`,
    spanId: `s${++last}`,
    parentId: parent?.spanId,
    name,
    startMicros: 1_000_000 + at,
    durationMicros: took,
    attributes,
    failure: undefined,
  }
}

test('who caused whom, when, how long, and what each says', () => {
  const root = span('frontend.session', undefined, 0, 2_000, { 'client.address': '127.0.0.1', 'db.user': 'ada' })
  const statement = span('query-processor.statement', root, 100, 1_800, {
    'db.query.text': 'select ?',
    'db.system.name': 'postgresql',
  })
  const scans = [...'abcdef'].map((_, i) => span('storage.scan', statement, 200 + i * 100, 50, { 'taudb.rows': i }))
  const commit = span('query-processor.commit', statement, 1_000, undefined, { 'taudb.verdict': 'conflict' })
  const failed = { ...span('adjudicator.adjudicate', commit, 1_000, 10), failure: 'disk full' }
  expect(renderTrace([failed, commit, ...scans, statement, root]).join('\n')).toMatchInlineSnapshot(`
    "frontend.session                   2.000 ms  ━━━━━━━━━━━━━━━━━━━━━━  client 127.0.0.1, user ada
    └─ query-processor.statement       1.800 ms   ━━━━━━━━━━━━━━━━━━━━   select ?
       ├─ storage.scan                 0.050 ms    ━                     rows 0
       ├─ storage.scan                 0.050 ms     ━                    rows 1
       ├─ storage.scan                 0.050 ms      ━                   rows 2
       ├─ storage.scan                 0.250 ms       ━━━━               3 more of them
       └─ query-processor.commit      not ended            ━             verdict conflict
          └─ adjudicator.adjudicate    0.010 ms            ━━            failed: disk full"
  `)
})

test('the last one is the newest that has ended; any name of a transaction finds it', () => {
  const first = span('frontend.session', undefined, 0, 10)
  const commit = span('query-processor.commit', first, 1, 5, {
    'taudb.transaction': '0.1.ab.7',
    'taudb.xact_id': '1099511627783',
  })
  const second = span('frontend.session', undefined, 50, 10)
  const running = span('frontend.session', undefined, 90, undefined)
  const all = [first, commit, second, running]
  expect(traceOf(all, undefined)).toEqual([second])
  for (const name of ['0.1.ab.7', '1099511627783', first.traceId]) expect(traceOf(all, name)).toEqual([first, commit])
  expect(traceOf(all, '7')).toEqual([])
  expect(traceOf([], undefined)).toEqual([])
})
