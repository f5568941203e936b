import type { Expr } from '../bind/bound.ts'
import { newFrame } from '../execute/execute.ts'
import type { Counters, Opener } from '../execute/frame.ts'
import { prepare } from '../execute/prepare.ts'
import { type Affected, type Run, Suspension } from '../execute/run.ts'
import type { Node, Plan, SubqueryPlan, TableScan } from './node.ts'
import { exprsOfNode, inputsOf } from './node-walk.ts'
import { PlanText } from './plan-text.ts'
import { sqlType } from './sql-type.ts'
import { eachNode } from './walk.ts'

export interface ExplainOptions {
  readonly costs: boolean
  readonly verbose: boolean
  readonly format: 'text' | 'json'
}

/** What ANALYZE counted of one node, over all its loops. */
interface Measured {
  rows: number
  loops: number
  keysRead: number
  micros: number
}

interface Described {
  readonly label: string
  readonly node: Node
  readonly details: readonly (readonly [string, string | number])[]
  readonly children: readonly { readonly role: string | undefined; readonly child: Described }[]
}

/** The plan in PostgreSQL's manner, one string for each line (one for the whole document with FORMAT JSON). */
export function explainPlan(plan: Plan, options: ExplainOptions): string[] {
  return rendered(plan, options, undefined)
}

/**
 * Runs the plan and answers it with what was counted. `clock` in microseconds. Rows of the statement itself go nowhere.
 */
export function* explainAnalyze(
  plan: Plan,
  run: Run,
  affected: Affected,
  options: ExplainOptions & { readonly timing: boolean; readonly clock: () => number },
): Generator<Suspension, string[], void> {
  const measured = new Map<Node, Measured>()
  const of = (node: Node): Measured => {
    let known = measured.get(node)
    if (known === undefined) measured.set(node, (known = { rows: 0, loops: 0, keysRead: 0, micros: 0 }))
    return known
  }
  const watch = (node: Node, open: Opener): Opener => {
    const counts = of(node)
    return function* (frame) {
      counts.loops++
      const stream = open(frame)
      try {
        for (;;) {
          const started = options.clock()
          const next = stream.next()
          counts.micros += options.clock() - started
          if (next.done) return
          if (!(next.value instanceof Suspension)) counts.rows += next.value.length
          yield next.value
        }
      } finally {
        stream.return()
      }
    }
  }
  const counters: Counters = {
    keysRead(node, keys) {
      of(node as Node).keysRead += keys
    },
  }
  const { open, slots } = prepare(plan, watch)
  for (const item of open(newFrame(slots, run, affected, counters))) if (item instanceof Suspension) yield item
  return rendered(plan, options, { measured, timing: options.timing })
}

type Analysis = { readonly measured: ReadonlyMap<Node, Measured>; readonly timing: boolean } | undefined

function rendered(plan: Plan, options: ExplainOptions, analysis: Analysis): string[] {
  const text = new PlanText(plan, options.verbose || countTables(plan.root) > 1)
  const root = describe(plan.root, plan, text, options, new Set())
  if (options.format === 'json') return [JSON.stringify([{ Plan: asJson(root, options, analysis) }], undefined, 2)]
  const lines: string[] = []
  write(root, undefined, 0, options, analysis, lines)
  return lines
}

function countTables(node: Node): number {
  return (
    (node.kind === 'tableScan' || node.kind === 'systemScan' || node.kind === 'storageAggregate' ? 1 : 0) +
    inputsOf(node).reduce((sum, input) => sum + countTables(input), 0)
  )
}

function write(
  { label, node, details, children }: Described,
  role: string | undefined,
  depth: number,
  options: ExplainOptions,
  analysis: Analysis,
  lines: string[],
): void {
  const indent = depth === 0 ? '' : ' '.repeat(depth * 6 - 4)
  if (role !== undefined) lines.push(`${indent}${role}`)
  const arrow = depth === 0 ? '' : role === undefined ? '->  ' : '  ->  '
  lines.push(`${indent}${arrow}${label}${costText(node, options)}${actualText(node, analysis)}`)
  const inner = ' '.repeat(depth === 0 ? 2 : depth * 6 + 2 + (role === undefined ? 0 : 2))
  for (const [name, value] of details) lines.push(`${inner}${name}: ${value}`)
  const keys = keysReadOf(node, analysis)
  if (keys !== undefined) lines.push(`${inner}Keys Read: ${keys}`)
  for (const { role: childRole, child } of children) write(child, childRole, depth + 1, options, analysis, lines)
}

