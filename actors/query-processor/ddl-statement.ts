import { assert } from '../../protocol/assert.ts'
import { queryCanceled } from '../../protocol/errors.ts'
import { readOnlyTransaction } from './block.ts'
import { type Answer, newRun } from './planned.ts'
import type { PreparedStatement } from './prepared.ts'
import type { Session } from './session.ts'
import { CatalogSnapshot } from './sql/catalog/snapshot.ts'
import { type DdlContext, type DdlResult, executeDdl } from './sql/ddl/ddl.ts'
import { arrived, type Task } from './task.ts'

/** CREATE, ALTER, DROP, TRUNCATE, COMMENT: a change of the catalog in this transaction. */
export function* runDdl(session: Session, statement: PreparedStatement, isOneOfSeveral: boolean): Task<Answer> {
  const { runtime, block } = session
  const { parsed } = statement
  if (block.readOnly) throw readOnlyTransaction(commandName(statement))
  yield* arrived(session.beginStatement())
  const catalog = yield* arrived(session.catalog())
  assert(catalog instanceof CatalogSnapshot, 'the session reads catalogs from the cache')
  const { run, release } = newRun(session, catalog, [])
  let isOver = false
  const context: DdlContext = {
    access: block.transaction,
    catalog,
    run,
    searchPath: session.environment.searchPath(catalog),
    user: session.user,
    database: session.database,
    roleExists: (name) => name === session.user,
    isAsync: parsed.isAsync,
    inTransactionBlock: isOneOfSeveral || block.state === 'block',
    isDsql: false,
    positionOf: (location) => parsed.positionOf(location),
    newOids: (count) => runtime.oids.draw(count),
    randomBytes: (length) => session.random.bytes(length),
    now: session.transactionTime,
    // Cancelled while it waited for storage, it goes on unheard: only to here.
    pause: () => (isOver ? Promise.reject(queryCanceled()) : session.interrupts.pause()),
    notice: (notice) => session.notice(notice),
  }
  try {
    const working = executeDdl(parsed.node, context)
    const result = working instanceof Promise ? ((yield session.interrupts.guard(working)) as DdlResult) : working
    runtime.catalogs.keep(result.catalog)
    block.catalog = result.catalog
    afterCommit(session, result)
    return {
      tag: result.tag,
      ...(result.columns !== undefined && { columns: result.columns }),
      ...(result.rows !== undefined && { rows: result.rows }),
    }
  } finally {
    isOver = true
    release()
  }
}

function afterCommit(session: Session, { job, sequencesChanged }: DdlResult): void {
  const { runtime } = session
  if (sequencesChanged.length > 0) {
    session.afterCommit.push(() => {
      for (const oid of sequencesChanged) runtime.blocks.forget(oid)
    })
  }
  if (job !== undefined) session.afterCommit.push(() => session.startJob(job))
}

/** `CreateStmt` -> CREATE TABLE, as PostgreSQL's CreateCommandName says it. */
function commandName({ kind, body }: PreparedStatement): string {
  const type = (body as { readonly removeType?: string; readonly objtype?: string; readonly renameType?: string }) ?? {}
  const object = (type.removeType ?? type.renameType ?? type.objtype ?? 'OBJECT_TABLE')
    .replace('OBJECT_', '')
    .replaceAll('_', ' ')
  switch (kind) {
    case 'CreateStmt':
      return 'CREATE TABLE'
    case 'CreateSchemaStmt':
      return 'CREATE SCHEMA'
    case 'CreateSeqStmt':
      return 'CREATE SEQUENCE'
    case 'AlterSeqStmt':
      return 'ALTER SEQUENCE'
    case 'IndexStmt':
      return 'CREATE INDEX'
    case 'ViewStmt':
      return 'CREATE VIEW'
    case 'TruncateStmt':
      return 'TRUNCATE TABLE'
    case 'CommentStmt':
      return 'COMMENT'
    case 'DropStmt':
      return `DROP ${object}`
    default:
      return `ALTER ${object === 'COLUMN' ? 'TABLE' : object}`
  }
}
