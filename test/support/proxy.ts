/** A proxy between a NATS client and its server that loses, doubles, delays and cuts what it is told to, message by message. */
import { connect, createServer, type Socket } from 'node:net'

/** One protocol message on its way: a line such as `HPUB subject reply 12 40`, with its payload in `bytes`. */
export interface Frame {
  readonly verb: string
  readonly words: readonly string[]
  readonly bytes: Buffer
}

export type Fate = 'pass' | 'drop' | 'twice' | 'cut' | 'pass and cut'

export interface FaultProxy {
  readonly url: string
  /** What becomes of each message from client to server and from server to client; 'pass' by default. */
  toServer: (frame: Frame) => Fate
  toClient: (frame: Frame) => Fate
  /** One way, in milliseconds. */
  delayMs: number
  /** Nothing gets through, and nobody is told. */
  isSilent: boolean
  /** Resets every connection. */
  cut(): void
  close(): Promise<void>
}

export async function startProxy(targetPort: number): Promise<FaultProxy> {
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect(targetPort, '127.0.0.1')
    const cut = (): void => {
      client.resetAndDestroy()
      upstream.resetAndDestroy()
    }
    for (const [from, to, fate] of [
      [client, upstream, (frame: Frame) => proxy.toServer(frame)],
      [upstream, client, (frame: Frame) => proxy.toClient(frame)],
    ] as const) {
      sockets.add(from)
      from.setNoDelay(true)
      from.on('error', () => to.destroy())
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
      const frames = new Frames()
      from.on('data', (bytes) => {
        for (const frame of frames.take(bytes)) {
          const what = fate(frame)
          if (what === 'cut') return cut()
          if (what !== 'drop') send(to, frame.bytes)
          if (what === 'twice') send(to, frame.bytes)
          if (what === 'pass and cut') return void to.write(Buffer.alloc(0), cut)
        }
      })
    }
  })
  const send = (to: Socket, bytes: Buffer): void => {
    if (proxy.isSilent) return
    if (proxy.delayMs === 0) to.write(bytes)
    else setTimeout(() => to.destroyed || to.write(bytes), proxy.delayMs)
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const proxy: FaultProxy = {
    url: `nats://127.0.0.1:${port}`,
    toServer: () => 'pass',
    toClient: () => 'pass',
    delayMs: 0,
    isSilent: false,
    cut() {
      for (const socket of sockets) socket.resetAndDestroy()
    },
    close: () =>
      new Promise((resolve) => {
        proxy.cut()
        server.close(() => resolve())
      }),
  }
  return proxy
}

const withPayload = new Set(['PUB', 'HPUB', 'MSG', 'HMSG'])

/** Takes the stream apart at the ends of protocol messages. */
class Frames {
  private rest: Buffer = Buffer.alloc(0)

  take(bytes: Buffer): Frame[] {
    const frames: Frame[] = []
    this.rest = this.rest.length === 0 ? bytes : Buffer.concat([this.rest, bytes])
    for (;;) {
      const end = this.rest.indexOf('\r\n')
      if (end < 0) return frames
      const words = this.rest.latin1Slice(0, end).split(/[ \t]+/)
      const verb = (words[0] as string).toUpperCase()
      const length = end + 2 + (withPayload.has(verb) ? Number(words.at(-1)) + 2 : 0)
      if (this.rest.length < length) return frames
      const frame = this.rest.subarray(0, length)
      this.rest = this.rest.subarray(length)
      frames.push({ verb, words, bytes: frame })
    }
  }
}
