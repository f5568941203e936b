import { assert } from '../../../../protocol/assert.ts'
import type { Expr, RelationId } from '../bind/bound.ts'
import { children } from '../bind/walk.ts'
import type { Node, SubqueryExpr } from './node.ts'
import { exprsOfNode, inputsOf } from './node-walk.ts'
import type { Planning } from './planning.ts'
import { eachExprOfQuery, eachFromItem } from './walk.ts'

/** Plans the subqueries that stand in the expressions of finished nodes, and those in theirs. */
export function finishPlan(planning: Planning, root: Node): void {
  const done = new Set<Node>()
  const visitNode = (node: Node): void => {
    if (done.has(node)) return
    done.add(node)
    for (const expr of exprsOfNode(node)) visitExpr(expr)
    inputsOf(node).forEach(visitNode)
  }
  const visitExpr = (expr: Expr): void => {
    if (expr.kind === 'subquery' && !planning.subqueries.has(expr)) {
      const node = planSubquery(planning, expr)
      visitNode(node)
    }
    children(expr).forEach(visitExpr)
  }
  visitNode(root)
}

function planSubquery(planning: Planning, expr: SubqueryExpr): Node {
  const exprs: Expr[] = []
  eachExprOfQuery(expr.query, (inner) => exprs.push(inner))
  const outer = new Set<RelationId>(expr.outer)
  const reads = planning
    .reads(exprs, (relation) => outer.has(relation))
    .map((read) => ({ ...read, slot: planning.outerSlot(read.relation, read.column) }))
  let readsCorrelated = false
  eachFromItem(expr.query, (item) => {
    if (item.kind === 'cte' && planning.correlated.has(item.cte)) readsCorrelated = true
  })
  const node = planning.query(expr.query, planning.newRelation('subplan'))
  assert(node.layout.length >= 1 || expr.how === 'exists', 'a subquery has a column')
  planning.subqueries.set(expr, {
    node,
    slot: planning.newSlot(),
    outputSlot: planning.newSlot(Math.max(node.layout.length, 1)),
    reads,
    once: expr.outer.length === 0 && !readsCorrelated,
    number: planning.subqueries.size + 1,
  })
  return node
}
