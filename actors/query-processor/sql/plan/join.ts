import type { Expr, FromItem, RelationId } from '../bind/bound.ts'
import { waits } from '../execute/waits.ts'
import { accessPath, conditionSelectivity } from './access-path.ts'
import { asComparison } from './comparison.ts'
import type { JoinKind, Layout, Node, TableScan } from './node.ts'
import type { Planning } from './planning.ts'
import { sqlType } from './sql-type.ts'
import { conjunction, eachExprOfFrom, relationsOf } from './walk.ts'

export interface RightSide {
  readonly item: FromItem
  /** Planned on its own, under `own`. */
  readonly node: Node
  readonly own: readonly Expr[]
  /** It reads columns of the left side. */
  readonly lateral: boolean
}

export interface Joined {
  readonly node: Node
  readonly cost: number
}

const isLeftOnly = (kind: JoinKind): boolean => kind === 'semi' || kind === 'anti'

/** The cheapest way to put two sides together under `conditions`: look-ups by key, a hash table, or every pair. */
export function join(planning: Planning, kind: JoinKind, left: Node, right: RightSide, conditions: readonly Expr[]): Joined {
  if (right.lateral) return lateralJoin(planning, kind, left, right, conditions)
  const candidates: Joined[] = [pairs(kind, left, right.node, conditions)]
  const lookup = lookupJoin(planning, kind, left, right, conditions)
  if (lookup !== undefined) candidates.push(lookup)
  const hashed = hashedJoin(kind, left, right.node, conditions)
  if (hashed !== undefined) candidates.push(hashed)
  return candidates.reduce((best, candidate) => (candidate.cost < best.cost ? candidate : best))
}

const layoutOf = (kind: JoinKind, left: Node, right: Node): Layout =>
  isLeftOnly(kind) ? left.layout : [...left.layout, ...right.layout]

function joinedRows(kind: JoinKind, left: Node, matches: number): number {
  switch (kind) {
    case 'inner':
      return Math.max(matches, 0.5)
    case 'semi':
    case 'anti':
      return Math.max(left.rows * 0.5, 0.5)
    default:
      return Math.max(matches, left.rows)
  }
}

const selectivityOf = (conditions: readonly Expr[]): number =>
  conditions.reduce(
    (product, condition) => product * (asComparison(condition)?.operator === '=' ? 0.005 : conditionSelectivity(condition)),
    1,
  )

function lateralJoin(planning: Planning, kind: JoinKind, left: Node, right: RightSide, conditions: readonly Expr[]): Joined {
  const exprs: Expr[] = []
  eachExprOfFrom(right.item, (expr) => exprs.push(expr))
  const reads = planning.reads(exprs, (relation) => left.layout.some((slot) => slot.relation === relation))
  const rows = left.rows * right.node.rows * selectivityOf(conditions)
  return {
    cost: left.rows * right.node.rows,
    node: {
      kind: 'nestedLoop',
      join: kind,
      left,
      right: right.node,
      condition: conjunction(conditions),
      lateral: true,
      bindings: planning.bindings(reads, left.layout),
      layout: layoutOf(kind, left, right.node),
      rows: joinedRows(kind, left, rows),
    },
  }
}

/** The inner table is read by a key made of the outer row. */
function lookupJoin(
  planning: Planning,
  kind: JoinKind,
  left: Node,
  { item, node, own }: RightSide,
  conditions: readonly Expr[],
): Joined | undefined {
  if (kind === 'full' || kind === 'right' || item.kind !== 'table' || item.table.system) return undefined
  const plain = conditions.filter((condition) => !waits(condition))
  const waiting = conditions.filter((condition) => waits(condition))
  if (own.some(waits) || plain.length === 0) return undefined
  const { scan, cost } = accessPath(item.table, item.id, scanLayout(node), [...own, ...plain], undefined)
  if (scan.bounds === undefined || !scan.bounds.conditions.some((condition) => plain.includes(condition))) return undefined
  const isLeft = (relation: RelationId): boolean => left.layout.some((slot) => slot.relation === relation)
  const reads = planning.reads(plain, isLeft)
  return {
    cost: left.rows * (cost + 2),
    node: {
      kind: 'nestedLoop',
      join: kind,
      left,
      right: scan,
      condition: conjunction(waiting),
      lateral: true,
      bindings: planning.bindings(reads, left.layout),
      layout: layoutOf(kind, left, scan),
      rows: joinedRows(kind, left, left.rows * scan.rows),
    },
  }
}

/** The layout of the scan at the bottom: filters above it have the same. */
const scanLayout = (node: Node): TableScan['layout'] => node.layout

function hashedJoin(kind: JoinKind, left: Node, right: Node, conditions: readonly Expr[]): Joined | undefined {
  const leftKeys: Expr[] = []
  const rightKeys: Expr[] = []
  const rest: Expr[] = []
  const within = (expr: Expr, layout: Layout): boolean => {
    const relations = relationsOf(expr)
    return relations.size > 0 && [...relations].every((relation) => layout.some((slot) => slot.relation === relation))
  }
  for (const condition of conditions) {
    const comparison = waits(condition) ? undefined : asComparison(condition)
    const hashable = comparison?.operator === '=' && sqlType(comparison.types.left).hashKey !== undefined
    if (comparison !== undefined && hashable && within(comparison.left, left.layout) && within(comparison.right, right.layout)) {
      leftKeys.push(comparison.left)
      rightKeys.push(comparison.right)
    } else if (
      comparison !== undefined &&
      hashable &&
      within(comparison.right, left.layout) &&
      within(comparison.left, right.layout)
    ) {
      leftKeys.push(comparison.right)
      rightKeys.push(comparison.left)
    } else rest.push(condition)
  }
  if (leftKeys.length === 0) return undefined
  const waiting = rest.filter(waits)
  if (waiting.length > 0 && kind !== 'inner') return undefined
  const plain = rest.filter((condition) => !waits(condition))
  // The smaller side of an inner join becomes the table.
  const swap = kind === 'inner' && left.rows < right.rows
  const [probe, build] = swap ? [right, left] : [left, right]
  const matches = Math.max(left.rows, right.rows) * selectivityOf(plain)
  const rows = joinedRows(kind, left, matches)
  const node: Node = {
    kind: 'hashJoin',
    join: kind,
    left: probe,
    right: build,
    leftKeys: swap ? rightKeys : leftKeys,
    rightKeys: swap ? leftKeys : rightKeys,
    nullAware: false,
    condition: conjunction(plain),
    layout: layoutOf(kind, probe, build),
    rows,
  }
  const condition = conjunction(waiting)
  return {
    cost: 4 + probe.rows * 0.5 + build.rows,
    node: condition === undefined ? node : { kind: 'filter', input: node, condition, once: false, layout: node.layout, rows },
  }
}

function pairs(kind: JoinKind, left: Node, right: Node, conditions: readonly Expr[]): Joined {
  const rows = left.rows * right.rows * selectivityOf(conditions)
  return {
    cost: left.rows * right.rows * 0.2 + right.rows + (conditions.length === 0 ? left.rows * right.rows : 0),
    node: {
      kind: 'nestedLoop',
      join: kind,
      left,
      right,
      condition: conjunction(conditions),
      lateral: false,
      bindings: [],
      layout: layoutOf(kind, left, right),
      rows: joinedRows(kind, left, rows),
    },
  }
}
