import { HighestClock } from '../../actors/actor.ts'
import { Adjudicator } from '../../actors/adjudicator/adjudicator.ts'
import { claimsOf } from '../../actors/circle.ts'
import { Crossbar } from '../../actors/crossbar/crossbar.ts'
import { Journal } from '../../actors/journal/journal.ts'
import { QueryProcessor } from '../../actors/query-processor/query-processor.ts'
import { Storage } from '../../actors/storage/storage.ts'
import { MemoryVersionStore } from '../../actors/storage/version-store-memory.ts'
import { evenMap, type RangeMap, Topology } from '../../actors/topology.ts'
import type { World } from '../../bus/world.ts'
import { SqlError } from '../../protocol/errors.ts'
import { type Epoch, type Partition, partition } from '../../protocol/ids.ts'
import { SimulatedClient } from './client.ts'
import type { Simulated } from './database.ts'
import type { ProcessName } from './fault-plan.ts'
import type { Kernel } from './kernel.ts'
import { SimulatedNetwork } from './network.ts'
import { ObservedCircle } from './observed-circle.ts'
import { differenceOf, isMove, type ObservedRecord, recordsOf } from './observed-log.ts'
import { countMoves, isMoving, violationsOfMoves } from './observed-moves.ts'
import { ObservedPromises } from './observed-promises.ts'
import { SimulatedProcess } from './process.ts'
import type { RunSettings } from './settings.ts'
import { SharedStream } from './shared-log.ts'
import { breachesOfJournals } from './specification-partitions.ts'
import type { Violation } from './workloads.ts'

/** Everybody hears of a new owner within this. */
const newsMicrosMax = 30_000

/**
 * taudb as several processes: each partition's journal is a stream that two owners share, one of whom stands by; storage follows all
 * journals; query processors, leaders and voters talk over the simulated network. A standby claims when the journal has been silent for
 * longer than a lease (rule 1), so that owners are deposed while they live, too.
 */
export class PartitionedDatabase implements Simulated {
  readonly network: SimulatedNetwork
  readonly processes: ReadonlyMap<ProcessName, SimulatedProcess>
  private readonly kernel: Kernel
  private readonly settings: RunSettings
  private readonly map: RangeMap
  private readonly streams: readonly SharedStream[]
  private readonly epochs: Epoch[] = []
  private readonly topologies = new Map<ProcessName, Topology>()
  private readonly processors = new Map<ProcessName, QueryProcessor>()
  private readonly clients = new Map<ProcessName, Set<SimulatedClient>>()
  private readonly observed: ObservedCircle
  private readonly promises: ObservedPromises
  private readonly owners = new Map<ProcessName, Partition>()
  private store: MemoryVersionStore | undefined
  private nextBackendId = 1
  private hasHealed = false
  private deadliness = 0
  private deadlinessOfMoves = 0
  /** Who claimed each partition last. */
  private readonly owning: ProcessName[] = []

  constructor(kernel: Kernel, settings: RunSettings) {
    this.kernel = kernel
    this.settings = settings
    this.network = new SimulatedNetwork(kernel)
    this.observed = new ObservedCircle(kernel)
    this.map = evenMap(settings.partitions)
    this.streams = this.map.partitions.map(({ partition }) => new SharedStream(kernel, `journal ${partition}`))
    for (const stream of this.streams) stream.onEntry = (bytes) => this.mayKillMover(bytes)
    countMoves(kernel)
    this.promises = new ObservedPromises(kernel, (p) => this.streams[p]?.entries.length ?? 0)
    this.network.onAnswer = (subject, message, answer) => this.promises.heard(subject, message as never, answer)
    // Slow enough for others to meet what is promised and not settled.
    const distances = kernel.random('distances')
    const farthest = distances.pick([1, 5_000, 20_000])
    this.network.distance = (from, to) => (this.owners.has(from) && this.owners.has(to) ? distances.integer(farthest) : 0)
    this.promises.onYes = (leader) => this.mayKill(leader)
    for (const { partition } of this.map.partitions) {
      this.owners.set(`owner ${partition}`, partition)
      this.owners.set(`standby ${partition}`, partition)
    }
    const names: readonly ProcessName[] = ['storage', ...this.owners.keys(), 'processor 1', 'processor 2']
    this.processes = new Map(names.map((name) => [name, new SimulatedProcess(kernel, this.network, name)]))
  }

