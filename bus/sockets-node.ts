import { createServer, Socket, type SocketConstructorOpts } from 'node:net'
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls'
import type { ListenAddress, Listener, ServerSocket, SocketHandlers, Sockets, TlsCredentials } from './sockets.ts'

const backlogMax = 1_024
const keepAliveDelayMs = 60_000
/** `drained` waits until fewer bytes than this wait for the operating system. */
const lowWaterBytes = 65_536
const readBytes = 65_536

/**
 * All plain connections read into one buffer, which is handed on at once: no allocation per read, no memory per idle connection.
 * On Windows the system fills read buffers ahead of time, so sharing one would mix the connections up.
 */
const sharedReads = process.platform !== 'win32'
const readBuffer = Buffer.allocUnsafeSlow(readBytes)

/** The network. */
export const nodeSockets: Sockets = {
  listen(at: ListenAddress, accept: (socket: ServerSocket) => void): Promise<Listener> {
    const server = createServer({
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: keepAliveDelayMs,
      pauseOnConnect: true,
    })
    server.on('connection', (socket) => accept(new NodeSocket(socket)))
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host: at.host, port: at.port, backlog: backlogMax }, () => {
        server.off('error', reject)
        // An accept that fails (EMFILE) costs that one connection, not the server.
        server.on('error', () => {})
        const bound = server.address()
        const address = typeof bound === 'object' && bound !== null ? { host: bound.address, port: bound.port } : at
        resolve({ address, close: () => closeServer(server) })
      })
    })
  },
}

function closeServer(server: ReturnType<typeof createServer>): Promise<void> {
  // Its callback waits for the last connection to end; the port is free as soon as the handle is closed, which is at once.
  return new Promise((resolve) => {
    server.close()
    setImmediate(resolve)
  })
}

/** The part of Node's socket that has no public name: the handle, which a second socket with a read buffer of ours takes over. */
interface WithHandle {
  _handle: object | null
}

class NodeSocket implements ServerSocket {
  readonly clientAddress: string
  readonly clientPort: number
  private readonly accepted: Socket
  private stream: Socket
  private handlers: SocketHandlers | undefined
  private paused = false
  private secured = false
  private closed = false
  private failure: Error | undefined
  private drainWaiters: (() => void)[] = []

  constructor(accepted: Socket) {
    this.accepted = accepted
    this.stream = accepted
    this.clientAddress = accepted.remoteAddress ?? ''
    this.clientPort = accepted.remotePort ?? 0
    accepted.on('error', this.failed)
  }

  open(handlers: SocketHandlers): void {
    this.handlers = handlers
    const handle = sharedReads ? (this.accepted as unknown as WithHandle)._handle : null
    if (handle === null || handle === undefined) {
      this.listenTo(this.accepted)
      this.accepted.on('data', this.arrived)
      this.accepted.resume()
      return
    }
    // The first socket lets its handle go and is then closed, so that the server does not count it for ever.
    ;(this.accepted as unknown as WithHandle)._handle = null
    const options: Omit<SocketConstructorOpts, 'handle'> & { handle: object } = {
      handle,
      allowHalfOpen: true,
      readable: true,
      writable: true,
      onread: { buffer: readBuffer, callback: this.read },
    }
    this.stream = new Socket(options as SocketConstructorOpts)
    this.accepted.destroy()
    this.listenTo(this.stream)
    this.stream.on('error', this.failed)
    this.stream.resume()
    this.stream.read(0)
  }

  private listenTo(stream: Socket): void {
    stream.on('end', () => this.handlers?.ended())
    stream.on('close', this.gone)
    stream.on('drain', this.releaseWaiters)
  }

  private readonly failed = (error: Error): void => {
    this.failure ??= error
  }

  private readonly gone = (): void => {
    if (this.closed) return
    this.closed = true
    this.releaseWaiters()
    this.handlers?.closed(this.failure)
  }

  private readonly releaseWaiters = (): void => {
    const waiters = this.drainWaiters
    if (waiters.length === 0) return
    this.drainWaiters = []
    for (const release of waiters) release()
  }

  /** False makes Node stop reading. */
  private readonly read = (length: number, buffer: Uint8Array): boolean => {
    this.handlers?.bytes(buffer as Buffer, length)
    return !this.paused
  }

  private readonly arrived = (chunk: Buffer): void => {
    this.handlers?.bytes(chunk, chunk.length)
  }

  send(bytes: Buffer): boolean {
    const { stream } = this
    if (this.closed || stream.destroyed || stream.writableEnded) return true
    if (this.secured || stream.writableLength > 0) {
      // Nothing would be taken at once: a copy costs less than giving the caller's whole buffer away.
      stream.write(Buffer.from(bytes))
      return true
    }
    stream.write(bytes)
    return stream.writableLength === 0
  }

  get waitingBytes(): number {
    return this.stream.writableLength
  }

  drained(): Promise<void> {
    if (this.closed || this.stream.writableLength < lowWaterBytes) return Promise.resolve()
    return new Promise((resolve) => this.drainWaiters.push(resolve))
  }

  pause(): void {
    if (this.paused) return
    this.paused = true
    this.stream.pause()
  }

  resume(): void {
    if (!this.paused) return
    this.paused = false
    this.stream.resume()
  }

  secure(credentials: TlsCredentials, received: Buffer): Promise<string | undefined> {
    const plain = this.stream
    plain.off('close', this.gone)
    plain.removeAllListeners('end')
    plain.removeAllListeners('drain')
    plain.off('data', this.arrived)
    plain.pause()
    if (received.length > 0) plain.unshift(received)
    const secure = new TLSSocket(plain, {
      isServer: true,
      secureContext: secureContext(credentials),
      ALPNProtocols: [...credentials.applicationProtocols],
    })
    this.stream = secure
    this.secured = true
    secure.on('error', this.failed)
    this.listenTo(secure)
    secure.on('data', this.arrived)
    return new Promise((resolve, reject) => {
      const refused = (): void => reject(this.failure ?? new Error('the connection closed during the TLS handshake'))
      secure.once('close', refused)
      // Servers hear no 'secureConnect': 'secure' is what Node's own tls.Server listens to.
      secure.once('secure', () => {
        secure.off('close', refused)
        resolve(typeof secure.alpnProtocol === 'string' ? secure.alpnProtocol : undefined)
      })
    })
  }

  end(): void {
    if (this.closed) return
    // A client that never closes its side must not keep the socket.
    this.stream.end(() => this.stream.destroySoon())
  }

  destroy(): void {
    this.stream.destroy()
    if (!this.accepted.destroyed) this.accepted.destroy()
  }
}

const contexts = new WeakMap<TlsCredentials, SecureContext>()

/** Made once per listener: parsing a key takes milliseconds. Throws Node's error for PEM texts that are none or do not fit each other. */
export function secureContext(credentials: TlsCredentials): SecureContext {
  const known = contexts.get(credentials)
  if (known !== undefined) return known
  const made = createSecureContext({ cert: credentials.certificate, key: credentials.key, minVersion: 'TLSv1.2' })
  contexts.set(credentials, made)
  return made
}
