import { type Retention, type RunningCircle, startCircle } from '../../actors/circle.ts'
import { Chain } from '../../actors/journal/chain.ts'
import { QueryProcessor } from '../../actors/query-processor/query-processor.ts'
import { MemoryVersionStore } from '../../actors/storage/version-store-memory.ts'
import { evenMap, type RangeMap, Topology } from '../../actors/topology.ts'
import { EmbeddedLog, readLogFiles } from '../../bus/embedded-log.ts'
import { LogCorrupt } from '../../bus/log.ts'
import { SqlError } from '../../protocol/errors.ts'
import { partition } from '../../protocol/ids.ts'
import { SimulatedClient } from './client.ts'
import type { ProcessName } from './fault-plan.ts'
import type { Kernel } from './kernel.ts'
import { SimulatedNetwork } from './network.ts'
import { differenceOf, ObservedLog } from './observed-log.ts'
import { countMoves, isMoving, violationsOfMoves } from './observed-moves.ts'
import { SimulatedProcess } from './process.ts'
import type { RunSettings } from './settings.ts'
import { breachesOfJournals } from './specification-partitions.ts'
import type { Violation } from './workloads.ts'

const journalDirectory = (p: number): string => `data/journal${p === 0 ? '' : `-${p}`}`

/** What a seed varies beside its faults. */
export interface DatabaseSettings {
  /** Small, so that every run rolls segments and trims. */
  readonly segmentBytes: number
  readonly fillBytes: number
  /** Short, so that every run trims. */
  readonly retention: Retention
  readonly checkpointDelayMs: number
}

/** A database as a run sees it, however many processes it is made of. */
export interface Simulated {
  readonly network: SimulatedNetwork
  readonly processes: ReadonlyMap<ProcessName, SimulatedProcess>
  /** The disk that faults of disks befall. */
  readonly disk: SimulatedProcess['disk']
  process(name: ProcessName): SimulatedProcess
  start(name: ProcessName): Promise<void>
  restart(name: ProcessName, delayMs: number): void
  /** Where journals lie outside the processes: what befalls their appends. */
  disturbStreams?(faults: { readonly lost: number; readonly unacknowledged: number; readonly late: number }): void
  /** A leader dies so often when a voter has said yes to it. */
  killLeaders?(chance: number): void
  /** An owner dies so often when a seal or an open has come into a journal. */
  killMovers?(chance: number): void
  /** Something has been given away and not been taken yet. */
  isMoving?(): boolean
  /** Faults are over. */
  heal?(): void
  /** A new session with this query processor, or undefined while it is down. */
  connect(name: ProcessName): SimulatedClient | undefined
  /** Entries that were there and are not any more. */
  lost(): readonly string[]
  /** What the commit protocol forbids and a journal shows. */
  breaches(): string[]
  /** Where storage and the journals disagree, once all is quiet. */
  difference(): string[]
  /** What query processors were told and the journals do not bear out. */
  invariants?(): Violation[]
  /** The journals as they are, read like a stranger would: throws LogCorrupt for damage. Answers the number of records. */
  readJournal(): number
}

/**
 * taudb as the simulator runs it: one process with the circle (journal, adjudicator, crossbar, storage on a simulated disk) and two with query
 * processors, so that every begin, read and commit crosses the simulated network. All of it is the product's own code.
 */
export class SimulatedDatabase implements Simulated {
  readonly network: SimulatedNetwork
  readonly processes: ReadonlyMap<ProcessName, SimulatedProcess>
  private readonly logs: readonly ObservedLog[]
  private readonly map: RangeMap
  private readonly kernel: Kernel
  private readonly settings: RunSettings
  private readonly processors = new Map<ProcessName, { readonly queryProcessor: QueryProcessor; readonly topology: Topology }>()
  private readonly clients = new Map<ProcessName, Set<SimulatedClient>>()
  private circle: RunningCircle | undefined
  private versionStore: MemoryVersionStore | undefined
  private nextBackendId = 1
  private deadliness = 0

  constructor(kernel: Kernel, settings: RunSettings) {
    this.kernel = kernel
    this.settings = settings
    this.map = evenMap(settings.partitions)
    this.logs = this.map.partitions.map(({ partition }) => new ObservedLog(partition))
    for (const log of this.logs) log.onMove = () => this.mayKill()
    countMoves(kernel)
    this.network = new SimulatedNetwork(kernel)
    const names: readonly ProcessName[] = ['circle', 'processor 1', 'processor 2']
    this.processes = new Map(names.map((name) => [name, new SimulatedProcess(kernel, this.network, name)]))
    // A failed sync or a full disk at start ends a real process; a supervisor starts it anew.
    this.process('circle').onFailure = (actor, error) => {
      if (!isDiskTrouble(error)) kernel.fail(new Error(`${actor} failed: ${String(error)}`, { cause: error }))
      kernel.count('process failed and restarted')
      kernel.after(0, 'supervisor', () => this.restart('circle', 50))
    }
  }

