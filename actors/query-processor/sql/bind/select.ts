import type { Expr, Query } from './bound.ts'
import { bindDistinct, bindGroupBy, bindLimits, bindOrderBy } from './clauses.ts'
import { bindCondition } from './expression.ts'
import { bindFromClause } from './from.ts'
import { Grouping } from './grouping.ts'
import { bindLocking } from './locking.ts'
import type { SelectStmt } from './parse-tree.ts'
import { type BoundQuery, type QueryOptions, QueryScope, type Statement } from './scope.ts'
import { bindSetOperation } from './set-operation.ts'
import { expandKeys, expandSets, returnsSet } from './set-returning.ts'
import { bindTargets, outputColumns, resolveUnknown, type Target } from './target-list.ts'
import { bindValues } from './values.ts'
import { aggregatesIn } from './walk.ts'
import { bindWith } from './with.ts'

/** transformStmt for SELECT, VALUES, TABLE and set operations: one query level. */
export function bindQuery(
  statement: Statement,
  select: SelectStmt,
  parent: QueryScope | undefined,
  options: QueryOptions = {},
): BoundQuery {
  statement.enter()
  const scope = new QueryScope(statement, parent)
  const query = bindBody(scope, select, options)
  statement.leave()
  return { query, outer: [...scope.outer] }
}

function bindBody(scope: QueryScope, select: SelectStmt, options: QueryOptions): Query {
  if (select.op !== undefined && select.op !== 'SETOP_NONE') return bindSetOperation(scope, select)
  if ((select.valuesLists?.length ?? 0) > 0) return bindValues(scope, select, options)
  return bindSelect(scope, select, options)
}

/** transformSelectStmt, in its order: what is wrong first is told first. */
function bindSelect(scope: QueryScope, select: SelectStmt, options: QueryOptions): Query {
  const { statement } = scope
  const ctes = bindWith(scope, select.withClause)
  if (select.intoClause !== undefined) throw statement.unsupported('SELECT INTO')
  const from = bindFromClause(scope, select.fromClause)
  const targets = bindTargets(scope, select.targetList, 'SELECT')
  const where = select.whereClause && bindCondition(scope, select.whereClause, 'WHERE', 'WHERE')
  const having = select.havingClause && bindCondition(scope, select.havingClause, 'HAVING', 'HAVING')
  const sorts = bindOrderBy(scope, select.sortClause, targets)
  const groupBy = bindGroupBy(scope, select.groupClause, targets)
  const distinct = bindDistinct(scope, select.distinctClause, targets, sorts)
  const limits = bindLimits(scope, select)
  if (select.windowClause !== undefined) throw statement.unsupported('WINDOW')
  if (!options.keepUnknown) for (const target of targets) target.expr = resolveUnknown(statement, target.expr)
  const grouped = groupBy.length > 0 || (select.groupClause?.length ?? 0) > 0 || having !== undefined || scope.hasAggregates
  if (scope.readsItself && scope.hasAggregates) throw aggregateInRecursion(scope, targets, having)
  const columns = outputColumns(statement, targets)

  const query: Query & { kind: 'select' } = {
    kind: 'select',
    ctes,
    columns,
    ...limits,
    from,
    where,
    ...(grouped ? groupedParts(scope, groupBy, targets, having) : { grouped, groupBy, having, targets: exprsOf(targets) }),
    distinct: 'none',
    orderBy: [],
    locking: [],
    lent: scope.lent,
  }
  const finalOf = new Map(targets.map((target, i) => [target.expr, query.targets[i]!]))
  const complete = {
    ...query,
    distinct: typeof distinct === 'string' ? distinct : distinct.map((expr) => finalOf.get(expr)!),
    orderBy: sorts.map(({ target, key }) => ({ ...key, expr: finalOf.get(target.expr)! })),
  }
  const hasSets = complete.targets.some(returnsSet) || complete.groupBy.some(returnsSet)
  const locking = bindLocking(scope, select, { from, grouped, hasSets })
  return expandSets(scope, expandKeys(scope, { ...complete, locking }))
}

function aggregateInRecursion(scope: QueryScope, targets: readonly Target[], having: Expr | undefined): Error {
  const exprs = [...exprsOf(targets), ...(having === undefined ? [] : [having])]
  const first = exprs.flatMap((expr) => [...aggregatesIn(expr)])[0] ?? scope.lent[0]
  const message = "aggregate functions are not allowed in a recursive query's recursive term"
  return scope.statement.error('42P19', message, first === undefined ? -1 : scope.statement.locationOf(first))
}

const exprsOf = (targets: readonly Target[]): readonly Expr[] => targets.map((target) => target.expr)

function groupedParts(scope: QueryScope, keys: readonly Expr[], targets: readonly Target[], having: Expr | undefined) {
  const grouping = new Grouping(scope, keys)
  const checked = targets.map((target) => grouping.check(target.expr))
  const checkedHaving = having && grouping.check(having)
  return { grouped: true, groupBy: grouping.groupBy, having: checkedHaving, targets: checked }
}
