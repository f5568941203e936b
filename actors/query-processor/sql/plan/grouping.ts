import type { AggregateExpr, Expr, RelationId, Select } from '../bind/bound.ts'
import { sameExpr } from '../bind/same-expr.ts'
import { children } from '../bind/walk.ts'
import { waits } from '../execute/waits.ts'
import { procedureByOid } from '../functions/procedures.ts'
import { accessPath } from './access-path.ts'
import { fold } from './fold.ts'
import { tableScanLayout } from './from.ts'
import {
  type AggregateCall,
  type Layout,
  type Node,
  type Slot,
  type SortSlot,
  type StorageAggregateScan,
  slotOf,
} from './node.ts'
import { booleanType, columnExpr, outputLayout, type Planning } from './planning.ts'
import { sqlType } from './sql-type.ts'
import { conjuncts, eachNode, rewrite } from './walk.ts'

/** A grouped input, and what an expression over groups reads of it. */
export interface Grouping {
  readonly node: Node
  readonly replace: (expr: Expr) => Expr
}

function aggregatesOf(query: Select): AggregateExpr[] {
  const found: AggregateExpr[] = []
  const visit = (expr: Expr): void => {
    if (expr.kind === 'aggregate') {
      if (!found.some((other) => sameExpr(other, expr))) found.push(expr)
      return
    }
    children(expr).forEach(visit)
  }
  for (const expr of expressionsAbove(query)) visit(expr)
  return found
}

const expressionsAbove = (query: Select): Expr[] =>
  [
    ...query.targets,
    ...(query.having === undefined ? [] : [query.having]),
    ...query.orderBy.map((key) => key.expr),
    ...(typeof query.distinct === 'string' ? [] : query.distinct),
  ].map(fold)

export function planGrouping(planning: Planning, query: Select, input: Node): Grouping {
  const aggregates = aggregatesOf(query)
  const lent = query.lent.map((aggregate) => fold(aggregate) as AggregateExpr)
  const keys = query.groupBy.map(fold)
  for (const column of dependentColumns(query, keys, input.layout)) keys.push(column)
  const relation = planning.newRelation('groups', [...keys, ...aggregates])
  const computed = new InputColumns(planning, input)
  const keySlots = keys.map((key) => computed.place(key))
  for (const aggregate of lent) planning.names.set(aggregate.lentAs!, { name: 'groups', columns: [aggregate] })
  const calls = [...aggregates, ...lent].map((aggregate): AggregateCall => {
    return {
      procedure: aggregate.procedure,
      type: aggregate.type,
      arguments: aggregate.arguments.map((argument) => computed.place(argument)),
      distinct: aggregate.distinct,
      orderBy: aggregate.orderBy.map(
        ({ expr, descending, nullsFirst }): SortSlot => ({ slot: computed.place(expr), descending, nullsFirst }),
      ),
      filter: aggregate.filter && computed.place(aggregate.filter),
      at: aggregate.at,
      expr: aggregate,
    }
  })
  const isPlain = (key: Expr): key is Extract<Expr, { kind: 'column' }> => key.kind === 'column'
  const layout: Layout = [
    // A plain column keeps its name: correlated subqueries above read it as it is.
    ...keys.map(
      (key, i): Slot =>
        isPlain(key) ? { relation: key.relation, column: key.column, type: key.type } : { relation, column: i, type: key.type },
    ),
    ...aggregates.map((aggregate, i): Slot => ({ relation, column: keys.length + i, type: aggregate.type })),
    // Subqueries above read them by these names.
    ...lent.map((aggregate): Slot => ({ relation: aggregate.lentAs!, column: 0, type: aggregate.type })),
  ]
  const node: Node = {
    kind: 'aggregate',
    input: computed.node(),
    keys: keySlots,
    calls,
    sorted: false,
    layout,
    rows: keys.length === 0 ? 1 : Math.max(1, input.rows * 0.1),
  }
  return { node, replace: (expr) => replaced(expr, keys, aggregates, relation) }
}

function replaced(expr: Expr, keys: readonly Expr[], aggregates: readonly AggregateExpr[], relation: RelationId): Expr {
  return rewrite(expr, (part) => {
    if (part.kind === 'column') return part
    if (part.kind === 'aggregate') {
      const place = aggregates.findIndex((aggregate) => sameExpr(aggregate, part))
      return { kind: 'column', type: part.type, relation, column: keys.length + place }
    }
    if (part.kind === 'constant' || part.kind === 'parameter') {
      const same = keys.findIndex((key) => sameExpr(key, part))
      return same < 0 ? undefined : { kind: 'column', type: part.type, relation, column: same }
    }
    const place = keys.findIndex((key) => key.kind !== 'column' && sameExpr(key, part))
    return place < 0 ? undefined : { kind: 'column', type: part.type, relation, column: place }
  })
}

/** Columns that are read above and follow from a primary key among the keys: as further keys they make no new groups. */
function dependentColumns(query: Select, keys: readonly Expr[], layout: Layout): Expr[] {
  const found: Expr[] = []
  const visit = (expr: Expr): void => {
    if (expr.kind === 'aggregate' || keys.some((key) => sameExpr(key, expr))) return
    const read = (relation: RelationId, column: number): void => {
      const slot = slotOf(layout, relation, column)
      if (slot < 0) return
      const column_ = columnExpr(layout[slot] as Slot)
      if (![...keys, ...found].some((known) => sameExpr(known, column_))) found.push(column_)
    }
    if (expr.kind === 'column') read(expr.relation, expr.column)
    if (expr.kind === 'wholeRow') for (const column of expr.columns) read(expr.relation, column)
    if (expr.kind === 'subquery') {
      eachNode(expr, (node) => {
        if (node.kind === 'column') read(node.relation, node.column)
        if (node.kind === 'wholeRow') for (const column of node.columns) read(node.relation, column)
      })
      return
    }
    children(expr).forEach(visit)
  }
  expressionsAbove(query).forEach(visit)
  return found
}

