/** What owners said to query processors and to each other, held against their journals: nothing is promised that a take-over would forget. */
import { Held, Promises } from '../../actors/adjudicator/promises.ts'
import { transactionIdText } from '../../protocol/ids.ts'
import type { AdjudicatorRequests, ClosedAnswer, VoteAnswer } from '../../protocol/messages.ts'
import { mayClose, mayJoin, mayPromise } from '../specification/rules.generated.ts'
import type { Kernel } from './kernel.ts'
import type { ObservedRecord } from './observed-log.ts'
import type { Violation } from './workloads.ts'

type Ask = AdjudicatorRequests[keyof AdjudicatorRequests]['ask']

interface Promised {
  readonly what: string
  readonly partition: number
  readonly at: number
  /** As long was the journal when it was said. */
  readonly entries: number
}

interface Bounds {
  tauMin: number
  tauMax: number
}

export class ObservedPromises {
  private readonly kernel: Kernel
  private readonly entryCount: (partition: number) => number
  private readonly promised: Promised[] = []
  private readonly votes = new Map<string, Bounds>()
  /** Hears of every yes, with the partition that leads. */
  onYes: ((leader: number) => void) | undefined

  constructor(kernel: Kernel, entryCount: (partition: number) => number) {
    this.kernel = kernel
    this.entryCount = entryCount
    counting = kernel
  }

  heard(subject: string, message: Ask, answer: unknown): void {
    const partition = Number(/^taudb\.adjudicator\.(\d+)\./.exec(subject)?.[1] ?? Number.NaN)
    if (Number.isNaN(partition)) return
    const entries = this.entryCount(partition)
    switch (message.kind) {
      case 'closed':
        this.kernel.count('closed asked')
        this.promised.push({ what: 'closed', partition, at: message.at, entries: (answer as ClosedAnswer).sequence })
        return
      case 'settle':
        this.kernel.count(message.tauCommit === undefined ? 'told: abandoned' : 'told: committed')
        return
      case 'prepare': {
        const { vote } = answer as VoteAnswer
        this.kernel.count(`voted ${vote.kind}`)
        if (vote.kind === 'no') return
        this.promised.push({ what: 'a vote', partition, at: vote.tauMax, entries })
        this.onYes?.(message.id.leader)
        const name = transactionIdText(message.id)
        const known = this.votes.get(name) ?? { tauMin: 0, tauMax: Number.POSITIVE_INFINITY }
        this.votes.set(name, { tauMin: Math.max(known.tauMin, vote.tauMin), tauMax: Math.min(known.tauMax, vote.tauMax) })
      }
    }
  }

  violations(journals: readonly (readonly ObservedRecord[])[]): Violation[] {
    const found: Violation[] = []
    for (const { what, partition, at, entries } of this.promised) {
      const last = journals[partition]?.findLast(({ sequence }) => sequence <= entries)?.record
      if (last === undefined || (what === 'closed' ? mayClose(at, last.horizon, 0) : mayPromise(at, last.horizon))) continue
      const detail = `${what} of partition ${partition} is good up to ${at}, its journal only up to ${last.horizon}`
      found.push({ oracle: 'promise-bounded', promise: 'R12', detail })
    }
    for (const { record } of journals.flat()) {
      if (record.kind !== 'commit') continue
      for (const { id, tauStart } of record.transactions) {
        const bounds = this.votes.get(transactionIdText(id))
        if (bounds === undefined || mayJoin(tauStart, record.tau, bounds.tauMin, bounds.tauMax, record.tau)) continue
        const detail = `${transactionIdText(id)} was committed at ${record.tau}, the votes say ${bounds.tauMin} to ${bounds.tauMax}`
        found.push({ oracle: 'vote-bounds', promise: 'R12', detail })
      }
    }
    return found.slice(0, 20)
  }
}

/** One run at a time in a process. */
let counting: Kernel | undefined
const { barring } = Promises.prototype
Promises.prototype.barring = function (key, mode, tauStart) {
  const held = barring.call(this, key, mode, tauStart)
  if (held !== undefined) counting?.count(mode === 'R' ? 'promise met by a reader' : 'promise met by a writer')
  return held
}
const { fix } = Held.prototype
Held.prototype.fix = function (at) {
  if (at === this.tau) counting?.count('promise left at tauMax')
  fix.call(this, at)
}
