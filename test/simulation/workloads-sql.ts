/** Workloads for what SQL adds to keys and values: retries, row locks, savepoints, deletes, sequences, large transactions. */
import { ConnectionLost, type SimulatedClient } from './client.ts'
import type { Kernel } from './kernel.ts'
import { expectedCodes, inTransaction, must, type Outcome, pause, type Violation, type Workload } from './workloads.ts'

/** One statement outside BEGIN: its rows where it was acknowledged. */
export async function alone(
  client: SimulatedClient,
  sql: string,
  alsoExpected?: RegExp,
): Promise<{ readonly outcome: Outcome; readonly rows: readonly (readonly (string | null)[])[]; readonly code?: string }> {
  try {
    const { rows, error } = await client.query(sql)
    if (error === undefined) return { outcome: 'committed', rows }
    if (error.code === '08007') return { outcome: 'unknown', rows: [] }
    if (!expectedCodes.test(error.code) && alsoExpected?.test(error.code) !== true)
      throw new Error(`unexpected ${error.code}: ${error.message} (${sql})`)
    return { outcome: 'aborted', rows: [], code: error.code }
  } catch (error) {
    if (error instanceof ConnectionLost) return { outcome: 'unknown', rows: [] }
    throw error
  }
}

/** One number that everybody increments in a statement of its own: retries must not lose or double one (R2, rule 24). */
export function counter(): Workload {
  const counters = 2
  let committed = 0
  let unknown = 0
  const answers = new Set<string>()
  const violations: Violation[] = []
  const violated = (promise: string, detail: string): void => void violations.push({ oracle: 'counter', promise, detail })
  return {
    name: 'counter',
    setup: ['create table counter (id int primary key, n int not null)', 'insert into counter values (0, 0), (1, 0)'],
    get committed() {
      return committed
    },
    violations,
    async transaction(client, random) {
      const id = random.integer(counters)
      const { outcome, rows } = await alone(client, `update counter set n = n + 1 where id = ${id} returning n`)
      if (outcome === 'unknown') unknown++
      if (outcome !== 'committed') return
      committed++
      const answer = `${id}: ${rows[0]?.[0]}`
      if (answers.has(answer)) violated('R3', `two increments were told ${answer}`)
      answers.add(answer)
    },
    async check(client) {
      const { rows } = await must(client.query('select sum(n) from counter'))
      const sum = Number(rows[0]?.[0])
      if (sum < committed) violated('R1', `${committed} increments were acknowledged, and the counters stand at ${sum}`)
      if (sum > committed + unknown)
        violated('R2', `${committed} increments were acknowledged, ${unknown} unknown, and the counters stand at ${sum}`)
      return violations
    },
  }
}

/** Somebody is always on call: FOR UPDATE forbids the write skew that snapshot isolation allows. */
export function onCall(kernel: Kernel): Workload {
  const shifts = 2
  let committed = 0
  const violations: Violation[] = []
  const look = (rows: readonly (readonly (string | null)[])[]): void => {
    for (const [shift, count] of rows) {
      if (Number(count) === 0)
        violations.push({ oracle: 'on-call', promise: 'R3', detail: `nobody is on call in shift ${shift}` })
    }
  }
  const all = 'select shift, sum(on_call) from doctor group by shift'
  return {
    name: 'on-call',
    setup: [
      'create table doctor (id int primary key, shift int not null, on_call int not null)',
      `insert into doctor select g, g / 3, 1 from generate_series(0, ${shifts * 3 - 1}) g`,
    ],
    get committed() {
      return committed
    },
    violations,
    async transaction(client, random) {
      const shift = random.integer(shifts)
      const outcome = await inTransaction(client, async (ask) => {
        const { rows } = await ask(`select id, on_call from doctor where shift = ${shift} order by id for update`)
        const present = rows.filter(([, flag]) => flag === '1').map(([id]) => Number(id))
        if (random.chance(0.3)) await pause(kernel, random.integer(30))
        if (present.length >= 2) await ask(`update doctor set on_call = 0 where id = ${random.pick(present)}`)
        else await ask(`update doctor set on_call = 1 where shift = ${shift} and on_call = 0`)
      })
      if (outcome === 'committed') committed++
      if (random.chance(0.2)) look((await alone(client, all)).rows)
    },
    async check(client) {
      look((await must(client.query(all))).rows)
      return violations
    },
  }
}

