import { type CollectedSpan, type Collector, collectingTracer } from './collector.ts'
import { Exporter, type ExporterNeeds } from './exporter.ts'
import type { ExportSettings } from './otel-environment.ts'
import { type RecordedTrace, Recorder } from './recorder.ts'
import { registeredTracer, traceWith } from './tracing.ts'

export interface TracingNeeds extends ExporterNeeds {
  /** Microseconds of the wall clock. */
  now(): number
  /** Microseconds that never go back. */
  monotonic(): number
  /** A binary string. */
  randomBytes(length: number): string
}

export interface TracingOptions {
  /** The share of transactions that is exported, 0 to 1. */
  readonly share: number
  readonly slowMicros: number
  /** Recent traces kept to be looked at; 0: none, and nothing is recorded for it. */
  readonly recentMax: number
  /** Where sampled traces go; undefined: nowhere. */
  readonly exportTo: ExportSettings | undefined
  readonly version: string
  /** Takes all spans instead, as tests want it. */
  readonly collector: Collector | undefined
}

export interface Tracing {
  /** Kept here, from the oldest to the newest. */
  recent(): readonly RecordedTrace[]
  /** Spans that were to leave; undefined: they go nowhere. */
  readonly exported: { readonly sent: number; readonly dropped: number } | undefined
  close(): Promise<void>
}

/** Of those who come at a person's pace, and of those who failed or were slow, so many a second are traced: a flood of them says nothing new. */
const perSecondMax = 50
/** The wall clock may be stepped: spans follow it then, and not before. */
const clockStepMicros = 50_000

export function openTracing(options: TracingOptions, needs: TracingNeeds): Tracing {
  const { share, recentMax, slowMicros, exportTo, collector } = options
  const exporter = exportTo === undefined ? undefined : new Exporter(exportTo, options.version, needs)
  const recorder = new Recorder({
    tracesMax: recentMax,
    slowMicros,
    exported: (span: CollectedSpan) => exporter?.add(span),
  })
  const isKept = exporter !== undefined || recentMax > 0
  // Somebody else's SDK exports what is sampled and knows nothing of the rest.
  const foreign = collector === undefined && exporter === undefined && share > 0 ? registeredTracer() : undefined
  const tracerNeeds = { now: spanClock(needs), randomBytes: (length: number) => needs.randomBytes(length) }
  const isSampled = sampler(share, needs)
  const close = traceWith({
    tracer: foreign ?? collectingTracer(collector ?? recorder, tracerNeeds),
    sample: () => isSampled() && (isKept || collector !== undefined || foreign !== undefined),
    ...(collector === undefined && foreign === undefined && isKept && { record: budget(needs), late: budget(needs) }),
  })
  return {
    recent: () => recorder.recent(),
    exported: exporter,
    async close() {
      close()
      await exporter?.close()
    },
  }
}

/** Asked for every transaction, so it draws from the operating system once and goes on by itself (a linear congruential generator). */
function sampler(share: number, needs: TracingNeeds): () => boolean {
  if (share <= 0) return () => false
  if (share >= 1) return () => true
  let state = Buffer.from(needs.randomBytes(4), 'latin1').readUInt32LE()
  const below = share * 2 ** 32
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state < below
  }
}

function budget(needs: TracingNeeds): () => boolean {
  let second = Number.NEGATIVE_INFINITY
  let spent = 0
  return () => {
    const now = needs.monotonic()
    if (now - second >= 1_000_000) {
      second = now
      spent = 0
    }
    return ++spent <= perSecondMax
  }
}

/** Wall time for people, in steps of the monotonic clock: spans of one trace never run backwards. */
function spanClock(needs: TracingNeeds): () => number {
  let offset = needs.now() - needs.monotonic()
  return () => {
    const wall = needs.now()
    const steady = offset + needs.monotonic()
    if (Math.abs(wall - steady) < clockStepMicros) return steady
    offset += wall - steady
    return wall
  }
}
