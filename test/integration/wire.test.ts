/** Real clients and a real network: what the transcripts cannot show. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { promisify } from 'node:util'
import pg from 'pg'
import { serialize } from 'pg-protocol'
import postgres from 'postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createFrontend, type Frontend } from '../../actors/frontend/frontend.ts'
import { nodeSockets } from '../../bus/sockets-node.ts'
import { EchoQueryProcessor } from './echo.ts'
import { backendMessages } from './transcript.ts'
import { wireWorld } from './wire-world.ts'

const run = promisify(execFile)
const echo = new EchoQueryProcessor()
const folder = mkdtempSync(join(tmpdir(), 'taudb-wire-'))
let plain: Frontend
let secure: Frontend
let certificate: string

beforeAll(async () => {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  await run('openssl', [
    ...made,
    '-subj',
    '/CN=localhost',
    '-addext',
    'subjectAltName=DNS:localhost',
    '-keyout',
    key,
    '-out',
    cert,
  ])
  certificate = readFileSync(cert, 'utf8')
  const parts = { world: wireWorld(), sockets: nodeSockets, queryProcessor: echo }
  plain = await createFrontend({ ...parts, config: { host: '127.0.0.1', port: 0 } })
  const tls = { certificate, key: readFileSync(key, 'utf8') }
  secure = await createFrontend({ ...parts, config: { host: '127.0.0.1', port: 0, tls } })
})

afterAll(async () => {
  await Promise.all([plain.close(), secure.close()])
  rmSync(folder, { recursive: true })
  expect(echo.sessions.size).toBe(0)
})

const at = (frontend: Frontend) => ({ host: '127.0.0.1', port: frontend.address.port, user: 'anna', database: 'postgres' })

async function withPg<T>(config: pg.ClientConfig, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(config)
  client.on('error', () => {})
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}

const psql = (frontend: Frontend, sslmode: string, ...words: string[]) =>
  run('psql', [`host=127.0.0.1 port=${frontend.address.port} user=anna dbname=postgres sslmode=${sslmode}`, '-XAt', ...words])

/** Whether a raw client has heard `until`, or the connection ended. */
async function hear(socket: Socket, until: (bytes: Buffer) => boolean): Promise<Buffer> {
  let heard = Buffer.alloc(0)
  return new Promise((resolve, reject) => {
    const done = (): void => resolve(heard)
    socket.on('data', (chunk) => {
      heard = Buffer.concat([heard, chunk])
      if (until(heard)) done()
    })
    socket.once('end', done)
    socket.once('close', done)
    socket.once('error', reject)
  })
}

const ready = (bytes: Buffer): boolean => bytes.length >= 6 && bytes.at(-6) === 0x5a

test('node-postgres: simple, prepared, errors, notices', async () => {
  await withPg(at(plain), async (client) => {
    const notices: (string | undefined)[] = []
    client.on('notice', ({ message }) => notices.push(message))
    expect((await client.query('echo a b')).rows).toEqual([{ column1: 'a', column2: 'b' }])
    expect((await client.query('echo $1 $2', ['žluť', null])).rows).toEqual([{ column1: 'žluť', column2: null }])
    await expect(client.query('fail 22012 division by zero', [])).rejects.toMatchObject({ code: '22012', position: '1' })
    await client.query('say hello')
    expect(notices).toEqual(['hello'])
    const wide = 'x'.repeat(3_000_000)
    expect((await client.query('echo $1', [wide])).rows).toEqual([{ column1: wide }])
    expect((await client.query('rows 20000 50')).rows.length).toBe(20_000)
  })
})

test('postgres.js: a pipeline of prepared statements comes back in order', async () => {
  const sql = postgres({ ...at(plain), max: 1, fetch_types: false })
  const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => sql.unsafe('echo $1', [`v${i}`], { prepare: true })))
  expect(answers.map((rows) => rows[0]?.column1)).toEqual(Array.from({ length: 200 }, (_, i) => `v${i}`))
  await expect(sql.unsafe('nonsense')).rejects.toMatchObject({ code: '42601' })
  await sql.end()
})

