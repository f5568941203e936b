import { hash, randomBytes } from 'node:crypto'
import type { JetStreamManager, StreamConfig } from '@nats-io/jetstream'
import type { MsgHdrs } from '@nats-io/transport-node'
import { assert } from '../protocol/assert.ts'
import { BusError } from './bus.ts'
import type { Nats } from './nats-connection.ts'
import { answered, apiCode, JetStreamRefused, StreamDiffers, unlessMissing } from './nats-streams.ts'
import { isObjectName, type Objects, ObjectsRefused } from './objects.ts'
import type { Clock } from './world.ts'

export interface BucketOptions {
  readonly bucket: string
  /** Copies of a new bucket among the servers; undefined: three in a cluster, else one. */
  readonly replicas?: number
  /** False: a bucket that is not there is told, not made. */
  readonly create: boolean
}

/** Beside the payload a message has a subject and headers; max_payload is 1 MB where nobody has changed it. */
const chunkBytesMax = 786_432
const askMs = 2_000
const sendMsMax = 30_000
const retryMs = 200
const requestMs = 5_000
const noMessage = 10_037

/** NATS's own description of an object (ADR-20): `nats object ls` and `nats object get` understand it. */
interface ObjectInfo {
  readonly name: string
  readonly bucket: string
  readonly nuid: string
  readonly size: number
  readonly chunks: number
  readonly digest: string
  readonly mtime: string
  readonly deleted?: boolean
  readonly options: { readonly max_chunk_size: number }
}

/**
 * Objects in a bucket of NATS's object store, which is a stream: chunks under a random name, then the description, which alone makes the
 * object be there. Everything is asked of the stream's leader.
 */
export class NatsObjects implements Objects {
  readonly place: string
  private readonly nats: Nats
  private readonly manager: JetStreamManager
  private readonly clock: Clock
  private readonly newHeaders: () => MsgHdrs
  private readonly bucket: string
  private readonly stream: string

  /** Throws JetStreamRefused, StreamDiffers, or ObjectsRefused where there is none and none may be made. */
  static async open(nats: Nats, clock: Clock, options: BucketOptions): Promise<NatsObjects> {
    const { jetstreamManager } = await import('@nats-io/jetstream')
    const { headers } = await import('@nats-io/transport-node')
    const { bucket, create } = options
    if (!/^[A-Za-z0-9_-]+$/.test(bucket))
      throw new ObjectsRefused(`"${bucket}" cannot be the name of a bucket: use letters and digits`)
    const { info } = nats.connection
    if (info !== undefined && info.jetstream !== true && info.cluster === undefined)
      throw new JetStreamRefused(
        'jetstream is not enabled in the server: start it with jetstream { store_dir: ..., sync_interval: always }',
      )
    const manager = await jetstreamManager(nats.connection, { checkAPI: false, timeout: requestMs })
    const wanted = bucketStream(bucket, options.replicas ?? (info?.cluster === undefined ? 1 : 3))
    const found = await answered(clock, () => unlessMissing(manager.streams.info(wanted.name)))
    if (found === undefined && !create)
      throw new ObjectsRefused(`there is no bucket "${bucket}" on ${nats.connection.getServer()}`)
    if (found === undefined) await answered(clock, () => manager.streams.add(wanted))
    else check(bucket, wanted, found.config)
    return new NatsObjects({ nats, manager, clock, newHeaders: headers, bucket, stream: wanted.name })
  }

  private constructor(parts: {
    readonly nats: Nats
    readonly manager: JetStreamManager
    readonly clock: Clock
    readonly newHeaders: () => MsgHdrs
    readonly bucket: string
    readonly stream: string
  }) {
    this.nats = parts.nats
    this.manager = parts.manager
    this.clock = parts.clock
    this.newHeaders = parts.newHeaders
    this.bucket = parts.bucket
    this.stream = parts.stream
    this.place = `nats://${parts.nats.connection.getServer()}/${parts.bucket}`
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    assert(isObjectName(name), 'an object has a name that every place can hold')
    const before = await this.info(name)
    const nuid = randomBytes(11).toString('hex')
    let chunks = 0
    for (let at = 0; at < bytes.length; at += chunkBytesMax) {
      await this.send(this.chunkSubject(nuid), bytes.subarray(at, at + chunkBytesMax), `${nuid}-${chunks}`)
      chunks++
    }
    const info: ObjectInfo = {
      name,
      bucket: this.bucket,
      nuid,
      size: bytes.length,
      chunks,
      digest: digestOf(bytes),
      mtime: new Date(this.clock.now() / 1_000).toISOString(),
      options: { max_chunk_size: chunkBytesMax },
    }
    await this.send(this.infoSubject(name), Buffer.from(JSON.stringify(info)), nuid, true)
    if (before !== undefined) await this.purge(this.chunkSubject(before.nuid))
  }

  async get(name: string): Promise<Buffer | undefined> {
    for (let attempt = 0; ; attempt++) {
      const info = await this.info(name)
      if (info === undefined) return undefined
      const bytes = await this.content(info)
      if (bytes !== undefined) return bytes
      // Replaced while it was read: then another one is there now.
      if (attempt > 0 || (await this.info(name))?.nuid === info.nuid)
        throw new ObjectsRefused(`${name} in the bucket "${this.bucket}" is damaged`)
    }
  }

