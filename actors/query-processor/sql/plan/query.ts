import { assert, unreachable } from '../../../../protocol/assert.ts'
import type { CommonTable, Expr, FromItem, Query, RelationId, Select, SortKey } from '../bind/bound.ts'
import { sameExpr } from '../bind/same-expr.ts'
import { some } from '../bind/walk.ts'
import { waits } from '../execute/waits.ts'
import type { WantedOrder } from './access-path.ts'
import { fold } from './fold.ts'
import { filtered, isVolatile, planFrom } from './from.ts'
import { type Grouping, plainAggregate, planGrouping } from './grouping.ts'
import { type CommonPlan, type Node, rowKeyColumn, type Slot, type SortSlot, slotOf } from './node.ts'
import { isOrdered } from './ordering.ts'
import { columnExpr, extend, oneRowNode, outputLayout, type Planning } from './planning.ts'
import { planExists, rewriteIn } from './semi-join.ts'
import { columnOfOutput, projectSets } from './target-sets.ts'
import { conjuncts, eachExprOfQuery, eachFromItem, eachNode, relationsIn, relationsOf } from './walk.ts'

const constantTrue = (expr: Expr): boolean => expr.kind === 'constant' && expr.value === true

/** Plans a query; its output columns stand in the layout as columns of `output`. */
export function planQuery(planning: Planning, query: Query, output: RelationId): Node {
  const { ctes } = query
  if (ctes.length === 0) return planBody(planning, query, output)
  const plans = planCommonTables(planning, ctes)
  const body = planBody(planning, query, output)
  return plans.length === 0 ? body : { kind: 'with', ctes: plans, body, layout: body.layout, rows: body.rows }
}

/** Those that somebody reads or that change something; a plain one with a single reader goes to its place. */
export function planCommonTables(planning: Planning, ctes: readonly CommonTable[]): CommonPlan[] {
  const plans: CommonPlan[] = []
  for (const cte of ctes) {
    const readers = planning.cteReaders.get(cte.id) ?? 0
    if (isCorrelated(planning, cte)) planning.correlated.add(cte.id)
    if (cte.kind === 'plain') {
      if (readers === 0 && !modifies(cte.query)) continue
      if (readers === 1 && cte.materialized !== true && isPlain(cte.query)) {
        planning.inlined.set(cte.id, cte.query)
        continue
      }
      const node = planning.query(cte.query, planning.newRelation(cte.name))
      planning.commonTables.set(cte.id, { name: cte.name, rows: node.rows })
      plans.push({ kind: 'plain', id: cte.id, name: cte.name, node })
      continue
    }
    if (cte.kind === 'modifying') {
      const node = planning.modify(cte.statement)
      planning.commonTables.set(cte.id, { name: cte.name, rows: node.rows })
      plans.push({ kind: 'modifying', id: cte.id, name: cte.name, node })
      continue
    }
    if (readers === 0) continue
    const output = planning.newRelation(cte.name)
    const start = planning.query(cte.start, output)
    planning.commonTables.set(cte.id, { name: cte.name, rows: start.rows * 10 })
    planning.steps.add(cte.id)
    const step = planning.query(cte.step, planning.newRelation(cte.name))
    planning.steps.delete(cte.id)
    plans.push({ kind: 'recursive', id: cte.id, name: cte.name, start, step, distinct: cte.distinct })
  }
  return plans
}

function isCorrelated(planning: Planning, cte: CommonTable): boolean {
  if (cte.kind === 'modifying') return false
  return (cte.kind === 'plain' ? [cte.query] : [cte.start, cte.step]).some((query) => readsOutside(planning, query))
}

function readsOutside(planning: Planning, query: Query): boolean {
  const own = new Set<RelationId>()
  let outside = false
  eachFromItem(query, (item) => {
    if (item.kind !== 'join') own.add(item.id)
    if (item.kind === 'cte' && planning.correlated.has(item.cte)) outside = true
  })
  eachExprOfQuery(query, (expr) => {
    eachNode(expr, (node) => {
      if (node.kind === 'aggregate' && node.lentAs !== undefined) own.add(node.lentAs)
    })
  })
  eachExprOfQuery(query, (expr) => {
    for (const relation of relationsOf(expr)) if (!own.has(relation)) outside = true
  })
  return outside
}

