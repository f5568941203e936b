import { SqlError } from '../../../../protocol/errors.ts'
import { texts } from '../bind/parse-tree.ts'
import { encodeDocument } from '../catalog/document.ts'
import { jobKey } from '../catalog/keys.ts'
import type { Column, Index, IndexColumn, Table } from '../catalog/schema.ts'
import { defaultOperatorClass, staticRows } from '../catalog/system/static-rows.ts'
import { bpcharOid, builtinType, textOid, varcharOid } from '../functions/builtin-types.ts'
import { checkIndexable, columnNamed } from './constraints.ts'
import type { DdlWork } from './context.ts'
import { newJob } from './job.ts'
import {
  chooseName,
  findNamed,
  isIndex,
  joinedColumns,
  kindOf,
  missingRelation,
  nameIsTaken,
  relationExists,
  systemCatalog,
} from './names.ts'
import type { IndexElem, IndexStmt } from './parse-tree.ts'
import { doRowWork, hasRows } from './row-work.ts'
import { ignoreStorageOptions } from './storage-options.ts'

/** A table of up to so many rows gets its index inside the transaction; a larger one by a background job. */
const rowsInPlaceMax = { alone: 10_000, async: 1_000, inBlock: 100_000 } as const

/** CREATE [UNIQUE] INDEX [ASYNC]. */
export async function createIndex(work: DdlWork, statement: IndexStmt): Promise<string> {
  const { context } = work
  if (statement.concurrent === true && context.inTransactionBlock) {
    throw new SqlError('25001', 'CREATE INDEX CONCURRENTLY cannot run inside a transaction block')
  }
  const table = tableToIndex(work, statement)
  if (statement.idxname !== undefined && nameIsTaken(work.draft, table.schemaOid, statement.idxname)) {
    if (statement.if_not_exists !== true) throw relationExists(statement.idxname)
    work.notice(`relation "${statement.idxname}" already exists, skipping`, '42P07')
    if (context.isAsync) answerJob(work, undefined)
    return 'CREATE INDEX'
  }
  refuseForms(work, statement)
  const columns = statement.indexParams.map((node) => indexColumn(work, table, node.IndexElem as IndexElem))
  checkIndexable(columns.map(({ attnum }) => table.columns[attnum - 1] as Column))
  const names = columns.map(({ attnum }) => (table.columns[attnum - 1] as Column).name)
  const isTaken = (name: string): boolean => nameIsTaken(work.draft, table.schemaOid, name)
  const name = statement.idxname ?? chooseName(table.name, joinedColumns(names), 'idx', isTaken)
  const oid = await work.oid()
  const index: Index = {
    oid,
    name,
    schemaOid: table.schemaOid,
    tableOid: table.oid,
    storageId: oid,
    unique: statement.unique === true,
    primary: false,
    nullsNotDistinct: statement.nulls_not_distinct === true,
    columns,
    state: 'valid',
  }
  await build(work, table, index)
  return 'CREATE INDEX'
}

function tableToIndex(work: DdlWork, statement: IndexStmt): Table {
  const { relation } = statement
  const found = findNamed(work, relation)
  if (found === undefined) throw missingRelation(work, relation)
  if (isIndex(found) || found.kind !== 'table') {
    const kind = kindOf(found)
    throw new SqlError('42809', `cannot create index on relation "${found.name}"`, {
      detail: `This operation is not supported for ${kind === 'index' ? 'indexes' : `${kind}s`}.`,
    })
  }
  if (found.system) throw systemCatalog(found.name)
  return found
}

function refuseForms(work: DdlWork, statement: IndexStmt): void {
  const method = statement.accessMethod ?? 'btree'
  if (['hash', 'gist', 'gin', 'spgist', 'brin'].includes(method)) throw work.refuse(`access method "${method}"`)
  if (method !== 'btree') throw new SqlError('42704', `access method "${method}" does not exist`)
  if (statement.whereClause !== undefined) throw work.refuse('a partial index')
  if (statement.indexIncludingParams !== undefined) throw work.refuse('INCLUDE')
  if (statement.tableSpace !== undefined && statement.tableSpace !== 'pg_default') {
    throw new SqlError('42704', `tablespace "${statement.tableSpace}" does not exist`)
  }
  ignoreStorageOptions(work, statement.options, 'index')
}

