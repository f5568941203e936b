/**
 * What this process counts. A counter is a plain number and a histogram a fixed array, so that counting costs an addition; they are read when
 * somebody asks. One set a process: several databases in one process add up, as its memory does.
 */

/** Values in whole units of `scale`: microseconds counted as they are and shown as seconds. */
export class Histogram {
  /** Upper bounds, in units. */
  readonly bounds: readonly number[]
  /** One more than bounds: what lies above them all. */
  readonly counts: Float64Array
  /** What one unit is when shown. */
  readonly scale: number
  sum = 0

  constructor(bounds: readonly number[], scale: number) {
    this.bounds = bounds
    this.scale = scale
    this.counts = new Float64Array(bounds.length + 1)
  }

  observe(value: number): void {
    const { bounds, counts } = this
    let at = 0
    while (at < bounds.length && value > (bounds[at] as number)) at++
    counts[at] = (counts[at] as number) + 1
    this.sum += value
  }
}

/** Counts by a name that somebody else chooses: so many names, then all others together. */
export class Tally {
  readonly counts = new Map<string, number>()
  private readonly namesMax: number

  constructor(namesMax: number) {
    this.namesMax = namesMax
  }

  add(name: string): void {
    const { counts } = this
    const known = counts.get(name)
    if (known !== undefined) counts.set(name, known + 1)
    else if (counts.size < this.namesMax) counts.set(name, 1)
    else counts.set(others, (counts.get(others) ?? 0) + 1)
  }
}

export const others = 'others'

/**
 * The names that come most often, in bounded room (space-saving, Metwally et al. 2005): a newcomer takes the place of the rarest and inherits
 * its count, so a count may be too high by what it inherited and is never too low.
 */
export class Frequent {
  readonly counts = new Map<string, number>()
  private readonly namesMax: number

  constructor(namesMax: number) {
    this.namesMax = namesMax
  }

  add(name: string): void {
    const { counts } = this
    const known = counts.get(name)
    if (known !== undefined || counts.size < this.namesMax) {
      counts.set(name, (known ?? 0) + 1)
      return
    }
    let rarest = ''
    let least = Number.POSITIVE_INFINITY
    for (const [one, count] of counts) {
      if (count < least) {
        rarest = one
        least = count
      }
    }
    counts.delete(rarest)
    counts.set(name, least + 1)
  }
}

const microseconds = 1e-6
const latencyBounds = [
  50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
  10_000_000,
]
const sizeBounds = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024]

export const metrics = {
  /** Transactions that ended, by what became of them; a transaction that changed nothing is a read. */
  reads: 0,
  commits: 0,
  conflicts: 0,
  errors: 0,
  rollbacks: 0,
  readMicros: new Histogram(latencyBounds, microseconds),
  commitMicros: new Histogram(latencyBounds, microseconds),
  errorCodes: new Tally(200),
  /** Refusals of the adjudicator, those included that a repetition made good. */
  conflictTables: new Tally(200),
  hotKeys: new Frequent(20),
  plansFound: 0,
  plansMade: 0,
  recordTransactions: new Histogram(sizeBounds, 1),
  appendMicros: new Histogram(latencyBounds, microseconds),
  clientsAccepted: 0,
  alarms: new Tally(50),
}

/** How a transaction ended that met no error. */
export type Ending = 'read' | 'commit' | 'rollback'

/** `failure`: the SQLSTATE of its last error. */
export function countTransaction(ending: Ending, failure: string | undefined, micros: number): void {
  if (failure !== undefined) {
    if (failure === '40001') metrics.conflicts++
    else metrics.errors++
  } else if (ending === 'read') {
    metrics.reads++
    metrics.readMicros.observe(micros)
  } else if (ending === 'commit') metrics.commits++
  else metrics.rollbacks++
}

/** The adjudicator has refused a transaction for this key of this table. */
export function countConflict(table: string, key: string): void {
  metrics.conflictTables.add(table)
  metrics.hotKeys.add(`${table} ${key}`)
}
