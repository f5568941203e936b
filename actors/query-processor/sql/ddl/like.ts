import { SqlError } from '../../../../protocol/errors.ts'
import type { RangeVar } from '../bind/parse-tree.ts'
import { indexesOf } from '../catalog/snapshot.ts'
import type { DdlWork } from './context.ts'
import type { TableParts } from './create-table.ts'
import { findNamed, isIndex, missingRelation } from './names.ts'

/** TableLikeOption of parsenodes.h. */
const including = { comments: 1, constraints: 4, defaults: 8, generated: 16, identity: 32, indexes: 64 } as const

/** LIKE source: columns with NOT NULL always, the rest as INCLUDING says. */
export function copyTable(
  work: DdlWork,
  parts: TableParts,
  clause: { readonly relation: RangeVar; readonly options?: number },
): void {
  const source = findNamed(work, clause.relation)
  if (source === undefined) throw missingRelation(work, clause.relation).with(work.at(clause.relation.location))
  if (isIndex(source) || source.kind === 'sequence') {
    const what = isIndex(source) ? 'indexes' : 'sequences'
    throw work.error('42809', `relation "${source.name}" is invalid in LIKE clause`, clause.relation.location, {
      detail: `This operation is not supported for ${what}.`,
    })
  }
  const has = (option: number): boolean => ((clause.options ?? 0) & option) !== 0
  work.draft.needRelation(source.oid)
  const attnums = new Map<number, number>()
  for (const column of source.columns) {
    if (column.dropped) continue
    const attnum = parts.columns.length + 1
    attnums.set(column.attnum, attnum)
    const { name, type, notNull } = column
    const comment = has(including.comments) && column.comment !== undefined ? { comment: column.comment } : {}
    parts.columns.push({ attnum, name, type, notNull, dropped: false, ...comment })
    if (has(including.identity) && column.identity !== undefined) {
      parts.sequences.push({ attnum, identity: column.identity, options: [] })
    }
    if (has(including.defaults) && column.default !== undefined) {
      parts.storedDefaults.push({ attnum, expression: column.default })
    }
  }
  if (source.kind !== 'table') return
  if (has(including.constraints)) {
    for (const { name, expression } of source.checks) {
      parts.checks.push({ name, node: expression.node as object, validated: true })
    }
  }
  if (!has(including.indexes)) return
  for (const index of indexesOf(source)) {
    if (index.constraintOid === undefined) throw new SqlError('0A000', 'LIKE INCLUDING INDEXES of a plain index is not supported')
    const columns = index.columns.map(({ attnum }) => source.columns[attnum - 1]?.name ?? '')
    const { primary, nullsNotDistinct } = index
    parts.keys.push({ name: undefined, primary, nullsNotDistinct, columns, location: undefined })
  }
}
