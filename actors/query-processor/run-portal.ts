import type { Value } from '../../protocol/values/value.ts'
import { abortedBlock } from './block.ts'
import type { Execution } from './execution.ts'
import { Portal } from './portal.ts'
import type { PreparedStatement } from './prepared.ts'
import { ResultOutput } from './result-output.ts'
import type { Session } from './session.ts'
import { isTransactionExit, open } from './statement.ts'
import { arrived, Pending, type Step, type Task } from './task.ts'

/** In a failed block only its end is heard. */
export function checkState(session: Session, statement: PreparedStatement): void {
  if (session.block.state === 'failed' && !isTransactionExit(statement)) throw abortedBlock()
}

/** Runs one statement of a simple query to its end. The answer is to be released once it is true. */
export function* runToEnd(
  session: Session,
  statement: PreparedStatement,
  parameters: readonly Value[],
  isOneOfSeveral: boolean,
): Task<ResultOutput> {
  session.tracing?.enter(statement.parsed.text)
  checkState(session, statement)
  const portal = new Portal({ statement, parameters, formats: [] }, isOneOfSeveral)
  try {
    return yield* arrived(runPortal(session, portal, 0, true))
  } finally {
    portal.close()
  }
}

/** Runs a portal for up to `rowsMax` rows (0 = all), from where it stands. */
export function runPortal(session: Session, portal: Portal, rowsMax: number, withDescription: boolean): Step<ResultOutput> {
  if (portal.execution === undefined) {
    const opening = open(session, portal.source, portal.isOneOfSeveral)
    if (opening instanceof Pending) return new Pending(runBehind(session, portal, rowsMax, withDescription, opening))
    portal.opened(opening)
  }
  return pumpPortal(session, portal, rowsMax, withDescription)
}

function* runBehind(
  session: Session,
  portal: Portal,
  rowsMax: number,
  withDescription: boolean,
  opening: Pending<Execution>,
): Task<ResultOutput> {
  portal.opened(yield* opening.task)
  return yield* arrived(pumpPortal(session, portal, rowsMax, withDescription))
}

function pumpPortal(session: Session, portal: Portal, rowsMax: number, withDescription: boolean): Step<ResultOutput> {
  const { execution, pump } = portal.running
  const result = new ResultOutput(session, execution.columns, portal.source.formats, withDescription)
  const rows = rowsMax === 0 ? pump.giveReady(result) : undefined
  return rows === undefined ? new Pending(pumped(session, portal, rowsMax, result)) : ran(session, portal, rowsMax, result, rows)
}

function* pumped(session: Session, portal: Portal, rowsMax: number, result: ResultOutput): Task<ResultOutput> {
  const { interrupts, output } = session
  const { execution, pump } = portal.running
  if (execution.writes && rowsMax > 0 && portal.rows === 0) yield* pump.collect(interrupts, output)
  const rows = yield* asCommand(session, execution.command, () => pump.pump(result, rowsMax, interrupts, output))
  return ran(session, portal, rowsMax, result, rows)
}

function ran(session: Session, portal: Portal, rowsMax: number, result: ResultOutput, rows: number): ResultOutput {
  const { execution } = portal.running
  portal.rows += rows
  if (rowsMax > 0 && rows === rowsMax) {
    session.block.transaction.writeSet.openReaders++
    result.suspend()
    session.tracing?.ran(portal.rows)
  } else {
    portal.done = true
    const tag = execution.tag(rows)
    result.complete(tag)
    // What a tag counts are the rows that were answered or changed.
    session.tracing?.ran(Number(/\d+$/.exec(tag) ?? 0))
  }
  return result
}

/** A portal that goes on sees what it saw when it began, whatever was written since. */
function* asCommand<T>({ block }: Session, command: number | undefined, work: () => Task<T>): Task<T> {
  if (command === undefined || !block.hasTransaction) return yield* work()
  const { transaction } = block
  const before = transaction.resume(command)
  try {
    return yield* work()
  } finally {
    transaction.resume(before)
  }
}
