/** The standard OTEL_* variables, as far as they concern traces over OTLP/HTTP. https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ */

export interface ExportSettings {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly timeoutMs: number
  readonly isCompressed: boolean
  /** OTEL_BSP_*: spans wait this long, so many at most, and leave so many at a time. */
  readonly delayMs: number
  readonly queueMax: number
  readonly batchMax: number
  readonly resource: ReadonlyMap<string, string>
}

/** What stands in a variable is nothing we can do. */
export class OtelRefused extends Error {
  override readonly name = 'OtelRefused'
}

type Environment = Readonly<Record<string, string | undefined>>

const endpointDefault = 'http://localhost:4318'

/**
 * Undefined: nobody has asked for an export. Exported is where an endpoint is named, or OTEL_TRACES_EXPORTER says otlp. Throws OtelRefused
 * for what is not spoken here.
 */
export function exportSettings(environment: Environment): ExportSettings | undefined {
  // The specification: an empty variable is one that is not set.
  const value = (name: string): string | undefined => (environment[name]?.trim() === '' ? undefined : environment[name]?.trim())
  const forTraces = (name: string): string | undefined =>
    value(`OTEL_EXPORTER_OTLP_TRACES_${name}`) ?? value(`OTEL_EXPORTER_OTLP_${name}`)
  const exporter = value('OTEL_TRACES_EXPORTER')
  if (value('OTEL_SDK_DISABLED')?.toLowerCase() === 'true' || exporter === 'none') return undefined
  const endpoint = forTraces('ENDPOINT')
  if (endpoint === undefined && exporter === undefined) return undefined
  if (exporter !== undefined && exporter !== 'otlp')
    throw new OtelRefused(`OTEL_TRACES_EXPORTER: "${exporter}" is not here; there are otlp and none`)
  const protocol = forTraces('PROTOCOL') ?? 'http/protobuf'
  if (protocol !== 'http/protobuf')
    throw new OtelRefused(`OTEL_EXPORTER_OTLP_PROTOCOL: "${protocol}" is not spoken here; use http/protobuf`)
  const compression = forTraces('COMPRESSION') ?? 'none'
  if (compression !== 'none' && compression !== 'gzip')
    throw new OtelRefused(`OTEL_EXPORTER_OTLP_COMPRESSION: "${compression}" is not here; there are gzip and none`)
  const number = (name: string, otherwise: number): number => {
    const given = value(name)
    if (given === undefined) return otherwise
    if (!/^\d{1,9}$/.test(given) || Number(given) === 0)
      throw new OtelRefused(`${name}: "${given}" is not a positive whole number`)
    return Number(given)
  }
  const timeoutName = value('OTEL_EXPORTER_OTLP_TRACES_TIMEOUT') === undefined ? 'TIMEOUT' : 'TRACES_TIMEOUT'
  return {
    url: urlOf(value('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'), endpoint ?? endpointDefault),
    headers: Object.fromEntries(pairs('OTEL_EXPORTER_OTLP_HEADERS', forTraces('HEADERS'))),
    timeoutMs: number(`OTEL_EXPORTER_OTLP_${timeoutName}`, 10_000),
    isCompressed: compression === 'gzip',
    delayMs: number('OTEL_BSP_SCHEDULE_DELAY', 5_000),
    queueMax: number('OTEL_BSP_MAX_QUEUE_SIZE', 2_048),
    batchMax: number('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', 512),
    resource: resourceOf(value('OTEL_RESOURCE_ATTRIBUTES'), value('OTEL_SERVICE_NAME')),
  }
}

/** The traces' own endpoint is taken as it is; the common one gets the signal's path behind it. */
function urlOf(own: string | undefined, common: string): string {
  const url = own ?? `${common.replace(/\/$/, '')}/v1/traces`
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new OtelRefused(`OTEL_EXPORTER_OTLP_ENDPOINT: "${own ?? common}" is no http:// or https:// address`)
  return url
}

function resourceOf(attributes: string | undefined, name: string | undefined): ReadonlyMap<string, string> {
  const resource = new Map([['service.name', 'taudb'], ...pairs('OTEL_RESOURCE_ATTRIBUTES', attributes)])
  if (name !== undefined) resource.set('service.name', name)
  return resource
}

/** W3C Baggage: name=value pairs with commas, values percent-encoded. */
function pairs(variable: string, list: string | undefined): readonly (readonly [string, string])[] {
  if (list === undefined) return []
  return list.split(',').map((pair) => {
    const equals = pair.indexOf('=')
    if (equals <= 0) throw new OtelRefused(`${variable}: "${pair}" is not name=value`)
    return [pair.slice(0, equals).trim(), decoded(pair.slice(equals + 1).trim())] as const
  })
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}