/** Children hold their parent with FOR KEY SHARE, and who deletes a parent has seen no child: no orphan, ever. */
export function orphans(): Workload {
  const parents = 3
  let committed = 0
  let next = 1
  const violations: Violation[] = []
  const all = 'select c.id, c.parent from child c left join parent p on p.id = c.parent where p.id is null'
  const look = (rows: readonly (readonly (string | null)[])[]): void => {
    for (const [id, parent] of rows)
      violations.push({ oracle: 'orphans', promise: 'R3', detail: `child ${id} has lost its parent ${parent}` })
  }
  return {
    name: 'orphans',
    setup: [
      'create table parent (id int primary key, visits int not null)',
      'create table child (id int primary key, parent int not null)',
      `insert into parent select g, 0 from generate_series(0, ${parents - 1}) g`,
    ],
    get committed() {
      return committed
    },
    violations,
    async transaction(client, random) {
      const parent = random.integer(parents)
      const outcome = await inTransaction(client, async (ask) => {
        const draw = random.fraction()
        if (draw < 0.4) {
          const { rows } = await ask(`select 1 from parent where id = ${parent} for key share`)
          if (rows.length === 1) await ask(`insert into child values (${next++}, ${parent})`)
          else await ask(`insert into parent values (${parent}, 0)`)
        } else if (draw < 0.6) await ask(`delete from child where parent = ${parent}`)
        else if (draw < 0.8) await ask(`update parent set visits = visits + 1 where id = ${parent}`)
        else {
          const { rows } = await ask(`select count(*) from child where parent = ${parent}`)
          if (rows[0]?.[0] === '0') await ask(`delete from parent where id = ${parent}`)
        }
      })
      if (outcome === 'committed') committed++
      if (random.chance(0.2)) look((await alone(client, all)).rows)
    },
    async check(client) {
      look((await must(client.query(all))).rows)
      return violations
    },
  }
}

/** What was rolled back to a savepoint never happened; what came before and after it did, together. */
export function savepoints(): Workload {
  const rowCount = 6
  let committed = 0
  const violations: Violation[] = []
  const look = (rows: readonly (readonly (string | null)[])[]): void => {
    const values = rows.map(([n]) => Number(n))
    const wrong = values.find((n) => n >= 1_000)
    if (wrong !== undefined)
      violations.push({ oracle: 'savepoints', promise: 'R3', detail: `a row stands at ${wrong}: it keeps what was rolled back` })
    const sum = values.reduce((all, n) => all + n, 0)
    if (rows.length > 0 && sum % 2 !== 0)
      violations.push({ oracle: 'savepoints', promise: 'R3', detail: `the sum ${sum} is odd: half a transaction` })
  }
  return {
    name: 'savepoints',
    setup: [
      'create table place (id int primary key, n int not null)',
      `insert into place select g, 0 from generate_series(0, ${rowCount - 1}) g`,
    ],
    get committed() {
      return committed
    },
    violations,
    async transaction(client, random) {
      const id = (): number => random.integer(rowCount)
      const outcome = await inTransaction(client, async (ask) => {
        await ask(`update place set n = n + 1 where id = ${id()}`)
        await ask('savepoint s')
        await ask(`update place set n = n + 1000 where id = ${id()}`)
        if (random.chance(0.5)) await ask(`delete from place where id = ${id()}`)
        await ask('rollback to s')
        await ask(`update place set n = n + 1 where id = ${id()}`)
        if (random.chance(0.3)) look((await ask('select n from place')).rows)
      })
      if (outcome === 'committed') committed++
      if (random.chance(0.2)) look((await alone(client, 'select n from place')).rows)
    },
    async check(client) {
      look((await must(client.query('select n from place'))).rows)
      return violations
    },
  }
}

