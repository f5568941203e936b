import { SqlError, unsupported } from '../../protocol/errors.ts'
import type { TransactionModes } from './block.ts'
import type { Answer } from './planned.ts'
import type { PreparedStatement } from './prepared.ts'
import type { Session } from './session.ts'
import { unsupportedIsolation } from './settings.ts'
import { Pending, type Step, type Task } from './task.ts'

export interface DefElem {
  readonly DefElem: {
    readonly defname: string
    readonly arg?: {
      readonly A_Const?: { readonly sval?: { readonly sval?: string }; readonly ival?: { readonly ival?: number } }
    }
  }
}

interface TransactionStmt {
  readonly kind: string
  readonly options?: readonly DefElem[]
  readonly savepoint_name?: string
  readonly chain?: boolean
}

const verbs = new Map<string, string>()

/** BEGIN, START, COMMIT, ROLLBACK, SAVEPOINT, RELEASE, ROLLBACK_TO, PREPARE, COMMIT_PREPARED, ROLLBACK_PREPARED */
export function transactionVerb(statement: PreparedStatement): string {
  const { kind } = statement.body as TransactionStmt
  let verb = verbs.get(kind)
  if (verb === undefined) verbs.set(kind, (verb = kind.replace('TRANS_STMT_', '')))
  return verb
}

export function transactionStatement(session: Session, statement: PreparedStatement): Step<Answer> {
  const { block } = session
  const { options = [], savepoint_name: savepoint = '', chain = false } = statement.body as TransactionStmt
  const verb = transactionVerb(statement)
  switch (verb) {
    case 'BEGIN':
    case 'START':
      if (block.state === 'idle') session.transactionTime = session.statementTime
      block.begin(readModes(options))
      return { tag: verb === 'BEGIN' ? 'BEGIN' : 'START TRANSACTION' }
    case 'COMMIT':
      return new Pending(commitBlock(session, chain))
    case 'ROLLBACK': {
      const tag = block.rollback(chain)
      if (chain) session.transactionTime = session.statementTime
      return { tag }
    }
    case 'SAVEPOINT':
      block.savepoint(savepoint, [...session.cursors.values(), ...session.portals.values()])
      return { tag: 'SAVEPOINT' }
    case 'RELEASE':
      block.release(savepoint)
      return { tag: 'RELEASE' }
    case 'ROLLBACK_TO':
      closeBut(session, block.rollbackTo(savepoint))
      return { tag: 'ROLLBACK' }
    default:
      throw unsupported(verb.replace('_', ' ').replace(/^PREPARE$/, 'PREPARE TRANSACTION'))
  }
}

function* commitBlock(session: Session, chain: boolean): Task<Answer> {
  const tag = yield* session.block.commit(chain)
  if (chain) session.transactionTime = session.statementTime
  return { tag }
}

/** What began to read behind the savepoint saw what never happened. The portal of ROLLBACK TO itself reads nothing. */
function closeBut({ cursors, portals }: Session, kept: ReadonlySet<object>): void {
  for (const [name, cursor] of cursors) {
    if (kept.has(cursor)) continue
    cursor.close()
    cursors.delete(name)
  }
  for (const [name, portal] of portals) {
    if (kept.has(portal) || portal.execution === undefined) continue
    portal.close()
    portals.delete(name)
  }
}

/** ISOLATION LEVEL, READ ONLY, DEFERRABLE: of BEGIN, SET TRANSACTION and SET SESSION CHARACTERISTICS. */
export function readModes(options: readonly DefElem[]): TransactionModes {
  const modes: { isolation?: string; readOnly?: boolean; deferrable?: boolean } = {}
  for (const { DefElem: option } of options) {
    const constant = option.arg?.A_Const
    switch (option.defname) {
      case 'transaction_isolation': {
        const level = constant?.sval?.sval ?? ''
        if (level === 'serializable') throw unsupportedIsolation()
        modes.isolation = level
        break
      }
      case 'transaction_read_only':
        modes.readOnly = constant?.ival?.ival === 1
        break
      case 'transaction_deferrable':
        modes.deferrable = constant?.ival?.ival === 1
        break
      default:
        throw new SqlError('42601', `unrecognized transaction option "${option.defname}"`)
    }
  }
  return modes
}
