import type { Table } from '../catalog/schema.ts'
import { bindAssignments } from './assignments.ts'
import type { FromItem, ModifyStatement, RelationId } from './bound.ts'
import { bindCondition } from './expression.ts'
import { bindFromClause, tableItem, tableNamespace } from './from.ts'
import { bindInsert } from './insert.ts'
import type { DeleteStmt, Node, RangeVar, UpdateStmt } from './parse-tree.ts'
import { bindReturning } from './returning.ts'
import { type NamespaceItem, QueryScope, type Statement } from './scope.ts'
import { rowRules } from './table-rules.ts'
import { openTarget } from './target-table.ts'
import { bindWith } from './with.ts'

/** INSERT, UPDATE, DELETE at the top or in a WITH item. */
export function bindModify(statement: Statement, node: Node, parent: QueryScope | undefined): ModifyStatement {
  statement.enter()
  const scope = new QueryScope(statement, parent)
  let bound: ModifyStatement
  if (node.InsertStmt !== undefined) bound = bindInsert(scope, node.InsertStmt)
  else if (node.UpdateStmt !== undefined) bound = bindUpdate(scope, node.UpdateStmt)
  else if (node.DeleteStmt !== undefined) bound = bindDelete(scope, node.DeleteStmt)
  else throw statement.unsupported(Object.keys(node)[0] === 'MergeStmt' ? 'MERGE' : (Object.keys(node)[0] ?? 'this statement'))
  statement.leave()
  return bound
}

function bindUpdate(scope: QueryScope, node: UpdateStmt): ModifyStatement {
  const { statement } = scope
  const ctes = bindWith(scope, node.withClause)
  const target = bindTarget(scope, node.relation, node.fromClause)
  const where = node.whereClause && bindCondition(scope, node.whereClause, 'WHERE', 'WHERE')
  const returning = bindReturning(scope, node.returningList, target.table, node.relation.alias, target.item)
  const set = bindAssignments(scope, target.table, target.id, node.targetList)
  return {
    kind: 'update',
    ctes,
    table: target.table,
    target: target.id,
    from: target.from,
    where,
    set,
    rules: rowRules(statement, target.table),
    returning,
  }
}

function bindDelete(scope: QueryScope, node: DeleteStmt): ModifyStatement {
  const ctes = bindWith(scope, node.withClause)
  const target = bindTarget(scope, node.relation, node.usingClause)
  const where = node.whereClause && bindCondition(scope, node.whereClause, 'WHERE', 'WHERE')
  const returning = bindReturning(scope, node.returningList, target.table, node.relation.alias, target.item)
  return { kind: 'delete', ctes, table: target.table, target: target.id, from: target.from, where, returning }
}

interface Target {
  readonly table: Table
  readonly id: RelationId
  readonly from: FromItem
  readonly item: NamespaceItem
}

/** The target table joined with FROM or USING; items of these cannot look at the target, even with LATERAL. */
function bindTarget(scope: QueryScope, range: RangeVar, nodes: readonly Node[] | undefined): Target {
  const table = openTarget(scope, range)
  const id = scope.newRelation()
  const target = tableItem(id, table)
  const item = tableNamespace(scope, target, range.alias)
  scope.namespace = [item]
  item.lateralOnly = true
  item.lateralOk = false
  scope.targetItem = item
  const from = bindFromClause(scope, nodes, target)!
  return { table, id, from, item }
}
