import { type Context, createContextKey, ROOT_CONTEXT, type Span, SpanStatusCode, type Tracer, trace } from '@opentelemetry/api'

/** A span as a collector sees it: it still changes until it has ended. Times in microseconds since the Unix epoch. */
export interface CollectedSpan {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string | undefined
  /** To be exported; else only to be looked at here. */
  readonly sampled: boolean
  readonly attributes: Readonly<Record<string, unknown>>
  readonly startMicros: number
  /** Undefined while it goes on. */
  readonly endMicros: number | undefined
  readonly failure: string | undefined
}

/** Where spans go: the recorder, or a test's list. */
export interface Collector {
  begun(span: CollectedSpan): void
  ended(span: CollectedSpan): void
}

/** What the tracer needs of the world. */
export interface TracerNeeds {
  /** Microseconds since the Unix epoch, as spans show them. */
  now(): number
  /** A binary string. */
  randomBytes(length: number): string
}

type Writable<T> = { -readonly [Member in keyof T]: T[Member] }

const unsampled = createContextKey('taudb unsampled')

/** The context of a root that is recorded and not exported. */
export const unsampledRoot: Context = ROOT_CONTEXT.setValue(unsampled, true)

/** A tracer of a few lines that hands its spans to a collector. Given times are milliseconds since the Unix epoch. */
export function collectingTracer(collector: Collector, needs: TracerNeeds): Tracer {
  const id = (bytes: number): string => Buffer.from(needs.randomBytes(bytes), 'latin1').toString('hex')
  const startSpan: Tracer['startSpan'] = (name, options, context = ROOT_CONTEXT) => {
    const parent = trace.getSpanContext(context)
    const attributes: Record<string, unknown> = { ...options?.attributes }
    const startMs = options?.startTime
    const collected: Writable<CollectedSpan> = {
      name,
      traceId: parent?.traceId ?? id(16),
      spanId: id(8),
      parentId: parent?.spanId,
      sampled: parent === undefined ? context.getValue(unsampled) !== true : (parent.traceFlags & 1) === 1,
      attributes,
      startMicros: typeof startMs === 'number' ? startMs * 1_000 : needs.now(),
      endMicros: undefined,
      failure: undefined,
    }
    const span = {
      isRecording: () => true,
      spanContext: () => ({ traceId: collected.traceId, spanId: collected.spanId, traceFlags: collected.sampled ? 1 : 0 }),
      setAttribute: (attribute: string, value: unknown) => {
        attributes[attribute] = value
        return span
      },
      setStatus: ({ code, message }: { readonly code: SpanStatusCode; readonly message?: string }) => {
        if (code === SpanStatusCode.ERROR) collected.failure = message ?? ''
        return span
      },
      end: () => {
        collected.endMicros = Math.max(collected.startMicros, needs.now())
        collector.ended(collected)
      },
    } as unknown as Span
    collector.begun(collected)
    return span
  }
  return { startSpan } as Tracer
}
