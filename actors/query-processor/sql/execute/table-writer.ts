import type { MaybePromise } from '../../../../bus/bus.ts'
import { SqlError, type SqlErrorFields } from '../../../../protocol/errors.ts'
import type { Key } from '../../../../protocol/key.ts'
import { rowBytesMax } from '../../../../protocol/limits.ts'
import { encodeRow } from '../../../../protocol/row.ts'
import type { SqlType } from '../../../../protocol/values/type.ts'
import type { Value } from '../../../../protocol/values/value.ts'
import { quoteIdentifier } from '../catalog/quote.ts'
import type { Index, Table } from '../catalog/schema.ts'
import { sqlType } from '../plan/sql-type.ts'
import { hiddenRowKey, indexEntry, rowKey } from '../plan/table-key.ts'
import type { Evaluate, Frame, Row } from './frame.ts'

export interface CompiledCheck {
  readonly name: string
  readonly evaluate: Evaluate
}

/** What a row must satisfy and where it and its index entries are written. One per plan node; holds nothing of a run. */
export class TableWriter {
  readonly table: Table
  readonly types: readonly SqlType[]
  private readonly checks: readonly CompiledCheck[]
  private readonly notNull: readonly number[]
  private readonly uniqueIndexes: readonly Index[]

  constructor(table: Table, checks: readonly CompiledCheck[]) {
    this.table = table
    this.types = table.columns.map((column) => sqlType(column.type.oid))
    this.checks = checks
    this.notNull = table.columns.filter((column) => column.notNull && !column.dropped).map((column) => column.attnum - 1)
    this.uniqueIndexes = table.indexes.filter((index) => index.unique)
  }

  /** Throws 23502 and 23514. */
  validate(row: Row, frame: Frame): void {
    for (const position of this.notNull) {
      if (row[position] === null) throw this.nullViolation(position, row, frame)
    }
    for (const check of this.checks) {
      if (check.evaluate(row, frame) === false) {
        throw new SqlError('23514', `new row for relation "${this.table.name}" violates check constraint "${check.name}"`, {
          detail: this.failingRow(row, frame),
          ...this.fields(frame),
          constraint: check.name,
        })
      }
    }
  }

  private nullViolation(position: number, row: Row, frame: Frame): SqlError {
    const column = this.table.columns[position]!.name
    return new SqlError(
      '23502',
      `null value in column "${column}" of relation "${this.table.name}" violates not-null constraint`,
      {
        detail: this.failingRow(row, frame),
        ...this.fields(frame),
        column,
      },
    )
  }

  fields(frame: Frame): SqlErrorFields {
    const schema = frame.run.catalog.schemaByOid(this.table.schemaOid)?.name
    return { ...(schema !== undefined && { schema }), table: this.table.name }
  }

  /** As PostgreSQL shows a row in a detail: long values cut at 64 bytes. */
  private failingRow(row: Row, frame: Frame): string {
    const shown = this.table.columns.flatMap((column, i) => {
      if (column.dropped) return []
      const value = row[i] as Value
      if (value === null) return ['null']
      const text = (this.types[i] as SqlType).output(value, frame.context.settings)
      return [Buffer.byteLength(text) > 64 ? `${clip(text, 64)}...` : text]
    })
    return `Failing row contains (${shown.join(', ')}).`
  }

  uniqueViolation(index: Index, row: Row, frame: Frame): SqlError {
    const columns = index.columns.map(({ attnum }) => quoteIdentifier(this.table.columns[attnum - 1]!.name)).join(', ')
    const values = index.columns.map(({ attnum }) => {
      const value = row[attnum - 1] as Value
      return value === null ? 'null' : (this.types[attnum - 1] as SqlType).output(value, frame.context.settings)
    })
    return new SqlError('23505', `duplicate key value violates unique constraint "${index.name}"`, {
      detail: `Key (${columns})=(${values.join(', ')}) already exists.`,
      ...this.fields(frame),
      constraint: index.name,
    })
  }

  newKey(row: Row, frame: Frame): Key {
    return this.table.primaryKey === undefined ? hiddenRowKey(this.table, frame.run.access.nextRowId()) : rowKey(this.table, row)
  }

  encode(row: Row): Buffer {
    const bytes = encodeRow(this.types, row)
    if (bytes.length > rowBytesMax) {
      throw new SqlError('54000', `row is too big: size ${bytes.length}, maximum size ${rowBytesMax}`)
    }
    return bytes
  }

