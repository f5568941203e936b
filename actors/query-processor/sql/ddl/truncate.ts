import { SqlError } from '../../../../protocol/errors.ts'
import type { Index, Table } from '../catalog/schema.ts'
import type { DdlWork } from './context.ts'
import { findNamed, isIndex, missingRelation, systemCatalog } from './names.ts'
import type { TruncateStmt } from './parse-tree.ts'
import { moveCounter } from './sequence.ts'

/** TRUNCATE: a new, empty key space for each table and its indexes; the old one is never looked at again. */
export async function truncate(work: DdlWork, statement: TruncateStmt): Promise<string> {
  const tables = new Map<number, Table>()
  for (const { RangeVar: name } of statement.relations) {
    if (name === undefined) continue
    const found = findNamed(work, name)
    if (found === undefined) throw missingRelation(work, name)
    if (isIndex(found) || found.kind !== 'table') throw new SqlError('42809', `"${found.name}" is not a table`)
    if (found.system) throw systemCatalog(found.name)
    tables.set(found.oid, found)
  }
  for (const table of tables.values()) {
    const indexes: Index[] = []
    for (const index of table.indexes) indexes.push({ ...index, storageId: await work.oid() })
    work.draft.put({ ...table, storageId: await work.oid(), indexes })
  }
  if (statement.restart_seqs !== true) return 'TRUNCATE TABLE'
  for (const sequence of [...work.draft.stored()]) {
    if (sequence.kind !== 'sequence' || sequence.ownedBy === undefined || !tables.has(sequence.ownedBy.tableOid)) continue
    await moveCounter(work, sequence, sequence.start)
  }
  return 'TRUNCATE TABLE'
}
