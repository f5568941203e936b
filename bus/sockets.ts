/**
 * Listening sockets as a port: `sockets-node.ts` is the network, the simulator and the tests have their own.
 * Nothing here makes a promise per message: bytes come in and go out on the caller's stack.
 */
export interface Sockets {
  /** Rejects with Node's error (EADDRINUSE, EACCES ...). */
  listen(at: ListenAddress, accept: (socket: ServerSocket) => void): Promise<Listener>
}

export interface ListenAddress {
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
}

export interface Listener {
  /** Where it really listens. */
  readonly address: ListenAddress
  /** Takes no new connections; resolves when the port is free. Connections that are open stay so. */
  close(): Promise<void>
}

/** PEM texts. */
export interface TlsCredentials {
  readonly certificate: string | Buffer
  readonly key: string | Buffer
  /** Application protocols offered (RFC 7301); a client that names others only is refused in the handshake. */
  readonly applicationProtocols: readonly string[]
}

export interface SocketHandlers {
  /** The bytes may be overwritten as soon as the handler returns. */
  bytes(buffer: Buffer, end: number): void
  /** The client will send no more. */
  ended(): void
  /** After `ended` or without it, once, and the last thing heard. The error, if any, is the network's. */
  closed(error: Error | undefined): void
}

/** One accepted connection. Silent until `open`. */
export interface ServerSocket {
  readonly clientAddress: string
  readonly clientPort: number
  open(handlers: SocketHandlers): void
  /** True: the bytes are copied or gone, their memory may be used again. False: the memory belongs to the socket from here on. */
  send(bytes: Buffer): boolean
  /** Bytes given to `send` that the operating system has not taken yet. */
  readonly waitingBytes: number
  /** Resolves when few bytes wait, or when the connection is gone. */
  drained(): Promise<void>
  /** No `bytes` until `resume`. */
  pause(): void
  resume(): void
  /**
   * From here on the client speaks TLS (1.2 or newer); `received` are bytes of it that came already. Resolves with the application
   * protocol agreed upon, undefined for none; rejects, with the connection closed, when the handshake fails.
   */
  secure(credentials: TlsCredentials, received: Buffer): Promise<string | undefined>
  /** Closes after everything sent has left. */
  end(): void
  /** Closes now. */
  destroy(): void
}
