// Background jobs that DDL queues: an index is filled row by row while everybody goes on writing.
// From: query-processor.statement, once the DDL has committed. To: transactions of their own through OwnTransactions.
// Invariant: a job's row says how far it is, so any process can go on with it; an index is read only after every row has its entry.

import { createActor, fromPromise, setup } from 'xstate'
import { BusError } from '../../bus/bus.ts'
import type { Random, World } from '../../bus/world.ts'
import { SqlError } from '../../protocol/errors.ts'
import { machineClock } from '../actor.ts'
import { type FillOutcome, fillIndex, finishIndex } from './index-build.ts'
import { JobTurns } from './job-turns.ts'
import type { OwnTransactions } from './own-transactions.ts'
import { decodeDocument } from './sql/catalog/document.ts'
import { jobKey, jobsRange } from './sql/catalog/keys.ts'
import type { CatalogCache } from './sql/catalog/load.ts'
import type { Job } from './sql/ddl/job.ts'

/** Ended jobs are shown in sys.jobs for half an hour. */
const keptMicros = 30n * 60n * 1_000_000n
/** Errors in a row after which a job has failed; nobody answering does not count. */
const failuresMax = 10
const retryMsMin = 500
const retryMsMax = 30_000
const pollMs = 100
/** How often a job that another process works on is looked at, and how often one is looked for that nobody works on any more. */
const watchMs = 1_000
const lookMs = 60_000
/** Microseconds from the Unix epoch to 2000-01-01. */
const pgEpoch = 946_684_800_000_000n

export interface JobNeeds {
  readonly world: World
  readonly transactions: OwnTransactions
  readonly catalogs: CatalogCache
  /** Hears of errors that are none of a user's. */
  bug(error: unknown): void
  /** There are other query processors, or may be. */
  readonly hasPeers?: boolean
}

type Step = FillOutcome | { readonly kind: 'finished' } | { readonly kind: 'trouble' }

interface Progress {
  outcome: FillOutcome | undefined
  /** Errors in a row, and those among them that do not pass by themselves. */
  troubles: number
  failures: number
}

/** How a job ended. */
type Ending = { readonly kind: 'completed'; readonly details: string } | { readonly kind: 'failed'; readonly error: SqlError }

export class Jobs {
  private readonly needs: JobNeeds
  private readonly running = new Map<string, Promise<Ending>>()
  private readonly random: Random
  private readonly turns: JobTurns
  private stopped = false

  constructor(needs: JobNeeds) {
    this.needs = needs
    this.random = needs.world.random('jobs')
    this.turns = new JobTurns(needs.world, needs.hasPeers !== true)
  }

  /** Runs the job in this process; settles when it has ended, rejects with what the waiting statement is told. */
  start(id: string): Promise<void> {
    const ended = this.run(id).then((ending) => {
      if (ending.kind === 'failed') throw ending.error
    })
    // ASYNC: nobody waits; sys.jobs tells.
    ended.catch(() => {})
    return ended
  }

  /** Goes on with what a process that is gone has left; forgets what ended long ago. Tried until the database answers. */
  async resume(): Promise<void> {
    for (let failures = 1; !this.stopped; failures++) {
      try {
        await this.resumeStored()
        this.lookLater()
        return
      } catch (error) {
        if (!(error instanceof SqlError || error instanceof BusError)) this.needs.bug(error)
      }
      await new Promise<void>((resolve) => this.needs.world.clock.after(retryMs(failures), resolve))
    }
  }

  /** The process that works on a job may go and not come back. */
  private lookLater(): void {
    if (this.needs.hasPeers !== true) return
    this.needs.world.clock.after(lookMs, () => {
      if (!this.stopped) void this.resume()
    })
  }

  private async resumeStored(): Promise<void> {
    for (const job of await this.stored()) {
      if (!hasEnded(job)) void this.run(job.job_id)
      else if (this.now() - job.update_time > keptMicros) await this.forget(job)
    }
  }

  /** sys.wait_for_job: did it succeed? */
  async waitFor(id: string): Promise<boolean> {
    if (!/^[a-z2-7]{26}$/.test(id)) throw new SqlError('22P02', 'Unable to convert text to UUID')
    const here = this.running.get(id)
    if (here !== undefined) return (await here).kind === 'completed'
    while (!this.stopped) {
      const job = await this.read(id)
      if (job === undefined) throw new SqlError('42704', `job "${id}" does not exist`)
      if (hasEnded(job)) return job.status === 'completed'
      await this.needs.world.clock.sleep(pollMs)
    }
    throw stopped()
  }

  /** No further step is begun; the rows of unfinished jobs say where to go on. */
  stop(): void {
    this.stopped = true
  }

  private run(id: string): Promise<Ending> {
    const known = this.running.get(id)
    if (known !== undefined) return known
    const ended = this.machine(id).finally(() => {
      this.running.delete(id)
      this.turns.forget(id)
    })
    this.running.set(id, ended)
    return ended
  }

