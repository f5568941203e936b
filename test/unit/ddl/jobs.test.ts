import { expect, test } from 'vitest'
import { Jobs } from '../../../actors/query-processor/jobs.ts'
import type { OwnTransactions } from '../../../actors/query-processor/own-transactions.ts'
import type { Table } from '../../../actors/query-processor/sql/catalog/schema.ts'
import { systemRelation } from '../../../actors/query-processor/sql/catalog/system/relations.ts'
import { sysOid } from '../../../actors/query-processor/sql/catalog/system/schemas.ts'
import { systemRows } from '../../../actors/query-processor/sql/catalog/system/system.ts'
import { indexEntry, rowKey } from '../../../actors/query-processor/sql/plan/table-key.ts'
import type { Transaction } from '../../../actors/query-processor/transaction.ts'
import type { Timer, World } from '../../../bus/world.ts'
import { SqlError } from '../../../protocol/errors.ts'
import type { Key } from '../../../protocol/key.ts'
import { decodeRow, encodeRow } from '../../../protocol/row.ts'
import { knownType } from '../../../protocol/values/registry.ts'
import { MemoryDatabase, MemoryRows } from './memory-database.ts'

const rowCount = 7_500

/** A table of many rows: `v` is the row's number modulo `different`. */
async function filled(different: number, rowsThere = rowCount): Promise<MemoryDatabase> {
  const database = new MemoryDatabase()
  await database.run('create table t (id int primary key, v int)')
  const table = tableOf(database)
  const types = [knownType(23), knownType(23)]
  for (let id = 1; id <= rowsThere; id++) {
    const row = [id, id % different]
    database.rows.rows.set(rowKey(table, row), encodeRow(types, row))
  }
  return database
}

const tableOf = (database: MemoryDatabase): Table => database.catalog.relation(2200, 't') as Table

const clock = {
  monotonic: () => performance.now() * 1_000,
  now: () => 1_800_000_000_000_000,
  soon: (action: () => void) => queueMicrotask(action),
  after: (_delayMs: number, action: () => void): Timer => {
    queueMicrotask(action)
    return { cancel: () => undefined }
  },
  sleep: () => Promise.resolve(),
}
const world = { clock, random: () => ({ bytes: (length: number) => 'm'.repeat(length) }) } as unknown as World

/** Steps one by one on the database's rows; `beforeCommit` is where another session gets in between. */
function jobsOn(
  database: MemoryDatabase,
  beforeCommit: (step: number, work: MemoryRows) => void | Promise<void> = () => undefined,
  peer?: World,
) {
  let step = 0
  const run = async (work: (transaction: Transaction) => unknown): Promise<unknown> => {
    for (;;) {
      const rows = new MemoryRows(database.rows.rows)
      const result = await work(rows as unknown as Transaction)
      const seen = new Map(database.rows.rows)
      await beforeCommit(step++, rows)
      const isBarred = rows.checks.some(({ key }) => key !== undefined && database.rows.rows.get(key) !== seen.get(key))
      if (isBarred) continue
      for (const key of rows.written.keys()) {
        const bytes = rows.rows.get(key)
        if (bytes === undefined) database.rows.rows.delete(key)
        else database.rows.rows.set(key, bytes)
      }
      return result
    }
  }
  const needs = { transactions: { run } as unknown as OwnTransactions, catalogs: database.cache, bug: report }
  return new Jobs({ ...needs, world: peer ?? world, hasPeers: peer !== undefined })
}

const bugs: unknown[] = []
const report = (error: unknown): void => void bugs.push(error)

function sysJobs(database: MemoryDatabase): unknown[] {
  const table = systemRelation(sysOid, 'jobs') as Table
  return [...systemRows(table, database.statementRun(database.rows))].map(([, status, details]) => `${status}: ${details}`)
}

/** Every row has its entry and no entry is of anything else. */
function expectWhole(database: MemoryDatabase): void {
  const table = tableOf(database)
  const [index] = table.indexes
  const types = [knownType(23), knownType(23)]
  const expected = new Set<Key>()
  for (const [key, bytes] of database.rows.rows) {
    if (!key.startsWith(rowKey(table, [1, 1]).slice(0, 4))) continue
    const row = decodeRow(bytes, types, [null, null])
    expected.add(indexEntry(table, index as never, row, key).key)
  }
  const prefix = [...expected][0]?.slice(0, 4) as string
  const there = [...database.rows.rows.keys()].filter((key) => key.startsWith(prefix))
  expect(there.sort()).toEqual([...expected].sort())
}

test('an index over many rows is built by a job, and read once it is whole', async () => {
  const database = await filled(7)
  const [result] = await database.run('create index async on t (v)')
  const id = String(result?.rows?.[0]?.[0])
  expect(id).toMatch(/^[a-z2-7]{26}$/)
  expect(result?.job).toEqual({ id, wait: false })
  expect([tableOf(database).indexes[0]?.state, ...sysJobs(database)]).toEqual(['building', 'submitted: '])
  const jobs = jobsOn(database)
  await jobs.start(id)
  expect([tableOf(database).indexes[0]?.state, ...sysJobs(database)]).toEqual(['valid', 'completed: '])
  expectWhole(database)
  expect(await jobs.waitFor(id)).toBe(true)
})

