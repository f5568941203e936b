import { SqlError, unsupported } from '../../protocol/errors.ts'
import type { Value } from '../../protocol/values/value.ts'
import { RowPump } from './execution.ts'
import { type Answer, openPlanned } from './planned.ts'
import { PreparedStatement } from './prepared.ts'
import { ResultOutput } from './result-output.ts'
import type { Session } from './session.ts'
import type { OutputColumn } from './sql/bind/bound.ts'
import { arrived, type Task } from './task.ts'

type Row = readonly Value[]

/** Rows fetched so far are kept, so that a cursor can go back; no more than these, then it can only go forward. */
const keptRowsMax = 1_000_000

/** What DECLARE said. */
interface CursorSaid {
  readonly isHeld: boolean
  readonly isForwardOnly: boolean
  readonly text: string
  /** Microseconds since 2000-01-01. */
  readonly madeAt: bigint
}

/** DECLARE ... CURSOR: a query whose rows are asked for piece by piece, forth and back. */
export class Cursor {
  readonly columns: readonly OutputColumn[]
  readonly said: CursorSaid
  private readonly pump: RowPump
  private readonly rows: Row[] = []
  /** 0 stands before the first row, n on the n-th, one more than there are behind the last. */
  private position = 0
  private exhausted = false
  readonly command: number | undefined

  constructor(pump: RowPump, columns: readonly OutputColumn[], command: number | undefined, said: CursorSaid) {
    this.pump = pump
    this.columns = columns
    this.command = command
    this.said = said
  }

  get isHeld(): boolean {
    return this.said.isHeld
  }

  private *read(session: Session, count: number): Task<void> {
    if (this.exhausted || count <= 0) return
    const { transaction } = session.block
    const before = this.command === undefined ? undefined : transaction.resume(this.command)
    try {
      const wanted = Number.isFinite(count) ? count : 0
      const got = yield* this.pump.pump({ row: (row) => this.rows.push(row) }, wanted, session.interrupts, session.output)
      if (this.rows.length > keptRowsMax) throw new SqlError('53400', `a cursor keeps ${keptRowsMax} rows at most`)
      if (wanted === 0 || got < wanted) this.end()
    } finally {
      if (before !== undefined) transaction.resume(before)
    }
  }

  private end(): void {
    this.exhausted = true
    this.pump.close()
  }

  /** WITH HOLD: what is left is read before its transaction ends. */
  *hold(session: Session): Task<void> {
    yield* this.read(session, Infinity)
  }

  *fetch(session: Session, direction: string, count: number): Task<readonly Row[]> {
    switch (direction) {
      case 'FETCH_FORWARD':
        return count < 0 ? this.backward(-count) : yield* this.forward(session, count)
      case 'FETCH_BACKWARD':
        return count < 0 ? yield* this.forward(session, -count) : this.backward(count)
      case 'FETCH_ABSOLUTE':
        return yield* this.absolute(session, count)
      case 'FETCH_RELATIVE':
        return yield* this.absolute(session, this.position + count, count)
      default:
        throw unsupported(direction)
    }
  }

  private *forward(session: Session, count: number): Task<readonly Row[]> {
    if (count === 0) return this.here()
    yield* this.read(session, this.position + count - this.rows.length)
    const from = Math.min(this.position, this.rows.length)
    const rows = this.rows.slice(from, from + count)
    this.position = from + rows.length + (rows.length < count ? 1 : 0)
    return rows
  }

  private backward(count: number): readonly Row[] {
    if (count === 0) return this.here()
    this.checkScroll()
    const end = Math.min(this.position - 1, this.rows.length)
    const from = Math.max(0, end - count)
    const rows = end <= 0 ? [] : this.rows.slice(from, end).reverse()
    this.position = rows.length < count ? 0 : from + 1
    return rows
  }

  /** The row under the cursor again. */
  private here(): readonly Row[] {
    if (this.position === 0) return []
    this.checkScroll()
    return this.rows.slice(this.position - 1, this.position)
  }

  /** The n-th row; from the end when negative. */
  private *absolute(session: Session, count: number, relative?: number): Task<readonly Row[]> {
    let target = count
    if (relative === undefined && count < 0) {
      yield* this.read(session, Infinity)
      target = this.rows.length + 1 + count
    } else yield* this.read(session, target - this.rows.length)
    if (target < this.position) this.checkScroll()
    if (target <= 0) {
      this.position = 0
      return []
    }
    this.position = Math.min(target, this.rows.length + 1)
    return this.rows.slice(target - 1, target)
  }

