import { assert } from '../../protocol/assert.ts'
import { type Notice, notice, SqlError } from '../../protocol/errors.ts'
import type { TransactionStatus } from '../../protocol/session.ts'
import { type Tau, tauZero } from '../../protocol/time.ts'
import type { CommitOutcome } from './commit.ts'
import type { Settings, SettingsMark, TransactionParameter } from './settings.ts'
import type { Catalog } from './sql/catalog/schema.ts'
import type { Task } from './task.ts'
import type { Transaction } from './transaction.ts'

/** What BEGIN, START TRANSACTION, SET TRANSACTION and AND CHAIN say; undefined = as it is. */
export interface TransactionModes {
  readonly isolation?: string
  readonly readOnly?: boolean
  readonly deferrable?: boolean
}

type Modes = Required<TransactionModes>

interface Savepoint {
  readonly name: string
  readonly writes: number
  readonly settings: SettingsMark
  readonly modes: Modes
  /** Cursors and portals that were there: those made behind it go with it. */
  readonly readers: ReadonlySet<object>
}

/** What a block needs of its session. */
export interface BlockNeeds {
  readonly settings: Settings
  newTransaction(): Transaction
  commit(transaction: Transaction): Task<CommitOutcome>
  notice(notice: Notice): void
  /** The transaction is over, one way or the other: portals go. */
  ended(committed: boolean): void
}

export const abortedBlock = (): SqlError =>
  new SqlError('25P02', 'current transaction is aborted, commands ignored until end of transaction block')

export const readOnlyTransaction = (command: string): SqlError =>
  new SqlError('25006', `cannot execute ${command} in a read-only transaction`)

const warning = (code: string, message: string): Notice => notice(message, { severity: 'WARNING' }, code)
const noTransaction = (): Notice => warning('25P01', 'there is no transaction in progress')

/**
 * The transaction block of one session, as PostgreSQL 16's xact.c has it. `idle`: none. `implicit`: begun by a statement outside BEGIN, ends
 * with the message. `block`: between BEGIN and COMMIT. `failed`: a statement of the block went wrong.
 */
export class Block {
  state: 'idle' | 'implicit' | 'block' | 'failed' = 'idle'
  private readonly needs: BlockNeeds
  private current: Transaction | undefined
  private modes: Modes = { isolation: 'read committed', readOnly: false, deferrable: false }
  private before: SettingsMark | undefined
  private savepoints: Savepoint[] = []
  /** The tau a refusal named: the retry begins there. */
  atLeast: Tau = tauZero
  /** The last error of a commit that was refused for good: the same work may be tried again. */
  refusal: SqlError | undefined
  /** The catalog as the last statement saw it. */
  catalog: Catalog | undefined

  constructor(needs: BlockNeeds) {
    this.needs = needs
    needs.settings.transaction = {
      get: (name) => modeText(this.current === undefined ? this.defaults() : this.modes, name),
      set: (name, value) => {
        if (name === 'transaction_isolation') this.setModes({ isolation: value })
        else this.setModes(name === 'transaction_read_only' ? { readOnly: value === 'on' } : { deferrable: value === 'on' })
      },
    }
  }

  get status(): TransactionStatus {
    if (this.state === 'failed') return 'E'
    return this.state === 'block' ? 'T' : 'I'
  }

  get transaction(): Transaction {
    assert(this.current !== undefined, 'a running statement has a transaction')
    return this.current
  }

  get hasTransaction(): boolean {
    return this.current !== undefined
  }

  get readOnly(): boolean {
    return this.modes.readOnly
  }

  /** Before each statement: begins an implicit transaction where there is none. */
  start(): void {
    if (this.state !== 'idle') return
    this.open('implicit', {})
  }

  private open(state: 'implicit' | 'block', modes: TransactionModes): void {
    const { settings } = this.needs
    this.before = settings.mark()
    this.state = state
    this.current = this.needs.newTransaction()
    this.modes = { ...this.defaults(), ...modes }
  }

  private defaultsMade: { readonly version: number; readonly modes: Modes } | undefined

  private defaults(): Modes {
    const { version } = this.needs.settings
    if (this.defaultsMade?.version !== version) this.defaultsMade = { version, modes: this.readDefaults() }
    return this.defaultsMade.modes
  }

  private readDefaults(): Modes {
    const { settings } = this.needs
    return {
      isolation: settings.value('default_transaction_isolation') as string,
      readOnly: settings.isOn('default_transaction_read_only'),
      deferrable: settings.isOn('default_transaction_deferrable'),
    }
  }

  begin(modes: TransactionModes): void {
    switch (this.state) {
      case 'idle':
        this.open('block', modes)
        return
      case 'implicit':
        this.state = 'block'
        this.setModes(modes)
        return
      case 'block':
        this.needs.notice(warning('25001', 'there is already a transaction in progress'))
        this.setModes(modes)
        return
      case 'failed':
        throw abortedBlock()
    }
  }

