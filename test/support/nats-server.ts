/** nats-servers on loopback for a test: one, or a cluster of three; started, killed, paused and started again. Every append is synced. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { natsServerProgram } from './nats-program.ts'

export interface NatsOptions {
  /** `sync_interval`; 'always' unless a test shows what happens without. */
  readonly sync?: string
  /** False: a server without JetStream. */
  readonly jetstream?: boolean
  /** Further lines of the configuration: authorization, tls, limits. */
  readonly config?: string
  /** Ctrl-C in the terminal is not for the servers: whoever needs them for a farewell still has them. */
  readonly detached?: boolean
}

const startMsMax = 20_000
const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** One server process. Its store and its ports stay over a restart. */
export class NatsServer {
  readonly port: number
  readonly monitorPort: number
  readonly url: string
  private readonly directory: string
  private readonly detached: boolean
  private child: ChildProcess | undefined

  constructor(directory: string, port: number, monitorPort: number, config: string, detached = false) {
    this.directory = directory
    this.detached = detached
    this.port = port
    this.monitorPort = monitorPort
    this.url = `nats://127.0.0.1:${port}`
    mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, 'nats.conf'), config)
  }

  get pid(): number | undefined {
    return this.child?.pid
  }

  /** Resolves when clients may connect. */
  async start(): Promise<void> {
    const log = join(this.directory, 'nats.log')
    const child = spawn(natsServerProgram(), ['-c', join(this.directory, 'nats.conf'), '-l', log], {
      stdio: 'ignore',
      detached: this.detached,
    })
    this.child = child
    running.add(child)
    child.on('exit', () => running.delete(child))
    for (const until = Date.now() + startMsMax; ; ) {
      if (await answers(this.port)) return
      if (child.exitCode !== null || Date.now() > until)
        throw new Error(`nats-server did not start: ${readFileSync(log, 'utf8').slice(-2_000)}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  /** The signal, and the end of the process. SIGKILL is a crash. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGKILL'): Promise<void> {
    const { child } = this
    this.child = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill(signal)
    await ended
  }

  /** What it has written down so far. */
  log(): string {
    return readFileSync(join(this.directory, 'nats.log'), 'utf8')
  }

  pause(): void {
    this.child?.kill('SIGSTOP')
  }

  resume(): void {
    this.child?.kill('SIGCONT')
  }
}

export interface NatsServers {
  readonly servers: readonly NatsServer[]
  readonly urls: readonly string[]
  /** Kills what runs and removes what was stored. */
  dispose(): Promise<void>
}

export async function startNats(
  options: NatsOptions = {},
): Promise<NatsServers & { readonly server: NatsServer; readonly url: string }> {
  const [port = 0, monitorPort = 0] = await freePorts(2)
  const directory = mkdtempSync(join(tmpdir(), 'taudb-nats-'))
  const server = new NatsServer(
    join(directory, 'n1'),
    port,
    monitorPort,
    configOf('n1', join(directory, 'n1'), [port, monitorPort], '', options),
  )
  await server.start()
  return { ...bundle(directory, [server]), server, url: server.url }
}

/** Three servers, one JetStream cluster; resolves when it has a leader for its own affairs. */
export async function startNatsCluster(options: NatsOptions = {}): Promise<NatsServers> {
  const ports = await freePorts(9)
  const directory = mkdtempSync(join(tmpdir(), 'taudb-nats-cluster-'))
  const routes = [6, 7, 8].map((i) => `nats://127.0.0.1:${ports[i]}`).join(', ')
  const servers = [0, 1, 2].map((i) => {
    const [client, monitor, route] = [ports[i] as number, ports[3 + i] as number, ports[6 + i] as number]
    const name = `n${i + 1}`
    const cluster = `cluster { name: test, listen: "127.0.0.1:${route}", routes: [${routes}] }`
    return new NatsServer(
      join(directory, name),
      client,
      monitor,
      configOf(name, join(directory, name), [client, monitor], cluster, options),
      options.detached,
    )
  })
  await Promise.all(servers.map((server) => server.start()))
  await reached(async () => {
    const { meta_cluster: meta } = (await monitor(servers[0] as NatsServer, 'jsz')) as {
      meta_cluster?: { leader?: string; cluster_size?: number }
    }
    return meta?.leader !== undefined && meta.leader !== '' && meta.cluster_size === 3
  })
  return bundle(directory, servers)
}

/** What the server says about itself over HTTP: varz, jsz ... */
export async function monitor(server: NatsServer, page: string): Promise<unknown> {
  const answer = await fetch(`http://127.0.0.1:${server.monitorPort}/${page}`)
  return await answer.json()
}

function bundle(directory: string, servers: readonly NatsServer[]): NatsServers {
  return {
    servers,
    urls: servers.map(({ url }) => url),
    async dispose() {
      await Promise.all(servers.map((server) => server.stop()))
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

function configOf(
  name: string,
  store: string,
  [port, monitorPort]: readonly number[],
  cluster: string,
  options: NatsOptions,
): string {
  const { sync = 'always', jetstream = true, config = '' } = options
  const limits = /max_file_store/.test(config) ? '' : 'max_file_store: 200GB, max_memory_store: 64MB'
  return [
    `server_name: ${name}`,
    `listen: "127.0.0.1:${port}"`,
    `http: "127.0.0.1:${monitorPort}"`,
    jetstream ? `jetstream { store_dir: "${store}", sync_interval: ${sync}, ${limits} }` : '',
    cluster,
    config,
  ].join('\n')
}

/** Ports that nobody had a moment ago. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer()
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        server.listen(0, '127.0.0.1', resolve)
      })
      return server
    }),
  )
  const ports = servers.map((server) => (server.address() as { port: number }).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

/** A nats-server greets whoever connects. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const done = (yes: boolean) => () => {
      socket.destroy()
      resolve(yes)
    }
    socket.once('data', done(true)).once('error', done(false)).once('close', done(false)).setTimeout(1_000, done(false))
  })
}

/** Asks again until it is so. */
export async function reached(condition: () => boolean | Promise<boolean>, msMax = 20_000): Promise<void> {
  for (const until = Date.now() + msMax; ; ) {
    if (await Promise.resolve(condition()).catch(() => false)) return
    if (Date.now() > until) throw new Error(`not so after ${msMax} ms`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
