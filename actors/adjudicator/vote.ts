import { BusError, type MaybePromise } from '../../bus/bus.ts'
import type { Timer, World } from '../../bus/world.ts'
import { type MapVersion, type TransactionId, transactionIdText } from '../../protocol/ids.ts'
import type { KeyRange } from '../../protocol/key.ts'
import { horizonLeadMicros } from '../../protocol/limits.ts'
import type { Check, CommitRequest, Outcome, PrepareRequest, SettleRequest, Verdict, Vote } from '../../protocol/messages.ts'
import { type Tau, tau, tauMax } from '../../protocol/time.ts'
import type { HighestClock } from '../actor.ts'
import { adjudicate, type Judgement, type Jurisdiction, type Share } from './adjudicate.ts'
import { type ConflictWindow, Stamp } from './conflict-window.ts'
import { Decisions } from './decisions.ts'
import { concerns } from './domain.ts'
import { Held, meets } from './promises.ts'
import type { Records } from './records.ts'

/** A promise of which nobody has said what became of it: the leader is asked, and whoever waits is sent to try again. */
const silenceMs = 250

export interface VoterNeeds {
  readonly world: World
  readonly clock: HighestClock
  readonly window: ConflictWindow
  readonly records: Records
  jurisdiction(): Jurisdiction
  /** A change of the catalog was made with an older map than this owner's. */
  isStale(map: readonly MapVersion[]): boolean
  /** Keys of this request lie elsewhere: says so when whoever asks again can find out where. */
  elsewhere(): MaybePromise<Verdict & { kind: 'tooOld' }>
  /** Rule 7, at the leader of the id. */
  outcome(id: TransactionId, tauStart: Tau): MaybePromise<Outcome>
}

/** A transaction from its PREPARE until it is known what became of it. */
interface Open {
  readonly isLeader: boolean
  readonly share: Share
  held: Held | undefined
  isSettled: boolean
}

/**
 * One owner's part in transactions over several partitions (rules 9 and 11): it votes, and a yes is a promise that bars others up to tauMax
 * until the leader has said what became of it.
 */
export class Voter {
  private readonly needs: VoterNeeds
  private readonly votes = new Decisions<Vote>()
  private readonly open = new Map<string, Open>()
  /** Transactions of this partition alone that have read something and whose record has not been sent. */
  private reading: { readonly stamp: Stamp; readonly checks: readonly Check[] }[] = []
  private watch: Timer | undefined
  private isStopped = false

  constructor(needs: VoterNeeds) {
    this.needs = needs
  }

  stop(): void {
    this.isStopped = true
    this.watch?.cancel()
  }

  /** Rule 9, asked by another partition's owner. */
  prepare(request: PrepareRequest): MaybePromise<Vote> {
    const { acknowledged } = this.needs.records
    const known = this.votes.find(request.id)
    if (known !== undefined) return known
    // A copy that comes after its time may have been decided and forgotten.
    if (request.until <= acknowledged.tau) throw new BusError('timeout', 'prepare')
    return this.votes.keep(request.id, request.until, this.vote(request))
  }

  /** The leader votes for its own keys like the others. */
  vote(share: Share, isLeader = false): MaybePromise<Vote> {
    this.votes.prune(this.needs.records.acknowledged.tau)
    const open: Open = { isLeader, share, held: undefined, isSettled: false }
    this.open.set(transactionIdText(share.id), open)
    const room = this.room(share)
    if (room instanceof Promise) {
      return room.then(
        () => this.judge(share, open, isLeader),
        (error: unknown) => {
          this.open.delete(transactionIdText(share.id))
          throw error
        },
      )
    }
    return this.judge(share, open, isLeader)
  }

  /** The horizon in the journal leaves the leader time to commit below it. */
  private room({ tauStart }: Share): MaybePromise<void> {
    const { records, clock } = this.needs
    return records.reach(tau(Math.max(clock.read(), tauStart, records.spent) + horizonLeadMicros / 2))
  }

  private judge(share: Share, open: Open, isLeader: boolean): MaybePromise<Vote> {
    const { window, records, clock } = this.needs
    if (this.isStopped) throw new BusError('closed', 'adjudicator')
    if (open.isSettled) return { kind: 'no', verdict: { kind: 'tooOld', atLeast: records.acknowledged.tau } }
    if (share.map !== undefined && this.needs.isStale(share.map)) {
      this.open.delete(transactionIdText(share.id))
      return away(this.needs.elsewhere())
    }
    const unsent = isLeader ? undefined : this.unsentReader(share)
    if (unsent !== undefined) {
      // Its record goes first, then this one gets a higher tau.
      return new Promise((resolve, reject) =>
        unsent.whenFixed(() => {
          try {
            resolve(this.judge(share, open, isLeader))
          } catch (error) {
            reject(error)
          }
        }),
      )
    }
    const judgement = adjudicate(window, { ...this.needs.jurisdiction(), epoch: share.id.epoch }, share)
    if (judgement.kind !== 'accept') {
      this.open.delete(transactionIdText(share.id))
      return this.refusal(judgement)
    }
    const tauMin = tau(tauMax(records.spent, window.promises.readsMet(share)) + 1)
    const latest = Math.max(clock.read(), share.tauStart, tauMin) + horizonLeadMicros
    const highest = tau(Math.min(records.acknowledged.horizon, latest))
    open.held = new Held(share, share.writes, share.checks, highest)
    window.promises.hold(open.held)
    this.watchLater()
    return { kind: 'yes', tauMin, tauMax: highest }
  }