  /** SET TRANSACTION, and what BEGIN adds to a transaction that runs already. */
  setModes({ isolation, readOnly, deferrable }: TransactionModes): void {
    const started = this.current?.snapshot !== undefined
    if (isolation !== undefined && isolation !== this.modes.isolation) {
      if (started) throw new SqlError('25001', 'SET TRANSACTION ISOLATION LEVEL must be called before any query')
      if (this.savepoints.length > 0)
        throw new SqlError('25001', 'SET TRANSACTION ISOLATION LEVEL must not be called in a subtransaction')
      this.modes = { ...this.modes, isolation }
    }
    if (readOnly !== undefined) {
      if (!readOnly && this.readOnly) {
        if (this.savepoints.length > 0)
          throw new SqlError('25001', 'cannot set transaction read-write mode inside a read-only transaction')
        if (started) throw new SqlError('25001', 'transaction read-write mode must be set before any query')
      }
      this.modes = { ...this.modes, readOnly }
    }
    if (deferrable !== undefined) {
      if (this.savepoints.length > 0)
        throw new SqlError('25001', 'SET TRANSACTION [NOT] DEFERRABLE cannot be called within a subtransaction')
      if (started) throw new SqlError('25001', 'SET TRANSACTION [NOT] DEFERRABLE must be called before any query')
      this.modes = { ...this.modes, deferrable }
    }
  }

  /** COMMIT. Answers the command tag. */
  *commit(chain: boolean): Task<string> {
    const { modes } = this
    if (this.state === 'idle' || this.state === 'implicit') {
      if (chain) throw new SqlError('25P01', 'COMMIT AND CHAIN can only be used in transaction blocks')
      this.needs.notice(noTransaction())
      yield* this.finish()
      return 'COMMIT'
    }
    if (this.state === 'failed') {
      this.abort()
      if (chain) this.open('block', modes)
      return 'ROLLBACK'
    }
    yield* this.finish()
    if (chain) this.open('block', modes)
    return 'COMMIT'
  }

  rollback(chain: boolean): string {
    const { modes } = this
    if (this.state === 'idle' || this.state === 'implicit') {
      if (chain) throw new SqlError('25P01', 'ROLLBACK AND CHAIN can only be used in transaction blocks')
      this.needs.notice(noTransaction())
    }
    this.abort()
    if (chain) this.open('block', modes)
    return 'ROLLBACK'
  }

  /** Ends an implicit transaction well, if there is one. */
  *finishImplicit(): Task<void> {
    if (this.state === 'implicit') yield* this.finish()
  }

  /** The same for one that wrote nothing, and so has nothing to commit. False: it has. */
  finishUnwritten(): boolean {
    if (this.state !== 'implicit') return true
    if (!this.transaction.writeSet.isEmpty) return false
    this.finished()
    return true
  }

  private *finish(): Task<void> {
    const transaction = this.current
    if (transaction === undefined) return
    let outcome: CommitOutcome
    try {
      outcome = yield* this.needs.commit(transaction)
    } catch (error) {
      this.abort()
      throw error
    }
    if (outcome.kind === 'refused') {
      this.abort()
      this.atLeast = outcome.atLeast
      this.refusal = outcome.error
      throw outcome.error
    }
    this.finished()
  }

  private finished(): void {
    this.close(true)
    this.needs.settings.dropLocal()
  }

  /** A statement failed: an implicit transaction is gone, a block waits for its ROLLBACK. */
  fail(): void {
    if (this.state === 'block') this.state = 'failed'
    else if (this.state === 'implicit') this.abort()
  }

  /** Nothing of it has happened. */
  abort(): void {
    if (this.before !== undefined) this.needs.settings.backTo(this.before)
    this.close(false)
  }

  private close(committed: boolean): void {
    const had = this.current !== undefined
    this.current?.writeSet.close()
    this.state = 'idle'
    this.current = undefined
    this.before = undefined
    this.savepoints = []
    this.catalog = undefined
    if (had) this.needs.ended(committed)
  }

  savepoint(name: string, readers: Iterable<object>): void {
    this.needBlock('SAVEPOINT')
    this.savepoints.push({
      name,
      writes: this.transaction.writeSet.mark(),
      settings: this.needs.settings.mark(),
      modes: this.modes,
      readers: new Set(readers),
    })
  }

  release(name: string): void {
    this.needBlock('RELEASE SAVEPOINT')
    const index = this.find(name)
    for (const _ of this.savepoints.splice(index)) this.transaction.writeSet.release()
  }

  /** The cursors and portals that stay open. */
  rollbackTo(name: string): ReadonlySet<object> {
    this.needBlock('ROLLBACK TO SAVEPOINT')
    const index = this.find(name)
    for (const _ of this.savepoints.splice(index + 1)) this.transaction.writeSet.release()
    const { writes, settings, modes, readers } = this.savepoints[index] as Savepoint
    this.modes = modes
    this.transaction.writeSet.rollBackTo(writes)
    this.needs.settings.backTo(settings)
    // DDL behind the savepoint never happened: the next statement reads the catalog anew.
    this.catalog = undefined
    this.state = 'block'
    return readers
  }

  private needBlock(command: string): void {
    if (this.state === 'block' || this.state === 'failed') return
    throw new SqlError('25P01', `${command} can only be used in transaction blocks`)
  }

  private find(name: string): number {
    const index = this.savepoints.findLastIndex((savepoint) => savepoint.name === name)
    if (index < 0) throw new SqlError('3B001', `savepoint "${name}" does not exist`)
    return index
  }

  /** For statements that commit by themselves. */
  refuseInside(command: string): void {
    if (this.state === 'block') throw new SqlError('25001', `${command} cannot run inside a transaction block`)
  }

  /** For statements that mean nothing outside BEGIN: they warn and do nothing. */
  isInside(command: string): boolean {
    if (this.state === 'block') return true
    this.needs.notice(warning('25P01', `${command} can only be used in transaction blocks`))
    return false
  }
}

function modeText(modes: Modes, name: TransactionParameter): string {
  if (name === 'transaction_isolation') return modes.isolation
  return (name === 'transaction_read_only' ? modes.readOnly : modes.deferrable) ? 'on' : 'off'
}
