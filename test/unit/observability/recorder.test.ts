import { afterEach, expect, test } from 'vitest'
import { openTracing, type Tracing, type TracingOptions } from '../../../observability/open-tracing.ts'
import type { ExportSettings } from '../../../observability/otel-environment.ts'
import { exportSettings } from '../../../observability/otel-environment.ts'
import { traceparentIn } from '../../../observability/traceparent.ts'
import { beginLate, beginStep, beginTrace } from '../../../observability/tracing.ts'

let tracing: Tracing
let now = 0
afterEach(() => tracing?.close())

function open(options: Partial<TracingOptions>): void {
  let ids = 0
  tracing = openTracing(
    { share: 0, slowMicros: 1_000, recentMax: 3, exportTo: undefined, version: '1', collector: undefined, ...options },
    {
      now: () => now,
      monotonic: () => now,
      randomBytes: (length) => String(++ids).padStart(length, '0'),
      after: () => ({ cancel: () => {} }),
      post: async () => ({ status: 200, retryAfterSeconds: undefined }),
      warn: () => {},
    },
  )
}

const kept = (): number[] => tracing.recent().map(({ spans }) => spans.length)

test('a bounded number of traces is kept, each with a bounded number of spans', () => {
  open({})
  for (let i = 0; i < 5; i++) {
    const root = beginTrace('frontend.session', true)
    for (let j = 0; j < i * 100; j++) beginStep('storage.scan', root?.traceparent ?? '')?.end()
    root?.end()
  }
  expect(kept()).toEqual([201, 256, 256])
  expect(tracing.recent().map(({ left }) => left)).toEqual([0, 45, 145])
})

test('at a person’s pace, and no more than fifty a second; nothing where nobody could look at it', () => {
  open({ recentMax: 1_000 })
  const flood = (): void => {
    for (let i = 0; i < 200; i++) {
      beginTrace('frontend.session', true)?.end()
      beginTrace('frontend.session', false)?.end()
    }
  }
  flood()
  expect(kept().length).toBe(50)
  now += 1_000_001
  flood()
  for (let i = 0; i < 200; i++) beginLate('frontend.session', now)?.end('22012')
  expect(kept().length).toBe(150)
  void tracing.close()
  open({ recentMax: 0 })
  flood()
  expect(beginLate('frontend.session', now)).toBe(undefined)
})

test('the share is that of transactions', () => {
  open({ recentMax: 100_000, share: 0.25 })
  for (let i = 0; i < 20_000; i++) beginTrace('frontend.session')?.end()
  expect(kept().length / 20_000).toBeCloseTo(0.25, 1)
})

test.each([
  ["select 1 /*traceparent='00-0123456789abcdef0123456789abcdef-0123456789abcdef-01'*/", true],
  ["select 1 /*a='b',traceparent='00-0123456789abcdef0123456789abcdef-0123456789abcdef-01',z='1'*/ ;\n", true],
  ["select 1 /*traceparent='00-00000000000000000000000000000000-0123456789abcdef-01'*/", false],
  ["select '/*traceparent=''00-0123456789abcdef0123456789abcdef-0123456789abcdef-01''*/'", false],
  ["select 1 /*xtraceparent='00-0123456789abcdef0123456789abcdef-0123456789abcdef-01'*/", false],
  ['select 1', false],
  ['', false],
  ['*/', false],
])('%s names a trace: %s', (sql, isNamed) => {
  expect(traceparentIn(sql)).toBe(isNamed ? '00-0123456789abcdef0123456789abcdef-0123456789abcdef-01' : '')
})

test('the standard variables', () => {
  const settings = (variables: Record<string, string>): ExportSettings | undefined => exportSettings(variables)
  expect(settings({})).toBe(undefined)
  expect(settings({ OTEL_EXPORTER_OTLP_ENDPOINT: ' ' })).toBe(undefined)
  expect(settings({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://a', OTEL_SDK_DISABLED: 'TRUE' })).toBe(undefined)
  expect(settings({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://a', OTEL_TRACES_EXPORTER: 'none' })).toBe(undefined)
  expect(settings({ OTEL_TRACES_EXPORTER: 'otlp' })?.url).toBe('http://localhost:4318/v1/traces')
  expect(settings({ OTEL_EXPORTER_OTLP_ENDPOINT: 'https://a/b/' })?.url).toBe('https://a/b/v1/traces')
  expect(
    settings({
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://t/x',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://a',
      OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: '7',
      OTEL_EXPORTER_OTLP_HEADERS: 'a=1, b = x%2Cy',
      OTEL_RESOURCE_ATTRIBUTES: 'service.name=shop,deployment.environment=test',
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '9',
    }),
  ).toEqual({
    url: 'http://t/x',
    headers: { a: '1', b: 'x,y' },
    timeoutMs: 7,
    isCompressed: false,
    delayMs: 5_000,
    queueMax: 2_048,
    batchMax: 9,
    resource: new Map([
      ['service.name', 'shop'],
      ['deployment.environment', 'test'],
    ]),
  })
})
