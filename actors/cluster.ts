/** A running database: the circle, a query processor and a frontend on one bus, put together. `import { startCluster } from 'taudb'`. */
import { readFileSync } from 'node:fs'
import { getHeapStatistics } from 'node:v8'
import { BusRefused } from '../bus/bus.ts'
import { belongTo, type DataDirectory, DirectoryRefused, journalsOf, takeDataDirectory } from '../bus/data-directory.ts'
import { EmbeddedBus } from '../bus/embedded.ts'
import { EmbeddedLog } from '../bus/embedded-log.ts'
import { post, serveText } from '../bus/http-node.ts'
import { type Log, LogCorrupt } from '../bus/log.ts'
import { MemoryLog } from '../bus/memory-log.ts'
import type { NatsOptions } from '../bus/nats-connection.ts'
import type { Finding } from '../bus/nats-doctor.ts'
import type { Joined, JoinOptions } from '../bus/nats-join.ts'
import { keepsWhatItAcknowledges, serverVersionsWanted } from '../bus/nats-version.ts'
import { processName, realClock, realFiles, realWorld } from '../bus/real-world.ts'
import { nodeSockets, secureContext } from '../bus/sockets-node.ts'
import type { World } from '../bus/world.ts'
import type { Collector } from '../observability/collector.ts'
import { log, logTo, stackOf } from '../observability/log.ts'
import { families, type Reading } from '../observability/metric-families.ts'
import { openTracing, type Tracing } from '../observability/open-tracing.ts'
import { exportSettings, OtelRefused } from '../observability/otel-environment.ts'
import { exposition, expositionType } from '../observability/prometheus.ts'
import { type Keeping, storageId } from './bootstrap.ts'
import { type CircleParts, MapRefused, type RunningCircle, startCircle } from './circle.ts'
import { type Config, configDefaults } from './config.ts'
import { createFrontend, type FrontendConfig } from './frontend/frontend.ts'
import { type MemberParts, NobodyOwns, startMember } from './member.ts'
import { QueryProcessor } from './query-processor/query-processor.ts'
import { SpillDirectory } from './query-processor/spill.ts'
import { damageOf } from './storage/lmdb-file.ts'
import type { VersionStore } from './storage/version-store.ts'
import { LmdbVersionStore } from './storage/version-store-lmdb.ts'
import { MemoryVersionStore } from './storage/version-store-memory.ts'
import { answerTraceCalls, gatherTraces } from './trace-call.ts'

/** Why the database did not start, in one line with the way out. */
export class StartError extends Error {
  override readonly name = 'StartError'
}

/** How long a statement waits for another owner or replica to take over where actors are other processes. */
const patienceMs = 20_000

export interface ClusterOptions extends Partial<Config> {
  /** An actor failed for good and the database answers no more; the default throws it as an uncaught error. */
  readonly onFailure?: (actor: string, error: unknown) => void
  /** Is given the spans of sampled transactions (`traceSample`), and nobody else. */
  readonly collector?: Collector
  /** How snapshots and trims go about their work on NATS. */
  readonly keeping?: Keeping
  /** The OTEL_* variables; the process's own by default. */
  readonly environment?: Readonly<Record<string, string | undefined>>
}

export interface Cluster {
  readonly host: string
  readonly port: number
  /** Where Prometheus fetches; undefined: nowhere. */
  readonly metricsUrl: string | undefined
  /** For any PostgreSQL client; empty where this process has no frontend. */
  readonly connectionString: string
  /** Lets running transactions finish for a moment, then stops everything. */
  close(): Promise<void>
}

