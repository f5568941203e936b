import { ByteWriter } from '../../../../protocol/bytes.ts'
import type { Oid } from '../../../../protocol/ids.ts'
import { type Key, type KeyRange, keyBytesMax, prefixEnd, storagePrefix } from '../../../../protocol/key.ts'
import { SqlArray, type Value } from '../../../../protocol/values/value.ts'
import type { Expr } from '../bind/bound.ts'
import type { IndexColumn } from '../catalog/schema.ts'
import { likePrefix } from '../plan/like.ts'
import type { KeyPart, TableScan } from '../plan/node.ts'
import { encodeIndexColumn, encodeKeyColumn } from '../plan/table-key.ts'
import { type Evaluate, emptyRow, type Frame } from './frame.ts'

/**
 * Key ranges of a scan, computed when it opens: the values are parameters, outer columns and constants.
 * Answers ascending, disjoint ranges; for point scans each is one key (`end` is not used).
 */
export interface CompiledBounds {
  ranges(frame: Frame): KeyRange[]
}

interface Column {
  readonly oid: Oid
  readonly order: IndexColumn
}

type ValueList = (frame: Frame) => Value[]

const writer = new ByteWriter(2_048)

export function compileBounds(scan: TableScan, compile: (expr: Expr) => Evaluate): CompiledBounds {
  const prefix = storagePrefix(scan.index?.storageId ?? scan.table.storageId)
  const { bounds } = scan
  if (bounds === undefined) return { ranges: () => [{ start: prefix, end: prefixEnd(prefix) }] }
  const columns = scan.keyColumns.map((order) => ({ oid: scan.table.columns[order.attnum - 1]!.type.oid, order }))
  const encode = scan.index === undefined ? encodeRowColumn : encodeEntryColumn
  const parts = bounds.parts.map((part, i) => compilePart(part, (columns[i] as Column).oid, scan.index !== undefined, compile))
  const { span } = bounds
  const spanColumn = columns[bounds.parts.length]
  const lower = span?.lower && compile(span.lower.value)
  const upper = span?.upper && compile(span.upper.value)
  const pattern = span?.pattern && compile(span.pattern)

  const spanRange = (start: Key, frame: Frame): KeyRange | undefined => {
    const column = spanColumn as Column
    const whole = { start, end: prefixEnd(start) }
    let low: Limit | undefined
    let high: Limit | undefined
    if (lower !== undefined) {
      low = limitOf(lower(emptyRow, frame), column.oid, span?.lower?.inclusive === true, 1)
      if (low === undefined) return undefined
    }
    if (upper !== undefined) {
      high = limitOf(upper(emptyRow, frame), column.oid, span?.upper?.inclusive === true, -1)
      if (high === undefined) return undefined
    }
    if (pattern !== undefined) {
      const value = pattern(emptyRow, frame)
      if (value === null) return undefined
      const { low: first, high: last } = prefixLimits(likePrefix(value as string).prefix)
      if (first !== undefined && low === undefined) low = { value: first, inclusive: true }
      if (last !== undefined && high === undefined) high = { value: last, inclusive: false }
    }
    const { descending } = column.order
    const bound = (limit: Limit): Key => (start + encode(column, limit.value as Value)) as Key
    // In an inverted column the lower limit ends the range and the upper one starts it.
    const first = descending ? high : low
    const last = descending ? low : high
    let from = whole.start
    let to = whole.end
    if (first !== undefined && first.value !== undefined) from = first.inclusive ? bound(first) : prefixEnd(bound(first))
    if (last !== undefined && last.value !== undefined) to = last.inclusive ? prefixEnd(bound(last)) : bound(last)
    if (scan.index !== undefined) {
      // NULLs lie outside whatever a comparison can let through.
      const nullBytes = (start + encode(column, null)) as Key
      const nullsAtEnd = nullBytes > ((start + valueMarker(descending)) as Key)
      if (nullsAtEnd && (last === undefined || last.value === undefined)) to = nullBytes
      if (!nullsAtEnd && (first === undefined || first.value === undefined)) from = prefixEnd(nullBytes)
    }
    return from < to ? { start: from, end: to } : undefined
  }

  return {
    ranges(frame) {
      let prefixes: Key[] = [prefix]
      for (let i = 0; i < parts.length; i++) {
        const values = (parts[i] as ValueList)(frame)
        const next: Key[] = []
        for (const start of prefixes) for (const value of values) next.push((start + encode(columns[i] as Column, value)) as Key)
        prefixes = next
        if (prefixes.length === 0) return []
      }
      const ranges: KeyRange[] = []
      for (const start of prefixes) {
        const range = span === undefined ? { start, end: prefixEnd(start) } : spanRange(start, frame)
        if (range !== undefined && range.start.length <= keyBytesMax * 2) ranges.push(range)
      }
      return ranges.length > 1 ? sortedDisjoint(ranges) : ranges
    },
  }
}

