/** The journal on JetStream against real nats-servers: what every log promises, and what only a network can do to one. */
import { jetstreamManager } from '@nats-io/jetstream'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Nats } from '../../bus/nats-connection.ts'
import { NatsLog } from '../../bus/nats-log.ts'
import { JetStreamRefused, StreamDiffers } from '../../bus/nats-streams.ts'
import { partition, sequence } from '../../protocol/ids.ts'
import { logContract } from '../journal-contract.ts'
import { type NatsServers, startNats, startNatsCluster } from '../support/nats-server.ts'
import { type Fate, type FaultProxy, type Frame, startProxy } from '../support/proxy.ts'
import { testWorld } from '../unit/circle/driver.ts'

const { clock } = testWorld()
let servers: NatsServers & { readonly url: string }
let databases = 0
beforeAll(async () => {
  servers = await startNats()
})
afterAll(() => servers.dispose())

const open: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

async function connected(url: string): Promise<Nats> {
  const nats = await Nats.connect({ servers: [url], onlyThese: true }, clock)
  open.push(() => nats.close())
  return nats
}

/** A journal of its own on the one server, by way of a proxy. */
async function throughProxy(): Promise<{ readonly log: NatsLog; readonly proxy: FaultProxy; readonly database: string }> {
  const database = `proxied${++databases}`
  const proxy = await startProxy(Number(new URL(servers.url).port))
  open.push(() => proxy.close())
  const log = await NatsLog.open(await connected(proxy.url), clock, { partition: partition(0), database })
  return { log, proxy, database }
}

const body = (text: string): Buffer => Buffer.from(text)
const isAppend = ({ words }: Frame): boolean => words[1]?.includes('.journal.') ?? false
/** Answers to appends; the connection carries other answers too. */
const isAcknowledgement = ({ verb, bytes }: Frame): boolean => verb === 'MSG' && bytes.includes('"seq":')
/** This fate the first time, then none. */
function once(which: (frame: Frame) => boolean, fate: Fate): (frame: Frame) => Fate {
  let isDone = false
  return (frame) => {
    if (isDone || !which(frame)) return 'pass'
    isDone = true
    return fate
  }
}

/** What the owner does: the same bytes until the log has answered for good (rule 6). */
async function insist(
  log: NatsLog,
  text: string,
  expected: number,
): Promise<{ readonly outcomes: string; readonly appended: number | undefined }> {
  const outcomes: string[] = []
  for (;;) {
    const outcome = await log.append(body(text), sequence(expected))
    if (outcomes.at(-1) !== outcome.kind) outcomes.push(outcome.kind)
    if (outcome.kind === 'appended') return { outcomes: outcomes.join(' '), appended: outcome.sequence }
    if (outcome.kind !== 'unknown' && !(outcome.kind === 'refused' && outcome.last <= expected))
      return { outcomes: outcomes.join(' '), appended: undefined }
    await clock.sleep(50)
  }
}

async function contents(log: NatsLog, from = 1): Promise<string> {
  const found: string[] = []
  for await (const { sequence: at, bytes } of log.read(sequence(from))) found.push(`${at}:${bytes}`)
  return found.join(' ')
}

logContract('JetStream', async () => {
  const nats = await Nats.connect({ servers: [servers.url] }, clock)
  const options = { partition: partition(0), database: `contract${++databases}` }
  let log = await NatsLog.open(nats, clock, options)
  return {
    log,
    async reopen() {
      await log.close()
      log = await NatsLog.open(nats, clock, options)
      return log
    },
    async dispose() {
      await log.close()
      await nats.close()
    },
  }
})

test('who appends gets headers back and not what he wrote; what another one writes comes whole', async () => {
  const options = { partition: partition(0), database: `own${++databases}` }
  const [own, other] = [await connected(servers.url), await connected(servers.url)]
  const [log, another] = [await NatsLog.open(own, clock, options), await NatsLog.open(other, clock, options)]
  const seen: number[] = []
  await log.follow(sequence(1), ({ bytes }) => void seen.push(bytes.length)).caughtUp
  await log.append(Buffer.alloc(1_000, 'a'), sequence(0))
  await own.connection.flush()
  await clock.sleep(100)
  const before = own.connection.stats().inBytes
  for (let n = 1; n <= 10; n++) await log.append(Buffer.alloc(100_000, `b${n}`), sequence(n))
  await own.connection.flush()
  await clock.sleep(100)
  expect(own.connection.stats().inBytes - before).toBeLessThan(20_000)
  expect((await another.append(Buffer.alloc(5_000, 'c'), sequence(11))).kind).toBe('appended')
  for (let i = 0; i < 100 && seen.length < 12; i++) await clock.sleep(20)
  expect(seen).toEqual([1_000, ...Array.from({ length: 10 }, () => 100_000), 5_000])
  expect((await log.append(Buffer.alloc(7, 'd'), sequence(12))).kind).toBe('appended')
  expect(seen.at(-1)).toBe(7)
  await Promise.all([log.close(), another.close()])
})

