/** `taudb trace`: asks a running server for the traces it keeps, and draws one of them. */
import { askServer, NoAnswer } from '../bus/sql-question.ts'
import { renderTrace, type ToldSpan, traceOf } from '../observability/trace-tree.ts'
import { lookingName } from '../observability/tracing.ts'

type Print = (line: string) => void

const question =
  'select trace_id, span_id, parent_id, name, (extract(epoch from start_time) * 1000000)::bigint, duration_us, attributes, failure from sys.spans'

/** `transaction`: its id, its pg_current_xact_id or its trace id; undefined: the last one. Exit code 0, or 1 where there is none. */
export async function showTrace(
  server: { readonly host: string; readonly port: number },
  transaction: string | undefined,
  print: Print,
): Promise<number> {
  try {
    const rows = await askServer({ ...server, applicationName: lookingName, sql: question })
    const spans = traceOf(rows.map(toldSpan), transaction)
    if (spans.length === 0) {
      print(
        transaction === undefined ? noneYet : `transaction ${transaction} is not among the traces that are kept: ${whatIsKept}`,
      )
      return 1
    }
    for (const line of headOf(spans)) print(line)
    for (const line of renderTrace(spans)) print(line)
    return 0
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error
    process.stderr.write(`taudb: ${error.message}\n`)
    return 1
  }
}

const whatIsKept =
  'recent transactions that came at a person’s pace, were sampled (--trace-sample), failed, were slow, or carried a traceparent'
const noneYet = `no trace is kept yet: ${whatIsKept}`

function toldSpan([traceId, spanId, parentId, name, start, duration, attributes, failure]: readonly (string | null)[]): ToldSpan {
  return {
    traceId: traceId ?? '',
    spanId: spanId ?? '',
    parentId: parentId ?? undefined,
    name: name ?? '',
    startMicros: Number(start),
    durationMicros: duration === null ? undefined : Number(duration),
    attributes: JSON.parse(attributes ?? '{}') as ToldSpan['attributes'],
    failure: failure ?? undefined,
  }
}

function* headOf(spans: readonly ToldSpan[]): Iterable<string> {
  const [first] = spans
  yield `trace ${first?.traceId}, ${new Date((first?.startMicros ?? 0) / 1_000).toISOString()}`
  for (const { attributes } of spans) {
    const id = attributes['taudb.transaction']
    if (id !== undefined) yield `transaction ${id}, pg_current_xact_id ${attributes['taudb.xact_id']}`
  }
}
