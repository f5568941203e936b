import type { Expr, FromItem, UsingColumn } from './bound.ts'
import { allCoerceTo, coerceToBoolean, coerceType, selectCommonType, typeRef } from './coerce.ts'
import { bindCondition } from './expression.ts'
import { requireDistinctNames, rowType } from './namespace.ts'
import { makeOperator } from './operator.ts'
import { type JoinExpr, type Node, text } from './parse-tree.ts'
import type { NamespaceColumn, NamespaceItem, QueryScope } from './scope.ts'

interface Side {
  readonly item: FromItem
  readonly namespace: readonly NamespaceItem[]
}

const kinds = { JOIN_INNER: 'inner', JOIN_LEFT: 'left', JOIN_RIGHT: 'right', JOIN_FULL: 'full' } as const
type JoinKind = (typeof kinds)[keyof typeof kinds]

/** JOIN in all its spellings. USING and NATURAL become a condition and merged columns. */
export function bindJoin(scope: QueryScope, node: JoinExpr, bindSide: (node: Node) => Side): Side {
  const join = kinds[node.jointype]
  const left = bindSide(node.larg)
  for (const item of left.namespace) {
    item.lateralOnly = true
    item.lateralOk = join === 'inner' || join === 'left'
  }
  const outside = scope.namespace
  scope.namespace = [...outside, ...left.namespace]
  const right = bindSide(node.rarg)
  scope.namespace = outside
  requireDistinctNames(scope, left.namespace, right.namespace)
  const inputs = [...left.namespace, ...right.namespace]

  const leftColumns = outputsOf(left.namespace)
  const rightColumns = outputsOf(right.namespace)
  const shared = node.isNatural
    ? leftColumns.map((column) => column.name).filter((name) => rightColumns.some((column) => column.name === name))
    : (node.usingClause ?? []).map(text)
  const {
    merged,
    condition: using,
    usingColumns,
    restLeft,
    restRight,
  } = mergeColumns(scope, join, shared, leftColumns, rightColumns)
  const condition = node.quals === undefined ? using : bindOn(scope, node.quals, inputs)
  const alias = node.join_using_alias?.aliasname
  const item: FromItem = {
    kind: 'join',
    join,
    left: left.item,
    right: right.item,
    condition,
    ...(usingColumns.length === 0 ? {} : { using: { columns: usingColumns, alias } }),
  }
  const columns = [...merged, ...restLeft, ...restRight]
  return { item, namespace: namespaceOf(scope, node, inputs, columns, merged) }
}

/** The columns of one side: those that can be said without a qualifier. */
function outputsOf(items: readonly NamespaceItem[]): readonly NamespaceColumn[] {
  return items.filter((item) => item.columnsVisible).flatMap((item) => item.columns)
}

function bindOn(scope: QueryScope, quals: Node, inputs: readonly NamespaceItem[]): Expr {
  const outside = scope.namespace
  for (const item of inputs) {
    item.lateralOnly = false
    item.lateralOk = true
  }
  scope.namespace = [...inputs]
  const condition = bindCondition(scope, quals, 'JOIN/ON', 'JOIN/ON')
  scope.namespace = outside
  return condition
}

