import { SqlError, unsupported } from '../../protocol/errors.ts'
import { typeByOid } from '../../protocol/values/registry.ts'
import type { Value } from '../../protocol/values/value.ts'
import type { Execution } from './execution.ts'
import { rangeMove } from './move-range.ts'
import { type Answer, openPlanned } from './planned.ts'
import type { PortalSource } from './portal.ts'
import { nodeKind, PreparedStatement } from './prepared.ts'
import { plainColumn } from './result.ts'
import type { Session } from './session.ts'
import type { OutputColumn } from './sql/bind/bound.ts'
import { Suspension } from './sql/execute/run.ts'
import { castPath } from './sql/functions/casts.ts'
import { arrived, type Task } from './task.ts'

/* ---------------------------------------------------------------- PREPARE, EXECUTE, DEALLOCATE, DISCARD */

interface PrepareStmt {
  readonly name: string
  readonly argtypes?: readonly unknown[]
  readonly query: unknown
}

export function* prepareStatement(session: Session, statement: PreparedStatement): Task<Answer> {
  const { name, argtypes = [], query } = statement.body as PrepareStmt
  if (session.prepared.has(name) && name !== '') throw alreadyPrepared(name)
  const types = argtypes.length === 0 ? [] : yield* typesOf(session, statement, argtypes)
  const made = new PreparedStatement({ ...statement.parsed, node: query }, types, undefined)
  made.infersParameters = true
  made.isFromSql = true
  made.preparedAt = session.statementTime
  if (!made.isPlannable) throw unsupported(`PREPARE of ${nodeKind(query)}`)
  yield* session.plan(made)
  session.prepared.set(name, made)
  return { tag: 'PREPARE' }
}

const alreadyPrepared = (name: string): SqlError => new SqlError('42P05', `prepared statement "${name}" already exists`)

/** The oids of parsed type names: the types of `SELECT NULL::type, ...`. */
function* typesOf(session: Session, statement: PreparedStatement, typeNames: readonly unknown[]): Task<number[]> {
  const targetList = typeNames.map((node) => {
    const { TypeName: typeName } = node as { readonly TypeName: unknown }
    return { ResTarget: { val: { TypeCast: { arg: { A_Const: { isnull: true } }, typeName } } } }
  })
  const probe = new PreparedStatement({ ...statement.parsed, node: select(targetList) }, [], undefined)
  yield* session.plan(probe)
  return (probe.columns ?? []).map(({ type }) => type.oid)
}

const select = (targetList: readonly unknown[]): unknown => ({
  SelectStmt: { targetList, limitOption: 'LIMIT_OPTION_DEFAULT', op: 'SETOP_NONE' },
})

interface ExecuteStmt {
  readonly name: string
  readonly params?: readonly unknown[]
}

function named(session: Session, statement: PreparedStatement): PreparedStatement {
  const { name } = statement.body as ExecuteStmt
  const found = session.prepared.get(name)
  if (found === undefined) throw new SqlError('26000', `prepared statement "${name}" does not exist`)
  return found
}

export function* executePrepared(session: Session, source: PortalSource): Task<Execution> {
  const statement = named(session, source.statement)
  const { name, params = [] } = source.statement.body as ExecuteStmt
  const types = statement.parameterTypes
  if (params.length !== types.length) {
    throw new SqlError('42601', `wrong number of parameters for prepared statement "${name}"`, {
      detail: `Expected ${types.length} parameters but got ${params.length}.`,
    })
  }
  const parameters = params.length === 0 ? [] : yield* evaluated(session, source, params, types)
  if (!statement.isPlannable) throw unsupported(`EXECUTE of ${statement.kind}`)
  return yield* arrived(openPlanned(session, { statement, parameters, formats: source.formats }))
}

/** The arguments of EXECUTE, each as the type its parameter has: the one row of a SELECT with casts. */
function* evaluated(
  session: Session,
  source: PortalSource,
  params: readonly unknown[],
  types: readonly number[],
): Task<readonly Value[]> {
  yield* refuseOther(session, source.statement, params, types)
  const targetList = params.map((arg, i) => {
    const names = ['pg_catalog', typeByOid(types[i] as number)?.name ?? 'text'].map((sval) => ({ String: { sval } }))
    return { ResTarget: { val: { TypeCast: { arg, typeName: { names, typemod: -1 } } } } }
  })
  const probe = new PreparedStatement({ ...source.statement.parsed, node: select(targetList) }, [], undefined)
  const execution = yield* arrived(openPlanned(session, { statement: probe, parameters: source.parameters, formats: [] }))
  try {
    for (const item of execution.stream) {
      if (!(item instanceof Suspension)) return item[0] as readonly Value[]
      if (item.promise !== undefined) yield session.interrupts.guard(item.promise)
    }
  } finally {
    execution.release()
  }
  throw new SqlError('XX000', 'EXECUTE found no arguments')
}

