import { SqlError } from '../../protocol/errors.ts'
import type { Oid } from '../../protocol/ids.ts'
import { typeByOid } from '../../protocol/values/registry.ts'
import type { Value } from '../../protocol/values/value.ts'
import { abortedBlock } from './block.ts'
import { executeCursor } from './cursor.ts'
import { boundParameters, longParameters, Portal, type PortalSource, readAside } from './portal.ts'
import { PreparedStatement } from './prepared.ts'
import { describe } from './result.ts'
import type { ResultOutput } from './result-output.ts'
import { finishExtended, isRepeatable } from './retry.ts'
import { checkState, runPortal } from './run-portal.ts'
import type { Session } from './session.ts'
import type { OutputColumn } from './sql/bind/bound.ts'
import type { Catalog } from './sql/catalog/schema.ts'
import { describeStatement } from './statement.ts'
import { arrived, Pending, type Step, type Task } from './task.ts'

const emptyStatement = new PreparedStatement({ node: {}, text: '', isAsync: false, positionOf: () => undefined }, [], undefined)

/* ---------------------------------------------------------------- Parse */

export function* parseMessage(session: Session, name: string, sql: string, types: readonly Oid[]): Task<void> {
  const { plans } = session.runtime
  session.activity.query = sql
  session.tracing?.enter(sql)
  // The unnamed statement is given up by what is to replace it, also by what cannot.
  if (name === '') session.prepared.delete('')
  const parsed = plans.parse(sql)
  yield* session.interrupts.turn()
  if (parsed.length > 1) throw new SqlError('42601', 'cannot insert multiple commands into a prepared statement')
  for (const oid of types) if (oid !== 0 && typeByOid(oid) === undefined) throw unknownType(oid)
  const one = parsed[0]
  if (one !== undefined) session.tellAbout(one)
  const key = one === undefined || !session.settings.isOn('taudb.plan_cache') ? undefined : plans.key(sql, types)
  const statement = one === undefined ? emptyStatement : new PreparedStatement(one, types, key)
  if (one !== undefined) {
    statement.infersParameters = true
    checkState(session, statement)
    startMessage(session)
    statement.preparedAt = session.statementTime
    if (statement.isPlannable) yield* session.plan(statement)
  }
  if (name !== '' && session.prepared.has(name)) {
    throw new SqlError('42P05', `prepared statement "${name}" already exists`)
  }
  session.prepared.set(name, statement)
  session.output.parseComplete()
}

const unknownType = (oid: Oid): SqlError => new SqlError('42704', `type with OID ${oid} does not exist`)

/** Statement and transaction time move with the first message after Sync. */
function startMessage(session: Session): void {
  if (session.block.state === 'idle') session.startTransaction()
}

/* ---------------------------------------------------------------- Bind */

export function bindMessage(
  session: Session,
  name: string,
  statementName: string,
  parameterFormats: readonly number[],
  parameters: readonly (Buffer | null)[],
  resultFormats: readonly number[],
): Step<void> {
  const statement = statementNamed(session, statementName)
  session.tracing?.enter(statement.parsed.text)
  checkState(session, statement)
  if (statement !== emptyStatement) startMessage(session)
  if (name !== '' && (session.portals.has(name) || session.cursors.has(name)))
    throw new SqlError('42P03', `cursor "${name}" already exists`)
  // A catalog that has changed since Parse may give parameters other types only together with another meaning: the plan is made anew.
  const bind = (catalog: Catalog | undefined): Step<void> => {
    if (catalog !== undefined) session.planFor(statement, catalog, false)
    const long = longParameters(statement, parameterFormats, parameters)
    const { asideThreads } = session.runtime
    if (long.length === 0 || asideThreads === undefined) return bindValues()
    return new Pending(bindLong(readAside(asideThreads, statement, long, parameters, session.interrupts), bindValues))
  }
  const bindValues = (known?: ReadonlyMap<number, Value>): Step<void> => {
    const settings = session.inputSettings()
    const values = boundParameters(statement, statementName, parameterFormats, parameters, settings, known)
    const source: PortalSource = { statement, parameters: values, formats: resultFormats }
    if (resultFormats.length > 1) return new Pending(bindChecked(session, name, source))
    keepPortal(session, name, source)
  }
  if (!statement.isPlannable) return bind(undefined)
  const catalog = session.catalogAtHand() ?? session.beginWithCatalog()
  return catalog instanceof Pending ? new Pending(bindBehind(catalog, bind)) : bind(catalog)
}

function* bindLong(reading: Task<Map<number, Value>>, bind: (known: ReadonlyMap<number, Value>) => Step<void>): Task<void> {
  yield* arrived(bind(yield* reading))
}

function* bindBehind(catalog: Pending<Catalog>, bind: (catalog: Catalog) => Step<void>): Task<void> {
  yield* arrived(bind(yield* catalog.task))
}

function* bindChecked(session: Session, name: string, source: PortalSource): Task<void> {
  yield* checkFormats(session, source.statement, source.formats.length)
  keepPortal(session, name, source)
}