describe('acknowledgements, lost and doubled', () => {
  test('a lost acknowledgement: the identical resend is acknowledged, and the message is there once', async () => {
    const { log, proxy } = await throughProxy()
    proxy.toClient = once(isAcknowledgement, 'drop')
    expect(await insist(log, 'a', 0)).toEqual({ outcomes: 'unknown appended', appended: 1 })
    expect(await contents(log)).toBe('1:a')
  })

  test('a lost message: the resend is the first to arrive', async () => {
    const { log, proxy } = await throughProxy()
    proxy.toServer = once(isAppend, 'drop')
    expect(await insist(log, 'a', 0)).toEqual({ outcomes: 'unknown appended', appended: 1 })
    expect(await contents(log)).toBe('1:a')
  })

  test('messages and acknowledgements that come twice count once', async () => {
    const { log, proxy } = await throughProxy()
    proxy.toServer = (frame) => (isAppend(frame) ? 'twice' : 'pass')
    proxy.toClient = (frame) => (isAcknowledgement(frame) ? 'twice' : 'pass')
    for (const [i, text] of ['a', 'b', 'c', 'd'].entries())
      expect(await insist(log, text, i)).toEqual({ outcomes: 'appended', appended: i + 1 })
    expect(await contents(log)).toBe('1:a 2:b 3:c 4:d')
  })

  test('the connection breaks behind the message, before the acknowledgement', async () => {
    const { log, proxy } = await throughProxy()
    proxy.toClient = once(isAcknowledgement, 'cut')
    expect(await insist(log, 'a', 0)).toEqual({ outcomes: 'unknown appended', appended: 1 })
    proxy.toServer = once(isAppend, 'cut')
    expect(await insist(log, 'b', 1)).toEqual({ outcomes: 'unknown appended', appended: 2 })
    expect(await contents(log)).toBe('1:a 2:b')
  })

  test('somebody else was quicker while the acknowledgement was awaited: refused, for good', async () => {
    const { log, proxy, database } = await throughProxy()
    const other = await NatsLog.open(await connected(servers.url), clock, { partition: partition(0), database })
    proxy.toServer = once(isAppend, 'drop')
    const ours = insist(log, 'ours', 0)
    await clock.sleep(100)
    expect((await other.append(body('theirs'), sequence(0))).kind).toBe('appended')
    expect(await ours).toEqual({ outcomes: 'unknown refused', appended: undefined })
    expect(await contents(log)).toBe('1:theirs')
  })

  test('after the duplicate window the resend is refused, and what stands in its slot tells that it had landed', async () => {
    const { log, proxy, database } = await throughProxy()
    const manager = await jetstreamManager((await connected(servers.url)).connection)
    const stream = `${database}-journal-0`
    await manager.streams.update(stream, { duplicate_window: 100_000_000 })
    proxy.toClient = once(isAcknowledgement, 'drop')
    expect((await log.append(body('a'), sequence(0))).kind).toBe('unknown')
    await clock.sleep(300)
    expect(await log.append(body('a'), sequence(0))).toEqual({ kind: 'appended', sequence: 1 })
    expect(await contents(log)).toBe('1:a')
  })
})

describe('following', () => {
  test('a follower behind a broken network misses nothing and gets nothing twice', async () => {
    const { log, proxy, database } = await throughProxy()
    const writer = await NatsLog.open(await connected(servers.url), clock, { partition: partition(0), database })
    const seen: string[] = []
    const failures: unknown[] = []
    log.follow(
      sequence(1),
      ({ sequence: at, bytes }) => seen.push(`${at}:${bytes}`),
      (error) => failures.push(error),
    )
    let count = 0
    proxy.toClient = (frame) => {
      if (frame.verb !== 'MSG' || !frame.words[3]?.startsWith('$JS.ACK')) return 'pass'
      count++
      if (count % 7 === 0) return 'drop'
      if (count % 11 === 0) return 'twice'
      return count % 23 === 0 ? 'cut' : 'pass'
    }
    for (let n = 0; n < 60; n++) await writer.append(body(`m${n}`), sequence(n))
    for (let i = 0; i < 400 && seen.length < 60; i++) await clock.sleep(50)
    expect(seen).toEqual(Array.from({ length: 60 }, (_, n) => `${n + 1}:m${n}`))
    expect(failures).toEqual([])
  })

  test('two processes append in turn and both hear all of it', async () => {
    const options = { partition: partition(0), database: `turns${++databases}` }
    const logs = [
      await NatsLog.open(await connected(servers.url), clock, options),
      await NatsLog.open(await connected(servers.url), clock, options),
    ]
    const seen: string[][] = [[], []]
    for (const [i, log] of logs.entries()) log.follow(sequence(1), ({ bytes }) => seen[i]?.push(String(bytes)))
    for (let n = 0; n < 10; n++) expect((await (logs[n % 2] as NatsLog).append(body(`m${n}`), sequence(n))).kind).toBe('appended')
    for (let i = 0; i < 100 && (seen[0]?.length ?? 0) + (seen[1]?.length ?? 0) < 20; i++) await clock.sleep(20)
    const all = Array.from({ length: 10 }, (_, n) => `m${n}`)
    expect(seen).toEqual([all, all])
  })

  test('what was trimmed before it was read is said, not skipped', async () => {
    const { log, database } = await throughProxy()
    const other = await NatsLog.open(await connected(servers.url), clock, { partition: partition(0), database })
    for (let n = 0; n < 5; n++) await log.append(body(`m${n}`), sequence(n))
    log.trim(sequence(4))
    for (let i = 0; i < 100 && log.first() < 4; i++) await clock.sleep(20)
    const failed = new Promise((resolve) => other.follow(sequence(1), () => {}, resolve))
    expect(String(await failed)).toContain('begins with message 4, and message 1 was not read yet')
  })
})

