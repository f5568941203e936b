// One client's session: takes its statements, runs them one after the other, and writes the backend messages that answer them.
// From: frontend.session. To: query-processor.statement, query-processor.begin, query-processor.commit.
// Invariant: every message is answered, an error ends what it must end and nothing else, and ReadyForQuery tells the true state.

import type { Random } from '../../bus/world.ts'
import { type Fields, type Level, log, logs } from '../../observability/log.ts'
import { type Ending, metrics } from '../../observability/metrics.ts'
import { parsedTraceparent } from '../../observability/traceparent.ts'
import { isTooLargeForEngine, type Notice, outOfMemory, queryCanceled, SqlError } from '../../protocol/errors.ts'
import type { Oid } from '../../protocol/ids.ts'
import type { QuerySession, SessionOutput, SessionStart } from '../../protocol/session.ts'
import { sqlTime, tauZero, unixMicros } from '../../protocol/time.ts'
import type { InputSettings } from '../../protocol/values/type.ts'
import { Block, readOnlyTransaction } from './block.ts'
import { type CommitOutcome, commit } from './commit.ts'
import type { CopyIn } from './copy-in.ts'
import type { Cursor } from './cursor.ts'
import { Environment } from './environment.ts'
import {
  bindMessage,
  describePortalMessage,
  describeStatementMessage,
  executeMessage,
  parseMessage,
  syncMessage,
} from './extended-query.ts'
import { Identity } from './identity.ts'
import { IdleTimer } from './idle-timer.ts'
import { Interrupts } from './interrupts.ts'
import { isLoudEnough } from './loudness.ts'
import type { Portal } from './portal.ts'
import { longTextMin, type PlanScope, type PreparedStatement } from './prepared.ts'
import type { RandomSeries } from './random-series.ts'
import { ReportedSettings } from './reported-settings.ts'
import type { HeldAnswer } from './retry.ts'
import type { Runtime } from './runtime.ts'
import { Sequences } from './sequences.ts'
import { Settings } from './settings.ts'
import { simpleQuery } from './simple-query.ts'
import type { Catalog } from './sql/catalog/schema.ts'
import { type ParsedStatement, stackDepthExceeded } from './sql/parse.ts'
import { withoutLiterals } from './sql/statement-text.ts'
import { StatementTrace } from './statement-trace.ts'
import { arrived, Pending, run, type Step, type Task } from './task.ts'
import { Templates } from './templates.ts'
import type { Transaction } from './transaction.ts'

export class Session implements QuerySession {
  readonly runtime: Runtime
  readonly output: SessionOutput
  readonly settings: Settings
  readonly block: Block
  readonly interrupts: Interrupts
  readonly sequences: Sequences
  readonly random: Random
  readonly user: string
  readonly database: string
  readonly backendId: number
  readonly prepared = new Map<string, PreparedStatement>()
  readonly portals = new Map<string, Portal>()
  readonly cursors = new Map<string, Cursor>()
  readonly identity: Identity
  /** What random() draws from after setseed. */
  series: RandomSeries | undefined
  /** For pg_stat_activity; `restedAt`, in microseconds of the wall clock, while it waits for its client. */
  readonly activity: { readonly startedAt: bigint; query: string; restedAt: number | undefined }
  /** Microseconds since 2000-01-01. */
  transactionTime = 0n
  statementTime = 0n
  /** While COPY FROM STDIN waits for its lines. */
  copyIn: CopyIn | undefined
  /** Runs after the transaction's commit: jobs to start, sequence blocks to forget. */
  readonly afterCommit: (() => void)[] = []
  readonly templates: Templates
  readonly environment: Environment
  /** The answer of the last Execute outside BEGIN, while its commit may still be lost. */
  held: HeldAnswer | undefined
  /** Execute messages of the transaction. */
  executions = 0
  /** Jobs that DDL has started and whose end its statement waits for. */
  readonly awaited: Promise<void>[] = []
  /** Undefined where nobody traces the statement under way. */
  tracing: StatementTrace | undefined
  private readonly start: SessionStart
  private readonly reported: ReportedSettings
  private readonly idleTimer: IdleTimer
  /** An error of the extended protocol: everything up to Sync is skipped. */
  private skipping = false
  private running = false
  private closed = false
  private readonly left: () => void
  /** The client's own trace, as the frontend knows it. */
  private followed = ''
  private settingsTold = -1
  private ending: Ending = 'read'