/** What an aggregation reads: columns of its input, or expressions computed under it. */
class InputColumns {
  private readonly planning: Planning
  private readonly input: Node
  private readonly exprs: Expr[] = []

  constructor(planning: Planning, input: Node) {
    this.planning = planning
    this.input = input
  }

  place(expr: Expr): number {
    const known = this.exprs.findIndex((other) => sameExpr(other, expr))
    return known >= 0 ? known : this.exprs.push(expr) - 1
  }

  node(): Node {
    const { input, exprs } = this
    const same =
      exprs.length === input.layout.length &&
      exprs.every((expr, i) => expr.kind === 'column' && slotOf(input.layout, expr.relation, expr.column) === i)
    if (same) return input
    const relation = this.planning.newRelation('computed', exprs)
    return {
      kind: 'project',
      input,
      exprs,
      layout: outputLayout(
        relation,
        exprs.map((expr) => expr.type),
      ),
      rows: input.rows,
    }
  }
}

/** count, min, max, exact sums and averages without GROUP BY: computed by storage, or read from the end of a key. */
export function plainAggregate(planning: Planning, query: Select, input: Node, _targets: readonly Expr[]): Grouping | undefined {
  if (query.groupBy.length > 0 || query.lent.length > 0 || query.from?.kind !== 'table' || query.from.table.system)
    return undefined
  const aggregates = aggregatesOf(query)
  if (aggregates.length === 0) return undefined
  if (dependentColumns(query, [], input.layout).length > 0) return undefined
  const end = keyEnd(planning, query, aggregates)
  if (end !== undefined) return planGrouping(planning, query, end)
  if (input.kind !== 'tableScan' || input.filter !== undefined || input.point || input.index !== undefined) return undefined
  const asked: StorageAggregateScan['aggregates'][number][] = []
  for (const aggregate of aggregates) {
    const one = storageAggregate(aggregate, input.relation)
    if (one === undefined) return undefined
    asked.push(one)
  }
  const relation = planning.newRelation('groups', aggregates)
  const node: Node = {
    kind: 'storageAggregate',
    scan: { ...input, reverse: false },
    aggregates: asked,
    layout: outputLayout(
      relation,
      aggregates.map((aggregate) => aggregate.type),
    ),
    rows: 1,
  }
  return { node, replace: (expr) => replaced(expr, [], aggregates, relation) }
}

/** int8, int2, int4, numeric */
const summed: readonly number[] = [20, 21, 23, 1700]

function storageAggregate(
  aggregate: AggregateExpr,
  relation: RelationId,
): StorageAggregateScan['aggregates'][number] | undefined {
  if (aggregate.distinct || aggregate.filter !== undefined || aggregate.orderBy.length > 0) return undefined
  const procedure = procedureByOid(aggregate.procedure)
  const [argument] = aggregate.arguments
  if (procedure?.name === 'count' && argument === undefined) return { kind: 'countRows', column: -1, expr: aggregate }
  if (argument?.kind !== 'column' || argument.relation !== relation || argument.column < 0) return undefined
  const { column } = argument
  switch (procedure?.name) {
    case 'count':
      return { kind: 'count', column, expr: aggregate }
    case 'min':
    case 'max':
      if (sqlType(argument.type.oid).compare === undefined || argument.type.oid !== aggregate.type.oid) return undefined
      return { kind: procedure.name, column, expr: aggregate }
    case 'sum':
    case 'avg':
      return summed.includes(argument.type.oid) ? { kind: procedure.name, column, expr: aggregate } : undefined
    default:
      return undefined
  }
}

/** One min or max of a column that a key is sorted by: its first or last row that is not NULL. */
function keyEnd(planning: Planning, query: Select, aggregates: readonly AggregateExpr[]): Node | undefined {
  const [aggregate, more] = aggregates
  const { from } = query
  if (aggregate === undefined || more !== undefined || from?.kind !== 'table') return undefined
  const name = procedureByOid(aggregate.procedure)?.name
  const [argument] = aggregate.arguments
  if ((name !== 'min' && name !== 'max') || aggregate.distinct || aggregate.filter !== undefined) return undefined
  if (argument?.kind !== 'column' || argument.relation !== from.id || argument.column < 0) return undefined
  const conditions = conjuncts(query.where && fold(query.where))
  if (conditions.some(waits)) return undefined
  const notNull: Expr = { kind: 'isNull', type: booleanType, argument, negated: true }
  for (const nullsFirst of [false, true]) {
    const { scan, ordered } = accessPath(from.table, from.id, tableScanLayout(planning, from), [...conditions, notNull], {
      columns: [{ relation: from.id, column: argument.column, descending: name === 'max', nullsFirst }],
      limited: true,
    })
    if (!ordered || scan.point) continue
    const one: Expr = { kind: 'constant', type: { oid: 20, typmod: -1 }, value: 1n }
    const first: Node = scan.filter === undefined ? { ...scan, rowsMax: [one] } : scan
    return { kind: 'limit', input: first, limit: one, offset: undefined, ties: undefined, layout: scan.layout, rows: 1 }
  }
  return undefined
}
