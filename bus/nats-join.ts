import { partition } from '../protocol/ids.ts'
import * as codec from '../protocol/message-codec.ts'
import { NatsBus } from './nats.ts'
import { Nats, type NatsOptions } from './nats-connection.ts'
import { type Database, joinDatabase } from './nats-database.ts'
import { NatsLog } from './nats-log.ts'
import { NatsObjects, snapshotBucket } from './nats-objects.ts'
import { checkJetStream } from './nats-streams.ts'
import type { Objects } from './objects.ts'
import type { Clock } from './world.ts'

export interface JoinOptions extends NatsOptions {
  /** Undefined: as many as there are journals, one where there are none. */
  readonly partitions?: number
  readonly replicas?: number
  /** Of each journal's stream. */
  readonly journalBytesMax?: number
}

/** A process on NATS: its bus, and the journal of every partition. */
export interface Joined {
  readonly bus: NatsBus
  readonly logs: readonly NatsLog[]
  /** Tells this database from all others. */
  readonly database: string
  readonly serverVersion: string
  /** Where the database keeps its snapshots; made when it is not there. */
  objects(): Promise<Objects>
  close(): Promise<void>
}

/**
 * Connects and makes what is missing. Appends have a connection of their own, so that no large answer stands before them.
 * Throws BusRefused.
 */
export async function joinNats(options: JoinOptions, clock: Clock): Promise<Joined> {
  const messages = await Nats.connect(options, clock)
  const closers: (() => Promise<void>)[] = [() => messages.close()]
  const close = async (): Promise<void> => {
    for (const step of closers.splice(0).reverse()) await step()
  }
  try {
    const appends = await Nats.connect({ ...options, name: `${options.name ?? 'taudb'} journal` }, clock)
    closers.push(() => appends.close())
    const { replicas, journalBytesMax } = options
    const database = await joined(appends, clock, options)
    const logs: NatsLog[] = []
    for (let p = 0; p < database.partitions; p++) {
      const log = await NatsLog.open(appends, clock, {
        partition: partition(p),
        ...(replicas === undefined ? {} : { replicas }),
        ...(journalBytesMax === undefined ? {} : { bytesMax: journalBytesMax }),
      })
      logs.push(log)
    }
    const bus = new NatsBus(messages, clock, codec)
    closers.push(async () => bus.close())
    const bucket = { bucket: snapshotBucket(), create: true, ...(replicas === undefined ? {} : { replicas }) }
    const objects = (): Promise<Objects> => NatsObjects.open(messages, clock, bucket)
    return { bus, logs, database: database.id, serverVersion: messages.connection.info?.version ?? '', objects, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function joined(nats: Nats, clock: Clock, { partitions, replicas }: JoinOptions): Promise<Database> {
  const { jetstreamManager } = await import('@nats-io/jetstream')
  checkJetStream(nats)
  const manager = await jetstreamManager(nats.connection, { checkAPI: false })
  return await joinDatabase(nats, manager, clock, { wanted: partitions, replicas })
}
