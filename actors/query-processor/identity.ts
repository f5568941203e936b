import type { MaybePromise } from '../../bus/bus.ts'
import { SqlError } from '../../protocol/errors.ts'
import { type TransactionId, transactionNumber } from '../../protocol/ids.ts'
import type { Outcome } from '../../protocol/messages.ts'
import { type Tau, tauZero } from '../../protocol/time.ts'
import type { Circle } from './circle.ts'

/** Ids that were shown and whose fate is remembered; of older ones PostgreSQL's NULL is answered. */
const shownMax = 10_000

type Fate = 'in progress' | 'committed' | 'aborted' | { readonly id: TransactionId; readonly tauStart: Tau }

/**
 * What became of the transactions whose number was shown in this process: pg_xact_status. A number is the owner's epoch and this process's
 * counter. Whose commit got no answer is asked for (rule 7); a transaction that runs is not, since asking would bar it.
 */
export class ShownTransactions {
  private readonly fates = new Map<bigint, Fate>()
  private readonly circle: Circle
  private highest = 0n

  constructor(circle: Circle) {
    this.circle = circle
  }

  tell(number: bigint, fate: Fate): void {
    if (this.fates.size >= shownMax && !this.fates.has(number)) {
      for (const [oldest, known] of this.fates) {
        if (known === 'in progress') continue
        this.fates.delete(oldest)
        break
      }
    }
    this.fates.set(number, fate)
    if (number > this.highest) this.highest = number
  }

  /** Null: it is too old, or was never shown here. */
  status(number: bigint): MaybePromise<string | null> {
    if (number > this.highest) throw new SqlError('22023', `transaction ID ${number} is in the future`)
    const fate = this.fates.get(number)
    if (fate === undefined || typeof fate === 'string') return fate ?? null
    const settle = ({ kind }: Outcome): string | null => (kind === 'unknown' ? null : kind)
    const outcome = this.circle.outcome({ kind: 'outcome', clock: this.circle.clock(), ...fate })
    return outcome instanceof Promise ? outcome.then(settle) : settle(outcome)
  }
}

/** The id of a session's transaction: drawn when it is first needed, another one for every transaction and every repetition of one. */
export class Identity {
  private readonly circle: Circle
  private readonly shown: ShownTransactions
  private drawn: TransactionId | undefined
  private isShown = false
  /** Whether it committed is known to nobody here. */
  private doubtAt: Tau | undefined

  constructor(circle: Circle, shown: ShownTransactions) {
    this.circle = circle
    this.shown = shown
  }

  get isDrawn(): boolean {
    return this.drawn !== undefined
  }

  get id(): TransactionId {
    this.drawn ??= this.circle.newId()
    return this.drawn
  }

  /** pg_current_xact_id */
  show(): bigint {
    const number = transactionNumber(this.id)
    if (!this.isShown) this.shown.tell(number, 'in progress')
    this.isShown = true
    return number
  }

  doubt(tauStart: Tau | undefined): void {
    this.doubtAt = tauStart ?? tauZero
  }

  /** The next transaction is another one. */
  ended(committed: boolean): void {
    const { drawn, doubtAt } = this
    if (this.isShown && drawn !== undefined) {
      const fate = committed ? 'committed' : doubtAt === undefined ? 'aborted' : { id: drawn, tauStart: doubtAt }
      this.shown.tell(transactionNumber(drawn), fate)
    }
    this.drawn = undefined
    this.isShown = false
    this.doubtAt = undefined
  }
}
