/** W3C traceparent: version 00, trace id, span id, flags. */
export interface Traceparent {
  readonly traceId: string
  readonly spanId: string
  /** 1: sampled. */
  readonly traceFlags: number
}

/** Undefined: it is none, or names no trace (all zeros). */
export function parsedTraceparent(text: string): Traceparent | undefined {
  const [, traceId, spanId, flags] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(text) ?? []
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1 }
}

const commentLengthMax = 2_048

/**
 * The traceparent of a sqlcommenter comment, which stands at the end of its statement; '' without one. Looks at the last few characters
 * only, unless those end a comment. https://google.github.io/sqlcommenter/spec/
 */
export function traceparentIn(sql: string): string {
  let end = sql.length - 1
  for (let code = sql.charCodeAt(end); code === 0x3b || code === 0x20 || code === 0x0a; code = sql.charCodeAt(--end));
  if (sql.charCodeAt(end) !== 0x2f || sql.charCodeAt(end - 1) !== 0x2a) return ''
  const tail = sql.slice(Math.max(0, end - commentLengthMax), end - 1)
  const comment = tail.slice(tail.lastIndexOf('/*') + 2)
  const [, traceparent = ''] = /(?:^|,)\s*traceparent\s*=\s*'([^']*)'/.exec(comment) ?? []
  return parsedTraceparent(traceparent) === undefined ? '' : traceparent
}
