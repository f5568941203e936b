import { randomUUID } from 'node:crypto'
import type { JetStreamManager } from '@nats-io/jetstream'
import { partition } from '../protocol/ids.ts'
import { partitionsMax } from '../protocol/limits.ts'
import { BusError, BusRefused } from './bus.ts'
import type { Nats } from './nats-connection.ts'
import { answered, apiCode, journalStream, unlessMissing } from './nats-streams.ts'
import type { Clock } from './world.ts'

/** What every process of a database must agree about, said once, when it is made. */
export interface Database {
  /** Random: tells this database from all others, on these servers or elsewhere. */
  readonly id: string
  readonly partitions: number
}

export const databaseStream = 'taudb-database'
const subject = 'taudb.database'
const noMessage = 10_037
const nameInUse = 10_058
const sayMsMax = 2_000
const attemptsMax = 20
const retryMs = 250

/**
 * The database on these servers. Where there is none, this process proposes one, and so may others at the same moment: the stream takes one
 * message, so that everybody reads the first proposal. Throws BusRefused where it was made with other than the `wanted` partitions.
 */
export async function joinDatabase(
  nats: Nats,
  manager: JetStreamManager,
  clock: Clock,
  { wanted, replicas }: { readonly wanted: number | undefined; readonly replicas: number | undefined },
): Promise<Database> {
  await ensureStream(nats, manager, clock, replicas)
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const found = await databaseOf(manager, clock)
    if (found !== undefined) return checked(found, wanted)
    // Journals that are older than this record say how many there are.
    const journals = await journalCount(manager, clock)
    await propose(nats, { id: randomUUID(), partitions: journals > 0 ? journals : (wanted ?? 1) })
    if (attempt > 0) await clock.sleep(retryMs)
  }
  throw new BusRefused(`the stream ${databaseStream} takes no message: look at it with "nats stream info ${databaseStream}"`)
}

/** Undefined where there is none yet. */
export async function databaseOf(manager: JetStreamManager, clock: Clock): Promise<Database | undefined> {
  const bytes = await answered(clock, async () => {
    if ((await unlessMissing(manager.streams.info(databaseStream))) === undefined) return undefined
    try {
      return (await manager.streams.getMessage(databaseStream, { seq: 1 }))?.data
    } catch (error) {
      if (apiCode(error) === noMessage) return undefined
      throw error
    }
  })
  return bytes === undefined ? undefined : read(bytes)
}

export async function journalCount(manager: JetStreamManager, clock: Clock): Promise<number> {
  let found = 0
  while (found < partitionsMax) {
    const name = journalStream(partition(found))
    if ((await answered(clock, () => unlessMissing(manager.streams.info(name)))) === undefined) break
    found++
  }
  return found
}

async function ensureStream(nats: Nats, manager: JetStreamManager, clock: Clock, replicas: number | undefined): Promise<void> {
  const { info } = nats.connection
  await answered(clock, async () => {
    if ((await unlessMissing(manager.streams.info(databaseStream))) !== undefined) return
    try {
      await manager.streams.add({
        name: databaseStream,
        subjects: [subject],
        retention: 'limits',
        storage: 'file',
        discard: 'new',
        num_replicas: replicas ?? (info?.cluster === undefined ? 1 : 3),
        max_msgs: 1,
        deny_delete: true,
        deny_purge: true,
      })
    } catch (error) {
      // Another process was quicker.
      if (apiCode(error) !== nameInUse) throw error
    }
  })
}

/** Accepted, refused or lost on the way: the stream says afterwards what is so. */
async function propose(nats: Nats, database: Database): Promise<void> {
  const { headers } = await import('@nats-io/transport-node')
  const first = headers()
  first.set('Nats-Expected-Last-Sequence', '0')
  first.set('Nats-Expected-Stream', databaseStream)
  try {
    await nats.replies.ask(subject, Buffer.from(JSON.stringify(database)), sayMsMax, first)
  } catch (error) {
    if (!(error instanceof BusError)) throw error
  }
}

function read(bytes: Uint8Array): Database {
  try {
    const { id, partitions } = JSON.parse(new TextDecoder().decode(bytes)) as { id?: unknown; partitions?: unknown }
    const isCount = Number.isInteger(partitions) && Number(partitions) >= 1 && Number(partitions) <= partitionsMax
    if (typeof id === 'string' && id !== '' && isCount) return { id, partitions: Number(partitions) }
  } catch {}
  throw new BusRefused(`the stream ${databaseStream} does not say which database this is: it was not written by taudb`)
}

function checked(found: Database, wanted: number | undefined): Database {
  const { partitions } = found
  if (wanted === undefined || wanted === partitions) return found
  throw new BusRefused(
    `there are ${partitions} journals on these servers, not ${wanted}: a database keeps the number of partitions that it was made with`,
  )
}
