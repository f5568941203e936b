import { SqlError, unsupported } from '../../protocol/errors.ts'
import { readOnlyTransaction } from './block.ts'
import { truth } from './parameter.ts'
import { type Answer, commandName, newRun } from './planned.ts'
import { nodeKind, PreparedStatement } from './prepared.ts'
import { plainColumn } from './result.ts'
import type { Session } from './session.ts'
import type { OutputColumn } from './sql/bind/bound.ts'
import type { Affected, Suspension } from './sql/execute/run.ts'
import { type ExplainOptions, explainAnalyze, explainPlan } from './sql/plan/explain.ts'
import { arrived, type Task } from './task.ts'

interface Option {
  readonly DefElem: {
    readonly defname: string
    readonly arg?: { readonly String?: { readonly sval?: string }; readonly Integer?: { readonly ival?: number } }
    readonly location?: number
  }
}

interface ExplainStmt {
  readonly query: unknown
  readonly options?: readonly Option[]
}

interface Said extends ExplainOptions {
  readonly analyze: boolean
  readonly timing: boolean
  readonly summary: boolean
}

const jsonOid = 114

export function* explain(session: Session, statement: PreparedStatement): Task<Answer> {
  const { query } = statement.body as ExplainStmt
  const said = readOptions(statement)
  let target = new PreparedStatement({ ...statement.parsed, node: query }, [], undefined)
  if (target.kind === 'ExecuteStmt') {
    const { name, params = [] } = target.body as { readonly name: string; readonly params?: readonly unknown[] }
    const found = session.prepared.get(name)
    if (found === undefined) throw new SqlError('26000', `prepared statement "${name}" does not exist`)
    if (params.length > 0) throw unsupported('EXPLAIN EXECUTE with parameters')
    target = found
  }
  if (!target.isPlannable) throw unsupported(`EXPLAIN of ${nodeKind(query)}`)
  yield* arrived(session.beginStatement())
  const catalog = yield* arrived(session.catalog())
  const { clock } = session.runtime.world
  const planningStarted = clock.monotonic()
  const { plan } = session.planFor(target, catalog, true)
  const planned = clock.monotonic()
  const lines: string[] = []
  if (said.analyze) {
    if (session.block.readOnly && plan.writes) throw readOnlyTransaction(commandName(target))
    const { run, release } = newRun(session, catalog, [])
    const affected: Affected = { rows: 0 }
    try {
      lines.push(...(yield* suspended(session, explainAnalyze(plan, run, affected, { ...said, clock: () => clock.monotonic() }))))
    } finally {
      release()
    }
  } else lines.push(...explainPlan(plan, said))
  if (said.summary && said.format === 'text') {
    lines.push(`Planning Time: ${milliseconds(planned - planningStarted)} ms`)
    if (said.analyze) lines.push(`Execution Time: ${milliseconds(clock.monotonic() - planned)} ms`)
  }
  return { tag: 'EXPLAIN', columns: columns(said), rows: lines.map((line) => [line]) }
}

const milliseconds = (micros: number): string => (micros / 1_000).toFixed(3)

function* suspended<T>(session: Session, work: Generator<Suspension, T, void>): Task<T> {
  for (;;) {
    const step = work.next()
    if (step.done === true) return step.value
    if (step.value.promise !== undefined) yield session.interrupts.guard(step.value.promise)
    else yield session.interrupts.pause()
    session.interrupts.check()
  }
}

const columns = ({ format }: Said): readonly OutputColumn[] => [
  format === 'json' ? plainColumn('QUERY PLAN', jsonOid) : plainColumn('QUERY PLAN'),
]

export const describeExplain = (statement: PreparedStatement): readonly OutputColumn[] => columns(readOptions(statement))

const switches = new Set(['analyze', 'verbose', 'costs', 'timing', 'summary', 'buffers', 'wal', 'settings', 'generic_plan'])

function readOptions(statement: PreparedStatement): Said {
  const on = new Map<string, boolean>()
  let format = 'text'
  for (const { DefElem: option } of (statement.body as ExplainStmt).options ?? []) {
    const position = statement.parsed.positionOf(option.location)
    const at = position === undefined ? {} : { position }
    if (option.defname === 'format') {
      format = (option.arg?.String?.sval ?? '').toLowerCase()
      if (!['text', 'xml', 'json', 'yaml'].includes(format)) {
        throw new SqlError('22023', `unrecognized value for EXPLAIN option "format": "${option.arg?.String?.sval ?? ''}"`, at)
      }
    } else if (switches.has(option.defname)) on.set(option.defname, isOn(option))
    else throw new SqlError('42601', `unrecognized EXPLAIN option "${option.defname}"`, at)
  }
  const analyze = on.get('analyze') ?? false
  for (const name of ['wal', 'timing'] as const) {
    if (on.get(name) === true && !analyze) throw new SqlError('22023', `EXPLAIN option ${name.toUpperCase()} requires ANALYZE`)
  }
  if (format === 'xml' || format === 'yaml') throw unsupported(`EXPLAIN (FORMAT ${format.toUpperCase()})`)
  if (on.get('generic_plan') === true) throw unsupported('EXPLAIN (GENERIC_PLAN)')
  return {
    analyze,
    format: format as 'text' | 'json',
    costs: on.get('costs') ?? true,
    verbose: on.get('verbose') ?? false,
    timing: on.get('timing') ?? true,
    summary: on.get('summary') ?? analyze,
  }
}

function isOn({ defname, arg }: Option['DefElem']): boolean {
  if (arg === undefined) return true
  if (arg.Integer !== undefined) return (arg.Integer.ival ?? 0) !== 0
  const value = truth(arg.String?.sval ?? '')
  if (value === undefined) throw new SqlError('42601', `${defname} requires a Boolean value`)
  return value
}
