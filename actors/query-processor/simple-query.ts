import { SqlError } from '../../protocol/errors.ts'
import type { Value } from '../../protocol/values/value.ts'
import { runManyRows } from './many-rows.ts'
import { longTextMin, PreparedStatement } from './prepared.ts'
import { runAlone } from './retry.ts'
import { runToEnd } from './run-portal.ts'
import type { Session } from './session.ts'
import type { ParsedStatement } from './sql/parse.ts'
import type { Task } from './task.ts'
import type { TemplatedStatement } from './templates.ts'

/** A Query message, from its text to ReadyForQuery. */
export function* simpleQuery(session: Session, sql: string): Task<void> {
  const { settings, block } = session
  try {
    session.interrupts.start(settings.timeouts.statement)
    const canShare = settings.isOn('taudb.plan_cache') && block.state !== 'failed'
    const template = canShare ? session.templates.of(sql) : undefined
    const done = template === undefined ? canShare && (yield* runManyRows(session, sql)) : yield* templated(session, template)
    if (!done) yield* untemplated(session, sql)
  } catch (error) {
    session.failed(error)
  }
  session.ready()
}

/** False: it did not work out, nothing has happened, and the text as it stands must say why. */
function* templated(session: Session, template: TemplatedStatement): Task<boolean> {
  const { block } = session
  const wasIdle = block.state === 'idle'
  session.tracing?.enter(template.prepared.parsed.text)
  const values = yield* templateValues(session, template)
  if (values === undefined) {
    if (wasIdle && block.state === 'implicit') block.abort()
    return false
  }
  session.tellAbout(template.prepared.parsed)
  try {
    yield* runAlone(session, template.prepared, values, () => templateValues(session, template))
  } catch (error) {
    throw error instanceof SqlError && error.fields.position !== undefined
      ? new SqlError(error.code, error.message, { ...error.fields, position: template.positionIn(error.fields.position) })
      : error
  }
  return true
}

function* templateValues(session: Session, template: TemplatedStatement): Task<Value[] | undefined> {
  try {
    // A warning has a place in the text that the client wrote.
    yield* session.plan(template.prepared, (notice) => {
      throw new SqlError(notice.code, notice.message)
    })
    return template.values(session.inputSettings())
  } catch (error) {
    if (error instanceof SqlError) return undefined
    throw error
  }
}

function* untemplated(session: Session, sql: string): Task<void> {
  const { plans } = session.runtime
  const isCaching = session.settings.isOn('taudb.plan_cache')
  const parsed = plans.parse(sql)
  if (parsed.length === 0) {
    session.output.emptyQueryResponse()
    return
  }
  // The grammar goes through a long text without a stop; the binder will do the same.
  yield* session.interrupts.turn()
  session.tellAbout(parsed[0] as ParsedStatement)
  const statements = parsed.map((one) => {
    const key = isCaching && parsed.length === 1 ? plans.key(one.text, []) : undefined
    return new PreparedStatement(one, [], key)
  })
  if (statements.length === 1) {
    const only = statements[0] as PreparedStatement
    // In turns: when it is run, the plan is there.
    if (sql.length > longTextMin && session.block.state !== 'failed') yield* session.plan(only)
    yield* runAlone(session, only, [], () => planAgain(session, only))
    return
  }
  for (const [i, statement] of statements.entries()) yield* oneOfSeveral(session, statement, i === statements.length - 1)
}

function* planAgain(session: Session, statement: PreparedStatement): Task<readonly Value[]> {
  yield* session.plan(statement)
  return []
}

/** Statements of one message are one transaction; the last one's answer waits for its commit. */
function* oneOfSeveral(session: Session, statement: PreparedStatement, isLast: boolean): Task<void> {
  session.interrupts.limit(session.settings.timeouts.statement)
  const result = yield* runToEnd(session, statement, [], true)
  if (isLast) yield* session.block.finishImplicit()
  if (isLast) yield* session.awaitJobs()
  result.release()
}
