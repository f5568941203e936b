// One client's session: takes its statements, runs them one after the other, and writes the backend messages that answer them.
// From: frontend.session. To: query-processor.statement, query-processor.begin, query-processor.commit.
// Invariant: every message is answered, an error ends what it must end and nothing else, and ReadyForQuery tells the true state.

import type { Random, Timer } from '../../bus/world.ts'
import { assert } from '../../protocol/assert.ts'
import { type Notice, queryCanceled, SqlError } from '../../protocol/errors.ts'
import type { Oid } from '../../protocol/ids.ts'
import type { QuerySession, SessionOutput, SessionStart } from '../../protocol/session.ts'
import { sqlTime, tauZero } from '../../protocol/time.ts'
import { typeByOid } from '../../protocol/values/registry.ts'
import type { InputSettings } from '../../protocol/values/type.ts'
import type { Value } from '../../protocol/values/value.ts'
import { abortedBlock, Block, readOnlyTransaction } from './block.ts'
import { type CommitOutcome, commit } from './commit.ts'
import type { CopyIn } from './copy-in.ts'
import type { Cursor } from './cursor.ts'
import { Identity } from './identity.ts'
import { Interrupts } from './interrupts.ts'
import { boundParameters, Portal, type PortalSource } from './portal.ts'
import { PreparedStatement } from './prepared.ts'
import type { RandomSeries } from './random-series.ts'
import { describe } from './result.ts'
import { ResultOutput } from './result-output.ts'
import type { Runtime } from './runtime.ts'
import { Sequences } from './sequences.ts'
import { Settings } from './settings.ts'
import { objectIdentifier } from './sql/bind/object-identifier.ts'
import type { Catalog } from './sql/catalog/schema.ts'
import { identifierText, type Names } from './sql/functions/catalog-names.ts'
import { type ParsedStatement, stackDepthExceeded } from './sql/parse.ts'
import { describeStatement, isTransactionExit, open } from './statement.ts'
import { StatementTrace } from './statement-trace.ts'
import { run, type Task } from './task.ts'
import { Templates } from './templates.ts'
import type { Transaction } from './transaction.ts'