function indexColumn(work: DdlWork, table: Table, element: IndexElem): IndexColumn {
  if (element.expr !== undefined) throw work.refuse('an index on an expression')
  if (element.collation !== undefined) {
    const names = texts(element.collation)
    if (!['C', 'POSIX', 'default', 'ucs_basic'].includes(names.at(-1) ?? '')) throw work.refuse(`collation "${names.join('.')}"`)
  }
  const column = columnNamed(table, element.name ?? '')
  if (column === undefined) throw new SqlError('42703', `column "${element.name}" does not exist`)
  const { collation, displayName } = builtinType(column.type.oid)
  if (element.collation !== undefined && collation === 0) {
    throw new SqlError('42804', `collations are not supported by type ${displayName}`)
  }
  if (element.opclass !== undefined) checkOperatorClass(work, column, texts(element.opclass))
  const descending = element.ordering === 'SORTBY_DESC'
  const nullsFirst =
    element.nulls_ordering === 'SORTBY_NULLS_FIRST' || (descending && element.nulls_ordering !== 'SORTBY_NULLS_LAST')
  return { attnum: column.attnum, descending, nullsFirst }
}

/** The default class of a type, and the pattern classes: bytes are what texts are ordered by anyway. */
function checkOperatorClass(work: DdlWork, column: Column, names: readonly string[]): void {
  const name = names.at(-1)
  const classes = staticRows('pg_opclass').filter((row) => row.opcmethod === 403 && row.opcname === name)
  if (classes.length === 0) {
    throw new SqlError('42704', `operator class "${name}" does not exist for access method "btree"`)
  }
  const own = defaultOperatorClass(column.type.oid)
  if (classes.some((row) => row.oid === own)) return
  const isPattern = ['text_pattern_ops', 'varchar_pattern_ops', 'bpchar_pattern_ops'].includes(name ?? '')
  if (isPattern && [textOid, varcharOid, bpcharOid].includes(column.type.oid)) {
    work.notice(`operator class "${name}" has no effect: texts are ordered by their bytes in any case`)
    return
  }
  const type = builtinType(column.type.oid).displayName
  throw new SqlError('42804', `operator class "${name}" does not accept data type ${type}`)
}

/**
 * In the transaction where that is cheap: the rows are few, or nobody else can see the table yet. Else a job: the index is maintained by every
 * writer from this commit on, and filled in small transactions.
 */
async function build(work: DdlWork, table: Table, index: Index): Promise<void> {
  const { context } = work
  const isOwn = !work.isCommitted(table.oid)
  const form = context.isAsync ? 'async' : context.inTransactionBlock ? 'inBlock' : 'alone'
  const isSmall = isOwn || !(await hasRows(work, table, rowsInPlaceMax[form]))
  if (isSmall) {
    const target: Table = { ...table, indexes: [...table.indexes, index] }
    const order = { computed: new Map(), counted: new Map(), rewrite: false, notNull: [], checks: [] }
    await doRowWork(work, { ...order, source: table, target, indexes: [index] })
    work.draft.put(target)
    if (context.isAsync) await startJob(work, index, 'completed')
    return
  }
  if (context.inTransactionBlock && !context.isAsync) {
    throw new SqlError('25001', 'CREATE INDEX on a table with many rows cannot run inside a transaction block', {
      hint: 'Use CREATE INDEX ASYNC, or run it by itself.',
    })
  }
  work.draft.put({ ...table, indexes: [...table.indexes, { ...index, state: 'building' }] })
  await startJob(work, index, 'submitted')
}

async function startJob(work: DdlWork, index: Index, status: 'submitted' | 'completed'): Promise<void> {
  const { context } = work
  const job = newJob(index, {
    randomBytes: context.randomBytes(16),
    now: context.now,
    status,
    schema: work.draft.schemaByOid(index.schemaOid)?.name ?? '',
    isAwaited: !context.isAsync,
  })
  context.access.write(jobKey(job.job_id), encodeDocument({ ...job }), 'X')
  if (status === 'submitted') work.job = { id: job.job_id, wait: !context.isAsync }
  if (context.isAsync) answerJob(work, job.job_id)
}

function answerJob(work: DdlWork, id: string | undefined): void {
  work.columns = [{ name: 'job_id', type: { oid: textOid, typmod: -1 }, tableOid: 0, attnum: 0 }]
  work.rows = id === undefined ? [] : [[id]]
}
