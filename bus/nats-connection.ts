import type { Authenticator, NatsConnection, NodeConnectionOptions } from '@nats-io/transport-node'
import { createActor, setup } from 'xstate'
import { BusRefused } from './bus.ts'
import { Replies } from './nats-replies.ts'
import type { Clock } from './world.ts'

/** Which servers, and who we are to them. All texts are contents, not paths. */
export interface NatsOptions {
  /** nats://[user[:password]@]host[:port] or tls://... Several are the servers of one cluster. */
  readonly servers: readonly string[]
  /** Answers come to names below `_INBOX.<inbox>`, so that the servers' permissions can tell whose they are. */
  readonly inbox?: string
  /** Shown by the server's monitoring. */
  readonly name?: string
  readonly user?: string
  readonly password?: string
  readonly token?: string
  /** An NKey's seed (SU...). */
  readonly nkeySeed?: string
  /** A credentials file: user JWT and seed. */
  readonly credentials?: string
  /** PEM texts. Present, even empty: only TLS will do. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string }
  /** Only the servers named, not those that they tell of. */
  readonly onlyThese?: boolean
  /** How long to go on trying before the first connection. */
  readonly connectMsMax?: number
}

export type ConnectionState = 'connected' | 'reconnecting' | 'closed'

type ConnectionEvent = { type: 'lost' } | { type: 'found' } | { type: 'closed' }

/** A connection's life once it has been made. Answers under way are lost with it; what is subscribed comes back with it. */
const connectionMachine = setup({ types: {} as { events: ConnectionEvent } }).createMachine({
  id: 'nats-connection',
  initial: 'connected',
  states: {
    connected: { on: { lost: 'reconnecting', closed: 'closed' } },
    reconnecting: { on: { found: 'connected', closed: 'closed' } },
    closed: { type: 'final' },
  },
})

const connectMsMaxDefault = 5_000
const retryMs = 200
const pingMs = 2_000
const pingsMax = 2

/** One connection to the servers: its state, and our reply multiplexer on it. */
export class Nats {
  readonly connection: NatsConnection
  readonly replies: Replies
  readonly inbox: string
  /** A plain field, because the hot path asks. */
  isConnected = true
  private readonly machine = createActor(connectionMachine)
  private readonly watchers = new Set<(state: ConnectionState) => void>()

  /** Throws BusRefused: nobody there, or we may not come in. */
  static async connect(options: NatsOptions, clock: Clock): Promise<Nats> {
    const { connect, createInbox } = await import('@nats-io/transport-node')
    const settings = await settingsOf(options)
    const until = clock.monotonic() + (options.connectMsMax ?? connectMsMaxDefault) * 1_000
    for (;;) {
      try {
        return await listening(new Nats(await connect(settings), clock, createInbox(settings.inboxPrefix)))
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error)
        const isForbidden = /authorization|authentication|permission|certificate|tls|user authentication/i.test(why)
        if (error instanceof BusRefused) throw error
        if (isForbidden || clock.monotonic() > until) throw refused(settings.servers, why, isForbidden)
        await clock.sleep(retryMs)
      }
    }
  }

  private constructor(connection: NatsConnection, clock: Clock, inbox: string) {
    this.connection = connection
    this.inbox = inbox
    this.replies = new Replies(connection, clock, inbox)
    this.machine.subscribe(({ value }) => {
      const state = value as ConnectionState
      this.isConnected = state === 'connected'
      if (state !== 'connected') this.replies.lost(state === 'closed' ? 'closed' : 'timeout')
      for (const watcher of [...this.watchers]) watcher(state)
    })
    this.machine.start()
    void this.watch()
    void connection.closed().then(() => this.machine.send({ type: 'closed' }))
  }

  get state(): ConnectionState {
    return this.machine.getSnapshot().value
  }

  /** Hears of every change until told otherwise. */
  onState(watcher: (state: ConnectionState) => void): () => void {
    this.watchers.add(watcher)
    return () => void this.watchers.delete(watcher)
  }

  /** True once there is a connection, false after `msMax` without one. */
  connected(clock: Clock, msMax: number): Promise<boolean> {
    if (this.isConnected) return Promise.resolve(true)
    return new Promise((resolve) => {
      const settle = (): void => {
        timer.cancel()
        stop()
        resolve(this.isConnected)
      }
      const timer = clock.after(msMax, settle)
      const stop = this.onState((state) => {
        if (state !== 'reconnecting') settle()
      })
    })
  }

  async close(): Promise<void> {
    await this.connection.close()
  }

  private async watch(): Promise<void> {
    for await (const { type } of this.connection.status()) {
      if (type === 'disconnect') this.machine.send({ type: 'lost' })
      else if (type === 'reconnect') this.machine.send({ type: 'found' })
    }
  }
}

/** A connection that no answer reaches is none. */
async function listening(nats: Nats): Promise<Nats> {
  await nats.connection.flush()
  const { forbidden } = nats.replies
  if (forbidden === undefined) return nats
  await nats.close()
  throw new BusRefused(
    `NATS keeps us from our answers (${forbidden.message}): this user is for another role, or lacks a permission`,
  )
}

function refused(servers: NodeConnectionOptions['servers'], why: string, isForbidden: boolean): BusRefused {
  const whom = Array.isArray(servers) ? servers.join(', ') : servers
  const advice = isForbidden
    ? 'check user, password, NKey or credentials and the certificates'
    : 'start nats-server there, or name another one with --bus'
  return new BusRefused(`no connection to NATS at ${whom}: ${why}; ${advice}`)
}

async function settingsOf(options: NatsOptions): Promise<NodeConnectionOptions> {
  const { credsAuthenticator, nkeyAuthenticator } = await import('@nats-io/transport-node')
  const urls = options.servers.map((server) => new URL(server.includes('://') ? server : `nats://${server}`))
  const [first] = urls
  if (first === undefined) throw new BusRefused('no NATS server is named: use --bus nats://host:4222')
  const user = options.user ?? (first.username === '' ? undefined : decodeURIComponent(first.username))
  const pass = options.password ?? (first.password === '' ? undefined : decodeURIComponent(first.password))
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
  const authenticators: Authenticator[] = []
  if (options.nkeySeed !== undefined) authenticators.push(nkeyAuthenticator(bytes(options.nkeySeed.trim())))
  if (options.credentials !== undefined) authenticators.push(credsAuthenticator(bytes(options.credentials)))
  const isSecure = options.tls !== undefined || urls.some(({ protocol }) => protocol === 'tls:')
  return {
    servers: urls.map(({ hostname, port }) => `${hostname}:${port === '' ? 4222 : port}`),
    name: options.name ?? 'taudb',
    ...(options.inbox === undefined ? {} : { inboxPrefix: `_INBOX.${options.inbox}` }),
    ...(user === undefined ? {} : { user }),
    ...(pass === undefined ? {} : { pass }),
    ...(options.token === undefined ? {} : { token: options.token }),
    ...(authenticators.length === 0 ? {} : { authenticator: authenticators }),
    ...(isSecure ? { tls: { ...options.tls } } : {}),
    maxReconnectAttempts: -1,
    reconnectTimeWait: 100,
    reconnectJitter: 50,
    pingInterval: pingMs,
    maxPingOut: pingsMax,
    timeout: 5_000,
    noAsyncTraces: true,
    // What this process publishes, it tells itself without the network.
    noEcho: true,
    ignoreAuthErrorAbort: true,
    ...(options.onlyThese === true ? { ignoreClusterUpdates: true } : {}),
  }
}
