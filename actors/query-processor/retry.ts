import type { Value } from '../../protocol/values/value.ts'
import { Portal } from './portal.ts'
import type { PreparedStatement } from './prepared.ts'
import type { ResultOutput } from './result-output.ts'
import { runPortal, runToEnd } from './run-portal.ts'
import type { Session } from './session.ts'
import { arrived, type Task } from './task.ts'

/** A statement outside BEGIN that lost a conflict is run again so often (rule 24), and only while nothing of its answer has left. */
const attemptsMax = 100
const backOffMsMax = 50

/** The answer of the last Execute outside BEGIN: held until it has committed or the client goes on. */
export interface HeldAnswer {
  readonly result: ResultOutput
  readonly portal: Portal
}

/**
 * A statement that is a message of its own: outside BEGIN it commits by itself. `again` plans it and reads its literals anew before another
 * attempt, for the schema may be another one by then; undefined: it has another meaning now, and the client hears of the conflict.
 */
export function* runAlone(
  session: Session,
  statement: PreparedStatement,
  parameters: readonly Value[],
  again: () => Task<readonly Value[] | undefined>,
): Task<void> {
  const { block } = session
  const isFirst = block.state === 'idle' || (block.state === 'implicit' && session.executions === 0)
  const canRepeat = isFirst && isRepeatable(statement)
  let values = parameters
  for (let attempt = 1; ; attempt++) {
    const result = yield* runToEnd(session, statement, values, false)
    try {
      if (!session.endsAtOnce()) yield* block.finishImplicit()
    } catch (error) {
      if (!canRepeat || result.left || error !== block.refusal || attempt >= attemptsMax) throw error
      yield* backOff(session, attempt)
      const anew = yield* again()
      if (anew === undefined) throw error
      values = anew
      continue
    }
    if (session.awaited.length > 0) yield* session.awaitJobs()
    result.release()
    return
  }
}

/**
 * The implicit transaction of the messages since the last Sync commits; it is run again if it was a single statement. Its parameters keep the
 * types that the client was told, under any schema; other columns than it was told end it (0A000).
 */
export function* finishExtended(session: Session): Task<void> {
  for (let attempt = 1; ; attempt++) {
    const { held } = session
    try {
      yield* session.block.finishImplicit()
    } catch (error) {
      if (held === undefined || error !== session.block.refusal || attempt >= attemptsMax) throw error
      yield* backOff(session, attempt)
      const portal = new Portal(held.portal.source, false)
      try {
        session.held = { result: yield* arrived(runPortal(session, portal, 0, false)), portal }
      } finally {
        portal.close()
      }
      continue
    }
    if (session.awaited.length > 0) yield* session.awaitJobs()
    session.flush()
    return
  }
}

/** What a client has sent into a COPY is gone: only the client can send it again. */
export const isRepeatable = (statement: PreparedStatement): boolean => statement.kind !== 'CopyStmt'

function* backOff({ interrupts, random, runtime }: Session, attempt: number): Task<void> {
  interrupts.check()
  if (attempt === 1) return
  const delayMs = random.fraction() * Math.min(2 ** attempt / 4, backOffMsMax)
  yield interrupts.guard(runtime.world.clock.sleep(delayMs))
}