  process(name: ProcessName): SimulatedProcess {
    return this.processes.get(name) as SimulatedProcess
  }

  get disk(): SimulatedProcess['disk'] {
    return this.process('circle').disk
  }

  async start(name: ProcessName): Promise<void> {
    const process = this.process(name)
    const world = process.start()
    if (name !== 'circle') {
      const topology = new Topology(this.map)
      this.tellOwners(topology)
      const queryProcessor = new QueryProcessor({ world, topology, onBug: (error) => this.kernel.fail(error) })
      try {
        await queryProcessor.lifecycle.start()
      } catch (error) {
        if (!(error instanceof SqlError && error.code === '57P03')) throw error
        this.kernel.count('start refused: the circle does not answer')
        this.kernel.after(0, 'supervisor', () => this.restart(name, 100))
        return
      }
      this.processors.set(name, { queryProcessor, topology })
      return
    }
    try {
      const { segmentBytes, fillBytes, retention } = this.settings
      const logs: EmbeddedLog[] = []
      for (const [p, observed] of this.logs.entries()) {
        const log = await EmbeddedLog.open(world.files, {
          directory: journalDirectory(p),
          segmentBytes,
          fillBytes,
          exclusive: true,
        })
        observed.observe(log)
        logs.push(log)
      }
      const versionStore = new MemoryVersionStore(world.clock, { files: world.files, path: 'data/storage.image' })
      this.checkpointLater(world.clock, versionStore)
      const circle = await startCircle({ world, logs, versionStore, retention })
      this.circle = circle
      this.versionStore = versionStore
      for (const { topology } of this.processors.values()) this.tellOwners(topology)
      this.kernel.trace(`circle serves in epoch ${circle.topology.epochOf(partition(0))}`)
    } catch (error) {
      if (!isDiskTrouble(error)) throw error
      this.kernel.count('start refused by the disk')
      this.kernel.after(0, 'supervisor', () => this.restart('circle', 100))
    }
  }

  private tellOwners(topology: Topology): void {
    if (this.circle === undefined) return
    for (const { partition } of this.map.partitions) topology.owned(partition, this.circle.topology.epochOf(partition))
  }

  private checkpointLater(clock: { after(delayMs: number, action: () => void): unknown }, store: MemoryVersionStore): void {
    clock.after(this.settings.checkpointDelayMs, () => {
      this.kernel.count('checkpoint')
      store.checkpoint().then(
        () => this.checkpointLater(clock, store),
        () => this.checkpointLater(clock, store),
      )
    })
  }

  crash(name: ProcessName): void {
    const process = this.process(name)
    if (process.state === 'down') return
    process.crash()
    if (name === 'circle') {
      this.circle = undefined
      this.versionStore = undefined
    }
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

  killMovers(chance: number): void {
    this.deadliness = chance
  }

  private mayKill(): void {
    const random = this.kernel.random('deadly moves')
    if (!random.chance(this.deadliness)) return
    this.kernel.count('killed at a move')
    this.kernel.after(random.integer(1_000), 'deadly move', () => this.restart('circle', 20 + random.integer(100)))
  }

  heal(): void {
    this.deadliness = 0
  }

  isMoving(): boolean {
    return isMoving(this.logs.map((log) => log.records()))
  }

  invariants(): Violation[] {
    return violationsOfMoves(
      this.kernel,
      this.logs.map((log) => log.records()),
    )
  }

  get isServing(): boolean {
    return this.circle !== undefined && this.processors.size === 2
  }

  /** A new session with this query processor, or undefined while it is down. */
  connect(name: ProcessName): SimulatedClient | undefined {
    const processor = this.processors.get(name)
    if (processor === undefined || this.process(name).state !== 'running') return undefined
    const client = new SimulatedClient(processor.queryProcessor, this.nextBackendId++)
    const clients = this.clients.get(name) ?? new Set()
    this.clients.set(name, clients.add(client))
    return client
  }

  lost(): readonly string[] {
    return this.logs.flatMap(({ breaches }) => breaches)
  }

  breaches(): string[] {
    return breachesOfJournals(this.logs.map((log) => log.records()))
  }

  difference(): string[] {
    if (this.versionStore === undefined) throw new Error('harness: the circle is down')
    return differenceOf(
      this.logs.map((log) => log.records()),
      this.versionStore,
    )
  }

  readJournal(): number {
    const files = this.disk.attach(() => true)
    let records = 0
    for (const { partition } of this.map.partitions) {
      const chain = new Chain(partition)
      for (const entry of readLogFiles(files, journalDirectory(partition)))
        if (chain.accept(entry)?.decode() !== undefined) records++
    }
    return records
  }
}

function isDiskTrouble(error: unknown): boolean {
  if (error instanceof LogCorrupt) return false
  const text = `${String(error)} ${String((error as { cause?: unknown } | undefined)?.cause)}`
  return /EIO|ENOSPC|no room for a claim|the journal does not answer/.test(text)
}
