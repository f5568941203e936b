import { SqlError } from '../../protocol/errors.ts'
import type { Oid } from '../../protocol/ids.ts'
import { typeByOid } from '../../protocol/values/registry.ts'
import { abortedBlock } from './block.ts'
import { executeCursor } from './cursor.ts'
import { boundParameters, Portal, type PortalSource } from './portal.ts'
import { PreparedStatement } from './prepared.ts'
import { describe } from './result.ts'
import { finishExtended, isRepeatable } from './retry.ts'
import { checkState, runPortal } from './run-portal.ts'
import type { Session } from './session.ts'
import { describeStatement } from './statement.ts'
import type { Task } from './task.ts'

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

export function* bindMessage(
  session: Session,
  name: string,
  statementName: string,
  parameterFormats: readonly number[],
  parameters: readonly (Buffer | null)[],
  resultFormats: readonly number[],
): Task<void> {
  const statement = statementNamed(session, statementName)
  session.tracing?.enter(statement.parsed.text)
  checkState(session, statement)
  if (statement !== emptyStatement) startMessage(session)
  if (name !== '' && (session.portals.has(name) || session.cursors.has(name)))
    throw new SqlError('42P03', `cursor "${name}" already exists`)
  // A catalog that has changed since Parse may give parameters other types only together with another meaning: the plan is made anew.
  if (statement.isPlannable) {
    session.planFor(statement, session.catalogAtHand() ?? (yield* session.beginWithCatalog()), false)
  }
  const values = boundParameters(statement, statementName, parameterFormats, parameters, session.inputSettings())
  if (resultFormats.length > 1) yield* checkFormats(session, statement, resultFormats.length)
  const source: PortalSource = { statement, parameters: values, formats: resultFormats }
  session.closePortalNamed(name)
  session.portals.set(name, new Portal(source, false, session.statementTime))
  session.output.bindComplete()
}

function* checkFormats(session: Session, statement: PreparedStatement, formats: number): Task<void> {
  const columns = (yield* columnsOf(session, statement))?.length ?? 0
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
  const columns = yield* columnsOf(session, statement)
  output.parameterDescription(statement.parameterTypes)
  if (columns === undefined) output.noData()
  else output.rowDescription(describe(columns))
}

export function* describePortalMessage(session: Session, name: string): Task<void> {
  const cursor = session.cursors.get(name)
  if (cursor !== undefined) {
    if (session.block.state === 'failed') throw abortedBlock()
    session.output.rowDescription(describe(cursor.columns))
    return
  }
  const portal = portalNamed(session, name)
  const columns = portal.execution?.columns ?? (yield* columnsOf(session, portal.source.statement))
  if (columns === undefined) session.output.noData()
  else session.output.rowDescription(describe(columns, portal.formatsFor(columns)))
}

function* columnsOf(session: Session, statement: PreparedStatement) {
  if (statement === emptyStatement) return undefined
  checkState(session, statement)
  if (!statement.isPlannable) return yield* describeStatement(session, statement)
  startMessage(session)
  yield* session.plan(statement)
  return statement.columns
}

function portalNamed({ portals }: Session, name: string): Portal {
  const portal = portals.get(name)
  if (portal !== undefined) return portal
  throw new SqlError('34000', `portal "${name}" does not exist`)
}

/* ---------------------------------------------------------------- Execute */

export function* executeMessage(session: Session, name: string, rowsMax: number): Task<void> {
  const cursor = session.cursors.get(name)
  if (cursor !== undefined) {
    if (session.block.state === 'failed') throw abortedBlock()
    yield* executeCursor(session, cursor, rowsMax)
    return
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
  const result = yield* runPortal(session, portal, rowsMax, false)
  const canRepeat = session.executions === 1 && isRepeatable(statement)
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
