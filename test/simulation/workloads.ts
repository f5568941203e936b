import { type Answer, ConnectionLost, type SimulatedClient } from './client.ts'
import { checkHistory, type HistoryEntry, type Operation } from './history.ts'
import type { Kernel } from './kernel.ts'
import type { SeededRandom } from './random.ts'

/** What a workload found wrong, by the promise (verification.md R1-R9) it breaks. */
export interface Violation {
  readonly oracle: string
  readonly promise: string
  readonly detail: string
}

/**
 * A workload: tables, transactions that clients run while faults happen, and an oracle that says afterwards (`check`, on a healed database)
 * or at once (`violations`) what was broken.
 */
export interface Workload {
  readonly name: string
  readonly setup: readonly string[]
  readonly committed: number
  readonly violations: readonly Violation[]
  transaction(client: SimulatedClient, random: SeededRandom): Promise<void>
  check(client: SimulatedClient): Promise<readonly Violation[]>
}

export type Outcome = HistoryEntry['outcome']

export const pause = (kernel: Kernel, ms: number): Promise<void> =>
  new Promise((resolve) => kernel.after(ms * 1_000, 'client pause', resolve))

/** Runs statements inside BEGIN..COMMIT. An error or a lost connection before COMMIT was sent aborts; after it the outcome may be unknown. */
export async function inTransaction(
  client: SimulatedClient,
  body: (ask: (sql: string) => Promise<Answer>) => Promise<void>,
  alsoExpected?: RegExp,
): Promise<Outcome> {
  let committing = false
  try {
    await must(client.query('begin'))
    await body((sql) => must(client.query(sql), alsoExpected))
    committing = true
    const { error, tag } = await client.query('commit')
    if (error === undefined) return tag === 'COMMIT' ? 'committed' : 'aborted'
    return error.code === '08007' ? 'unknown' : 'aborted'
  } catch (error) {
    if (error instanceof ConnectionLost) {
      if (!committing) return 'aborted'
      return 'unknown'
    }
    if (!(error instanceof StatementFailed)) throw error
    await client.query('rollback').catch(() => {})
    return 'aborted'
  }
}

class StatementFailed extends Error {}

/** SQLSTATEs that faults may cause; any other error is a finding. */
export const expectedCodes = /^(40001|08007|08006|57P0\d|57014|53100|53200|53300|72000|58030)$/

export async function must(pending: Promise<Answer>, alsoExpected?: RegExp): Promise<Answer> {
  const answer = await pending
  if (answer.error === undefined) return answer
  if (!expectedCodes.test(answer.error.code) && alsoExpected?.test(answer.error.code) !== true)
    throw new Error(`unexpected ${answer.error.code}: ${answer.error.message}`, { cause: answer.error })
  throw new StatementFailed(answer.error.message)
}

/** Money moves and never appears or vanishes: every snapshot has the same total. */
export function bank(): Workload {
  const accounts = 6
  const total = accounts * 100
  const violations: Violation[] = []
  let committed = 0
  const look = (answer: Answer): void => {
    const sum = answer.rows.reduce((all, [balance]) => all + Number(balance), 0)
    if (sum !== total || answer.rows.length !== accounts) {
      violations.push({
        oracle: 'bank',
        promise: 'R3',
        detail: `a snapshot has ${answer.rows.length} accounts with ${sum}, not ${total}`,
      })
    }
  }
  return {
    name: 'bank',
    setup: [
      'create table account (id int primary key, balance int not null)',
      `insert into account values ${Array.from({ length: accounts }, (_, i) => `(${i}, 100)`).join(', ')}`,
    ],
    get committed() {
      return committed
    },
    violations,
    async transaction(client, random) {
      if (random.chance(0.25)) {
        const answer = await client.query('select balance from account').catch(() => undefined)
        if (answer !== undefined && answer.error === undefined) look(answer)
        return
      }
      const [from, amount] = [random.integer(accounts), 1 + random.integer(5)]
      const to = (from + 1 + random.integer(accounts - 1)) % accounts
      const outcome = await inTransaction(client, async (ask) => {
        const { rows } = await ask(`select balance from account where id = ${from}`)
        if (random.chance(0.1)) look(await ask('select balance from account'))
        await ask(`update account set balance = ${Number(rows[0]?.[0]) - amount} where id = ${from}`)
        await ask(`update account set balance = balance + ${amount} where id = ${to}`)
      })
      if (outcome === 'committed') committed++
    },
    async check(client) {
      look(await must(client.query('select balance from account')))
      return violations
    },
  }
}