const valueMarker = (descending: boolean): string => (descending ? '\xfe' : '\x01')

function encodeRowColumn(column: Column, value: Value): string {
  writer.reset()
  encodeKeyColumn(column.oid, value, writer)
  return writer.buffer.latin1Slice(0, writer.length)
}

function encodeEntryColumn(column: Column, value: Value): string {
  writer.reset()
  encodeIndexColumn(column.oid, value, column.order, writer)
  return writer.buffer.latin1Slice(0, writer.length)
}

/** IN lists may name a value twice; each key is read once. */
function sortedDisjoint(ranges: KeyRange[]): KeyRange[] {
  ranges.sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0))
  return ranges.filter((range, i) => i === 0 || range.start !== (ranges[i - 1] as KeyRange).start)
}

function compilePart(part: KeyPart, oid: Oid, nullable: boolean, compile: (expr: Expr) => Evaluate): ValueList {
  switch (part.kind) {
    case 'equal': {
      const value = compile(part.value)
      return (frame) => exact(value(emptyRow, frame), oid)
    }
    case 'in': {
      const values = part.values.map(compile)
      return (frame) => values.flatMap((value) => exact(value(emptyRow, frame), oid))
    }
    case 'anyArray': {
      const array = compile(part.array)
      return (frame) => {
        const list = array(emptyRow, frame)
        return list instanceof SqlArray ? list.elements.flatMap((value) => exact(value, oid)) : []
      }
    }
    default:
      // No column of a primary key is NULL.
      return () => (nullable ? [null] : [])
  }
}

const integerLimits: ReadonlyMap<Oid, readonly [number, number]> = new Map([
  [21, [-32_768, 32_767]],
  [23, [-2_147_483_648, 2_147_483_647]],
])

/** The value in the column's own type; none when no value of it can be equal. */
export function exact(value: Value, oid: Oid): Value[] {
  if (value === null) return []
  const limits = integerLimits.get(oid)
  if (limits !== undefined) {
    const number = Number(value)
    return number >= limits[0] && number <= limits[1] ? [number] : []
  }
  if (oid === 20 && typeof value === 'number') return [BigInt(value)]
  return [value]
}

interface Limit {
  /** Undefined: every value of the column's type is on this side. */
  readonly value: Value | undefined
  readonly inclusive: boolean
}

/** A limit in the column's own type; undefined when nothing can pass it. `side` 1: a lower limit, -1: an upper one. */
function limitOf(value: Value, oid: Oid, inclusive: boolean, side: 1 | -1): Limit | undefined {
  if (value === null) return undefined
  const limits = integerLimits.get(oid)
  if (limits !== undefined) {
    const [min, max] = limits
    const number = Number(value)
    if (number > max) return side === 1 ? undefined : { value: undefined, inclusive: true }
    if (number < min) return side === 1 ? { value: undefined, inclusive: true } : undefined
    return { value: number, inclusive }
  }
  if (oid === 20 && typeof value === 'number') return { value: BigInt(value), inclusive }
  return { value, inclusive }
}

/** Strings that begin with `prefix` lie in [low, high) in the order of code points. */
function prefixLimits(prefix: string): { low: string | undefined; high: string | undefined } {
  if (prefix === '') return { low: undefined, high: undefined }
  const points = Array.from(prefix, (char) => char.codePointAt(0) as number)
  while (points.length > 0) {
    const last = points.pop() as number
    if (last >= 0x10ffff) continue
    const next = last === 0xd7ff ? 0xe000 : last + 1
    return { low: prefix, high: String.fromCodePoint(...points, next) }
  }
  return { low: prefix, high: undefined }
}
