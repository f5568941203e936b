/**
 * Spans as the body of an OTLP/HTTP request, protobuf-encoded: opentelemetry/proto/trace/v1/trace.proto and its kin. Field numbers stand
 * beside what they number; a message is the concatenation of its fields.
 */
import type { CollectedSpan } from './collector.ts'

type AttributeValue = string | number | boolean

/** Who speaks: OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES and what we know ourselves. */
export type Resource = ReadonlyMap<string, AttributeValue>

const varintType = 0
const fixed64Type = 1
const bytesType = 2
const fixed32Type = 5

const spanKind = { internal: 1, server: 2 } as const
const statusError = 2

/** ExportTraceServiceRequest. */
export function encodeTraces(spans: readonly CollectedSpan[], resource: Resource, version: string): Buffer {
  const scope = [text(1, 'taudb'), text(2, version)]
  const scopeSpans = [message(1, scope), ...spans.map((span) => message(2, spanFields(span)))]
  const resourceSpans = [
    message(
      1,
      [...resource].map(([key, value]) => attribute(1, key, value)),
    ),
    message(2, scopeSpans),
  ]
  return message(1, resourceSpans)
}

function spanFields(span: CollectedSpan): Buffer[] {
  const { traceId, spanId, parentId, name, startMicros, endMicros = startMicros, failure, attributes } = span
  const fields = [
    bytes(1, Buffer.from(traceId, 'hex')),
    bytes(2, Buffer.from(spanId, 'hex')),
    text(5, name),
    varint(6, name === 'frontend.session' ? spanKind.server : spanKind.internal),
    nanoseconds(7, startMicros),
    nanoseconds(8, endMicros),
    ...Object.entries(attributes).map(([key, value]) => attribute(9, key, value as AttributeValue)),
    // Trace flags: sampled.
    fixed32(16, 1),
  ]
  if (parentId !== undefined) fields.push(bytes(4, Buffer.from(parentId, 'hex')))
  if (failure !== undefined) fields.push(message(15, [text(2, failure), varint(3, statusError)]))
  return fields
}

/** KeyValue. */
function attribute(field: number, key: string, value: AttributeValue): Buffer {
  return message(field, [text(1, key), message(2, [anyValue(value)])])
}

function anyValue(value: AttributeValue): Buffer {
  switch (typeof value) {
    case 'boolean':
      return varint(2, value ? 1 : 0)
    case 'number':
      return Number.isSafeInteger(value) ? varint(3, value) : double(4, value)
    default:
      return text(1, value)
  }
}

function message(field: number, fields: readonly Buffer[]): Buffer {
  return bytes(field, Buffer.concat(fields))
}

const text = (field: number, value: string): Buffer => bytes(field, Buffer.from(value, 'utf8'))

function bytes(field: number, value: Buffer): Buffer {
  return Buffer.concat([tag(field, bytesType), variableLength(BigInt(value.length)), value])
}

function varint(field: number, value: number): Buffer {
  return Buffer.concat([tag(field, varintType), variableLength(BigInt.asUintN(64, BigInt(value)))])
}

function double(field: number, value: number): Buffer {
  const eight = Buffer.alloc(8)
  eight.writeDoubleLE(value)
  return Buffer.concat([tag(field, fixed64Type), eight])
}

function nanoseconds(field: number, micros: number): Buffer {
  const eight = Buffer.alloc(8)
  eight.writeBigUInt64LE(BigInt(Math.round(micros)) * 1_000n)
  return Buffer.concat([tag(field, fixed64Type), eight])
}

function fixed32(field: number, value: number): Buffer {
  const four = Buffer.alloc(4)
  four.writeUInt32LE(value)
  return Buffer.concat([tag(field, fixed32Type), four])
}

const tag = (field: number, type: number): Buffer => variableLength(BigInt((field << 3) | type))

/** Seven bits a byte, the lowest first. */
function variableLength(value: bigint): Buffer {
  const out: number[] = []
  let rest = value
  for (; rest > 0x7fn; rest >>= 7n) out.push(Number(rest & 0x7fn) | 0x80)
  out.push(Number(rest))
  return Buffer.from(out)
}
