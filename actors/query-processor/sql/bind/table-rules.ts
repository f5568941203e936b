import type { Column, Table, TypeRef } from '../catalog/schema.ts'
import { boolOid, int8Oid, regclassOid } from '../functions/builtin-types.ts'
import type { Expr, RowRules } from './bound.ts'
import { coerceToTarget, typeName, typeRef } from './coerce.ts'
import { bindExpr } from './expression.ts'
import { tableItem, tableNamespace } from './from.ts'
import type { Node } from './parse-tree.ts'
import { QueryScope, type Statement } from './scope.ts'

/** nextval(regclass) */
const nextval = 1574

/** What a column gets when nobody says: its default, the next identity value, NULL. */
export function defaultOf(statement: Statement, column: Column): Expr {
  if (!column.dropped && column.default !== undefined) {
    const node = column.default.node as Node
    return statement.insideStored(() => bindDefault(statement, node, column.type, column.name))
  }
  if (!column.dropped && column.identity !== undefined && column.sequenceOid !== undefined) {
    const sequence: Expr = { kind: 'constant', type: typeRef(regclassOid), value: column.sequenceOid }
    const next: Expr = {
      kind: 'call',
      type: typeRef(int8Oid),
      procedure: nextval,
      arguments: [sequence],
      at: undefined,
      returnsSet: false,
    }
    return coerceToTarget(statement, next, column.type, 'assignment')!
  }
  return { kind: 'constant', type: column.type, value: null }
}

/** cookDefault */
export function bindDefault(statement: Statement, node: Node, type: TypeRef, columnName: string): Expr {
  const expr = bindExpr(new QueryScope(statement, undefined), node, 'DEFAULT')
  const coerced = coerceToTarget(statement, expr, type, 'assignment')
  if (coerced !== undefined) return coerced
  const message = `column "${columnName}" is of type ${typeName(type.oid)} but default expression is of type ${typeName(expr.type.oid)}`
  throw statement.error('42804', message, -1, { hint: 'You will need to rewrite or cast the expression.' })
}

/** The CHECK constraints of a table over one row of it. */
export function rowRules(statement: Statement, table: Table): RowRules {
  const scope = new QueryScope(statement, undefined)
  const row = scope.newRelation()
  if (table.checks.length === 0) return { row, checks: [] }
  scope.namespace = [tableNamespace(scope, tableItem(row, table), undefined)]
  const checks = table.checks.map((check) => ({
    name: check.name,
    expr: statement.insideStored(() => {
      const expr = bindExpr(scope, check.expression.node as Node, 'CHECK')
      return coerceToTarget(statement, expr, typeRef(boolOid), 'assignment')!
    }),
  }))
  return { row, checks }
}
