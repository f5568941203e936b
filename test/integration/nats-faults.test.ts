/**
 * A bank on several processes while each of them, and the nats-server, is killed in turn: no money is made or lost, nothing acknowledged goes
 * missing, every role comes back, and clients hear of nothing but conflicts, unknown outcomes and processes that are gone.
 */
import pg from 'pg'
import { expect, test } from 'vitest'
import { startNats } from '../support/nats-server.ts'
import { type ServerProcess, startServer, temporaryDirectory } from './server-process.ts'

const isLong = process.env.TAUDB_TEST_LONG === '1'
const rounds = isLong ? 10 : 1
const accounts = 20
const clients = 4
const runMs = 500
const pausedMs = 3_000
/** A client may hear these: lost a conflict, unknown outcome, stopping. Undefined is its broken connection. */
const allowed = new Set(['40001', '08007', '57P01', undefined])

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** A process that is started again with the same words when it has been killed. */
class Member {
  readonly name: string
  process!: ServerProcess
  private readonly words: readonly string[]

  constructor(name: string, words: readonly string[]) {
    this.name = name
    this.words = words
  }

  async start(): Promise<void> {
    this.process = await startServer(['--port', '0', ...this.words])
  }

  /** Stands still, connections and all, and then goes on as if nothing had been. */
  async pause(ms: number): Promise<void> {
    process.kill(this.process.pid, 'SIGSTOP')
    await pause(ms)
    process.kill(this.process.pid, 'SIGCONT')
  }

  async kill(): Promise<void> {
    await this.process.stop('SIGKILL')
  }
}

class Bank {
  readonly acknowledged = new Set<number>()
  readonly errors: string[] = []
  /** How often clients heard of what they may hear. */
  readonly heard = new Map<string, number>()
  private readonly frontends: readonly Member[]
  private next = 1
  private isRunning = true
  private readonly running: Promise<void>[]

  constructor(frontends: readonly Member[]) {
    this.frontends = frontends
    this.running = Array.from({ length: clients }, (_, i) => this.pay(i))
  }

  async stop(): Promise<void> {
    this.isRunning = false
    await Promise.all(this.running)
  }

  private async pay(i: number): Promise<void> {
    while (this.isRunning) {
      const { connectionString } = (this.frontends[i % this.frontends.length] as Member).process
      const client = new pg.Client({ connectionString, connectionTimeoutMillis: 5_000 })
      client.on('error', () => {})
      try {
        await client.connect()
        while (this.isRunning) await this.transfer(client)
      } catch {
        await pause(50)
      }
      void client.end().catch(() => {})
    }
  }

  /** Rejects when the connection is gone. */
  private async transfer(client: pg.Client): Promise<void> {
    const n = this.next++
    const [from, to] = [n % accounts, (n * 7 + 3) % accounts]
    try {
      await client.query('begin')
      await client.query('update account set balance = balance - 1 where id = $1', [from])
      await client.query('update account set balance = balance + 1 where id = $1', [to])
      await client.query('insert into entry values ($1)', [n])
      await client.query('commit')
      this.acknowledged.add(n)
    } catch (error) {
      const { code, message } = error as { code?: string; message: string }
      if (!allowed.has(code) && !code?.startsWith('E')) this.errors.push(`${code} ${message}`)
      this.heard.set(code ?? 'connection', (this.heard.get(code ?? 'connection') ?? 0) + 1)
      if (code === undefined || code.startsWith('E')) throw error
      await client.query('rollback')
    }
  }
}

test('owners, standbys, storage, query processors and nats-server are killed or paused in turn', {
  timeout: 90_000 * rounds,
}, async () => {
  const nats = await startNats()
  using one = temporaryDirectory('faults')
  using two = temporaryDirectory('faults')
  const bus = ['--bus', nats.url]
  const owners = [
    new Member('owner 1', [...bus, '--roles', 'adjudicator']),
    new Member('owner 2', [...bus, '--roles', 'adjudicator']),
  ]
  const storages = [one, two].map(({ path }, i) => new Member(`storage ${i + 1}`, [...bus, '--roles', 'storage', '--data', path]))
  const frontends = [1, 2].map((i) => new Member(`frontend ${i}`, [...bus, '--roles', 'frontend,query-processor']))
  const members = [...owners, ...storages, ...frontends]
  const outages: string[] = []
  try {
    await Promise.all(members.map((member) => member.start()))
    const client = new pg.Client({ connectionString: (frontends[0] as Member).process.connectionString })
    await client.connect()
    await client.query(
      `create table account (id int primary key, balance int not null); create table entry (n int primary key);
       insert into account select g, 100 from generate_series(0, ${accounts - 1}) g`,
    )
    await client.end()
    const bank = new Bank(frontends)
    const goesOn = async (name: string): Promise<void> => {
      const [before, from] = [bank.acknowledged.size, Date.now()]
      for (let i = 0; i < 1_500 && bank.acknowledged.size < before + 10; i++) await pause(10)
      outages.push(`${name} ${Date.now() - from} ms`)
      const said = members.map((member) => `${member.name}: ${member.process.output()}`).join('')
      expect(bank.acknowledged.size, `${name}: nothing goes on\n${outages.join(', ')}\n${said}`).toBeGreaterThanOrEqual(
        before + 10,
      )
      await pause(runMs)
    }
    await goesOn('start')
    for (let round = 0; round < rounds; round++) {
      for (const member of members) {
        await member.kill()
        await goesOn(member.name)
        await member.start()
      }
      // Longer than a lease: who owned a partition wakes up without it.
      for (const member of isLong ? [...owners, ...storages] : [owners[0] as Member, storages[0] as Member]) {
        const awake = member.pause(pausedMs)
        await goesOn(`${member.name} paused`)
        await awake
        await goesOn(`${member.name} awake`)
      }
      await nats.server.stop('SIGKILL')
      await nats.server.start()
      await goesOn('nats-server')
    }
    await bank.stop()
    for (const [i, { process: frontend }] of frontends.entries()) {
      const reader = new pg.Client({ connectionString: frontend.connectionString })
      await reader.connect()
      const { rows } = await reader.query<{ sum: number }>('select sum(balance)::int from account')
      expect([i, rows[0]?.sum]).toEqual([i, accounts * 100])
      const entries = await reader.query<{ n: number }>('select n from entry')
      const found = new Set(entries.rows.map(({ n }) => n))
      expect([...bank.acknowledged].filter((n) => !found.has(n))).toEqual([])
      await reader.end()
    }
    expect(bank.errors).toEqual([])
    process.stderr.write(
      `kill -9 of each process in turn, until ten more commits: ${outages.join(', ')}; ${bank.acknowledged.size} acknowledged; heard ${[...bank.heard].join(' ')}\n`,
    )
  } finally {
    await Promise.all(members.map((member) => member.process?.stop('SIGKILL')))
    await nats.dispose()
  }
})
