// Background jobs that DDL queues: an index is filled row by row while everybody goes on writing.
// From: query-processor.statement, once the DDL has committed. To: transactions of their own through OwnTransactions.
// Invariant: a job's row says how far it is, so any process can go on with it; an index is read only after every row has its entry.

import { createActor, fromPromise, setup } from 'xstate'
import type { Random, World } from '../../bus/world.ts'
import { SqlError } from '../../protocol/errors.ts'
import { machineClock } from '../actor.ts'
import { type FillOutcome, fillIndex, finishIndex } from './index-build.ts'
import type { OwnTransactions } from './own-transactions.ts'
import { decodeDocument } from './sql/catalog/document.ts'
import { jobKey, jobsRange } from './sql/catalog/keys.ts'
import type { CatalogCache } from './sql/catalog/load.ts'
import type { Job } from './sql/ddl/job.ts'

/** Ended jobs are shown in sys.jobs for half an hour. */
const keptMicros = 30n * 60n * 1_000_000n
const retryMs = 500
const pollMs = 100
/** Microseconds from the Unix epoch to 2000-01-01. */
const pgEpoch = 946_684_800_000_000n

export interface JobNeeds {
  readonly world: World
  readonly transactions: OwnTransactions
  readonly catalogs: CatalogCache
}

/** How a job ended. */
type Ending = { readonly kind: 'completed'; readonly details: string } | { readonly kind: 'failed'; readonly error: SqlError }

export class Jobs {
  private readonly needs: JobNeeds
  private readonly running = new Map<string, Promise<Ending>>()
  private readonly random: Random
  private stopped = false

  constructor(needs: JobNeeds) {
    this.needs = needs
    this.random = needs.world.random('jobs')
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

  /** Goes on with what a process that is gone has left; forgets what ended long ago. */
  async resume(): Promise<void> {
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
    for (;;) {
      const job = await this.read(id)
      if (job === undefined) throw new SqlError('42704', `job "${id}" does not exist`)
      if (hasEnded(job)) return job.status === 'completed'
      await this.needs.world.clock.sleep(pollMs)
    }
  }

  /** No further step is begun; the rows of unfinished jobs say where to go on. */
  stop(): void {
    this.stopped = true
  }

  private run(id: string): Promise<Ending> {
    const known = this.running.get(id)
    if (known !== undefined) return known
    const ended = this.machine(id).finally(() => this.running.delete(id))
    this.running.set(id, ended)
    return ended
  }

  /**
   * filling (again and again) -> finishing -> completed; a duplicate or a refused key -> failing -> failed; trouble on the way waits and
   * goes on where it was.
   */
  private machine(id: string): Promise<Ending> {
    const { world } = this.needs
    const build = { ...this.needs, random: this.random, now: (): bigint => this.now() }
    const chart = setup({
      types: { context: {} as { outcome: FillOutcome | undefined } },
      delays: { retry: retryMs },
      actors: {
        fill: fromPromise<FillOutcome>(() => fillIndex(build, id)),
        finish: fromPromise<void, FillOutcome | undefined>(({ input }) => finishIndex(build, id, input)),
        breathe: fromPromise<void>(() => new Promise((resolve) => world.clock.soon(resolve))),
      },
      guards: { isStopped: () => this.stopped },
    }).createMachine({
      id: 'index-build',
      context: { outcome: undefined },
      initial: 'filling',
      states: {
        filling: {
          always: { guard: 'isStopped', target: 'left' },
          invoke: {
            src: 'fill',
            onDone: [
              { guard: ({ event }) => event.output.kind === 'more', target: 'breathing' },
              { target: 'finishing', actions: ({ context, event }) => Object.assign(context, { outcome: event.output }) },
            ],
            onError: 'waiting',
          },
        },
        // Small transactions that let others have the thread in between.
        breathing: { invoke: { src: 'breathe', onDone: 'filling' } },
        finishing: {
          always: { guard: 'isStopped', target: 'left' },
          invoke: {
            src: 'finish',
            input: ({ context }) => context.outcome,
            onDone: 'ended',
            onError: 'waiting',
          },
        },
        waiting: { after: { retry: 'filling' } },
        ended: { type: 'final' },
        left: { type: 'final' },
      },
    })
    return new Promise((resolve) => {
      const actor = createActor(chart, { clock: machineClock(world.clock) })
      actor.subscribe({
        complete: () => resolve(endingOf(actor.getSnapshot().context.outcome)),
      })
      actor.start()
    })
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

function endingOf(outcome: FillOutcome | undefined): Ending {
  if (outcome?.kind === 'failed') return { kind: 'failed', error: outcome.error }
  if (outcome === undefined) return { kind: 'failed', error: stopped() }
  return { kind: 'completed', details: '' }
}