/** An argument must become its parameter as a value becomes a column's: 42804 for casts that only a CAST makes. */
function* refuseOther(
  session: Session,
  execute: PreparedStatement,
  params: readonly unknown[],
  types: readonly number[],
): Task<void> {
  const targetList = params.map((val) => ({ ResTarget: { val } }))
  const probe = new PreparedStatement({ ...execute.parsed, node: select(targetList) }, [], undefined)
  yield* session.plan(probe)
  for (const [i, column] of (probe.columns ?? []).entries()) {
    const target = types[i] as number
    const { oid } = column.type
    const { A_Const, FuncCall } = params[i] as { readonly A_Const?: OpenLiteral; readonly FuncCall?: Located }
    const { sval, isnull } = A_Const ?? {}
    if (oid === target || sval !== undefined || isnull === true || castPath(oid, target, 'assignment') !== undefined) continue
    const position = execute.parsed.positionOf((A_Const ?? FuncCall)?.location)
    const name = (type: number): string => typeByOid(type)?.displayName ?? String(type)
    throw new SqlError(
      '42804',
      `parameter $${i + 1} of type ${name(oid)} cannot be coerced to the expected type ${name(target)}`,
      { hint: 'You will need to rewrite or cast the expression.', ...(position !== undefined && { position }) },
    )
  }
}

interface Located {
  readonly location?: number
}

interface OpenLiteral extends Located {
  readonly sval?: unknown
  readonly isnull?: boolean
}

export function* preparedColumns(session: Session, statement: PreparedStatement): Task<readonly OutputColumn[] | undefined> {
  const found = named(session, statement)
  yield* arrived(session.beginStatement())
  session.planFor(found, yield* arrived(session.catalog()), false)
  return found.columns
}

// biome-ignore lint/correctness/useYield: every verb is a task; this one never waits
export function* deallocate(session: Session, statement: PreparedStatement): Task<Answer> {
  const { name } = statement.body as { readonly name?: string }
  if (name === undefined) {
    session.prepared.clear()
    return { tag: 'DEALLOCATE ALL' }
  }
  if (!session.prepared.delete(name)) throw new SqlError('26000', `prepared statement "${name}" does not exist`)
  return { tag: 'DEALLOCATE' }
}

// biome-ignore lint/correctness/useYield: every verb is a task; this one never waits
export function* discard(session: Session, statement: PreparedStatement, isOneOfSeveral: boolean): Task<Answer> {
  const { target } = statement.body as { readonly target: string }
  switch (target) {
    case 'DISCARD_ALL':
      if (isOneOfSeveral || session.block.state === 'block')
        throw new SqlError('25001', 'DISCARD ALL cannot run inside a transaction block')
      session.prepared.clear()
      session.settings.resetAll()
      session.settings.reset('session_authorization')
      session.settings.reset('role')
      session.sequences.discard()
      return { tag: 'DISCARD ALL' }
    case 'DISCARD_SEQUENCES':
      session.sequences.discard()
      return { tag: 'DISCARD SEQUENCES' }
    default:
      // Plans are found again by their keys, and there are no temporary tables.
      return { tag: target.replace('_', ' ') }
  }
}

/* ---------------------------------------------------------------- VACUUM, ANALYZE */

interface VacuumStmt {
  readonly is_vacuumcmd?: boolean
  readonly options?: readonly { readonly DefElem: { readonly defname: string } }[]
  readonly rels?: readonly { readonly VacuumRelation: { readonly relation?: unknown; readonly va_cols?: readonly unknown[] } }[]
}

/**
 * VACUUM frees row versions that nobody can read any more, in all tables: storage keeps them by key, not by table. Those of the last five
 * minutes stay, since a reader may be that old; storage frees the others by itself every few seconds, so VACUUM only makes sure of it now.
 * ANALYZE has nothing to gather, since plans use no statistics. Both check that the tables they name are there.
 */
