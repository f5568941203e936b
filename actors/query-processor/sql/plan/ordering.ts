import type { SortKey } from '../bind/bound.ts'
import { orderDirection } from './access-path.ts'
import type { Node } from './node.ts'

/** Whether rows come in this order anyway: the order of the scan they started from. */
export function isOrdered(node: Node, keys: readonly SortKey[]): boolean {
  switch (node.kind) {
    case 'filter':
    case 'lockRows':
    case 'limit':
      return isOrdered(node.input, keys)
    case 'project':
      return node.exprs.every((expr, i) => {
        const slot = node.layout[i]
        return expr.kind !== 'column' || (expr.relation === slot?.relation && expr.column === slot.column)
      })
        ? isOrdered(node.input, keys)
        : false
    case 'nestedLoop':
      return node.join !== 'full' && node.join !== 'right' && isOrdered(node.left, keys)
    case 'tableScan': {
      const columns = keys.flatMap(({ expr, descending, nullsFirst }) =>
        expr.kind === 'column' ? [{ relation: expr.relation, column: expr.column, descending, nullsFirst }] : [],
      )
      if (columns.length !== keys.length) return false
      const unique = node.index === undefined || node.index.unique
      const order = { columns, limited: false }
      const direction = orderDirection(node.keyColumns, node.bounds, node.relation, order, node.table, unique)
      return direction !== undefined && (direction === 'reverse') === node.reverse
    }
    case 'oneRow':
      return true
    default:
      return false
  }
}
