// What the SQL of many sessions means: opens sessions for frontends and gives them what they share.
// From: frontend.session. To: query-processor.statement; the circle through bus requests.
// Invariant: a session is opened only while the processor serves, and draining waits for no one who is idle.

import type { World } from '../../bus/world.ts'
import { SqlError } from '../../protocol/errors.ts'
import { transactionBytesDefault } from '../../protocol/limits.ts'
import type { QueryProcessorPort, QuerySession, SessionStart } from '../../protocol/session.ts'
import { Lifecycle } from '../actor.ts'
import type { Topology } from '../topology.ts'
import { AsideThreads } from './aside-threads.ts'
import type { Circle } from './circle.ts'
import { BusCircle } from './circle-bus.ts'
import { ShownTransactions } from './identity.ts'
import { Jobs } from './jobs.ts'
import { MemoryPool } from './memory.ts'
import { Oids } from './oids.ts'
import { OwnTransactions } from './own-transactions.ts'
import { PlanCache } from './plan-cache.ts'
import { RowIds } from './row-ids.ts'
import type { Runtime } from './runtime.ts'
import { SequenceBlocks } from './sequences.ts'
import { Session } from './session.ts'
import { CatalogCache } from './sql/catalog/load.ts'
import { Transaction } from './transaction.ts'
import { WaitingLine } from './waiting-line.ts'

const memoryBytesDefault = 2_147_483_648

export interface QueryProcessorOptions {
  readonly world: World
  readonly topology: Topology
  /** The one database a client may name. */
  readonly database?: string
  readonly transactionBytesMax?: number
  /** What the process may use: a quarter of it for statements, a half for uncommitted writes. */
  readonly memoryBytesMax?: number
  readonly newSpill?: Runtime['newSpill']
  /** Statements that take longer are logged. */
  readonly slowMs?: number | undefined
  /** What sys.spans shows. */
  readonly recentTraces?: Runtime['recentTraces']
  /** Hears of bugs of ours that a client was told as XX000. */
  readonly onBug?: (error: unknown) => void
  /** How long to go on asking actors of other processes, where one may take another's place. */
  readonly patienceMs?: number
  /** Another way to the other actors than the bus, for tests. */
  readonly circle?: Circle
}

export class QueryProcessor implements QueryProcessorPort {
  readonly lifecycle: Lifecycle
  readonly runtime: Runtime
  readonly transactions: OwnTransactions
  readonly jobs: Jobs
  private readonly sessions = new Set<Session>()

  constructor(options: QueryProcessorOptions) {
    const { world, topology } = options
    const circle = options.circle ?? new BusCircle(world, topology, world.random('transaction-id'), options.patienceMs)
    const rowIds = new RowIds(world.clock, world.random('row-id'))
    const bytesMax = options.transactionBytesMax ?? transactionBytesDefault
    const memoryBytesMax = options.memoryBytesMax ?? memoryBytesDefault
    const uncommitted = new MemoryPool(memoryBytesMax / 2)
    const newTransaction: Runtime['newTransaction'] = (nextSequenceValue) =>
      new Transaction({ circle, rowIds, bytesMax, uncommitted, nextSequenceValue })
    const noSequences = (): never => {
      throw new SqlError('XX000', 'a transaction of our own asks no sequence')
    }
    this.transactions = new OwnTransactions(circle, () => newTransaction(noSequences))
    const catalogs = new CatalogCache()
    const bug = options.onBug ?? ((): void => {})
    this.jobs = new Jobs({ world, transactions: this.transactions, catalogs, bug })
    this.runtime = {
      world,
      circle,
      catalogs,
      jobs: this.jobs,
      blocks: new SequenceBlocks(this.transactions),
      oids: new Oids(this.transactions),
      plans: new PlanCache(),
      sessions: this.sessions,
      shown: new ShownTransactions(circle),
      slowMicros: options.slowMs === undefined ? undefined : options.slowMs * 1_000,
      recentTraces: options.recentTraces ?? (() => []),
      database: options.database ?? 'postgres',
      memory: new MemoryPool(memoryBytesMax / 4),
      waitingLine: new WaitingLine(world.clock),
      asideThreads: world.startThread === undefined ? undefined : new AsideThreads(world.startThread),
      newTransaction,
      newSpill: options.newSpill ?? ((): undefined => undefined),
      bug,
    }
    this.lifecycle = new Lifecycle('query-processor', world, {
      // Sessions are served meanwhile: a statement that finds nobody says so itself.
      recover: async () => void this.jobs.resume(),
      drain: async () => this.stop(),
      drop: () => this.stop(),
    })
  }

  openSession(start: SessionStart): QuerySession {
    if (!this.lifecycle.serving) throw new SqlError('57P03', 'the database system is starting up', { severity: 'FATAL' })
    if (start.database !== this.runtime.database) {
      throw new SqlError('3D000', `database "${start.database}" does not exist`, { severity: 'FATAL' })
    }
    try {
      const session = new Session(this.runtime, start, () => this.sessions.delete(session))
      this.sessions.add(session)
      return session
    } catch (error) {
      throw error instanceof SqlError ? new SqlError(error.code, error.message, { ...error.fields, severity: 'FATAL' }) : error
    }
  }

  get sessionCount(): number {
    return this.sessions.size
  }

  private stop(): void {
    this.jobs.stop()
    this.runtime.asideThreads?.close()
    for (const session of [...this.sessions]) session.close()
  }
}
