import type { ListenAddress, Listener, ServerSocket, SocketHandlers, Sockets } from '../../bus/sockets.ts'

/** Sockets without a network: what a client sends is heard at once, what the server sends is kept, and a reader may be slow. */
export class MemorySockets implements Sockets {
  private accept: ((socket: ServerSocket) => void) | undefined

  async listen(at: ListenAddress, accept: (socket: ServerSocket) => void): Promise<Listener> {
    this.accept = accept
    return {
      address: at,
      close: async () => {
        this.accept = undefined
      },
    }
  }

  connect(from = '127.0.0.1'): MemorySocket {
    if (this.accept === undefined) throw new Error('connection refused')
    const socket = new MemorySocket(from)
    this.accept(socket)
    return socket
  }
}

export class MemorySocket implements ServerSocket {
  readonly clientAddress: string
  readonly clientPort = 50_000
  /** What the server sent, one element a write. */
  writes: Buffer[] = []
  /** A client that reads nothing lets bytes wait. */
  reading = true
  waitingBytes = 0
  state: 'open' | 'ended' | 'destroyed' = 'open'
  paused = false
  private handlers: SocketHandlers | undefined
  private waiters: (() => void)[] = []
  private closeHeard = false

  constructor(clientAddress: string) {
    this.clientAddress = clientAddress
  }

  // --- the client's side

  /** The memory is wiped afterwards, as a shared read buffer's would be. */
  write(bytes: Buffer): void {
    const lent = Buffer.from(bytes)
    if (this.state !== 'destroyed') this.handlers?.bytes(lent, lent.length)
    lent.fill(0xaa)
  }

  finish(): void {
    this.handlers?.ended()
  }

  reset(): void {
    this.destroy()
  }

  readAll(): void {
    this.reading = true
    this.waitingBytes = 0
    const waiters = this.waiters
    this.waiters = []
    for (const waiter of waiters) waiter()
  }

  take(): Buffer {
    const bytes = Buffer.concat(this.writes)
    this.writes = []
    return bytes
  }

  // --- ServerSocket

  open(handlers: SocketHandlers): void {
    this.handlers = handlers
  }

  send(bytes: Buffer): boolean {
    if (this.state !== 'open') return true
    this.writes.push(Buffer.from(bytes))
    if (!this.reading) this.waitingBytes += bytes.length
    return true
  }

  drained(): Promise<void> {
    return new Promise((resolve) => this.waiters.push(resolve))
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
  }

  secure(): Promise<string | undefined> {
    return Promise.reject(new Error('no TLS in memory'))
  }

  end(): void {
    if (this.state !== 'open') return
    this.state = 'ended'
    queueMicrotask(() => this.close())
  }

  destroy(): void {
    this.state = 'destroyed'
    this.close()
  }

  private close(): void {
    if (this.closeHeard) return
    this.closeHeard = true
    this.readAll()
    this.handlers?.closed(undefined)
  }
}
