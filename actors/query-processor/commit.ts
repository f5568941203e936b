// Turns a transaction's write set into one commit request and the verdict into what the client is told.
// From: query-processor.statement (COMMIT, or the end of a statement outside BEGIN). To: adjudicator.adjudicate.
// Invariant: nobody is told "committed" or "aborted" before it is so for ever; where that cannot be known, SQLSTATE 08007 says just that.

import { BusError, type MaybePromise } from '../../bus/bus.ts'
import { countConflict } from '../../observability/metrics.ts'
import { beginStep, type Traced } from '../../observability/tracing.ts'
import { assert } from '../../protocol/assert.ts'
import { changeConflict, SqlError, schemaConflict } from '../../protocol/errors.ts'
import { type Oid, type TransactionId, transactionIdText, transactionNumber } from '../../protocol/ids.ts'
import { type Key, storageIdOf } from '../../protocol/key.ts'
import type { Check, CommitAnswer, CommitRequest, Outcome, Verdict } from '../../protocol/messages.ts'
import { type Tau, tau } from '../../protocol/time.ts'
import type { Circle } from './circle.ts'
import { firstUserOid, relationVersionKey } from './sql/catalog/keys.ts'
import type { Catalog } from './sql/catalog/schema.ts'
import type { Transaction } from './transaction.ts'
import type { WriteSetContent } from './write-set.ts'

export type CommitOutcome =
  /** Undefined tauCommit: there was nothing to decide (rule 15). */
  | { readonly kind: 'committed'; readonly tauCommit: Tau | undefined }
  /** Final: it is in no journal and never will be. A retry that begins at `atLeast` passes this obstacle. */
  | { readonly kind: 'refused'; readonly error: SqlError; readonly atLeast: Tau }

/** `catalog` as the transaction's last statement saw it: says which relation a written key belongs to. Throws SqlError for everything final but a conflict. */
export function commit(
  circle: Circle,
  transaction: Transaction,
  id: TransactionId,
  catalog: Catalog | undefined,
  traceparent: string,
): MaybePromise<CommitOutcome> {
  const span = beginStep('query-processor.commit', traceparent)
  return span === undefined
    ? decided(circle, transaction, id, catalog, undefined)
    : traced(span, () => decided(circle, transaction, id, catalog, span))
}

function traced(span: Traced, work: () => MaybePromise<CommitOutcome>): MaybePromise<CommitOutcome> {
  const end = (outcome: CommitOutcome): CommitOutcome => {
    if (outcome.kind === 'committed' && outcome.tauCommit !== undefined) span.set('taudb.tau_commit', outcome.tauCommit)
    span.set('taudb.verdict', outcome.kind === 'committed' ? 'commit' : 'conflict')
    span.end()
    return outcome
  }
  const fail = (error: unknown): never => {
    span.end(error instanceof SqlError ? error.code : 'internal error')
    throw error
  }
  try {
    const outcome = work()
    return outcome instanceof Promise ? outcome.then(end, fail) : end(outcome)
  } catch (error) {
    return fail(error)
  }
}

function decided(
  circle: Circle,
  transaction: Transaction,
  id: TransactionId,
  catalog: Catalog | undefined,
  span: Traced | undefined,
): MaybePromise<CommitOutcome> {
  const gathering = transaction.writeSet.result()
  const first = gathering.next()
  const send = (content: WriteSetContent): MaybePromise<CommitOutcome> => ask(circle, transaction, id, catalog, span, content)
  return first.done === true ? send(first.value) : inTurns(circle, gathering).then(send)
}

/** The bound on a request's life grows with its size: a gigabyte takes its time to the journal. */
const longMicros = 300_000_000
const longWritesMin = 1_000
const longBytesMin = 1_000_000

async function inTurns<T>(circle: Circle, work: Generator<undefined, T>): Promise<T> {
  for (;;) {
    await circle.nextTurn()
    const step = work.next()
    if (step.done === true) return step.value
  }
}