  constructor(runtime: Runtime, start: SessionStart, left: () => void) {
    this.left = left
    this.runtime = runtime
    this.start = start
    this.output = start.output
    this.user = start.user
    this.database = start.database
    this.backendId = start.backendId
    this.random = runtime.world.random('session')
    this.identity = new Identity(runtime.circle, runtime.shown)
    this.activity = { startedAt: this.now(), query: '', restedAt: runtime.world.clock.now() }
    this.settings = new Settings(start.user, start.parameters)
    this.interrupts = new Interrupts(runtime.world.clock, runtime.waitingLine)
    this.sequences = new Sequences(runtime.blocks, () => this.knownCatalog())
    this.templates = new Templates(runtime.plans)
    this.environment = new Environment(this.settings, start.user, () => this.block.catalog)
    this.reported = new ReportedSettings(this.settings)
    this.idleTimer = new IdleTimer(runtime.world.clock, this.settings, (error) => start.terminate(error))
    this.block = new Block({
      settings: this.settings,
      newTransaction: () => this.newTransaction(),
      commit: (transaction) => this.commit(transaction),
      notice: (notice) => this.notice(notice),
      ended: (committed) => this.transactionEnded(committed),
    })
  }

  /* ---------------------------------------------------------------- what statements ask of their session */

  now(): bigint {
    return sqlTime(this.runtime.world.clock.now())
  }

  private readonly warn = (notice: Notice): void => this.notice(notice)

  notice(notice: Notice): void {
    if (isLoudEnough(notice, this.settings.value('client_min_messages') as string)) this.output.notice(notice)
  }

  tellAbout({ notices }: ParsedStatement): void {
    if (notices !== undefined) for (const notice of notices) this.notice(notice)
  }

  refuseReadOnly(command: string): void {
    if (this.block.readOnly) throw readOnlyTransaction(command)
  }

  inputSettings(): InputSettings {
    return this.environment.inputAt(this.transactionTime)
  }

  /** A snapshot and the next command number: before every statement that reads or writes rows. */
  beginStatement(): Step<void> {
    this.startTransaction()
    const { transaction } = this.block
    if (transaction.snapshot === undefined) {
      const begun = transaction.begin(this.block.atLeast, this.traceparent)
      if (begun instanceof Promise) return new Pending(this.whenBegun(begun))
      this.block.atLeast = tauZero
    }
    transaction.beginCommand()
  }

  private *whenBegun(begun: Promise<unknown>): Task<void> {
    yield this.interrupts.guard(begun)
    this.block.atLeast = tauZero
    this.block.transaction.beginCommand()
  }

  /** What both below do, for a statement behind another one of its transaction; undefined where something may have to be waited for. */
  catalogAtHand(): Catalog | undefined {
    const { block } = this
    if (!block.hasTransaction || block.catalog === undefined || block.transaction.snapshot === undefined) return undefined
    block.transaction.beginCommand()
    return block.catalog
  }

  /** A statement begins, under the catalog that it sees. */
  beginWithCatalog(): Step<Catalog> {
    const begun = this.beginStatement()
    return begun instanceof Pending ? new Pending(this.catalogBehind(begun)) : this.catalog()
  }

  private *catalogBehind(begun: Pending<void>): Task<Catalog> {
    yield* begun.task
    return yield* arrived(this.catalog())
  }

  /** The catalog at tauStart, own DDL included. */
  catalog(): Step<Catalog> {
    if (this.block.catalog !== undefined) return this.block.catalog
    const loading = this.runtime.catalogs.load(this.block.transaction)
    if (loading instanceof Promise) return new Pending(this.loaded(loading))
    this.block.catalog = loading
    return loading
  }

