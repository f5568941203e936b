import { unreachable } from '../../../../protocol/assert.ts'
import type { FromItem, RelationId, RowLock } from './bound.ts'
import { type LockingClause, locationIn, type SelectStmt } from './parse-tree.ts'
import type { QueryScope } from './scope.ts'

const words: Readonly<Record<string, string>> = {
  LCS_FORUPDATE: 'FOR UPDATE',
  LCS_FORNOKEYUPDATE: 'FOR NO KEY UPDATE',
  LCS_FORSHARE: 'FOR SHARE',
  LCS_FORKEYSHARE: 'FOR KEY SHARE',
}

/** transformLockingClause. FOR NO KEY UPDATE and FOR SHARE take the stronger FOR UPDATE: never less than was asked for. */
export function bindLocking(
  scope: QueryScope,
  select: SelectStmt,
  facts: { readonly from: FromItem | undefined; readonly grouped: boolean; readonly hasSets: boolean },
): readonly RowLock[] {
  const locks = new Map<RelationId, RowLock>()
  for (const node of select.lockingClause ?? []) {
    const clause = node.LockingClause!
    const word = words[clause.strength]!
    requireLockable(scope, select, word, facts)
    if (clause.waitPolicy === 'LockWaitSkip') throw scope.statement.unsupported('SKIP LOCKED')
    if (clause.waitPolicy === 'LockWaitError') throw scope.statement.unsupported('NOWAIT')
    const mode = clause.strength === 'LCS_FORKEYSHARE' ? 'keyShare' : 'update'
    for (const relation of lockedRelations(scope, clause, word, facts.from)) {
      if (locks.get(relation)?.mode !== 'update') locks.set(relation, { relation, mode })
    }
  }
  return [...locks.values()]
}

function requireLockable(
  scope: QueryScope,
  select: SelectStmt,
  word: string,
  { grouped, hasSets }: { readonly grouped: boolean; readonly hasSets: boolean },
): void {
  const obstacle =
    select.distinctClause !== undefined
      ? 'DISTINCT clause'
      : select.groupClause !== undefined
        ? 'GROUP BY clause'
        : select.havingClause !== undefined
          ? 'HAVING clause'
          : grouped
            ? 'aggregate functions'
            : hasSets
              ? 'set-returning functions in the target list'
              : undefined
  if (obstacle !== undefined) throw scope.statement.error('0A000', `${word} is not allowed with ${obstacle}`, -1)
}

function lockedRelations(scope: QueryScope, clause: LockingClause, word: string, from: FromItem | undefined): RelationId[] {
  const { statement } = scope
  const items = leaves(from)
  const requireNotNullable = (item: Leaf): void => {
    if (!item.nullable) return
    throw statement.error('0A000', `${word} cannot be applied to the nullable side of an outer join`, -1)
  }
  if (clause.lockedRels === undefined) {
    return items.flatMap((leaf) => {
      if (leaf.item.kind === 'subquery') throw statement.unsupported(`${word} over a subquery or view`)
      if (leaf.item.kind !== 'table') return []
      requireNotNullable(leaf)
      return [leaf.item.id]
    })
  }
  return clause.lockedRels.map((node): RelationId => {
    const range = node.RangeVar!
    const location = locationIn(range)
    if (range.schemaname !== undefined || range.catalogname !== undefined) {
      throw statement.error('42601', `${word} must specify unqualified relation names`, location)
    }
    const named = scope.rangeTable.find((item) => item.name === range.relname && item.relationVisible)
    const leaf = items.find(({ item }) => item.id === named?.id)
    if (named === undefined || leaf === undefined) {
      if (scope.namespace.some((item) => item.name === range.relname)) {
        throw statement.error('0A000', `${word} cannot be applied to a join`, location)
      }
      throw statement.error('42P01', `relation "${range.relname}" in ${word} clause not found in FROM clause`, location)
    }
    switch (leaf.item.kind) {
      case 'table':
        requireNotNullable(leaf)
        return leaf.item.id
      case 'function':
        throw statement.error('0A000', `${word} cannot be applied to a function`, location)
      case 'cte':
        throw statement.error('0A000', `${word} cannot be applied to a WITH query`, location)
      case 'sequence':
        throw statement.error('42809', `cannot lock rows in sequence "${range.relname}"`, -1)
      case 'subquery':
        throw statement.unsupported(`${word} over a subquery or view`, location)
      default:
        return unreachable(leaf.item)
    }
  })
}

interface Leaf {
  readonly item: Exclude<FromItem, { kind: 'join' }>
  /** Its columns are NULL where an outer join found nothing. */
  readonly nullable: boolean
}

function leaves(item: FromItem | undefined, nullable = false): Leaf[] {
  if (item === undefined) return []
  if (item.kind !== 'join') return [{ item, nullable }]
  return [
    ...leaves(item.left, nullable || item.join === 'right' || item.join === 'full'),
    ...leaves(item.right, nullable || item.join === 'left' || item.join === 'full'),
  ]
}