test('a row written while its entry is made bars the step, which is taken again', async () => {
  const database = await filled(7)
  const [result] = await database.run('create index async on t (v)')
  let interfered = 0
  const jobs = jobsOn(database, (_step, work) => {
    const table = tableOf(database)
    const key = rowKey(table, [300, 0])
    if (interfered > 0 || !work.checks.some((check) => check.key === key)) return
    interfered++
    // The other session maintains the index itself.
    const [index] = table.indexes
    const [before, after] = [
      [300, 300 % 7],
      [300, 999],
    ]
    database.rows.rows.set(key, encodeRow([knownType(23), knownType(23)], after as number[]))
    database.rows.rows.delete(indexEntry(table, index as never, before as number[], key).key)
    const entry = indexEntry(table, index as never, after as number[], key)
    database.rows.rows.set(entry.key, entry.postImage)
  })
  await jobs.start(String(result?.job?.id))
  expect(interfered).toBe(1)
  expectWhole(database)
})

test('a duplicate leaves an asynchronous unique index invalid, and no index where the statement waits', async () => {
  const database = await filled(10_001, 10_002)
  const [result] = await database.run('create unique index async u on t (v)')
  const jobs = jobsOn(database)
  await expect(jobs.start(String(result?.job?.id))).rejects.toMatchObject({ code: '23505' })
  expect(tableOf(database).indexes.map(({ name, state }) => `${name} ${state}`)).toEqual(['u invalid'])
  expect(sysJobs(database)).toEqual(['failed: found duplicate key(s) while validating index uniqueness'])
  const [waiting] = await database.run('create unique index w on t (v)')
  await expect(jobs.start(String(waiting?.job?.id))).rejects.toMatchObject({ message: 'could not create unique index "w"' })
  expect(tableOf(database).indexes.map(({ name }) => name)).toEqual(['u'])
  expect(await database.tell('drop index u')).toBe('DROP INDEX')
})

test('another process goes on where one has stopped', async () => {
  const database = await filled(7)
  const [result] = await database.run('create index async on t (v)')
  const id = String(result?.job?.id)
  const first = jobsOn(database, (step) => {
    if (step === 3) first.stop()
  })
  await expect(first.start(id)).rejects.toMatchObject({ code: '57P01' })
  expect([tableOf(database).indexes[0]?.state, ...sysJobs(database)]).toEqual(['building', 'processing: '])
  const second = jobsOn(database)
  await second.resume()
  expect(await second.waitFor(id)).toBe(true)
  expectWhole(database)
  await expect(second.waitFor('nonsense')).rejects.toMatchObject({ code: '22P02' })
})

test('of two processes one works on a job, and the other takes it when nothing has moved for ten seconds', async () => {
  const database = await filled(7)
  const [result] = await database.run('create index async on t (v)')
  const id = String(result?.job?.id)
  let seconds = 0
  /** A process of its own: a second goes by whenever it waits. */
  const peer = (name: string): World => {
    const after = (delayMs: number, action: () => void): Timer => {
      const waiting = setTimeout(() => {
        seconds += delayMs / 1_000
        action()
      })
      return { cancel: () => clearTimeout(waiting) }
    }
    const random = () => ({ bytes: (length: number) => name.repeat(length) })
    return { clock: { ...clock, monotonic: () => seconds * 1_000_000, after }, random } as unknown as World
  }
  const steps = { a: 0, b: 0 }
  const hung = new Promise<void>(() => {})
  const isStep = (work: MemoryRows): boolean => work.written.size > 1
  const first = jobsOn(database, (_, work) => (isStep(work) && ++steps.a === 3 ? hung : undefined), peer('a'))
  void first.start(id)
  while (steps.a < 3) await new Promise((resolve) => setTimeout(resolve))
  const second = jobsOn(database, (_, work) => void (steps.b += isStep(work) ? 1 : 0), peer('b'))
  const from = seconds
  await second.start(id)
  expect(seconds - from).toBeGreaterThan(10)
  // The two that were committed are not done again; the last transaction makes the index valid.
  expect([steps, ...sysJobs(database)]).toEqual([{ a: 3, b: 3 }, 'completed: '])
  expectWhole(database)
})

test('an error that comes again and again ends a job: it says which, and its index stays behind invalid', async () => {
  const diskFull = new SqlError('53100', 'could not extend file: No space left on device')
  for (const [error, told] of [
    [diskFull, diskFull.message],
    [new Error('a key space without a table'), 'a key space without a table'],
  ] as const) {
    const database = await filled(7)
    const [result] = await database.run('create index async i on t (v)')
    let steps = 0
    const jobs = jobsOn(database, (_step, work) => {
      // Rows cannot be entered; the job's own row can be written.
      if (work.written.size < 1_000) return
      steps++
      throw error
    })
    await expect(jobs.start(String(result?.job?.id))).rejects.toMatchObject({ message: told })
    expect(steps).toBe(10)
    expect(tableOf(database).indexes.map(({ name, state }) => `${name} ${state}`)).toEqual(['i invalid'])
    expect(sysJobs(database)).toEqual([`failed: ${told}`])
    expect(await jobs.waitFor(String(result?.job?.id))).toBe(false)
  }
  expect(bugs.splice(0)).toMatchObject([{ message: 'a key space without a table' }])
})

test('nobody answering ends no job, nor does trouble between steps that succeed', async () => {
  const database = await filled(7)
  const [result] = await database.run('create index async on t (v)')
  const id = String(result?.job?.id)
  let silent = 25
  const jobs = jobsOn(database, (step) => {
    if (silent-- > 0) throw new SqlError('57P03', 'part of the database does not answer')
    if (step % 3 !== 0) throw new SqlError('53100', 'could not extend file: No space left on device')
  })
  await jobs.resume()
  expect(await jobs.waitFor(id)).toBe(true)
  expectWhole(database)
  expect([...sysJobs(database), ...bugs]).toEqual(['completed: '])
})
