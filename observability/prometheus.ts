/** Metrics in Prometheus' text format 0.0.4. https://prometheus.io/docs/instrumenting/exposition_formats/ */
import type { Histogram } from './metrics.ts'

export const expositionType = 'text/plain; version=0.0.4; charset=utf-8'

type Labels = Readonly<Record<string, string>>

interface Sample {
  readonly labels: Labels
  readonly value: number
}

export interface Family {
  readonly name: string
  readonly help: string
  readonly kind: 'counter' | 'gauge' | 'histogram'
  readonly samples: readonly Sample[]
  readonly histograms: readonly { readonly labels: Labels; readonly histogram: Histogram }[]
}

const none: Labels = {}

export function counter(name: string, help: string, ...samples: readonly Sample[]): Family {
  return { name, help, kind: 'counter', samples, histograms: [] }
}

export function gauge(name: string, help: string, ...samples: readonly Sample[]): Family {
  return { name, help, kind: 'gauge', samples, histograms: [] }
}

export function histogram(name: string, help: string, measured: Histogram): Family {
  return { name, help, kind: 'histogram', samples: [], histograms: [{ labels: none, histogram: measured }] }
}

export const sample = (value: number, labels: Labels = none): Sample => ({ labels, value })

export const samplesOf = (counts: ReadonlyMap<string, number>, label: string): Sample[] =>
  [...counts].map(([name, value]) => ({ labels: { [label]: name }, value }))

export function exposition(families: readonly Family[]): string {
  const lines: string[] = []
  for (const { name, help, kind, samples, histograms } of families) {
    if (samples.length === 0 && histograms.length === 0) continue
    lines.push(`# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`, `# TYPE ${name} ${kind}`)
    for (const { labels, value } of samples) lines.push(`${name}${labelled(labels)} ${value}`)
    for (const one of histograms) pushHistogram(lines, name, one.labels, one.histogram)
  }
  return `${lines.join('\n')}\n`
}

function pushHistogram(lines: string[], name: string, labels: Labels, { bounds, counts, scale, sum }: Histogram): void {
  let below = 0
  for (const [i, bound] of bounds.entries()) {
    below += counts[i] as number
    lines.push(`${name}_bucket${labelled({ ...labels, le: shownNumber(bound * scale) })} ${below}`)
  }
  below += counts[bounds.length] as number
  lines.push(`${name}_bucket${labelled({ ...labels, le: '+Inf' })} ${below}`)
  lines.push(`${name}_sum${labelled(labels)} ${shownNumber(sum * scale)}`, `${name}_count${labelled(labels)} ${below}`)
}

/** Without the tail that binary fractions leave. */
const shownNumber = (value: number): string => String(Number(value.toPrecision(12)))

function labelled(labels: Labels): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
  return parts.length === 0 ? '' : `{${parts.join(',')}}`
}

const escaped = (value: string): string => value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