  /**
   * filling (again and again) -> finishing -> ended; watching as long as another process fills. A duplicate or a refused key is the outcome that finishing writes down; so is an error
   * that comes again and again. Until then trouble waits, longer each time, and goes on where it was.
   */
  private machine(id: string): Promise<Ending> {
    const { world } = this.needs
    const build = { ...this.needs, random: this.random, clock: world.clock, now: (): bigint => this.now(), turns: this.turns }
    const progress: Progress = { outcome: undefined, troubles: 0, failures: 0 }
    const keep = ({ event }: { readonly event: { readonly output: Step } }): void => {
      progress.outcome = event.output as FillOutcome
    }
    const is = (kind: Step['kind']) => {
      return ({ event }: { readonly event: { readonly output: Step } }): boolean => event.output.kind === kind
    }
    const chart = setup({
      delays: { retry: () => retryMs(progress.troubles), watch: watchMs },
      actors: {
        fill: fromPromise<Step>(() => this.tried(progress, () => fillIndex(build, id))),
        finish: fromPromise<Step>(() => this.tried(progress, () => finishIndex(build, id, progress.outcome))),
        breathe: fromPromise<void>(() => new Promise((resolve) => world.clock.soon(resolve))),
      },
      guards: {
        isStopped: () => this.stopped,
        isToldAsFailed: () => progress.outcome?.kind === 'failed',
        isFilled: () => progress.outcome !== undefined,
      },
    }).createMachine({
      id: 'index-build',
      initial: 'filling',
      states: {
        filling: {
          always: { guard: 'isStopped', target: 'left' },
          invoke: {
            src: 'fill',
            onDone: [
              { guard: is('more'), target: 'breathing' },
              { guard: is('trouble'), target: 'waiting' },
              { guard: is('elsewhere'), target: 'watching' },
              { target: 'finishing', actions: keep },
            ],
          },
        },
        // Small transactions that let others have the thread in between.
        breathing: { invoke: { src: 'breathe', onDone: 'filling' } },
        watching: { after: { watch: 'filling' } },
        finishing: {
          always: { guard: 'isStopped', target: 'left' },
          invoke: {
            src: 'finish',
            onDone: [
              { guard: is('finished'), target: 'ended' },
              { guard: is('trouble'), target: 'waiting' },
              // Not even its failure can be written down: the next process tries.
              { guard: 'isToldAsFailed', target: 'left' },
              { target: 'waiting', actions: keep },
            ],
          },
        },
        waiting: { after: { retry: [{ guard: 'isFilled', target: 'finishing' }, { target: 'filling' }] } },
        ended: { type: 'final' },
        left: { type: 'final' },
      },
    })
    return new Promise((resolve) => {
      const actor = createActor(chart, { clock: machineClock(world.clock) })
      actor.subscribe({ complete: () => resolve(endingOf(actor.getSnapshot().value === 'ended', progress.outcome)) })
      actor.start()
    })
  }

  /** A step's outcome; `trouble`: it threw and is to be taken again; `failed`: it threw too often. */
  private async tried(progress: Progress, step: () => Promise<Step>): Promise<Step> {
    try {
      const outcome = await step()
      progress.troubles = 0
      progress.failures = 0
      return outcome
    } catch (error) {
      progress.troubles++
      if (passes(error) || ++progress.failures < failuresMax) return { kind: 'trouble' }
      progress.failures = 0
      return { kind: 'failed', error: this.told(error) }
    }
  }

  /** What sys.jobs and a waiting client are told. */
  private told(error: unknown): SqlError {
    if (error instanceof SqlError) return error
    this.needs.bug(error)
    return new SqlError('XX000', error instanceof Error ? error.message : String(error))
  }

  private now(): bigint {
    return BigInt(this.needs.world.clock.now()) - pgEpoch
  }

  private async read(id: string): Promise<Job | undefined> {
    const bytes = await this.needs.transactions.run((transaction) => transaction.get(jobKey(id)))
    return bytes === undefined ? undefined : (decodeDocument(bytes) as unknown as Job)
  }

  private async stored(): Promise<Job[]> {
    return this.needs.transactions.run(async (transaction) => {
      const jobs: Job[] = []
      const scan = transaction.scan({ range: jobsRange, reverse: false, rowsMax: Number.POSITIVE_INFINITY })
      for (let batch = await scan.next(); batch !== undefined; batch = await scan.next()) {
        for (const bytes of batch.rows) jobs.push(decodeDocument(bytes) as unknown as Job)
      }
      return jobs
    })
  }

  private async forget(job: Job): Promise<void> {
    await this.needs.transactions.run((transaction) => transaction.write(jobKey(job.job_id), undefined, 'X'))
  }
}

const hasEnded = (job: Job): boolean => job.status === 'completed' || job.status === 'failed'

/** The job goes on in another process; who waited here is not told that it is done. */
const stopped = (): SqlError => new SqlError('57P01', 'terminating connection due to administrator command')

function endingOf(hasEnded: boolean, outcome: FillOutcome | undefined): Ending {
  if (outcome?.kind === 'failed') return { kind: 'failed', error: outcome.error }
  return hasEnded ? { kind: 'completed', details: '' } : { kind: 'failed', error: stopped() }
}

/** How long to wait after the n-th trouble in a row. */
const retryMs = (troubles: number): number => Math.min(retryMsMin * 2 ** (troubles - 1), retryMsMax)

/** Nobody answers: that passes, and until then nothing could be written down anyway. */
function passes(error: unknown): boolean {
  return error instanceof BusError || (error instanceof SqlError && /^(57P|08)/.test(error.code))
}