/** Tickets are issued and torn up: a deleted row stays deleted, one that nobody deleted is there, and both indexes agree. */
export function tickets(): Workload {
  const issued = new Map<number, Outcome>()
  const torn = new Map<number, Outcome[]>()
  let next = 1
  let committed = 0
  const violations: Violation[] = []
  const violated = (promise: string, detail: string): void => void violations.push({ oracle: 'tickets', promise, detail })
  return {
    name: 'tickets',
    setup: [
      'create table ticket (id int primary key, holder int not null, note text)',
      'create index ticket_holder on ticket (holder)',
    ],
    get committed() {
      return committed
    },
    violations,
    async transaction(client, random) {
      if (random.chance(0.55)) {
        const id = next++
        const { outcome } = await alone(client, `insert into ticket values (${id}, ${id % 4}, 'note ${id}')`)
        issued.set(id, outcome)
        if (outcome === 'committed') committed++
        return
      }
      const id = Math.max(1, next - random.integer(8))
      const entry = torn.get(id) ?? []
      torn.set(id, entry)
      const place = entry.push('unknown') - 1
      const { outcome, rows } = await alone(client, `delete from ticket where id = ${id} returning id`)
      entry[place] = outcome === 'committed' && rows.length === 0 ? 'aborted' : outcome
      if (entry[place] === 'committed') committed++
      if (entry.filter((one) => one === 'committed').length > 1) violated('R3', `ticket ${id} was deleted twice`)
    },
    async check(client) {
      const { rows } = await must(client.query('select id from ticket'))
      const present = new Set(rows.map(([id]) => Number(id)))
      let byIndex = 0
      for (let holder = 0; holder < 4; holder++)
        byIndex += (await must(client.query(`select id from ticket where holder = ${holder}`))).rows.length
      if (byIndex !== present.size) violated('R3', `${present.size} tickets, but ${byIndex} by their holders`)
      for (const [id, outcome] of issued) {
        const deletions = torn.get(id) ?? []
        if (present.has(id) && outcome === 'aborted') violated('R2', `ticket ${id} was refused and is there`)
        if (present.has(id) && deletions.includes('committed')) violated('R1', `ticket ${id} was deleted and is there`)
        const mayBeGone = deletions.some((one) => one !== 'aborted')
        if (!present.has(id) && outcome === 'committed' && !mayBeGone) violated('R1', `ticket ${id} was issued and is gone`)
      }
      return violations
    },
  }
}

/** A sequence gives every value once, whoever crashes in between. */
export function sequence(): Workload {
  const given = new Set<string>()
  const violations: Violation[] = []
  let committed = 0
  return {
    name: 'sequence',
    setup: ['create sequence number', 'create table numbered (id serial primary key, note text)'],
    get committed() {
      return committed
    },
    violations,
    async transaction(client, random) {
      const isTable = random.chance(0.4)
      const sql = isTable ? `insert into numbered (note) values ('x') returning id` : `select nextval('number')`
      const { outcome, rows, code } = await alone(client, sql, /^23505$/)
      if (code === '23505') violations.push({ oracle: 'sequence', promise: 'R2', detail: 'a serial key was there already' })
      if (outcome !== 'committed') return
      committed++
      const value = `${isTable ? 'row' : 'value'} ${rows[0]?.[0]}`
      if (given.has(value)) violations.push({ oracle: 'sequence', promise: 'R2', detail: `${value} was given twice` })
      given.add(value)
    },
    check: async () => violations,
  }
}

/** Transactions larger than a journal message, and than a turn: each batch is there whole or not at all. */
export function bulk(): Workload {
  const batchesMax = 4
  const outcomes = new Map<number, Outcome>()
  const sizes = new Map<number, number>()
  let next = 1
  let committed = 0
  const violations: Violation[] = []
  const all = 'select batch, count(*) from bulk group by batch'
  const look = (rows: readonly (readonly (string | null)[])[]): void => {
    for (const [batch, count] of rows) {
      if (sizes.get(Number(batch)) !== Number(count))
        violations.push({
          oracle: 'bulk',
          promise: 'R5',
          detail: `batch ${batch} has ${count} of ${sizes.get(Number(batch))} rows`,
        })
    }
  }
  return {
    name: 'bulk',
    setup: ['create table bulk (batch int, n int, pad text, primary key (batch, n))'],
    get committed() {
      return committed
    },
    violations,
    async transaction(client, random) {
      const draw = random.fraction()
      if (draw < 0.8 || next > batchesMax) {
        look((await alone(client, all)).rows)
        return
      }
      const batch = next++
      // Many keys are staged, many bytes are chunked.
      const [count, bytes] = draw < 0.88 ? [4_100, 1] : draw < 0.97 ? [3, 400_000] : [9, 500_000]
      sizes.set(batch, count)
      const sql = `insert into bulk select ${batch}, g, repeat('x', ${bytes}) from generate_series(1, ${count}) g`
      const { outcome } = await alone(client, sql)
      outcomes.set(batch, outcome)
      if (outcome === 'committed') committed++
    },
    async check(client) {
      const { rows } = await must(client.query(all))
      look(rows)
      const present = new Set(rows.map(([batch]) => Number(batch)))
      for (const [batch, outcome] of outcomes) {
        if (outcome === 'committed' && !present.has(batch))
          violations.push({ oracle: 'bulk', promise: 'R1', detail: `batch ${batch} was acknowledged and is gone` })
        if (outcome === 'aborted' && present.has(batch))
          violations.push({ oracle: 'bulk', promise: 'R2', detail: `batch ${batch} was refused and is there` })
      }
      return violations
    },
  }
}
