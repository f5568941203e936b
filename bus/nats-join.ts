import { partition } from '../protocol/ids.ts'
import { partitionsMax } from '../protocol/limits.ts'
import * as codec from '../protocol/message-codec.ts'
import { BusRefused } from './bus.ts'
import { NatsBus } from './nats.ts'
import { Nats, type NatsOptions } from './nats-connection.ts'
import { NatsLog } from './nats-log.ts'
import { answered, journalStream, unlessMissing } from './nats-streams.ts'
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
  readonly serverVersion: string
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
    const count = await partitionCount(appends, clock, options.partitions)
    const { replicas, journalBytesMax } = options
    const logs: NatsLog[] = []
    for (let p = 0; p < count; p++) {
      const log = await NatsLog.open(appends, clock, {
        partition: partition(p),
        ...(replicas === undefined ? {} : { replicas }),
        ...(journalBytesMax === undefined ? {} : { bytesMax: journalBytesMax }),
      })
      logs.push(log)
    }
    const bus = new NatsBus(messages, clock, codec)
    closers.push(async () => bus.close())
    return { bus, logs, serverVersion: messages.connection.info?.version ?? '', close }
  } catch (error) {
    await close()
    throw error
  }
}

async function partitionCount(nats: Nats, clock: Clock, wanted: number | undefined): Promise<number> {
  const { jetstreamManager } = await import('@nats-io/jetstream')
  const { info } = nats.connection
  // Without JetStream there is nothing to count: opening the first journal says so.
  if (info?.jetstream !== true && info?.cluster === undefined) return 1
  const manager = await jetstreamManager(nats.connection, { checkAPI: false })
  let found = 0
  while (found < partitionsMax) {
    const name = journalStream(partition(found))
    if ((await answered(clock, () => unlessMissing(manager.streams.info(name)))) === undefined) break
    found++
  }
  if (found > 0 && wanted !== undefined && wanted !== found) {
    throw new BusRefused(
      `there are ${found} journals on these servers, not ${wanted}: a database keeps the number of partitions that it was made with`,
    )
  }
  return found > 0 ? found : (wanted ?? 1)
}
