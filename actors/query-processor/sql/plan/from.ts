import { assert, unreachable } from '../../../../protocol/assert.ts'
import type { Expr, FromItem, RelationId } from '../bind/bound.ts'
import { some } from '../bind/walk.ts'
import { waits } from '../execute/waits.ts'
import { accessPath, conditionSelectivity, type WantedOrder } from './access-path.ts'
import { asComparison, isVolatileProcedure } from './comparison.ts'
import { join } from './join.ts'
import { type Layout, type Node, rowKeyColumn, type Slot, slotOf } from './node.ts'
import { booleanType, extend, oneRowNode, type Planning, rowKeyType } from './planning.ts'
import { pushIntoQuery } from './push-down.ts'
import { isStrict } from './strict.ts'
import { conjunction, conjuncts, eachExprOfFrom, relationsIn, relationsOf } from './walk.ts'

/** A part of FROM that is planned on its own and then joined with the others of its group. */
interface Unit {
  readonly item: FromItem
  readonly relations: ReadonlySet<RelationId>
  /** Relations of the same FROM that it reads (LATERAL). */
  readonly dependsOn: ReadonlySet<RelationId>
}

export const isVolatile = (expr: Expr): boolean =>
  some(expr, (node) => node.kind === 'call' && isVolatileProcedure(node.procedure))

/**
 * Plans a FROM item under the conditions that hold over it. Answers the node and applies every condition, here or further down:
 * inner joins are flattened into a group and ordered by cost, outer joins that a condition makes inner become so.
 */
export function planFrom(planning: Planning, item: FromItem, conditions: readonly Expr[], order?: WantedOrder): Node {
  const reduced = reduceOuter(item, nonNullRelations(conditions))
  const parts: Expr[] = [...conditions]
  const items: FromItem[] = []
  flatten(reduced, items, parts)
  const all = new Set(relationsIn(reduced))
  const local = (expr: Expr): Set<RelationId> => {
    const relations = relationsOf(expr)
    for (const relation of relations) if (!all.has(relation)) relations.delete(relation)
    return relations
  }
  const units = items.map((unit): Unit => unitOf(unit, all))
  const pending = new Map(parts.map((part) => [part, local(part)]))
  const isIn = (relations: ReadonlySet<RelationId>, scope: ReadonlySet<RelationId>): boolean =>
    [...relations].every((relation) => scope.has(relation))

  /** Conditions that are about this unit alone. */
  const ownConditions = (unit: Unit): Expr[] =>
    [...pending].flatMap(([part, relations]) => (relations.size > 0 && isIn(relations, unit.relations) ? [part] : []))

  const plannedAlone = units.map((unit) => ({ unit, own: ownConditions(unit) }))
  for (const { own } of plannedAlone) for (const part of own) pending.delete(part)

  let rest = plannedAlone.map(({ unit, own }) => ({ unit, own, node: planUnit(planning, unit.item, own, order) }))
  const placed = new Set<RelationId>()
  let current: Node | undefined
  while (rest.length > 0) {
    let best: { index: number; node: Node; cost: number; used: readonly Expr[] } | undefined
    for (let index = 0; index < rest.length; index++) {
      const { unit, own, node } = rest[index]!
      if (!isIn(unit.dependsOn, placed)) continue
      const scope = new Set([...placed, ...unit.relations])
      const between = [...pending].flatMap(([part, relations]) => (relations.size > 0 && isIn(relations, scope) ? [part] : []))
      if (current === undefined) {
        const wanted = order !== undefined && unit.relations.has(order.columns[0]!.relation) && order.limited
        const cost = node.rows * (wanted ? 0.2 : 1)
        if (best === undefined || cost < best.cost) best = { index, node, cost, used: [] }
        continue
      }
      const joined = join(planning, 'inner', current, { item: unit.item, node, own, lateral: unit.dependsOn.size > 0 }, between)
      const cost = joined.cost + (between.length === 0 && unit.dependsOn.size === 0 ? 1e9 : 0)
      if (best === undefined || cost < best.cost) best = { index, node: joined.node, cost, used: between }
    }
    assert(best !== undefined, 'LATERAL reads only what stands to its left')
    current = best.node
    for (const part of best.used) pending.delete(part)
    for (const relation of rest[best.index]!.unit.relations) placed.add(relation)
    rest = rest.filter((_, index) => index !== best.index)
  }
  return filtered(current ?? oneRowNode, [...pending.keys()])
}

