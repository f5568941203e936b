import type { Expr, RelationId } from '../bind/bound.ts'
import type { Index, IndexColumn, Table } from '../catalog/schema.ts'
import { isVolatileProcedure } from './comparison.ts'
import type { KeyBounds, KeyLimit, KeyPart, Layout, StorageFilter, TableScan } from './node.ts'
import { type ColumnCondition, columnConditions, type IsKnown, knownOutside, storageFilterOf } from './sargable.ts'
import { conjunction } from './walk.ts'

/** Nobody counts rows: every table is thought to have this many. */
const tableRows = 10_000

/** An order somebody would like the rows in; `limited` when only the first ones are wanted. */
export interface WantedOrder {
  readonly columns: readonly {
    readonly relation: RelationId
    readonly column: number
    readonly descending: boolean
    readonly nullsFirst: boolean
  }[]
  readonly limited: boolean
}

export interface AccessPath {
  readonly scan: TableScan
  readonly cost: number
  /** Rows come in the wanted order. */
  readonly ordered: boolean
}

interface Candidate {
  readonly index: Index | undefined
  readonly keyColumns: readonly IndexColumn[]
  readonly unique: boolean
}

/** The cheapest way to the rows of one table that satisfy `conditions` (none of which waits for a subquery). */
export function accessPath(
  table: Table,
  relation: RelationId,
  layout: Layout,
  conditions: readonly Expr[],
  order: WantedOrder | undefined,
): AccessPath {
  const isKnown = knownOutside((other) => other === relation, isVolatileProcedure)
  const about = conditions.flatMap((condition) => columnConditions(condition, relation, table, isKnown))
  const candidates: Candidate[] = [
    { index: undefined, keyColumns: table.primaryKey?.columns ?? [], unique: true },
    ...table.indexes
      .filter((index) => index.state === 'valid')
      .map((index) => ({ index, keyColumns: index.columns, unique: index.unique })),
  ]
  let best: AccessPath | undefined
  for (const candidate of candidates) {
    const path = pathOver(candidate, table, relation, layout, conditions, about, order, isKnown)
    if (path !== undefined && (best === undefined || path.cost < best.cost)) best = path
  }
  return best as AccessPath
}

function pathOver(
  { index, keyColumns, unique }: Candidate,
  table: Table,
  relation: RelationId,
  layout: Layout,
  conditions: readonly Expr[],
  about: readonly ColumnCondition[],
  order: WantedOrder | undefined,
  isKnown: IsKnown,
): AccessPath | undefined {
  const { bounds, exact, selectivity, complete } = boundsOver(keyColumns, about)
  const direction = order && orderDirection(keyColumns, bounds, relation, order, table, unique)
  if (index !== undefined && bounds === undefined && direction === undefined) return undefined
  const point = complete && unique && keyColumns.length > 0
  const rest = conditions.filter((condition) => !exact.has(condition))
  const { storageFilter, storageConditions, local } = divide(rest, relation, table, isKnown, index === undefined && !point)
  const looked = point ? Math.max(1, tableRows * selectivity * 0.0001) : Math.max(1, tableRows * selectivity)
  const keys = point ? pointKeys(bounds as KeyBounds) : looked
  const rows = Math.max(point ? Math.min(keys, 1) : 0.5, keys * restSelectivity(rest))
  const perKey = index === undefined ? 1 : 3
  let cost = keys * perKey + 1
  if (order !== undefined) {
    if (direction === undefined) cost += rows * Math.log2(rows + 1) * 0.2
    else if (order.limited && !point) {
      const share = Math.min(1, 20 / rows)
      cost = Math.max(2, cost * share)
    }
  }
  return {
    cost,
    ordered: direction !== undefined,
    scan: {
      kind: 'tableScan',
      layout,
      rows,
      relation,
      table,
      index,
      keyColumns,
      bounds,
      point,
      reverse: direction === 'reverse',
      storageFilter,
      storageConditions,
      filter: conjunction(local),
      rowsMax: [],
    },
  }
}

/** Storage decides what it can; an index scan gets its rows one by one, so all is decided here. */
function divide(
  conditions: readonly Expr[],
  relation: RelationId,
  table: Table,
  isKnown: IsKnown,
  storageHelps: boolean,
): { storageFilter: StorageFilter | undefined; storageConditions: readonly Expr[]; local: readonly Expr[] } {
  const local: Expr[] = []
  const filters: StorageFilter[] = []
  const storageConditions: Expr[] = []
  for (const condition of conditions) {
    const filter = storageHelps ? storageFilterOf(condition, relation, table, isKnown) : undefined
    if (filter === undefined) local.push(condition)
    else {
      filters.push(filter)
      storageConditions.push(condition)
    }
  }
  const [first] = filters
  const storageFilter: StorageFilter | undefined = filters.length > 1 ? { kind: 'and', of: filters } : first
  return { storageFilter, storageConditions, local }
}

const pointKeys = (bounds: KeyBounds): number =>
  bounds.parts.reduce(
    (product, part) => product * (part.kind === 'in' ? part.values.length : part.kind === 'anyArray' ? 10 : 1),
    1,
  )

function restSelectivity(conditions: readonly Expr[]): number {
  let selectivity = 1
  for (const condition of conditions) selectivity *= conditionSelectivity(condition)
  return Math.max(selectivity, 0.0001)
}

