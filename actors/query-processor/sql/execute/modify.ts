import { SqlError } from '../../../../protocol/errors.ts'
import type { Key } from '../../../../protocol/key.ts'
import type { Value } from '../../../../protocol/values/value.ts'
import type { Index } from '../catalog/schema.ts'
import { rowKeyOfEntry } from '../plan/table-key.ts'
import type { Compiled } from './compile-expression.ts'
import { type Frame, type Opener, pause, type Row, settled, Turns } from './frame.ts'
import { joined } from './nested-loop.ts'
import type { RowDecoder } from './row-decoder.ts'
import { type Run, type Stream, Suspension } from './run.ts'
import { evaluateWaiting } from './site.ts'
import type { TableWriter } from './table-writer.ts'

export interface ModifyParts {
  readonly input: Opener
  readonly writer: TableWriter
  readonly returning: boolean
  /** The statement's own rows count for the command tag, those of a WITH do not. */
  readonly counts: boolean
  /** Does another part of the statement (WITH) change rows of this table, too? */
  sharesTable(): boolean
}

/** Rows changed by parts of one statement that share a table: only one of several changes of a row takes place. */
const changedTogether = new WeakMap<Run, Set<Value>>()

function changedRows(parts: ModifyParts, run: Run): Set<Value> {
  if (!parts.sharesTable()) return new Set()
  const known = changedTogether.get(run) ?? new Set()
  changedTogether.set(run, known)
  return known
}

export interface ConflictParts {
  readonly arbiters: readonly Index[]
  readonly update:
    | {
        readonly set: readonly { readonly position: number; readonly value: Compiled }[]
        readonly where: Compiled | undefined
        readonly decode: RowDecoder
      }
    | undefined
}

export function insertRows(parts: ModifyParts, conflict: ConflictParts | undefined): Opener {
  return function* (frame): Stream {
    const { writer } = parts
    const turns = new Turns(frame.run)
    /** Rows this command has written, for ON CONFLICT DO UPDATE. */
    const touched = changedRows(parts, frame.run)
    const isWatched = conflict?.update !== undefined || parts.sharesTable()
    for (const item of parts.input(frame)) {
      if (item instanceof Suspension) {
        yield item
        continue
      }
      const batch: Row[] = []
      for (const row of item) {
        writer.validate(row, frame)
        if (turns.due()) yield pause
        const key = writer.newKey(row, frame)
        if (conflict !== undefined) {
          const existing = yield* existingKey(conflict, row, key, writer, frame)
          if (existing !== undefined) {
            if (conflict.update === undefined) continue
            const changed = yield* updateExisting(conflict.update, existing, row, touched, writer, frame)
            if (changed === undefined) continue
            if (parts.counts) frame.affected.rows++
            if (parts.returning) batch.push(changed)
            continue
          }
        }
        const done = writer.insert(row, key, frame)
        if (done instanceof Promise) yield* settled(done)
        if (isWatched) touched.add(key)
        if (parts.counts) frame.affected.rows++
        if (parts.returning) batch.push(row)
      }
      if (batch.length > 0) yield batch
    }
  }
}

/** The row that already holds one of the arbiters' keys. */
function* existingKey(
  { arbiters }: ConflictParts,
  row: Row,
  key: Key,
  writer: TableWriter,
  frame: Frame,
): Generator<Suspension, Key | undefined, void> {
  for (const unique of writer.uniqueKeys(row, key)) {
    if (!arbiters.some((arbiter) => arbiter.oid === unique.index.oid)) continue
    let found = frame.run.access.getLatest(unique.key)
    if (found instanceof Promise) found = yield* settled(found)
    if (found !== undefined) return unique.index.primary ? unique.key : rowKeyOfEntry(writer.table, found as Uint8Array)
  }
  return undefined
}

/** Answers the row as it is now, or undefined when WHERE left it alone. */
function* updateExisting(
  update: NonNullable<ConflictParts['update']>,
  key: Key,
  excluded: Row,
  touched: Set<Value>,
  writer: TableWriter,
  frame: Frame,
): Generator<Suspension, Row | undefined, void> {
  if (touched.has(key)) {
    throw new SqlError('21000', 'ON CONFLICT DO UPDATE command cannot affect row a second time', {
      hint: 'Ensure that no rows proposed for insertion within the same command have duplicate constrained values.',
    })
  }
  const image = yield* settled(frame.run.access.getLatest(key))
  const before = update.decode(key, image as Uint8Array)
  const both = joined(before, excluded)
  if (update.where !== undefined && (yield* evaluateWaiting(update.where, both, frame)) !== true) return undefined
  const after = [...before]
  for (const { position, value } of update.set) after[position] = yield* evaluateWaiting(value, both, frame)
  writer.validate(after, frame)
  touched.add(yield* settled(writer.update(before, after, key, frame)))
  return after
}

/** Input rows: key, old row, new values of `positions`, extras. Output: new row, extras. */
export function updateRows(parts: ModifyParts, positions: readonly number[], once: boolean): Opener {
  const { writer } = parts
  const width = writer.table.columns.length
  const dropped = droppedColumns(writer)
  return function* (frame): Stream {
    const seen = changedRows(parts, frame.run)
    const isWatched = once || parts.sharesTable()
    const turns = new Turns(frame.run)
    for (const item of parts.input(frame)) {
      if (item instanceof Suspension) {
        yield item
        continue
      }
      const batch: Row[] = []
      for (const row of item) {
        if (turns.due()) yield pause
        const key = row[0] as Key
        if (isWatched) {
          if (seen.has(key)) continue
          seen.add(key)
        }
        const before = row.slice(1, width + 1)
        const after = before.slice()
        for (let i = 0; i < positions.length; i++) after[positions[i] as number] = row[width + 1 + i] as Value
        for (const position of dropped) after[position] = null
        writer.validate(after, frame)
        let done = writer.update(before, after, key, frame)
        if (done instanceof Promise) done = yield* settled(done)
        if (parts.sharesTable()) seen.add(done)
        if (parts.counts) frame.affected.rows++
        if (parts.returning) {
          batch.push(row.length === width + 1 + positions.length ? after : after.concat(row.slice(width + 1 + positions.length)))
        }
      }
      if (batch.length > 0) yield batch
    }
  }
}

/** Input rows: key, old row, extras. Output: old row, extras. */
export function deleteRows(parts: ModifyParts, once: boolean): Opener {
  const { writer } = parts
  return function* (frame): Stream {
    const seen = changedRows(parts, frame.run)
    const isWatched = once || parts.sharesTable()
    const turns = new Turns(frame.run)
    for (const item of parts.input(frame)) {
      if (item instanceof Suspension) {
        yield item
        continue
      }
      const batch: Row[] = []
      for (const row of item) {
        if (turns.due()) yield pause
        const key = row[0] as Key
        if (isWatched) {
          if (seen.has(key)) continue
          seen.add(key)
        }
        const before = row.slice(1)
        writer.delete(before, key, frame)
        if (parts.counts) frame.affected.rows++
        if (parts.returning) batch.push(before)
      }
      if (batch.length > 0) yield batch
    }
  }
}

const droppedColumns = (writer: TableWriter): readonly number[] =>
  writer.table.columns.filter((column) => column.dropped).map((column) => column.attnum - 1)
