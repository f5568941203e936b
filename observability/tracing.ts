import { ROOT_CONTEXT, type Span, type SpanContext, SpanStatusCode, TraceFlags, type Tracer, trace } from '@opentelemetry/api'
import type { Step } from './journey.ts'

/**
 * Spans behind a gate of our own. Whether a transaction is traced is decided once, at its root, before OpenTelemetry is touched; everything
 * below asks `undefined` or `''`, which costs nothing. The trace travels as a W3C traceparent in messages and journal records.
 */
export interface Traced {
  /** What children elsewhere are given. */
  readonly traceparent: string
  set(attribute: string, value: string | number): void
  /** `failure` marks the span as an error. */
  end(failure?: string): void
}

type Attributes = Readonly<Record<string, string | number>>

export interface Gate {
  readonly tracer: Tracer
  /** Asked once a root: is this one traced? */
  readonly sample: () => boolean
}

let gate: Gate | undefined

/** Opens the gate for this process, in place of any other that was open. Answers how to close it again. */
export function traceWith(opened: Gate): () => void {
  gate = opened
  return () => {
    if (gate === opened) gate = undefined
  }
}

/** Whatever OpenTelemetry SDK the process has registered; without one, spans go nowhere. */
export const registeredTracer = (): Tracer => trace.getTracer('taudb')

/** The span of a transaction's first step, or undefined: not traced. */
export function beginTrace(step: Step, attributes?: Attributes): Traced | undefined {
  if (gate === undefined || !gate.sample()) return undefined
  const span = gate.tracer.startSpan(step, attributes === undefined ? {} : { attributes }, ROOT_CONTEXT)
  // Nobody listens: no SDK, or one with a sampler of its own.
  return span.isRecording() ? new OpenSpan(span) : undefined
}

/** A span below `parent`: a traceparent that came with a message, '' where nothing is traced. */
export function beginStep(step: Step, parent: string, attributes?: Attributes): Traced | undefined {
  if (parent === '' || gate === undefined) return undefined
  const remote = parsed(parent)
  if (remote === undefined) return undefined
  const context = trace.setSpanContext(ROOT_CONTEXT, remote)
  return new OpenSpan(gate.tracer.startSpan(step, attributes === undefined ? {} : { attributes }, context))
}

class OpenSpan implements Traced {
  readonly traceparent: string
  private readonly span: Span

  constructor(span: Span) {
    this.span = span
    const { traceId, spanId } = span.spanContext()
    this.traceparent = `00-${traceId}-${spanId}-01`
  }

  set(attribute: string, value: string | number): void {
    this.span.setAttribute(attribute, value)
  }

  end(failure?: string): void {
    if (failure !== undefined) this.span.setStatus({ code: SpanStatusCode.ERROR, message: failure })
    this.span.end()
  }
}

/** version 00, trace id, span id, flags; anything else is somebody else's format. */
function parsed(traceparent: string): SpanContext | undefined {
  const [, traceId, spanId, flags] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(traceparent) ?? []
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED, isRemote: true }
}