  process(name: ProcessName): SimulatedProcess {
    return this.processes.get(name) as SimulatedProcess
  }

  get disk(): SimulatedProcess['disk'] {
    return this.process('storage').disk
  }

  async start(name: ProcessName): Promise<void> {
    const world = this.process(name).start()
    const topology = new Topology(this.map)
    for (const [p, epoch] of this.epochs.entries()) topology.owned(partition(p), epoch)
    this.topologies.set(name, topology)
    const owned = this.owners.get(name)
    if (owned !== undefined) await this.startOwner(name, world, topology, owned)
    else if (name === 'storage') await this.startStorage(world)
    else await this.startProcessor(name, world, topology)
  }

  /** Resolves when it follows the journal; that it serves is news. */
  private async startOwner(name: ProcessName, world: World, topology: Topology, p: Partition): Promise<void> {
    if (this.hasHealed && name.startsWith('standby')) return
    const clock = new HighestClock(world.clock)
    const followed = this.map.partitions.map(({ partition: of }) => {
      const log = (this.streams[of] as SharedStream).attach(world)
      const journal = new Journal(world, log, of)
      journal.onStated((holdings) => topology.stated(of, holdings))
      return { log, journal }
    })
    for (const { log, journal } of followed) await journal.open(log.last(), () => undefined)
    const { log, journal } = followed[p] as (typeof followed)[number]
    const claims = claimsOf({ world, clock, topology, partition: p, log, journal, versionStore: undefined })
    const told = {
      ...claims,
      claim: async (deposed: (error: unknown) => void) => {
        const claim = await claims.claim(deposed)
        this.kernel.count('claim accepted')
        this.owning[p] = name
        world.clock.soon(() => this.spread(p, claim.epoch))
        return claim
      },
    }
    const adjudicator = new Adjudicator(world, clock, topology, p, told)
    const begin = (): void => {
      // Somebody else was quicker: as a real one, it goes on trying.
      adjudicator.lifecycle.start().catch((error: unknown) => this.kernel.fail(error))
    }
    if (name.startsWith('owner')) begin()
    else world.clock.after(1_000, begin)
  }

  /** Who owns a partition is told to everybody, to each in his own time. */
  private spread(p: Partition, epoch: Epoch): void {
    this.epochs[p] = Math.max(this.epochs[p] ?? 0, epoch) as Epoch
    this.kernel.trace(`partition ${p} is owned in epoch ${epoch}`)
    const random = this.kernel.random('news')
    for (const topology of this.topologies.values())
      this.kernel.after(random.integer(newsMicrosMax), 'news', () => topology.owned(p, epoch))
  }

  private async startStorage(world: World): Promise<void> {
    const { map, streams } = this
    const store = new MemoryVersionStore(world.clock, { files: world.files, path: 'data/storage.image' })
    const storage = new Storage(world, map, 0, store)
    const crossbar = new Crossbar(world, map, async (deliver) => {
      for (const { partition: p } of map.partitions) {
        const log = (streams[p] as SharedStream).attach(world)
        await new Journal(world, log, p).open(store.applied(p).sequence, deliver)
      }
    })
    await storage.lifecycle.start()
    await crossbar.lifecycle.start()
    this.store = store
    this.checkpointLater(world.clock, store)
  }

  private checkpointLater(clock: World['clock'], store: MemoryVersionStore): void {
    clock.after(this.settings.checkpointDelayMs, () => {
      this.kernel.count('checkpoint')
      const again = (): void => this.checkpointLater(clock, store)
      store.checkpoint().then(again, again)
    })
  }

  private async startProcessor(name: ProcessName, world: World, topology: Topology): Promise<void> {
    const queryProcessor = new QueryProcessor({ world, topology, onBug: (error) => this.kernel.fail(error) })
    this.observed.observe(queryProcessor.runtime.circle)
    try {
      await queryProcessor.lifecycle.start()
    } catch (error) {
      if (!(error instanceof SqlError && error.code === '57P03')) throw error
      this.kernel.count('start refused: the circle does not answer')
      this.kernel.after(0, 'supervisor', () => this.restart(name, 100))
      return
    }
    this.processors.set(name, queryProcessor)
  }

