import type { Random, World } from '../../bus/world.ts'
import { SimulatedDisk } from './disk.ts'
import type { Kernel } from './kernel.ts'
import type { Endpoint, SimulatedNetwork } from './network.ts'

/** Simulated wall clocks start here: microseconds since the Unix epoch, 2027-01-15. */
export const epochMicros = 1_800_000_000_000_000

type State = 'down' | 'running' | 'paused'

/**
 * One process of the simulation: its disk and clock outlive it, everything else is new after each start. `boot` builds the program in a World
 * and answers how to take it down. The process table is a state machine with assertions: starting a live process is the harness's bug.
 */
export class SimulatedProcess {
  readonly name: string
  readonly disk: SimulatedDisk
  /** Wall clock minus true time, microseconds; changed by skew and jump faults. */
  clockOffset = 0
  /** How fast the wall clock runs. */
  clockRate = 1
  /** Names of rare paths that this run takes, with their probability. */
  readonly rarePaths = new Map<string, number>()
  /** Hears of actors that failed for good; the default ends the simulation. */
  onFailure: (actor: string, error: unknown) => void
  state: State = 'down'
  private incarnation = 0
  private readonly held: { kind: string; action: () => void }[] = []
  private readonly kernel: Kernel
  private readonly network: SimulatedNetwork
  private endpoint: Endpoint | undefined

  constructor(kernel: Kernel, network: SimulatedNetwork, name: string) {
    this.kernel = kernel
    this.network = network
    this.name = name
    this.disk = new SimulatedDisk(kernel, name)
    this.onFailure = (actor, error) => kernel.fail(new Error(`${name}: ${actor} failed: ${String(error)}`, { cause: error }))
  }

  /** A new incarnation's world. Its timers, files and messages die with it. */
  start(): World {
    if (this.state !== 'down') throw new Error(`harness: ${this.name} is ${this.state} and cannot start`)
    this.state = 'running'
    const incarnation = ++this.incarnation
    const alive = (): boolean => this.incarnation === incarnation && this.state !== 'down'
    const endpoint: Endpoint = {
      process: this.name,
      alive,
      enter: (kind, action) => {
        if (!alive()) return
        if (this.state === 'paused') this.held.push({ kind, action })
        else action()
      },
    }
    this.endpoint = endpoint
    this.kernel.count('process started')
    const bus = this.network.attach(endpoint)
    const streams = new Map<string, Random>()
    const later = (delay: number, kind: string, action: () => void): { cancel(): void } =>
      this.kernel.after(delay, `${kind} ${this.name}`, () => endpoint.enter(kind, action))
    return {
      clock: {
        now: () => Math.round(epochMicros + this.kernel.now * this.clockRate + this.clockOffset),
        monotonic: () => this.kernel.now,
        after: (delayMs, action) => later(delayMs * 1_000, 'timer', action),
        soon: (action) => void later(0, 'soon', action),
        sleep: (delayMs) => new Promise((resolve) => later(delayMs * 1_000, 'sleep', resolve)),
      },
      random: (stream) => {
        const name = `${this.name} ${incarnation} ${stream}`
        const known = streams.get(name) ?? this.kernel.random(name)
        streams.set(name, known)
        return known
      },
      files: this.disk.attach(alive),
      bus,
      maybe: (path) => {
        const probability = this.rarePaths.get(path)
        if (probability === undefined || !this.kernel.random(`rare ${path}`).chance(probability)) return false
        this.kernel.count(`rare ${path}`)
        return true
      },
      failed: (actor, error) => {
        if (alive()) this.onFailure(actor, error)
      },
    }
  }

  /** The clock goes on from where it stands. */
  setClockRate(rate: number): void {
    this.clockOffset += Math.round(this.kernel.now * (this.clockRate - rate))
    this.clockRate = rate
  }

  crash(): void {
    if (this.state === 'down') throw new Error(`harness: ${this.name} is down and cannot crash`)
    this.state = 'down'
    if (this.endpoint !== undefined) this.network.disconnect(this.endpoint)
    this.endpoint = undefined
    this.held.length = 0
    this.disk.crash()
    this.kernel.count('fault crash')
    this.kernel.trace(`crash ${this.name}`)
  }

  pause(): void {
    if (this.state !== 'running') return
    this.state = 'paused'
    this.kernel.count('fault pause')
    this.kernel.trace(`pause ${this.name}`)
  }

  resume(): void {
    if (this.state !== 'paused') return
    this.state = 'running'
    for (const { kind, action } of this.held.splice(0))
      this.kernel.after(0, `resumed ${kind} ${this.name}`, () => this.endpoint?.enter(kind, action))
  }
}
