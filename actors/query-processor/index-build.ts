import type { Clock, Random } from '../../bus/world.ts'
import { assert } from '../../protocol/assert.ts'
import { SqlError } from '../../protocol/errors.ts'
import { type Key, keyAfter, prefixRange, storagePrefix } from '../../protocol/key.ts'
import { decodeRow } from '../../protocol/row.ts'
import { outputDefaults } from '../../protocol/values/type.ts'
import type { Value } from '../../protocol/values/value.ts'
import type { JobTurns } from './job-turns.ts'
import type { OwnTransactions } from './own-transactions.ts'
import { decodeDocument, encodeDocument } from './sql/catalog/document.ts'
import { CatalogDraft } from './sql/catalog/draft.ts'
import { jobKey, relationVersionKey } from './sql/catalog/keys.ts'
import type { CatalogCache } from './sql/catalog/load.ts'
import { quoteIdentifier } from './sql/catalog/quote.ts'
import type { Index, Table } from './sql/catalog/schema.ts'
import { CatalogSnapshot } from './sql/catalog/snapshot.ts'
import type { Job } from './sql/ddl/job.ts'
import { sqlType } from './sql/plan/sql-type.ts'
import { indexEntry } from './sql/plan/table-key.ts'
import type { Transaction } from './transaction.ts'

export interface BuildNeeds {
  readonly clock: Clock
  readonly random: Random
  readonly transactions: OwnTransactions
  readonly catalogs: CatalogCache
  /** Microseconds since 2000-01-01. */
  now(): bigint
  readonly turns: JobTurns
}

export type FillOutcome =
  | { readonly kind: 'more' }
  | { readonly kind: 'filled' }
  /** Another process is at it. */
  | { readonly kind: 'elsewhere' }
  /** The index or its table was dropped meanwhile, or another process has finished. */
  | { readonly kind: 'gone' }
  | { readonly kind: 'failed'; readonly error: SqlError }

/**
 * Rows of one transaction; fewer after each conflict, so that a hot row does not hold its neighbours up. Each transaction waits for the disk once:
 * too few make the build wait more than it works, too many hold the others' turn up.
 */
const rowsAtOnce = 2_048

/**
 * Enters the next rows. Writers maintain the index since before the job was there: whoever commits a row after our snapshot bars our check of
 * it (mode R) and the step is taken again, so no entry tells of a row that is not so any more.
 */
export async function fillIndex(needs: BuildNeeds, id: string): Promise<FillOutcome> {
  let attempt = 0
  return needs.transactions.run((transaction) => fillSome(needs, transaction, id, Math.max(1, rowsAtOnce >> attempt++)))
}

async function fillSome(needs: BuildNeeds, transaction: Transaction, id: string, rowsMax: number): Promise<FillOutcome> {
  const found = await findBuild(needs, transaction, id)
  if (found === undefined) return { kind: 'gone' }
  const { job, table, index } = found
  if (job.status === 'completed') return { kind: 'gone' }
  if (job.status === 'failed') return { kind: 'failed', error: new SqlError(job.code ?? 'XX000', job.details ?? '') }
  if (!needs.turns.isOurs(job)) return { kind: 'elsewhere' }
  const whole = prefixRange(storagePrefix(table.storageId))
  // A rewrite gave the table another key space, and filled the index anew; entering its rows again changes nothing.
  const isBegun = job.done !== null && job.done >= whole.start && job.done < whole.end
  const start = isBegun ? keyAfter(job.done as Key) : whole.start
  const scan = transaction.scan({ range: { start, end: whole.end }, reverse: false, rowsMax })
  const keys: Key[] = []
  const rows: Uint8Array[] = []
  for (let batch = await scan.next(); batch !== undefined && keys.length < rowsMax; batch = await scan.next()) {
    keys.push(...batch.keys)
    rows.push(...batch.rows)
  }
  const problem = await enter(needs.clock, transaction, { table, index }, keys, rows)
  if (problem !== undefined) return { kind: 'failed', error: problem }
  // The table as we know it must still be the table.
  transaction.check(relationVersionKey(table.oid), 'R')
  const last = keys.at(-1)
  if (last === undefined) return { kind: 'filled' }
  const changed: Job = { ...job, status: 'processing', done: last, update_time: needs.now(), worker: needs.turns.worker }
  transaction.write(jobKey(id), encodeDocument({ ...changed }), 'X')
  return { kind: 'more' }
}

interface Build {
  readonly table: Table
  readonly index: Index
}

/** How long a step goes on before others have the thread, in microseconds, and after how many rows it looks. */
const sliceMicros = 5_000
const rowsPerLook = 32

