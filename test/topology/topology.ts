/** The services of docker-compose.yml as processes of this machine, by their own commands, on a NATS cluster of this machine. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ServerProcess, startServer } from '../integration/server-process.ts'
import { type NatsServers, startNatsCluster } from '../support/nats-server.ts'
import { publishedPort, readCompose, root, type Service } from './compose.ts'

export interface TopologyOptions {
  /** As `--scale` of docker compose. */
  readonly scale?: Readonly<Record<string, number>>
  /** NATS servers that are there, with who we are to them; undefined: three are started, with users and permissions as in the file. */
  readonly bus?: string
  /** Free ports instead of the published ones. */
  readonly freePorts?: boolean
  /** Ctrl-C ends this process only, which then ends the others. */
  readonly detached?: boolean
  /** Where traces go (http://127.0.0.1:4318); undefined: nowhere. */
  readonly traces?: string
}

export interface Running {
  readonly service: string
  /** `storage-2`, as docker compose calls its containers. */
  readonly name: string
  readonly words: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly process: ServerProcess
}

export interface Topology {
  readonly running: ReadonlyMap<string, Running>
  readonly nats: NatsServers | undefined
  /** The words of a service that is no server, such as status. */
  toolWords(service: string): { readonly words: readonly string[]; readonly environment: Readonly<Record<string, string>> }
  /** Starts what is missing of a service. */
  scale(service: string, replicas: number): Promise<void>
  /** Starts one again that has ended, with its data. */
  restart(name: string): Promise<void>
  stop(): Promise<void>
}

export async function startTopology(options: TopologyOptions = {}): Promise<Topology> {
  const { services } = readCompose()
  const directory = mkdtempSync(join(tmpdir(), 'taudb-topology-'))
  const nats =
    options.bus === undefined
      ? await startNatsCluster({ config: permissions(services['nats-1'] as Service), detached: options.detached === true })
      : undefined
  const running = new Map<string, Running>()
  const wordsOf = (name: string, service: Service) => localWords({ name, service, directory, nats, options })
  const start = async (name: string, service: string): Promise<void> => {
    const { words, environment } = wordsOf(name, services[service] as Service)
    const process = await startServer(words, environment)
    running.set(name, { service, name, words, environment, process })
  }
  const scale = async (service: string, replicas: number): Promise<void> => {
    const names = Array.from({ length: replicas }, (_, i) => (replicas === 1 ? service : `${service}-${i + 1}`))
    await Promise.all(names.filter((name) => !running.has(name)).map((name) => start(name, service)))
  }
  const stop = async (): Promise<void> => {
    // Frontends first: nobody waits for an answer then.
    const frontsFirst = [...running.values()].sort(
      (a, b) => Number(b.service.includes('front')) - Number(a.service.includes('front')),
    )
    for (const { process } of frontsFirst) process.kill('SIGTERM')
    await Promise.all(frontsFirst.map(({ process }) => process.exited))
    await nats?.dispose()
    rmSync(directory, { recursive: true, force: true })
  }
  try {
    const servers = Object.entries(services).filter(([, { build, profiles }]) => build !== undefined && profiles === undefined)
    await Promise.all(servers.map(([name, { deploy }]) => scale(name, options.scale?.[name] ?? deploy?.replicas ?? 1)))
  } catch (error) {
    await stop()
    throw error
  }
  return {
    running,
    nats,
    toolWords: (service) => wordsOf(service, services[service] as Service),
    scale,
    async restart(name) {
      const ended = running.get(name)
      if (ended === undefined) throw new Error(`there is no ${name}`)
      await ended.process.exited
      await start(name, ended.service)
    },
    stop,
  }
}

/** What the NATS servers of the file include, with its passwords. */
function permissions({ environment = {} }: Service): string {
  const text = readFileSync(join(root, 'deploy/nats-permissions.conf'), 'utf8')
  return text.replaceAll(/\$(\w+)/g, (whole, name: string) => environment[name] ?? whole)
}

/** A container's words on this machine: its names of hosts, its data directory, its ports and its address. */
function localWords({
  name,
  service,
  directory,
  nats,
  options,
}: {
  readonly name: string
  readonly service: Service
  readonly directory: string
  readonly nats: NatsServers | undefined
  readonly options: TopologyOptions
}): { readonly words: readonly string[]; readonly environment: Readonly<Record<string, string>> } {
  const { command = [], environment = {} } = service
  const hosts = (text: string): string =>
    text.replaceAll(/nats-(\d):4222/g, (whole, n: string) => {
      const server = nats?.servers[Number(n) - 1]
      return server === undefined ? whole : `127.0.0.1:${server.port}`
    })
  const words = command.map((word, i) => {
    const before = command[i - 1]
    if (before === '--data') {
      const data = join(directory, name)
      mkdirSync(data, { recursive: true })
      return data
    }
    if (before === '--port' || before === '--metrics-port')
      return options.freePorts === true ? '0' : (publishedPort(service, word) ?? word)
    return word === '0.0.0.0' ? '127.0.0.1' : hosts(word)
  })
  const local: Record<string, string> = {}
  for (const [variable, value] of Object.entries(environment)) {
    if (variable === 'TAUDB_BUS') local[variable] = options.bus ?? hosts(value)
    else if (variable !== 'OTEL_EXPORTER_OTLP_ENDPOINT') local[variable] = value
    else if (options.traces !== undefined) local[variable] = options.traces
  }
  return { words, environment: local }
}