const modifies = (query: Query): boolean => query.ctes.some((cte) => cte.kind === 'modifying')

/** Reading it in another place, or not at all, makes no difference. */
function isPlain(query: Query): boolean {
  if (query.ctes.some((cte) => cte.kind !== 'plain' || !isPlain(cte.query))) return false
  if (query.kind === 'setOperation') return isPlain(query.left) && isPlain(query.right)
  if (query.kind === 'values') return !query.rows.some((row) => row.some(isVolatile))
  if (query.locking.length > 0 || query.targets.some(isVolatile)) return false
  return query.where === undefined || !isVolatile(query.where)
}

function planBody(planning: Planning, query: Query, output: RelationId): Node {
  planning.names.set(output, planning.names.get(output) ?? { name: 'query', columns: query.columns.map((column) => column.name) })
  switch (query.kind) {
    case 'select':
      return planSelect(planning, query, output)
    case 'values': {
      const layout = outputLayout(
        output,
        query.columns.map((column) => column.type),
      )
      const node: Node = { kind: 'values', valuesRows: query.rows.map((row) => row.map(fold)), layout, rows: query.rows.length }
      return ordered(planning, query, node)
    }
    case 'setOperation':
      return ordered(planning, query, planSetOperation(planning, query, output))
    default:
      return unreachable(query)
  }
}

function planSetOperation(planning: Planning, query: Extract<Query, { kind: 'setOperation' }>, output: RelationId): Node {
  const layout = outputLayout(
    output,
    query.columns.map((column) => column.type),
  )
  const left = planning.query(query.left, planning.newRelation('left'))
  const right = planning.query(query.right, planning.newRelation('right'))
  if (query.operation !== 'union') {
    return { kind: 'setOperation', operation: query.operation, all: query.all, left, right, layout, rows: left.rows }
  }
  const inputs = [left, right].flatMap((arm) => (arm.kind === 'append' ? arm.inputs : [arm]))
  const append: Node = { kind: 'append', inputs, layout, rows: left.rows + right.rows }
  if (query.all) return append
  return { kind: 'distinct', input: append, slots: layout.map((_, i) => i), layout, rows: append.rows * 0.5 }
}

/** ORDER BY and LIMIT over output columns: VALUES and set operations. */
function ordered(planning: Planning, query: Exclude<Query, Select>, input: Node): Node {
  const keys = query.orderBy.map(({ column, descending, nullsFirst }): SortSlot => ({ slot: column, descending, nullsFirst }))
  const keyExprs = query.orderBy.map(({ column }) => columnExpr(input.layout[column] as Slot))
  const sorted: Node =
    keys.length === 0
      ? input
      : { kind: 'sort', input, keys, keyExprs, rowsMax: bounded(query), layout: input.layout, rows: input.rows }
  return limited(planning, query, sorted, keys)
}

/** What bounds a sort or a scan below LIMIT: known when it opens. */
function bounded(query: Query): readonly Expr[] {
  if (query.limit === undefined || query.withTies || waits(query.limit)) return []
  if (query.offset === undefined) return [fold(query.limit)]
  return waits(query.offset) ? [] : [fold(query.limit), fold(query.offset)]
}

function limited(_planning: Planning, query: Query, input: Node, sortKeys: readonly SortSlot[]): Node {
  const limit = query.limit && fold(query.limit)
  const offset = query.offset && fold(query.offset)
  if (limit === undefined && offset === undefined) return input
  const constant = limit?.kind === 'constant' && limit.value !== null ? Number(limit.value) : 100
  return {
    kind: 'limit',
    input: withRowsMax(input, bounded(query)),
    limit,
    offset,
    ties: query.withTies ? sortKeys : undefined,
    layout: input.layout,
    rows: Math.max(Math.min(input.rows, constant), 1),
  }
}

