import { SqlError } from '../../../../protocol/errors.ts'
import type { BoundResult, BoundStatement, Expr, FromItem } from '../bind/bound.ts'
import type { Catalog } from '../catalog/schema.ts'
import { finishPlan } from './finish.ts'
import { planModify } from './modify-plan.ts'
import { type Node, type Plan, rowKeyColumn } from './node.ts'
import { Planning } from './planning.ts'
import { planQuery } from './query.ts'
import { eachExprOfModify, eachExprOfQuery, eachFromItem, eachFromItemOfModify, eachNode } from './walk.ts'

export type { Plan } from './node.ts'

/** What a bound statement becomes: a tree of physical nodes. Depends on nothing but the tree; values of parameters come at execution. */
export function plan(bound: BoundResult, _catalog: Catalog): Plan {
  try {
    return planStatement(bound)
  } catch (error) {
    if (error instanceof RangeError && error.message.includes('call stack'))
      throw new SqlError('54001', 'stack depth limit exceeded')
    throw error
  }
}

function planStatement({ statement, parameters, columns, relations }: BoundResult): Plan {
  const planning = new Planning()
  planning.query = (query, output) => planQuery(planning, query, output)
  planning.modify = (modify) => planModify(planning, modify)
  collect(planning, statement)
  const root: Node =
    statement.kind === 'query'
      ? planQuery(planning, statement.query, planning.newRelation('result'))
      : planModify(planning, statement)
  finishPlan(planning, root)
  return {
    root,
    slots: planning.slots,
    subqueries: planning.subqueries,
    outerSlots: planning.outerSlots,
    names: planning.names,
    columns,
    parameters,
    relations,
    writes: statement.kind !== 'query' || hasModifying(statement),
  }
}

/** What the whole statement reads, before any part of it is planned. */
function collect(planning: Planning, statement: BoundStatement): void {
  const tables = new Set<number>()
  const item = (from: FromItem): void => {
    if (from.kind === 'cte') planning.cteReaders.set(from.cte, (planning.cteReaders.get(from.cte) ?? 0) + 1)
    if (from.kind === 'table') tables.add(from.id)
  }
  if (statement.kind === 'query') eachFromItem(statement.query, item)
  else eachFromItemOfModify(statement, item)
  const visit = (expr: Expr): void =>
    eachNode(expr, (node) => {
      if (node.kind === 'column') planning.need(node.relation, node.column)
      if (node.kind !== 'wholeRow') return
      planning.wholeRows.add(node.relation)
      for (const column of node.columns) planning.need(node.relation, column)
      if (tables.has(node.relation)) planning.need(node.relation, rowKeyColumn)
    })
  if (statement.kind === 'query') eachExprOfQuery(statement.query, visit)
  else eachExprOfModify(statement, visit)
}

function hasModifying(statement: Extract<BoundStatement, { kind: 'query' }>): boolean {
  return (
    statement.query.ctes.some((cte) => cte.kind === 'modifying') ||
    (statement.query.kind === 'select' && statement.query.locking.length > 0)
  )
}
