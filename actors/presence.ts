/** Who owns which partition and who stores rows, as processes tell each other: they say it again and again, everybody else listens. */
import type { Registration } from '../bus/bus.ts'
import type { World } from '../bus/world.ts'
import type { Partition } from '../protocol/ids.ts'
import type { OwnedNews, ReplicaNews } from '../protocol/messages.ts'
import { subjects } from '../protocol/subjects.ts'
import type { HighestClock } from './actor.ts'
import type { Adjudicator } from './adjudicator/adjudicator.ts'
import type { Storage } from './storage/storage.ts'
import type { Topology } from './topology.ts'

const sayMs = 200
/** An owner that has not been heard for so long is no reason to wait. */
const silenceMicros = 1_000_000

/**
 * News only: that an owner may be asked, and that a standby need not claim. Who really owns a partition says its journal, and nothing else
 * (rule 1); wrong or late news cost time and no more.
 */
export class Presence {
  private readonly world: World
  private readonly clock: HighestClock
  private readonly topology: Topology
  private readonly heardAt = new Map<Partition, number>()
  private readonly registrations: Registration[]
  private readonly waiting: { readonly partition: Partition; readonly told: () => void }[] = []
  private isOpen = true
  private adjudicators: readonly (readonly [Partition, Adjudicator])[] = []
  private storages: readonly Storage[] = []

  constructor(world: World, clock: HighestClock, topology: Topology) {
    this.world = world
    this.clock = clock
    this.topology = topology
    this.registrations = [
      ...topology.map.partitions.map(({ partition }) =>
        world.bus.subscribe(subjects.ownership(partition), (news: OwnedNews) => this.hear(news)),
      ),
      ...topology.map.shards.map(({ shard }) =>
        world.bus.subscribe(subjects.replicas(shard), (news: ReplicaNews) => this.hearReplica(news)),
      ),
    ]
    topology.onOwned((partition, before) => {
      // Who still waits for the last owner would wait for its time to be over.
      if (before !== undefined) world.bus.forsake(subjects.adjudicator(partition, before))
      // An owner of this process serves from the next turn on.
      world.clock.soon(() => this.sayNow())
    })
  }

  /** Somebody else has said within the last second that it owns `partition`. */
  isOwned(partition: Partition): boolean {
    return this.world.clock.monotonic() - (this.heardAt.get(partition) ?? Number.NEGATIVE_INFINITY) < silenceMicros
  }

  /** Resolves when an owner of `partition` has been heard of. */
  owned(partition: Partition): Promise<void> {
    if (this.heardAt.has(partition)) return Promise.resolve()
    return new Promise((told) => this.waiting.push({ partition, told }))
  }

  /** Says from now on which of these own their partition, and that these replicas are there. */
  speakFor(adjudicators: readonly (readonly [Partition, Adjudicator])[], storages: readonly Storage[]): void {
    this.adjudicators = adjudicators
    this.storages = storages
    this.sayAgain()
  }

  private sayAgain(): void {
    if (!this.isOpen) return
    this.sayNow()
    this.world.clock.after(sayMs, () => this.sayAgain())
  }

  private sayNow(): void {
    if (!this.isOpen) return
    for (const [partition, { epoch, lifecycle }] of this.adjudicators) {
      if (epoch === undefined || !lifecycle.serving) continue
      const news: OwnedNews = { kind: 'owned', clock: this.clock.read(), partition, epoch }
      this.world.bus.publish(subjects.ownership(partition), news)
    }
    for (const storage of this.storages) {
      if (!storage.lifecycle.serving) continue
      const news = storage.news(this.clock.read())
      this.world.bus.publish(subjects.replicas(news.shard), news)
    }
  }

  close(): void {
    this.isOpen = false
    for (const registration of this.registrations) registration.close()
  }

  private hearReplica({ shard, name, clock }: ReplicaNews): void {
    this.clock.hear(clock)
    this.topology.replicaHeard(shard, subjects.replica(shard, name), this.world.clock.monotonic())
  }

  private hear({ partition, epoch, clock }: OwnedNews): void {
    this.clock.hear(clock)
    // News of an owner that has been followed by another is none.
    if (epoch < this.topology.epochOf(partition)) return
    this.heardAt.set(partition, this.world.clock.monotonic())
    this.topology.owned(partition, epoch)
    for (const waiting of this.waiting.filter((one) => one.partition === partition)) waiting.told()
  }
}
