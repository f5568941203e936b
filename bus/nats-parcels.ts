import type { Msg, Subscription } from '@nats-io/transport-node'
import { assert } from '../protocol/assert.ts'
import { ByteReader, ByteWriter } from '../protocol/bytes.ts'
import type { Nats } from './nats-connection.ts'
import type { Clock, Timer } from './world.ts'

/** A message up to this size travels in one piece; below the server's max_payload with room for headers. */
const inlineBytesMax = 900_000
const pieceBytes = 512 * 1_024
const pieceMsMax = 10_000
/** A parcel that nobody fetches is given up. */
const keptMsMax = 60_000
const parcelBytesMax = 2 ** 31
const subjectBytesMax = 200
const inline = 0
const parcel = 1

/**
 * Messages of any size. A small one is itself, behind one byte. A large one stays with its sender, who says where it lies and how long it is; whoever
 * gets that fetches it piece by piece, so that one addressee of a queue group has all of it and no socket is flooded.
 */
export class Parcels {
  private readonly nats: Nats
  private readonly clock: Clock
  private readonly address: string
  private readonly kept = new Map<string, { readonly bytes: Buffer; readonly timer: Timer }>()
  private subscription: Subscription | undefined
  private counter = 0

  constructor(nats: Nats, clock: Clock) {
    this.nats = nats
    this.clock = clock
    this.address = `${nats.inbox}.parcel.`
  }

  wrap(bytes: Buffer): Buffer {
    if (bytes.length <= inlineBytesMax) {
      const whole = Buffer.allocUnsafe(bytes.length + 1)
      whole[0] = inline
      bytes.copy(whole, 1)
      return whole
    }
    this.subscription ??= this.nats.connection.subscribe(`${this.address}*`, {
      callback: (error, message) => {
        if (error === null) this.give(message)
      },
    })
    const id = (this.counter++).toString(36)
    this.kept.set(id, { bytes, timer: this.clock.after(keptMsMax, () => this.kept.delete(id)) })
    const writer = new ByteWriter(128)
    writer.u8(parcel)
    writer.varint(bytes.length)
    writer.lengthLatin1(this.address + id)
    return writer.take()
  }

  /** Throws what ByteReader throws for bytes that are no message; BusError when the sender is gone. */
  async unwrap(message: Uint8Array): Promise<Buffer> {
    const reader = new ByteReader(message)
    const form = reader.u8()
    if (form === inline) return reader.bytes(reader.remaining)
    assert(form === parcel, 'a message is inline or a parcel')
    const size = reader.varint()
    const subject = reader.lengthLatin1()
    assert(size <= parcelBytesMax && subject.length <= subjectBytesMax, 'a parcel is within its bounds')
    const pieces: Buffer[] = []
    for (let at = 0; at < size; at += pieceBytes) {
      const wanted = Math.min(pieceBytes, size - at)
      const { data } = await this.nats.replies.ask(subject, Buffer.from(`${at} ${wanted}`), pieceMsMax)
      assert(data.length === wanted, 'a piece of a parcel is as long as it was said')
      pieces.push(Buffer.from(data.buffer, data.byteOffset, data.byteLength))
    }
    this.nats.connection.publish(subject)
    return Buffer.concat(pieces)
  }

  close(): void {
    this.subscription?.unsubscribe()
    for (const { timer } of this.kept.values()) timer.cancel()
    this.kept.clear()
  }

  /** A piece of what is kept; without words in the message it has arrived and can go. */
  private give(message: Msg): void {
    const id = message.subject.slice(this.address.length)
    const kept = this.kept.get(id)
    if (message.data.length === 0) {
      kept?.timer.cancel()
      this.kept.delete(id)
      return
    }
    const [at = Number.NaN, length = Number.NaN] = message.string().split(' ').map(Number)
    const isPart = Number.isSafeInteger(at) && Number.isSafeInteger(length) && at >= 0 && length > 0 && length <= pieceBytes
    if (kept !== undefined && isPart) message.respond(kept.bytes.subarray(at, at + length))
    else message.respond()
  }
}
