import { journey } from './journey.ts'

/** A span as `sys.spans` tells it. Times in microseconds. */
export interface ToldSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentId: string | undefined
  readonly name: string
  readonly startMicros: number
  /** Undefined while it goes on. */
  readonly durationMicros: number | undefined
  readonly attributes: Readonly<Record<string, string | number>>
  readonly failure: string | undefined
}

/** So many spans of one name, one after the other under one parent, are shown; the rest are counted. */
const alikeMax = 4
const barWidth = 22
const order: readonly string[] = journey.map(({ name }) => name)

interface Line {
  readonly label: string
  readonly span: ToldSpan
  readonly text: string
}

/**
 * The spans of one trace for a terminal: who caused whom, when each began, how long it took, and what it says. Roots are spans whose parent is
 * not among them: a client's own trace may hold several transactions.
 */
export function renderTrace(spans: readonly ToldSpan[]): string[] {
  const known = new Set(spans.map(({ spanId }) => spanId))
  const children = new Map<string, ToldSpan[]>()
  const roots: ToldSpan[] = []
  for (const span of [...spans].sort(byBeginning)) {
    const { parentId } = span
    if (parentId === undefined || !known.has(parentId)) roots.push(span)
    else children.set(parentId, [...(children.get(parentId) ?? []), span])
  }
  const lines: Line[] = []
  const add = (span: ToldSpan, lead: string, isLast: boolean, isRoot: boolean): void => {
    const label = isRoot ? span.name : `${lead}${isLast ? '└─ ' : '├─ '}${span.name}`
    lines.push({ label, span, text: wordsOf(span) })
    const below = shown(children.get(span.spanId) ?? [])
    const deeper = isRoot ? '' : `${lead}${isLast ? '   ' : '│  '}`
    for (const [i, { child, more }] of below.entries()) {
      const isLastChild = i === below.length - 1
      if (more === undefined) add(child, deeper, isLastChild, false)
      else lines.push({ label: `${deeper}${isLastChild ? '└─ ' : '├─ '}${child.name}`, span: child, text: more })
    }
  }
  for (const root of roots) add(root, '', true, true)
  return drawn(lines)
}

/** The steps of one cause in the order of the journey where they began together. */
function byBeginning(a: ToldSpan, b: ToldSpan): number {
  return a.startMicros - b.startMicros || order.indexOf(a.name) - order.indexOf(b.name)
}

/** A run of spans alike: the first ones, then one line for the rest. */
function shown(children: readonly ToldSpan[]): { readonly child: ToldSpan; readonly more: string | undefined }[] {
  const out: { child: ToldSpan; more: string | undefined }[] = []
  for (let i = 0; i < children.length; ) {
    const first = children[i] as ToldSpan
    let end = i
    while (end < children.length && children[end]?.name === first.name) end++
    const isStep = children.slice(i, end).every(({ name }) => name !== 'query-processor.statement')
    const shownCount = isStep && end - i > alikeMax ? alikeMax - 1 : end - i
    for (const child of children.slice(i, i + shownCount)) out.push({ child, more: undefined })
    const rest = children.slice(i + shownCount, end)
    if (rest.length > 0) out.push({ child: together(rest), more: `${rest.length} more of them` })
    i = end
  }
  return out
}

function together(spans: readonly ToldSpan[]): ToldSpan {
  const first = spans[0] as ToldSpan
  const end = Math.max(...spans.map(({ startMicros, durationMicros = 0 }) => startMicros + durationMicros))
  return { ...first, durationMicros: end - first.startMicros }
}

function drawn(lines: readonly Line[]): string[] {
  const begins = Math.min(...lines.map(({ span }) => span.startMicros))
  const ends = Math.max(...lines.map(({ span }) => span.startMicros + (span.durationMicros ?? 0)), begins + 1)
  const labelWidth = Math.max(...lines.map(({ label }) => label.length))
  return lines.map(({ label, span, text }) => {
    const { startMicros, durationMicros } = span
    const from = Math.floor(((startMicros - begins) / (ends - begins)) * (barWidth - 1))
    const to = Math.ceil(((startMicros + (durationMicros ?? 0) - begins) / (ends - begins)) * barWidth)
    const bar = `${' '.repeat(from)}${'━'.repeat(Math.max(1, to - from))}`.slice(0, barWidth).padEnd(barWidth)
    const took = durationMicros === undefined ? 'not ended' : milliseconds(durationMicros)
    return `${label.padEnd(labelWidth)} ${took.padStart(11)}  ${bar}  ${text}`.trimEnd()
  })
}

const milliseconds = (micros: number): string => `${(micros / 1_000).toFixed(3)} ms`

/** Names without their first part: who reads here knows whose they are. */
const names: Readonly<Record<string, string>> = {
  'db.query.text': '',
  'db.system.name': 'hidden',
  'db.response.status_code': 'SQLSTATE',
  'taudb.transaction': 'id',
  'taudb.xact_id': 'hidden',
  'taudb.tau_start': 'tauStart',
  'taudb.tau_commit': 'tauCommit',
  'taudb.transactions': 'transactions in the record',
  'taudb.conflict_key': 'conflicting key',
  'taudb.conflict_table': 'conflicting table',
  'taudb.keys_read': 'keys read',
  'client.address': 'client',
  'db.namespace': 'database',
}

function wordsOf({ attributes, failure }: ToldSpan): string {
  const words: string[] = []
  for (const [attribute, value] of Object.entries(attributes)) {
    const name = names[attribute] ?? attribute.replace(/^(taudb|client|db)\./, '').replaceAll('_', ' ')
    if (name === 'hidden') continue
    if (name === '') words.unshift(String(value))
    else words.push(`${name} ${value}`)
  }
  if (failure !== undefined && attributes['db.response.status_code'] !== failure) words.push(`failed: ${failure}`)
  return words.join(', ')
}

/** The spans of the trace that holds `transaction` (its id, its pg_current_xact_id or its trace id); the newest complete trace for undefined. */
export function traceOf(spans: readonly ToldSpan[], transaction: string | undefined): readonly ToldSpan[] {
  if (transaction === undefined) {
    let newest: ToldSpan | undefined
    for (const span of spans) {
      const isRoot = span.name === 'frontend.session' && span.durationMicros !== undefined
      if (isRoot && (newest === undefined || span.startMicros >= newest.startMicros)) newest = span
    }
    return spans.filter(({ traceId }) => traceId === newest?.traceId)
  }
  const found = spans.find(
    ({ traceId, attributes }) =>
      traceId === transaction || attributes['taudb.transaction'] === transaction || attributes['taudb.xact_id'] === transaction,
  )
  return spans.filter(({ traceId }) => traceId === found?.traceId)
}
