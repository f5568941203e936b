/** The bus over NATS, against a real nats-server: what every bus promises, within a process and between two, and what only a network can do. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { connect, nkeys } from '@nats-io/transport-node'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Bus, BusError, BusRefused } from '../../bus/bus.ts'
import { type Codec, NatsBus } from '../../bus/nats.ts'
import { Nats, type NatsOptions } from '../../bus/nats-connection.ts'
import { SqlError } from '../../protocol/errors.ts'
import { epoch, partition, sequence } from '../../protocol/ids.ts'
import type { Key } from '../../protocol/key.ts'
import * as messageCodec from '../../protocol/message-codec.ts'
import type { CommitRequest } from '../../protocol/messages.ts'
import { tau } from '../../protocol/time.ts'
import { busContract } from '../bus-contract.ts'
import { type NatsServers, startNats } from '../support/nats-server.ts'
import { type FaultProxy, startProxy } from '../support/proxy.ts'
import { testWorld } from '../unit/circle/driver.ts'
import { temporaryDirectory } from './server-process.ts'

const { clock } = testWorld()
let servers: NatsServers & { readonly url: string }
beforeAll(async () => {
  servers = await startNats({ jetstream: false })
})
afterAll(() => servers.dispose())

const open: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

/** The contract speaks in bare numbers and texts. */
const plain: Codec = {
  encodeQuestion: (message) => Buffer.from(JSON.stringify(message)),
  decodeQuestion: (bytes) => JSON.parse(Buffer.from(bytes).toString()),
  encodeAnswer: (_, answer) => Buffer.from(JSON.stringify(answer)),
  decodeAnswer: (_, bytes) => JSON.parse(Buffer.from(bytes).toString()),
}

async function busAt(url: string, codec: Codec = plain, options: Partial<NatsOptions> = {}): Promise<NatsBus> {
  const nats = await Nats.connect({ servers: [url], ...options }, clock)
  const bus = new NatsBus(nats, clock, codec)
  open.push(async () => {
    bus.close()
    await nats.close()
  })
  return bus
}

/** Two processes as one bus: served and heard by the first, asked and told by the second. */
async function twoProcesses(): Promise<Bus> {
  const [server, client] = [await busAt(servers.url), await busAt(servers.url)]
  const known = <T>(step: () => T): Promise<Awaited<T>> => server.settled().then(step) as Promise<Awaited<T>>
  let isClosed = false
  return {
    serve: (subject, handler, options) => server.serve(subject, handler, options),
    subscribe: (subject, handler) => server.subscribe(subject, handler),
    request: <Answer>(subject: string, message: unknown) =>
      isClosed ? client.request<Answer>(subject, message) : known(() => client.request<Answer>(subject, message)),
    publish: (subject, message) => void known(() => client.publish(subject, message)),
    forsake: (subject) => client.forsake(subject),
    close() {
      isClosed = true
      client.close()
      server.close()
    },
  }
}

busContract('NATS, within a process', () => busAt(servers.url))
busContract('NATS, between two processes', twoProcesses)

const reasonOf = (error: unknown): string => (error instanceof BusError ? error.reason : String(error))
const asked = (bus: Bus, subject: string, message: unknown, timeoutMs?: number): Promise<unknown> =>
  Promise.resolve(bus.request(subject, message, timeoutMs === undefined ? {} : { timeoutMs })).catch(reasonOf)

test('in one process the answer is there at once, on the same stack, without a copy', async () => {
  const bus = await busAt(servers.url)
  const message = { rows: [1, 2] }
  bus.serve('here', (given: typeof message) => given)
  expect(bus.request('here', message)).toBe(message)
})

test('who waits for a subject that is forsaken is told so, and nobody else', async () => {
  const [there, here] = [await busAt(servers.url), await busAt(servers.url)]
  const never = new Promise<never>(() => {})
  const late = Promise.withResolvers<string>()
  there.serve('gone', () => never)
  there.serve('slow', () => late.promise)
  await there.settled()
  const [gone, slow] = [asked(here, 'gone', 1), asked(here, 'slow', 1)]
  await here.settled()
  here.forsake('gone')
  expect(await gone).toBe('timeout')
  late.resolve('here I am')
  expect(await slow).toBe('here I am')
})