  private *loaded(loading: Promise<Catalog>): Task<Catalog> {
    const catalog = (yield this.interrupts.guard(loading)) as Catalog
    this.block.catalog = catalog
    return catalog
  }

  /** Binds and plans against the catalog of now. */
  *plan(statement: PreparedStatement, warn = this.warn): Task<void> {
    if (!statement.isPlannable) return
    const catalog = this.catalogAtHand() ?? (yield* arrived(this.beginWithCatalog()))
    if (statement.parsed.text.length <= longTextMin) {
      this.planFor(statement, catalog, true, warn)
      return
    }
    const { text } = this.environment.current()
    if (statement.known(catalog.version, text) !== undefined) return
    const planning = statement.planning(this.runtime.plans, this.planScope(catalog, warn), text, true)
    yield* this.interrupts.through(planning)
  }

  planFor(statement: PreparedStatement, catalog: Catalog, canChangeColumns: boolean, warn = this.warn) {
    const { text } = this.environment.current()
    const known = statement.known(catalog.version, text)
    if (known !== undefined) {
      metrics.plansFound++
      return known
    }
    return statement.plan(this.runtime.plans, this.planScope(catalog, warn), text, canChangeColumns)
  }

  private planScope(catalog: Catalog, warn: NonNullable<PlanScope['notice']>): PlanScope {
    const { user, database } = this
    const searchPath = this.environment.searchPath(catalog)
    return { catalog, searchPath, settings: this.inputSettings(), user, database, notice: warn }
  }

  private knownCatalog(): Catalog {
    if (this.block.catalog === undefined) throw new SqlError('XX000', 'no catalog has been read yet')
    return this.block.catalog
  }

  startJob(job: { readonly id: string; readonly wait: boolean }): void {
    const ended = this.runtime.jobs.start(job.id)
    if (job.wait) this.awaited.push(ended)
  }

  /** A statement that queued a job and waits for it ends as the job does. */
  *awaitJobs(): Task<void> {
    for (const ended of this.awaited.splice(0)) yield this.interrupts.guard(ended)
  }

  startTransaction(): void {
    if (!this.block.hasTransaction) this.transactionTime = this.statementTime
    this.block.start()
  }

  private newTransaction(): Transaction {
    return this.runtime.newTransaction((oid) => this.sequences.next(oid))
  }

  private *commit(transaction: Transaction): Task<CommitOutcome> {
    for (const cursor of this.cursors.values()) if (cursor.isHeld) yield* cursor.hold(this)
    if (transaction.writeSet.isEmpty) return { kind: 'committed', tauCommit: undefined }
    this.ending = 'commit'
    const { clock } = this.runtime.world
    const askedAt = clock.monotonic()
    try {
      const told = commit(this.runtime.circle, transaction, this.identity.id, this.block.catalog, this.traceparent)
      const outcome = told instanceof Promise ? ((yield told) as CommitOutcome) : told
      metrics.commitMicros.observe(clock.monotonic() - askedAt)
      return outcome
    } catch (error) {
      if (error instanceof SqlError && error.code === '08007') this.identity.doubt(transaction.snapshot?.tau)
      throw error
    }
  }

  private transactionEnded(committed: boolean): void {
    this.identity.ended(committed)
    if (!committed) this.ending = 'rollback'
    this.executions = 0
    this.closePortals()
    if (this.cursors.size > 0) this.closeCursors(committed)
    if (this.afterCommit.length === 0) return
    const work = this.afterCommit.splice(0)
    if (committed) for (const step of work) step()
  }

  private closePortals(): void {
    for (const portal of this.portals.values()) portal.close()
    this.portals.clear()
  }

  private closeCursors(committed: boolean): void {
    for (const [name, cursor] of this.cursors) {
      if (committed && cursor.isHeld) continue
      cursor.close()
      this.cursors.delete(name)
    }
  }

  /* ---------------------------------------------------------------- tracing */

