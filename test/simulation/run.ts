import { ConnectionLost } from './client.ts'
import { type Simulated, SimulatedDatabase } from './database.ts'
import { type Fault, type ProcessName, planFaults } from './fault-plan.ts'
import { Kernel } from './kernel.ts'
import { moveRanges } from './mover.ts'
import { PartitionedDatabase } from './partitioned-database.ts'
import { drawPartitions, drawSettings, type RunSettings } from './settings.ts'
import { bank, listAppend, register, uniqueInsert, type Violation, type Workload } from './workloads.ts'
import { indexBuild, indexJob } from './workloads-index.ts'
import { bulk, counter, onCall, orphans, savepoints, sequence, tickets } from './workloads-sql.ts'

export interface RunOptions {
  readonly seed: number
  /** Transactions that clients attempt, over all workloads. */
  readonly steps: number
  /** Instead of the seed's own plan. */
  readonly faults?: readonly Fault[]
  /** Instead of the seed's own. */
  readonly settings?: Partial<RunSettings>
  /** Only these workloads and these oracles that look at the whole (`journal`, `durability`, `specification`, `replicas`), by name. */
  readonly only?: ReadonlySet<string>
  /** Oracles that look away, by name: proof that another one finds a planted bug. */
  readonly blind?: ReadonlySet<string>
}

export interface RunReport {
  readonly seed: number
  readonly digest: string
  readonly committed: number
  readonly attempted: number
  readonly violations: readonly Violation[]
  readonly counters: ReadonlyMap<string, number>
  readonly faults: readonly Fault[]
  readonly settings: RunSettings
  readonly simulatedSeconds: number
  /** Set when the run ended early: an assertion of the product, an unexpected error, a failed actor (oracle `assertion`). */
  readonly error: unknown
  readonly tail: readonly string[]
}

/** R7: after everything has healed, whatever is under way ends within this. */
const livenessMs = 60_000

