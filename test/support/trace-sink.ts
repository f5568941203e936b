import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import generated from 'otlp-decoder/build/src/generated/root.js'

/** A span as somebody else's decoder reads it (the protobuf classes of OpenTelemetry's own exporter). */
export interface ExportedSpan {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string
  readonly kind: number
  readonly durationMicros: number
  readonly startMicros: number
  readonly attributes: Readonly<Record<string, unknown>>
  readonly failure: string | undefined
  readonly service: string
}

interface Value {
  readonly value: string
  readonly stringValue?: string
  readonly intValue?: { toNumber(): number } | number
  readonly boolValue?: boolean
  readonly doubleValue?: number
}
interface KeyValue {
  readonly key: string
  readonly value: Value
}
interface Nanoseconds {
  toString(): string
}
interface Request {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] }
    readonly scopeSpans: readonly {
      readonly scope: { readonly name: string }
      readonly spans: readonly {
        readonly name: string
        readonly traceId: Uint8Array
        readonly spanId: Uint8Array
        readonly parentSpanId: Uint8Array | null
        readonly kind: number
        readonly startTimeUnixNano: Nanoseconds
        readonly endTimeUnixNano: Nanoseconds
        readonly attributes: readonly KeyValue[]
        readonly status: { readonly code: number; readonly message: string } | null
      }[]
    }[]
  }[]
}

const decoder = (
  generated as unknown as {
    opentelemetry: {
      proto: { collector: { trace: { v1: { ExportTraceServiceRequest: { decode(bytes: Uint8Array): Request } } } } }
    }
  }
).opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest

export function decodeTraces(body: Uint8Array): ExportedSpan[] {
  return decoder.decode(body).resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const { 'service.name': service } = attributesOf(resource.attributes)
    return scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => {
        const startMicros = Number(BigInt(span.startTimeUnixNano.toString()) / 1_000n)
        return {
          name: span.name,
          traceId: hex(span.traceId),
          spanId: hex(span.spanId),
          parentSpanId: hex(span.parentSpanId),
          kind: span.kind,
          startMicros,
          durationMicros: Number(BigInt(span.endTimeUnixNano.toString()) / 1_000n) - startMicros,
          attributes: attributesOf(span.attributes),
          failure: span.status?.code === 2 ? span.status.message : undefined,
          service: String(service),
        }
      }),
    )
  })
}

/** A field that is not there is null. */
const hex = (bytes: Uint8Array | null): string => Buffer.from(bytes ?? []).toString('hex')

function attributesOf(list: readonly KeyValue[]): Record<string, unknown> {
  return Object.fromEntries(
    list.map(({ key, value }) => {
      const { intValue } = value
      if (value.value === 'intValue') return [key, typeof intValue === 'number' ? intValue : intValue?.toNumber()]
      return [key, value[value.value as 'stringValue']]
    }),
  )
}

/** Takes OTLP/HTTP like a collector. */
export class TraceSink {
  readonly spans: ExportedSpan[] = []
  readonly requests: IncomingMessage['headers'][] = []
  url = ''
  /** Answers what the next requests get, then 200. */
  readonly refusals: number[] = []
  private readonly server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      this.requests.push(request.headers)
      const status = request.url === '/v1/traces' ? (this.refusals.shift() ?? 200) : 404
      const body = Buffer.concat(parts)
      if (status === 200) {
        const plain = request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body
        this.spans.push(...decodeTraces(plain))
      }
      response.writeHead(status, status === 200 ? {} : { 'retry-after': '0' }).end()
    })
  })

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve))
    this.url = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
    return this
  }

  async close(): Promise<void> {
    this.server.closeAllConnections()
    await new Promise((resolve) => this.server.close(resolve))
  }
}