export function conditionSelectivity(condition: Expr): number {
  if (condition.kind === 'call') return 0.2
  if (condition.kind === 'or') return 0.4
  if (condition.kind === 'isNull') return condition.negated ? 0.95 : 0.05
  if (condition.kind === 'in' || condition.kind === 'anyArray') return 0.1
  return 0.4
}

interface Bounds {
  readonly bounds: KeyBounds | undefined
  /** Conditions that need no further test. */
  readonly exact: ReadonlySet<Expr>
  readonly selectivity: number
  /** Every key column has an equality (NULL is none). */
  readonly complete: boolean
}

function boundsOver(keyColumns: readonly IndexColumn[], about: readonly ColumnCondition[]): Bounds {
  const parts: KeyPart[] = []
  const conditions: Expr[] = []
  const exact = new Set<Expr>()
  let selectivity = 1
  let nulls = false
  const use = (found: ColumnCondition): void => {
    if (!conditions.includes(found.condition)) conditions.push(found.condition)
    if (found.exact) exact.add(found.condition)
  }
  for (const { attnum } of keyColumns) {
    const mine = about.filter((condition) => condition.column === attnum - 1)
    const part = bestPart(mine)
    if (part === undefined) {
      const span = spanOf(mine, use)
      if (span !== undefined) {
        selectivity *= span.selectivity
        return { bounds: { parts, span: span.span, conditions }, exact, selectivity, complete: false }
      }
      break
    }
    const { part: key } = part.says as { readonly part: KeyPart }
    parts.push(key)
    use(part)
    if (key.kind === 'isNull') nulls = true
    selectivity *= parts.length === 1 ? 0.005 : 0.1
    if (key.kind === 'in') selectivity *= Math.min(key.values.length, 100)
    if (key.kind === 'anyArray') selectivity *= 10
  }
  if (parts.length === 0) return { bounds: undefined, exact, selectivity: 1, complete: false }
  return {
    bounds: { parts, span: undefined, conditions },
    exact,
    selectivity: Math.min(selectivity, 1),
    complete: parts.length === keyColumns.length && !nulls,
  }
}

function bestPart(mine: readonly ColumnCondition[]): ColumnCondition | undefined {
  const rank = { equal: 0, isNull: 1, in: 2, anyArray: 3 } as const
  let best: ColumnCondition | undefined
  let bestRank = 9
  for (const condition of mine) {
    if (condition.says.kind !== 'part') continue
    const mineRank = rank[condition.says.part.kind]
    if (mineRank < bestRank) {
      best = condition
      bestRank = mineRank
    }
  }
  return best
}

function spanOf(
  mine: readonly ColumnCondition[],
  use: (condition: ColumnCondition) => void,
): { span: KeyBounds['span']; selectivity: number } | undefined {
  let lower: KeyLimit | undefined
  let upper: KeyLimit | undefined
  let pattern: Expr | undefined
  let notNull = false
  for (const condition of mine) {
    const { says } = condition
    if (says.kind === 'lower' && lower === undefined) lower = { value: says.value, inclusive: says.inclusive }
    else if (says.kind === 'upper' && upper === undefined) upper = { value: says.value, inclusive: says.inclusive }
    else if (says.kind === 'pattern' && pattern === undefined) pattern = says.value
    else if (says.kind === 'notNull') notNull = true
    else continue
    use(condition)
  }
  if (lower === undefined && upper === undefined && pattern === undefined && !notNull) return undefined
  const bounded = lower !== undefined && upper !== undefined
  const selectivity = bounded || pattern !== undefined ? 0.05 : lower !== undefined || upper !== undefined ? 0.33 : 0.95
  return { span: { lower, upper, pattern, notNull }, selectivity }
}

/** Whether the keys' order is the wanted one, and which way round. */
export function orderDirection(
  keyColumns: readonly IndexColumn[],
  bounds: KeyBounds | undefined,
  relation: RelationId,
  order: WantedOrder,
  table: Table,
  unique: boolean,
): 'forward' | 'reverse' | undefined {
  let direction: 'forward' | 'reverse' | undefined
  let at = 0
  let wanted = 0
  while (wanted < order.columns.length) {
    const want = order.columns[wanted]!
    if (want.relation !== relation) return undefined
    const key = keyColumns[at]
    // All key columns are used up: rows are alone with their key, what else is wanted decides nothing.
    if (key === undefined) return unique && at > 0 && allNotNull(keyColumns, table) ? (direction ?? 'forward') : undefined
    const part = bounds?.parts[at]
    const fixed = part !== undefined && (part.kind === 'equal' || part.kind === 'isNull')
    if (key.attnum - 1 !== want.column) {
      if (!fixed) return undefined
      at++
      continue
    }
    at++
    wanted++
    if (fixed) continue
    const forward = key.descending === want.descending
    const way = forward ? 'forward' : 'reverse'
    if (direction !== undefined && direction !== way) return undefined
    if (table.columns[want.column]?.notNull !== true && (key.nullsFirst === want.nullsFirst) !== forward) return undefined
    direction = way
  }
  return direction ?? 'forward'
}

const allNotNull = (keyColumns: readonly IndexColumn[], table: Table): boolean =>
  keyColumns.every(({ attnum }) => table.columns[attnum - 1]?.notNull === true)
