import type { StreamInfo } from '@nats-io/jetstream'
import { partition } from '../protocol/ids.ts'
import { journalMessageBytesMax, partitionsMax } from '../protocol/limits.ts'
import { Nats, type NatsOptions } from './nats-connection.ts'
import { isAway, journalStream, unlessMissing } from './nats-streams.ts'
import { keepsWhatItAcknowledges, serverVersionsWanted } from './nats-version.ts'
import type { Clock } from './world.ts'

/** What was looked at. 'bad' breaks the promise that nothing acknowledged is lost; 'unknown' could not be seen. */
export interface Finding {
  readonly state: 'good' | 'unknown' | 'bad'
  readonly about: string
  /** What was found, and what to change where it is not good. */
  readonly words: string
}

export interface DoctorOptions extends NatsOptions {
  /** Monitoring addresses of the servers (http://host:8222): only they tell how often a server syncs. */
  readonly monitors?: readonly string[]
}

const requestMsMax = 3_000
const replicasWanted = 3
const clockOffsetMicrosMax = 500_000

/** Looks at servers, streams and clocks, and changes nothing. Throws BusRefused where there is no connection. */
export async function examine(options: DoctorOptions, clock: Clock): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const server of options.servers) {
    const nats = await Nats.connect({ ...options, servers: [server], onlyThese: true }, clock)
    try {
      findings.push(...ofServer(server, nats))
      if (server === options.servers[0]) findings.push(...(await ofStreams(nats, clock)))
    } finally {
      await nats.close()
    }
  }
  for (const address of options.monitors ?? []) findings.push(await ofSync(address))
  if (options.monitors === undefined) {
    findings.push({
      state: 'unknown',
      about: 'sync_interval',
      words: 'how often the servers sync is told by their monitoring port only: name it with --nats-monitor http://host:8222',
    })
  }
  return findings
}

function ofServer(server: string, nats: Nats): Finding[] {
  const { info } = nats.connection
  const version = info?.version ?? 'unknown'
  const about = `server ${shown(server)}`
  const findings: Finding[] = [
    keepsWhatItAcknowledges(version)
      ? { state: 'good', about, words: `version ${version}` }
      : { state: 'bad', about, words: `version ${version} may lose what it has acknowledged: use ${serverVersionsWanted}` },
  ]
  if (info !== undefined && info.max_payload < journalMessageBytesMax * 1.01) {
    findings.push({ state: 'bad', about, words: `max_payload is ${info.max_payload}: set it to 1MB or more` })
  }
  if (info?.jetstream !== true && info?.cluster === undefined)
    findings.push({
      state: 'bad',
      about,
      words: 'JetStream is not enabled: add jetstream { store_dir: ..., sync_interval: always }',
    })
  return findings
}

/** Addresses without what a person should not see. */
function shown(server: string): string {
  const url = new URL(server)
  return `${url.protocol}//${url.host}`
}

async function ofStreams(nats: Nats, clock: Clock): Promise<Finding[]> {
  const { jetstreamManager } = await import('@nats-io/jetstream')
  const manager = await jetstreamManager(nats.connection, { checkAPI: false, timeout: requestMsMax })
  const findings: Finding[] = []
  for (let p = 0; p < partitionsMax; p++) {
    const about = `journal of partition ${p}`
    const before = clock.now()
    let found: StreamInfo | undefined
    try {
      found = await unlessMissing(manager.streams.info(journalStream(partition(p))))
    } catch (error) {
      findings.push({
        state: 'bad',
        about,
        words: `JetStream does not answer: ${error instanceof Error ? error.message : String(error)}`,
      })
      break
    }
    if (found === undefined) {
      if (p === 0) findings.push({ state: 'good', about, words: 'not there yet: it is made on first start' })
      break
    }
    findings.push(ofReplicas(about, found))
    if (p === 0) findings.push(ofClock(found, before, clock.now()))
  }
  return findings
}

function ofReplicas(about: string, { config, cluster, state }: StreamInfo): Finding {
  const count = config.num_replicas
  const behind = (cluster?.replicas ?? []).filter(isAway).map(({ name }) => name)
  const size = `${state.messages} messages, ${Math.round((state.bytes / config.max_bytes) * 100)} % of its room`
  if (behind.length > 0) return { state: 'bad', about, words: `${behind.join(', ')} is behind or away: bring it back (${size})` }
  if (count < replicasWanted) {
    const words = `${count} ${count === 1 ? 'copy' : 'copies'}: a server that is lost for good takes it along; three survive that (${size})`
    return { state: 'unknown', about, words }
  }
  return { state: 'good', about, words: `${count} copies, all there (${size})` }
}

/** The server's time stands in its answer; ours before and after bounds the error. */
function ofClock(info: StreamInfo, before: number, after: number): Finding {
  const about = 'clocks'
  const { ts } = info as { ts?: string }
  if (ts === undefined) return { state: 'unknown', about, words: 'the server does not tell its time' }
  const offset = Date.parse(ts) * 1_000 - (before + after) / 2
  const words = `the server's clock is ${Math.round(Math.abs(offset) / 1_000)} ms ${offset < 0 ? 'behind' : 'ahead of'} ours`
  if (Math.abs(offset) <= clockOffsetMicrosMax) return { state: 'good', about, words }
  return { state: 'unknown', about, words: `${words}: nothing is wrong then, but commits may wait for it; use NTP on both` }
}

async function ofSync(address: string): Promise<Finding> {
  const about = `sync_interval at ${address}`
  try {
    const answer = await fetch(new URL('varz', address.endsWith('/') ? address : `${address}/`))
    const page = (await answer.json()) as { jetstream?: { config?: { sync_always?: boolean; sync_interval?: number } } }
    const config = page.jetstream?.config
    if (config === undefined) return { state: 'bad', about, words: 'JetStream is not enabled there' }
    if (config.sync_always === true) return { state: 'good', about, words: 'always' }
    const seconds = (config.sync_interval ?? 0) / 1e9
    const words = `every ${seconds} s: a power cut loses what was acknowledged since. Set jetstream { sync_interval: always }`
    return { state: 'bad', about, words }
  } catch (error) {
    return { state: 'unknown', about, words: `no answer: ${error instanceof Error ? error.message : String(error)}` }
  }
}
