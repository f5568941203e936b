import { type RunningCircle, startCircle } from '../../actors/circle.ts'
import { Chain } from '../../actors/journal/chain.ts'
import { QueryProcessor } from '../../actors/query-processor/query-processor.ts'
import { MemoryVersionStore } from '../../actors/storage/version-store-memory.ts'
import { singleMap, Topology } from '../../actors/topology.ts'
import { EmbeddedLog, readLogFiles } from '../../bus/embedded-log.ts'
import { LogCorrupt } from '../../bus/log.ts'
import { partition, transactionIdText } from '../../protocol/ids.ts'
import { SimulatedClient } from './client.ts'
import type { ProcessName } from './fault-plan.ts'
import type { Kernel } from './kernel.ts'
import { SimulatedNetwork } from './network.ts'
import { SimulatedProcess } from './process.ts'

const journalDirectory = 'data/journal'
/** Short, so that every run trims. */
const retention = { recordsMicros: 1_000_000, bytesMax: 2 ** 20, trimDelayMs: 900 }

/**
 * taudb as the simulator runs it: one process with the circle (journal, adjudicator, crossbar, storage on a simulated disk) and two with query
 * processors, so that every begin, read and commit crosses the simulated network. All of it is the product's own code.
 */
export class SimulatedDatabase {
  readonly network: SimulatedNetwork
  readonly processes: ReadonlyMap<ProcessName, SimulatedProcess>
  private readonly kernel: Kernel
  private readonly processors = new Map<ProcessName, { readonly queryProcessor: QueryProcessor; readonly topology: Topology }>()
  private readonly clients = new Map<ProcessName, Set<SimulatedClient>>()
  private circle: RunningCircle | undefined
  private nextBackendId = 1

  constructor(kernel: Kernel) {
    this.kernel = kernel
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
      await queryProcessor.lifecycle.start()
      this.processors.set(name, { queryProcessor, topology })
      return
    }
    try {
      const options = { directory: journalDirectory, segmentBytes: 16_384, fillBytes: 8_192, exclusive: true }
      const log = await EmbeddedLog.open(world.files, options)
      const versionStore = new MemoryVersionStore(world.clock, { files: world.files, path: 'data/storage.image' })
      this.checkpointLater(world.clock, versionStore)
      const circle = await startCircle({ world, log, versionStore, retention })
      this.circle = circle
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
    clock.after(700, () => {
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
    if (name === 'circle') this.circle = undefined
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

  /**
   * What the journal alone must show (R2, R12): an unbroken chain, one owner an epoch, rising tau, every id at most once. Answers the ids
   * of all transactions in it, as far as it reaches back.
   */
  readJournal(): { readonly ids: ReadonlySet<string>; readonly records: number } {
    const files = this.process('circle').disk.attach(() => true)
    const chain = new Chain(partition(0))
    const ids = new Set<string>()
    let records = 0
    for (const entry of readLogFiles(files, journalDirectory)) {
      const record = chain.accept(entry)?.decode()
      if (record === undefined) continue
      records++
      if (record.kind !== 'commit') continue
      for (const { id, tauStart } of record.transactions) {
        const text = transactionIdText(id)
        if (ids.has(text)) throw new Error(`R2: transaction ${text} is in the journal twice`)
        if (tauStart >= record.tau)
          throw new Error(`R12: transaction ${text} began at ${tauStart} and committed at ${record.tau}`)
        ids.add(text)
      }
    }
    return { ids, records }
  }
}

function isDiskTrouble(error: unknown): boolean {
  if (error instanceof LogCorrupt) return false
  const text = `${String(error)} ${String((error as { cause?: unknown } | undefined)?.cause)}`
  return /EIO|ENOSPC|no room for a claim|the journal does not answer/.test(text)
}
