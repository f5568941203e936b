import { assert } from '../../../../protocol/assert.ts'
import { SqlError, type SqlErrorFields } from '../../../../protocol/errors.ts'
import { type Key, prefixRange, storagePrefix } from '../../../../protocol/key.ts'
import { encodeRow } from '../../../../protocol/row.ts'
import type { SqlType } from '../../../../protocol/values/type.ts'
import type { Value } from '../../../../protocol/values/value.ts'
import type { Expr } from '../bind/bound.ts'
import { quoteIdentifier } from '../catalog/quote.ts'
import type { Index, Table } from '../catalog/schema.ts'
import { type Compiled, ExpressionCompiler } from '../execute/compile-expression.ts'
import { newFrame } from '../execute/execute.ts'
import { type Frame, pause, type Row, settled, Turns } from '../execute/frame.ts'
import { tableLayout } from '../execute/prepare.ts'
import { compileRowDecoder } from '../execute/row-decoder.ts'
import type { Suspension } from '../execute/run.ts'
import { evaluateWaiting } from '../execute/site.ts'
import type { Plan } from '../plan/node.ts'
import { sqlType } from '../plan/sql-type.ts'
import { hiddenRowKey, indexEntry, rowKey } from '../plan/table-key.ts'
import type { DdlWork } from './context.ts'
import { rowRelation } from './expressions.ts'

/** Where PostgreSQL rewrites or scans a table (phase 3 of ALTER TABLE), so do we: inside the transaction, under a check of its whole range. */
export interface RowWorkOrder {
  /** How the stored rows read: the columns they were written with and added columns with what they read as. */
  readonly source: Table
  /** How they are to be. */
  readonly target: Table
  /** New values of columns by position, bound over the source's columns. */
  readonly computed: ReadonlyMap<number, Expr>
  /** Values of columns by position that come one after the other: a new serial or identity column. */
  readonly counted: ReadonlyMap<number, () => Value>
  /** Rows go to the target's storage id, with all its indexes; else they stay. */
  readonly rewrite: boolean
  /** Positions that must hold no NULL. */
  readonly notNull: readonly number[]
  /** Bound over the target's columns. */
  readonly checks: readonly { readonly name: string; readonly expr: Expr }[]
  /** Indexes of the target to fill, when rows stay. */
  readonly indexes: readonly Index[]
}

export async function doRowWork(work: DdlWork, order: RowWorkOrder): Promise<void> {
  const { context } = work
  for (const { promise } of rowWork(work, order)) {
    await (promise ?? context.pause?.())
    context.run.checkInterrupts()
  }
}

function* rowWork(work: DdlWork, order: RowWorkOrder): Generator<Suspension, void, void> {
  const { context } = work
  const range = prefixRange(storagePrefix(order.source.storageId))
  // What the rows say must hold until we commit: nobody may write one meanwhile.
  context.access.checkRange(range)
  const pass = new RowPass(work, order)
  const scan = context.access.scan({ range, reverse: false, rowsMax: Number.POSITIVE_INFINITY })
  const turns = new Turns(context.run)
  for (let batch = yield* settled(scan.next()); batch !== undefined; batch = yield* settled(scan.next())) {
    const { keys, rows } = batch
    for (let i = 0; i < keys.length; i++) {
      yield* pass.row(keys[i] as Key, rows[i] as Uint8Array)
      if (turns.due()) yield pause
    }
  }
}

/** Expressions of a table's definition need nothing of a plan. */
const noPlan: Plan = {
  root: undefined as never,
  slots: 0,
  subqueries: new Map(),
  outerSlots: new Map(),
  names: new Map(),
  columns: undefined,
  parameters: [],
  relations: [],
  writes: false,
}

interface ComputedColumn {
  readonly position: number
  readonly value: Compiled
}

class RowPass {
  private readonly work: DdlWork
  private readonly order: RowWorkOrder
  private readonly frame: Frame
  private readonly decode: (key: Key, bytes: Uint8Array) => Row
  private readonly computed: readonly ComputedColumn[]
  private readonly checks: readonly { readonly name: string; readonly value: Compiled }[]
  private readonly types: readonly SqlType[]
  private readonly dropped: readonly number[]
  private readonly seen = new Map<number, Set<Key>>()

  constructor(work: DdlWork, order: RowWorkOrder) {
    const { source, target } = order
    this.work = work
    this.order = order
    const compiler = new ExpressionCompiler(noPlan, () => {
      throw new SqlError('0A000', 'a subquery in a table definition is not supported')
    })
    const sourceLayout = tableLayout(source, rowRelation)
    const targetLayout = tableLayout(target, rowRelation)
    this.decode = compileRowDecoder(source, sourceLayout)
    this.computed = [...order.computed].map(([position, expr]) => ({ position, value: compiler.compile(expr, sourceLayout) }))
    this.checks = order.checks.map(({ name, expr }) => ({ name, value: compiler.compile(expr, targetLayout) }))
    this.types = target.columns.map((column) => sqlType(column.type.oid))
    this.dropped = target.columns.filter((column) => column.dropped).map((column) => column.attnum - 1)
    this.frame = newFrame(compiler.slotCount, work.context.run, { rows: 0 })
  }