/** One run: start, set up, load while faults happen, heal, wait for everyone, look. Everything follows from the seed and the fault list. */
export async function simulate(options: RunOptions): Promise<RunReport> {
  const kernel = new Kernel(options.seed)
  const partitions = options.settings?.partitions
  const drawn = { ...drawSettings(kernel), ...(partitions !== undefined && drawPartitions(kernel, partitions)) }
  const settings = { ...drawn, ...options.settings }
  const { clients: clientCount, faultyMs } = settings
  const database: Simulated = settings.apart ? new PartitionedDatabase(kernel, settings) : new SimulatedDatabase(kernel, settings)
  const faults = options.faults ?? planFaults(kernel, faultyMs, [...database.processes.keys()], settings.movesMs > 0)
  const workloads = makers(kernel)
    .filter(([name]) => options.only?.has(name) ?? settings.workloads.includes(name))
    // Too large for a transaction over several partitions.
    .filter(([name]) => name !== 'bulk' || settings.partitions === 1)
    .map(([, make]) => make())
  const looks = (oracle: string): boolean => (options.only?.has(oracle) ?? true) && options.blind?.has(oracle) !== true
  /** The load lasts about as long as the faults do. */
  const thinkMsMax = Math.max(1, Math.round((2 * faultyMs * clientCount) / options.steps))
  const violations: Violation[] = []
  let attempted = 0
  let error: unknown

  /** Runs a script while simulated time passes; answers false when it did not end in time. */
  const play = async (script: Promise<void>, limitMs: number): Promise<boolean> => {
    let ended = false
    script.then(
      () => {
        ended = true
      },
      (reason: unknown) => kernel.fail(reason),
    )
    await kernel.run(kernel.now + limitMs * 1_000, () => ended)
    return ended
  }

  const pause = (ms: number): Promise<void> => new Promise((resolve) => kernel.after(ms * 1_000, 'client pause', resolve))

  const connect = async (name: ProcessName): Promise<NonNullable<ReturnType<Simulated['connect']>>> => {
    for (;;) {
      const client = database.connect(name)
      if (client !== undefined) return client
      await pause(20)
    }
  }

  const setUp = async (): Promise<void> => {
    for (const name of database.processes.keys()) await database.start(name)
    const client = await connect('processor 1')
    for (const sql of workloads.flatMap(({ setup }) => setup)) {
      const { error: refusal } = await client.query(sql)
      if (refusal !== undefined) throw refusal
    }
    client.close()
  }

  const runClient = async (number: number): Promise<void> => {
    const random = kernel.random(`client ${number}`)
    const name: ProcessName = number % 2 === 0 ? 'processor 1' : 'processor 2'
    let client = await connect(name)
    while (attempted < options.steps) {
      attempted++
      try {
        await random.pick(workloads).transaction(client, random)
        if (!client.isConnected) client = await connect(name)
      } catch (reason) {
        if (!(reason instanceof ConnectionLost)) throw reason
        client = await connect(name)
      }
      await pause(random.integer(thinkMsMax))
    }
    client.close()
  }

  const settled = async (): Promise<void> => {
    while (database.isMoving?.() === true) await pause(100)
  }

  /** The last crash may have come just before everything healed: the reader waits until somebody answers, within the bound of R7. */
  const look = async (): Promise<void> => {
    let client = await connect('processor 2')
    for (;;) {
      const { error: refusal } = await client.query('select count(*) from pg_class').catch(() => ({ error: undefined }))
      if (refusal === undefined && client.isConnected) break
      await pause(50)
      if (!client.isConnected) client = await connect('processor 2')
    }
    for (const workload of workloads) {
      if (options.blind?.has(workload.name) !== true) violations.push(...(await workload.check(client)))
    }
    client.close()
  }

  try {
    if (!(await play(setUp(), settings.apart ? 60_000 : 10_000))) throw new Error('the database did not start')
    const loads = Array.from({ length: clientCount }, (_, i) => runClient(i))
    for (const fault of faults) kernel.after(fault.at * 1_000, `fault ${fault.kind}`, () => inflict(kernel, database, fault))
    let working = clientCount
    for (const load of loads) load.finally(() => working--).catch(() => {})
    const { partitions: count, movesMs } = settings
    if (movesMs > 0) {
      const options = { partitions: count, delayMs: movesMs, connect: () => connect('processor 2'), isOver: () => working === 0 }
      loads.push(moveRanges(kernel, options))
    }
    const everyone = Promise.all(loads).then(() => {})
    const faultsEnd = kernel.now + faultyMs * 1_000
    const ended = await play(everyone, faultyMs)
    // No fault comes after the healing, however soon the clients were through.
    await kernel.run(faultsEnd)
    heal(database)
    if (!(ended || (await play(everyone, livenessMs))))
      violations.push({ oracle: 'liveness', promise: 'R7', detail: 'clients still wait after everything has healed' })
    else if (settings.movesMs > 0 && !(await play(settled(), livenessMs)))
      violations.push({ oracle: 'liveness', promise: 'R7', detail: 'places were given away and nobody takes them' })
    else if (!(await play(look(), livenessMs)))
      violations.push({ oracle: 'liveness', promise: 'R7', detail: 'the last reader is not answered' })
    else lookAtAll(database, looks, violations)
  } catch (reason) {
    error = reason
    if (options.blind?.has('assertion') !== true) violations.push({ oracle: 'assertion', promise: 'R12', detail: String(reason) })
  }
  const committed = workloads.reduce((sum, workload) => sum + workload.committed, 0)
  return {
    seed: options.seed,
    digest: kernel.digest(),
    committed,
    attempted,
    violations,
    counters: kernel.counters,
    faults,
    settings,
    simulatedSeconds: kernel.now / 1e6,
    error,
    tail: kernel.tail,
  }
}

const makers = (kernel: Kernel): readonly (readonly [string, () => Workload])[] => [
  ['bank', bank],
  ['list-append', () => listAppend(kernel)],
  ['long-fork', () => listAppend(kernel, 'long-fork')],
  ['register', () => register(kernel)],
  ['unique-insert', uniqueInsert],
  ['counter', counter],
  ['on-call', () => onCall(kernel)],
  ['orphans', orphans],
  ['savepoints', savepoints],
  ['tickets', tickets],
  ['sequence', sequence],
  ['index-build', () => indexBuild(kernel)],
  ['bulk', bulk],
  ['index-job', () => indexJob(kernel)],
]

