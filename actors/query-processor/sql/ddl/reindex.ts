import { SqlError } from '../../../../protocol/errors.ts'
import type { Index, Table } from '../catalog/schema.ts'
import { indexesOf } from '../catalog/snapshot.ts'
import type { DdlWork } from './context.ts'
import { findNamed, isIndex, missingRelation, systemCatalog } from './names.ts'
import type { ReindexStmt } from './parse-tree.ts'
import { doRowWork } from './row-work.ts'

/** REINDEX INDEX and TABLE: the entries are written anew under new storage ids; an invalid index becomes valid or fails. */
export async function reindex(work: DdlWork, statement: ReindexStmt): Promise<string> {
  const { relation } = statement
  if (relation === undefined) throw work.refuse(`REINDEX ${statement.kind.replace('REINDEX_OBJECT_', '')}`)
  const found = findNamed(work, relation)
  if (found === undefined) throw missingRelation(work, relation)
  const isForIndex = statement.kind === 'REINDEX_OBJECT_INDEX'
  if (isForIndex !== isIndex(found)) {
    throw new SqlError('42809', `"${found.name}" is not ${isForIndex ? 'an index' : 'a table or materialized view'}`)
  }
  if (isIndex(found)) await rebuild(work, work.draft.relationByOid(found.tableOid) as Table, [found])
  else if (found.kind !== 'table') throw new SqlError('42809', `"${found.name}" is not a table or materialized view`)
  else if (found.system) throw systemCatalog(found.name)
  else if (indexesOf(found).length > 0) await rebuild(work, found, found.indexes)
  else work.notice(`table "${found.name}" has no indexes to reindex`)
  return 'REINDEX'
}

async function rebuild(work: DdlWork, table: Table, indexes: readonly Index[]): Promise<void> {
  const rebuilt: Index[] = []
  // The primary key's index is the table itself.
  for (const index of indexes) {
    if (!index.primary) rebuilt.push({ ...index, storageId: await work.oid(), state: 'valid' })
  }
  if (rebuilt.length === 0) return
  const target: Table = { ...table, indexes: table.indexes.map((one) => rebuilt.find(({ oid }) => oid === one.oid) ?? one) }
  const order = { computed: new Map(), counted: new Map(), rewrite: false, notNull: [], checks: [] }
  await doRowWork(work, { ...order, source: table, target, indexes: rebuilt })
  work.draft.put(target)
}