function ask(
  circle: Circle,
  transaction: Transaction,
  id: TransactionId,
  catalog: Catalog | undefined,
  span: Traced | undefined,
  { writes, checks }: WriteSetContent,
): MaybePromise<CommitOutcome> {
  if (writes.length === 0 && checks.length === 0) return { kind: 'committed', tauCommit: undefined }
  const { snapshot, writeSet } = transaction
  const isLong = writes.length + checks.length > longWritesMin || writeSet.bytes > longBytesMin
  assert(snapshot !== undefined, 'who writes has begun')
  const request = circle.placed({
    kind: 'commit',
    clock: circle.clock(),
    id,
    tauStart: snapshot.tau,
    until: isLong ? tau(circle.until() + longMicros) : circle.until(),
    writes,
    checks: writes.length === 0 ? checks : [...checks, ...catalogChecks(transaction, catalog)],
    traceparent: span?.traceparent ?? '',
    ...(transaction.isRepeated && { inOrder: true }),
  })
  span?.set('taudb.transaction', transactionIdText(id))
  span?.set('taudb.xact_id', String(transactionNumber(id)))
  span?.set('taudb.tau_start', request.tauStart)
  span?.set('taudb.writes', request.writes.length)
  span?.set('taudb.checks', request.checks.length)
  transaction.writeSet.letGo()
  let answer: MaybePromise<CommitAnswer>
  try {
    answer = circle.commit(request)
  } catch (error) {
    return doubtful(circle, request, error)
  }
  if (!(answer instanceof Promise)) return told(answer.verdict, catalog, span)
  return answer.then(
    ({ verdict }) => told(verdict, catalog, span),
    (error: unknown) => doubtful(circle, request, error),
  )
}

/** Rule 21: who writes rows of a relation was bound with its descriptor, which must still be the newest. */
function catalogChecks(transaction: Transaction, catalog: Catalog | undefined): Check[] {
  if (catalog === undefined) return []
  const owners = storageOwners(catalog)
  const relations = new Set<Oid>()
  for (const storage of transaction.storagesWritten) {
    const oid = owners.get(storage)
    if (oid !== undefined) relations.add(oid)
  }
  const checks: Check[] = []
  for (const oid of relations) {
    const key = relationVersionKey(oid)
    if (!transaction.writeSet.has(key)) checks.push({ key, mode: 'R' })
  }
  return checks
}

const owners = new WeakMap<Catalog, ReadonlyMap<number, Oid>>()

/** Storage id of a table or an index to the table's oid. */
function storageOwners(catalog: Catalog): ReadonlyMap<number, Oid> {
  const known = owners.get(catalog)
  if (known !== undefined) return known
  const map = new Map<number, Oid>()
  for (const relation of catalog.relations()) {
    if (relation.kind !== 'table' || relation.system) continue
    map.set(relation.storageId, relation.oid)
    for (const index of relation.indexes) map.set(index.storageId, relation.oid)
  }
  owners.set(catalog, map)
  return map
}

function told(verdict: Verdict, catalog: Catalog | undefined, span: Traced | undefined): CommitOutcome {
  switch (verdict.kind) {
    case 'commit':
      return { kind: 'committed', tauCommit: verdict.tauCommit }
    case 'conflict':
      tellConflict(verdict.key, catalog, span)
      return { kind: 'refused', error: conflictOn(verdict.key), atLeast: verdict.atLeast }
    case 'tooOld':
      return { kind: 'refused', error: changeConflict(), atLeast: verdict.atLeast }
    case 'refused':
      throw new SqlError(verdict.code, verdict.message)
  }
}

/** A key of a hundred bytes is told apart from others by its beginning. */
const keyBytesShown = 40

function tellConflict(key: Key, catalog: Catalog | undefined, span: Traced | undefined): void {
  const storage = storageIdOf(key)
  const oid = catalog === undefined ? undefined : storageOwners(catalog).get(storage)
  const table =
    (oid === undefined ? undefined : catalog?.relationByOid(oid)?.name) ?? (storage < firstUserOid ? 'catalog' : 'dropped')
  countConflict(table, Buffer.from(key.slice(4, 4 + keyBytesShown), 'latin1').toString('hex'))
  span?.set('taudb.conflict_table', table)
}

const conflictOn = (key: Key): SqlError => (storageIdOf(key) < firstUserOid ? schemaConflict() : changeConflict())

/** No answer: the request may be decided or not. The owner is asked what became of the id (rule 7). */
function doubtful(circle: Circle, request: CommitRequest, error: unknown): MaybePromise<CommitOutcome> {
  if (!(error instanceof BusError)) throw error
  const unknown = (): SqlError =>
    new SqlError('08007', 'the outcome of the transaction is unknown', {
      detail: `Transaction ${transactionIdText(request.id)}: ${error.message}`,
      hint: 'It may have been committed: look before you repeat it.',
    })
  let outcome: MaybePromise<Outcome>
  try {
    outcome = circle.outcome({ kind: 'outcome', clock: circle.clock(), id: request.id, tauStart: request.tauStart })
  } catch {
    throw unknown()
  }
  const settle = (known: Outcome): CommitOutcome => {
    if (known.kind === 'committed') return { kind: 'committed', tauCommit: known.tauCommit }
    if (known.kind === 'aborted') return { kind: 'refused', error: changeConflict(), atLeast: request.tauStart }
    throw unknown()
  }
  if (!(outcome instanceof Promise)) return settle(outcome)
  return outcome.then(settle, () => {
    throw unknown()
  })
}
