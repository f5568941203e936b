/** deploy/nats-permissions.conf: every role works with what it is allowed, and whoever is none, or another one, can do nothing. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { afterEach, expect, test } from 'vitest'
import { BusRefused } from '../../bus/bus.ts'
import { Nats } from '../../bus/nats-connection.ts'
import { realClock } from '../../bus/real-world.ts'
import { startNats } from '../support/nats-server.ts'
import { ServerDidNotStart, type ServerProcess, startServer, temporaryDirectory } from './server-process.ts'

const open: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

const permissions = readFileSync(join(import.meta.dirname, '../../deploy/nats-permissions.conf'), 'utf8')
const passwordOf = (user: string): string => `pw-${user}`

/** A server with these permissions: addresses for its users, and what they were kept from. */
async function guarded(): Promise<{ readonly url: (user: string) => string; readonly violations: () => string[] }> {
  const config = permissions.replaceAll(/\$TAUDB_(\w+)_PASSWORD/g, (_, user: string) => passwordOf(user.toLowerCase()))
  const { server, dispose } = await startNats({ config })
  open.push(dispose)
  return {
    url: (user) => `nats://${user}:${passwordOf(user)}@127.0.0.1:${server.port}`,
    violations: () => [...server.log().matchAll(/user:(.*Violation.*)/g)].map(([, line]) => line as string),
  }
}

async function started(...words: string[]): Promise<ServerProcess> {
  const server = await startServer(words)
  open.push(() => server.stop('SIGKILL'))
  return server
}

async function outputOf(...words: string[]): Promise<string> {
  const ended = (await startServer(words).catch((error: unknown) => error)) as ServerDidNotStart
  expect(ended).toBeInstanceOf(ServerDidNotStart)
  return `${ended.output}exit ${ended.exit}`
}

/** Somebody who has a role's password, and means no good. */
async function stranger(url: string): Promise<Nats> {
  const inbox = { frontend: 'frontend-query-processor', storage: 'crossbar-storage' }[new URL(url).username]
  const nats = await Nats.connect({ servers: [url], connectMsMax: 500, inbox: inbox ?? new URL(url).username }, realClock)
  open.push(() => nats.close())
  return nats
}

/** The first answer, or why there is none. */
const answerTo = (nats: Nats, subject: string, bytes = ''): Promise<string> =>
  nats.replies.ask(subject, Buffer.from(bytes), 400).then(
    (reply) => reply.string(),
    (error: unknown) => (error as { reason?: string }).reason ?? String(error),
  )

test('each role works with its own user, and no other one can do its work', { timeout: 60_000 }, async () => {
  const { url, violations } = await guarded()
  using data = temporaryDirectory('permissions')
  // In any order: who may not make the streams waits for the adjudicator, who may.
  const storage = started('--bus', url('storage'), '--roles', 'storage,crossbar', '--data', data.path)
  const frontend = started('--bus', url('frontend'), '--roles', 'frontend,query-processor', '--port', '0')
  const owner = await started('--bus', url('adjudicator'), '--roles', 'adjudicator', '--partitions', '2')
  await storage
  const client = new pg.Client({ connectionString: (await frontend).connectionString })
  await client.connect()
  open.push(() => client.end())
  await client.query('create table t (id int primary key, v text)')
  await client.query("insert into t select g, repeat('x', 1000) from generate_series(1, 2000) g")
  // An answer in parts, and another owner.
  expect((await client.query("select length(string_agg(v, '')) as n from t")).rows).toEqual([{ n: 2_000_000 }])
  await started('--bus', url('adjudicator'), '--roles', 'adjudicator').then(() => owner.stop('SIGKILL'))
  await client.query("update t set v = 'y' where id = 1")

  expect(await outputOf('status', '--bus', url('operator'))).toMatch(/^database [\s\S]*serves {2}[\s\S]*exit 0$/)
  expect(await outputOf('doctor', '--bus', url('operator'))).toMatch(/1 copy[\s\S]*exit 0$/)

  // Nobody was kept from anything but from making what the adjudicator makes.
  expect(
    violations().filter((line) => !/Publish Violation - Subject "(\$JS\.API\.STREAM\.CREATE\.|taudb\.database")/.test(line)),
  ).toEqual([])

  const forbidden = [
    'taudb.journal.0',
    'taudb.database',
    'taudb.ownership.0',
    '$JS.API.STREAM.PURGE.taudb-journal-0',
    '$JS.API.STREAM.DELETE.taudb-journal-0',
    '$JS.API.STREAM.UPDATE.taudb-journal-0',
    '$JS.API.STREAM.CREATE.taudb-journal-7',
  ]
  for (const user of ['frontend', 'storage', 'operator']) {
    const nats = await stranger(url(user))
    const said = forbidden.map(async (subject) => [user, subject, await answerTo(nats, subject, '{}')])
    expect(await Promise.all(said)).toEqual(forbidden.map((subject) => [user, subject, 'timeout']))
  }
  const asStorage = await stranger(url('storage'))
  expect(await answerTo(asStorage, 'taudb.adjudicator.0.2', 'x')).toBe('timeout')
  const asAdjudicator = await stranger(url('adjudicator'))
  expect(await answerTo(asAdjudicator, 'taudb.storage.0', 'x')).toBe('timeout')
  for (const [user, subject] of [
    ['frontend', 'taudb.storage.0'],
    ['frontend', 'taudb.adjudicator.*.*'],
    ['frontend', '_INBOX.>'],
    ['storage', 'taudb.adjudicator.*.*'],
    ['adjudicator', 'taudb.storage.0'],
    ['operator', '>'],
  ] as const) {
    const nats = await stranger(url(user))
    const refused = new Promise((resolve) => nats.connection.subscribe(subject, { callback: (error) => resolve(String(error)) }))
    expect([user, await refused]).toEqual([user, expect.stringMatching(/Permissions Violation for Subscription/)])
  }
  expect(await outputOf('--bus', url('frontend'), '--roles', 'adjudicator')).toMatch(
    /^taudb: NATS keeps us from our answers \(.*\): this user is for another role, or lacks a permission\nexit 1$/,
  )
  // Nothing of all that did any harm.
  expect((await client.query('select count(*)::int as n from t')).rows).toEqual([{ n: 2_000 }])
})

test('without a user nobody comes in', async () => {
  const { url } = await guarded()
  const bare = url('operator').replace(/\/\/.*@/, '//')
  await expect(stranger(bare)).rejects.toThrow(BusRefused)
  await expect(stranger(url('operator').replace('pw-operator', 'wrong'))).rejects.toThrow(BusRefused)
  expect(await outputOf('--bus', bare, '--roles', 'adjudicator')).toMatch(
    /^taudb: no connection to NATS at .*: .*; check user, password, NKey or credentials and the certificates\nexit 1$/,
  )
})