  trace(traceparent: string, isLate = false): void {
    this.tracing?.leave()
    this.tracing = new StatementTrace(traceparent)
    if (isLate) this.tracing.enter(this.activity.query, unixMicros(this.statementTime))
  }

  takeEnding(): Ending {
    const { ending } = this
    this.ending = 'read'
    return ending
  }

  /** SET traceparent, and whatever takes it back. */
  private tellTrace(): void {
    this.settingsTold = this.settings.version
    const traceparent = this.settings.value('traceparent') ?? ''
    if (traceparent === this.followed) return
    this.followed = traceparent
    this.start.follow?.(traceparent)
  }

  /** Of the statement under way; '' where nobody traces it. */
  get traceparent(): string {
    return this.tracing === undefined ? '' : this.tracing.traceparent
  }

  /* ---------------------------------------------------------------- simple protocol */

  query(sql: string): void | Promise<void> {
    if (this.skipping) return undefined
    this.wake()
    this.activity.query = sql
    this.closeUnnamed()
    return run(simpleQuery(this, sql)) as void | Promise<void>
  }

  private closeUnnamed(): void {
    this.prepared.delete('')
    this.closePortalNamed('')
  }

  /* ---------------------------------------------------------------- extended protocol */

  parse(name: string, sql: string, parameterTypes: readonly Oid[]): void | Promise<void> {
    return this.hear(() => new Pending(parseMessage(this, name, sql, parameterTypes)))
  }

  bind(
    portal: string,
    statement: string,
    parameterFormats: readonly number[],
    parameters: readonly (Buffer | null)[],
    resultFormats: readonly number[],
  ): void | Promise<void> {
    return this.hear(() => bindMessage(this, portal, statement, parameterFormats, parameters, resultFormats))
  }

  describeStatement(name: string): void | Promise<void> {
    return this.hear(() => new Pending(describeStatementMessage(this, name)))
  }

  describePortal(name: string): void | Promise<void> {
    return this.hear(() => describePortalMessage(this, name))
  }

  execute(portal: string, rowsMax: number): void | Promise<void> {
    return this.hear(() => executeMessage(this, portal, rowsMax))
  }

  private hear(message: () => Step<void>): void | Promise<void> {
    if (this.skipping) return undefined
    this.wake()
    try {
      this.flush()
      if (!this.interrupts.isActive) this.interrupts.start(this.settings.timeouts.statement)
      const step = message()
      if (!(step instanceof Pending)) return undefined
      const waiting = run(step.task)
      if (waiting instanceof Promise) return waiting.catch(this.skipToSync)
    } catch (error) {
      this.skipToSync(error)
    }
    return undefined
  }

  private readonly skipToSync = (error: unknown): void => {
    this.failed(error)
    this.skipping = true
  }

  /** What is held back is written: the client wants to see it before it goes on. */
  flush(): void {
    const { held } = this
    if (held === undefined) return
    this.held = undefined
    held.result.release()
  }

  closeStatement(name: string): void {
    if (this.skipping) return
    this.flush()
    this.prepared.delete(name)
    this.output.closeComplete()
  }

  closePortal(name: string): void {
    if (this.skipping) return
    this.flush()
    this.closePortalNamed(name)
    this.cursors.get(name)?.close()
    this.cursors.delete(name)
    this.output.closeComplete()
  }

  closePortalNamed(name: string): void {
    this.portals.get(name)?.close()
    this.portals.delete(name)
  }

  sync(): void | Promise<void> {
    const isOver = this.awaited.length === 0 && this.endsAtOnce()
    this.skipping = false
    if (!isOver) return run(syncMessage(this)) as void | Promise<void>
    this.flush()
    this.ready()
    return undefined
  }

  /** Ends an implicit transaction that has nothing to wait for: most are one read. False: `finishImplicit` is to be called. */
  endsAtOnce(): boolean {
    return this.cursors.size === 0 && this.block.finishUnwritten()
  }

  reject(error: SqlError): void | Promise<void> {
    if (this.skipping) return undefined
    this.flush()
    this.skipToSync(error)
    return undefined
  }