  *row(key: Key, bytes: Uint8Array): Generator<Suspension, void, void> {
    const source = this.decode(key, bytes)
    const row = [...source]
    for (const position of this.dropped) row[position] = null
    for (const { position, value } of this.computed) row[position] = yield* evaluateWaiting(value, source, this.frame)
    for (const [position, next] of this.order.counted) row[position] = next()
    this.validate(row)
    for (const { name, value } of this.checks) {
      if ((yield* evaluateWaiting(value, row, this.frame)) === false) throw this.checkViolation(name)
    }
    if (this.order.rewrite) this.place(row, key)
    else this.enter(this.order.indexes, row, key)
  }

  private validate(row: Row): void {
    const { notNull, target } = this.order
    for (const position of notNull) {
      if (row[position] !== null) continue
      const column = target.columns[position]?.name ?? ''
      throw new SqlError('23502', `column "${column}" of relation "${target.name}" contains null values`, {
        ...this.fields(),
        column,
      })
    }
  }

  /** The row and its entries in every index, under the target's storage ids. */
  private place(row: Row, oldKey: Key): void {
    const { target } = this.order
    const { access } = this.work.context
    const { primaryKey } = target
    const key =
      primaryKey === undefined
        ? hiddenRowKey(target, this.order.source.primaryKey === undefined ? (oldKey.slice(4) as Key) : access.nextRowId())
        : rowKey(target, row)
    if (primaryKey !== undefined) this.claim(primaryKey, key, row)
    access.write(key, encodeRow(this.types, row), 'X')
    this.enter(target.indexes, row, key)
  }

  private enter(indexes: readonly Index[], row: Row, key: Key): void {
    const { target } = this.order
    for (const index of indexes) {
      const entry = indexEntry(target, index, row, key)
      if (entry.unique) this.claim(index, entry.key, row)
      this.work.context.access.write(entry.key, entry.postImage, entry.mode)
    }
  }

  private claim(index: Index, key: Key, row: Row): void {
    let keys = this.seen.get(index.oid)
    if (keys === undefined) this.seen.set(index.oid, (keys = new Set()))
    if (keys.has(key)) throw this.duplicate(index, row)
    keys.add(key)
  }

  private duplicate(index: Index, row: Row): SqlError {
    const { target } = this.order
    const { settings } = this.work.context.run.functions
    const names = index.columns.map(({ attnum }) => quoteIdentifier(target.columns[attnum - 1]?.name ?? ''))
    const values = index.columns.map(({ attnum }) => {
      const value = row[attnum - 1] as Value
      return value === null ? 'null' : (this.types[attnum - 1] as SqlType).output(value, settings)
    })
    return new SqlError('23505', `could not create unique index "${index.name}"`, {
      detail: `Key (${names.join(', ')})=(${values.join(', ')}) is duplicated.`,
      ...this.fields(),
      constraint: index.name,
    })
  }

  private checkViolation(name: string): SqlError {
    const { target } = this.order
    return new SqlError('23514', `check constraint "${name}" of relation "${target.name}" is violated by some row`, {
      ...this.fields(),
      constraint: name,
    })
  }

  private fields(): SqlErrorFields {
    const { target } = this.order
    const schema = this.work.draft.schemaByOid(target.schemaOid)
    assert(schema !== undefined, 'a table lies in a schema')
    return { schema: schema.name, table: target.name }
  }
}

/** Are there rows at all? */
export async function hasRows(work: DdlWork, table: Table, atMost = 0): Promise<boolean> {
  const range = prefixRange(storagePrefix(table.storageId))
  const scan = work.context.access.scan({ range, reverse: false, rowsMax: atMost + 1 })
  let rows = 0
  for (let batch = await scan.next(); batch !== undefined; batch = await scan.next()) {
    rows += batch.keys.length
    if (rows > atMost) return true
  }
  return false
}

/** The value of an expression that reads no columns. */
export async function constantOf(work: DdlWork, expr: Expr): Promise<Value> {
  const compiler = new ExpressionCompiler(noPlan, () => {
    throw new SqlError('0A000', 'a subquery in a table definition is not supported')
  })
  const compiled = compiler.compile(expr, [])
  const evaluation = evaluateWaiting(compiled, [], newFrame(compiler.slotCount, work.context.run, { rows: 0 }))
  for (let step = evaluation.next(); ; step = evaluation.next()) {
    if (step.done === true) return step.value
    await step.value.promise
  }
}
