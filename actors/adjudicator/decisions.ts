import type { MaybePromise } from '../../bus/bus.ts'
import { assert } from '../../protocol/assert.ts'
import type { TransactionId } from '../../protocol/ids.ts'
import type { Verdict } from '../../protocol/messages.ts'
import type { Tau } from '../../protocol/time.ts'

/** Ids kept at most; the oldest are let go by moving the journal past their `until`. */
const decisionsMax = 400_000

interface Decision {
  readonly id: TransactionId
  readonly until: Tau
  verdict: MaybePromise<Verdict>
}

/**
 * An id is decided once (rule 4): its answer is kept until the journal has passed the request's `until`, and repeated to whoever asks
 * again. After that a copy of the request is too late for every record, so nothing needs to be remembered.
 */
export class Decisions {
  private readonly byId = new Map<string, Decision>()
  private order: Decision[] = []
  private oldest = 0

  get size(): number {
    return this.byId.size
  }

  find(id: TransactionId): MaybePromise<Verdict> | undefined {
    return this.byId.get(nameOf(id))?.verdict
  }

  keep<V extends MaybePromise<Verdict>>(id: TransactionId, until: Tau, verdict: V): V {
    const name = nameOf(id)
    assert(!this.byId.has(name), 'an id is decided once')
    const decision: Decision = { id, until, verdict }
    this.byId.set(name, decision)
    this.order.push(decision)
    if (verdict instanceof Promise) {
      verdict.then(
        (settled: Verdict) => {
          decision.verdict = settled
        },
        () => {},
      )
    }
    return verdict
  }

  /** Forgets what no later request can concern. Answers the tau that the journal must pass to keep the bound, where it is exceeded. */
  prune(acknowledged: Tau): Tau | undefined {
    const { order } = this
    while (this.oldest < order.length) {
      const decision = order[this.oldest] as Decision
      if (decision.until >= acknowledged || decision.verdict instanceof Promise) break
      this.byId.delete(nameOf(decision.id))
      this.oldest++
    }
    if (this.oldest > 4_096 && this.oldest * 2 > order.length) {
      this.order = order.slice(this.oldest)
      this.oldest = 0
    }
    if (this.byId.size <= decisionsMax) return undefined
    const due = this.order[this.oldest] as Decision
    return due.verdict instanceof Promise ? undefined : due.until
  }
}

/** A map key without the hexadecimal spelling that people get to see. */
function nameOf({ boot, counter }: TransactionId): string {
  return `${counter}.${boot}`
}