/** A statement outside BEGIN that lost a conflict is run again so often (rule 24). */
const attemptsMax = 100
const backOffMsMax = 50

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
  /** Jobs that DDL has started and whose end its statement waits for. */
  private readonly waitingFor: Promise<void>[] = []
  private readonly start: SessionStart
  private readonly templates: Templates
  private readonly reported = new Map<string, string>()
  private reportedVersion = 0
  private pathMade: { readonly version: number; readonly catalog: Catalog; readonly names: readonly string[] } | undefined
  private inputMade: InputSettings | undefined
  private inputOf: object | undefined
  /** An error of the extended protocol: everything up to Sync is skipped. */
  private skipping = false
  /** The answer of the last Execute outside BEGIN: held until it has committed or the client goes on. */
  private unreleased: { readonly result: ResultOutput; readonly portal: Portal } | undefined
  private executions = 0
  private running = false
  private closed = false
  private idleTimer: Timer | undefined
  private tracing: StatementTrace | undefined
  private environmentMade:
    | { readonly version: number; readonly text: string; readonly input: Omit<InputSettings, 'now'> }
    | undefined

  private readonly left: () => void

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
    this.block = new Block({
      settings: this.settings,
      newTransaction: () => this.newTransaction(),
      commit: (transaction) => this.commit(transaction),
      notice: (notice) => this.notice(notice),
      ended: (committed) => this.transactionEnded(committed),
    })
    for (const [name, value] of this.settings.reported()) this.reported.set(name, value)
  }

  /* ---------------------------------------------------------------- what statements ask of their session */

  now(): bigint {
    return sqlTime(this.runtime.world.clock.now())
  }

  private readonly warn = (notice: Notice): void => this.notice(notice)

  notice(notice: Notice): void {
    if (isLoudEnough(notice, this.settings.value('client_min_messages') as string)) this.output.notice(notice)
  }

  private tellAbout({ notices }: ParsedStatement): void {
    if (notices !== undefined) for (const notice of notices) this.notice(notice)
  }

  refuseReadOnly(command: string): void {
    if (this.block.readOnly) throw readOnlyTransaction(command)
  }

  inputSettings(): InputSettings {
    const { input } = this.environment()
    const made = this.inputMade
    if (made !== undefined && made.now === this.transactionTime && this.inputOf === input) return made
    this.inputOf = input
    this.inputMade = { ...input, now: this.transactionTime }
    return this.inputMade
  }

  /** Everything but the catalog that binding depends on, as a text. */
  environment(): { readonly text: string; readonly input: Omit<InputSettings, 'now'> } {
    const { settings } = this
    if (this.environmentMade?.version !== settings.version) {
      const output = settings.output()
      const text = `${this.user} ${settings.value('search_path')} ${Object.values(output).join(' ')}`
      const input = { ...output, objectName: this.objectName, objectOid: this.objectOid }
      this.environmentMade = { version: settings.version, text, input }
    }
    return this.environmentMade as NonNullable<typeof this.environmentMade>
  }

  private readonly objectName = (type: Oid, oid: Oid): string => identifierText(this.names(), type, oid)
  private readonly objectOid = (type: Oid, name: string): Oid => objectIdentifier(this.names(), type, name)

  /** Where names of regclass and its kin are looked up: the catalog that the last statement saw, if its transaction has ended meanwhile. */
  private names(): Names {
    const catalog = this.block.catalog ?? this.pathMade?.catalog
    assert(catalog !== undefined, 'values are read and shown after their statement was bound')
    return { catalog, searchPath: this.searchPath(catalog), user: this.user }
  }

  /** The schemas of the search path that exist. */
  searchPath(catalog: Catalog): readonly string[] {
    const { version } = this.settings
    if (this.pathMade?.version !== version || this.pathMade.catalog !== catalog) {
      this.pathMade = { version, catalog, names: this.existingSchemas(catalog) }
    }
    return this.pathMade.names
  }

  private existingSchemas(catalog: Catalog): readonly string[] {
    const names: string[] = []
    for (const name of this.settings.searchPath()) {
      const schema = name === '$user' ? this.user : name
      if (catalog.schema(schema) !== undefined && !names.includes(schema)) names.push(schema)
    }
    return names
  }

  /** A snapshot and the next command number: before every statement that reads or writes rows. */
  *beginStatement(): Task<void> {
    this.startTransaction()
    const { transaction } = this.block
    if (transaction.snapshot === undefined) {
      const begun = transaction.begin(this.block.atLeast, this.traceparent)
      if (begun instanceof Promise) yield this.interrupts.guard(begun)
      this.block.atLeast = tauZero
    }
    transaction.beginCommand()
  }

  /** What both below do, for a statement behind another one of its transaction; undefined where something may have to be waited for. */
  catalogAtHand(): Catalog | undefined {
    const { block } = this
    if (!block.hasTransaction || block.catalog === undefined || block.transaction.snapshot === undefined) return undefined
    block.transaction.beginCommand()
    return block.catalog
  }

  /** A statement begins, under the catalog that it sees. */
  *beginWithCatalog(): Task<Catalog> {
    yield* this.beginStatement()
    return yield* this.catalog()
  }

  /** The catalog at tauStart, own DDL included. */
  *catalog(): Task<Catalog> {
    if (this.block.catalog !== undefined) return this.block.catalog
    const loading = this.runtime.catalogs.load(this.block.transaction)
    this.block.catalog = loading instanceof Promise ? ((yield this.interrupts.guard(loading)) as Catalog) : loading
    return this.block.catalog
  }

  private knownCatalog(): Catalog {
    if (this.block.catalog === undefined) throw new SqlError('XX000', 'no catalog has been read yet')
    return this.block.catalog
  }

  startJob(job: { readonly id: string; readonly wait: boolean }): void {
    const ended = this.runtime.jobs.start(job.id)
    if (job.wait) this.waitingFor.push(ended)
  }

  /** A statement that queued a job and waits for it ends as the job does. */
  private *awaitJobs(): Task<void> {
    for (const ended of this.waitingFor.splice(0)) yield this.interrupts.guard(ended)
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
    try {
      const told = commit(this.runtime.circle, transaction, this.identity.id, this.block.catalog, this.traceparent)
      return told instanceof Promise ? ((yield told) as CommitOutcome) : told
    } catch (error) {
      if (error instanceof SqlError && error.code === '08007') this.identity.doubt(transaction.snapshot?.tau)
      throw error
    }
  }

  private transactionEnded(committed: boolean): void {
    this.identity.ended(committed)
    this.executions = 0
    for (const portal of this.portals.values()) portal.close()
    this.portals.clear()
    if (this.cursors.size > 0) this.closeCursors(committed)
    if (this.afterCommit.length === 0) return
    const work = this.afterCommit.splice(0)
    if (committed) for (const step of work) step()
  }

  private closeCursors(committed: boolean): void {
    for (const [name, cursor] of this.cursors) {
      if (committed && cursor.isHeld) continue
      cursor.close()
      this.cursors.delete(name)
    }
  }

  /* ---------------------------------------------------------------- tracing */

  trace(traceparent: string): void {
    this.tracing = new StatementTrace(traceparent)
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
    return run(this.simple(sql)) as void | Promise<void>
  }

  private closeUnnamed(): void {
    this.prepared.delete('')
    this.closePortalNamed('')
  }

  private *simple(sql: string): Task<void> {
    try {
      this.interrupts.start(this.settings.timeouts.statement)
      const template =
        this.settings.isOn('taudb.plan_cache') && this.block.state !== 'failed' ? this.templates.of(sql) : undefined
      const done = template !== undefined && (yield* this.templated(template))
      if (done !== true) yield* this.untemplated(sql)
    } catch (error) {
      this.failed(error)
    }
    this.ready()
  }

  /** False: it did not work out, nothing has happened, and the text as it stands must say why. */
  private *templated(template: NonNullable<ReturnType<Templates['of']>>): Task<boolean> {
    const wasIdle = this.block.state === 'idle'
    this.tracing?.enter(template.prepared.parsed.text)
    const values = yield* this.templateValues(template)
    if (values === undefined) {
      if (wasIdle && this.block.state === 'implicit') this.block.abort()
      return false
    }
    this.tellAbout(template.prepared.parsed)
    try {
      yield* this.single(template.prepared, values)
    } catch (error) {
      throw error instanceof SqlError && error.fields.position !== undefined
        ? new SqlError(error.code, error.message, { ...error.fields, position: template.positionIn(error.fields.position) })
        : error
    }
    return true
  }

  private *templateValues(template: NonNullable<ReturnType<Templates['of']>>): Task<Value[] | undefined> {
    try {
      // A warning has a place in the text that the client wrote.
      yield* this.plan(template.prepared, (notice) => {
        throw new SqlError(notice.code, notice.message)
      })
      return template.values(this.inputSettings())
    } catch (error) {
      if (error instanceof SqlError) return undefined
      throw error
    }
  }

  private *untemplated(sql: string): Task<void> {
    const isCaching = this.settings.isOn('taudb.plan_cache')
    const parsed = this.runtime.plans.parse(sql)
    if (parsed.length === 0) {
      this.output.emptyQueryResponse()
      return
    }
    this.tellAbout(parsed[0] as ParsedStatement)
    const statements = parsed.map((one) => {
      const key = isCaching && parsed.length === 1 ? this.runtime.plans.key(one.text, []) : undefined
      return new PreparedStatement(one, [], key)
    })
    if (statements.length === 1) {
      yield* this.single(statements[0] as PreparedStatement, [])
      return
    }
    for (const [i, statement] of statements.entries()) yield* this.oneOfSeveral(statement, i === statements.length - 1)
  }

  /** Statements of one message are one transaction; the last one's answer waits for its commit. */
  private *oneOfSeveral(statement: PreparedStatement, isLast: boolean): Task<void> {
    this.interrupts.limit(this.settings.timeouts.statement)
    const result = yield* this.answer(statement, [], true)
    if (isLast) yield* this.block.finishImplicit()
    if (isLast) yield* this.awaitJobs()
    result.release()
  }

  /** A statement that is a message of its own: outside BEGIN it commits by itself, and is run again when it lost a conflict. */
  private *single(statement: PreparedStatement, parameters: readonly Value[]): Task<void> {
    // What a client has sent into a COPY is gone: only the client can send it again.
    const canRepeat = statement.kind !== 'CopyStmt'
    const alone = canRepeat && (this.block.state === 'idle' || (this.block.state === 'implicit' && this.executions === 0))
    for (let attempt = 1; ; attempt++) {
      const result = yield* this.answer(statement, parameters, false)
      try {
        if (!this.endsAtOnce()) yield* this.block.finishImplicit()
      } catch (error) {
        if (!alone || result.left || error !== this.block.refusal || attempt >= attemptsMax) throw error
        yield* this.backOff(attempt)
        continue
      }
      if (this.waitingFor.length > 0) yield* this.awaitJobs()
      result.release()
      return
    }
  }

  private *backOff(attempt: number): Task<void> {
    this.interrupts.check()
    if (attempt === 1) return
    const delayMs = this.random.fraction() * Math.min(2 ** attempt / 4, backOffMsMax)
    yield this.interrupts.guard(this.runtime.world.clock.sleep(delayMs))
  }

  /** Runs one statement to its end. */
  private *answer(statement: PreparedStatement, parameters: readonly Value[], isOneOfSeveral: boolean): Task<ResultOutput> {
    this.tracing?.enter(statement.parsed.text)
    this.checkState(statement)
    const portal = new Portal({ statement, parameters, formats: [] }, isOneOfSeveral)
    try {
      return yield* this.pumped(portal, 0, true)
    } finally {
      portal.close()
    }
  }

  private *pumped(portal: Portal, rowsMax: number, withDescription: boolean): Task<ResultOutput> {
    if (portal.execution === undefined) portal.opened(yield* open(this, portal.source, portal.isOneOfSeveral))
    const { execution, pump } = portal.running
    const result = new ResultOutput(this, execution.columns, portal.source.formats, withDescription)
    if (execution.writes && rowsMax > 0 && portal.rows === 0) yield* pump.collect(this.interrupts, this.output)
    const rows =
      (rowsMax === 0 ? pump.giveReady(result) : undefined) ??
      (yield* this.asCommand(execution.command, () => pump.pump(result, rowsMax, this.interrupts, this.output)))
    portal.rows += rows
    if (rowsMax > 0 && rows === rowsMax) {
      this.block.transaction.writeSet.openReaders++
      result.suspend()
    } else {
      portal.done = true
      result.complete(execution.tag(rows))
    }
    this.tracing?.ran()
    return result
  }

  /** A portal that goes on sees what it saw when it began, whatever was written since. */
  private *asCommand<T>(command: number | undefined, work: () => Task<T>): Task<T> {
    if (command === undefined || !this.block.hasTransaction) return yield* work()
    const { transaction } = this.block
    const before = transaction.resume(command)
    try {
      return yield* work()
    } finally {
      transaction.resume(before)
    }
  }

  /** In a failed block only its end is heard. */
  private checkState(statement: PreparedStatement): void {
    if (this.block.state === 'failed' && !isTransactionExit(statement)) throw abortedBlock()
  }

  /* ---------------------------------------------------------------- extended protocol */

  private extended(task: Task<void>): void | Promise<void> {
    if (this.skipping) return undefined
    this.wake()
    try {
      this.flush()
      if (!this.interrupts.isActive) this.interrupts.start(this.settings.timeouts.statement)
      const waiting = run(task)
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
    const { unreleased } = this
    if (unreleased === undefined) return
    this.unreleased = undefined
    unreleased.result.release()
  }

  parse(name: string, sql: string, parameterTypes: readonly Oid[]): void | Promise<void> {
    return this.extended(this.parsing(name, sql, parameterTypes))
  }

  private *parsing(name: string, sql: string, types: readonly Oid[]): Task<void> {
    this.activity.query = sql
    this.tracing?.enter(sql)
    const parsed = this.runtime.plans.parse(sql)
    if (parsed.length > 1) throw new SqlError('42601', 'cannot insert multiple commands into a prepared statement')
    for (const oid of types) if (oid !== 0 && typeByOid(oid) === undefined) throw unknownType(oid)
    const one = parsed[0]
    if (one !== undefined) this.tellAbout(one)
    const key = one === undefined || !this.settings.isOn('taudb.plan_cache') ? undefined : this.runtime.plans.key(sql, types)
    const statement = one === undefined ? emptyStatement : new PreparedStatement(one, types, key)
    if (one !== undefined) {
      statement.infersParameters = true
      this.checkState(statement)
      this.startMessage()
      statement.preparedAt = this.statementTime
      if (statement.isPlannable) yield* this.plan(statement)
    }
    if (name !== '' && this.prepared.has(name)) throw new SqlError('42P05', `prepared statement "${name}" already exists`)
    this.prepared.set(name, statement)
    this.output.parseComplete()
  }

  /** Statement and transaction time move with the first message after Sync. */
  private startMessage(): void {
    if (this.block.state === 'idle') this.startTransaction()
  }

  /** Binds and plans against the catalog of now. */
  *plan(statement: PreparedStatement, warn = this.warn): Task<void> {
    if (!statement.isPlannable) return
    this.planFor(statement, this.catalogAtHand() ?? (yield* this.beginWithCatalog()), true, warn)
  }

  planFor(statement: PreparedStatement, catalog: Catalog, canChangeColumns: boolean, warn = this.warn) {
    const { text } = this.environment()
    const known = statement.known(catalog.version, text)
    if (known !== undefined) return known
    return statement.plan(
      this.runtime.plans,
      {
        catalog,
        searchPath: this.searchPath(catalog),
        settings: this.inputSettings(),
        user: this.user,
        database: this.database,
        notice: warn,
      },
      text,
      canChangeColumns,
    )
  }

  bind(
    portal: string,
    statement: string,
    parameterFormats: readonly number[],
    parameters: readonly (Buffer | null)[],
    resultFormats: readonly number[],
  ): void | Promise<void> {
    return this.extended(this.binding(portal, statement, parameterFormats, parameters, resultFormats))
  }

  private *binding(
    name: string,
    statementName: string,
    parameterFormats: readonly number[],
    parameters: readonly (Buffer | null)[],
    resultFormats: readonly number[],
  ): Task<void> {
    const statement = this.statement(statementName)
    this.tracing?.enter(statement.parsed.text)
    this.checkState(statement)
    if (statement !== emptyStatement) this.startMessage()
    if (name !== '' && this.portals.has(name)) throw new SqlError('42P03', `cursor "${name}" already exists`)
    // A catalog that has changed since Parse may give parameters other types only together with another meaning: the plan is made anew.
    if (statement.isPlannable) {
      this.planFor(statement, this.catalogAtHand() ?? (yield* this.beginWithCatalog()), false)
    }
    const values = boundParameters(statement, statementName, parameterFormats, parameters, this.inputSettings())
    const source: PortalSource = { statement, parameters: values, formats: resultFormats }
    this.closePortalNamed(name)
    this.portals.set(name, new Portal(source, false, this.statementTime))
    this.output.bindComplete()
  }

  describeStatement(name: string): void | Promise<void> {
    return this.extended(this.describing(name))
  }

  private *describing(name: string): Task<void> {
    const statement = this.statement(name)
    const columns = yield* this.columnsOf(statement)
    this.output.parameterDescription(statement.parameterTypes)
    if (columns === undefined) this.output.noData()
    else this.output.rowDescription(describe(columns))
  }

  private *columnsOf(statement: PreparedStatement) {
    if (statement === emptyStatement) return undefined
    if (this.block.state === 'failed' && !isTransactionExit(statement)) throw abortedBlock()
    if (statement.isPlannable) {
      this.startMessage()
      yield* this.plan(statement)
      return statement.columns
    }
    return yield* describeStatement(this, statement)
  }

  describePortal(name: string): void | Promise<void> {
    return this.extended(this.describingPortal(name))
  }

  private *describingPortal(name: string): Task<void> {
    const portal = this.portal(name)
    const columns = portal.execution?.columns ?? (yield* this.columnsOf(portal.source.statement))
    if (columns === undefined) this.output.noData()
    else this.output.rowDescription(describe(columns, portal.formatsFor(columns)))
  }

  execute(portal: string, rowsMax: number): void | Promise<void> {
    return this.extended(this.executing(portal, rowsMax))
  }

  private *executing(name: string, rowsMax: number): Task<void> {
    const portal = this.portal(name)
    const { statement } = portal.source
    if (statement === emptyStatement) {
      this.output.emptyQueryResponse()
      return
    }
    this.tracing?.enter(statement.parsed.text)
    this.activity.query = statement.parsed.text
    this.checkState(statement)
    this.executions++
    if (portal.done) {
      this.output.commandComplete(portal.repeatedTag())
      return
    }
    const result = yield* this.pumped(portal, rowsMax, false)
    const canRepeat = this.executions === 1 && statement.kind !== 'CopyStmt'
    if (this.block.state === 'implicit' && canRepeat && portal.done && !result.left) this.unreleased = { result, portal }
    else result.release()
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
    this.output.closeComplete()
  }

  private closePortalNamed(name: string): void {
    this.portals.get(name)?.close()
    this.portals.delete(name)
  }

  sync(): void | Promise<void> {
    if (this.waitingFor.length > 0 || !this.endsAtOnce()) return run(this.syncing()) as void | Promise<void>
    this.skipping = false
    this.flush()
    this.ready()
    return undefined
  }

  /** Ends an implicit transaction that has nothing to wait for: most are one read. False: `finishImplicit` is to be called. */
  private endsAtOnce(): boolean {
    return this.cursors.size === 0 && this.block.finishUnwritten()
  }

  private *syncing(): Task<void> {
    this.skipping = false
    try {
      yield* this.finishExtended()
    } catch (error) {
      this.unreleased = undefined
      this.failed(error)
    }
    this.ready()
  }

  /** The implicit transaction of the messages since the last Sync commits; a single statement that lost a conflict is run again. */
  private *finishExtended(): Task<void> {
    for (let attempt = 1; ; attempt++) {
      const { unreleased } = this
      try {
        yield* this.block.finishImplicit()
      } catch (error) {
        if (unreleased === undefined || error !== this.block.refusal || attempt >= attemptsMax) throw error
        yield* this.backOff(attempt)
        const portal = new Portal(unreleased.portal.source, false)
        try {
          this.unreleased = { result: yield* this.pumped(portal, 0, false), portal }
        } finally {
          portal.close()
        }
        continue
      }
      if (this.waitingFor.length > 0) yield* this.awaitJobs()
      this.flush()
      return
    }
  }

  reject(error: SqlError): void | Promise<void> {
    if (this.skipping) return undefined
    this.flush()
    this.failed(error)
    this.skipping = true
    return undefined
  }

  private statement(name: string): PreparedStatement {
    const statement = this.prepared.get(name)
    if (statement !== undefined) return statement
    throw new SqlError(
      '26000',
      name === '' ? 'unnamed prepared statement does not exist' : `prepared statement "${name}" does not exist`,
    )
  }

  private portal(name: string): Portal {
    const portal = this.portals.get(name)
    if (portal !== undefined) return portal
    throw new SqlError('34000', `portal "${name}" does not exist`)
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
    this.idleTimer?.cancel()
    this.idleTimer = undefined
    if (this.running) return
    this.running = true
    this.activity.restedAt = undefined
    this.statementTime = this.now()
  }

  private failed(error: unknown): void {
    this.unreleased = undefined
    this.copyIn = undefined
    const told = this.told(error)
    this.tracing?.leave(told.code)
    if (this.closed) return
    this.output.error(told)
    this.block.fail()
    if (this.block.state === 'failed') {
      for (const portal of this.portals.values()) portal.close()
      this.portals.clear()
    }
  }

  private told(error: unknown): SqlError {
    if (error instanceof SqlError) return error
    if (error instanceof RangeError && /call stack/.test(error.message)) return stackDepthExceeded()
    this.runtime.bug(error)
    return new SqlError('XX000', error instanceof Error ? error.message : 'internal error')
  }

  private ready(): void {
    this.interrupts.stop()
    this.running = false
    this.activity.restedAt = this.runtime.world.clock.now()
    if (this.closed) return
    this.reportChanges()
    const { status } = this.block
    if (this.tracing !== undefined) {
      this.tracing.leave()
      if (status === 'I') this.tracing = undefined
    }
    this.output.readyForQuery(status)
    this.startIdleTimer(status !== 'I')
  }

  private reportChanges(): void {
    if (this.reportedVersion === this.settings.version) return
    this.reportedVersion = this.settings.version
    for (const [name, value] of this.settings.reported()) {
      if (this.reported.get(name) === value) continue
      this.reported.set(name, value)
      this.output.parameterStatus(name, value)
    }
  }

  private startIdleTimer(inTransaction: boolean): void {
    if (this.closed) return
    const timeoutMs = inTransaction ? this.settings.timeouts.idleInTransaction : this.settings.timeouts.idle
    if (timeoutMs <= 0) return
    const error = inTransaction
      ? new SqlError('25P03', 'terminating connection due to idle-in-transaction timeout', { severity: 'FATAL' })
      : new SqlError('57P05', 'terminating connection due to idle-session timeout', { severity: 'FATAL' })
    this.idleTimer = this.runtime.world.clock.after(timeoutMs, () => {
      if (!this.closed) this.start.terminate(error)
    })
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
    this.idleTimer?.cancel()
    const gone = new SqlError('08006', 'the client is gone')
    if (this.interrupts.isActive) this.interrupts.interrupt(gone)
    else this.interrupts.stop()
    this.copyIn?.fail(gone)
    for (const portal of this.portals.values()) portal.close()
    this.portals.clear()
    this.prepared.clear()
    this.block.abort()
  }

  reportedParameters(): Iterable<readonly [string, string]> {
    return this.settings.reported()
  }
}

const emptyStatement = new PreparedStatement({ node: {}, text: '', isAsync: false, positionOf: () => undefined }, [], undefined)

const unknownType = (oid: Oid): SqlError => new SqlError('42704', `type with OID ${oid} does not exist`)

const loudness = ['debug5', 'debug4', 'debug3', 'debug2', 'debug1', 'log', 'notice', 'warning', 'error']

/** client_min_messages; INFO always gets through. */
function isLoudEnough(notice: Notice, least: string): boolean {
  const severity = (notice.fields.severity ?? 'NOTICE').toLowerCase()
  return severity === 'info' || loudness.indexOf(severity) >= loudness.indexOf(least)
}
