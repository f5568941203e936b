import type { JetStreamManager, PeerInfo, StreamConfig, StreamInfo } from '@nats-io/jetstream'
import type { Partition } from '../protocol/ids.ts'
import { journalMessageBytesMax } from '../protocol/limits.ts'
import { BusRefused } from './bus.ts'
import type { Nats } from './nats-connection.ts'
import type { Clock } from './world.ts'

/** A stream of ours stands there with settings that do not keep the promise. Nothing was changed. */
export class StreamDiffers extends BusRefused {
  override readonly name = 'StreamDiffers'
}

/** JetStream cannot serve us at all: switched off, too small, or the servers are too old. */
export class JetStreamRefused extends BusRefused {
  override readonly name = 'JetStreamRefused'
}

export interface JournalStreamOptions {
  /** Several databases may live on one set of servers. */
  readonly database?: string
  readonly partition: Partition
  /** Undefined: three where the servers are a cluster, else one; an existing stream stays as it is. */
  readonly replicas?: number
  /** Undefined: 1 GiB; an existing stream stays as it is. */
  readonly bytesMax?: number
}

const bytesMaxDefault = 2 ** 30
const duplicateWindowNanos = 120_000_000_000
/** Subject, reply and headers of a journal message beside its payload. */
const messageOverheadBytes = 1_024
const streamNotFound = 10_059
const nameInUse = 10_058
const insufficientStorage = 10_047
const systemUnavailable = 10_008
const clusterUnavailable = 10_009
/** Servers of a cluster that has just started know of each other, and JetStream does not yet. */
const noPeers = 10_005
const notEnabledForAccount = 10_039
/** An election takes JetStream up to nine seconds. */
const answerMsMax = 20_000
const retryMs = 250

export const journalStream = (partition: Partition, database = 'taudb'): string => `${database}-journal-${partition}`
export const journalSubject = (partition: Partition, database = 'taudb'): string => `${database}.journal.${partition}`

/** Rule 17: nothing leaves the stream but by a trim of ours; what does not fit is refused. */
function wanted({
  partition,
  database,
  replicas,
  bytesMax,
}: Required<JournalStreamOptions>): Partial<StreamConfig> & { name: string } {
  return {
    name: journalStream(partition, database),
    subjects: [journalSubject(partition, database)],
    retention: 'limits',
    storage: 'file',
    discard: 'new',
    num_replicas: replicas,
    max_bytes: bytesMax,
    max_msgs: -1,
    max_msgs_per_subject: -1,
    max_age: 0,
    max_msg_size: -1,
    max_consumers: -1,
    duplicate_window: duplicateWindowNanos,
    deny_delete: true,
    deny_purge: false,
    allow_rollup_hdrs: false,
    allow_direct: false,
  }
}

/** What may differ in a stream that is there, unless it was asked for. */
const free = new Set(['max_bytes', 'num_replicas'])

/** Settings that let others write, change or remove messages. */
const unwanted = ['mirror', 'sources', 'subject_transform', 'allow_msg_ttl', 'allow_msg_counter', 'sealed', 'no_ack'] as const

/** The journal's stream, made on first start. Throws StreamDiffers for one with other settings, JetStreamRefused where there can be none. */
export async function ensureJournalStream(
  nats: Nats,
  manager: JetStreamManager,
  clock: Clock,
  options: JournalStreamOptions,
): Promise<StreamInfo> {
  checkJetStream(nats)
  const { info } = nats.connection
  const config = wanted({
    partition: options.partition,
    database: options.database ?? 'taudb',
    replicas: options.replicas ?? (info?.cluster === undefined ? 1 : 3),
    bytesMax: options.bytesMax ?? bytesMaxDefault,
  })
  // Whoever may not make a stream waits here until somebody else has made it.
  const found = await answered(
    clock,
    async () => (await unlessMissing(manager.streams.info(config.name))) ?? (await added(manager, config)),
  )
  const asked = new Set([
    ...(options.replicas === undefined ? [] : ['num_replicas']),
    ...(options.bytesMax === undefined ? [] : ['max_bytes']),
  ])
  const differences = Object.entries(config).flatMap(([name, value]) => {
    const actual = (found.config as unknown as Record<string, unknown>)[name] ?? (typeof value === 'boolean' ? false : undefined)
    if (free.has(name) && !asked.has(name)) return []
    return JSON.stringify(actual) === JSON.stringify(value)
      ? []
      : [`${name} is ${JSON.stringify(actual)}, not ${JSON.stringify(value)}`]
  })
  const others = unwanted.filter((name) => Boolean(found.config[name])).map((name) => `${name} is set`)
  if (found.config.persist_mode === 'async') others.push('persist_mode is "async"')
  if (differences.length + others.length > 0) {
    throw new StreamDiffers(
      `the stream ${config.name} has other settings than a journal needs (${[...differences, ...others].join('; ')}). taudb changes nothing in ` +
        'a stream that is there: use "nats stream edit", or another database name',
    )
  }
  return found
}

