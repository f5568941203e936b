import { ROOT_CONTEXT, type Span, type Tracer, trace } from '@opentelemetry/api'
import { afterEach, expect, test } from 'vitest'
import { ask } from '../../../actors/actor.ts'
import { journey } from '../../../observability/journey.ts'
import { beginStep, beginTrace, traceWith } from '../../../observability/tracing.ts'
import type { AdjudicatorRequests } from '../../../protocol/messages.ts'
import { tau } from '../../../protocol/time.ts'
import { Driver, write } from './driver.ts'

interface Collected {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string | undefined
  readonly attributes: Record<string, unknown>
  ended: boolean
}

/** An SDK of a few lines: remembers spans. */
function collector(): { readonly tracer: Tracer; readonly spans: Collected[] } {
  const spans: Collected[] = []
  const startSpan: Tracer['startSpan'] = (name, options, context) => {
    const parent = trace.getSpanContext(context ?? ROOT_CONTEXT)
    const collected: Collected = {
      name,
      traceId: parent?.traceId ?? String(spans.length + 1).padStart(32, '0'),
      spanId: String(spans.length + 1).padStart(16, '0'),
      parentId: parent?.spanId,
      attributes: { ...options?.attributes },
      ended: false,
    }
    spans.push(collected)
    const span = {
      spanContext: () => ({ traceId: collected.traceId, spanId: collected.spanId, traceFlags: 1 }),
      setAttribute: (attribute: string, value: unknown) => {
        collected.attributes[attribute] = value
        return span
      },
      setStatus: () => span,
      end: () => {
        collected.ended = true
      },
    } as unknown as Span
    return span
  }
  return { tracer: { startSpan } as Tracer, spans }
}

afterEach(() => traceWith(undefined))

test('append, route and apply join the tree of the statement that committed', async () => {
  const { tracer, spans } = collector()
  traceWith({ tracer, sample: () => true })
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
  expect(spans.every(({ ended }) => ended)).toBe(true)
  for (const { name, attributes } of spans) {
    const known: readonly string[] = journey.find((step) => step.name === name)?.attributes ?? []
    expect(Object.keys(attributes).filter((attribute) => !known.includes(attribute))).toEqual([])
  }
  await driver.circle.close()
})

test('what is not sampled touches nothing, and neither does a foreign traceparent', () => {
  const { tracer, spans } = collector()
  expect(beginTrace('query-processor.statement')).toBe(undefined)
  traceWith({ tracer, sample: () => false })
  expect(beginTrace('query-processor.statement')).toBe(undefined)
  expect(beginStep('journal.append', '')).toBe(undefined)
  expect(beginStep('journal.append', '01-x-y-00')).toBe(undefined)
  expect(spans).toEqual([])
})
