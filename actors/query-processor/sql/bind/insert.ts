import type { Column, Table } from '../catalog/schema.ts'
import { assignPart, bindPartTarget, coercedPart, type PartTarget } from './assigned-part.ts'
import { assigned, findTableColumn, missingTargetColumn } from './assignments.ts'
import type { Expr, Insert, Query } from './bound.ts'
import { bindExpr } from './expression.ts'
import { tableItem, tableNamespace } from './from.ts'
import { bindOnConflict } from './on-conflict.ts'
import { firstLocation, type InsertStmt, locationIn, type SelectStmt } from './parse-tree.ts'
import { bindReturning } from './returning.ts'
import { QueryScope } from './scope.ts'
import { selectFrom } from './select-from.ts'
import { withColumns } from './source.ts'
import { defaultOf, rowRules } from './table-rules.ts'
import { openTarget } from './target-table.ts'
import { bindWith } from './with.ts'

interface Target {
  readonly table: Table
  readonly columns: readonly Column[]
  /** Of `a[1]`: which part of its column a target is. */
  readonly parts: readonly (PartTarget | undefined)[]
  /** Where each column name stands, -1 when none was written. */
  readonly locations: readonly number[]
  readonly named: boolean
  readonly override: string
}

/** transformInsertStmt */
export function bindInsert(scope: QueryScope, node: InsertStmt): Insert {
  const { statement } = scope
  const ctes = bindWith(scope, node.withClause)
  const table = openTarget(scope, node.relation)
  const existing = tableItem(scope.newRelation(), table)
  // Its columns cannot be read in VALUES or SELECT, but messages know it.
  const item = tableNamespace(scope, existing, node.relation.alias)
  const target = bindTarget(scope, table, node)
  const { source, count } = bindSource(scope, target, node.selectStmt?.SelectStmt)
  const onConflict = node.onConflictClause && bindOnConflict(scope, table, item, node.onConflictClause)
  const returning = bindReturning(scope, node.returningList, table, node.relation.alias, undefined)
  return {
    kind: 'insert',
    ctes,
    table,
    source,
    positions: filledColumns(target, count).map((column) => column.attnum - 1),
    defaults: table.columns.map((column) => defaultOf(statement, column)),
    rules: rowRules(statement, table),
    onConflict,
    returning,
  }
}

/** checkInsertTargets */
function bindTarget(scope: QueryScope, table: Table, node: InsertStmt): Target {
  const override = node.override ?? 'OVERRIDING_NOT_SET'
  if (node.cols === undefined) {
    const columns = table.columns.filter((column) => !column.dropped)
    return { table, columns, parts: [], locations: columns.map(() => -1), named: false, override }
  }
  const columns: Column[] = []
  const parts: (PartTarget | undefined)[] = []
  for (const col of node.cols) {
    const target = col.ResTarget!
    const column = findTableColumn(table, target.name!)
    if (column === undefined) throw missingTargetColumn(scope, table, target)
    const part = target.indirection === undefined ? undefined : bindPartTarget(scope, column, target, -1)
    if (columns.some((other, i) => other === column && (part === undefined || parts[i] === undefined))) {
      throw scope.statement.error('42701', `column "${column.name}" specified more than once`, locationIn(target))
    }
    columns.push(column)
    parts.push(part)
  }
  return { table, columns, parts, locations: node.cols.map((col) => locationIn(col.ResTarget!)), named: true, override }
}

/** The rows to insert, and how many of the target's columns they fill. */
function bindSource(
  scope: QueryScope,
  target: Target,
  select: SelectStmt | undefined,
): { readonly source: Query | undefined; readonly count: number } {
  if (select === undefined) return { source: undefined, count: 0 }
  const isPlainValues =
    (select.valuesLists?.length ?? 0) > 0 &&
    select.sortClause === undefined &&
    select.limitCount === undefined &&
    select.limitOffset === undefined &&
    select.lockingClause === undefined &&
    select.withClause === undefined
  return isPlainValues ? bindRows(scope, target, select) : bindSelectSource(scope, target, select)
}

function bindRows(scope: QueryScope, target: Target, select: SelectStmt): { readonly source: Query; readonly count: number } {
  const lists = select.valuesLists!.map((list) => list.List!.items)
  const { statement } = scope
  const rowScope = new QueryScope(statement, scope)
  const width = lists[0]!.length
  const place = lists.length === 1 ? 'INSERT' : 'VALUES'
  const bound = lists.map((list) => {
    const row = list.map((node) => (node.SetToDefault === undefined ? bindExpr(rowScope, node, place) : undefined))
    if (list.length !== width) {
      throw statement.error('42601', 'VALUES lists must all be the same length', firstLocation(list))
    }
    return { list, row }
  })
  if (rowScope.lastSetReturning !== undefined) {
    const [list] = lists
    const isPlain = lists.length === 1 && list!.every((node) => node.SetToDefault === undefined)
    // One row is a SELECT without FROM: sets make more rows of it.
    if (isPlain)
      return bindSelectSource(scope, target, { targetList: list!.map((val) => ({ ResTarget: { val } })) } as SelectStmt)
    throw statement.unsupported('a set-returning function in INSERT ... VALUES', statement.locationOf(rowScope.lastSetReturning))
  }
  const rows = bound.map(({ list, row }) => {
    requireCount(scope, target, list.length, firstLocation(list.slice(target.columns.length)), row)
    return row.map((expr, i) => (expr === undefined ? undefined : assignedTo(scope, target, i, expr)))
  })
  const columns = target.columns.slice(0, width)
  columns.forEach((column, i) => {
    requireIdentity(
      scope,
      target,
      column,
      rows.every((row) => row[i] === undefined),
    )
  })
  const complete = rows.map((row) =>
    row.map((expr, i) => (expr === undefined || ignoresValue(target, columns[i]!) ? defaultOf(statement, columns[i]!) : expr)),
  )
  return {
    source: withColumns(
      filledColumns(target, width),
      complete.map((row) => whole(target, row)),
    ),
    count: width,
  }
}