  private async content({ nuid, chunks, size, digest }: ObjectInfo): Promise<Buffer | undefined> {
    const pieces: Buffer[] = []
    for (let next = 1; pieces.length < chunks; ) {
      const from = next
      const chunk = await this.message({ seq: from, next_by_subj: this.chunkSubject(nuid) })
      if (chunk === undefined) return undefined
      pieces.push(chunk.bytes)
      next = chunk.sequence + 1
    }
    const bytes = pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces)
    return bytes.length === size && sameDigest(digest, digestOf(bytes)) ? bytes : undefined
  }

  async list(prefix: string): Promise<readonly string[]> {
    const filter = `$O.${this.bucket}.M.>`
    const info = await this.told(() => this.manager.streams.info(this.stream, { subjects_filter: filter }))
    const names: string[] = []
    for (const subject of Object.keys(info.state.subjects ?? {})) {
      const name = Buffer.from(subject.slice(filter.length - 1), 'base64url').toString('utf8')
      if (isObjectName(name) && name.startsWith(prefix)) names.push(name)
    }
    return names.sort()
  }

  async remove(name: string): Promise<void> {
    const info = await this.info(name)
    // The description first: what nobody describes is not there.
    await this.purge(this.infoSubject(name))
    if (info !== undefined) await this.purge(this.chunkSubject(info.nuid))
  }

  /** The connection is its opener's. */
  async close(): Promise<void> {}

  private chunkSubject(nuid: string): string {
    return `$O.${this.bucket}.C.${nuid}`
  }

  private infoSubject(name: string): string {
    const encoded = Buffer.from(name).toString('base64').replaceAll('+', '-').replaceAll('/', '_')
    return `$O.${this.bucket}.M.${encoded}`
  }

  private async info(name: string): Promise<ObjectInfo | undefined> {
    const found = await this.message({ last_by_subj: this.infoSubject(name) })
    if (found === undefined) return undefined
    let info: ObjectInfo
    try {
      info = JSON.parse(found.bytes.toString('utf8')) as ObjectInfo
    } catch {
      throw new ObjectsRefused(`the description of ${name} in the bucket "${this.bucket}" is damaged`)
    }
    return info.deleted === true ? undefined : info
  }

  private async message(
    query: { readonly last_by_subj: string } | { readonly seq: number; readonly next_by_subj: string },
  ): Promise<{ readonly bytes: Buffer; readonly sequence: number } | undefined> {
    return await this.told(async () => {
      try {
        const found = await this.manager.streams.getMessage(this.stream, query)
        return found === null ? undefined : { bytes: Buffer.from(found.data), sequence: found.seq }
      } catch (error) {
        if (apiCode(error) === noMessage) return undefined
        throw error
      }
    })
  }

  private async purge(subject: string): Promise<void> {
    await this.told(() => this.manager.streams.purge(this.stream, { filter: subject }))
  }

  private async told<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await answered(this.clock, ask)
    } catch (error) {
      if (error instanceof JetStreamRefused) throw error
      throw new ObjectsRefused(
        `the bucket "${this.bucket}" cannot be used: ${error instanceof Error ? error.message : String(error)}`,
      )
    }
  }

  /** Until it is acknowledged: the message's id makes a second copy none. */
  private async send(subject: string, bytes: Uint8Array, id: string, replaces = false): Promise<void> {
    for (const until = this.clock.monotonic() + sendMsMax * 1_000; ; ) {
      const headers = this.newHeaders()
      headers.set('Nats-Msg-Id', id)
      headers.set('Nats-Expected-Stream', this.stream)
      if (replaces) headers.set('Nats-Rollup', 'sub')
      try {
        const answer = (await this.nats.replies.ask(subject, bytes, askMs, headers)).json<PubAck>()
        if (answer.error === undefined) return
        if (answer.error.err_code !== systemUnavailable)
          throw new ObjectsRefused(`the bucket "${this.bucket}" takes nothing: ${answer.error.description}`)
      } catch (error) {
        if (!(error instanceof BusError || error instanceof SyntaxError)) throw error
      }
      if (this.clock.monotonic() > until)
        throw new ObjectsRefused(`the bucket "${this.bucket}" does not answer: are its servers there, and may we write to it?`)
      await this.clock.sleep(retryMs)
    }
  }
}

interface PubAck {
  readonly error?: { readonly err_code: number; readonly description: string }
}
const systemUnavailable = 10_008

function bucketStream(bucket: string, replicas: number): Partial<StreamConfig> & { name: string } {
  return {
    name: `OBJ_${bucket}`,
    subjects: [`$O.${bucket}.C.>`, `$O.${bucket}.M.>`],
    retention: 'limits',
    storage: 'file',
    discard: 'new',
    num_replicas: replicas,
    max_age: 0,
    allow_rollup_hdrs: true,
    deny_purge: false,
    deny_delete: false,
  }
}

/** A bucket that forgets, or whose objects nobody can replace, is none for us. */
function check(bucket: string, wanted: ReturnType<typeof bucketStream>, found: StreamConfig): void {
  const needed = ['subjects', 'retention', 'discard', 'max_age', 'allow_rollup_hdrs'] as const
  const different = needed.filter((name) => JSON.stringify(found[name]) !== JSON.stringify(wanted[name]))
  if (found.deny_purge) different.push('deny_purge' as never)
  if (different.length > 0)
    throw new StreamDiffers(
      `the bucket "${bucket}" has other settings than taudb needs (${different.map((name) => `${name} is ${JSON.stringify(found[name])}`).join('; ')}); ` +
        'taudb changes nothing in a bucket that is there: name another one',
    )
}

/** The bucket of a database's own snapshots. */
export const snapshotBucket = (database = 'taudb'): string => `${database}-snapshots`

const digestOf = (bytes: Uint8Array): string => `SHA-256=${hash('sha256', bytes, 'base64url')}=`
/** Other programs leave the padding out. */
const sameDigest = (a: string, b: string): boolean => a.replace(/=+$/, '') === b.replace(/=+$/, '')
