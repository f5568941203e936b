import type { MaybePromise } from '../../bus/bus.ts'
import { assert } from '../../protocol/assert.ts'
import type { TransactionId } from '../../protocol/ids.ts'
import type { Verdict, Vote } from '../../protocol/messages.ts'
import type { Tau } from '../../protocol/time.ts'

/** Ids kept at most; the oldest are let go by moving the journal past their `until`. */
const decisionsMax = 400_000

interface Decision<Answer> {
  readonly id: TransactionId
  readonly until: Tau
  verdict: MaybePromise<Answer>
  isKnown: boolean
}

/**
 * An id is decided once (rule 4): its answer is kept until the journal has passed the request's `until`, and repeated to whoever asks
 * again. After that a copy of the request is too late for every record, so nothing needs to be remembered. A leader keeps verdicts, a voter votes.
 */
export class Decisions<Answer extends Verdict | Vote = Verdict> {
  size = 0
  /** By boot, then by counter: ids of one query processor count up. */
  private readonly byBoot = new Map<string, Map<number, Decision<Answer>>>()
  private readonly decided = new Queue<Answer>()
  /** Ids that were barred before anybody asked for them to be committed: they wait far longer, and must not hold up the others. */
  private readonly barred = new Queue<Answer>()

  find(id: TransactionId): MaybePromise<Answer> | undefined {
    return this.byBoot.get(id.boot)?.get(id.counter)?.verdict
  }

  /** Its `until` lies so far ahead that it must not hold up the others. */
  keepLong<V extends MaybePromise<Answer>>(id: TransactionId, until: Tau, verdict: V): V {
    return this.keep(id, until, verdict, this.barred)
  }

  keep<V extends MaybePromise<Answer>>(id: TransactionId, until: Tau, verdict: V, queue = this.decided): V {
    const decision = this.add(id, until, verdict)
    queue.add(decision)
    if (verdict instanceof Promise) {
      verdict.then(
        (settled: Answer) => {
          decision.verdict = settled
          decision.isKnown = true
        },
        () => {
          decision.isKnown = true
        },
      )
    }
    return verdict
  }

  /** Nobody has asked for this id to be committed, and nobody will succeed. */
  bar(id: TransactionId, until: Tau, verdict: Answer): void {
    this.barred.add(this.add(id, until, verdict))
  }

  private add(id: TransactionId, until: Tau, verdict: MaybePromise<Answer>): Decision<Answer> {
    let ofBoot = this.byBoot.get(id.boot)
    if (ofBoot === undefined) {
      ofBoot = new Map()
      this.byBoot.set(id.boot, ofBoot)
    }
    assert(!ofBoot.has(id.counter), 'an id is decided once')
    const decision: Decision<Answer> = { id, until, verdict, isKnown: !(verdict instanceof Promise) }
    ofBoot.set(id.counter, decision)
    this.size++
    return decision
  }

  /** Forgets what no later request can concern. Answers the tau that the journal must pass to keep the bound, where it is exceeded. */
  prune(acknowledged: Tau): Tau | undefined {
    for (const queue of [this.decided, this.barred]) {
      for (let due = queue.due(acknowledged); due !== undefined; due = queue.due(acknowledged)) this.forget(due.id)
    }
    return this.size > decisionsMax ? this.decided.first()?.until : undefined
  }

  private forget({ boot, counter }: TransactionId): void {
    const ofBoot = this.byBoot.get(boot)
    if (ofBoot?.delete(counter) !== true) return
    this.size--
    if (ofBoot.size === 0) this.byBoot.delete(boot)
  }
}

/** First in, first out. */
class Queue<Answer> {
  private decisions: Decision<Answer>[] = []
  private oldest = 0

  add(decision: Decision<Answer>): void {
    this.decisions.push(decision)
  }

  first(): Decision<Answer> | undefined {
    return this.decisions[this.oldest]
  }

  /** Takes the first where the journal has passed its `until` and its verdict is known. */
  due(acknowledged: Tau): Decision<Answer> | undefined {
    const first = this.first()
    if (first === undefined || first.until >= acknowledged || !first.isKnown) return undefined
    if (++this.oldest > 4_096 && this.oldest * 2 > this.decisions.length) {
      this.decisions = this.decisions.slice(this.oldest)
      this.oldest = 0
    }
    return first
  }
}