export function* vacuum(session: Session, statement: PreparedStatement, isOneOfSeveral: boolean): Task<Answer> {
  const { is_vacuumcmd: isVacuum = false, rels = [], options = [] } = statement.body as VacuumStmt
  const tag = isVacuum ? 'VACUUM' : 'ANALYZE'
  if (isVacuum && (isOneOfSeveral || session.block.state === 'block')) {
    throw new SqlError('25001', 'VACUUM cannot run inside a transaction block')
  }
  const isAnalyze = !isVacuum || options.some(({ DefElem }) => DefElem.defname === 'analyze')
  if (!isAnalyze && rels.some(({ VacuumRelation }) => VacuumRelation.va_cols !== undefined)) {
    throw new SqlError('0A000', 'ANALYZE option must be specified when a column list is provided')
  }
  for (const { VacuumRelation: target } of rels) {
    const fromClause = [{ RangeVar: target.relation }]
    const probe = { SelectStmt: { fromClause, limitOption: 'LIMIT_OPTION_DEFAULT', op: 'SETOP_NONE' } }
    const positionOf = (): undefined => undefined
    yield* session.plan(new PreparedStatement({ ...statement.parsed, node: probe, positionOf }, [], undefined))
  }
  if (isVacuum) {
    const done = session.runtime.circle.vacuum()
    if (done instanceof Promise) yield session.interrupts.guard(done)
  }
  return { tag }
}

/* ---------------------------------------------------------------- CALL */

interface Constant {
  readonly A_Const?: { readonly sval?: { readonly sval?: string }; readonly ival?: { readonly ival?: number } }
}

interface CallStmt {
  readonly funccall: {
    readonly funcname: readonly { readonly String: { readonly sval: string } }[]
    readonly args?: readonly Constant[]
  }
}

const booleanOid = 16
const integerOid = 23

type Procedure = { readonly kind: 'wait'; readonly job: string } | { readonly kind: 'move'; readonly numbers: readonly number[] }

/**
 * The procedures there are: `CALL sys.wait_for_job('id')` and `CALL sys.move_range(from partition, to partition, first place, last place)`.
 * Undefined for any other call.
 */
function procedureOf(statement: PreparedStatement): Procedure | undefined {
  const { funcname, args = [] } = (statement.body as CallStmt).funccall
  const name = funcname.map((node) => node.String.sval).join('.')
  if (name === 'sys.wait_for_job' && args.length === 1) {
    const job = args[0]?.A_Const?.sval?.sval
    return job === undefined ? undefined : { kind: 'wait', job }
  }
  if (name !== 'sys.move_range' || args.length !== 4) return undefined
  const numbers: number[] = []
  // Zero is left out by the parser.
  for (const { A_Const: constant } of args) if (constant?.ival !== undefined) numbers.push(constant.ival.ival ?? 0)
  return numbers.length === args.length ? { kind: 'move', numbers } : undefined
}

/** Aurora DSQL's procedure answers one row: did the job succeed? Ours: so many places have moved. */
export function* call(session: Session, statement: PreparedStatement): Task<Answer> {
  const procedure = procedureOf(statement)
  const columns = callColumns(statement) ?? []
  if (procedure === undefined) throw unsupported('CALL')
  if (procedure.kind === 'wait') {
    const succeeded = (yield session.interrupts.guard(session.runtime.jobs.waitFor(procedure.job))) as boolean
    return { tag: 'CALL', columns, rows: [[succeeded]] }
  }
  if (session.block.state === 'block') throw new SqlError('25001', 'CALL sys.move_range cannot run inside a transaction block')
  const [from = 0, to = 0, first = 0, last = 0] = procedure.numbers
  yield session.interrupts.guard(session.runtime.circle.moveRange(rangeMove(from, to, first, last)))
  return { tag: 'CALL', columns, rows: [[last - first + 1]] }
}

export function callColumns(statement: PreparedStatement): readonly OutputColumn[] | undefined {
  const procedure = procedureOf(statement)
  if (procedure === undefined) return undefined
  return [procedure.kind === 'wait' ? plainColumn('succeeded', booleanOid) : plainColumn('places', integerOid)]
}

/** Nobody listens: LISTEN is refused. Connection pools say this whenever they take a session back. */
// biome-ignore lint/correctness/useYield: every verb is a task; this one never waits
export function* unlisten(): Task<Answer> {
  return { tag: 'UNLISTEN' }
}
