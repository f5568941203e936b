import { BusError, type MaybePromise } from '../../bus/bus.ts'
import type { Timer, World } from '../../bus/world.ts'
import { SqlError } from '../../protocol/errors.ts'
import type { GetRequest, ScanRequest } from '../../protocol/messages.ts'
import type { Replica, Topology } from '../topology.ts'

type ReadRequest = GetRequest | ScanRequest

/** Replicas say every 200 ms that they are there. */
const silenceMicros = 700_000
/** How much one answer moves what is expected of the next one. */
const weight = 0.1
const expectedMicrosFirst = 500
/** A second replica is asked when the first takes this many times what it usually does, within these bounds. */
const lateTimes = 4
const lateMsMin = { get: 15, scan: 60 } as const
const lateMsMax = 200
/** Being late is no reason to ask everybody twice: of ten reads one may be asked again, after a few that are free. */
const spareMax = 64
const sparePerRead = 0.1

interface Rating {
  /** Smoothed time from question to answer. */
  expectedMicros: number
  waiting: number
  /** It owed an answer then; unless it has spoken since, others are asked. */
  doubtedAt: number
}

/**
 * Reads from replicas: the quickest that is known to be there is asked, another one at the same tauStart when it fails or is late, and the
 * first answer counts. Who owes an answer is left out until it says again that it is there. The shard's own subject serves where no replica
 * has been heard of.
 */
export class ReplicaReads {
  private readonly world: World
  private readonly topology: Topology
  private readonly ratings = new WeakMap<Replica, Rating>()
  private spare = spareMax

  constructor(world: World, topology: Topology) {
    this.world = world
    this.topology = topology
  }

  ask<Answer>(shard: number, request: ReadRequest, patience: { readonly timeoutMs: number } | undefined): MaybePromise<Answer> {
    const { topology, world } = this
    let here: Promise<Answer> | undefined
    if (topology.isHere(shard)) {
      const answer = world.bus.request<Answer>(topology.storage(shard), request, patience)
      if (!(answer instanceof Promise)) return answer
      here = answer
    }
    if (patience === undefined || topology.replicas(shard).length === 0)
      return here ?? world.bus.request<Answer>(topology.storage(shard), request, patience)
    if (this.spare < spareMax) this.spare += sparePerRead
    return new Promise((resolve, reject) => {
      const question = new Question<Answer>({ reads: this, world, shard, request, ...patience }, resolve, reject)
      if (here !== undefined) question.follow(here, lateMsMin[request.kind])
      else question.askNext()
    })
  }

  /** The one that will probably answer first; undefined when everybody there is has been asked. */
  best(shard: number, asked: ReadonlySet<Replica>): Replica | undefined {
    const now = this.world.clock.monotonic()
    let best: Replica | undefined
    let least = Number.POSITIVE_INFINITY
    for (const replica of this.topology.replicas(shard)) {
      if (asked.has(replica) || now - replica.heardAt > silenceMicros) continue
      const { doubtedAt, expectedMicros, waiting } = this.rating(replica)
      if (doubtedAt >= replica.heardAt) continue
      const cost = expectedMicros * (waiting + 1)
      if (cost >= least) continue
      least = cost
      best = replica
    }
    return best
  }

  rating(replica: Replica): Rating {
    const known = this.ratings.get(replica)
    if (known !== undefined) return known
    const rating = { expectedMicros: expectedMicrosFirst, waiting: 0, doubtedAt: Number.NEGATIVE_INFINITY }
    this.ratings.set(replica, rating)
    return rating
  }

  address(shard: number): string {
    return this.topology.storage(shard)
  }

  /** True where another one may be asked although nobody has failed. */
  mayAskAnother(): boolean {
    if (this.spare < 1) return false
    this.spare--
    return true
  }
}

interface Asked {
  readonly reads: ReplicaReads
  readonly world: World
  readonly shard: number
  readonly request: ReadRequest
  readonly timeoutMs: number
}

/** One read and whom it was put to. */
class Question<Answer> {
  private readonly given: Asked
  private readonly resolve: (answer: Answer) => void
  private readonly reject: (error: unknown) => void
  private readonly asked = new Set<Replica>()
  private under = 0
  private isOver = false
  private late: Timer | undefined

  constructor(given: Asked, resolve: (answer: Answer) => void, reject: (error: unknown) => void) {
    this.given = given
    this.resolve = resolve
    this.reject = reject
  }

  askNext(): void {
    const { reads, world, shard, request, timeoutMs } = this.given
    const replica = reads.best(shard, this.asked)
    if (replica === undefined) {
      if (this.under === 0) this.askAnybody()
      return
    }
    this.asked.add(replica)
    const rating = reads.rating(replica)
    rating.waiting++
    const from = world.clock.monotonic()
    const lateMs = Math.min(Math.max(lateMsMin[request.kind], (rating.expectedMicros * lateTimes) / 1_000), lateMsMax)
    const answer = attempt(() => world.bus.request<Answer>(replica.address, request, { timeoutMs }))
    const over = (): void => {
      rating.waiting--
    }
    answer.then(() => {
      over()
      rating.doubtedAt = Number.NEGATIVE_INFINITY
      rating.expectedMicros += (world.clock.monotonic() - from - rating.expectedMicros) * weight
    }, over)
    this.follow(answer, lateMs, replica)
  }

  /** Waits for an answer, and asks another replica when it does not come or is an excuse. */
  follow(answer: Promise<Answer>, lateMs: number, replica?: Replica): void {
    const { reads, world } = this.given
    const doubt = (): void => {
      if (replica !== undefined) reads.rating(replica).doubtedAt = world.clock.monotonic()
    }
    this.under++
    this.late?.cancel()
    this.late = world.clock.after(lateMs, () => {
      if (this.isOver || !reads.mayAskAnother()) return
      doubt()
      this.askNext()
    })
    answer.then(
      (given) => this.end(() => this.resolve(given)),
      (error: unknown) => {
        this.under--
        if (this.isOver) return
        if (!isExcuse(error)) return this.end(() => this.reject(error))
        doubt()
        this.askNext()
        if (this.under === 0) this.end(() => this.reject(error))
      },
    )
  }

  /** Nobody is known to be there: whoever listens to the shard's own subject. */
  private askAnybody(): void {
    const { reads, world, shard, request, timeoutMs } = this.given
    if (this.asked.size > 0) return
    attempt(() => world.bus.request<Answer>(reads.address(shard), request, { timeoutMs })).then(
      (given) => this.end(() => this.resolve(given)),
      (error: unknown) => this.end(() => this.reject(error)),
    )
  }

  private end(settle: () => void): void {
    if (this.isOver) return
    this.isOver = true
    this.late?.cancel()
    settle()
  }
}

/** Another replica may well answer: nobody there, no answer in time, or behind the journal. */
const isExcuse = (error: unknown): boolean => error instanceof BusError || (error instanceof SqlError && error.code === '57P03')

async function attempt<Answer>(question: () => MaybePromise<Answer>): Promise<Answer> {
  return await question()
}
