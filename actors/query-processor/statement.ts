// Runs one statement: a query through bind, plan and execute; everything else by its own verb.
// From: query-processor.session. To: query-processor.begin, storage.scan (through the plan), query-processor.commit.
// Invariant: a statement runs under one snapshot with one catalog, and answers one tag.

import { unsupported } from '../../protocol/errors.ts'
import { copy } from './copy-statement.ts'
import { closeCursor, cursorColumns, declareCursor, fetchCursor } from './cursor.ts'
import { runDdl } from './ddl-statement.ts'
import { type Execution, nothing, streamOf } from './execution.ts'
import { describeExplain, explain } from './explain-statement.ts'
import { type Answer, openPlanned } from './planned.ts'
import type { PortalSource } from './portal.ts'
import type { PreparedStatement } from './prepared.ts'
import { plainColumn } from './result.ts'
import type { Session } from './session.ts'
import { setVariable, showColumns, showVariable } from './set-statement.ts'
import type { OutputColumn } from './sql/bind/bound.ts'
import { isDdl } from './sql/ddl/ddl.ts'
import type { Batch } from './sql/execute/run.ts'
import { Pending, type Step, type Task } from './task.ts'
import { transactionStatement, transactionVerb } from './transaction-statement.ts'
import {
  call,
  callColumns,
  deallocate,
  discard,
  executePrepared,
  preparedColumns,
  prepareStatement,
  unlisten,
  vacuum,
} from './verbs.ts'

/** Opens a statement: what can go wrong before its first row goes wrong here. */
export function open(session: Session, source: PortalSource, isOneOfSeveral: boolean): Step<Execution> {
  const { statement } = source
  if (statement.kind === 'TransactionStmt') {
    const answer = transactionStatement(session, statement)
    return answer instanceof Pending ? new Pending(openAnswer(answer.task)) : answered(answer)
  }
  session.startTransaction()
  if (statement.isPlannable) return openPlanned(session, source)
  if (statement.kind === 'ExecuteStmt') return new Pending(executePrepared(session, source))
  return new Pending(openAnswer(runUtility(session, statement, isOneOfSeveral)))
}

function* openAnswer(answer: Task<Answer>): Task<Execution> {
  return answered(yield* answer)
}

const noRows: Batch = []

function answered(answer: Answer): Execution {
  const { rows } = answer
  return {
    columns: answer.columns,
    stream: rows === undefined ? nothing : streamOf(rows),
    ready: rows === undefined ? noRows : undefined,
    tag: () => answer.tag,
    command: undefined,
    writes: false,
    release: () => {},
  }
}

/* ---------------------------------------------------------------- everything that is no query */

type Verb = (session: Session, statement: PreparedStatement, isOneOfSeveral: boolean) => Task<Answer>

/** Carried out from the parse tree. */
const verbs: ReadonlyMap<string, Verb> = new Map<string, Verb>([
  ['VariableSetStmt', setVariable],
  ['VariableShowStmt', showVariable],
  ['PrepareStmt', prepareStatement],
  ['DeallocateStmt', deallocate],
  ['DiscardStmt', discard],
  ['ExplainStmt', explain],
  ['VacuumStmt', vacuum],
  ['CopyStmt', copy],
  ['CallStmt', call],
  ['DeclareCursorStmt', declareCursor],
  ['FetchStmt', fetchCursor],
  ['ClosePortalStmt', closeCursor],
  ['UnlistenStmt', unlisten],
])

/** Statements that PostgreSQL has and we refuse, by what they are called. */
const refused: Readonly<Record<string, string>> = {
  AlterDatabaseSetStmt: 'ALTER DATABASE',
  AlterDatabaseStmt: 'ALTER DATABASE',
  AlterSystemStmt: 'ALTER SYSTEM',
  CheckPointStmt: 'CHECKPOINT',
  ClusterStmt: 'CLUSTER',
  ConstraintsSetStmt: 'SET CONSTRAINTS',
  CreateDomainStmt: 'CREATE DOMAIN',
  CreateEnumStmt: 'CREATE TYPE',
  CompositeTypeStmt: 'CREATE TYPE',
  CreateRangeStmt: 'CREATE TYPE',
  CreateExtensionStmt: 'CREATE EXTENSION',
  CreateFunctionStmt: 'CREATE FUNCTION',
  CreatePolicyStmt: 'CREATE POLICY',
  CreateRoleStmt: 'CREATE ROLE',
  CreateTableAsStmt: 'CREATE TABLE AS',
  CreateTrigStmt: 'CREATE TRIGGER',
  CreatedbStmt: 'CREATE DATABASE',
  DoStmt: 'DO',
  DropdbStmt: 'DROP DATABASE',
  DropRoleStmt: 'DROP ROLE',
  GrantRoleStmt: 'GRANT',
  GrantStmt: 'GRANT',
  ListenStmt: 'LISTEN',
  LoadStmt: 'LOAD',
  LockStmt: 'LOCK TABLE',
  NotifyStmt: 'NOTIFY',
  ReassignOwnedStmt: 'REASSIGN OWNED',
  RefreshMatViewStmt: 'REFRESH MATERIALIZED VIEW',
  ReindexStmt: 'REINDEX',
  RuleStmt: 'CREATE RULE',
  SecLabelStmt: 'SECURITY LABEL',
}

function* runUtility(session: Session, statement: PreparedStatement, isOneOfSeveral: boolean): Task<Answer> {
  const verb = verbs.get(statement.kind)
  if (verb !== undefined) return yield* verb(session, statement, isOneOfSeveral)
  if (isDdl(statement.parsed.node)) return yield* runDdl(session, statement, isOneOfSeveral)
  const isRevoke = (statement.body as { readonly is_grant?: boolean }).is_grant !== true && statement.kind.startsWith('Grant')
  throw unsupported(isRevoke ? 'REVOKE' : (refused[statement.kind] ?? spelled(statement.kind)))
}

/** `AlterEventTrigStmt` -> `ALTER EVENT TRIG`: for what nobody has named. */
function spelled(kind: string): string {
  return kind
    .replace(/Stmt$/, '')
    .replaceAll(/([a-z])([A-Z])/g, '$1 $2')
    .toUpperCase()
}

/** COMMIT, ROLLBACK and ROLLBACK TO: what a failed block still hears. */
export function isTransactionExit(statement: PreparedStatement): boolean {
  if (statement.kind !== 'TransactionStmt') return false
  const verb = transactionVerb(statement)
  return verb === 'COMMIT' || verb === 'ROLLBACK' || verb === 'ROLLBACK_TO' || verb === 'PREPARE'
}

/** The columns that a statement will answer, without running it. */
export function* describeStatement(session: Session, statement: PreparedStatement): Task<readonly OutputColumn[] | undefined> {
  switch (statement.kind) {
    case 'VariableShowStmt':
      return showColumns(session, statement)
    case 'ExplainStmt':
      return describeExplain(statement)
    case 'ExecuteStmt':
      return yield* preparedColumns(session, statement)
    case 'CallStmt':
      return callColumns(statement)
    case 'FetchStmt':
      return cursorColumns(session, statement)
    case 'IndexStmt':
      return statement.parsed.isAsync ? [plainColumn('job_id')] : undefined
    default:
      return statement.columns
  }
}
