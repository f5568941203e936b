import { assert } from '../protocol/assert.ts'
import { type Epoch, epoch, type MapVersion, mapVersion, type Partition, partition } from '../protocol/ids.ts'
import { contains, type Key, type KeyRange, keyEnd, keyStart, pinnedTo, placeOf } from '../protocol/key.ts'
import { without } from '../protocol/key-ranges.ts'
import { partitionsMax } from '../protocol/limits.ts'
import type { Holdings, SealedRange } from '../protocol/messages.ts'
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

const noReplicas: readonly Replica[] = []

/**
 * The map as one process knows it, and who owns each partition now. Addresses are made once per change: a look-up per message is an
 * array access.
 */
export class Topology {
  private known: RangeMap
  private readonly even: RangeMap
  /** What each journal says, as far as this process has heard. */
  private readonly holdings: Holdings[] = []
  private readonly movers: (() => void)[] = []
  private readonly epochs: Epoch[] = []
  private readonly adjudicators: string[] = []
  private readonly shards: readonly string[]
  private readonly replicasOf: Replica[][] = []
  private readonly shardsHere = new Set<number>()
  private readonly watchers: ((partition: Partition, before: Epoch | undefined) => void)[] = []

  constructor(map: RangeMap) {
    this.known = map
    this.even = map
    this.shards = map.shards.map(({ shard }) => subjects.storage(shard))
    for (const { partition } of map.partitions) this.owned(partition, epoch(0))
  }

  get map(): RangeMap {
    return this.known
  }

  /** A journal says so, or its owner does; older news is ignored. */
  stated(partition: Partition, holdings: Holdings): void {
    const known = this.holdings[partition]
    if (known !== undefined && known.version >= holdings.version) return
    this.holdings[partition] = holdings
    const partitions = this.known.partitions.map((place) =>
      place.partition === partition ? { partition, ranges: holdings.ranges } : place,
    )
    this.known = { ...this.known, partitions }
    for (const mover of this.movers) mover()
  }

  /** Hears whenever a range has been given away or taken. */
  onStated(mover: () => void): void {
    this.movers.push(mover)
  }

  /** How much of what its journal says of the map has been heard. */
  versionOf(partition: Partition): MapVersion {
    return this.holdings[partition]?.version ?? this.even.version
  }

  versions(): MapVersion[] {
    return this.known.partitions.map(({ partition }) => this.versionOf(partition))
  }

  /** What a journal without any record begins with: of its even share what no other journal has ever spoken of. */
  initialRanges(partition: Partition): readonly KeyRange[] {
    let ranges = this.even.partitions.find((place) => place.partition === partition)?.ranges ?? []
    for (const stated of this.holdings) {
      if (stated === undefined) continue
      for (const range of stated.ranges) ranges = without(ranges, range)
      for (const { range } of stated.sealed) ranges = without(ranges, range)
    }
    return ranges
  }

  isOpened({ from, to, version }: { readonly from: Partition } & Pick<SealedRange, 'to' | 'version'>): boolean {
    return this.holdings[to]?.opened.some((one) => one.from === from && one.version >= version) === true
  }

  /** What others have given to `partition` and it has not taken yet, in the order in which it must. */
  unopened(partition: Partition): (SealedRange & { readonly from: Partition })[] {
    const found: (SealedRange & { readonly from: Partition })[] = []
    for (const { partition: from } of this.known.partitions) {
      for (const sealed of this.holdings[from]?.sealed ?? [])
        if (sealed.to === partition && !this.isOpened({ from, ...sealed })) found.push({ ...sealed, from })
    }
    return found
  }

  /** Says what the journals leave to nobody or to two; undefined where every place is somebody's. */
  gap(): string | undefined {
    const all: KeyRange[] = []
    for (const { partition, ranges } of this.known.partitions) {
      all.push(...(this.holdings[partition] === undefined ? this.initialRanges(partition) : ranges))
      for (const { range } of this.unopened(partition)) all.push(range)
    }
    all.sort((a, b) => (a.start < b.start ? -1 : 1))
    let reached = keyStart
    for (const { start, end } of all) {
      if (start !== reached) return start < reached ? 'two partitions hold the same places' : 'some places belong to nobody'
      reached = end
    }
    return reached === keyEnd ? undefined : 'some places belong to nobody'
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
    // Between a seal and its open, or from news of different times: whoever is asked refuses it, and newer news is fetched.
    for (const { partition } of partitions)
      for (const { range } of this.unopened(partition)) if (contains(range, place)) return partition
    return (partitions[0] as PartitionPlace).partition
  }

  shardOf(key: Key): number {
    const { shards } = this.map
    if (shards.length === 1) return (shards[0] as ShardPlace).shard
    const place = shards.find(({ range }) => contains(range, key))
    assert(place !== undefined, 'the map covers every key')
    return place.shard
  }
}
