import type { Access, RowBatch, RowScan, ScanSpecification } from '../../../actors/query-processor/sql/execute/access.ts'
import type { Key } from '../../../protocol/key.ts'
import type { Mode } from '../../../protocol/messages.ts'
import type { Predicate, StorageAggregate } from '../../../protocol/predicate.ts'
import { decodeRow } from '../../../protocol/row.ts'
import { typeByOid } from '../../../protocol/values/registry.ts'
import type { SqlType } from '../../../protocol/values/type.ts'
import type { Value } from '../../../protocol/values/value.ts'

/** One transaction over rows in memory: scans and gets see what was there when the command began, getLatest sees everything. */
export class MemoryAccess implements Access {
  private readonly rows = new Map<Key, Uint8Array>()
  private readonly pending = new Map<Key, Uint8Array | undefined>()
  private sorted: Key[] | undefined
  readonly modes = new Map<Key, Mode>()
  readonly checks: { readonly key: Key; readonly mode: Mode }[] = []
  /** Answers come as promises, as from another process. */
  remote = false
  batchMax = 64
  keysRead = 0
  private rowId = 0

  get size(): number {
    return this.rows.size
  }

  endCommand(): void {
    for (const [key, bytes] of this.pending) {
      if (bytes === undefined) this.rows.delete(key)
      else this.rows.set(key, bytes)
    }
    this.pending.clear()
    this.sorted = undefined
  }

  undoCommand(): void {
    this.pending.clear()
    this.modes.clear()
  }

  private answer<T>(value: T): T | Promise<T> {
    return this.remote ? Promise.resolve(value) : value
  }

  get(key: Key): Uint8Array | undefined | Promise<Uint8Array | undefined> {
    this.keysRead++
    return this.answer(this.rows.get(key))
  }

  getLatest(key: Key): Uint8Array | undefined | Promise<Uint8Array | undefined> {
    return this.answer(this.pending.has(key) ? this.pending.get(key) : this.rows.get(key))
  }

  write(key: Key, postImage: Uint8Array | undefined, mode: Mode): void {
    this.pending.set(key, postImage)
    this.modes.set(key, mode)
  }

  check(key: Key, mode: Mode): void {
    this.checks.push({ key, mode })
  }

  nextSequenceValue(): bigint {
    throw new Error('sequences are asked through the session')
  }

  nextRowId(): Key {
    return String.fromCharCode(0, 0, 0, 0, 0, 0, ++this.rowId >> 8, this.rowId & 255) as Key
  }

  scan(specification: ScanSpecification): RowScan {
    this.sorted ??= [...this.rows.keys()].sort()
    const keys = this.sorted.filter((key) => key >= specification.range.start && key < specification.range.end)
    if (specification.reverse) keys.reverse()
    const passes = rowTest(specification)
    let at = 0
    let left = specification.rowsMax
    let size = 4
    if (specification.aggregates !== undefined) return this.aggregate(keys, specification, passes)
    return {
      next: () => {
        if (at >= keys.length || left <= 0) return this.answer(undefined)
        const batch: { keys: Key[]; rows: Uint8Array[]; keysRead: number } = { keys: [], rows: [], keysRead: 0 }
        while (at < keys.length && batch.keys.length < size && left > 0) {
          const key = keys[at++] as Key
          const bytes = this.rows.get(key) as Uint8Array
          batch.keysRead++
          if (!passes(bytes)) continue
          batch.keys.push(key)
          batch.rows.push(bytes)
          left--
        }
        this.keysRead += batch.keysRead
        size = Math.min(size * 2, this.batchMax)
        return this.answer<RowBatch>(batch)
      },
    }
  }

  private aggregate(keys: readonly Key[], specification: ScanSpecification, passes: (bytes: Uint8Array) => boolean): RowScan {
    let done = false
    return {
      next: () => {
        if (done) return this.answer(undefined)
        done = true
        const rows = keys.map((key) => this.rows.get(key) as Uint8Array).filter(passes)
        this.keysRead += keys.length
        const decoded = rows.map((bytes) => decoder(specification)(bytes))
        const aggregates = (specification.aggregates ?? []).map((aggregate) => computed(aggregate, decoded))
        return this.answer<RowBatch>({ keys: [], rows: [], keysRead: keys.length, aggregates })
      },
    }
  }
}

const decoder = (specification: ScanSpecification): ((bytes: Uint8Array) => Value[]) => {
  const { layout } = specification
  if (layout === undefined) throw new Error('a filter needs a layout')
  const types = layout.types.map((oid) => typeByOid(oid) as SqlType)
  return (bytes) => decodeRow(bytes, types, layout.missing)
}

function rowTest(specification: ScanSpecification): (bytes: Uint8Array) => boolean {
  const { filter } = specification
  if (filter === undefined) return () => true
  const decode = decoder(specification)
  return (bytes) => test(filter, decode(bytes)) === true
}

function test(predicate: Predicate, row: readonly Value[]): boolean | null {
  switch (predicate.kind) {
    case 'compare': {
      const value = row[predicate.column] as Value
      if (value === null || predicate.value === null) return null
      const order = (typeByOid(predicate.type) as SqlType).compare?.(value, predicate.value) as number
      return { '=': order === 0, '<>': order !== 0, '<': order < 0, '<=': order <= 0, '>': order > 0, '>=': order >= 0 }[
        predicate.operator
      ]
    }
    case 'in': {
      const value = row[predicate.column] as Value
      if (value === null) return null
      return predicate.values.some(
        (other) => other !== null && (typeByOid(predicate.type) as SqlType).compare?.(value, other) === 0,
      )
    }
    case 'isNull':
      return (row[predicate.column] === null) !== predicate.negated
    case 'prefix': {
      const value = row[predicate.column] as Value
      return value === null ? null : (value as string).startsWith(predicate.prefix)
    }
    case 'and': {
      const parts = predicate.of.map((part) => test(part, row))
      return parts.includes(false) ? false : parts.includes(null) ? null : true
    }
    case 'or': {
      const parts = predicate.of.map((part) => test(part, row))
      return parts.includes(true) ? true : parts.includes(null) ? null : false
    }
    default: {
      const inner = test(predicate.of, row)
      return inner === null ? null : !inner
    }
  }
}

function computed(aggregate: StorageAggregate, rows: readonly Value[][]): Value {
  if (aggregate.kind === 'countRows') return BigInt(rows.length)
  const values = rows.map((row) => row[aggregate.column] as Value).filter((value) => value !== null)
  if (aggregate.kind === 'count') return BigInt(values.length)
  if (values.length === 0) return null
  if (aggregate.kind === 'sum') return values.reduce((sum: bigint, value) => sum + BigInt(value as number), 0n)
  const compare = (typeByOid(aggregate.type) as SqlType).compare as (a: Value, b: Value) => number
  return values.reduce((best, value) => (compare(value, best) < 0 === (aggregate.kind === 'min') ? value : best))
}