export function filtered(input: Node, conditions: readonly Expr[]): Node {
  // What reads no row is decided once, before anything is read.
  const once = conditions.filter((condition) => isOnce(condition))
  const perRow = conditions.filter((condition) => !once.includes(condition))
  // A subquery is dearer than anything else.
  perRow.sort((a, b) => Number(waits(a)) - Number(waits(b)))
  let node = input
  const condition = conjunction(perRow)
  if (condition !== undefined) {
    const share = perRow.reduce((product, part) => product * conditionSelectivity(part), 1)
    node = { kind: 'filter', input: node, condition, once: false, layout: node.layout, rows: Math.max(node.rows * share, 0.5) }
  }
  const first = conjunction(once)
  if (first === undefined || isTrue(first)) return node
  return { kind: 'filter', input: node, condition: first, once: true, layout: node.layout, rows: node.rows }
}

const isTrue = (expr: Expr): boolean => expr.kind === 'constant' && expr.value === true

/** Reads no column of any kind: parameters, constants, uncorrelated subqueries. */
function isOnce(expr: Expr): boolean {
  if (isVolatile(expr)) return false
  return !some(
    expr,
    (node) =>
      node.kind === 'column' ||
      node.kind === 'wholeRow' ||
      node.kind === 'aggregate' ||
      (node.kind === 'subquery' && node.outer.length > 0),
  )
}

function flatten(item: FromItem, items: FromItem[], conditions: Expr[]): void {
  if (item.kind !== 'join' || item.join !== 'inner') {
    items.push(item)
    return
  }
  flatten(item.left, items, conditions)
  flatten(item.right, items, conditions)
  conjuncts(item.condition, conditions)
}

function unitOf(item: FromItem, all: ReadonlySet<RelationId>): Unit {
  const relations = new Set(relationsIn(item))
  const dependsOn = new Set<RelationId>()
  if (readsLeft(item)) {
    eachExprOfFrom(item, (expr) => {
      for (const relation of relationsOf(expr)) if (all.has(relation) && !relations.has(relation)) dependsOn.add(relation)
    })
  }
  return { item, relations, dependsOn }
}

function readsLeft(item: FromItem): boolean {
  if (item.kind === 'join') return readsLeft(item.left) || readsLeft(item.right)
  return (item.kind === 'subquery' || item.kind === 'function') && item.lateral
}

/* ---------------------------------------------------------------- one unit */

function planUnit(planning: Planning, item: FromItem, conditions: readonly Expr[], order: WantedOrder | undefined): Node {
  switch (item.kind) {
    case 'table':
      return planTable(planning, item, conditions, order)
    case 'sequence':
      return filtered(planSequence(planning, item), conditions)
    case 'subquery': {
      planning.name(item.id, item.view?.name ?? 'subquery', item.columns)
      const { query, rest } = pushIntoQuery(item.query, item.id, conditions)
      return marked(planning, item.id, filtered(planning.query(query, item.id), rest))
    }
    case 'cte':
      return planCte(planning, item, conditions)
    case 'function': {
      planning.name(item.id, functionName(item.calls[0]), item.columns)
      const layout = item.columns.map((column, i): Slot => ({ relation: item.id, column: i, type: column.type }))
      const node: Node = {
        kind: 'functionScan',
        layout,
        rows: 100,
        relation: item.id,
        calls: item.calls,
        ordinality: item.ordinality,
        rowsAsValues: item.rowsAsValues === true,
      }
      return filtered(marked(planning, item.id, node), conditions)
    }
    case 'join':
      return planOuterJoin(planning, item, conditions)
    default:
      return unreachable(item)
  }
}

const functionName = (call: Expr | undefined): string => (call?.kind === 'call' ? 'function' : 'expression')

export function tableScanLayout(planning: Planning, item: Extract<FromItem, { kind: 'table' }>): Layout {
  return planning.columnsNeeded(item.id).map((column): Slot => {
    if (column === rowKeyColumn) return { relation: item.id, column, type: rowKeyType }
    return { relation: item.id, column, type: item.table.columns[column]!.type }
  })
}

function planTable(
  planning: Planning,
  item: Extract<FromItem, { kind: 'table' }>,
  conditions: readonly Expr[],
  order?: WantedOrder,
): Node {
  const { table, id } = item
  planning.names.set(id, { name: table.name, columns: table.columns.map((column) => column.name) })
  const plain = conditions.filter((condition) => !waits(condition))
  const waiting = conditions.filter((condition) => waits(condition))
  if (table.system) {
    const layout = tableScanLayout(planning, item).filter((slot) => slot.column !== rowKeyColumn)
    const scan: Node = { kind: 'systemScan', layout, rows: 200, relation: id, table, filter: conjunction(plain) }
    return filtered(marked(planning, id, scan), waiting)
  }
  const mine = order?.columns.every((column) => column.relation === id) ? order : undefined
  const layout = tableScanLayout(planning, item)
  const { scan, cost } = accessPath(table, id, layout, plain, mine)
  return byComputedKey(planning, item, layout, plain, waiting, cost) ?? filtered(scan, waiting)
}

