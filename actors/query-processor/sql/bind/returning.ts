import type { Table } from '../catalog/schema.ts'
import type { Returning } from './bound.ts'
import { tableItem, tableNamespace } from './from.ts'
import type { Alias, Node } from './parse-tree.ts'
import type { NamespaceItem, QueryScope } from './scope.ts'
import { bindTargets, outputColumns, resolveUnknown } from './target-list.ts'

/** RETURNING sees the row as it has become under an id of its own, where WHERE and SET saw it as it was. */
export function bindReturning(
  scope: QueryScope,
  nodes: readonly Node[] | undefined,
  table: Table,
  alias: Alias | undefined,
  target: NamespaceItem | undefined,
): Returning | undefined {
  if (nodes === undefined || nodes.length === 0) return undefined
  const before = scope.namespace
  const row = scope.newRelation()
  const item = tableNamespace(scope, tableItem(row, table), alias)
  scope.rangeTable.pop()
  scope.namespace = target === undefined ? [item] : before.map((other) => (other === target ? item : other))
  const targets = bindTargets(scope, nodes, 'RETURNING')
  for (const one of targets) one.expr = resolveUnknown(scope.statement, one.expr)
  scope.namespace = before
  return { row, targets: targets.map((one) => one.expr), columns: outputColumns(scope.statement, targets) }
}
