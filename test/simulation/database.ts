import { type Retention, type RunningCircle, startCircle } from '../../actors/circle.ts'
import { Chain } from '../../actors/journal/chain.ts'
import { QueryProcessor } from '../../actors/query-processor/query-processor.ts'
import { MemoryVersionStore } from '../../actors/storage/version-store-memory.ts'
import { singleMap, Topology } from '../../actors/topology.ts'
import { EmbeddedLog, readLogFiles } from '../../bus/embedded-log.ts'
import { LogCorrupt } from '../../bus/log.ts'
import { SqlError } from '../../protocol/errors.ts'
import { partition } from '../../protocol/ids.ts'
import { SimulatedClient } from './client.ts'
import type { ProcessName } from './fault-plan.ts'
import type { Kernel } from './kernel.ts'
import { SimulatedNetwork } from './network.ts'
import { ObservedLog } from './observed-log.ts'
import { SimulatedProcess } from './process.ts'

const journalDirectory = 'data/journal'

/** What a seed varies beside its faults. */
export interface DatabaseSettings {
  /** Small, so that every run rolls segments and trims. */
  readonly segmentBytes: number
  readonly fillBytes: number
  /** Short, so that every run trims. */
  readonly retention: Retention
  readonly checkpointDelayMs: number
}

/**
 * taudb as the simulator runs it: one process with the circle (journal, adjudicator, crossbar, storage on a simulated disk) and two with query
 * processors, so that every begin, read and commit crosses the simulated network. All of it is the product's own code.
 */
export class SimulatedDatabase {
  readonly network: SimulatedNetwork
  readonly processes: ReadonlyMap<ProcessName, SimulatedProcess>
  readonly log = new ObservedLog()
  private readonly kernel: Kernel
  private readonly settings: DatabaseSettings
  private readonly processors = new Map<ProcessName, { readonly queryProcessor: QueryProcessor; readonly topology: Topology }>()
  private readonly clients = new Map<ProcessName, Set<SimulatedClient>>()
  private circle: RunningCircle | undefined
  private versionStore: MemoryVersionStore | undefined
  private nextBackendId = 1

  constructor(kernel: Kernel, settings: DatabaseSettings) {
    this.kernel = kernel
    this.settings = settings
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

  async start(name: ProcessName): Promise<void> {
    const process = this.process(name)
    const world = process.start()
    if (name !== 'circle') {
      const topology = new Topology(singleMap)
      if (this.circle !== undefined) topology.owned(partition(0), this.circle.topology.epochOf(partition(0)))
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
      const options = { directory: journalDirectory, segmentBytes, fillBytes, exclusive: true }
      const log = await EmbeddedLog.open(world.files, options)
      this.log.observe(log)
      const versionStore = new MemoryVersionStore(world.clock, { files: world.files, path: 'data/storage.image' })
      this.checkpointLater(world.clock, versionStore)
      const circle = await startCircle({ world, logs: [log], versionStore, retention })
      this.circle = circle
      this.versionStore = versionStore
      const epoch = circle.topology.epochOf(partition(0))
      for (const { topology } of this.processors.values()) topology.owned(partition(0), epoch)
      this.kernel.trace(`circle serves in epoch ${epoch}`)
    } catch (error) {
      if (!isDiskTrouble(error)) throw error
      this.kernel.count('start refused by the disk')
      this.kernel.after(0, 'supervisor', () => this.restart('circle', 100))
    }
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

  /** Where storage and the journal disagree, once all is quiet. */
  difference(): string[] {
    if (this.versionStore === undefined) throw new Error('harness: the circle is down')
    return this.log.difference(this.versionStore)
  }

  /** The journal's files as they are, read like a stranger would: throws LogCorrupt for damage. Answers the number of records. */
  readJournal(): number {
    const files = this.process('circle').disk.attach(() => true)
    const chain = new Chain(partition(0))
    let records = 0
    for (const entry of readLogFiles(files, journalDirectory)) if (chain.accept(entry)?.decode() !== undefined) records++
    return records
  }
}

function isDiskTrouble(error: unknown): boolean {
  if (error instanceof LogCorrupt) return false
  const text = `${String(error)} ${String((error as { cause?: unknown } | undefined)?.cause)}`
  return /EIO|ENOSPC|no room for a claim|the journal does not answer/.test(text)
}
