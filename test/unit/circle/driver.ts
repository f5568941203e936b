import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ask } from '../../../actors/actor.ts'
import { type Retention, type RunningCircle, startCircle } from '../../../actors/circle.ts'
import type { VersionStore } from '../../../actors/storage/version-store.ts'
import { MemoryVersionStore } from '../../../actors/storage/version-store-memory.ts'
import type { MaybePromise } from '../../../bus/bus.ts'
import { EmbeddedBus } from '../../../bus/embedded.ts'
import type { Log } from '../../../bus/log.ts'
import { MemoryLog } from '../../../bus/memory-log.ts'
import { realWorld } from '../../../bus/real-world.ts'
import type { World } from '../../../bus/world.ts'
import { partition, type TransactionId, type Vector } from '../../../protocol/ids.ts'
import { type Key, storagePrefix } from '../../../protocol/key.ts'
import type {
  AdjudicatorRequests,
  BeginAnswer,
  Check,
  CommitAnswer,
  Mode,
  ScanAnswer,
  StorageRequests,
  Verdict,
  Write,
} from '../../../protocol/messages.ts'
import { type Tau, tau } from '../../../protocol/time.ts'

/** A key of table 7: what tests write as `k('a')`. */
export const k = (name: string): Key => (storagePrefix(7) + name) as Key

export function write(name: string, value: string | undefined, mode: Mode = 'X'): Write {
  return {
    key: k(name),
    operation: value === undefined ? 'delete' : 'create',
    mode,
    postImage: value === undefined ? undefined : Buffer.from(value),
  }
}

/** A world of its own for one test, with everything real but failures, which are kept. */
export function testWorld(change: Partial<World> = {}): World & { readonly failures: unknown[] } {
  const failures: unknown[] = []
  const world = realWorld({ bus: new EmbeddedBus(), onFailure: (_, error) => failures.push(error) })
  return { ...world, ...change, failures }
}

export interface Begun {
  readonly tauStart: Tau
  readonly vector: Vector
}

interface Parts {
  readonly world?: World
  readonly log?: Log
  readonly versionStore?: VersionStore
  readonly boot?: string
  readonly retention?: Retention
}

/** What a query processor does with the circle, in few words. */
export class Driver {
  readonly world: World
  readonly circle: RunningCircle
  private counter = 0
  private readonly boot: string

  constructor(world: World, circle: RunningCircle, boot = 'driver-1') {
    this.world = world
    this.circle = circle
    this.boot = boot
  }

  static async start(parts: Parts = {}): Promise<Driver> {
    const world = parts.world ?? testWorld()
    const log = parts.log ?? new MemoryLog()
    const versionStore = parts.versionStore ?? new MemoryVersionStore(world.clock)
    const retention = parts.retention === undefined ? {} : { retention: parts.retention }
    return new Driver(world, await startCircle({ world, logs: [log], versionStore, ...retention }), parts.boot)
  }

  get address(): string {
    return this.circle.topology.adjudicator(partition(0))
  }

  beginNow(): BeginAnswer {
    const answer = ask<AdjudicatorRequests, 'begin'>(this.world, this.address, { kind: 'begin', clock: this.circle.clock.read() })
    if (answer instanceof Promise) throw new Error('begin is not there at once')
    return answer
  }

  begin(): Begun {
    const { tau, sequence } = this.beginNow()
    return { tauStart: tau, vector: [sequence] }
  }

  async beginAt(atLeast: Tau): Promise<Begun> {
    const { tauStart, vector } = this.begin()
    if (tauStart >= atLeast) return { tauStart, vector }
    const closed = await ask<AdjudicatorRequests, 'closed'>(this.world, this.address, {
      kind: 'closed',
      clock: this.circle.clock.read(),
      at: atLeast,
    })
    return { tauStart: atLeast, vector: [closed.sequence] }
  }

  newId(): TransactionId {
    const leader = partition(0)
    return { leader, epoch: this.circle.topology.epochOf(leader), boot: this.boot, counter: ++this.counter }
  }

  commit(
    begun: Begun,
    writes: readonly Write[],
    checks: readonly Check[] = [],
    id = this.newId(),
    until = tau(Math.max(begun.tauStart, this.circle.clock.read()) + 5_000_000),
  ): MaybePromise<CommitAnswer> {
    return ask<AdjudicatorRequests, 'commit'>(this.world, this.address, {
      kind: 'commit',
      clock: this.circle.clock.read(),
      id,
      tauStart: begun.tauStart,
      until,
      writes,
      checks,
      traceparent: '',
    })
  }

  async verdict(begun: Begun, writes: readonly Write[], checks: readonly Check[] = []): Promise<Verdict> {
    return (await this.commit(begun, writes, checks)).verdict
  }

  /** Begin, write, commit. */
  async put(name: string, value: string | undefined): Promise<Tau> {
    const verdict = await this.verdict(this.begin(), [write(name, value)])
    if (verdict.kind !== 'commit') throw new Error(`refused: ${JSON.stringify(verdict)}`)
    return verdict.tauCommit
  }

  async get(begun: Begun, name: string): Promise<string | undefined> {
    const found = await this.getNow(begun, name)
    return found === undefined ? undefined : Buffer.from(found.postImage).toString()
  }

  getNow({ tauStart, vector }: Begun, name: string) {
    return ask<StorageRequests, 'get'>(this.world, this.circle.topology.storage(0), {
      kind: 'get',
      clock: this.circle.clock.read(),
      tauStart,
      vector,
      key: k(name),
    })
  }

  scan(
    { tauStart, vector }: Begun,
    options: { start?: string; end?: string; reverse?: boolean; rowsMax?: number } = {},
  ): MaybePromise<ScanAnswer> {
    return ask<StorageRequests, 'scan'>(this.world, this.circle.topology.storage(0), {
      kind: 'scan',
      clock: this.circle.clock.read(),
      tauStart,
      vector,
      range: { start: k(options.start ?? ''), end: k(options.end ?? '\xff') },
      reverse: options.reverse ?? false,
      rowsMax: options.rowsMax ?? 1_000,
      bytesMax: 10_000_000,
    })
  }

  async names(begun: Begun, options: { reverse?: boolean } = {}): Promise<string> {
    const { keys } = await this.scan(begun, options)
    return keys.map((key) => key.slice(4)).join(' ')
  }
}

/** A directory that is gone after the test. */
export function temporaryDirectory(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'taudb-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}
