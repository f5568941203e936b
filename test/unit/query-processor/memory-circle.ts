import type { Circle, Snapshot } from '../../../actors/query-processor/circle.ts'
import { scan } from '../../../actors/storage/scan.ts'
import { MemoryVersionStore } from '../../../actors/storage/version-store-memory.ts'
import type { MaybePromise } from '../../../bus/bus.ts'
import { EmbeddedBus } from '../../../bus/embedded.ts'
import { realWorld } from '../../../bus/real-world.ts'
import { epoch, partition, sequence, type TransactionId } from '../../../protocol/ids.ts'
import type { Key } from '../../../protocol/key.ts'
import { versionHorizonMicros } from '../../../protocol/limits.ts'
import type {
  CommitAnswer,
  CommitRequest,
  GetAnswer,
  GetRequest,
  Mode,
  Outcome,
  ScanAnswer,
  ScanRequest,
} from '../../../protocol/messages.ts'
import { type Tau, tau, tauMax } from '../../../protocol/time.ts'

/** Which entries bar a request (commit-protocol rule 4). */
const bars: Readonly<Record<Mode, string>> = { X: 'XNS', N: 'XN', S: 'X', R: 'XN', E: '' }

/** The other actors in one value: versions in memory, one adjudicator, no time and no failures but those a test plans. */
export class MemoryCircle implements Circle {
  readonly store = new MemoryVersionStore(realWorld({ bus: new EmbeddedBus(), onFailure: () => {} }).clock)
  readonly requests: CommitRequest[] = []
  /** Runs before the next commit is decided: another transaction that gets in first. */
  beforeCommit: (() => MaybePromise<unknown>) | undefined
  private last: Tau = tau(1_000_000)
  private sequence = 0
  private counter = 0
  private readonly window = new Map<Key, { mode: Mode; tau: Tau }[]>()

  clock(): number {
    return this.last
  }

  newId(): TransactionId {
    return { leader: partition(0), epoch: epoch(1), boot: 'memory', counter: ++this.counter }
  }

  until(): Tau {
    return tau(this.last + 5_000_000)
  }

  async nextTurn(): Promise<void> {}

  begin(atLeast: Tau): Snapshot {
    this.last = tauMax(this.last, atLeast)
    return { tau: this.last, vector: [sequence(this.sequence)] }
  }

  get(request: GetRequest): GetAnswer {
    return this.store.get(request.key, request.tauStart)
  }

  scan(request: ScanRequest): ScanAnswer {
    return scan(this.store, request)
  }

  async moveRange(): Promise<void> {
    throw new Error('there is one partition')
  }

  placed(request: CommitRequest): CommitRequest {
    return request
  }

  commit(request: CommitRequest): MaybePromise<CommitAnswer> {
    const before = this.beforeCommit
    this.beforeCommit = undefined
    const got = before?.()
    return got instanceof Promise ? got.then(() => this.decide(request)) : this.decide(request)
  }

  private decide(request: CommitRequest): MaybePromise<CommitAnswer> {
    this.requests.push(request)
    const wanted = [...request.writes, ...request.checks.flatMap((check) => ('key' in check ? [check] : []))]
    for (const { key, mode } of wanted) {
      const barring = this.window.get(key)?.find((entry) => entry.tau > request.tauStart && bars[mode].includes(entry.mode))
      if (barring !== undefined) return { clock: 0, verdict: { kind: 'conflict', key, mode, atLeast: barring.tau } }
    }
    for (const check of request.checks) {
      if ('key' in check) continue
      for (const [key, entries] of this.window) {
        if (key < check.range.start || key >= check.range.end) continue
        const barring = entries.find((entry) => entry.tau > request.tauStart && bars.R.includes(entry.mode))
        if (barring !== undefined) return { clock: 0, verdict: { kind: 'conflict', key, mode: 'R', atLeast: barring.tau } }
      }
    }
    const tauCommit = tau(this.last + 10)
    this.last = tauCommit
    for (const { key, mode } of wanted) {
      const entries = this.window.get(key) ?? []
      entries.push({ mode, tau: tauCommit })
      this.window.set(key, entries)
    }
    const applied = this.store.apply({
      partition: partition(0),
      sequence: sequence(++this.sequence),
      tau: tauCommit,
      writes: request.writes,
      traceparents: [],
    })
    const answer: CommitAnswer = { clock: 0, verdict: { kind: 'commit', tauCommit } }
    return applied instanceof Promise ? applied.then(() => answer) : answer
  }

  vacuum(): void {
    while (this.store.vacuum(tau(Math.max(0, this.last - versionHorizonMicros))));
  }

  outcome(): Outcome {
    return { kind: 'unknown' }
  }
}
