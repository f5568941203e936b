import { ROOT_CONTEXT, type Span, SpanStatusCode, type Tracer, trace } from '@opentelemetry/api'

/** A span as a collector sees it: it still changes until it has ended. Times in microseconds. */
export interface CollectedSpan {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string | undefined
  readonly attributes: Readonly<Record<string, unknown>>
  readonly startMicros: number
  /** Undefined while it goes on. */
  readonly endMicros: number | undefined
  readonly failure: string | undefined
}

/** Where spans go: a test's list, or whatever else wants them without an SDK. */
export interface Collector {
  begun(span: CollectedSpan): void
  ended(span: CollectedSpan): void
}

/** What the tracer needs of the world. */
export interface TracerNeeds {
  /** Microseconds that never go back. */
  now(): number
  /** A binary string. */
  randomBytes(length: number): string
}

type Writable<T> = { -readonly [Member in keyof T]: T[Member] }

/** A tracer of a few lines that hands its spans to a collector. */
export function collectingTracer(collector: Collector, needs: TracerNeeds): Tracer {
  const id = (bytes: number): string => Buffer.from(needs.randomBytes(bytes), 'latin1').toString('hex')
  const startSpan: Tracer['startSpan'] = (name, options, context) => {
    const parent = trace.getSpanContext(context ?? ROOT_CONTEXT)
    const attributes: Record<string, unknown> = { ...options?.attributes }
    const collected: Writable<CollectedSpan> = {
      name,
      traceId: parent?.traceId ?? id(16),
      spanId: id(8),
      parentId: parent?.spanId,
      attributes,
      startMicros: needs.now(),
      endMicros: undefined,
      failure: undefined,
    }
    const span = {
      isRecording: () => true,
      spanContext: () => ({ traceId: collected.traceId, spanId: collected.spanId, traceFlags: 1 }),
      setAttribute: (attribute: string, value: unknown) => {
        attributes[attribute] = value
        return span
      },
      setStatus: ({ code, message }: { readonly code: SpanStatusCode; readonly message?: string }) => {
        if (code === SpanStatusCode.ERROR) collected.failure = message ?? ''
        return span
      },
      end: () => {
        collected.endMicros = needs.now()
        collector.ended(collected)
      },
    } as unknown as Span
    collector.begun(collected)
    return span
  }
  return { startSpan } as Tracer
}