  /* ---------------------------------------------------------------- COPY FROM STDIN */

  copyData(bytes: Buffer): void | Promise<void> {
    return this.copyIn?.data(bytes)
  }

  copyDone(): void {
    this.copyIn?.end()
  }

  copyFail(message: string): void {
    this.copyIn?.fail(new SqlError('57014', `COPY from stdin failed: ${message}`))
  }

  copyBroken(error: SqlError): void {
    this.copyIn?.fail(error)
  }

  /* ---------------------------------------------------------------- ends */

  /** A message arrives. */
  private wake(): void {
    this.idleTimer.stop()
    if (this.running) return
    this.running = true
    this.activity.restedAt = undefined
    this.statementTime = this.now()
  }

  failed(error: unknown): void {
    this.held = undefined
    this.copyIn = undefined
    const told = this.told(error)
    // Whoever hears of it may trace it from here on.
    if (!this.closed) this.output.error(told)
    if (logs(levelOf(told))) log(levelOf(told), told.message, { sqlstate: told.code, ...this.logged() })
    this.tracing?.leave(told.code)
    if (this.closed) return
    this.block.fail()
    if (this.block.state === 'failed') this.closePortals()
  }

  private logSlow(slowMicros: number): void {
    const micros = this.runtime.world.clock.now() - unixMicros(this.statementTime)
    if (micros < slowMicros || !logs('warning')) return
    log('warning', 'slow statement', { duration_ms: Math.round(micros / 1_000), ...this.logged() })
  }

  /** What every line about a session says. */
  private logged(): Fields {
    const { user, backendId, activity, traceparent } = this
    const traceId = parsedTraceparent(traceparent)?.traceId
    return { statement: withoutLiterals(activity.query), user, pid: backendId, trace_id: traceId }
  }

  private told(error: unknown): SqlError {
    if (error instanceof SqlError) return error
    if (error instanceof RangeError && /call stack/.test(error.message)) return stackDepthExceeded()
    if (isTooLargeForEngine(error)) return outOfMemory('A value is too large.')
    this.runtime.bug(error)
    return new SqlError('XX000', error instanceof Error ? error.message : 'internal error')
  }

  ready(): void {
    this.interrupts.stop()
    this.running = false
    this.activity.restedAt = this.runtime.world.clock.now()
    if (this.closed) return
    if (this.runtime.slowMicros !== undefined) this.logSlow(this.runtime.slowMicros)
    this.reported.tellChanges(this.output)
    const { status } = this.block
    this.tracing?.leave()
    if (status === 'I') this.tracing = undefined
    this.output.readyForQuery(status)
    if (this.settings.version !== this.settingsTold) this.tellTrace()
    if (status === 'I' && this.tracing !== undefined) {
      this.tracing.leave()
      this.tracing = undefined
    }
    this.idleTimer.start(status !== 'I')
  }

  cancel(): void {
    if (!this.interrupts.isActive) return
    const error = queryCanceled()
    this.interrupts.interrupt(error)
    this.copyIn?.fail(error)
  }

  /** pg_terminate_backend */
  terminate(): void {
    this.start.terminate(new SqlError('57P01', 'terminating connection due to administrator command', { severity: 'FATAL' }))
  }

  close(): void {
    if (this.closed) return
    this.closed = true
    this.tracing?.leave()
    this.left()
    this.idleTimer.stop()
    const gone = new SqlError('08006', 'the client is gone')
    if (this.interrupts.isActive) this.interrupts.interrupt(gone)
    else this.interrupts.stop()
    this.copyIn?.fail(gone)
    this.closePortals()
    this.prepared.clear()
    this.block.abort()
  }

  reportedParameters(): Iterable<readonly [string, string]> {
    return this.settings.reported()
  }
}

/** A mistake of the client's is news; that we could not do what was asked is more. */
const levelOf = ({ code }: SqlError): Level => (/^(XX|53|58)/.test(code) ? 'error' : 'info')