/** A scan whose every row counts reads no further than LIMIT. */
function withRowsMax(node: Node, rowsMax: readonly Expr[]): Node {
  if (rowsMax.length === 0) return node
  if (node.kind === 'tableScan' && node.filter === undefined && !node.point) return { ...node, rowsMax }
  if (node.kind === 'project' || node.kind === 'lockRows') return { ...node, input: withRowsMax(node.input, rowsMax) }
  return node
}

function planSelect(planning: Planning, query: Select, output: RelationId): Node {
  const targets = query.targets.map(fold)
  const orderBy = query.orderBy.map((key) => ({ ...key, expr: fold(key.expr) })).filter((key) => key.expr.kind !== 'constant')
  const wanted = wantedOrder(query, orderBy)
  const input = planSource(planning, query, wanted)
  const grouping: Grouping = query.grouped
    ? (plainAggregate(planning, query, input, targets) ?? planGrouping(planning, query, input))
    : { node: input, replace: (expr) => expr }
  const replaced = targets.map(grouping.replace)
  const keys = orderBy.map((key) => ({ ...key, expr: grouping.replace(key.expr) }))
  const having = query.having && grouping.replace(fold(query.having))
  const body =
    having === undefined
      ? grouping.node
      : filtered(
          grouping.node,
          conjuncts(having).filter((part) => !constantTrue(part)),
        )
  const distinct =
    typeof query.distinct === 'string' ? query.distinct : query.distinct.map((expr) => grouping.replace(fold(expr)))
  return finishSelect(planning, query, body, replaced, keys, distinct, output)
}

function wantedOrder(query: Select, orderBy: readonly SortKey[]): WantedOrder | undefined {
  if (query.grouped || query.distinct !== 'none' || orderBy.length === 0) return undefined
  const columns: WantedOrder['columns'][number][] = []
  for (const { expr, descending, nullsFirst } of orderBy) {
    if (expr.kind !== 'column') return undefined
    columns.push({ relation: expr.relation, column: expr.column, descending, nullsFirst })
  }
  return { columns, limited: query.limit !== undefined }
}

function planSource(planning: Planning, query: Select, order: WantedOrder | undefined): Node {
  const conditions = conjuncts(query.where && fold(query.where)).filter((part) => !constantTrue(part))
  if (query.from === undefined) return filtered(oneRowNode, conditions)
  for (const { relation } of query.locking) planning.need(relation, rowKeyColumn)
  return planSourceOf(planning, query.from, conditions, order)
}

/** FROM and WHERE of a query or a change: IN and EXISTS become joins where they can. */
export function planSourceOf(planning: Planning, item: FromItem, conditions: readonly Expr[], order?: WantedOrder): Node {
  const { from, rest } = rewriteIn(planning, item, conditions)
  const scope = new Set(relationsIn(from))
  const exists = rest.filter((part) => planExists.applies(part, scope))
  const node = planFrom(
    planning,
    from,
    rest.filter((part) => !exists.includes(part)),
    order,
  )
  return exists.reduce((input, part) => planExists.plan(planning, input, part), node)
}

const returnsSet = (expr: Expr): boolean => some(expr, (node) => node.kind === 'call' && node.returnsSet)

