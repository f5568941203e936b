import { randomUUID } from 'node:crypto'
import type { JetStreamManager, StreamInfo } from '@nats-io/jetstream'
import { type Partition, partition } from '../protocol/ids.ts'
import { decodeQuestion, encodeQuestion } from '../protocol/message-codec.ts'
import type { Present, RollCall } from '../protocol/messages.ts'
import { subjects } from '../protocol/subjects.ts'
import { Nats, type NatsOptions } from './nats-connection.ts'
import { type Database, databaseOf } from './nats-database.ts'
import { isAway, journalStream, unlessMissing } from './nats-streams.ts'
import type { Clock } from './world.ts'

/** A partition's journal as its servers see it. */
export interface SurveyedJournal {
  readonly partition: Partition
  readonly last: number
  readonly bytes: number
  readonly bytesMax: number
  /** The server that leads it; undefined while they elect. */
  readonly leader: string | undefined
  readonly copies: readonly { readonly server: string; readonly isCurrent: boolean }[]
}

/** What is there at one moment. */
export interface Survey {
  /** Undefined: none has been made, or JetStream does not answer. */
  readonly database: Database | undefined
  readonly server: string
  readonly present: readonly Present[]
  readonly journals: readonly SurveyedJournal[]
  /** Why there is nothing about the journals. */
  readonly trouble: string | undefined
}

const answersMs = 700
const requestMsMax = 3_000

/** Looks at a database from outside, as often as asked. Throws BusRefused where there is no connection. */
export async function openSurvey(
  options: NatsOptions,
  clock: Clock,
): Promise<{ look(): Promise<Survey>; close(): Promise<void> }> {
  const { jetstreamManager } = await import('@nats-io/jetstream')
  const nats = await Nats.connect(options, clock)
  const manager = await jetstreamManager(nats.connection, { checkAPI: false, timeout: requestMsMax })
  const { info } = nats.connection
  const server = `${nats.connection.getServer()}, version ${info?.version ?? 'unknown'}`
  return {
    async look() {
      const present = await rollCalled(nats, clock)
      const found = await journalsOf(manager, clock).catch((error: unknown) =>
        error instanceof Error ? error.message : String(error),
      )
      const rest =
        typeof found === 'string' ? { database: undefined, journals: [], trouble: found } : { ...found, trouble: undefined }
      return { server, present, ...rest }
    },
    close: () => nats.close(),
  }
}

async function rollCalled(nats: Nats, clock: Clock): Promise<Present[]> {
  const call = randomUUID()
  const present: Present[] = []
  const answers = nats.connection.subscribe(subjects.present, {
    callback: (error, message) => {
      if (error !== null) return
      try {
        const answer = decodeQuestion(message.data) as Present
        if (answer.kind === 'present' && answer.call === call) present.push(answer)
      } catch {
        // Not one of ours.
      }
    },
  })
  const question: RollCall = { kind: 'rollCall', clock: clock.now(), call }
  await nats.connection.flush()
  nats.connection.publish(subjects.rollCall, encodeQuestion(question))
  await clock.sleep(answersMs)
  answers.unsubscribe()
  return present.sort((a, b) => (a.process < b.process ? -1 : 1))
}

async function journalsOf(
  manager: JetStreamManager,
  clock: Clock,
): Promise<{ database: Database | undefined; journals: SurveyedJournal[] }> {
  const database = await databaseOf(manager, clock)
  const journals: SurveyedJournal[] = []
  for (let p = 0; p < (database?.partitions ?? 0); p++) {
    const found = await unlessMissing(manager.streams.info(journalStream(partition(p))))
    if (found !== undefined) journals.push(surveyed(partition(p), found))
  }
  return { database, journals }
}

function surveyed(of: Partition, { state, config, cluster }: StreamInfo): SurveyedJournal {
  const leader = cluster?.leader
  const copies = (cluster?.replicas ?? []).map((peer) => ({ server: peer.name, isCurrent: !isAway(peer) }))
  return {
    partition: of,
    last: state.last_seq,
    bytes: state.bytes,
    bytesMax: config.max_bytes,
    leader,
    copies: [...(leader === undefined || leader === '' ? [] : [{ server: leader, isCurrent: true }]), ...copies].sort((a, b) =>
      a.server < b.server ? -1 : 1,
    ),
  }
}
