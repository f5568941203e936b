import type { Expr, FromItem, OutputColumn, Query, RelationId, Select } from './bound.ts'
import { sameExpr } from './same-expr.ts'
import type { QueryScope } from './scope.ts'
import { children, some, withChildren } from './walk.ts'

export const returnsSet = (expr: Expr): boolean => some(expr, (inner) => inner.kind === 'call' && inner.returnsSet)

/**
 * Set-returning calls in the target list run in step, one row for each of theirs, the short ones padded with NULL. That is what a LATERAL
 * ROWS FROM behind everything in FROM does: calls become columns of it, those inside the arguments of others one level earlier.
 * A grouped query is first made a subquery, because its sets are expanded after grouping.
 */
export function expandSets(scope: QueryScope, select: Select): Select {
  if (!select.targets.some(returnsSet)) return select
  return select.grouped ? expandOver(scope, groupedInside(scope, select)) : expandOver(scope, select)
}

/** Sets among the keys are expanded before grouping; whatever above reads a key reads it as a whole. */
export function expandKeys(scope: QueryScope, select: Select): Select {
  let current = select
  while (true) {
    const calls: Expr[] = []
    for (const key of current.groupBy) collectInnermost(key, calls)
    if (calls.length === 0) return current
    const added = functionItem(scope, calls)
    const before = current.groupBy
    const keys = before.map(callsAsColumns(calls, added.id))
    const ofKey = replacer((expr) => {
      const i = before.findIndex((key) => sameExpr(key, expr))
      return i < 0 ? undefined : keys[i]
    })
    const having = current.having && ofKey(current.having)
    current = { ...mapSelect(current, ofKey), from: besides(current.from, added), groupBy: keys, having }
  }
}

const besides = (from: FromItem | undefined, added: FromItem): FromItem =>
  from === undefined ? added : { kind: 'join', join: 'inner', left: from, right: added, condition: undefined }

const callsAsColumns = (calls: readonly Expr[], relation: RelationId) =>
  replacer((expr) => {
    const column = calls.findIndex((call) => sameExpr(call, expr))
    return column < 0 ? undefined : { kind: 'column', type: expr.type, relation, column }
  })

function expandOver(scope: QueryScope, select: Select): Select {
  let from = select.from
  let current = select
  while (true) {
    const calls: Expr[] = []
    const exprs = [...current.targets, ...current.orderBy.map((key) => key.expr), ...distinctExprs(current)]
    for (const expr of exprs) collectInnermost(expr, calls)
    if (calls.length === 0) return { ...current, from }
    const added = functionItem(scope, calls)
    from = besides(from, added)
    current = mapSelect(current, callsAsColumns(calls, added.id))
  }
}

/** Calls whose arguments return no sets, each once. */
function collectInnermost(expr: Expr, into: Expr[]): void {
  if (expr.kind === 'call' && expr.returnsSet && !expr.arguments.some(returnsSet)) {
    if (!into.some((known) => sameExpr(known, expr))) into.push(expr)
    return
  }
  for (const child of children(expr)) collectInnermost(child, into)
}

function functionItem(scope: QueryScope, calls: readonly Expr[]): FromItem & { kind: 'function' } {
  const columns: OutputColumn[] = calls.map((call) => ({ name: 'set', type: call.type, tableOid: 0, attnum: 0 }))
  const id = scope.newRelation()
  return { kind: 'function', id, calls, ordinality: false, lateral: true, rowsAsValues: true, columns }
}

/** The grouped query as a subquery that yields every part of the targets that is free of sets. */
function groupedInside(scope: QueryScope, select: Select): Select {
  const parts: Expr[] = []
  const note = (expr: Expr): void => {
    if (expr.kind === 'constant' || expr.kind === 'parameter') return
    if (!returnsSet(expr)) {
      if (!parts.some((part) => sameExpr(part, expr))) parts.push(expr)
    } else for (const child of children(expr)) note(child)
  }
  for (const expr of [...select.targets, ...select.orderBy.map((key) => key.expr), ...distinctExprs(select)]) note(expr)
  const id = scope.newRelation()
  const columns = parts.map((part) => ({ name: 'part', type: part.type, tableOid: 0, attnum: 0 }))
  const query: Query = {
    ...select,
    ctes: [],
    columns,
    targets: parts,
    distinct: 'none',
    orderBy: [],
    limit: undefined,
    offset: undefined,
    withTies: false,
    locking: [],
  }
  const outer = mapSelect(
    select,
    replacer((expr) => {
      const i = parts.findIndex((part) => sameExpr(part, expr))
      return i < 0 ? undefined : { kind: 'column', type: expr.type, relation: id, column: i }
    }),
  )
  return {
    ...outer,
    from: { kind: 'subquery', id, query, lateral: false, columns },
    where: undefined,
    grouped: false,
    groupBy: [],
    having: undefined,
    lent: [],
  }
}

const distinctExprs = (select: Select): readonly Expr[] => (typeof select.distinct === 'string' ? [] : select.distinct)

function replacer(replacement: (expr: Expr) => Expr | undefined): (expr: Expr) => Expr {
  // One object in, one object out: a sort key stays the very target it was.
  const known = new Map<Expr, Expr>()
  const replace = (expr: Expr): Expr => {
    let replaced = known.get(expr)
    if (replaced === undefined) known.set(expr, (replaced = replacement(expr) ?? withChildren(expr, replace)))
    return replaced
  }
  return replace
}

function mapSelect(select: Select, change: (expr: Expr) => Expr): Select {
  return {
    ...select,
    targets: select.targets.map(change),
    orderBy: select.orderBy.map((key) => ({ ...key, expr: change(key.expr) })),
    distinct: typeof select.distinct === 'string' ? select.distinct : select.distinct.map(change),
  }
}
