import type { Expr, Query, RelationId } from '../bind/bound.ts'
import { sameExpr } from '../bind/same-expr.ts'
import { children, some } from '../bind/walk.ts'
import { waits } from '../execute/waits.ts'
import { isVolatileProcedure } from './comparison.ts'
import { rewrite } from './walk.ts'

/**
 * Moves conditions over a subquery's output into the subquery, as far as they mean the same there: not past LIMIT or DISTINCT ON, past
 * grouping only when they are about group keys. Answers what has to stay outside.
 */
export function pushIntoQuery(query: Query, output: RelationId, conditions: readonly Expr[]): { query: Query; rest: Expr[] } {
  const rest: Expr[] = []
  let pushed = query
  for (const condition of conditions) {
    const next = waits(condition) || isVolatile(condition) ? undefined : pushOne(pushed, output, condition)
    if (next === undefined) rest.push(condition)
    else pushed = next
  }
  return { query: pushed, rest }
}

const isVolatile = (expr: Expr): boolean => some(expr, (node) => node.kind === 'call' && isVolatileProcedure(node.procedure))
const returnsSet = (expr: Expr): boolean => some(expr, (node) => node.kind === 'call' && node.returnsSet)

function pushOne(query: Query, output: RelationId, condition: Expr): Query | undefined {
  if (query.limit !== undefined || query.offset !== undefined) return undefined
  if (query.kind === 'values') return undefined
  if (query.kind === 'setOperation') {
    const left = pushOne(query.left, output, condition)
    const right = pushOne(query.right, output, condition)
    return left === undefined || right === undefined ? undefined : { ...query, left, right }
  }
  if (query.locking.length > 0 || typeof query.distinct !== 'string' || query.targets.some(returnsSet)) return undefined
  const columns = columnsRead(condition, output)
  if (columns === undefined || columns.length === 0) return undefined
  for (const column of columns) {
    const target = query.targets[column]
    if (target === undefined || waits(target) || isVolatile(target)) return undefined
    if (query.grouped && !query.groupBy.some((key) => sameExpr(key, target))) return undefined
  }
  const moved = rewrite(condition, (expr) =>
    expr.kind === 'column' && expr.relation === output ? (query.targets[expr.column] as Expr) : undefined,
  )
  const where: Expr = query.where === undefined ? moved : { kind: 'and', type: moved.type, arguments: [query.where, moved] }
  return { ...query, where }
}

/** Columns of `output` that the condition reads; undefined when it reads the row as a whole. */
function columnsRead(condition: Expr, output: RelationId): number[] | undefined {
  const columns: number[] = []
  let whole = false
  const visit = (expr: Expr): void => {
    if (expr.kind === 'column' && expr.relation === output) columns.push(expr.column)
    if (expr.kind === 'wholeRow' && expr.relation === output) whole = true
    children(expr).forEach(visit)
  }
  visit(condition)
  return whole ? undefined : columns
}