test('psql: queries, COPY both ways', async () => {
  expect((await psql(plain, 'disable', '-c', 'echo one two')).stdout).toBe('one|two\n')
  expect((await psql(plain, 'disable', '-c', 'copy out')).stdout).toBe('1\n2\n3\n')
  const copy = run('psql', [`host=127.0.0.1 port=${plain.address.port} user=anna dbname=postgres`, '-X', '-c', 'copy in'])
  copy.child.stdin?.end('1\n2\n')
  expect((await copy).stdout).toBe('COPY 2\n')
  expect(echo.copied.at(-1)).toBe('1\n2\n')
})

test('a cancel request ends the statement that runs, and only with the right key', async () => {
  await withPg(at(plain), async (client) => {
    const sleeping = client.query('sleep')
    const { processID, secretKey } = client as unknown as { processID: number; secretKey: number }
    const cancel = async (key: number): Promise<void> => {
      const socket = connect(plain.address.port, '127.0.0.1')
      socket.write(serialize.cancel(processID, key))
      expect((await hear(socket, () => false)).length).toBe(0)
      socket.destroy()
    }
    await cancel(secretKey ^ 1)
    expect(await Promise.race([sleeping, new Promise((resolve) => setTimeout(resolve, 100, 'asleep'))])).toBe('asleep')
    await cancel(secretKey)
    await expect(sleeping).rejects.toMatchObject({ code: '57014', message: 'canceling statement due to user request' })
    expect((await client.query('echo on')).rows.length).toBe(1)
  })
})

test('a client that dies in a statement leaves nothing behind', async () => {
  const before = echo.sessions.size
  const client = new pg.Client(at(plain))
  client.on('error', () => {})
  await client.connect()
  void client.query('sleep').catch(() => {})
  await expect.poll(() => echo.sessions.size).toBe(before + 1)
  ;(client as unknown as { connection: { stream: Socket } }).connection.stream.resetAndDestroy()
  await expect.poll(() => echo.sessions.size).toBe(before)
})