  /** Keys that must be free for this row: its own where it has a primary key, and its entries in unique indexes. */
  uniqueKeys(row: Row, key: Key): { readonly index: Index; readonly key: Key }[] {
    const keys: { readonly index: Index; readonly key: Key }[] = []
    if (this.table.primaryKey !== undefined) keys.push({ index: this.table.primaryKey, key })
    for (const index of this.uniqueIndexes) {
      const entry = indexEntry(this.table, index, row, key)
      if (entry.unique) keys.push({ index, key: entry.key })
    }
    return keys
  }

  get hasUniqueKeys(): boolean {
    return this.table.primaryKey !== undefined || this.uniqueIndexes.length > 0
  }

  /** Undefined: done at once. */
  insert(row: Row, key: Key, frame: Frame): MaybePromise<void> {
    const { access } = frame.run
    const keys = this.uniqueKeys(row, key)
    for (let i = 0; i < keys.length; i++) {
      const { index, key: unique } = keys[i]!
      const found = access.getLatest(unique)
      if (found instanceof Promise) return this.insertRemote(row, key, keys.slice(i), found, frame)
      if (found !== undefined) throw this.uniqueViolation(index, row, frame)
    }
    this.write(row, key, frame)
  }

  /** False, and nothing is written, when storage has to be waited for. */
  insertAtOnce(row: Row, key: Key, frame: Frame): boolean {
    for (const { index, key: unique } of this.uniqueKeys(row, key)) {
      const found = frame.run.access.getLatest(unique)
      if (found instanceof Promise) {
        found.catch(() => {})
        return false
      }
      if (found !== undefined) throw this.uniqueViolation(index, row, frame)
    }
    this.write(row, key, frame)
    return true
  }

  private async insertRemote(
    row: Row,
    key: Key,
    keys: readonly { readonly index: Index; readonly key: Key }[],
    first: Promise<Uint8Array | undefined>,
    frame: Frame,
  ): Promise<void> {
    const rest = keys.slice(1).map((unique) => frame.run.access.getLatest(unique.key))
    const found = await Promise.all([first, ...rest])
    const taken = found.findIndex((bytes) => bytes !== undefined)
    if (taken >= 0) throw this.uniqueViolation(keys[taken]!.index, row, frame)
    this.write(row, key, frame)
  }

  private write(row: Row, key: Key, frame: Frame): void {
    const { access } = frame.run
    access.write(key, this.encode(row), 'X')
    for (const index of this.table.indexes) {
      const entry = indexEntry(this.table, index, row, key)
      access.write(entry.key, entry.postImage, entry.mode)
    }
  }

  delete(row: Row, key: Key, frame: Frame): void {
    const { access } = frame.run
    access.write(key, undefined, 'X')
    for (const index of this.table.indexes) {
      const entry = indexEntry(this.table, index, row, key)
      access.write(entry.key, undefined, entry.mode)
    }
  }

  /** A changed primary key is a delete and a create; answers the key the row has now. */
  update(before: Row, after: Row, oldKey: Key, frame: Frame): MaybePromise<Key> {
    const { access } = frame.run
    const newKey = this.table.primaryKey === undefined ? oldKey : rowKey(this.table, after)
    if (newKey !== oldKey) {
      // The old row goes first: its own unique entries must not stand in the way of the new one.
      this.delete(before, oldKey, frame)
      const done = this.insert(after, newKey, frame)
      return done instanceof Promise ? done.then(() => newKey) : newKey
    }
    const changed = this.table.indexes.flatMap((index) => {
      const from = indexEntry(this.table, index, before, oldKey)
      const to = indexEntry(this.table, index, after, oldKey)
      return from.key === to.key ? [] : [{ index, from, to }]
    })
    const finish = (): Key => {
      const keyed = changed.some(({ index }) => index.unique)
      access.write(oldKey, this.encode(after), keyed ? 'X' : 'N')
      for (const { from, to } of changed) {
        access.write(from.key, undefined, from.mode)
        access.write(to.key, to.postImage, to.mode)
      }
      return oldKey
    }
    for (const [i, { index, to }] of changed.entries()) {
      if (!to.unique) continue
      const found = access.getLatest(to.key)
      if (found instanceof Promise) {
        const rest = changed.slice(i).filter((change) => change.to.unique)
        const others = rest.slice(1).map((change) => access.getLatest(change.to.key))
        return Promise.all([found, ...others]).then((images) => {
          const taken = images.findIndex((bytes) => bytes !== undefined)
          if (taken >= 0) throw this.uniqueViolation(rest[taken]!.index, after, frame)
          return finish()
        })
      }
      if (found !== undefined) throw this.uniqueViolation(index, after, frame)
    }
    return finish()
  }
}

function clip(text: string, bytesMax: number): string {
  let cut = ''
  let bytes = 0
  for (const char of text) {
    bytes += Buffer.byteLength(char)
    if (bytes > bytesMax) break
    cut += char
  }
  return cut
}
