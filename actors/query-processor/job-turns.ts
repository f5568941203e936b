import type { World } from '../../bus/world.ts'
import type { Job } from './sql/ddl/job.ts'

/** A job that its worker has not moved for so long may be taken by another. */
const silenceMicros = 10_000_000

interface Seen {
  readonly worker: string
  readonly moved: bigint
  readonly at: number
}

/**
 * Which process works on a job: the one that its row names, as long as the row moves. What is watched is only whether it changes, by our own
 * clock, so no wall clock decides. Two workers at once would do no harm (each step writes the job's row, and the first committer wins), only
 * the work of one of them would be in vain.
 */
export class JobTurns {
  readonly worker: string
  private readonly world: World
  private readonly isAlone: boolean
  private readonly seen = new Map<string, Seen>()

  /** `isAlone`: there is no other process, so whoever was at work before is gone. */
  constructor(world: World, isAlone: boolean) {
    this.world = world
    this.isAlone = isAlone
    this.worker = Buffer.from(world.random('job worker').bytes(8), 'latin1').toString('hex')
  }

  /** Whether the next step is this process's to take. */
  isOurs({ job_id: id, worker, update_time: moved }: Job): boolean {
    if (this.isAlone || (worker ?? this.worker) === this.worker) return true
    const now = this.world.clock.monotonic()
    const seen = this.seen.get(id)
    if (seen !== undefined && seen.worker === worker && seen.moved === moved) return now - seen.at > silenceMicros
    this.seen.set(id, { worker: worker as string, moved, at: now })
    return false
  }

  forget(id: string): void {
    this.seen.delete(id)
  }
}
