import { unreachable } from '../../../../protocol/assert.ts'
import type { Table } from '../catalog/schema.ts'
import { openRelation } from './names.ts'
import { locationIn, type RangeVar } from './parse-tree.ts'
import type { QueryScope } from './scope.ts'

/** setTargetTable: a table that can be written. */
export function openTarget(scope: QueryScope, range: RangeVar): Table {
  const { statement } = scope
  if (range.schemaname === undefined && scope.ctes.some((entry) => entry.name === range.relname)) {
    const message = `relation "${range.relname}" cannot be the target of a modifying statement`
    throw statement.error('42P01', message, -1)
  }
  const relation = openRelation(statement, range)
  switch (relation.kind) {
    case 'table':
      if (relation.system) throw statement.error('42501', `permission denied: "${relation.name}" is a system catalog`, -1)
      return relation
    case 'view':
      throw statement.unsupported('writing to a view', locationIn(range))
    case 'sequence':
      throw statement.error('42809', `cannot change sequence "${relation.name}"`, -1)
    default:
      return unreachable(relation)
  }
}
