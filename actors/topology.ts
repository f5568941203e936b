import { AssertionFailed, assert } from '../protocol/assert.ts'
import { type Epoch, epoch, type MapVersion, mapVersion, type Partition, partition } from '../protocol/ids.ts'
import { contains, type Key, type KeyRange, keyEnd, keyStart, pinnedTo, placeOf } from '../protocol/key.ts'
import { partitionsMax } from '../protocol/limits.ts'
import { subjects } from '../protocol/subjects.ts'

/** The whole key space. */
export const everything: KeyRange = { start: keyStart, end: keyEnd }

interface PartitionPlace {
  readonly partition: Partition
  /** Of places (`placeOf`), which the journal of the partition says too. */
  readonly ranges: readonly KeyRange[]
}

export interface ShardPlace {
  readonly shard: number
  readonly range: KeyRange
}

/** One of the storage actors that hold a shard, as it has said itself. */
export interface Replica {
  readonly address: string
  /** Monotonic microseconds. */
  heardAt: number
}

/** A replica that has said nothing for so long is one no more. */
const replicaSilenceMicros = 30_000_000

/** Which range belongs to which adjudicator, and which to which storage shard. A new one has a higher version. */
export interface RangeMap {
  readonly version: MapVersion
  readonly partitions: readonly PartitionPlace[]
  readonly shards: readonly ShardPlace[]
}

/** One partition, one shard: the default. */
export const singleMap: RangeMap = {
  version: mapVersion(1),
  partitions: [{ partition: partition(0), ranges: [everything] }],
  shards: [{ shard: 0, range: everything }],
}

/** As many partitions, from 0 on, each with its share of all places: what a fresh database begins with. One shard. */
export function evenMap(count: number): RangeMap {
  assert(Number.isInteger(count) && count >= 1 && count <= partitionsMax, `there are 1 to ${partitionsMax} partitions`)
  if (count === 1) return singleMap
  const edge = (i: number): Key => {
    if (i === 0) return keyStart
    if (i === count) return keyEnd
    const place = Math.floor((i * 65_536) / count)
    return String.fromCharCode(place >>> 8, place & 0xff) as Key
  }
  const partitions = Array.from({ length: count }, (_, i) => ({
    partition: partition(i),
    ranges: [{ start: edge(i), end: edge(i + 1) }],
  }))
  return { ...singleMap, partitions }
}

/** Says for one partition of a map which keys are its own. */
export function ownership(map: RangeMap, partition: Partition): (key: Key) => boolean {
  const ranges = map.partitions.find((place) => place.partition === partition)?.ranges ?? []
  return (key) => {
    const pinned = pinnedTo(key)
    if (pinned !== undefined) return pinned === partition
    const place = placeOf(key)
    for (const range of ranges) if (contains(range, place)) return true
    return false
  }
}

const noReplicas: readonly Replica[] = []

/**
 * The map as one process knows it, and who owns each partition now. Addresses are made once per change: a look-up per message is an
 * array access.
 */
export class Topology {
  readonly map: RangeMap
  private readonly epochs: Epoch[] = []
  private readonly adjudicators: string[] = []
  private readonly shards: readonly string[]
  private readonly replicasOf: Replica[][] = []
  private readonly shardsHere = new Set<number>()
  private readonly watchers: ((partition: Partition, before: Epoch | undefined) => void)[] = []

  constructor(map: RangeMap) {
    this.map = map
    this.shards = map.shards.map(({ shard }) => subjects.storage(shard))
    for (const { partition } of map.partitions) this.owned(partition, epoch(0))
  }

  /** The owner of `partition` has claimed `epoch`; older news is ignored. */
  owned(partition: Partition, epoch: Epoch): void {
    const known = this.epochs[partition]
    if (known !== undefined && known >= epoch) return
    this.epochs[partition] = epoch
    this.adjudicators[partition] = subjects.adjudicator(partition, epoch)
    for (const watcher of this.watchers) watcher(partition, known)
  }

  /** Hears of every new owner, and whose place it took. */
  onOwned(watcher: (partition: Partition, before: Epoch | undefined) => void): void {
    this.watchers.push(watcher)
  }

  epochOf(partition: Partition): Epoch {
    const known = this.epochs[partition]
    assert(known !== undefined, 'the partition is on the map')
    return known
  }

  /** Where the owner of `partition` listens. */
  adjudicator(partition: Partition): string {
    return this.adjudicators[partition] as string
  }

  /** Where the replicas of `shard` listen. */
  storage(shard: number): string {
    return this.shards[shard] as string
  }

  /** A replica of `shard` listens at `address`, now. */
  replicaHeard(shard: number, address: string, now: number): void {
    const known = (this.replicasOf[shard] ?? []).filter(({ heardAt }) => now - heardAt < replicaSilenceMicros)
    const replica = known.find((one) => one.address === address)
    if (replica === undefined) known.push({ address, heardAt: now })
    else replica.heardAt = now
    this.replicasOf[shard] = known
  }

  replicas(shard: number): readonly Replica[] {
    return this.replicasOf[shard] ?? noReplicas
  }

  /** A replica of `shard` lives in this process: reading from it is a call. */
  servedHere(shard: number): void {
    this.shardsHere.add(shard)
  }

  isHere(shard: number): boolean {
    return this.shardsHere.has(shard)
  }

  partitionOf(key: Key): Partition {
    const { partitions } = this.map
    if (partitions.length === 1) return (partitions[0] as PartitionPlace).partition
    const pinned = pinnedTo(key)
    if (pinned !== undefined) return pinned as Partition
    const place = placeOf(key)
    for (const { partition, ranges } of partitions) {
      for (const range of ranges) if (contains(range, place)) return partition
    }
    throw new AssertionFailed('the map covers every key')
  }

  shardOf(key: Key): number {
    const { shards } = this.map
    if (shards.length === 1) return (shards[0] as ShardPlace).shard
    const place = shards.find(({ range }) => contains(range, key))
    assert(place !== undefined, 'the map covers every key')
    return place.shard
  }
}