  crash(name: ProcessName): void {
    const process = this.process(name)
    if (process.state === 'down') return
    process.crash()
    if (name === 'storage') this.store = undefined
    this.topologies.delete(name)
    this.processors.delete(name)
    for (const client of this.clients.get(name) ?? []) client.disconnect()
    this.clients.delete(name)
  }

  restart(name: ProcessName, delayMs: number): void {
    this.crash(name)
    this.kernel.after(delayMs * 1_000, `start ${name}`, () => {
      if (this.process(name).state === 'down') this.start(name).catch((error: unknown) => this.kernel.fail(error))
    })
  }

  killLeaders(chance: number): void {
    this.deadliness = chance
  }

  private mayKill(leader: number): void {
    const random = this.kernel.random('deadly votes')
    const name = this.owning[leader]
    if (name === undefined || !random.chance(this.deadliness) || this.process(name).state !== 'running') return
    this.kernel.count('leader killed after a vote')
    this.kernel.after(random.integer(2_000), 'deadly vote', () => this.restart(name, 20 + random.integer(300)))
  }

  killMovers(chance: number): void {
    this.deadlinessOfMoves = chance
  }

  /** Anybody's owner: giver, receiver, or one who only looks on. */
  private mayKillMover(bytes: Uint8Array): void {
    const random = this.kernel.random('deadly moves')
    if (this.deadlinessOfMoves === 0 || !isMove(bytes) || !random.chance(this.deadlinessOfMoves)) return
    const victims = this.owning.filter((name) => this.process(name).state === 'running')
    for (const name of random.chance(0.3) ? victims : [random.pick(victims)]) {
      if (name === undefined) continue
      this.kernel.count('killed at a move')
      this.kernel.after(random.integer(3_000), 'deadly move', () => this.restart(name, 20 + random.integer(300)))
    }
  }

  heal(): void {
    this.hasHealed = true
    this.deadliness = 0
    this.deadlinessOfMoves = 0
    for (const { faults } of this.streams) Object.assign(faults, { lost: 0, unacknowledged: 0, late: 0 })
    // From now on nobody competes: one owner is enough to answer everything.
    for (const name of this.owners.keys()) if (name.startsWith('standby')) this.crash(name)
  }

  disturbStreams(faults: { readonly lost: number; readonly unacknowledged: number; readonly late: number }): void {
    for (const stream of this.streams) Object.assign(stream.faults, faults)
  }

  get isServing(): boolean {
    return this.store !== undefined && this.processors.size === 2
  }

  connect(name: ProcessName): SimulatedClient | undefined {
    const queryProcessor = this.processors.get(name)
    const topology = this.topologies.get(name)
    if (topology === undefined || this.map.partitions.some(({ partition }) => topology.epochOf(partition) === 0)) return undefined
    if (queryProcessor === undefined || this.process(name).state !== 'running') return undefined
    const client = new SimulatedClient(queryProcessor, this.nextBackendId++)
    const clients = this.clients.get(name) ?? new Set()
    this.clients.set(name, clients.add(client))
    return client
  }

  private journals(): readonly (readonly ObservedRecord[])[] {
    return this.streams.map(({ entries }, p) => recordsOf(p, entries))
  }

  breaches(): string[] {
    return breachesOfJournals(this.journals())
  }

  lost(): string[] {
    return []
  }

  difference(): string[] {
    if (this.store === undefined) throw new Error('harness: storage is down')
    return differenceOf(this.journals(), this.store)
  }

  isMoving(): boolean {
    return isMoving(this.journals())
  }

  invariants(): Violation[] {
    const journals = this.journals()
    const topology = new Topology(this.map)
    for (const { record } of journals.flat()) {
      if (record.kind !== 'commit') continue
      for (const { writes, checks } of record.transactions) {
        const touched = new Set<number>()
        for (const { key, mode } of writes) if (mode !== 'E') touched.add(topology.partitionOf(key))
        for (const check of checks) if ('key' in check) touched.add(topology.partitionOf(check.key))
        if (touched.size > 1) this.kernel.count('committed over several partitions')
      }
    }
    for (const records of journals) this.kernel.count('epochs', records.at(-1)?.record.epoch ?? 0)
    return [
      ...this.observed.violations(journals),
      ...this.promises.violations(journals),
      ...violationsOfMoves(this.kernel, journals),
    ]
  }

  readJournal(): number {
    return this.journals().reduce((sum, records) => sum + records.length, 0)
  }
}