/** Oracles that need no workload. */
function lookAtAll(database: Simulated, looks: (oracle: string) => boolean, violations: Violation[]): void {
  if (looks('durability')) for (const detail of database.lost()) violations.push({ oracle: 'durability', promise: 'R1', detail })
  if (looks('specification'))
    for (const detail of database.breaches()) violations.push({ oracle: 'specification', promise: 'R12', detail })
  if (looks('replicas'))
    for (const detail of database.difference()) violations.push({ oracle: 'replicas', promise: 'R8', detail })
  for (const violation of database.invariants?.() ?? []) if (looks(violation.oracle)) violations.push(violation)
  if (looks('journal')) {
    try {
      database.readJournal()
    } catch (reason) {
      violations.push({ oracle: 'journal', promise: 'R9', detail: String(reason) })
    }
  }
}

/** The one command that repeats a run. */
export function commandFor(
  { seed, faults }: RunReport,
  { steps, settings }: { readonly steps: number; readonly settings?: Partial<RunSettings> },
): string {
  const changed = settings === undefined ? '' : ` --settings '${JSON.stringify(settings)}'`
  return `npm run simulate -- --seed ${seed} --steps ${steps}${changed} --faults '${JSON.stringify(faults)}'`
}

export const hasFailed = ({ error, violations }: RunReport): boolean => error !== undefined || violations.length > 0

function inflict(kernel: Kernel, database: Simulated, fault: Fault): void {
  const later = (action: () => void, ms: number): void => {
    kernel.after(ms * 1_000, `end of ${fault.kind}`, action)
  }
  const { disk } = database
  const { faults: network } = database.network
  switch (fault.kind) {
    case 'crash':
      if (database.process(fault.process).state !== 'down') database.restart(fault.process, fault.for)
      return
    case 'pause':
      database.process(fault.process).pause()
      later(() => database.process(fault.process).resume(), fault.for)
      return
    case 'cut':
      database.network.cutOff(fault)
      later(() => database.network.heal(), fault.for)
      return
    case 'lossy network':
      Object.assign(network, { drop: fault.drop, duplicate: fault.duplicate, slow: fault.slow })
      later(() => Object.assign(network, { drop: 0, duplicate: 0, slow: 0 }), fault.for)
      return
    case 'disturbed streams':
      database.disturbStreams?.(fault)
      later(() => database.disturbStreams?.({ lost: 0, unacknowledged: 0, late: 0 }), fault.for)
      return
    case 'deadly votes':
      database.killLeaders?.(fault.chance)
      later(() => database.killLeaders?.(0), fault.for)
      return
    case 'deadly moves':
      database.killMovers?.(fault.chance)
      later(() => database.killMovers?.(0), fault.for)
      return
    case 'slow sync':
      disk.faults.syncSlow = 0.3
      later(() => {
        disk.faults.syncSlow = 0
      }, fault.for)
      return
    case 'failing sync':
      disk.faults.syncFails = 0.5
      later(() => {
        disk.faults.syncFails = 0
      }, fault.for)
      return
    case 'full disk':
      disk.faults.bytesMax = disk.bytesUsed()
      later(() => {
        disk.faults.bytesMax = Number.POSITIVE_INFINITY
      }, fault.for)
      return
    case 'clock jump':
      database.process(fault.process).clockOffset += fault.by
      kernel.count('fault clock jump')
      return
    case 'clock rate':
      database.process(fault.process).setClockRate(fault.rate)
      kernel.count('fault clock rate')
  }
}

function heal(database: Simulated): void {
  Object.assign(database.network.faults, { drop: 0, duplicate: 0, slow: 0 })
  database.network.heal()
  database.heal?.()
  Object.assign(database.disk.faults, { syncFails: 0, syncSlow: 0, bytesMax: Number.POSITIVE_INFINITY })
  for (const process of database.processes.values()) process.resume()
}
