import type { MaybePromise } from '../../bus/bus.ts'
import type { World } from '../../bus/world.ts'
import type { RecordedTrace } from '../../observability/recorder.ts'
import type { AsideThreads } from './aside-threads.ts'
import type { Circle } from './circle.ts'
import type { ShownTransactions } from './identity.ts'
import type { Jobs } from './jobs.ts'
import type { MemoryPool } from './memory.ts'
import type { Oids } from './oids.ts'
import type { PlanCache } from './plan-cache.ts'
import type { SequenceBlocks } from './sequences.ts'
import type { Session } from './session.ts'
import type { CatalogCache } from './sql/catalog/load.ts'
import type { SpillArea } from './sql/execute/run.ts'
import type { Transaction } from './transaction.ts'
import type { WaitingLine } from './waiting-line.ts'

/** A statement that holds more than this spills or ends with 53200. */
export const memoryBytesMax = 256 * 1_024 * 1_024

/** What all sessions of one query processor share. */
export interface Runtime {
  readonly world: World
  readonly circle: Circle
  readonly catalogs: CatalogCache
  readonly blocks: SequenceBlocks
  readonly oids: Oids
  readonly plans: PlanCache
  readonly database: string
  /** What all statements share. */
  readonly memory: MemoryPool
  /** Where long statements wait for each other. */
  readonly waitingLine: WaitingLine
  /** Undefined: the world has no threads. */
  readonly asideThreads: AsideThreads | undefined
  newTransaction(nextSequenceValue: (sequenceOid: number) => MaybePromise<bigint>): Transaction
  /** A scratch area for one statement, emptied by `release`; undefined where there is no disk. */
  newSpill(): (SpillArea & { release(): void }) | undefined
  /** All that are open in this process. */
  readonly sessions: ReadonlySet<Session>
  readonly shown: ShownTransactions
  /** Statements that take longer are logged; undefined: none is. */
  readonly slowMicros: number | undefined
  /** Traces that are kept to be looked at. */
  recentTraces(): MaybePromise<readonly RecordedTrace[]>
  /** Jobs that DDL queues. */
  readonly jobs: Jobs
  /** A bug of ours that a client met. */
  bug(error: unknown): void
}