test('messages of the protocol: question, answer and refusals, as they were', async () => {
  const [there, here] = [await busAt(servers.url, messageCodec), await busAt(servers.url, messageCodec)]
  const heard: unknown[] = []
  there.serve('owner', (request: CommitRequest) => {
    heard.push(request)
    if (request.traceparent === 'sql') throw new SqlError('53100', 'full', { hint: 'Make room.', position: 3 })
    if (request.traceparent === 'bus') throw new BusError('closed', 'owner')
    return { clock: 6, verdict: { kind: 'commit', tauCommit: tau(77) } }
  })
  await there.settled()
  const request: CommitRequest = {
    kind: 'commit',
    clock: 5.5,
    id: { leader: partition(0), epoch: epoch(3), boot: '\xff1234567', counter: 9 },
    tauStart: tau(1_763_690_000_000_000),
    until: tau(1_763_690_005_000_000),
    writes: [{ key: '\0\0@\0k' as Key, operation: 'create', mode: 'X', postImage: Buffer.from('row') }],
    checks: [{ range: { start: 'a' as Key, end: 'b' as Key }, mode: 'R' }],
    traceparent: '',
  }
  expect(await here.request('owner', request)).toEqual({ clock: 6, verdict: { kind: 'commit', tauCommit: 77 } })
  expect(heard).toEqual([request])
  const refusal = await Promise.resolve(here.request('owner', { ...request, traceparent: 'sql' })).catch(
    (error: unknown) => error,
  )
  expect(refusal).toEqual(new SqlError('53100', 'full', { hint: 'Make room.', position: 3 }))
  expect(refusal).toBeInstanceOf(SqlError)
  expect(await asked(here, 'owner', { ...request, traceparent: 'bus' })).toBe('closed')
})

test('a message larger than the server takes travels in pieces, both ways', async () => {
  const [there, here] = [await busAt(servers.url, messageCodec), await busAt(servers.url, messageCodec)]
  const row = Buffer.alloc(3_000_000, 'r')
  there.serve('shard', (request: { skip?: readonly Key[] }) => ({
    keys: request.skip ?? [],
    rows: [row, row],
    keysRead: 2,
    resume: undefined,
  }))
  await there.settled()
  const skip = Array.from({ length: 2_000 }, (_, i) => `${i}${'k'.repeat(900)}` as Key)
  const answer = await here.request<{ keys: Key[]; rows: Buffer[] }>('shard', {
    kind: 'scan',
    clock: 1,
    tauStart: tau(1),
    vector: [sequence(1)],
    range: { start: '' as Key, end: '\xff' as Key },
    reverse: false,
    rowsMax: 10,
    bytesMax: 10,
    skip,
  })
  expect(answer.keys).toEqual(skip)
  expect(answer.rows.map((bytes) => bytes.equals(row))).toEqual([true, true])
})

test('a queue group over processes: each request goes to one of them, and to another when one is gone', async () => {
  const [one, two, client] = [await busAt(servers.url), await busAt(servers.url), await busAt(servers.url)]
  one.serve('work', () => 'one', { queue: 'group' })
  two.serve('work', () => 'two', { queue: 'group' })
  await Promise.all([one.settled(), two.settled()])
  const answers = await Promise.all(Array.from({ length: 40 }, () => asked(client, 'work', 1)))
  expect(new Set(answers)).toEqual(new Set(['one', 'two']))
  one.close()
  await one.settled()
  expect(new Set(await Promise.all(Array.from({ length: 10 }, () => asked(client, 'work', 1))))).toEqual(new Set(['two']))
})

describe('what a network does', () => {
  async function throughProxy(): Promise<{ readonly there: NatsBus; readonly here: NatsBus; readonly proxy: FaultProxy }> {
    const proxy = await startProxy(Number(new URL(servers.url).port))
    open.push(() => proxy.close())
    const there = await busAt(servers.url)
    return { there, here: await busAt(proxy.url, plain, { onlyThese: true }), proxy }
  }

  test('no answer in time, an answer that was lost, one that comes twice', async () => {
    const { there, here, proxy } = await throughProxy()
    there.serve('silent', () => new Promise(() => {}))
    let count = 0
    there.serve('count', () => ++count)
    await there.settled()
    expect(await asked(here, 'silent', 1, 150)).toBe('timeout')
    proxy.toClient = ({ verb }) => (verb === 'MSG' ? 'drop' : 'pass')
    expect(await asked(here, 'count', 1, 150)).toBe('timeout')
    proxy.toClient = ({ verb }) => (verb === 'MSG' ? 'twice' : 'pass')
    expect([await asked(here, 'count', 1), await asked(here, 'count', 1)]).toEqual([2, 3])
  })

  test('a broken connection ends what is under way at once, and heals by itself', async () => {
    const { there, here, proxy } = await throughProxy()
    there.serve('silent', () => new Promise(() => {}))
    there.serve('echo', (text: string) => text)
    await there.settled()
    const waiting = asked(here, 'silent', 1)
    await here.settled()
    proxy.cut()
    expect(await waiting).toBe('timeout')
    // While there is no connection nobody is asked.
    expect(await asked(here, 'echo', 'a')).toBe('no-responders')
    for (let i = 0; i < 100 && (await asked(here, 'echo', 'b')) !== 'b'; i++) await clock.sleep(20)
    expect(await asked(here, 'echo', 'c')).toBe('c')
  })

  test('bytes that are no message are answered with a failure and acted upon by nobody', async () => {
    const there = await busAt(servers.url, messageCodec)
    let calls = 0
    there.serve('owner', () => ++calls)
    there.subscribe('news', () => ++calls)
    await there.settled()
    const stranger = await connect({ servers: servers.url })
    open.push(() => stranger.close())
    const noise = ['', '\0', '\0\x01', '\0\x01\x03', '\x02', '\x01\xff', `\0\x01\x01${'\0'.repeat(9)}`, `\x01\x05\x03abc`]
    for (const text of noise) {
      const reply = await stranger.request('owner', Buffer.from(text, 'latin1'), { timeout: 11_000 })
      expect(reply.data[1]).toBe(1)
      stranger.publish('news', Buffer.from(text, 'latin1'))
    }
    await stranger.flush()
    expect(calls).toBe(0)
  })
})