/** Lists of unique numbers: the whole history must be strongly snapshot isolated, and nothing acknowledged may be missing. */
export function listAppend(kernel: Kernel, shape: 'list-append' | 'long-fork' = 'list-append'): Workload {
  const keys = shape === 'long-fork' ? ['x', 'y'] : ['a', 'b', 'c', 'd']
  const history: HistoryEntry[] = []
  const table = shape === 'long-fork' ? 'fork' : 'list'
  let next = 1
  let committed = 0
  return {
    name: shape,
    setup: [
      `create table ${table} (key text primary key, items text not null)`,
      `insert into ${table} values ${keys.map((key) => `('${key}', '')`).join(', ')}`,
    ],
    get committed() {
      return committed
    },
    violations: [],
    async transaction(client, random) {
      const operations: Operation[] = []
      const began = kernel.now
      const id = history.length
      history.push({ id, operations, outcome: 'aborted', began, ended: Number.POSITIVE_INFINITY })
      const read = async (ask: (sql: string) => Promise<Answer>, key: string): Promise<void> => {
        const { rows } = await ask(`select items from ${table} where key = '${key}'`)
        operations.push({ kind: 'read', key, values: numbers(rows[0]?.[0] ?? '') })
      }
      const append = async (ask: (sql: string) => Promise<Answer>, key: string): Promise<void> => {
        const value = next++
        operations.push({ kind: 'append', key, value })
        await ask(`update ${table} set items = items || '${value},' where key = '${key}'`)
      }
      const outcome = await inTransaction(client, async (ask) => {
        if (shape === 'long-fork') {
          if (random.chance(0.4)) await append(ask, random.pick(keys))
          else for (const key of random.chance(0.5) ? keys : [...keys].reverse()) await read(ask, key)
          return
        }
        const steps = 1 + random.integer(4)
        for (let i = 0; i < steps; i++) {
          // Now and then somebody takes their time: across take-overs and vacuums.
          if (random.chance(0.1)) await pause(kernel, random.integer(random.chance(0.1) ? 2_000 : 60))
          if (random.chance(0.5)) await append(ask, random.pick(keys))
          else await read(ask, random.pick(keys))
        }
      })
      history[id] = { id, operations, outcome, began, ended: kernel.now }
      if (outcome === 'committed') committed++
    },
    async check(client) {
      const { rows } = await must(client.query(`select key, items from ${table}`))
      const finalLists = new Map(rows.map(([key, items]) => [key as string, numbers(items as string)]))
      const verdict = checkHistory(history, finalLists)
      kernel.count(`${shape} write skews`, verdict.writeSkews)
      return verdict.anomalies.map(({ name, detail }) => ({
        oracle: shape,
        promise: name === 'lost append' ? 'R1' : name === 'duplicate' ? 'R2' : 'R3',
        detail: `${name}: ${detail}`,
      }))
    },
  }
}

const numbers = (items: string): number[] =>
  items
    .split(',')
    .filter((item) => item !== '')
    .map(Number)

/** One row, overwritten with unique numbers: a read sees nothing older than what was acknowledged before it began (R4). */
export function register(kernel: Kernel): Workload {
  interface Written {
    readonly value: number
    readonly began: number
    readonly ended: number
  }
  const writes: Written[] = [{ value: 0, began: -2, ended: -1 }]
  const violations: Violation[] = []
  let next = 1
  let committed = 0
  const look = (value: number, began: number): void => {
    const seen = writes.find((write) => write.value === value)
    const newer = writes.find((write) => write.ended < began && seen !== undefined && write.began > seen.ended)
    if (newer !== undefined) {
      violations.push({
        oracle: 'register',
        promise: 'R4',
        detail: `a read that began at ${began} saw ${value}, but ${newer.value} was acknowledged at ${newer.ended}`,
      })
    }
  }
  return {
    name: 'register',
    setup: ['create table register (id int primary key, value int not null)', 'insert into register values (1, 0)'],
    get committed() {
      return committed
    },
    violations,
    async transaction(client, random) {
      const began = kernel.now
      if (random.chance(0.5)) {
        const answer = await client.query('select value from register where id = 1').catch(() => undefined)
        if (answer !== undefined && answer.error === undefined) look(Number(answer.rows[0]?.[0]), began)
        return
      }
      const value = next++
      const entry = { value, began, ended: Number.POSITIVE_INFINITY }
      writes.push(entry)
      const answer = await client.query(`update register set value = ${value} where id = 1`).catch(() => undefined)
      if (answer !== undefined && answer.error === undefined) {
        entry.ended = kernel.now
        committed++
      }
    },
    async check(client) {
      const began = kernel.now
      look(Number((await must(client.query('select value from register where id = 1'))).rows[0]?.[0]), began)
      return violations
    },
  }
}