/**
 * Starts a database in this process. Without options: in memory, on a free port of 127.0.0.1, as tests want it. Several at once do not
 * disturb each other. Rejects with StartError for what a person can mend.
 */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const config: Config = { ...configDefaults, port: 0, data: undefined, ...options }
  const closers: (() => Promise<void>)[] = []
  const close = async (): Promise<void> => {
    for (const step of closers.splice(0).reverse()) await step()
  }
  try {
    closers.push(logged(config))
    const joined = config.bus === undefined ? undefined : await join(config.bus, config)
    if (joined !== undefined) closers.push(() => joined.close())
    const world = realWorld({ bus: joined?.bus ?? new EmbeddedBus(), onFailure: options.onFailure ?? fail })
    const tracing = traced(world, config, options)
    closers.push(() => tracing.close())
    if (joined !== undefined) answerTraceCalls(world, () => tracing.recent())
    const tls = readTls(config)
    const { roles } = config
    const directory = config.data === undefined || !roles.has('storage') ? undefined : await takeDataDirectory(config.data)
    if (directory !== undefined) closers.push(() => directory.release())
    let listens = ''
    const circle =
      joined === undefined
        ? await startCircle(await openStores(world, directory, config.partitions))
        : await startJoined(world, joined, { ...config, keeping: options.keeping }, directory, () => listens)
    closers.push(() => circle.close())
    let sessions = (): number => 0
    const metricsUrl = await showMetrics(config, circle, tracing, () => sessions(), closers)
    if (!roles.has('frontend')) return { host: '', port: 0, metricsUrl, connectionString: '', close }
    const spill = directory === undefined ? undefined : new SpillDirectory(world.files, `${directory.path}/tmp`)
    const queryProcessor = new QueryProcessor({
      world,
      topology: circle.topology,
      transactionBytesMax: config.transactionBytesMax,
      memoryBytesMax: getHeapStatistics().heap_size_limit,
      newSpill: () => spill?.area(),
      slowMs: config.logSlowMs,
      recentTraces: () => (joined === undefined ? tracing.recent() : gatherTraces(world, tracing.recent())),
      ...(joined === undefined ? {} : { patienceMs }),
      onBug: report,
    })
    await queryProcessor.lifecycle.start()
    closers.push(() => queryProcessor.lifecycle.drain())
    sessions = () => queryProcessor.sessionCount
    const { host, port } = config
    const frontend = await createFrontend({
      world,
      sockets: nodeSockets,
      queryProcessor,
      config: {
        host,
        port,
        connectionsMax: config.connectionsMax,
        trustNetwork: config.trustNetwork,
        traceSlowMs: config.traceSlowMs,
        ...(tls === undefined ? {} : { tls }),
      },
      report,
    })
    closers.push(() => frontend.close())
    const { address } = frontend
    const shown = address.host.includes(':') ? `[${address.host}]` : address.host
    listens = `${shown}:${address.port}`
    return { ...address, metricsUrl, connectionString: `postgres://postgres@${shown}:${address.port}/postgres`, close }
  } catch (error) {
    await close().catch(() => {})
    throw explained(error, config)
  }
}

/** Where this process tells what it counts, if anybody is to fetch it. */
async function showMetrics(
  { metricsPort: port, metricsHost: host }: Config,
  circle: RunningCircle,
  tracing: Tracing,
  sessions: () => number,
  closers: (() => Promise<void>)[],
): Promise<string | undefined> {
  if (port === undefined) return undefined
  const startedSeconds = Math.round(realClock.now() / 1e6 - process.uptime())
  const read = (): Reading => {
    const { user, system } = process.cpuUsage()
    const memory = process.memoryUsage()
    const cpuSeconds = (user + system) / 1e6
    const { exported: traces } = tracing
    return { version: version(), sessions: sessions(), positions: circle.positions(), memory, cpuSeconds, startedSeconds, traces }
  }
  try {
    const server = await serveText({ host, port, path: '/metrics' }, expositionType, () => exposition(families(read())))
    closers.push(() => server.close())
    return server.url
  } catch (error) {
    throw new StartError(`metrics cannot be shown on ${host}:${port}: ${message(error)}; choose another with --metrics-port`)
  }
}

/** Lines for people on standard error, until the database has stopped. */
function logged({ logLevel: level, logFormat: format }: Config): () => Promise<void> {
  const close = logTo({ level, format, now: () => realClock.now(), write: (line) => process.stderr.write(line) })
  return async () => close()
}