/** `id = (SELECT ...)`: the value is computed first, and the scan reads it like the column of an outer row. */
function byComputedKey(
  planning: Planning,
  { id, table }: Extract<FromItem, { kind: 'table' }>,
  layout: Layout,
  plain: readonly Expr[],
  waiting: readonly Expr[],
  cost: number,
): Node | undefined {
  if (waiting.length === 0) return undefined
  const computed: Expr[] = []
  const values = planning.newRelation('computed', computed)
  const ahead = new Map<Expr, Expr>()
  for (const condition of waiting) {
    const moved = withComputed(condition, id, (expr) => {
      computed.push(expr)
      return { kind: 'column', type: expr.type, relation: values, column: computed.length - 1 }
    })
    if (moved !== undefined) ahead.set(condition, moved)
  }
  if (computed.length === 0) return undefined
  const moved = [...ahead.values()]
  const path = accessPath(table, id, layout, [...plain, ...moved], undefined)
  if (path.cost >= cost || !moved.some((condition) => path.scan.bounds?.conditions.includes(condition))) return undefined
  const left = extend(oneRowNode, values, computed)
  const reads = planning.reads(moved, (relation) => relation === values)
  const joined: Node = {
    kind: 'nestedLoop',
    join: 'inner',
    left,
    right: path.scan,
    condition: undefined,
    lateral: true,
    bindings: planning.bindings(reads, left.layout),
    layout: [...left.layout, ...path.scan.layout],
    rows: path.scan.rows,
  }
  return filtered(
    joined,
    waiting.filter((condition) => !ahead.has(condition)),
  )
}

/** The condition with its waiting side taken out, when the other side is a column of the table and the waiting one reads no row of it. */
function withComputed(condition: Expr, id: RelationId, compute: (expr: Expr) => Expr): Expr | undefined {
  const isOwn = (expr: Expr): boolean => relationsOf(expr).has(id)
  const canMove = (own: Expr, other: Expr): boolean =>
    isOwn(own) && !waits(own) && waits(other) && !isOwn(other) && !isVolatile(other)
  if (condition.kind === 'anyArray') {
    return canMove(condition.left, condition.array) ? { ...condition, array: compute(condition.array) } : undefined
  }
  if (condition.kind !== 'call' || asComparison(condition) === undefined) return undefined
  const [left, right] = condition.arguments as readonly [Expr, Expr]
  if (canMove(left, right)) return { ...condition, arguments: [left, compute(right)] }
  return canMove(right, left) ? { ...condition, arguments: [compute(left), right] } : undefined
}

function planSequence(planning: Planning, item: Extract<FromItem, { kind: 'sequence' }>): Node {
  planning.name(item.id, item.sequence.name, item.columns)
  const layout = item.columns.map((column, i): Slot => ({ relation: item.id, column: i, type: column.type }))
  return marked(planning, item.id, { kind: 'sequenceScan', layout, rows: 1, relation: item.id, sequence: item.sequence })
}

/** Gives rows that are read as wholes a column that is never NULL: a row that an outer join has made up lacks it. */
function marked(planning: Planning, relation: RelationId, node: Node): Node {
  if (!planning.wholeRows.has(relation) || slotOf(node.layout, relation, rowKeyColumn) >= 0) return node
  const mark: Expr = { kind: 'constant', type: booleanType, value: true }
  return {
    kind: 'project',
    input: node,
    exprs: [...node.layout.map((slot): Expr => ({ kind: 'column', ...slot })), mark],
    layout: [...node.layout, { relation, column: rowKeyColumn, type: booleanType }],
    rows: node.rows,
  }
}

function planCte(planning: Planning, item: Extract<FromItem, { kind: 'cte' }>, conditions: readonly Expr[]): Node {
  const inlined = planning.inlined.get(item.cte)
  if (inlined !== undefined) {
    planning.name(item.id, 'cte', item.columns)
    const { query, rest } = pushIntoQuery(inlined, item.id, conditions)
    return marked(planning, item.id, filtered(planning.query(query, item.id), rest))
  }
  const known = planning.commonTables.get(item.cte)
  assert(known !== undefined, 'a common table is planned before its readers')
  planning.name(item.id, known.name, item.columns)
  const layout = item.columns.map((column, i): Slot => ({ relation: item.id, column: i, type: column.type }))
  const scan: Node = {
    kind: 'cteScan',
    layout,
    rows: known.rows,
    relation: item.id,
    cte: item.cte,
    name: known.name,
    working: planning.steps.has(item.cte),
  }
  return filtered(marked(planning, item.id, scan), conditions)
}

