/** What other processes keep of the traces that are kept here: asked of everybody, as a roll call is. */
import type { Registration } from '../bus/bus.ts'
import type { World } from '../bus/world.ts'
import type { CollectedSpan } from '../observability/collector.ts'
import type { RecordedTrace } from '../observability/recorder.ts'
import type { SpansAsked, SpansTold } from '../protocol/messages.ts'
import { subjects } from '../protocol/subjects.ts'

/** Nobody knows how many will answer; who has not by then is missing from the tree. */
const answersMs = 300
/** Of the newest traces: what a message holds. */
const tracesMax = 200
const answerLengthMax = 400_000
const traceIdLength = 32

/** Answers others from what is kept here. */
export function answerTraceCalls(world: World, recent: () => readonly RecordedTrace[]): Registration {
  return world.bus.subscribe(subjects.spansAsked, ({ call, traceIds }: SpansAsked) => {
    const wanted = new Set<string>()
    for (let at = 0; at < traceIds.length; at += traceIdLength) wanted.add(traceIds.slice(at, at + traceIdLength))
    const told: string[] = []
    let length = 0
    for (const { traceId, spans } of recent().toReversed()) {
      if (!wanted.has(traceId)) continue
      const text = spans.map((span) => JSON.stringify(span)).join('\n')
      length += text.length + 1
      if (length > answerLengthMax) break
      told.push(text)
    }
    const answer: SpansTold = { kind: 'spansTold', clock: world.clock.now(), call, spans: told.join('\n') }
    if (told.length > 0) world.bus.publish(subjects.spansTold, answer)
  })
}

/** The traces kept here, with what the others have of them. */
export async function gatherTraces(world: World, own: readonly RecordedTrace[]): Promise<readonly RecordedTrace[]> {
  const call = Buffer.from(world.random('trace').bytes(12), 'latin1').toString('hex')
  const gathered = new Map(own.map((trace) => [trace.traceId, { ...trace, spans: [...trace.spans] }]))
  const known = new Set(own.flatMap(({ spans }) => spans.map(({ spanId }) => spanId)))
  const registration = world.bus.subscribe(subjects.spansTold, (told: SpansTold) => {
    if (told.call !== call) return
    for (const span of readSpans(told.spans)) {
      if (known.has(span.spanId)) continue
      known.add(span.spanId)
      gathered.get(span.traceId)?.spans.push(span)
    }
  })
  const traceIds = own
    .slice(-tracesMax)
    .map(({ traceId }) => traceId)
    .join('')
  world.bus.publish(subjects.spansAsked, { kind: 'spansAsked', clock: world.clock.now(), call, traceIds } satisfies SpansAsked)
  await world.clock.sleep(answersMs)
  registration.close()
  return [...gathered.values()]
}

/** A line that is no span is left out: it comes from another process. */
function readSpans(lines: string): CollectedSpan[] {
  if (lines === '') return []
  return lines.split('\n').flatMap((line) => {
    try {
      const span = JSON.parse(line) as Partial<CollectedSpan>
      const { traceId, spanId, name, startMicros, endMicros, attributes } = span
      const isSpan =
        [traceId, spanId, name].every((one) => typeof one === 'string') &&
        Number.isFinite(startMicros) &&
        (endMicros === undefined || Number.isFinite(endMicros)) &&
        typeof attributes === 'object' &&
        attributes !== null
      return isSpan ? [span as CollectedSpan] : []
    } catch {
      return []
    }
  })
}
