// Accepts clients and keeps the table of their sessions; the statechart says when it takes new ones and how it ends.
// From: clients. To: query-processor (QueryProcessorPort).
// Invariant: never more sessions than allowed, and none left when it is closed.

import { type ActorRefFrom, createActor, fromPromise, setup } from 'xstate'
import type { ListenAddress, Listener, ServerSocket, Sockets, TlsCredentials } from '../../bus/sockets.ts'
import type { World } from '../../bus/world.ts'
import { assert } from '../../protocol/assert.ts'
import { SqlError } from '../../protocol/errors.ts'
import { OutputBuffer } from '../../protocol/pg/backend-messages.ts'
import type { QueryProcessorPort } from '../../protocol/session.ts'
import { machineClock } from '../actor.ts'
import { CancelKeys } from './cancel-keys.ts'
import { applicationProtocol, ClientSession, type SessionHost } from './session.ts'

export interface FrontendConfig {
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
  /** PEM texts; without them every client speaks in the clear. */
  readonly tls?: { readonly certificate: string | Buffer; readonly key: string | Buffer } | undefined
  /** Sessions at a time; more are told 53300. */
  readonly connectionsMax?: number
  /** Clients of other machines are let in, without a password. */
  readonly trustNetwork?: boolean
  /** Transactions that take longer are traced, sampled or not. */
  readonly traceSlowMs?: number
  /** How long `close` waits for transactions that are open. */
  readonly graceMs?: number
}

export interface FrontendParts {
  readonly world: World
  readonly sockets: Sockets
  readonly queryProcessor: QueryProcessorPort
  readonly config: FrontendConfig
  /** Hears of bugs that cost one session its life and nobody else anything. */
  readonly report?: (error: unknown) => void
}

export interface Frontend {
  readonly actor: FrontendActor
  /** Where it listens. */
  readonly address: ListenAddress
  /** Takes no new clients, ends idle sessions with 57P01, lets transactions finish for `graceMs`, then ends them too. */
  close(): Promise<void>
}

const connectionsDefault = 10_000
const graceMsDefault = 5_000
export const traceSlowMsDefault = 1_000
/** Connections that are not sessions yet (or are cancel requests), beside the sessions allowed. */
const strangersMax = 1_000

const frontendMachine = setup({
  types: { events: {} as { type: 'drain' } | { type: 'empty' } },
  actors: { listen: fromPromise<void>(() => Promise.reject(new Error('nothing to listen with'))) },
  delays: { grace: graceMsDefault },
}).createMachine({
  id: 'frontend',
  initial: 'booting',
  states: {
    booting: { invoke: { src: 'listen', onDone: 'serving', onError: 'failed' }, on: { drain: 'closed' } },
    serving: { on: { drain: 'draining' } },
    draining: { after: { grace: 'ending' }, on: { empty: 'closed' } },
    /** Whoever is still here is told to go now. */
    ending: { on: { empty: 'closed' } },
    closed: { type: 'final' },
    failed: { type: 'final' },
  },
})

type FrontendActor = ActorRefFrom<typeof frontendMachine>

const shutdown = (): SqlError =>
  new SqlError('57P01', 'terminating connection due to administrator command', { severity: 'FATAL' })

/** Listens; rejects with Node's error when it cannot. */
export async function createFrontend(parts: FrontendParts): Promise<Frontend> {
  const frontend = new FrontendProcess(parts)
  await frontend.listening
  return frontend
}

class FrontendProcess implements Frontend, SessionHost {
  readonly actor: FrontendActor
  readonly world: World
  readonly queryProcessor: QueryProcessorPort
  readonly output = new OutputBuffer()
  readonly tls: TlsCredentials | undefined
  readonly trustNetwork: boolean
  readonly slowMicros: number
  readonly listening: Promise<void>
  /** Everybody connected, sessions or not yet. */
  private readonly connected = new Set<ClientSession>()
  private readonly sessions = new Map<number, ClientSession>()
  private readonly cancelKeys: CancelKeys
  private readonly connectionsMax: number
  private readonly report: (error: unknown) => void
  private lastBackendId = 0
  private listener: Listener | undefined
  private readonly closed: Promise<void>

  constructor({ world, sockets, queryProcessor, config, report }: FrontendParts) {
    this.world = world
    this.report = report ?? ((error) => console.error('taudb: frontend.session:', error))
    this.queryProcessor = queryProcessor
    this.connectionsMax = config.connectionsMax ?? connectionsDefault
    this.trustNetwork = config.trustNetwork ?? false
    this.tls = config.tls && { ...config.tls, applicationProtocols: [applicationProtocol] }
    this.slowMicros = (config.traceSlowMs ?? traceSlowMsDefault) * 1_000
    this.cancelKeys = new CancelKeys(world.clock)
    let why: unknown
    const listen = async (): Promise<void> => {
      try {
        this.listener = await sockets.listen({ host: config.host, port: config.port }, (socket) => this.accept(socket))
      } catch (error) {
        why = error
        throw error
      }
    }
    const machine = frontendMachine.provide({
      actors: { listen: fromPromise(listen) },
      delays: { grace: config.graceMs ?? graceMsDefault },
    })
    this.actor = createActor(machine, { clock: machineClock(world.clock) })
    let opened = (): void => {}
    let refused = (_: unknown): void => {}
    let finished = (): void => {}
    this.listening = new Promise((resolve, reject) => {
      opened = resolve
      refused = reject
    })
    this.closed = new Promise((resolve) => {
      finished = resolve
    })
    this.actor.subscribe({
      next: ({ value }) => {
        if (value === 'serving') opened()
        else if (value === 'failed') refused(why)
        else if (value === 'draining') this.drain()
        else if (value === 'ending') this.endAll()
        else if (value === 'closed') finished()
      },
      error: refused,
    })
    this.actor.start()
  }

  get address(): ListenAddress {
    assert(this.listener !== undefined, 'a frontend is handed out when it listens')
    return this.listener.address
  }

  async close(): Promise<void> {
    this.actor.send({ type: 'drain' })
    await this.closed
  }

  private accept(socket: ServerSocket): void {
    if (this.connected.size >= this.connectionsMax + strangersMax) socket.destroy()
    else this.connected.add(new ClientSession(this, socket))
  }

  private drain(): void {
    void this.listener?.close()
    for (const session of [...this.connected]) session.shutDown(shutdown())
    this.leaveWhenEmpty()
  }

  private endAll(): void {
    for (const session of [...this.connected]) session.terminate(shutdown())
    this.leaveWhenEmpty()
  }

  private leaveWhenEmpty(): void {
    if (this.connected.size === 0) this.actor.send({ type: 'empty' })
  }

  // --- SessionHost

  admit(session: ClientSession): number {
    if (this.actor.getSnapshot().value !== 'serving')
      throw new SqlError('57P03', 'the database system is shutting down', { severity: 'FATAL' })
    if (this.sessions.size >= this.connectionsMax)
      throw new SqlError('53300', 'sorry, too many clients already', { severity: 'FATAL' })
    do this.lastBackendId = (this.lastBackendId % 0x7fff_ffff) + 1
    while (this.sessions.has(this.lastBackendId))
    this.sessions.set(this.lastBackendId, session)
    return this.lastBackendId
  }

  cancel(backendId: number, secret: Buffer): void {
    const session = this.sessions.get(backendId)
    if (this.cancelKeys.fits(secret, session?.secret)) session?.cancel()
  }

  leave(session: ClientSession): void {
    this.connected.delete(session)
    this.sessions.delete(session.backendId)
    this.leaveWhenEmpty()
  }

  bug(error: unknown): void {
    this.report(error)
  }
}