/* ---------------------------------------------------------------- outer joins */

function planOuterJoin(planning: Planning, item: Extract<FromItem, { kind: 'join' }>, conditions: readonly Expr[]): Node {
  const kind = item.join
  assert(kind !== 'inner', 'inner joins have been flattened')
  // A right join is a left join seen from the other side: columns are found by name, not by place.
  const [left, right] = kind === 'right' ? [item.right, item.left] : [item.left, item.right]
  const leftRelations = new Set(relationsIn(left))
  const rightRelations = new Set(relationsIn(right))
  const inside = (expr: Expr, scope: ReadonlySet<RelationId>, other: ReadonlySet<RelationId>): boolean => {
    const relations = relationsOf(expr)
    return [...relations].some((relation) => scope.has(relation)) && ![...relations].some((relation) => other.has(relation))
  }
  const on = conjuncts(item.condition)
  const pushedLeft =
    kind === 'full' ? [] : conditions.filter((part) => inside(part, leftRelations, rightRelations) && !isVolatile(part))
  const above = conditions.filter((part) => !pushedLeft.includes(part))
  const pushedRight = kind === 'full' ? [] : on.filter((part) => inside(part, rightRelations, leftRelations) && !isVolatile(part))
  const between = on.filter((part) => !pushedRight.includes(part))
  const leftNode = planFrom(planning, left, pushedLeft)
  const rightNode = planFrom(planning, right, pushedRight)
  const all = new Set([...leftRelations, ...rightRelations])
  const lateral = unitOf(right, all).dependsOn.size > 0
  const joined = join(
    planning,
    kind === 'full' ? 'full' : 'left',
    leftNode,
    { item: right, node: rightNode, own: pushedRight, lateral },
    between,
  )
  return filtered(joined.node, above)
}

/** Relations that hold no NULLed row where all the conditions are true. */
function nonNullRelations(conditions: readonly Expr[]): Set<RelationId> {
  const found = new Set<RelationId>()
  for (const condition of conditions) for (const relation of rejectsNull(condition)) found.add(relation)
  return found
}

function rejectsNull(expr: Expr): Set<RelationId> {
  const union = (parts: readonly Expr[]): Set<RelationId> => new Set(parts.flatMap((part) => [...rejectsNull(part)]))
  switch (expr.kind) {
    case 'column':
      return new Set([expr.relation])
    case 'call':
      return isStrict(expr.procedure) && !expr.returnsSet ? union(expr.arguments) : new Set()
    case 'and':
      return union(expr.arguments)
    case 'or': {
      const [first, ...others] = expr.arguments.map(rejectsNull)
      const common = first ?? new Set<RelationId>()
      for (const other of others) for (const relation of common) if (!other.has(relation)) common.delete(relation)
      return common
    }
    case 'not':
      return expr.argument.kind === 'and' || expr.argument.kind === 'or' ? new Set() : rejectsNull(expr.argument)
    case 'isNull':
      return expr.negated ? rejectsNull(expr.argument) : new Set()
    case 'isBoolean':
      return expr.test !== 'unknown' && !expr.negated ? rejectsNull(expr.argument) : new Set()
    case 'relabel':
    case 'viaText':
    case 'typmod':
      return rejectsNull(expr.argument)
    case 'in':
      return rejectsNull(expr.left)
    case 'anyArray':
      return expr.all ? new Set() : rejectsNull(expr.left)
    default:
      return new Set()
  }
}

function reduceOuter(item: FromItem, nonNull: ReadonlySet<RelationId>): FromItem {
  if (item.kind !== 'join') return item
  const has = (side: FromItem): boolean => relationsIn(side).some((relation) => nonNull.has(relation))
  let kind = item.join
  if (kind === 'full') {
    const left = has(item.left)
    const right = has(item.right)
    if (left && right) kind = 'inner'
    else if (left) kind = 'left'
    else if (right) kind = 'right'
  }
  if (kind === 'left' && has(item.right)) kind = 'inner'
  if (kind === 'right' && has(item.left)) kind = 'inner'
  const below = new Set(nonNull)
  if (kind === 'inner') for (const relation of nonNullRelations(conjuncts(item.condition))) below.add(relation)
  const keepLeft = kind === 'inner' || kind === 'left'
  const keepRight = kind === 'inner' || kind === 'right'
  const none: ReadonlySet<RelationId> = new Set()
  return {
    ...item,
    join: kind,
    left: reduceOuter(item.left, keepLeft ? below : none),
    right: reduceOuter(item.right, keepRight ? below : none),
  }
}
