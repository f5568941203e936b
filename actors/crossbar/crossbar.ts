import type { MaybePromise } from '../../bus/bus.ts'
import type { World } from '../../bus/world.ts'
import { beginStep } from '../../observability/tracing.ts'
import type { Sequence } from '../../protocol/ids.ts'
import type { JournalRecord, PostImages, Staging } from '../../protocol/messages.ts'
import { subjects } from '../../protocol/subjects.ts'
import { Lifecycle } from '../actor.ts'
import type { RangeMap, ShardPlace } from '../topology.ts'
import { route, routeStaging } from './route.ts'

const nobody: readonly string[] = []

/**
 * Follows a journal and hands every record to the shards. Where they live in this process that is a call, made before the append's
 * acknowledgement is passed on: a transaction that begins afterwards finds its rows without waiting.
 */
export class Crossbar {
  readonly lifecycle: Lifecycle
  private readonly world: World
  private readonly map: RangeMap
  private readonly open: (deliver: (record: JournalRecord | Staging, at: Sequence) => MaybePromise<void>) => Promise<void>
  private readonly addresses: ReadonlyMap<number, string>

  /** `open` makes the journal deliver what storage lacks, and everything that follows. */
  constructor(
    world: World,
    map: RangeMap,
    open: (deliver: (record: JournalRecord | Staging, at: Sequence) => MaybePromise<void>) => Promise<void>,
  ) {
    this.world = world
    this.map = map
    this.open = open
    this.addresses = new Map(map.shards.map(({ shard }) => [shard, subjects.postImages(shard)]))
    this.lifecycle = new Lifecycle('crossbar', world, {
      recover: () => this.open((record, at) => this.deliver(record, at)),
      drain: async () => {},
      drop: () => {},
    })
  }

  private deliver(record: JournalRecord | Staging, at: Sequence): MaybePromise<void> {
    if ('writes' in record) return this.send(routeStaging(record, this.map))
    const routed = route(record, at, this.map)
    for (const traceparent of routed[0]?.[1].traceparents ?? nobody) {
      beginStep('crossbar.route', traceparent, {
        'taudb.tau_commit': record.tau,
        'taudb.sequence': at,
        'taudb.shards': routed.length,
      })?.end()
    }
    return this.send(routed)
  }

  private send(routed: readonly (readonly [ShardPlace, PostImages | Staging])[]): MaybePromise<void> {
    let waiting: Promise<void>[] | undefined
    for (const [{ shard }, images] of routed) {
      const applied = this.world.bus.request<void>(this.addresses.get(shard) as string, images)
      if (applied instanceof Promise) (waiting ??= []).push(applied)
    }
    if (waiting === undefined) return undefined
    return waiting.length === 1 ? waiting[0] : Promise.all(waiting).then(() => {})
  }
}