describe('who may come in', () => {
  test('user and password, in the URL or beside it; without them nothing', async () => {
    const closed = await startNats({ jetstream: false, config: 'authorization { users: [{ user: taudb, password: "s3cret" }] }' })
    open.push(() => closed.dispose())
    const address = closed.url.slice('nats://'.length)
    const bus = await busAt(`nats://taudb:s3cret@${address}`)
    bus.serve('here', () => 'yes')
    await bus.settled()
    const other = await busAt(closed.url, plain, { user: 'taudb', password: 's3cret' })
    expect(await asked(other, 'here', 1)).toBe('yes')
    const refusal = Nats.connect({ servers: [closed.url] }, clock)
    await expect(refusal).rejects.toThrow(BusRefused)
    await expect(refusal).rejects.toThrow('check user, password, NKey or credentials')
  })

  test('TLS: with the right certificates, and not without', async () => {
    using directory = temporaryDirectory('nats-tls')
    const [cert, key] = [`${directory.path}/cert.pem`, `${directory.path}/key.pem`]
    const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost']
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
    const made = spawnSync('openssl', ['req', '-x509', ...curve, '-days', '2', ...subject, '-keyout', key, '-out', cert])
    expect(made.status).toBe(0)
    const secure = await startNats({ jetstream: false, config: `tls { cert_file: "${cert}", key_file: "${key}" }` })
    open.push(() => secure.dispose())
    const bus = await busAt(secure.url, plain, { tls: { ca: readFileSync(cert, 'utf8') } })
    bus.serve('here', () => 'yes')
    await bus.settled()
    const other = await busAt(secure.url, plain, { tls: { ca: readFileSync(cert, 'utf8') } })
    expect(await asked(other, 'here', 1)).toBe('yes')
    await expect(Nats.connect({ servers: [secure.url], tls: {}, connectMsMax: 100 }, clock)).rejects.toThrow(BusRefused)
  })

  test('an NKey: the seed stays here, the server knows the public half', async () => {
    const pair = nkeys.createUser()
    const closed = await startNats({ jetstream: false, config: `authorization { users: [{ nkey: ${pair.getPublicKey()} }] }` })
    open.push(() => closed.dispose())
    const bus = await busAt(closed.url, plain, { nkeySeed: new TextDecoder().decode(pair.getSeed()) })
    await bus.settled()
    const stranger = new TextDecoder().decode(nkeys.createUser().getSeed())
    await expect(Nats.connect({ servers: [closed.url], nkeySeed: stranger }, clock)).rejects.toThrow(BusRefused)
  })

  test("who may publish little can do little: permissions are the server's, and a request that is forbidden ends", async () => {
    const permissions = '{ publish: ["allowed", "_INBOX.>"], subscribe: ["allowed", "_INBOX.>"] }'
    const closed = await startNats({
      jetstream: false,
      config: `authorization { users: [{ user: all, password: a }, { user: some, password: b, permissions: ${permissions} }] }`,
    })
    open.push(() => closed.dispose())
    const [there, here] = [
      await busAt(closed.url, plain, { user: 'all', password: 'a' }),
      await busAt(closed.url, plain, { user: 'some', password: 'b' }),
    ]
    let calls = 0
    there.serve('allowed', () => 'yes')
    there.serve('forbidden', () => ++calls)
    await there.settled()
    expect(await asked(here, 'allowed', 1)).toBe('yes')
    expect(await asked(here, 'forbidden', 1, 300)).toBe('timeout')
    expect(await asked(here, 'allowed', 1)).toBe('yes')
    expect(calls).toBe(0)
  })

  test('nobody there: one line that says so', async () => {
    const refusal = Nats.connect({ servers: ['nats://127.0.0.1:1'], connectMsMax: 100 }, clock)
    await expect(refusal).rejects.toThrow(
      /^no connection to NATS at 127\.0\.0\.1:1: .*; start nats-server there, or name another one with --bus$/,
    )
  })
})