function keysReadOf(node: Node, analysis: Analysis): number | undefined {
  const scan = node.kind === 'storageAggregate' ? node.scan : node
  return scan.kind === 'tableScan' ? analysis?.measured.get(scan)?.keysRead : undefined
}

const rowsGuess = (node: Node): number => Math.max(1, Math.round(node.rows))

/** There are no statistics: the figures order plans, they measure nothing. */
function costOf(node: Node): number {
  return inputsOf(node).reduce((sum, input) => sum + costOf(input), 0) + 0.01 * rowsGuess(node)
}

function widthOf(node: Node): number {
  return node.layout.reduce((sum, slot) => {
    const { length } = sqlType(slot.type.oid)
    return sum + (length > 0 ? length : 32)
  }, 0)
}

const costText = (node: Node, { costs }: ExplainOptions): string =>
  costs ? `  (cost=0.00..${costOf(node).toFixed(2)} rows=${rowsGuess(node)} width=${widthOf(node)})` : ''

function actualText(node: Node, analysis: Analysis): string {
  if (analysis === undefined) return ''
  const counted = analysis.measured.get(node)
  if (counted === undefined || counted.loops === 0) return ' (never executed)'
  const { loops } = counted
  const time = analysis.timing ? `time=0.000..${(counted.micros / loops / 1_000).toFixed(3)} ` : ''
  return ` (actual ${time}rows=${Math.round(counted.rows / loops)} loops=${loops})`
}

function asJson({ label, node, details, children }: Described, options: ExplainOptions, analysis: Analysis): object {
  const counted = analysis?.measured.get(node)
  const loops = Math.max(counted?.loops ?? 0, 1)
  return {
    'Node Type': label,
    ...(options.costs && {
      'Startup Cost': 0,
      'Total Cost': Number(costOf(node).toFixed(2)),
      'Plan Rows': rowsGuess(node),
      'Plan Width': widthOf(node),
    }),
    ...(counted !== undefined && {
      ...(analysis?.timing && {
        'Actual Startup Time': 0,
        'Actual Total Time': Number((counted.micros / loops / 1_000).toFixed(3)),
      }),
      'Actual Rows': Math.round(counted.rows / loops),
      'Actual Loops': counted.loops,
    }),
    ...Object.fromEntries(details),
    ...(keysReadOf(node, analysis) !== undefined && { 'Keys Read': keysReadOf(node, analysis) }),
    ...(children.length > 0 && {
      Plans: children.map(({ role, child }) => ({
        ...(role !== undefined && { 'Subplan Name': role }),
        ...asJson(child, options, analysis),
      })),
    }),
  }
}

/* ---------------------------------------------------------------- what a node is called */

function describe(node: Node, plan: Plan, text: PlanText, options: ExplainOptions, shown: Set<SubqueryPlan>): Described {
  // A projection that only computes is part of what it stands over, as in PostgreSQL.
  if (node.kind === 'project' && !options.verbose && node.input.kind !== 'oneRow') {
    const inner = describe(node.input, plan, text, options, shown)
    return { ...inner, children: [...inner.children, ...subplans(node, plan, text, options, shown)] }
  }
  const details: [string, string | number][] = []
  if (options.verbose && node.kind === 'project') details.push(['Output', node.exprs.map((expr) => text.expr(expr)).join(', ')])
  details.push(...detailsOf(node, text))
  const ctes = node.kind === 'with' ? node.ctes : []
  const inputs = node.kind === 'project' && node.input.kind === 'oneRow' ? [] : inputsOf(node)
  const children = inputs.map((input) => {
    const cte = ctes.find((one) => (one.kind === 'recursive' ? one.start === input || one.step === input : one.node === input))
    const role = cte && `CTE ${cte.name}${cte.kind === 'recursive' ? (cte.start === input ? ' (start)' : ' (step)') : ''}`
    return { role, child: describe(input, plan, text, options, shown) }
  })
  return { label: labelOf(node, text), node, details, children: [...children, ...subplans(node, plan, text, options, shown)] }
}

function subplans(
  node: Node,
  plan: Plan,
  text: PlanText,
  options: ExplainOptions,
  shown: Set<SubqueryPlan>,
): Described['children'] {
  const found: SubqueryPlan[] = []
  const visit = (expr: Expr): void => {
    const planned = plan.subqueries.get(expr)
    if (planned === undefined || shown.has(planned)) return
    shown.add(planned)
    found.push(planned)
  }
  for (const expr of exprsOfNode(node)) eachNode(expr, visit)
  return found.map((planned) => ({
    role: `${planned.once ? 'InitPlan' : 'SubPlan'} ${planned.number}`,
    child: describe(planned.node, plan, text, options, shown),
  }))
}