test('byte by byte', async () => {
  const socket = connect({ port: plain.address.port, host: '127.0.0.1', noDelay: true })
  const drip = async (bytes: Buffer): Promise<void> => {
    for (const byte of bytes) {
      socket.write(Buffer.of(byte))
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  let answer = hear(socket, ready)
  await drip(serialize.startup({ user: 'anna', database: 'postgres' }))
  await answer
  answer = hear(socket, ready)
  await drip(
    Buffer.concat([
      serialize.parse({ text: 'echo $1' }),
      serialize.bind({ values: ['7'] }),
      serialize.execute(),
      serialize.sync(),
    ]),
  )
  expect(backendMessages(await answer)).toEqual([
    'ParseComplete',
    'BindComplete',
    'DataRow 7',
    'CommandComplete "SELECT 1"',
    'ReadyForQuery I',
  ])
  socket.destroy()
})

test('garbage and truncated messages cost one connection', async () => {
  const beginnings = [
    Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
    Buffer.alloc(100, 0xff),
    Buffer.from([0x16, 3, 1, 0, 5, 99, 99, 99, 99, 99]),
    Buffer.concat([serialize.startup({ user: 'anna', database: 'postgres' }), Buffer.from('garbage!')]),
  ]
  for (const bytes of beginnings) {
    for (const frontend of [plain, secure]) {
      const socket = connect(frontend.address.port, '127.0.0.1')
      socket.write(bytes)
      socket.on('error', () => {})
      await hear(socket, () => false)
      socket.destroy()
    }
  }
  const half = connect(plain.address.port, '127.0.0.1')
  half.end(serialize.startup({ user: 'anna', database: 'postgres' }).subarray(0, 9))
  await hear(half, () => false)
  expect((await psql(plain, 'disable', '-c', 'echo alive')).stdout).toBe('alive\n')
})

test('a slow reader holds its own session up, not memory, and not the others', async () => {
  const socket = connect(plain.address.port, '127.0.0.1')
  socket.write(serialize.startup({ user: 'anna', database: 'postgres' }))
  await hear(socket, ready)
  socket.pause()
  socket.removeAllListeners('data')
  const before = process.memoryUsage().arrayBuffers
  socket.write(serialize.query('rows 100000 1000'))
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect((await psql(plain, 'disable', '-c', 'echo meanwhile')).stdout).toBe('meanwhile\n')
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8_000_000)
  let bytes = 0
  let tail = Buffer.alloc(0)
  const all = new Promise<void>((resolve) => {
    socket.on('data', (chunk) => {
      bytes += chunk.length
      tail = Buffer.concat([tail, chunk]).subarray(-64)
      if (ready(tail)) resolve()
    })
  })
  socket.resume()
  await all
  expect(bytes).toBeGreaterThan(100_000_000)
  socket.destroy()
})

test('TLS by request: psql, node-postgres, postgres.js', async () => {
  expect((await psql(secure, 'require', '-c', 'echo safe')).stdout).toBe('safe\n')
  expect((await psql(secure, 'disable', '-c', 'echo open')).stdout).toBe('open\n')
  await expect(psql(plain, 'require', '-c', 'echo x')).rejects.toThrow('server does not support SSL')
  const ssl = { ca: certificate, servername: 'localhost' }
  await withPg({ ...at(secure), ssl }, async (client) => {
    expect((await client.query('rows 5000 100')).rows.length).toBe(5_000)
    const wide = 'y'.repeat(1_000_000)
    expect((await client.query('echo $1', [wide])).rows).toEqual([{ column1: wide }])
  })
  const sql = postgres({ ...at(secure), ssl, max: 1, fetch_types: false })
  expect(await sql.unsafe('echo 1')).toEqual([{ column1: '1' }])
  await sql.end()
})

test('bytes behind SSLRequest close the connection before anything is said', async () => {
  const socket = connect(secure.address.port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(Buffer.concat([serialize.requestSsl(), serialize.startup({ user: 'anna', database: 'postgres' })]))
  expect((await hear(socket, () => false)).length).toBe(0)
})

test('direct TLS needs its application protocol and a version of our time', async () => {
  const direct = (options: object) =>
    connectTls({ port: secure.address.port, host: '127.0.0.1', ca: certificate, servername: 'localhost', ...options })
  const socket = direct({ ALPNProtocols: ['postgresql'] })
  socket.write(serialize.startup({ user: 'anna', database: 'postgres' }))
  expect(backendMessages(await hear(socket, ready)).at(-1)).toBe('ReadyForQuery I')
  socket.destroy()
  for (const options of [
    {},
    { ALPNProtocols: ['http/1.1'] },
    { ALPNProtocols: ['postgresql'], minVersion: 'TLSv1', maxVersion: 'TLSv1.1' },
  ]) {
    const refused = direct(options)
    refused.on('error', () => {})
    refused.write(serialize.startup({ user: 'anna', database: 'postgres' }))
    expect((await hear(refused, ready).catch(() => Buffer.alloc(0))).length).toBe(0)
    refused.destroy()
  }
})

test('shutting down: idle sessions go at once, a transaction may finish, a sleeper is ended after the grace', async () => {
  const frontend = await createFrontend({
    world: wireWorld(),
    sockets: nodeSockets,
    queryProcessor: echo,
    config: { host: '127.0.0.1', port: 0, graceMs: 300 },
  })
  const clients = await Promise.all(
    [0, 1, 2].map(async () => {
      const client = new pg.Client(at(frontend))
      const ended = new Promise<string>((resolve) =>
        client.on('error', (error) => resolve((error as { code?: string }).code ?? '')),
      )
      await client.connect()
      return { client, ended }
    }),
  )
  const [idle, busy, sleeper] = clients as [(typeof clients)[0], (typeof clients)[0], (typeof clients)[0]]
  await busy.client.query('begin')
  const sleeping = sleeper.client.query('sleep').catch((error) => error.code)
  const closed = frontend.close()
  expect(await idle.ended).toBe('57P01')
  await expect(new pg.Client(at(frontend)).connect()).rejects.toThrow('ECONNREFUSED')
  expect((await busy.client.query('echo still')).rows.length).toBe(1)
  await busy.client.query('commit')
  expect(await busy.ended).toBe('57P01')
  expect(await sleeping).toBe('57P01')
  await closed
})

test('a port that is taken is an error', async () => {
  const taken = {
    world: wireWorld(),
    sockets: nodeSockets,
    queryProcessor: echo,
    config: { host: '127.0.0.1', port: plain.address.port },
  }
  await expect(createFrontend(taken)).rejects.toMatchObject({ code: 'EADDRINUSE' })
})