/** The stream as it is, when another process was quicker. */
async function added(manager: JetStreamManager, config: Partial<StreamConfig> & { name: string }): Promise<StreamInfo> {
  try {
    return await manager.streams.add(config)
  } catch (error) {
    if (apiCode(error) !== nameInUse) throw error
    return await manager.streams.info(config.name)
  }
}

/** Throws JetStreamRefused where the server tells at once that it cannot keep a journal. */
export function checkJetStream(nats: Nats): void {
  const { info } = nats.connection
  const needed = journalMessageBytesMax + messageOverheadBytes
  if (info !== undefined && info.max_payload < needed) {
    throw new JetStreamRefused(
      `the server's max_payload is ${info.max_payload}: taudb needs ${needed} or more (1MB is the default)`,
    )
  }
  if (info !== undefined && info.jetstream !== true && info.cluster === undefined) {
    throw new JetStreamRefused(
      'jetstream is not enabled in the server: start it with jetstream { store_dir: ..., sync_interval: always }',
    )
  }
}

const silentNanosMax = 5_000_000_000
const lagMax = 10_000

/** Under load a copy is a little behind at every moment: what counts is one that is gone, silent, or far behind. */
export const isAway = ({ current, offline, active, lag }: PeerInfo): boolean =>
  offline || (!current && (active > silentNanosMax || lag > lagMax))

/** Undefined for a stream that is not there. */
export async function unlessMissing(info: Promise<StreamInfo>): Promise<StreamInfo | undefined> {
  try {
    return await info
  } catch (error) {
    if (apiCode(error) === streamNotFound) return undefined
    throw error
  }
}

/** Asks again while JetStream elects: that shows as no responders, as a timeout, or as "jetstream is not enabled". */
export async function answered<T>(clock: Clock, ask: () => Promise<T>): Promise<T> {
  for (const until = clock.monotonic() + answerMsMax * 1_000; ; ) {
    try {
      return await ask()
    } catch (error) {
      const code = apiCode(error)
      if (code === insufficientStorage) {
        throw new JetStreamRefused(
          `the servers have no room for the stream: raise max_file_store or ask for less (${text(error)})`,
        )
      }
      const isPassing = code === undefined || code === systemUnavailable || code === clusterUnavailable || code === noPeers
      if (!isPassing) throw error
      if (code === noPeers && clock.monotonic() > until) {
        throw new JetStreamRefused(
          `the cluster has too few servers for the stream's copies (${text(error)}): start them, or ask for fewer with --journal-replicas`,
        )
      }
      if (isOff(error) || clock.monotonic() > until) {
        throw new JetStreamRefused(
          `JetStream does not answer (${text(error)}): it is not enabled in the servers (jetstream { ... }), not for this account, or has no leader`,
        )
      }
      await clock.sleep(retryMs)
    }
  }
}

/** The account has no JetStream: no election will mend that. */
function isOff(error: unknown): boolean {
  const { cause } = error as { cause?: unknown }
  return cause !== undefined && apiCode(cause) === notEnabledForAccount
}

/** JetStream's own error code, undefined for errors on the way to it. */
export function apiCode(error: unknown): number | undefined {
  const { code } = error as { code?: unknown }
  return typeof code === 'number' && code >= 10_000 ? code : undefined
}

const text = (error: unknown): string => (error instanceof Error ? error.message : String(error))