function traced({ clock, random }: World, config: Config, { collector, environment }: ClusterOptions): Tracing {
  const drawn = random('trace')
  const { traceSample: share, traceSlowMs, traceRecent: recentMax } = config
  const exportTo = exportSettings(environment ?? process.env)
  const options = { share, slowMicros: traceSlowMs * 1_000, recentMax, exportTo, collector, version: version() }
  return openTracing(options, {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    randomBytes: (length) => drawn.bytes(length),
    after: (delayMs, action) => clock.after(delayMs, action),
    post,
    warn: (line) => log('warning', line),
  })
}

/** On NATS. Its client is loaded only here: whoever does not use it does not wait for it. */
async function join(servers: readonly string[], config: Config): Promise<Joined> {
  const { joinNats } = await import('../bus/nats-join.ts')
  const { partitions, journalReplicas, journalBytesMax } = config
  const options: JoinOptions = {
    ...natsOptions(servers, config),
    inbox: inboxOf(config),
    ...(partitions === undefined ? {} : { partitions }),
    ...(journalReplicas === undefined ? {} : { replicas: journalReplicas }),
    ...(journalBytesMax === undefined ? {} : { journalBytesMax }),
  }
  if (config.durable) {
    const bad = (await examineServers(config, inboxOf(config))).find(({ state }) => state === 'bad')
    if (bad !== undefined) throw new StartError(`--durable: ${bad.about}: ${bad.words}`)
  }
  const joined = await joinNats(options, realClock)
  if (!keepsWhatItAcknowledges(joined.serverVersion)) {
    log('warning', `nats-server ${joined.serverVersion} may lose what it has acknowledged: use ${serverVersionsWanted}`)
  }
  return joined
}

/** `taudb doctor`: what is right and wrong with the NATS servers. Throws StartError. */
export async function examineServers(config: Config, inbox = 'operator'): Promise<Finding[]> {
  const { examine } = await import('../bus/nats-doctor.ts')
  const { bus: servers = [], natsMonitor: monitors } = config
  try {
    const options = { ...natsOptions(servers, config), inbox }
    return await examine({ ...options, ...(monitors === undefined ? {} : { monitors }) }, realClock)
  } catch (error) {
    throw explained(error, config)
  }
}

/** Permissions of NATS are given to a role by the names of its inboxes, among others. */
const inboxOf = ({ roles }: Config): string => [...roles].sort().join('-')

export function natsOptions(servers: readonly string[], config: Config): NatsOptions {
  const { natsCreds, natsNkey, natsCa, natsCert, natsKey } = config
  const isSecure = natsCa !== undefined || natsCert !== undefined
  // Said once, it is meant for every server, also for one that is asked alone.
  const { username, password } = new URL(servers[0] as string)
  return {
    servers,
    ...(username !== '' && { user: decodeURIComponent(username), password: decodeURIComponent(password) }),
    ...(natsCreds === undefined ? {} : { credentials: readText(natsCreds) }),
    ...(natsNkey === undefined ? {} : { nkeySeed: readText(natsNkey) }),
    ...(isSecure && {
      tls: {
        ...(natsCa === undefined ? {} : { ca: readText(natsCa) }),
        ...(natsCert === undefined ? {} : { cert: readText(natsCert) }),
        ...(natsKey === undefined ? {} : { key: readText(natsKey) }),
      },
    }),
  }
}

const readText = (path: string): string => readNamed(path).toString()

async function openStores(
  world: World,
  directory: DataDirectory | undefined,
  partitions: number | undefined,
): Promise<CircleParts> {
  if (directory === undefined) {
    const logs = Array.from({ length: partitions ?? 1 }, () => new MemoryLog())
    return { world, logs, versionStore: new MemoryVersionStore(world.clock) }
  }
  belongTo(directory, undefined)
  const logs: Log[] = []
  const close = async (): Promise<void> => {
    for (const log of logs) await log.close()
  }
  try {
    for (const path of journalsOf(realFiles, directory.path, partitions))
      logs.push(await EmbeddedLog.open(realFiles, { directory: path, exclusive: true }))
  } catch (error) {
    await close()
    throw error
  }
  try {
    return { world, logs, versionStore: storeIn(world, directory) }
  } catch (error) {
    await close()
    throw error
  }
}