  /** Nobody waits for a promise while others wait for his answer. */
  private refusal(judgement: Exclude<Judgement, { kind: 'accept' }>): MaybePromise<Vote> {
    const { window, records } = this.needs
    switch (judgement.kind) {
      case 'tooOld':
        return { kind: 'no', verdict: { kind: 'tooOld', atLeast: judgement.floor ?? window.floor } }
      case 'outside':
        if (judgement.reason === 'range') return away(this.needs.elsewhere())
        throw new BusError('timeout', `prepare outside the ${judgement.reason}`)
      case 'barred': {
        const { key, mode, by } = judgement
        const no = (atLeast: Tau): Vote => ({ kind: 'no', verdict: { kind: 'conflict', key, mode, atLeast } })
        if (by.isFixed) return no(tau(by.tau))
        if (!(by instanceof Stamp && by.hasJoined)) return no(records.acknowledged.tau)
        return new Promise((resolve) => by.whenFixed((atLeast) => resolve(no(atLeast))))
      }
    }
  }

  /** Rule 11. */
  settle({ id, until, tauCommit }: Pick<SettleRequest, 'id' | 'until' | 'tauCommit'>): void {
    const { records } = this.needs
    if (tauCommit !== undefined) records.demand(tauCommit)
    if (this.close(id, tauCommit)) return
    // Its PREPARE may come yet: it is too late.
    const isOld = until <= records.acknowledged.tau || this.votes.find(id) !== undefined
    if (!isOld) this.votes.bar(id, until, { kind: 'no', verdict: { kind: 'tooOld', atLeast: records.acknowledged.tau } })
  }

  /** False: nothing is open under this id. */
  private close(id: TransactionId, tauCommit: Tau | undefined): boolean {
    const { window, records } = this.needs
    const name = transactionIdText(id)
    const open = this.open.get(name)
    if (open === undefined) return false
    this.open.delete(name)
    open.isSettled = true
    if (open.held === undefined) return true
    window.promises.drop(open.held)
    if (tauCommit !== undefined) window.enterAt(open.held.marks, tauCommit)
    open.held.fix(tauCommit ?? records.acknowledged.tau)
    return true
  }

  /** The leader's own promise ends where its transaction joins the record being built, or is abandoned. False: it had ended before. */
  withdraw(id: TransactionId): boolean {
    return this.close(id, undefined)
  }

  /** Rule 20: what this partition leads and has not decided is abandoned where the seal of `range` concerns it. */
  seal(range: KeyRange): void {
    for (const { isLeader, share } of [...this.open.values()]) if (isLeader && concerns(range, share)) this.withdraw(share.id)
  }

  /** A transaction of this partition alone joins: whoever was promised what it changes commits below it. */
  joins(stamp: Stamp, request: Pick<CommitRequest, 'writes' | 'checks'>): void {
    const { window, records } = this.needs
    if (window.promises.open.size > 0) records.demand(window.promises.readsMet(request))
    this.reads(stamp, request.checks)
  }

  /** It has read something: whoever changes that commits above it. */
  reads(stamp: Stamp, checks: readonly Check[]): void {
    if (checks.length === 0) return
    if (this.reading.length > 1_000) this.reading = this.reading.filter((one) => !one.stamp.isFixed)
    this.reading.push({ stamp, checks })
  }

  private unsentReader(share: Share): Stamp | undefined {
    this.reading = this.reading.filter(({ stamp }) => !stamp.isFixed)
    return this.reading.findLast(({ checks }) => meets(share, checks))?.stamp
  }

  private watchLater(): void {
    this.watch ??= this.needs.world.clock.after(silenceMs, () => {
      this.watch = undefined
      if (this.isStopped) return
      for (const [name, open] of this.open) this.look(name, open)
      if (this.open.size > 0) this.watchLater()
    })
  }

  /** The promise stands; but its leader may have gone, or what it said got lost. */
  private look(name: string, open: Open): void {
    const { held } = open
    if (held === undefined) return
    const { window, records } = this.needs
    held.excuse(records.acknowledged.tau)
    if (records.acknowledged.tau >= held.tau) {
      // Whatever became of it: it counts as written at tauMax, like a write.
      this.open.delete(name)
      window.promises.drop(held)
      window.enterAt(held.marks, held.tau as Tau)
      held.fix(held.tau as Tau)
      return
    }
    const told = (outcome: Outcome): void => {
      if (this.isStopped || outcome.kind === 'unknown' || this.open.get(name) !== open) return
      const tauCommit = outcome.kind === 'committed' ? outcome.tauCommit : undefined
      this.settle({ id: held.id, until: tau(held.tau), tauCommit })
    }
    try {
      const outcome = this.needs.outcome(held.id, held.tauStart)
      if (outcome instanceof Promise) outcome.then(told, () => {})
      else told(outcome)
    } catch {
      // Nobody leads there now: the promise stands, and is looked at again.
    }
  }
}

function away(verdict: MaybePromise<Verdict & { kind: 'tooOld' }>): MaybePromise<Vote> {
  return verdict instanceof Promise ? verdict.then((known) => ({ kind: 'no', verdict: known })) : { kind: 'no', verdict }
}