/** Targets, DISTINCT, ORDER BY, locks and LIMIT, in an order that computes as little as possible for rows nobody sees. */
function finishSelect(
  planning: Planning,
  query: Select,
  input: Node,
  targets: readonly Expr[],
  orderBy: readonly SortKey[],
  distinct: 'none' | 'all' | readonly Expr[],
  output: RelationId,
): Node {
  const visible = query.columns.length
  const sets = targets.some(returnsSet)
  const ofTarget = (expr: Expr): boolean => targets.some((target) => sameExpr(target, expr))
  const dependent = orderBy.some(
    (key) => returnsSet(key.expr) || (ofTarget(key.expr) && (isVolatile(key.expr) || waits(key.expr))),
  )
  if (distinct === 'none' && !dependent) {
    const sorted = sortInput(planning, query, input, orderBy, sets)
    // Above LIMIT: only rows that come out are locked.
    if (!sets)
      return projected(lockRows(query, limited(planning, query, sorted.node, sorted.keys)), targets.slice(0, visible), output)
    const expanded = projectSets(planning, lockRows(query, sorted.node), targets.slice(0, visible), output)
    return limited(planning, query, expanded, [])
  }
  // Sort keys and DISTINCT ON work over computed targets: everything is computed first.
  const computed = planning.newRelation('targets', targets)
  const extra: Expr[] = []
  const placeOf = (expr: Expr): number => {
    const place = targets.findIndex((target) => sameExpr(target, expr))
    if (place >= 0) return place
    const known = extra.findIndex((other) => sameExpr(other, expr))
    return targets.length + (known >= 0 ? known : extra.push(expr) - 1)
  }
  const keys = orderBy.map(({ expr, descending, nullsFirst }): SortSlot => ({ slot: placeOf(expr), descending, nullsFirst }))
  const on = typeof distinct === 'string' ? [] : distinct.map(placeOf)
  const all = [...targets, ...extra]
  let node: Node = sets
    ? projectSets(planning, lockRows(query, input), all, computed)
    : projected(lockRows(query, input), all, computed)
  if (distinct === 'all') {
    node = {
      kind: 'distinct',
      input: node,
      slots: targets.slice(0, visible).map((_, i) => i),
      layout: node.layout,
      rows: node.rows * 0.5,
    }
  }
  if (keys.length > 0) {
    const rowsMax = typeof distinct === 'string' ? bounded(query) : []
    node = {
      kind: 'sort',
      input: node,
      keys,
      keyExprs: orderBy.map((key) => key.expr),
      rowsMax,
      layout: node.layout,
      rows: node.rows,
    }
  }
  if (typeof distinct !== 'string')
    node = { kind: 'distinct', input: node, slots: on, layout: node.layout, rows: node.rows * 0.5 }
  node = limited(planning, query, node, keys)
  return projected(
    node,
    targets.slice(0, visible).map((target, i) => columnOfOutput(computed, i, target.type)),
    output,
  )
}

function sortInput(
  planning: Planning,
  query: Select,
  input: Node,
  orderBy: readonly SortKey[],
  sets: boolean,
): { node: Node; keys: SortSlot[] } {
  if (orderBy.length === 0) return { node: input, keys: [] }
  const extra: Expr[] = []
  const relation = planning.newRelation(
    'sort',
    orderBy.map((key) => key.expr),
  )
  const keys = orderBy.map(({ expr, descending, nullsFirst }): SortSlot => {
    const known = expr.kind === 'column' ? slotOf(input.layout, expr.relation, expr.column) : -1
    return { slot: known >= 0 ? known : input.layout.length + extra.push(expr) - 1, descending, nullsFirst }
  })
  if (extra.length === 0 && isOrdered(input, orderBy)) return { node: input, keys }
  const node = extend(input, relation, extra)
  return {
    keys,
    node: {
      kind: 'sort',
      input: node,
      keys,
      keyExprs: orderBy.map((key) => key.expr),
      rowsMax: sets ? [] : bounded(query),
      layout: node.layout,
      rows: node.rows,
    },
  }
}

function lockRows(query: Select, input: Node): Node {
  if (query.locking.length === 0) return input
  const locks = query.locking.flatMap(({ relation, mode }) => {
    const slot = slotOf(input.layout, relation, rowKeyColumn)
    return slot < 0 ? [] : [{ slot, mode }]
  })
  assert(locks.length === query.locking.length, 'locked rows bring their keys')
  return { kind: 'lockRows', input, locks, layout: input.layout, rows: input.rows }
}

export function projected(input: Node, exprs: readonly Expr[], output: RelationId): Node {
  return {
    kind: 'project',
    input,
    exprs,
    layout: outputLayout(
      output,
      exprs.map((expr) => expr.type),
    ),
    rows: input.rows,
  }
}