function storeIn(world: World, { path }: DataDirectory): VersionStore {
  const file = `${path}/storage/data.mdb`
  const damage = damageOf(realFiles, file)
  if (damage !== undefined)
    throw new StartError(`${file} is damaged and nothing was changed: ${damage}; restore the directory from a backup`)
  try {
    return new LmdbVersionStore(world.clock, `${path}/storage`)
  } catch (error) {
    throw new StartError(`${path}/storage cannot be opened: ${message(error)}`)
  }
}

/** The actors of this process's roles; rows that an embedded journal has written belong to that journal. */
async function startJoined(
  world: World,
  { logs, database, objects: openObjects }: Joined,
  { roles, keeping }: Pick<Config, 'roles'> & Pick<MemberParts, 'keeping'>,
  directory: DataDirectory | undefined,
  listens: () => string,
): Promise<RunningCircle> {
  const called = processName()
  if (directory === undefined) {
    const objects = roles.has('adjudicator') ? await openObjects() : undefined
    return await startMember({ world, logs, roles, called, listens, versionStore: undefined, objects, keeping })
  }
  const { path } = directory
  if (realFiles.list(path).some((name) => name.startsWith('journal')))
    throw new StartError(`${path} has a journal of its own: start it without --bus, or name another directory with --data`)
  belongTo(directory, database)
  const objects = await openObjects()
  const id = await storageId(world, `${path}/storage-id`)
  return await startMember({
    world,
    logs,
    roles,
    called,
    listens,
    versionStore: storeIn(world, directory),
    objects,
    storageId: id,
    keeping,
  })
}

function readNamed(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new StartError(`${path} cannot be read: ${message(error)}`)
  }
}

function readTls(config: Config): FrontendConfig['tls'] {
  if (config.tlsCert === undefined || config.tlsKey === undefined) return undefined
  const tls = { certificate: readNamed(config.tlsCert), key: readNamed(config.tlsKey) }
  try {
    secureContext({ ...tls, applicationProtocols: [] })
  } catch (error) {
    throw new StartError(`${config.tlsCert} and ${config.tlsKey} are no certificate and its key in PEM: ${message(error)}`)
  }
  return tls
}

/** What a person can mend becomes one line; anything else is a bug and keeps its stack. */
export function explained(error: unknown, { host, port, data }: Config): unknown {
  if (error instanceof MapRefused)
    return new StartError(`${data}: ${error.message}; a database keeps the number of partitions that it was made with`)
  if (
    error instanceof DirectoryRefused ||
    error instanceof OtelRefused ||
    error instanceof BusRefused ||
    error instanceof NobodyOwns
  )
    return new StartError(error.message)
  if (error instanceof LogCorrupt) {
    return new StartError(
      `the journal in ${data} is corrupt and nothing was changed: ${error.message}; restore the directory from a backup`,
    )
  }
  const { code, syscall } = error as { code?: unknown; syscall?: unknown }
  switch (code) {
    case 'EADDRINUSE':
      return new StartError(`port ${port} of ${host} is in use: stop what listens there, or choose another with --port`)
    case 'EACCES':
      return new StartError(
        syscall === 'listen' || syscall === 'bind'
          ? `no permission to listen on port ${port} of ${host}: choose another with --port`
          : `no permission to read and write ${data}: change its owner or name another one with --data`,
      )
    case 'EADDRNOTAVAIL':
      return new StartError(`${host} is not an address of this machine: use 127.0.0.1 or ::1`)
    case 'ENOSPC':
      return new StartError(`no space left on the device of ${data}: free some and start again`)
    default:
      return error
  }
}

const message = (error: unknown): string => (error instanceof Error ? error.message : String(error))

function report(error: unknown): void {
  log('error', 'internal error', { error: stackOf(error) })
}

function fail(actor: string, error: unknown): void {
  queueMicrotask(() => {
    throw new Error(`taudb: ${actor} failed`, { cause: error })
  })
}

/** From package.json: one folder up in the sources, two in the build. */
export function version(): string {
  for (const path of ['../package.json', '../../package.json']) {
    try {
      return (JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as { version: string }).version
    } catch {}
  }
  return 'unknown'
}
