import { notice, SqlError, unsupported } from '../../protocol/errors.ts'
import { identifierBytesMax } from '../../protocol/limits.ts'
import type { Interval } from '../../protocol/values/interval.ts'
import { typeByOid } from '../../protocol/values/registry.ts'
import { fixedZoneName } from '../../protocol/values/timezone.ts'
import { outputDefaults } from '../../protocol/values/type.ts'
import { clipUtf8 } from '../../protocol/values/utf8.ts'
import { parameter, unrecognized } from './parameter.ts'
import type { Answer } from './planned.ts'
import type { PreparedStatement } from './prepared.ts'
import { RandomSeries } from './random-series.ts'
import { plainColumn } from './result.ts'
import type { Session } from './session.ts'
import { quoteIdentifier } from './settings.ts'
import type { OutputColumn } from './sql/bind/bound.ts'
import type { Task } from './task.ts'
import { type DefElem, readModes } from './transaction-statement.ts'

interface Constant {
  readonly A_Const?: {
    readonly ival?: { readonly ival?: number }
    readonly fval?: { readonly fval: string }
    readonly sval?: { readonly sval?: string }
    readonly boolval?: { readonly boolval?: boolean }
  }
  readonly TypeCast?: { readonly arg: Constant }
}

interface VariableSetStmt {
  readonly kind: string
  readonly name?: string
  readonly args?: readonly unknown[]
  readonly is_local?: boolean
}

/** SET, SET LOCAL, RESET, SET TRANSACTION, SET SESSION CHARACTERISTICS. */
// biome-ignore lint/correctness/useYield: every verb is a task; this one never waits
export function* setVariable(session: Session, statement: PreparedStatement): Task<Answer> {
  const { kind, name = '', args = [], is_local: isLocal = false } = statement.body as VariableSetStmt
  const { settings } = session
  session.startTransaction()
  if (kind === 'VAR_SET_MULTI') {
    setMulti(session, name, args)
    return { tag: 'SET' }
  }
  if (kind === 'VAR_RESET_ALL') {
    settings.resetAll()
    return { tag: 'RESET' }
  }
  const local = isLocal && session.block.isInside('SET LOCAL')
  const isVain = isLocal && !local
  if (kind === 'VAR_RESET' || kind === 'VAR_SET_DEFAULT') {
    if (!isVain) settings.reset(name, local)
    return { tag: kind === 'VAR_RESET' ? 'RESET' : 'SET' }
  }
  if (kind !== 'VAR_SET_VALUE') throw unsupported('SET FROM CURRENT')
  const value = flattened(name, args as readonly Constant[])
  // Outside a block it is still checked, and gone at once.
  settings.set(name, value, isLocal)
  if (name.toLowerCase() === 'application_name') tellCut(session, value)
  if (name.toLowerCase() === 'seed') session.series = new RandomSeries(Number(value))
  if (isVain) settings.dropLocal()
  return { tag: 'SET' }
}

function tellCut(session: Session, name: string): void {
  const cut = clipUtf8(name, identifierBytesMax)
  if (cut !== name) session.notice(notice(`identifier "${name}" will be truncated to "${cut}"`, {}, '42622'))
}

function setMulti(session: Session, name: string, args: readonly unknown[]): void {
  const { block, settings } = session
  switch (name) {
    case 'TRANSACTION': {
      const modes = readModes(args as readonly DefElem[])
      if (block.isInside('SET TRANSACTION')) block.setModes(modes)
      return
    }
    case 'SESSION CHARACTERISTICS': {
      const { isolation, readOnly, deferrable } = readModes(args as readonly DefElem[])
      if (isolation !== undefined) settings.set('default_transaction_isolation', isolation, false)
      if (readOnly !== undefined) settings.set('default_transaction_read_only', readOnly ? 'on' : 'off', false)
      if (deferrable !== undefined) settings.set('default_transaction_deferrable', deferrable ? 'on' : 'off', false)
      return
    }
    default:
      throw unsupported(`SET ${name}`)
  }
}

/** flatten_set_variable_args: what SET was given as one text. */
function flattened(name: string, args: readonly Constant[]): string {
  const known = parameter(name)
  if (args.length > 1 && known?.list === undefined) {
    if (known === undefined && !name.includes('.')) throw unrecognized(name)
    throw new SqlError('22023', `SET ${name} takes only one argument`)
  }
  return args.map((arg) => one(arg, known?.list === 'quoted')).join(', ')
}

function one(arg: Constant, isQuoted: boolean): string {
  const constant = arg.A_Const
  if (constant === undefined) {
    // SET TIME ZONE INTERVAL '...' is the only cast the grammar lets through.
    const text = arg.TypeCast?.arg.A_Const?.sval?.sval ?? ''
    const interval = typeByOid(1186)?.input(text, -1, { ...outputDefaults, now: 0n }) as Interval | undefined
    if (interval === undefined || interval.months !== 0 || interval.days !== 0) {
      throw new SqlError('22023', 'invalid value for parameter "TimeZone": "INTERVAL"', {
        detail:
          interval?.months !== 0 ? 'Cannot specify months in time zone interval.' : 'Cannot specify days in time zone interval.',
      })
    }
    return fixedZoneName(Number(interval.micros / 1_000_000n))
  }
  if (constant.ival !== undefined) return String(constant.ival.ival ?? 0)
  if (constant.fval !== undefined) return constant.fval.fval
  if (constant.boolval !== undefined) return constant.boolval.boolval === true ? 'true' : 'false'
  const text = constant.sval?.sval ?? ''
  return isQuoted ? quoteIdentifier(text) : text
}

const nameOf = (statement: PreparedStatement): string => (statement.body as { readonly name: string }).name

// biome-ignore lint/correctness/useYield: every verb is a task; this one never waits
export function* showVariable(session: Session, statement: PreparedStatement): Task<Answer> {
  const columns = showColumns(session, statement)
  const name = nameOf(statement)
  if (name.toLowerCase() === 'all') return { tag: 'SHOW', columns, rows: [...session.settings.all()] }
  return { tag: 'SHOW', columns, rows: [[session.settings.show(name)]] }
}

export function showColumns(session: Session, statement: PreparedStatement): readonly OutputColumn[] {
  const name = nameOf(statement)
  if (name.toLowerCase() === 'all') return ['name', 'setting', 'description'].map((column) => plainColumn(column))
  session.settings.show(name)
  return [plainColumn(session.settings.nameOf(name))]
}
