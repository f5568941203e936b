import type { CollectedSpan, Collector } from './collector.ts'

/** One trace as far as this process took part in it. */
export interface RecordedTrace {
  readonly traceId: string
  /** In the order in which they began. */
  readonly spans: readonly CollectedSpan[]
  /** Spans beyond the bound. */
  readonly left: number
}

export interface RecorderOptions {
  /** Traces that are kept to be looked at, the newest ones. */
  readonly tracesMax: number
  /** A transaction that took longer is exported, sampled or not. */
  readonly slowMicros: number
  /** Is given every ended span that is to leave the process. */
  readonly exported: (span: CollectedSpan) => void
}

/** A COPY of a million rows has a hundred thousand steps: the first ones tell enough. */
const spansMax = 256
const rootName = 'frontend.session'

interface Kept {
  readonly traceId: string
  readonly spans: CollectedSpan[]
  left: number
  /** It has failed or was slow: what was only recorded is exported too. */
  isPromoted: boolean
}

/**
 * Keeps recent traces in memory, and passes on what is to be exported: sampled spans as they end, those that were only recorded when their
 * transaction ends badly. The second decision is taken where the transaction began; what other processes recorded of it stays with them.
 */
export class Recorder implements Collector {
  private readonly options: RecorderOptions
  /** By trace id, the newest last. */
  private readonly traces = new Map<string, Kept>()

  constructor(options: RecorderOptions) {
    this.options = options
  }

  begun(span: CollectedSpan): void {
    const kept = this.traces.get(span.traceId) ?? this.keep(span.traceId)
    if (kept.spans.length < spansMax) kept.spans.push(span)
    else kept.left++
  }

  ended(span: CollectedSpan): void {
    if (span.sampled) {
      this.options.exported(span)
      return
    }
    const kept = this.traces.get(span.traceId)
    if (kept === undefined) return
    if (kept.isPromoted) this.options.exported(span)
    else if (span.name === rootName && this.isRemarkable(span)) {
      kept.isPromoted = true
      for (const one of kept.spans) if (one.endMicros !== undefined) this.options.exported(one)
    }
  }

  /** From the oldest to the newest. */
  recent(): readonly RecordedTrace[] {
    return [...this.traces.values()]
  }

  private keep(traceId: string): Kept {
    const kept: Kept = { traceId, spans: [], left: 0, isPromoted: false }
    this.traces.set(traceId, kept)
    if (this.traces.size > this.options.tracesMax) {
      const [oldest] = this.traces.keys()
      if (oldest !== undefined) this.traces.delete(oldest)
    }
    return kept
  }

  private isRemarkable({ startMicros, endMicros, failure }: CollectedSpan): boolean {
    return failure !== undefined || (endMicros ?? startMicros) - startMicros >= this.options.slowMicros
  }
}