describe('the stream', () => {
  test('full is full: refused at its byte bound, crowded before, and free again after a trim', async () => {
    const log = await NatsLog.open(await connected(servers.url), clock, {
      partition: partition(0),
      database: `full${++databases}`,
      bytesMax: 400_000,
    })
    const kinds: string[] = []
    for (let n = 0; n < 5; n++) {
      kinds.push(`${(await log.append(Buffer.alloc(90_000, n), sequence(n))).kind} ${log.crowded()}`)
    }
    expect(kinds).toEqual(['appended false', 'appended false', 'appended false', 'appended true', 'full true'])
    log.trim(sequence(4))
    for (let i = 0; i < 100 && log.crowded(); i++) await clock.sleep(20)
    expect((await log.append(Buffer.alloc(90_000, 9), sequence(4))).kind).toBe('appended')
  })

  test('a stream with other settings is reported and not changed', async () => {
    const nats = await connected(servers.url)
    const manager = await jetstreamManager(nats.connection)
    await manager.streams.add({ name: 'other-journal-0', subjects: ['other.journal.0'], max_age: 60_000_000_000, discard: 'old' })
    const refusal = NatsLog.open(nats, clock, { partition: partition(0), database: 'other' })
    await expect(refusal).rejects.toThrow(StreamDiffers)
    await expect(refusal).rejects.toThrow(
      'discard is "old", not "new"; max_age is 60000000000, not 0; duplicate_window is 60000000000, not 120000000000; deny_delete is false, not true',
    )
    expect((await manager.streams.info('other-journal-0')).config.max_age).toBe(60_000_000_000)
  })

  test('a server without JetStream is said to be one', async () => {
    const plain = await startNats({ jetstream: false })
    open.push(() => plain.dispose())
    const refusal = NatsLog.open(await connected(plain.url), clock, { partition: partition(0) })
    await expect(refusal).rejects.toThrow(JetStreamRefused)
    await expect(refusal).rejects.toThrow('jetstream is not enabled')
  })
})

test('the server is killed in the middle and started again: what was acknowledged is there, once', async () => {
  const own = await startNats()
  open.push(() => own.dispose())
  const log = await NatsLog.open(await connected(own.url), clock, { partition: partition(0) })
  const seen: string[] = []
  log.follow(sequence(1), ({ bytes }) => seen.push(String(bytes)))
  let killed = false
  for (let n = 0; n < 300; n++) {
    if (n === 150) {
      killed = true
      void own.server.stop('SIGKILL').then(() => own.server.start())
    }
    expect((await insist(log, `m${n}`, n)).appended).toBe(n + 1)
  }
  const all = Array.from({ length: 300 }, (_, n) => `m${n}`)
  expect(killed).toBe(true)
  expect(seen).toEqual(all)
  expect(await contents(log)).toBe(all.map((text, n) => `${n + 1}:${text}`).join(' '))
})

test('three servers, the stream leader is killed: appends go on, nothing is lost, nothing is doubled', async () => {
  const cluster = await startNatsCluster()
  open.push(() => cluster.dispose())
  const nats = await Nats.connect({ servers: cluster.urls }, clock)
  open.push(() => nats.close())
  const log = await NatsLog.open(nats, clock, { partition: partition(0) })
  const manager = await jetstreamManager(nats.connection)
  const info = await manager.streams.info('taudb-journal-0')
  expect(info.config.num_replicas).toBe(3)
  const leader = cluster.servers[Number(info.cluster?.leader?.slice(1)) - 1]
  const seen: string[] = []
  log.follow(sequence(1), ({ bytes }) => seen.push(String(bytes)))
  let stalledMs = 0
  let second: Promise<NatsLog> | undefined
  for (let n = 0; n < 120; n++) {
    if (n === 40) {
      void leader?.stop('SIGKILL')
      // While nobody leads, JetStream looks as if it were not enabled: whoever opens then waits.
      second = NatsLog.open(nats, clock, { partition: partition(0) })
    }
    const before = clock.monotonic()
    expect((await insist(log, `m${n}`, n)).appended).toBe(n + 1)
    stalledMs = Math.max(stalledMs, (clock.monotonic() - before) / 1_000)
  }
  expect(stalledMs).toBeLessThan(20_000)
  expect((await second)?.last()).toBeGreaterThanOrEqual(40)
  const all = Array.from({ length: 120 }, (_, n) => `m${n}`)
  expect(seen).toEqual(all)
  await leader?.start()
  expect(await contents(log)).toBe(all.map((text, n) => `${n + 1}:${text}`).join(' '))
}, 60_000)