function mergeColumns(
  scope: QueryScope,
  join: JoinKind,
  shared: readonly string[],
  leftColumns: readonly NamespaceColumn[],
  rightColumns: readonly NamespaceColumn[],
) {
  const { statement } = scope
  const merged: NamespaceColumn[] = []
  const conditions: Expr[] = []
  const usingColumns: UsingColumn[] = []
  const taken = new Set<NamespaceColumn>()
  const find = (columns: readonly NamespaceColumn[], name: string, side: string): NamespaceColumn => {
    const found = columns.filter((column) => column.name === name)
    if (found.length > 1) {
      throw statement.error('42702', `common column name "${name}" appears more than once in ${side} table`, -1)
    }
    if (found.length === 0) {
      throw statement.error('42703', `column "${name}" specified in USING clause does not exist in ${side} table`, -1)
    }
    taken.add(found[0]!)
    return found[0]!
  }
  shared.forEach((name, i) => {
    if (shared.indexOf(name) < i) {
      throw statement.error('42701', `column name "${name}" appears more than once in USING clause`, -1)
    }
    const left = find(leftColumns, name, 'left')
    const right = find(rightColumns, name, 'right')
    const equal = makeOperator(statement, [{ String: { sval: '=' } }], { ...left.expr }, { ...right.expr }, -1)
    conditions.push(coerceToBoolean(statement, equal, 'JOIN/USING'))
    const both = mergeColumn(scope, join, left, right)
    merged.push(both)
    usingColumns.push({ name, left: left.expr, right: right.expr, merged: both.expr })
  })
  const condition: Expr | undefined =
    conditions.length > 1 ? { kind: 'and', type: conditions[0]!.type, arguments: conditions } : conditions[0]
  const rest = (columns: readonly NamespaceColumn[]) => columns.filter((column) => !taken.has(column))
  return { merged, condition, usingColumns, restLeft: rest(leftColumns), restRight: rest(rightColumns) }
}

/** buildMergedJoinVar: the left column, the right one for RIGHT JOIN, whichever is there for FULL JOIN. */
function mergeColumn(scope: QueryScope, join: JoinKind, left: NamespaceColumn, right: NamespaceColumn): NamespaceColumn {
  const { statement } = scope
  const common = selectCommonType(statement, [left.expr, right.expr], 'JOIN/USING')
  if (!allCoerceTo([left.expr, right.expr], common)) throw statement.unsupported('this JOIN/USING')
  const sameTypmod = left.expr.type.oid === right.expr.type.oid && left.expr.type.typmod === right.expr.type.typmod
  const type = typeRef(common, sameTypmod ? left.expr.type.typmod : -1)
  const coerce = (expr: Expr): Expr => (expr.type.oid === common ? expr : coerceType(statement, expr, type, 'implicit'))
  const a = coerce(left.expr)
  const b = coerce(right.expr)
  const useRight = join === 'right' || (join === 'inner' && a !== left.expr && b === right.expr)
  const expr: Expr = join === 'full' ? { kind: 'coalesce', type, arguments: [a, b] } : useRight ? b : a
  const output =
    expr === left.expr ? left.output : expr === right.expr ? right.output : { ...left.output, type, tableOid: 0, attnum: 0 }
  return { name: left.name, expr, output, attnum: 0 }
}

function namespaceOf(
  scope: QueryScope,
  node: JoinExpr,
  inputs: readonly NamespaceItem[],
  columns: readonly NamespaceColumn[],
  merged: readonly NamespaceColumn[],
): readonly NamespaceItem[] {
  const { alias, join_using_alias: usingAlias } = node
  const renamed = (alias?.colnames ?? []).map(text)
  if (renamed.length > columns.length) {
    throw scope.statement.error('42601', `column alias list for "${alias!.aliasname}" has too many entries`, -1)
  }
  const shown = columns.map((column, i) => (renamed[i] === undefined ? column : { ...column, name: renamed[i] }))
  const joined = joinItem(alias?.aliasname ?? '', shown, { relation: alias !== undefined, columns: true })
  for (const item of inputs) item.columnsVisible = false
  const visible = alias === undefined ? [...inputs] : []
  if (usingAlias !== undefined) visible.push(joinItem(usingAlias.aliasname, merged, { relation: true, columns: false }))
  return [...visible, joined]
}

function joinItem(
  name: string,
  columns: readonly NamespaceColumn[],
  visible: { readonly relation: boolean; readonly columns: boolean },
): NamespaceItem {
  return {
    name,
    relation: undefined,
    columns,
    wholeRow: () => ({ kind: 'row', type: rowType(columns), fields: columns.map((column) => column.expr) }),
    id: undefined,
    table: undefined,
    underlying: undefined,
    relationVisible: visible.relation,
    columnsVisible: visible.columns,
    lateralOnly: false,
    lateralOk: true,
  }
}