function bindSelectSource(
  scope: QueryScope,
  target: Target,
  select: SelectStmt,
): { readonly source: Query; readonly count: number } {
  const { statement } = scope
  const { query } = statement.grammar.query(select, scope, { keepUnknown: true })
  const outputs: Expr[] = query.columns.map((column, i) => {
    const expr = query.kind === 'select' ? query.targets[i]! : undefined
    const location = expr === undefined ? -1 : statement.locationOf(expr)
    return statement.place({ kind: 'subqueryOutput', type: column.type, column: i }, location)
  })
  const extra = outputs[target.columns.length]
  requireCount(scope, target, outputs.length, extra === undefined ? -1 : statement.locationOf(extra), outputs)
  const columns = target.columns.slice(0, outputs.length)
  for (const column of columns) requireIdentity(scope, target, column, false)
  const id = scope.newRelation()
  const exprs = columns.map((column, i): Expr => {
    if (ignoresValue(target, column)) return defaultOf(statement, column)
    const output = query.columns[i]!
    // A literal among the outputs takes the column's type by itself.
    const literal = query.kind === 'select' && output.type.oid === 705 ? query.targets[i]! : undefined
    const isLiteral = literal?.kind === 'constant' || literal?.kind === 'parameter'
    const location = statement.locationOf(outputs[i]!)
    const value: Expr = isLiteral
      ? literal
      : statement.place({ kind: 'column', type: output.type, relation: id, column: i }, location)
    return assignedTo(scope, target, i, value, location)
  })
  const asIs = exprs.every((expr) => expr.kind === 'column' && expr.relation === id)
  const filled = filledColumns(target, columns.length)
  return { source: asIs ? query : castSource(query, id, filled, whole(target, exprs)), count: columns.length }
}

function assignedTo(scope: QueryScope, target: Target, i: number, value: Expr, location?: number): Expr {
  const column = target.columns[i]!
  const part = target.parts[i]
  return part === undefined ? assigned(scope.statement, value, column, location) : coercedPart(scope, column, part, value)
}

/** The columns that the first `count` targets fill, each once. */
const filledColumns = (target: Target, count: number): readonly Column[] => [...new Set(target.columns.slice(0, count))]

/** One value for each column that is filled: parts are put into one that begins as NULL. */
function whole(target: Target, values: readonly Expr[]): readonly Expr[] {
  if (target.parts.every((part) => part === undefined)) return values
  const made = new Map<Column, Expr>()
  values.forEach((value, i) => {
    const column = target.columns[i]!
    const part = target.parts[i]
    const old: Expr = made.get(column) ?? { kind: 'constant', type: column.type, value: null }
    made.set(column, part === undefined ? value : assignPart(column, old, part, value))
  })
  return [...made.values()]
}

function castSource(query: Query, id: number, columns: readonly Column[], exprs: readonly Expr[]): Query {
  return selectFrom(
    query,
    id,
    columns.map(({ name, type }) => ({ name, type, tableOid: 0, attnum: 0 })),
    exprs,
  )
}

function requireCount(
  scope: QueryScope,
  target: Target,
  count: number,
  extraLocation: number,
  row: readonly (Expr | undefined)[],
): void {
  const { statement } = scope
  if (count > target.columns.length) {
    throw statement.error('42601', 'INSERT has more expressions than target columns', extraLocation)
  }
  if (target.named && count < target.columns.length) {
    const only = count === 1 ? row[0] : undefined
    const isRow = only?.kind === 'row' && only.fields.length === target.columns.length
    throw statement.error(
      '42601',
      'INSERT has more target columns than expressions',
      target.locations[count]!,
      isRow
        ? {
            hint: 'The insertion source is a row expression containing the same number of columns expected by the INSERT. Did you accidentally use extra parentheses?',
          }
        : {},
    )
  }
}

/** OVERRIDING USER VALUE: what was given for an identity column is ignored. */
function ignoresValue(target: Target, column: Column): boolean {
  return column.identity !== undefined && target.override === 'OVERRIDING_USER_VALUE'
}

function requireIdentity(scope: QueryScope, target: Target, column: Column, onlyDefaults: boolean): void {
  if (column.identity !== 'always' || onlyDefaults || target.override !== 'OVERRIDING_NOT_SET') return
  throw scope.statement.error('428C9', `cannot insert a non-DEFAULT value into column "${column.name}"`, -1, {
    detail: `Column "${column.name}" is an identity column defined as GENERATED ALWAYS.`,
    hint: 'Use OVERRIDING SYSTEM VALUE to override.',
  })
}
