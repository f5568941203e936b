import type { Value } from '../../../../protocol/values/value.ts'
import type { TypeRef } from '../catalog/schema.ts'
import type { JoinKind, Layout } from '../plan/node.ts'
import { batchRows, type Evaluate, type Frame, type Opener, pause, type Row, rowBytes, Turns } from './frame.ts'
import { Holding } from './holding.ts'
import { type HashKey, typeHashKey } from './kernels.ts'
import { joined, nulls } from './nested-loop.ts'
import { Partitions, partitionDepthMax } from './partitions.ts'
import { type Stream, Suspension } from './run.ts'

export interface HashJoinParts {
  readonly join: JoinKind
  readonly left: Opener
  readonly right: Opener
  readonly leftLayout: Layout
  readonly rightLayout: Layout
  readonly leftKey: JoinKey
  readonly rightKey: JoinKey
  readonly condition: Evaluate | undefined
  readonly nullAware: boolean
}

/** Undefined when a key is NULL: such a row equals nothing. */
export type JoinKey = (row: Row, frame: Frame) => HashKey | undefined

export function joinKey(keys: readonly Evaluate[], types: readonly TypeRef[]): JoinKey {
  const hashes = types.map(typeHashKey)
  const [first] = keys as [Evaluate]
  const [firstHash] = hashes as [(value: Value) => HashKey]
  if (keys.length === 1) {
    return (row, frame) => {
      const value = first(row, frame)
      return value === null ? undefined : firstHash(value)
    }
  }
  return (row, frame) => {
    let key = ''
    for (let i = 0; i < keys.length; i++) {
      const value = (keys[i] as Evaluate)(row, frame)
      if (value === null) return undefined
      const part = (hashes[i] as (value: Value) => HashKey)(value)
      key += typeof part === 'string' ? `${part.length}:${part}` : `${String(part)};`
    }
    return key
  }
}

/** What NOT IN must know of the whole right side. */
interface RightSide {
  hasNull: boolean
  isEmpty: boolean
}

export function hashJoin(parts: HashJoinParts): Opener {
  return (frame) => join(parts, parts.left(frame), parts.right(frame), { hasNull: false, isEmpty: true }, 0, frame)
}

function* join(parts: HashJoinParts, left: Stream, right: Stream, side: RightSide, depth: number, frame: Frame): Stream {
  const holding = new Holding(frame.run.memory)
  const keepsRight = parts.join === 'right' || parts.join === 'full'
  let table = new Map<HashKey, Row[]>()
  /** Right rows that equal nothing but must come out (right, full). */
  let keyless: Row[] = []
  let partitions: Partitions | undefined
  let probes: Partitions | undefined
  const turns = new Turns(frame.run)
  const give = (): void => {
    holding.release()
  }
  try {
    for (const item of right) {
      if (item instanceof Suspension) {
        yield item
        continue
      }
      for (const row of item) {
        side.isEmpty = false
        const key = parts.rightKey(row, frame)
        if (key === undefined) {
          side.hasNull = true
          if (!keepsRight) continue
        }
        if (partitions !== undefined) {
          partitions.add(row, key ?? null)
          continue
        }
        const size = rowBytes(row) + 48
        if (depth < partitionDepthMax && !holding.fits(size)) {
          partitions = new Partitions(frame.run, parts.rightLayout, depth, 'A hash join')
          for (const [known, rows] of table) for (const kept of rows) partitions.add(kept, known)
          for (const kept of keyless) partitions.add(kept, null)
          partitions.add(row, key ?? null)
          table = new Map()
          keyless = []
          give()
          continue
        }
        holding.take(size)
        if (key === undefined) {
          keyless.push(row)
          continue
        }
        const same = table.get(key)
        if (same === undefined) table.set(key, [row])
        else same.push(row)
      }
      if (turns.due(item.length)) yield pause
    }
    if (partitions === undefined) {
      yield* probe(parts, left, table, keyless, side, frame)
      return
    }
    probes = new Partitions(frame.run, parts.leftLayout, depth, 'A hash join')
    for (const item of left) {
      if (item instanceof Suspension) {
        yield item
        continue
      }
      for (const row of item) probes.add(row, parts.leftKey(row, frame) ?? null)
      if (turns.due(item.length)) yield pause
    }
    for (let i = 0; i < partitions.parts.length; i++) {
      const rights = partitions.parts[i]!
      const lefts = probes.parts[i]!
      yield* join(parts, lefts.read(), rights.read(), side, depth + 1, frame)
    }
  } finally {
    give()
    partitions?.release()
    probes?.release()
  }
}

function* probe(
  parts: HashJoinParts,
  left: Stream,
  table: ReadonlyMap<HashKey, readonly Row[]>,
  keyless: readonly Row[],
  side: RightSide,
  frame: Frame,
): Stream {
  const { join: kind, condition, leftKey } = parts
  const keepsLeft = kind === 'left' || kind === 'full'
  const keepsRight = kind === 'right' || kind === 'full'
  const matchedRows = new Set<Row>()
  const missing = nulls(parts.rightLayout.length)
  const turns = new Turns(frame.run)
  let batch: Row[] = []
  // Nothing can come out: the left side is not even read.
  if ((kind === 'inner' || kind === 'semi') && table.size === 0) return
  for (const item of left) {
    if (item instanceof Suspension) {
      yield item
      continue
    }
    for (const row of item) {
      if (turns.due()) yield pause
      const key = leftKey(row, frame)
      const rights = key === undefined ? undefined : table.get(key)
      if (kind === 'semi' || kind === 'anti') {
        let matched = false
        if (rights !== undefined) {
          matched = condition === undefined || rights.some((right) => condition(joined(row, right), frame) === true)
        }
        if (kind === 'semi' ? matched : !matched && (!parts.nullAware || passesNotIn(key, side))) batch.push(row)
      } else {
        let matched = false
        for (const right of rights ?? []) {
          const both = joined(row, right)
          if (condition !== undefined && condition(both, frame) !== true) continue
          matched = true
          if (keepsRight) matchedRows.add(right)
          batch.push(both)
          if (batch.length >= batchRows) {
            yield batch
            batch = []
            if (turns.due()) yield pause
          }
        }
        if (!matched && keepsLeft) batch.push(joined(row, missing))
      }
      if (batch.length >= batchRows) {
        yield batch
        batch = []
      }
    }
  }
  if (keepsRight) {
    const empty = nulls(parts.leftLayout.length)
    for (const rows of table.values()) {
      for (const row of rows) if (!matchedRows.has(row)) batch.push(joined(empty, row))
      if (batch.length >= batchRows) {
        yield batch
        batch = []
      }
      if (turns.due(rows.length)) yield pause
    }
    for (const row of keyless) batch.push(joined(empty, row))
  }
  if (batch.length > 0) yield batch
}

/** x NOT IN (rows): unknown, so not passed, for a NULL x or a NULL among the rows; true over no rows whatever x is. */
const passesNotIn = (key: HashKey | undefined, side: RightSide): boolean => side.isEmpty || (key !== undefined && !side.hasNull)
