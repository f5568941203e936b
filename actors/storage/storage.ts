/**
 * Storage of one shard: answers reads at a tauStart, applies what the crossbar brings, and frees what nobody can read any more.
 * From: query processors and the crossbar. To: the version store.
 * Invariant: nothing is answered before everything the reader's vector names has been applied (rule 14).
 */
import type { MaybePromise, Registration } from '../../bus/bus.ts'
import type { Timer, World } from '../../bus/world.ts'
import { SqlError } from '../../protocol/errors.ts'
import type { Sequence, Vector } from '../../protocol/ids.ts'
import { versionHorizonMicros } from '../../protocol/limits.ts'
import type {
  GetAnswer,
  GetRequest,
  PostImages,
  ReplicaNews,
  ScanAnswer,
  ScanRequest,
  Staging,
  StorageRequests,
} from '../../protocol/messages.ts'
import { subjects } from '../../protocol/subjects.ts'
import { type Tau, tau } from '../../protocol/time.ts'
import { answering, Lifecycle } from '../actor.ts'
import type { RangeMap } from '../topology.ts'
import { apply } from './apply.ts'
import { get, scan } from './scan.ts'
import { vacuumDelayMs, vacuumInTurns } from './vacuum.ts'
import type { VersionStore } from './version-store.ts'

/** A reader waits this long for records that are on their way. */
const behindMsMax = 10_000
const waitingMax = 100_000

interface Waiting {
  readonly vector: Vector
  readonly go: () => void
}

export class Storage {
  readonly lifecycle: Lifecycle
  private readonly world: World
  private readonly map: RangeMap
  private readonly shard: number
  private readonly store: VersionStore
  /** One of several replicas; new with every start. */
  private readonly name: string
  private registrations: Registration[] = []
  private waiting: Waiting[] = []
  private vacuuming: Timer | undefined
  /** The last vacuum's end, one way or the other. */
  private vacuumed: Promise<void> = Promise.resolve()

  constructor(world: World, map: RangeMap, shard: number, store: VersionStore) {
    this.world = world
    this.map = map
    this.shard = shard
    this.store = store
    this.name = Buffer.from(world.random('replica').bytes(8), 'latin1').toString('hex')
    this.lifecycle = new Lifecycle(`storage ${shard}`, world, {
      recover: async () => this.serve(),
      drain: () => this.drain(),
      drop: () => this.withdraw(),
    })
  }

  private serve(): void {
    const { bus } = this.world
    const answers = answering<StorageRequests>({
      get: (request) => this.get(request),
      scan: (request) => this.scan(request),
      vacuum: () => this.vacuum().then(() => undefined),
    })
    this.registrations = [
      bus.serve(subjects.storage(this.shard), answers, { queue: 'replicas' }),
      bus.serve(subjects.replica(this.shard, this.name), answers),
      bus.serve(subjects.postImages(this.shard), (images: PostImages | Staging) =>
        'kind' in images ? this.stage(images) : this.apply(images),
      ),
    ]
    this.vacuumLater()
  }

  /** What others need to know of this replica. */
  news(clock: number): ReplicaNews {
    return { kind: 'replica', clock, shard: this.shard, name: this.name }
  }

  private withdraw(): void {
    this.vacuuming?.cancel()
    for (const registration of this.registrations.splice(0)) registration.close()
  }

  private async drain(): Promise<void> {
    this.withdraw()
    await this.store.close()
  }

  private get(request: GetRequest): MaybePromise<GetAnswer> {
    if (this.covers(request.vector)) {
      this.checkHorizon(request.tauStart)
      return get(this.store, request)
    }
    return this.caughtUp(request.vector).then(() => this.get(request))
  }

  private scan(request: ScanRequest): MaybePromise<ScanAnswer> {
    if (this.covers(request.vector)) {
      this.checkHorizon(request.tauStart)
      return scan(this.store, request)
    }
    return this.caughtUp(request.vector).then(() => this.scan(request))
  }

  /** Whoever waited for this record reads afterwards. */
  private apply(images: PostImages): MaybePromise<void> {
    const applied = apply(this.store, images)
    if (applied instanceof Promise) return applied.then(() => this.wake())
    this.wake()
    return undefined
  }

  private stage({ kind, partition, writes }: Staging): MaybePromise<void> {
    return kind === 'stage' ? this.store.stage(partition, writes) : this.store.unstage(partition)
  }

  private covers(vector: Vector): boolean {
    const { partitions } = this.map
    for (const { partition } of partitions) {
      if (this.store.applied(partition).sequence < (vector[partition] ?? (0 as Sequence))) return false
    }
    return true
  }

  private checkHorizon(tauStart: Tau): void {
    if (tauStart < this.store.versionHorizon) throw new SqlError('72000', 'snapshot too old')
  }

  private caughtUp(vector: Vector): Promise<void> {
    if (this.waiting.length >= waitingMax) return Promise.reject(new SqlError('53000', 'too many reads wait for storage'))
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        vector,
        go: () => {
          deadline.cancel()
          resolve()
        },
      }
      const deadline = this.world.clock.after(behindMsMax, () => {
        this.waiting = this.waiting.filter((one) => one !== waiting)
        reject(new SqlError('57P03', 'storage is behind the journal and has not caught up in time'))
      })
      this.waiting.push(waiting)
    })
  }

  private wake(): void {
    if (this.waiting.length === 0) return
    const ready = this.waiting.filter(({ vector }) => this.covers(vector))
    if (ready.length === 0) return
    this.waiting = this.waiting.filter((one) => !ready.includes(one))
    for (const { go } of ready) go()
  }

  /** Counts in tau, and never passes the lowest closed time applied over all journals (rule 16). */
  private horizon(): Tau {
    const taus = this.map.partitions.map(({ partition }) => this.store.applied(partition).tau)
    return tau(Math.max(0, Math.min(...taus) - versionHorizonMicros))
  }

  /** Whoever asks while it is under way gets a run of their own behind it. */
  private vacuum(): Promise<void> {
    const vacuumed = this.vacuumed.then(() => vacuumInTurns(this.world, this.store, this.horizon(), () => this.lifecycle.serving))
    this.vacuumed = vacuumed.catch(() => {})
    return vacuumed
  }

  private vacuumLater(): void {
    this.vacuuming = this.world.clock.after(vacuumDelayMs, () => {
      this.vacuum().then(
        () => {
          if (this.lifecycle.serving) this.vacuumLater()
        },
        // A full disk: what could not be freed now is freed later.
        () => this.vacuumLater(),
      )
    })
  }
}
