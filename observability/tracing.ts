import {
  type Context,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { unsampledRoot } from './collector.ts'
import type { Step } from './journey.ts'
import { parsedTraceparent } from './traceparent.ts'

/**
 * Spans behind a gate of our own. Whether a transaction is traced is decided once, at its root, before OpenTelemetry is touched; everything
 * below asks `undefined` or `''`, which costs nothing. The trace travels as a W3C traceparent in messages and journal records.
 */
export interface Traced {
  /** What children elsewhere are given. */
  readonly traceparent: string
  readonly traceId: string
  /** Exported, and not only kept here to be looked at. */
  readonly isSampled: boolean
  set(attribute: string, value: string | number): void
  /** `failure` marks the span as an error. */
  end(failure?: string): void
}

/** The application_name of who only looks at traces. */
export const lookingName = 'taudb trace'

type Attributes = Readonly<Record<string, string | number>>

export interface Gate {
  readonly tracer: Tracer
  /** Asked once a root: is this one traced? */
  readonly sample: () => boolean
  /** Whether one that comes at a person's pace is recorded, although it is not sampled. */
  readonly record?: () => boolean
  /** Whether one that has failed or was slow, and was not recorded, is traced from what is known at its end. */
  readonly late?: () => boolean
}

const gates: Gate[] = []
let gate: Gate | undefined

/** Opens the gate for this process, in place of any other that was open. Answers how to close it again. */
export function traceWith(opened: Gate): () => void {
  gates.push(opened)
  gate = opened
  return () => {
    const at = gates.indexOf(opened)
    if (at >= 0) gates.splice(at, 1)
    gate = gates.at(-1)
  }
}

/** Whatever OpenTelemetry SDK the process has registered; undefined: none that listens. */
export function registeredTracer(): Tracer | undefined {
  const tracer = trace.getTracer('taudb')
  const probe = tracer.startSpan('taudb.probe')
  const isListening = probe.isRecording()
  probe.end()
  return isListening ? tracer : undefined
}

/** The span of a transaction's first step, or undefined: not traced. `atLeisure`: it comes at a person's pace. */
export function beginTrace(step: Step, atLeisure = false): Traced | undefined {
  if (gate === undefined) return undefined
  if (gate.sample()) return opened(gate, step, undefined, ROOT_CONTEXT)
  if (!atLeisure || gate.record?.() !== true) return undefined
  return opened(gate, step, undefined, unsampledRoot)
}

/** A root in a trace of the client's, who has decided that it is traced. `sinceMicros`: when the transaction began. */
export function joinTrace(step: Step, parent: string, sinceMicros: number): Traced | undefined {
  const remote = parsed(parent)
  if (gate === undefined || remote === undefined) return undefined
  return opened(gate, step, undefined, trace.setSpanContext(ROOT_CONTEXT, remote), sinceMicros)
}

/** A root for what was not traced from its beginning and turns out to be worth it. */
export function beginLate(step: Step, sinceMicros: number): Traced | undefined {
  if (gate?.late?.() !== true) return undefined
  return opened(gate, step, undefined, ROOT_CONTEXT, sinceMicros)
}

/** A span below `parent`: a traceparent that came with a message, '' where nothing is traced. */
export function beginStep(step: Step, parent: string, attributes?: Attributes, sinceMicros?: number): Traced | undefined {
  if (parent === '' || gate === undefined) return undefined
  const remote = parsed(parent)
  if (remote === undefined) return undefined
  return opened(gate, step, attributes, trace.setSpanContext(ROOT_CONTEXT, remote), sinceMicros)
}

function opened({ tracer }: Gate, step: Step, attributes: Attributes | undefined, context: Context, sinceMicros?: number) {
  const options = {
    ...(attributes !== undefined && { attributes }),
    ...(sinceMicros !== undefined && { startTime: sinceMicros / 1_000 }),
  }
  const span = tracer.startSpan(step, options, context)
  // An SDK may have a sampler of its own.
  return span.isRecording() ? new OpenSpan(span) : undefined
}

class OpenSpan implements Traced {
  readonly traceparent: string
  readonly traceId: string
  readonly isSampled: boolean
  private readonly span: Span

  constructor(span: Span) {
    this.span = span
    const { traceId, spanId, traceFlags } = span.spanContext()
    this.traceId = traceId
    this.isSampled = (traceFlags & TraceFlags.SAMPLED) !== 0
    this.traceparent = `00-${traceId}-${spanId}-${this.isSampled ? '01' : '00'}`
  }

  set(attribute: string, value: string | number): void {
    this.span.setAttribute(attribute, value)
  }

  end(failure?: string): void {
    if (failure !== undefined) this.span.setStatus({ code: SpanStatusCode.ERROR, message: failure })
    this.span.end()
  }
}

function parsed(traceparent: string): SpanContext | undefined {
  const fields = parsedTraceparent(traceparent)
  return fields === undefined ? undefined : { ...fields, isRemote: true }
}