async function enter(
  clock: Clock,
  transaction: Transaction,
  { table, index }: Build,
  keys: readonly Key[],
  rows: readonly Uint8Array[],
): Promise<SqlError | undefined> {
  const types = table.columns.map((column) => sqlType(column.type.oid))
  const missing = table.columns.map((column) => column.missing ?? null)
  const entered = new Set<Key>()
  let sliceEnd = clock.monotonic() + sliceMicros
  for (const [i, key] of keys.entries()) {
    const row = decodeRow(rows[i] as Uint8Array, types, missing)
    if (i % rowsPerLook === 0 && clock.monotonic() > sliceEnd) {
      await new Promise<void>((resolve) => clock.soon(resolve))
      sliceEnd = clock.monotonic() + sliceMicros
    }
    let entry: ReturnType<typeof indexEntry>
    try {
      entry = indexEntry(table, index, row, key)
    } catch (error) {
      if (error instanceof SqlError) return error
      throw error
    }
    if (entry.unique) {
      const there = await transaction.get(entry.key)
      const isOurs = there !== undefined && Buffer.compare(there, entry.postImage) === 0
      if ((there !== undefined && !isOurs) || entered.has(entry.key)) return duplicate(table, index, row)
      entered.add(entry.key)
      if (isOurs) continue
    }
    // The key of any other entry ends in its row's key: whatever is there already says the same.
    transaction.write(entry.key, entry.postImage, entry.mode)
    transaction.check(key, 'R')
  }
  return undefined
}

function duplicate(table: Table, index: Index, row: readonly Value[]): SqlError {
  const names = index.columns.map(({ attnum }) => quoteIdentifier(table.columns[attnum - 1]?.name ?? ''))
  const values = index.columns.map(({ attnum }) => {
    const value = row[attnum - 1] as Value
    const type = table.columns[attnum - 1]?.type.oid ?? 0
    return value === null ? 'null' : sqlType(type).output(value, outputDefaults)
  })
  return new SqlError('23505', `could not create unique index "${index.name}"`, {
    detail: `Key (${names.join(', ')})=(${values.join(', ')}) is duplicated.`,
    table: table.name,
    constraint: index.name,
  })
}

async function findBuild(
  needs: BuildNeeds,
  transaction: Transaction,
  id: string,
): Promise<(Build & { readonly job: Job; readonly catalog: CatalogSnapshot }) | undefined> {
  const bytes = await transaction.get(jobKey(id))
  if (bytes === undefined) return undefined
  const job = decodeDocument(bytes) as unknown as Job
  const catalog = await needs.catalogs.load(transaction)
  assert(catalog instanceof CatalogSnapshot, 'catalogs come from the cache')
  const index = catalog.indexByOid(job.object_id)
  const table = index === undefined ? undefined : catalog.relationByOid(index.tableOid)
  return index === undefined || table?.kind !== 'table' ? undefined : { job, catalog, table, index }
}

/** The last step: the index becomes valid and is read from now on, or stays behind invalid; the job's row says so in the same transaction. */
export async function finishIndex(
  needs: BuildNeeds,
  id: string,
  outcome: FillOutcome | undefined,
): Promise<{ readonly kind: 'finished' }> {
  await needs.transactions.run(async (transaction) => {
    const found = await findBuild(needs, transaction, id)
    const bytes = await transaction.get(jobKey(id))
    if (bytes === undefined) return
    const job = decodeDocument(bytes) as unknown as Job
    if (job.status === 'completed' || job.status === 'failed') return
    const failed = outcome?.kind === 'failed' ? outcome.error : undefined
    if (found !== undefined)
      await setState(needs, transaction, found, failed === undefined ? 'valid' : job.isAwaited ? 'dropped' : 'invalid')
    const details =
      found === undefined ? 'Skipped job for nonexistent index.' : failed === undefined ? '' : failureDetails(failed)
    const ending = failed === undefined ? ({ status: 'completed' } as const) : ({ status: 'failed', code: failed.code } as const)
    const ended: Job = { ...job, ...ending, details, update_time: needs.now() }
    transaction.write(jobKey(id), encodeDocument({ ...ended }), 'X')
  })
  return { kind: 'finished' }
}

/** Aurora DSQL's words for the ordinary case. */
const failureDetails = (error: SqlError): string =>
  error.code === '23505' ? 'found duplicate key(s) while validating index uniqueness' : error.message

async function setState(
  needs: BuildNeeds,
  transaction: Transaction,
  { table, index, catalog }: Build & { readonly catalog: CatalogSnapshot },
  state: 'valid' | 'invalid' | 'dropped',
): Promise<void> {
  const draft = new CatalogDraft(catalog)
  const indexes =
    state === 'dropped'
      ? table.indexes.filter((one) => one.oid !== index.oid)
      : table.indexes.map((one) => (one.oid === index.oid ? { ...one, state } : one))
  draft.put({ ...table, indexes })
  draft.commit(transaction, Buffer.from(needs.random.bytes(16), 'latin1'))
}
