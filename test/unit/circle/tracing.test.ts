import { afterEach, expect, test } from 'vitest'
import { ask } from '../../../actors/actor.ts'
import { type CollectedSpan, collectingTracer } from '../../../observability/collector.ts'
import { journey } from '../../../observability/journey.ts'
import { beginStep, beginTrace, traceWith } from '../../../observability/tracing.ts'
import type { AdjudicatorRequests } from '../../../protocol/messages.ts'
import { tau } from '../../../protocol/time.ts'
import { Driver, write } from './driver.ts'

/** The gate opened for a list of spans, in the order in which they began. */
function collect(sample: () => boolean): readonly CollectedSpan[] {
  const spans: CollectedSpan[] = []
  let last = 0
  const collector = { begun: (span: CollectedSpan) => spans.push(span), ended: () => {} }
  const needs = { now: () => 0, randomBytes: (length: number) => String(++last).padStart(length, '0') }
  close = traceWith({ tracer: collectingTracer(collector, needs), sample })
  return spans
}

let close = (): void => {}
afterEach(() => close())

test('append, route and apply join the tree of the statement that committed', async () => {
  const spans = collect(() => true)
  const driver = await Driver.start()
  const root = beginTrace('query-processor.statement')
  const committing = beginStep('query-processor.commit', root?.traceparent ?? '')
  const begun = driver.begin()
  await ask<AdjudicatorRequests, 'commit'>(driver.world, driver.address, {
    kind: 'commit',
    clock: 0,
    id: driver.newId(),
    tauStart: begun.tauStart,
    until: tau(begun.tauStart + 5_000_000),
    writes: [write('a', '1')],
    checks: [],
    traceparent: committing?.traceparent ?? '',
  })
  committing?.end()
  root?.end()
  const names = new Map(spans.map(({ spanId, name }) => [spanId, name]))
  expect(spans.map(({ name, parentId }) => `${names.get(parentId ?? '') ?? '-'} > ${name}`)).toEqual([
    '- > query-processor.statement',
    'query-processor.statement > query-processor.commit',
    'query-processor.commit > adjudicator.adjudicate',
    'query-processor.commit > journal.append',
    'query-processor.commit > crossbar.route',
    'query-processor.commit > storage.apply',
  ])
  expect(spans.every(({ endMicros }) => endMicros !== undefined)).toBe(true)
  for (const { name, attributes } of spans) {
    const known: readonly string[] = journey.find((step) => step.name === name)?.attributes ?? []
    expect(Object.keys(attributes).filter((attribute) => !known.includes(attribute))).toEqual([])
  }
  await driver.circle.close()
})

test('what is not sampled touches nothing, and neither does a foreign traceparent', () => {
  expect(beginTrace('query-processor.statement')).toBe(undefined)
  const spans = collect(() => false)
  expect(beginTrace('query-processor.statement')).toBe(undefined)
  expect(beginStep('journal.append', '')).toBe(undefined)
  expect(beginStep('journal.append', '01-x-y-00')).toBe(undefined)
  expect(spans).toEqual([])
})