  private checkScroll(): void {
    if (!this.said.isForwardOnly) return
    throw new SqlError('55000', 'cursor can only scan forward', {
      hint: 'Declare it with SCROLL option to enable backward scan.',
    })
  }

  close(): void {
    if (!this.exhausted) this.end()
  }
}

/* ---------------------------------------------------------------- the statements */

const option = { binary: 0x1, scroll: 0x2, noScroll: 0x4, hold: 0x20 } as const

interface DeclareCursorStmt {
  readonly portalname: string
  readonly options?: number
  readonly query: unknown
}

export function* declareCursor(session: Session, statement: PreparedStatement, isOneOfSeveral: boolean): Task<Answer> {
  const { portalname: name, options = 0, query } = statement.body as DeclareCursorStmt
  const isHeld = (options & option.hold) !== 0
  if (!isHeld && session.block.state !== 'block' && !isOneOfSeveral) {
    throw new SqlError('25P01', 'DECLARE CURSOR can only be used in transaction blocks')
  }
  if ((options & option.binary) !== 0) throw unsupported('BINARY CURSOR')
  const source = new PreparedStatement({ ...statement.parsed, node: query }, [], undefined)
  const execution = yield* arrived(openPlanned(session, { statement: source, parameters: [], formats: [] }))
  if (execution.writes) {
    execution.release()
    throw new SqlError('0A000', 'DECLARE CURSOR must not contain data-modifying statements in WITH')
  }
  if (session.cursors.has(name) || session.portals.has(name)) {
    execution.release()
    throw new SqlError('42P03', `cursor "${name}" already exists`)
  }
  const isForwardOnly = (options & option.noScroll) !== 0
  session.block.transaction.writeSet.openReaders++
  session.cursors.set(
    name,
    new Cursor(new RowPump(execution), execution.columns ?? [], execution.command, {
      isHeld,
      isForwardOnly,
      text: statement.parsed.text,
      madeAt: session.statementTime,
    }),
  )
  return { tag: 'DECLARE CURSOR' }
}

interface FetchStmt {
  readonly direction?: string
  /** libpg-query writes FETCH ALL as 2^63 - 1, rounded. */
  readonly howMany?: number | string
  readonly portalname: string
  readonly ismove?: boolean
}

function cursorNamed(session: Session, name: string): Cursor {
  const cursor = session.cursors.get(name)
  if (cursor === undefined) throw new SqlError('34000', `cursor "${name}" does not exist`)
  return cursor
}

export function* fetchCursor(session: Session, statement: PreparedStatement): Task<Answer> {
  const { direction = 'FETCH_FORWARD', howMany = 0, portalname, ismove = false } = statement.body as FetchStmt
  const cursor = cursorNamed(session, portalname)
  const asked = Number(howMany)
  const count = Math.abs(asked) > Number.MAX_SAFE_INTEGER ? Infinity * Math.sign(asked) : asked
  const rows = yield* cursor.fetch(session, direction, count)
  if (ismove) return { tag: `MOVE ${rows.length}` }
  return { tag: `FETCH ${rows.length}`, columns: cursor.columns, rows }
}

/** DECLARE makes a portal like any other: Execute reads on from where the cursor stands. */
export function* executeCursor(session: Session, cursor: Cursor, rowsMax: number): Task<void> {
  const rows = yield* cursor.fetch(session, 'FETCH_FORWARD', rowsMax > 0 ? rowsMax : Infinity)
  const result = new ResultOutput(session, cursor.columns, [], false)
  for (const row of rows) result.row(row)
  if (rowsMax > 0 && rows.length === rowsMax) result.suspend()
  else result.complete(`SELECT ${rows.length}`)
  result.release()
}

export function cursorColumns(session: Session, statement: PreparedStatement): readonly OutputColumn[] | undefined {
  const { portalname, ismove = false } = statement.body as FetchStmt
  return ismove ? undefined : session.cursors.get(portalname)?.columns
}

// biome-ignore lint/correctness/useYield: every verb is a task; this one never waits
export function* closeCursor(session: Session, statement: PreparedStatement): Task<Answer> {
  const { portalname: name } = statement.body as { readonly portalname?: string }
  if (name === undefined) {
    for (const cursor of session.cursors.values()) cursor.close()
    session.cursors.clear()
    return { tag: 'CLOSE CURSOR ALL' }
  }
  cursorNamed(session, name).close()
  session.cursors.delete(name)
  return { tag: 'CLOSE CURSOR' }
}