function keepPortal(session: Session, name: string, source: PortalSource): void {
  // Set over what was there: a map that is emptied and filled for every statement makes itself anew each time.
  session.portals.get(name)?.close()
  session.portals.set(name, new Portal(source, false, session.statementTime))
  session.output.bindComplete()
}

function* checkFormats(session: Session, statement: PreparedStatement, formats: number): Task<void> {
  const columns = (yield* arrived(columnsOf(session, statement)))?.length ?? 0
  if (formats !== columns)
    throw new SqlError('08P01', `bind message has ${formats} result formats but query has ${columns} columns`)
}

function statementNamed({ prepared }: Session, name: string): PreparedStatement {
  const statement = prepared.get(name)
  if (statement !== undefined) return statement
  throw new SqlError(
    '26000',
    name === '' ? 'unnamed prepared statement does not exist' : `prepared statement "${name}" does not exist`,
  )
}

/* ---------------------------------------------------------------- Describe */

export function* describeStatementMessage(session: Session, name: string): Task<void> {
  const { output } = session
  const statement = statementNamed(session, name)
  // Known since Parse: told before a changed result is refused.
  const { isPlannable } = statement
  if (isPlannable) {
    checkState(session, statement)
    output.parameterDescription(statement.parameterTypes)
  }
  const columns = yield* arrived(columnsOf(session, statement))
  if (!isPlannable) output.parameterDescription(statement.parameterTypes)
  if (columns === undefined) output.noData()
  else output.rowDescription(describe(columns))
}

export function describePortalMessage(session: Session, name: string): Step<void> {
  const cursor = session.cursors.get(name)
  if (cursor !== undefined) {
    if (session.block.state === 'failed') throw abortedBlock()
    session.output.rowDescription(describe(cursor.columns))
    return
  }
  const portal = portalNamed(session, name)
  const columns = portal.execution?.columns ?? columnsOf(session, portal.source.statement)
  if (columns instanceof Pending) return new Pending(describeBehind(session, portal, columns))
  describeAs(session, portal, columns)
}

function* describeBehind(session: Session, portal: Portal, columns: Pending<Columns>): Task<void> {
  describeAs(session, portal, yield* columns.task)
}

function describeAs({ output }: Session, portal: Portal, columns: Columns): void {
  if (columns === undefined) output.noData()
  else output.rowDescription(describe(columns, portal.formatsFor(columns)))
}

type Columns = readonly OutputColumn[] | undefined

function columnsOf(session: Session, statement: PreparedStatement): Step<Columns> {
  if (statement === emptyStatement) return undefined
  checkState(session, statement)
  if (statement.kind === 'TransactionStmt') return undefined
  if (!statement.isPlannable) return new Pending(describeStatement(session, statement))
  startMessage(session)
  const catalog = session.catalogAtHand()
  if (catalog === undefined) return new Pending(plannedColumns(session, statement))
  session.planFor(statement, catalog, false)
  return statement.columns
}

function* plannedColumns(session: Session, statement: PreparedStatement): Task<Columns> {
  session.planFor(statement, yield* arrived(session.beginWithCatalog()), false)
  return statement.columns
}

function portalNamed({ portals }: Session, name: string): Portal {
  const portal = portals.get(name)
  if (portal !== undefined) return portal
  throw new SqlError('34000', `portal "${name}" does not exist`)
}

/* ---------------------------------------------------------------- Execute */

export function executeMessage(session: Session, name: string, rowsMax: number): Step<void> {
  const cursor = session.cursors.get(name)
  if (cursor !== undefined) {
    if (session.block.state === 'failed') throw abortedBlock()
    return new Pending(executeCursor(session, cursor, rowsMax))
  }
  const portal = portalNamed(session, name)
  const { statement } = portal.source
  if (statement === emptyStatement) {
    session.output.emptyQueryResponse()
    return
  }
  session.tracing?.enter(statement.parsed.text)
  session.activity.query = statement.parsed.text
  checkState(session, statement)
  session.executions++
  if (portal.done) {
    session.output.commandComplete(portal.repeatedTag(name))
    return
  }
  const result = runPortal(session, portal, rowsMax, false)
  if (result instanceof Pending) return new Pending(executeBehind(session, portal, result))
  executed(session, portal, result)
}

function* executeBehind(session: Session, portal: Portal, result: Pending<ResultOutput>): Task<void> {
  executed(session, portal, yield* result.task)
}

function executed(session: Session, portal: Portal, result: ResultOutput): void {
  const canRepeat = session.executions === 1 && isRepeatable(portal.source.statement)
  if (session.block.state === 'implicit' && canRepeat && portal.done && !result.left) session.held = { result, portal }
  else result.release()
}

/* ---------------------------------------------------------------- Sync */

/** Sync where something must be waited for: `Session.sync` does the rest at once. */
export function* syncMessage(session: Session): Task<void> {
  try {
    yield* finishExtended(session)
  } catch (error) {
    session.failed(error)
  }
  session.ready()
}
