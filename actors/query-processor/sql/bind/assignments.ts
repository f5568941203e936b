import type { Column, Table } from '../catalog/schema.ts'
import { assignPart, bindPartTarget, coercedPart } from './assigned-part.ts'
import type { Assignment, Expr, RelationId } from './bound.ts'
import { coerceToTarget, typeName } from './coerce.ts'
import { bindExpr } from './expression.ts'
import { locationIn, type Node, nodeLocation, type ResTarget } from './parse-tree.ts'
import { requireSubqueriesAllowed } from './places.ts'
import type { QueryScope, Statement } from './scope.ts'
import { rowFields } from './sublink.ts'
import { defaultOf } from './table-rules.ts'

/** transformAssignedExpr: the value as the column's type. */
export function assigned(statement: Statement, expr: Expr, column: Column, location = statement.locationOf(expr)): Expr {
  const coerced = coerceToTarget(statement, expr, column.type, 'assignment')
  if (coerced !== undefined) return coerced
  const message = `column "${column.name}" is of type ${typeName(column.type.oid)} but expression is of type ${typeName(expr.type.oid)}`
  throw statement.error('42804', message, location, { hint: 'You will need to rewrite or cast the expression.' })
}

export function findTableColumn(table: Table, name: string): Column | undefined {
  return table.columns.find((column) => column.name === name && !column.dropped)
}

export function missingTargetColumn(scope: QueryScope, table: Table, target: ResTarget): Error {
  const message = `column "${target.name}" of relation "${table.name}" does not exist`
  return scope.statement.error('42703', message, locationIn(target))
}

/** SET of UPDATE and of ON CONFLICT DO UPDATE. */
export function bindAssignments(
  scope: QueryScope,
  table: Table,
  relation: RelationId,
  nodes: readonly Node[],
): readonly Assignment[] {
  const { statement } = scope
  const targets = nodes.map((node) => node.ResTarget!)
  const values = bindValues(scope, targets)
  const set: Assignment[] = []
  targets.forEach((target, i) => {
    const column = findTableColumn(table, target.name!)
    if (column === undefined) throw missingTargetColumn(scope, table, target)
    const value = values[i]
    if (target.indirection !== undefined) {
      assignToPart(scope, set, column, relation, target, value)
      return
    }
    const isDefault = value === undefined
    if (column.identity === 'always' && !isDefault) {
      throw statement.error('428C9', `column "${column.name}" can only be updated to DEFAULT`, -1, {
        detail: `Column "${column.name}" is an identity column defined as GENERATED ALWAYS.`,
      })
    }
    set.push({
      position: column.attnum - 1,
      value: isDefault ? defaultOf(statement, column) : assigned(statement, value, column),
    })
  })
  for (const [i, { position }] of set.entries()) {
    if (set.findIndex((other) => other.position === position) === i) continue
    const { name } = table.columns[position]!
    throw statement.error('42601', `multiple assignments to same column "${name}"`, -1)
  }
  return set
}

/** Several parts of one column are assigned one after the other. */
function assignToPart(
  scope: QueryScope,
  set: Assignment[],
  column: Column,
  relation: RelationId,
  target: ResTarget,
  value: Expr | undefined,
): void {
  if (value === undefined) throw scope.statement.error('0A000', 'cannot set an array element to DEFAULT', locationIn(target))
  const part = bindPartTarget(scope, column, target, locationIn(target))
  const position = column.attnum - 1
  const earlier = set.findIndex((other) => other.position === position && other.value.kind === 'assignPart')
  const old: Expr = earlier < 0 ? { kind: 'column', type: column.type, relation, column: position } : set[earlier]!.value
  const assignment = { position, value: assignPart(column, old, part, coercedPart(scope, column, part, value)) }
  if (earlier < 0) set.push(assignment)
  else set[earlier] = assignment
}

/** One expression for each target; undefined for DEFAULT. */
function bindValues(scope: QueryScope, targets: readonly ResTarget[]): (Expr | undefined)[] {
  let row: readonly (Expr | undefined)[] = []
  return targets.map((target) => {
    const multi = target.val!.MultiAssignRef
    if (multi === undefined) {
      return target.val!.SetToDefault === undefined ? bindExpr(scope, target.val!, 'UPDATE') : undefined
    }
    // The grammar repeats the source for each of its columns: bound once, it is one row for all.
    if (multi.colno === 1) row = bindRow(scope, multi.source, multi.ncolumns)
    return row[multi.colno - 1]
  })
}

function bindRow(scope: QueryScope, source: Node, wanted: number): readonly (Expr | undefined)[] {
  const { statement } = scope
  const requireCount = (count: number, location: number): void => {
    if (count !== wanted) throw statement.error('42601', 'number of columns does not match number of values', location)
  }
  if (source.RowExpr !== undefined) {
    const items = source.RowExpr.args ?? []
    requireCount(items.length, locationIn(source.RowExpr))
    return items.map((item) => (item.SetToDefault === undefined ? bindExpr(scope, item, 'UPDATE') : undefined))
  }
  if (source.SubLink?.subLinkType === 'EXPR_SUBLINK') {
    requireSubqueriesAllowed(scope, locationIn(source.SubLink))
    const bound = statement.grammar.query(source.SubLink.subselect.SelectStmt!, scope)
    requireCount(bound.query.columns.length, locationIn(source.SubLink))
    return rowFields(scope, bound)
  }
  const message = 'source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression'
  throw statement.error('0A000', message, nodeLocation(source))
}
