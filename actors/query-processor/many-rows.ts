import { SqlError } from '../../protocol/errors.ts'
import { typeByOid } from '../../protocol/values/registry.ts'
import type { InputSettings } from '../../protocol/values/type.ts'
import type { Value } from '../../protocol/values/value.ts'
import type { PreparedStatement } from './prepared.ts'
import { runAlone } from './retry.ts'
import type { Session } from './session.ts'
import { GivenRows } from './sql/execute/given-rows.ts'
import { type RowsTemplate, rowsTemplateOf } from './sql/rows-template.ts'
import type { Task } from './task.ts'

/** Shorter texts are as quickly parsed as they stand. */
const textLengthMin = 1_000
const valuesPerLook = 256

/**
 * Runs an INSERT of many rows of literals by a template of its rows: the grammar, the binder and the planner see one row of each shape. False:
 * it is no such statement or something is wrong with it, nothing has happened, and the text as it stands must say what.
 */
export function* runManyRows(session: Session, sql: string): Task<boolean> {
  if (sql.length < textLengthMin) return false
  const template = yield* session.interrupts.through(rowsTemplateOf(sql))
  const prepared = template && session.templates.ofRows(template)
  if (template === undefined || prepared === undefined) return false
  const { block } = session
  const wasIdle = block.state === 'idle'
  session.tracing?.enter(prepared.parsed.text)
  const rows = yield* boundRows(session, template, prepared)
  if (rows === undefined) {
    if (wasIdle && block.state === 'implicit') block.abort()
    return false
  }
  try {
    yield* runAlone(session, prepared, rows, () => boundRows(session, template, prepared))
  } catch (error) {
    throw error instanceof SqlError ? inFrontOfRows(error, template) : error
  }
  return true
}

/** A mistake that has a place is told by the text as it stands, and so is a warning. */
function* boundRows(session: Session, template: RowsTemplate, prepared: PreparedStatement): Task<GivenRows | undefined> {
  try {
    if (prepared.parsed.notices !== undefined) return undefined
    yield* session.plan(prepared, (notice) => {
      throw new SqlError(notice.code, notice.message)
    })
    return yield* session.interrupts.through(valuesOf(template, prepared, session.inputSettings()))
  } catch (error) {
    if (error instanceof SqlError && error.code !== '57014') return undefined
    throw error
  }
}

type Read = (text: string) => Value

function* valuesOf(template: RowsTemplate, prepared: PreparedStatement, settings: InputSettings): Generator<void, GivenRows> {
  const { width, shapes, shapeOf, literals } = template
  const reads = template.classes.map((literal, i): Read => {
    if (literal === 'boolean') return (text) => text === 'true'
    if (literal === 'int4') return Number
    const type = typeByOid(prepared.parameterTypes[i] as number)
    if (type === undefined) throw new Error('a planned parameter has a known type')
    return (text) => type.input(text, -1, settings)
  })
  const values: Value[] = new Array(literals.length).fill(null)
  for (let row = 0, at = 0; row < shapeOf.length; row++) {
    const first = (shapeOf[row] as number) * width
    for (let i = 0; i < width; i++, at++) {
      const text = literals[at]
      if (text !== undefined) values[at] = (reads[first + i] as Read)(text)
    }
    if (row % valuesPerLook === 0) yield
  }
  return new GivenRows(width, shapes, shapeOf, values)
}

/** Positions in front of the rows are those of the client's text; behind that they are nobody's. */
function inFrontOfRows(error: SqlError, { headLength }: RowsTemplate): SqlError {
  const { position, ...fields } = error.fields
  return position === undefined || position <= headLength ? error : new SqlError(error.code, error.message, fields)
}
