import type { MaybePromise } from '../../bus/bus.ts'
import { SqlError } from '../../protocol/errors.ts'
import { type Tau, tauZero } from '../../protocol/time.ts'
import type { Circle } from './circle.ts'
import { commit } from './commit.ts'
import { run, type Task } from './task.ts'
import type { Transaction } from './transaction.ts'

const attemptsMax = 100

/** Transactions beside the user's: sequence blocks, oids, background jobs. */
export class OwnTransactions {
  private readonly circle: Circle
  private readonly newTransaction: () => Transaction

  constructor(circle: Circle, newTransaction: () => Transaction) {
    this.circle = circle
    this.newTransaction = newTransaction
  }

  /**
   * Begins at a fresh tauStart, runs `work`, commits what it wrote and checked; the whole again after a conflict. `work` may therefore run
   * more than once. It is one command: its reads do not see its own writes.
   */
  run<Result>(work: (transaction: Transaction) => MaybePromise<Result>): MaybePromise<Result> {
    return run(this.attempts(work))
  }

  private *attempts<Result>(work: (transaction: Transaction) => MaybePromise<Result>): Task<Result> {
    let atLeast: Tau = tauZero
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const transaction = this.newTransaction()
      const begun = transaction.begin(atLeast)
      if (begun instanceof Promise) yield begun
      transaction.beginCommand()
      try {
        const worked = work(transaction)
        const result = worked instanceof Promise ? ((yield worked) as Result) : worked
        const told = commit(this.circle, transaction, this.circle.newId(), undefined, '')
        const outcome = told instanceof Promise ? ((yield told) as Awaited<typeof told>) : told
        if (outcome.kind === 'committed') return result
        atLeast = outcome.atLeast
      } finally {
        transaction.writeSet.close()
      }
    }
    throw new SqlError('40001', 'could not advance a counter because of concurrent changes')
  }
}
