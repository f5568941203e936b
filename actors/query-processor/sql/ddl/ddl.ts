/**
 * DDL: one statement changes the catalog of its transaction.
 * From: query-processor/statement. To: catalog rows through Access; a job for what takes its time.
 * Invariant: nothing is written before the whole statement has been found right; what it rests on is checked at commit.
 */
import type { MaybePromise } from '../../../../bus/bus.ts'
import { unsupported } from '../../../../protocol/errors.ts'
import { nodeKind } from '../bind/parse-tree.ts'
import { alterTable } from './alter-table.ts'
import { comment } from './comment.ts'
import { type DdlContext, type DdlResult, DdlWork } from './context.ts'
import { createIndex } from './create-index.ts'
import { createSchema } from './create-schema.ts'
import { createTable } from './create-table.ts'
import { drop } from './drop.ts'
import { alterOwner, setSchema } from './move.ts'
import type { DdlNode } from './parse-tree.ts'
import { reindex } from './reindex.ts'
import { rename } from './rename.ts'
import { alterSequence, createSequence } from './sequence.ts'
import { truncate } from './truncate.ts'
import { createView } from './view.ts'

export type { DdlContext, DdlResult } from './context.ts'

type Verb = (work: DdlWork, node: DdlNode) => MaybePromise<string>

/** A body is there: the statement is of that kind. */
type Body<Kind extends keyof DdlNode> = NonNullable<DdlNode[Kind]>

const verb = <Kind extends keyof DdlNode>(
  kind: Kind,
  run: (work: DdlWork, body: Body<Kind>) => MaybePromise<string>,
): [Kind, Verb] => [kind, (work, node) => run(work, node[kind] as Body<Kind>)]

const verbs: ReadonlyMap<string, Verb> = new Map<string, Verb>([
  verb('CreateStmt', createTable),
  verb('CreateSchemaStmt', (work, statement) => createSchema(work, statement, runVerb)),
  verb('CreateSeqStmt', createSequence),
  verb('AlterSeqStmt', alterSequence),
  verb('DropStmt', drop),
  verb('ViewStmt', createView),
  verb('AlterTableStmt', alterTable),
  verb('RenameStmt', rename),
  verb('AlterObjectSchemaStmt', setSchema),
  verb('AlterOwnerStmt', alterOwner),
  verb('CommentStmt', comment),
  verb('TruncateStmt', truncate),
  verb('IndexStmt', createIndex),
  verb('ReindexStmt', reindex),
])

/** Is this a statement for `executeDdl`? */
export const isDdl = (node: unknown): boolean => verbs.has(nodeKind(node as DdlNode))

/** Carries one DDL statement out: its command tag, and the catalog from now on. Throws SqlError; nothing has been written then. */
export async function executeDdl(node: unknown, context: DdlContext): Promise<DdlResult> {
  const work = new DdlWork(context)
  const tag = await runVerb(work, node as DdlNode)
  const marker = Buffer.from(context.randomBytes(16), 'latin1')
  return {
    tag,
    catalog: work.draft.commit(context.access, marker),
    sequencesChanged: work.sequencesChanged,
    ...(work.columns !== undefined && { columns: work.columns }),
    ...(work.rows !== undefined && { rows: work.rows }),
    ...(work.job !== undefined && { job: work.job }),
  }
}

function runVerb(work: DdlWork, node: DdlNode): MaybePromise<string> {
  const run = verbs.get(nodeKind(node))
  if (run === undefined) throw unsupported(`statement ${nodeKind(node)}`)
  return run(work, node)
}