const joinNames = { inner: '', left: ' Left', right: ' Right', full: ' Full', semi: ' Semi', anti: ' Anti' } as const

function labelOf(node: Node, text: PlanText): string {
  switch (node.kind) {
    case 'tableScan':
      return scanLabel(node)
    case 'storageAggregate':
      return `Storage Aggregate on ${node.scan.table.name}`
    case 'systemScan':
      return `System Scan on ${node.table.name}`
    case 'sequenceScan':
      return `Sequence Scan on ${node.sequence.name}`
    case 'values':
      return 'Values Scan'
    case 'oneRow':
      return 'Result'
    case 'functionScan':
      return `Function Scan on ${text.relationName(node.relation)}`
    case 'cteScan':
      return `${node.working ? 'WorkTable' : 'CTE'} Scan on ${node.name}`
    case 'filter':
      return 'Filter'
    case 'project':
      return 'Result'
    case 'projectSet':
      return 'ProjectSet'
    case 'aggregate':
      return node.keys.length === 0 ? 'Aggregate' : node.sorted ? 'GroupAggregate' : 'HashAggregate'
    case 'sort':
      return node.rowsMax.length > 0 ? 'Top-N Sort' : 'Sort'
    case 'limit':
      return 'Limit'
    case 'distinct':
      return 'Unique'
    case 'lockRows':
      return 'LockRows'
    case 'nestedLoop':
      return `Nested Loop${joinNames[node.join]}${node.join === 'inner' ? '' : ' Join'}`
    case 'hashJoin':
      return `Hash${joinNames[node.join]} Join`
    case 'setOperation': {
      const name = node.operation === 'intersect' ? 'Intersect' : 'Except'
      return `HashSetOp ${name}${node.all ? ' All' : ''}`
    }
    case 'append':
      return 'Append'
    case 'with':
      return 'With'
    case 'insert':
      return `Insert on ${node.table.name}`
    case 'update':
      return `Update on ${node.table.name}`
    default:
      return `Delete on ${node.table.name}`
  }
}

function scanLabel(scan: TableScan): string {
  const backward = scan.reverse ? ' Backward' : ''
  if (scan.index !== undefined) {
    return scan.point
      ? `Index Lookup using ${scan.index.name} on ${scan.table.name}`
      : `Index Scan${backward} using ${scan.index.name} on ${scan.table.name}`
  }
  if (scan.point) return `Key Lookup on ${scan.table.name}`
  return `${scan.bounds === undefined ? 'Full' : 'Key Range'} Scan${backward} on ${scan.table.name}`
}

function detailsOf(node: Node, text: PlanText): [string, string | number][] {
  const details: [string, string | number][] = []
  const add = (name: string, value: string): void => {
    if (value !== '') details.push([name, value])
  }
  switch (node.kind) {
    case 'tableScan':
      add(node.index === undefined ? 'Key Cond' : 'Index Cond', text.condition(node.bounds?.conditions ?? []))
      add('Storage Filter', text.condition(node.storageConditions))
      add('Filter', node.filter === undefined ? '' : text.condition([node.filter]))
      break
    case 'storageAggregate':
      add('Aggregates', node.aggregates.map((aggregate) => text.expr(aggregate.expr)).join(', '))
      add('Key Cond', text.condition(node.scan.bounds?.conditions ?? []))
      add('Storage Filter', text.condition(node.scan.storageConditions))
      break
    case 'systemScan':
      add('Filter', node.filter === undefined ? '' : text.condition([node.filter]))
      break
    case 'filter':
      add(node.once ? 'One-Time Filter' : 'Filter', text.condition([node.condition]))
      break
    case 'aggregate':
      add('Group Key', node.keys.map((_, i) => text.expr({ kind: 'column', ...node.layout[i]! })).join(', '))
      break
    case 'sort':
      add('Sort Key', text.sortKeys(node.keyExprs, node.keys))
      break
    case 'nestedLoop':
      add('Join Filter', node.condition === undefined ? '' : text.condition([node.condition]))
      break
    case 'hashJoin':
      add(
        'Hash Cond',
        node.leftKeys.map((key, i) => `(${text.expr(key)} = ${text.expr(node.rightKeys[i] as Expr)})`).join(' AND '),
      )
      add('Join Filter', node.condition === undefined ? '' : text.condition([node.condition]))
      break
    case 'insert':
      if (node.onConflict !== undefined) {
        add('Conflict Resolution', node.onConflict.update === undefined ? 'NOTHING' : 'UPDATE')
        add('Conflict Arbiter Indexes', node.onConflict.arbiters.map((index) => index.name).join(', '))
      }
      break
    default:
  }
  return details
}