/** Many clients insert the same keys: at most one succeeds each time, and its row is there, once, with its secondary keys (R1, R2). */
export function uniqueInsert(): Workload {
  const claimed = new Map<number, { owner: number; outcome: Outcome }[]>()
  let owner = 0
  let frontier = 0
  let committed = 0
  return {
    name: 'unique-insert',
    setup: ['create table claim (id int primary key, tag text unique, owner int not null, pad text)'],
    get committed() {
      return committed
    },
    violations: [],
    async transaction(client, random) {
      const id = frontier - random.integer(3)
      if (random.chance(0.5)) frontier++
      const mine = owner++
      const entry = { owner: mine, outcome: 'unknown' as Outcome }
      claimed.set(id, [...(claimed.get(id) ?? []), entry])
      const pad = random.chance(0.06) ? `repeat('x', ${random.integer(20_000)})` : 'null'
      const sql = `insert into claim values (${id}, 'tag ${id}', ${mine}, ${pad})`
      // Outside BEGIN the statement is run again after a conflict; inside, the first refusal is final.
      entry.outcome = await (random.chance(0.5) ? insertInside(client, sql) : insertAlone(client, sql))
      if (entry.outcome === 'committed') committed++
    },
    async check(client) {
      const violations: Violation[] = []
      const { rows } = await must(client.query('select id, owner from claim'))
      const holders = new Map(rows.map(([id, holder]) => [Number(id), Number(holder)]))
      if (holders.size !== rows.length)
        violations.push({ oracle: 'unique-insert', promise: 'R2', detail: 'one id is there twice' })
      const byTag = await must(
        client.query(`select owner from claim where tag in (${rows.map(([id]) => `'tag ${id}'`).join(', ') || 'null'})`),
      )
      if (byTag.rows.length !== rows.length) {
        violations.push({
          oracle: 'unique-insert',
          promise: 'R3',
          detail: `${rows.length} rows, but ${byTag.rows.length} through the index`,
        })
      }
      for (const [id, entries] of claimed) {
        const winners = entries.filter(({ outcome }) => outcome === 'committed')
        const holder = holders.get(id)
        if (winners.length > 1)
          violations.push({
            oracle: 'unique-insert',
            promise: 'R3',
            detail: `${winners.length} inserts of ${id} were acknowledged`,
          })
        for (const winner of winners) {
          if (holder !== winner.owner)
            violations.push({
              oracle: 'unique-insert',
              promise: 'R1',
              detail: `${id} belongs to ${holder}, acknowledged was ${winner.owner}`,
            })
        }
        const held = entries.find((entry) => entry.owner === holder)
        if (held?.outcome === 'aborted')
          violations.push({ oracle: 'unique-insert', promise: 'R2', detail: `${id} holds the refused insert ${holder}` })
      }
      return violations
    },
  }
}

/** 23505 is an answer like any other: somebody else was first. */
async function insertAlone(client: SimulatedClient, sql: string): Promise<Outcome> {
  const answer = await client.query(sql).catch((error: unknown) => {
    if (error instanceof ConnectionLost) return undefined
    throw error
  })
  if (answer === undefined || answer.error?.code === '08007') return 'unknown'
  if (answer.error === undefined) return 'committed'
  if (answer.error.code !== '23505' && !expectedCodes.test(answer.error.code))
    throw new Error(`unexpected ${answer.error.code}: ${answer.error.message}`)
  return 'aborted'
}

const insertInside = (client: SimulatedClient, sql: string): Promise<Outcome> =>
  inTransaction(client, async (ask) => void (await ask(sql)), /^23505$/)
