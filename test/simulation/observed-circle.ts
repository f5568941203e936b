/** What query processors were told, held against what the journals say: the invariants of the commit protocol that need both. */
import { ProtocolWatch } from '../../actors/protocol-watch.ts'
import type { Circle, Snapshot } from '../../actors/query-processor/circle.ts'
import type { MaybePromise } from '../../bus/bus.ts'
import { transactionIdText } from '../../protocol/ids.ts'
import type { CommitAnswer, Verdict } from '../../protocol/messages.ts'
import type { Kernel } from './kernel.ts'
import type { ObservedRecord } from './observed-log.ts'
import type { Violation } from './workloads.ts'

interface Begun extends Snapshot {
  /** The highest tauCommit that anybody had been told of before this begin was asked for. */
  readonly acknowledged: number
  /** The highest tauStart that anybody had been given before. */
  readonly earlier: number
}

export class ObservedCircle {
  private readonly kernel: Kernel
  private readonly begun: Begun[] = []
  private readonly verdicts = new Map<string, Verdict>()
  private readonly changed: string[] = []
  private acknowledged = 0
  private given = 0

  constructor(kernel: Kernel) {
    this.kernel = kernel
  }

  /** Listens to one query processor. */
  observe(circle: Circle): void {
    const begin = circle.begin.bind(circle)
    const commit = circle.commit.bind(circle)
    const { acknowledged, earlier } = { acknowledged: () => this.acknowledged, earlier: () => this.given }
    circle.begin = (atLeast) => {
      const before = { acknowledged: acknowledged(), earlier: earlier() }
      return after(begin(atLeast), (snapshot) => {
        this.begun.push({ ...snapshot, ...before })
        this.given = Math.max(this.given, snapshot.tau)
      })
    }
    circle.commit = (request) =>
      after<CommitAnswer>(commit(request), ({ verdict }) => this.told(transactionIdText(request.id), verdict))
  }

  private told(id: string, verdict: Verdict): void {
    const known = this.verdicts.get(id)
    if (known !== undefined && known.kind !== verdict.kind)
      this.changed.push(`${id} was told ${known.kind}, then ${verdict.kind}`)
    this.verdicts.set(id, verdict)
    if (verdict.kind === 'commit') this.acknowledged = Math.max(this.acknowledged, verdict.tauCommit)
  }

  /** `journals`: the records of every partition's journal, from the first on. */
  violations(journals: readonly (readonly ObservedRecord[])[]): Violation[] {
    const found: Violation[] = []
    const violated = (oracle: string, promise: string, detail: string): void => void found.push({ oracle, promise, detail })
    const committed = new Map<string, number>()
    const taus: number[] = []
    const watch = new ProtocolWatch({ keysMax: 1e6, idsMax: 1e6 }, ({ invariant, partition, sequence, detail }) =>
      violated(`monitor: ${invariant}`, 'R2', `entry ${sequence} of journal ${partition}: ${detail}`),
    )
    for (const records of journals) {
      for (const { record, sequence } of records) {
        watch.accept(record, sequence)
        if (record.kind !== 'commit') continue
        taus.push(record.tau)
        for (const { id } of record.transactions) committed.set(transactionIdText(id), record.tau)
      }
    }
    taus.sort((a, b) => a - b)
    for (const [id, verdict] of this.verdicts) {
      const at = committed.get(id)
      if (verdict.kind === 'commit' && at !== verdict.tauCommit)
        violated('durable-acknowledgement', 'R1', `${id} was committed at ${verdict.tauCommit}, the journals say ${at}`)
      if (verdict.kind !== 'commit' && at !== undefined)
        violated('abort-is-final', 'R2', `${id} was told ${verdict.kind} and is in a journal at ${at}`)
    }
    for (const detail of this.changed) violated('abort-is-final', 'R2', detail)
    for (const { tau, vector, acknowledged, earlier } of this.begun) {
      for (const [p, records] of journals.entries()) {
        // Records are in tau order: the first one beyond the vector says it.
        const missed = records.find(({ sequence, record }) => sequence > (vector[p] ?? 0) && record.kind === 'commit')
        if (missed !== undefined && missed.record.tau <= tau) {
          const detail = `a reader at ${tau} waits for entry ${vector[p]} of journal ${p} and misses ${missed.sequence} at ${missed.record.tau}`
          violated('complete-snapshot', 'R3', detail)
        }
      }
      if (acknowledged > tau) violated('real-time', 'R4', `a begin got ${tau} after a commit at ${acknowledged} was acknowledged`)
      if (earlier > tau && taus.some((at) => at > tau && at <= earlier))
        violated('strong-reads', 'R4', `a begin got ${tau} after another one had been given ${earlier}, with commits in between`)
    }
    this.kernel.count('begins observed', this.begun.length)
    return found.slice(0, 20)
  }
}

function after<Answer>(answer: MaybePromise<Answer>, look: (answer: Answer) => void): MaybePromise<Answer> {
  const seen = (arrived: Answer): Answer => {
    look(arrived)
    return arrived
  }
  return answer instanceof Promise ? answer.then(seen) : seen(answer)
}
