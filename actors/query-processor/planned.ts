import type { Value } from '../../protocol/values/value.ts'
import { readOnlyTransaction } from './block.ts'
import { type Execution, streamOf } from './execution.ts'
import { StatementContext } from './function-context.ts'
import { StatementMemory } from './memory.ts'
import type { PortalSource } from './portal.ts'
import type { PreparedStatement } from './prepared.ts'
import { memoryBytesMax } from './runtime.ts'
import type { Session } from './session.ts'
import type { BoundStatement, OutputColumn } from './sql/bind/bound.ts'
import type { Catalog } from './sql/catalog/schema.ts'
import { AsideCalls } from './sql/execute/aside-calls.ts'
import { execute, executeAtOnce } from './sql/execute/execute.ts'
import type { Affected, Run } from './sql/execute/run.ts'
import { Pending, type Step, type Task } from './task.ts'

/** What a statement that is no query answers. */
export interface Answer {
  readonly tag: string
  readonly columns?: readonly OutputColumn[]
  readonly rows?: readonly (readonly Value[])[]
}

/** A query or a modification: bound and planned under this transaction's catalog, then opened. */
export function openPlanned(session: Session, source: PortalSource): Step<Execution> {
  source.statement.runs++
  const catalog = session.catalogAtHand() ?? session.beginWithCatalog()
  return catalog instanceof Pending ? new Pending(openBehind(session, source, catalog)) : openUnder(session, source, catalog)
}

function* openBehind(session: Session, source: PortalSource, catalog: Pending<Catalog>): Task<Execution> {
  return openUnder(session, source, yield* catalog.task)
}

function openUnder(session: Session, source: PortalSource, catalog: Catalog): Execution {
  const { statement, parameters } = source
  const { plan, bound } = session.planFor(statement, catalog, false)
  if (session.block.readOnly && plan.writes) throw readOnlyTransaction(commandName(statement))
  const run = new StatementRun(session, catalog, parameters)
  const affected: Affected = { rows: 0 }
  const batch = executeAtOnce(plan, run, affected)
  return {
    columns: bound.columns,
    stream: batch === undefined ? execute(plan, run, affected) : streamOf(batch),
    ready: batch,
    tag: (rows) => commandTag(statement, affected, rows),
    command: session.block.transaction.command,
    writes: isModifying(bound.statement),
    release: () => run.release(),
  }
}

/** Row locks are writes to the transaction, but not to the rows. */
function isModifying(statement: BoundStatement): boolean {
  return statement.kind !== 'query' || statement.query.ctes.some(({ kind }) => kind === 'modifying')
}

/** For whatever runs plans beside a query: release it when it is done. */
export function newRun(session: Session, catalog: Catalog, parameters: readonly Value[]): { run: Run; release(): void } {
  const run = new StatementRun(session, catalog, parameters)
  return { run, release: () => run.release() }
}

/** What one execution of a plan is given. */
class StatementRun implements Run {
  readonly access: Run['access']
  readonly catalog: Catalog
  readonly parameters: readonly Value[]
  readonly functions: StatementContext
  readonly aside: AsideCalls | undefined
  readonly memory: StatementMemory
  private readonly session: Session
  private spillMade: ReturnType<Session['runtime']['newSpill']>

  constructor(session: Session, catalog: Catalog, parameters: readonly Value[]) {
    const { transaction } = session.block
    transaction.traceparent = session.traceparent
    this.session = session
    this.access = transaction
    this.catalog = catalog
    this.parameters = parameters
    const threads = session.runtime.asideThreads
    this.aside = threads === undefined ? undefined : new AsideCalls(threads)
    this.functions = new StatementContext(session, catalog, this.aside)
    this.memory = new StatementMemory(session.runtime.memory, memoryBytesMax)
  }

  checkInterrupts(): void {
    this.session.interrupts.check()
  }

  shouldYield(): boolean {
    return this.session.interrupts.isDue()
  }

  get spill(): Run['spill'] {
    this.spillMade ??= this.session.runtime.newSpill()
    return this.spillMade
  }

  release(): void {
    this.aside?.release()
    this.spillMade?.release()
    this.memory.release()
  }
}

/** As PostgreSQL names the command in "cannot execute ... in a read-only transaction". */
export function commandName({ kind, body }: PreparedStatement): string {
  if (kind !== 'SelectStmt') return kind.replace('Stmt', '').toUpperCase()
  const { lockingClause } = body as { readonly lockingClause?: readonly { LockingClause?: { strength?: string } }[] }
  switch (lockingClause?.[0]?.LockingClause?.strength) {
    case 'LCS_FORUPDATE':
      return 'SELECT FOR UPDATE'
    case 'LCS_FORKEYSHARE':
      return 'SELECT FOR KEY SHARE'
    default:
      return 'SELECT'
  }
}

function commandTag({ kind }: PreparedStatement, affected: Affected, rows: number): string {
  switch (kind) {
    case 'InsertStmt':
      return `INSERT 0 ${affected.rows}`
    case 'UpdateStmt':
      return `UPDATE ${affected.rows}`
    case 'DeleteStmt':
      return `DELETE ${affected.rows}`
    case 'MergeStmt':
      return `MERGE ${affected.rows}`
    default:
      return `SELECT ${rows}`
  }
}
