import { assert } from '../../../../protocol/assert.ts'
import type { Oid } from '../../../../protocol/ids.ts'
import type { Value } from '../../../../protocol/values/value.ts'
import { bindExpression } from '../bind/bind.ts'
import type { Expr } from '../bind/bound.ts'
import type { Column, Index, SequenceRelation, Table, TypeRef } from '../catalog/schema.ts'
import { int8Oid } from '../functions/builtin-types.ts'
import type { DdlWork } from './context.ts'
import { rowRelation } from './expressions.ts'
import { doRowWork } from './row-work.ts'

/** One ALTER TABLE: the descriptor changes in the draft action by action, what it means for the rows is gathered and done at the end. */
export class Alteration {
  readonly work: DdlWork
  readonly oid: Oid
  /** The table before the statement: stored rows are in this form, USING reads it. */
  readonly before: Table
  /** Types that stored rows have where a column got another one, by position. */
  readonly storedTypes = new Map<number, TypeRef>()
  readonly computed = new Map<number, Expr>()
  /** New serial and identity columns: rows are numbered from the sequence's start. */
  readonly numbered = new Map<number, Oid>()
  readonly notNull = new Set<number>()
  readonly checksToValidate = new Set<Oid>()
  readonly indexesToFill = new Set<Oid>()

  constructor(work: DdlWork, before: Table) {
    this.work = work
    this.before = before
    this.oid = before.oid
  }

  get table(): Table {
    const table = this.work.draft.relationByOid(this.oid)
    assert(table?.kind === 'table', 'the table being altered is there')
    return table
  }

  column(name: string): Column | undefined {
    return this.table.columns.find((column) => column.name === name && !column.dropped)
  }

  put(table: Table): void {
    this.work.draft.put(table)
  }

  putColumn(column: Column): void {
    const { table } = this
    this.put({ ...table, columns: table.columns.map((other) => (other.attnum === column.attnum ? column : other)) })
  }

  /** Reads the rows once if anything depends on them, and moves them if they must look different. */
  async finish(): Promise<void> {
    const isMoved = !isSameKey(this.before.primaryKey, this.table.primaryKey)
    const rewrite = isMoved || this.computed.size > 0 || this.numbered.size > 0
    const indexes = this.table.indexes.filter((index) => this.indexesToFill.has(index.oid))
    const checks = this.boundChecks()
    if (!rewrite && indexes.length === 0 && checks.length === 0 && this.notNull.size === 0) return
    const { before } = this
    const source: Table = {
      ...this.table,
      storageId: before.storageId,
      primaryKey: before.primaryKey,
      columns: this.table.columns.map((column) => {
        const type = this.storedTypes.get(column.attnum - 1)
        if (type === undefined) return column
        // A row stored before the column was added still reads as its old default.
        const missing = before.columns[column.attnum - 1]?.missing
        return { ...column, type, ...(missing !== undefined && { missing }) }
      }),
    }
    if (rewrite) await this.moveStorage()
    const counters = [...this.numbered].map(([position, oid]) => new Numbering(position, this.sequence(oid), this.table))
    await doRowWork(this.work, {
      source,
      target: this.table,
      computed: this.computed,
      counted: new Map(counters.map((counter) => [counter.position, () => counter.next()])),
      rewrite,
      notNull: rewrite
        ? this.table.columns.flatMap(({ notNull, dropped }, i) => (notNull && !dropped ? [i] : []))
        : [...this.notNull],
      checks,
      indexes,
    })
    for (const counter of counters) this.work.draft.put(counter.sequenceAfter())
  }

  private sequence(oid: Oid): SequenceRelation {
    const sequence = this.work.draft.relationByOid(oid)
    assert(sequence?.kind === 'sequence', 'a new serial column has a sequence')
    return sequence
  }

  private async moveStorage(): Promise<void> {
    const indexes: Index[] = []
    for (const index of this.table.indexes) indexes.push({ ...index, storageId: await this.work.oid() })
    const storageId = await this.work.oid()
    const { table } = this
    // Rewritten rows are as wide as the table: nothing is missing in them.
    this.put({ ...table, storageId, indexes, columns: table.columns.map(({ missing: _, ...column }) => column) })
  }

  private boundChecks(): { readonly name: string; readonly expr: Expr }[] {
    const { table } = this
    return table.checks
      .filter((check) => this.checksToValidate.has(check.oid))
      .map(({ name, expression }) => ({
        name,
        expr: bindExpression(expression.node, this.work.bindScope(), { place: 'CHECK', table, relation: rowRelation }),
      }))
  }
}

function isSameKey(before: Index | undefined, after: Index | undefined): boolean {
  if (before === undefined || after === undefined) return before === after
  const attnums = (index: Index): string => index.columns.map(({ attnum }) => attnum).join(' ')
  return attnums(before) === attnums(after)
}

/** The rows of a table that gets a serial column are numbered in their order; the sequence goes on behind them. */
class Numbering {
  readonly position: number
  private readonly sequence: SequenceRelation
  private readonly isBig: boolean
  private last: bigint | undefined

  constructor(position: number, sequence: SequenceRelation, table: Table) {
    this.position = position
    this.sequence = sequence
    this.isBig = table.columns[position]?.type.oid === int8Oid
  }

  next(): Value {
    const { start, increment } = this.sequence
    this.last = this.last === undefined ? start : this.last + increment
    return this.isBig ? this.last : Number(this.last)
  }

  sequenceAfter(): SequenceRelation {
    return this.last === undefined ? this.sequence : { ...this.sequence, initial: { last: this.last, isCalled: true } }
  }
}
