import type { Value } from '../../../../protocol/values/value.ts'
import type { AggregateFunction, FunctionContext } from '../functions/registry.ts'
import type { Layout, Slot } from '../plan/node.ts'
import { batchRows, type Frame, type Opener, pause, type Row, rowBytes, Turns, valueBytes } from './frame.ts'
import { Holding } from './holding.ts'
import { type HashKey, rowHashKey } from './kernels.ts'
import { Partitions, partitionDepthMax } from './partitions.ts'
import { type Stream, Suspension } from './run.ts'
import { type RowCompare, sorted as sortedInTurns } from './sort.ts'

export interface AggregatePart {
  readonly implementation: AggregateFunction<unknown>
  readonly start: () => unknown
  /** Its state holds what it was given: array_agg, string_agg ... */
  readonly keeps: boolean
  readonly arguments: readonly number[]
  readonly filter: number | undefined
  /** DISTINCT: what makes an argument list the same. */
  readonly distinct: ((row: Row, slots: readonly number[]) => HashKey | null) | undefined
  readonly orderBy: RowCompare | undefined
}

export interface AggregateParts {
  readonly keys: readonly number[]
  readonly calls: readonly AggregatePart[]
  readonly layout: Layout
  readonly sorted: boolean
}

/** One aggregate of one group. DISTINCT and ORDER BY keep their rows until the end. */
class Accumulator {
  private state: unknown
  private readonly part: AggregatePart
  private seen: Map<HashKey | null, Row> | undefined
  private rows: Row[] | undefined

  constructor(part: AggregatePart) {
    this.part = part
    this.state = part.start()
    if (part.orderBy !== undefined) this.rows = []
    if (part.distinct !== undefined) this.seen = new Map()
  }

  /** Bytes newly held. */
  add(row: Row, context: FunctionContext): number {
    const { part } = this
    if (part.filter !== undefined && row[part.filter] !== true) return 0
    if (this.seen === undefined && this.rows === undefined) {
      this.transition(row, context)
      return part.keeps ? this.keptBytes(row) : 0
    }
    if (this.seen !== undefined) {
      const distinct = part.distinct as NonNullable<AggregatePart['distinct']>
      const key = distinct(row, part.arguments)
      if (this.seen.has(key)) return 0
      this.seen.set(key, row)
    } else this.rows?.push(row)
    return rowBytes(row)
  }

  private keptBytes(row: Row): number {
    let bytes = 0
    for (const slot of this.part.arguments) bytes += valueBytes(row[slot] as Value)
    return bytes
  }

  private transition(row: Row, context: FunctionContext): void {
    const { arguments: slots, implementation } = this.part
    if (slots.length === 1) {
      const value = row[slots[0] as number] as Value
      if (value === null && implementation.skipNulls) return
      this.state = implementation.add(context, this.state, value as never)
      return
    }
    if (slots.length === 0) {
      this.state = implementation.add(context, this.state)
      return
    }
    const values = slots.map((slot) => row[slot] as Value)
    if (implementation.skipNulls && values.includes(null)) return
    this.state = implementation.add(context, this.state, ...(values as never[]))
  }

  /** Whether its end takes so long that others should run in between: `settle` comes before `finish` then. */
  get isLarge(): boolean {
    return (this.rows?.length ?? 0) > largeRows || (this.seen?.size ?? 0) > largeRows
  }

  *settle(frame: Frame): Generator<Suspension, void, void> {
    let rows = this.seen === undefined ? (this.rows ?? []) : [...this.seen.values()]
    this.seen = undefined
    this.rows = undefined
    if (this.part.orderBy !== undefined) rows = yield* sortedInTurns(rows, this.part.orderBy, frame)
    const turns = new Turns(frame.run)
    for (const row of rows) {
      this.transition(row, frame.context)
      if (turns.due()) yield pause
    }
  }

  finish(context: FunctionContext): Value {
    const rows = this.seen === undefined ? this.rows : [...this.seen.values()]
    if (rows !== undefined) {
      if (this.part.orderBy !== undefined) rows.sort(this.part.orderBy)
      for (const row of rows) this.transition(row, context)
    }
    return this.part.implementation.finish(context, this.state)
  }
}

const largeRows = 4_096

function* settled(accumulators: readonly Accumulator[], frame: Frame): Generator<Suspension, void, void> {
  for (const accumulator of accumulators) if (accumulator.isLarge) yield* accumulator.settle(frame)
}

interface Group {
  readonly row: Row
  readonly accumulators: readonly Accumulator[]
}

export function aggregateRows(input: Opener, parts: AggregateParts): Opener {
  const { keys, calls, layout } = parts
  const hash = rowHashKey(keys.map((key) => (layout[key] as Slot).type))
  if (keys.length === 0) return (frame) => plain(input(frame), calls, frame)
  if (parts.sorted) return (frame) => sorted(input(frame), parts, hash, frame)
  return (frame) => hashed(input(frame), parts, hash, 0, frame)
}

function finished(keys: readonly number[], { row, accumulators }: Group, frame: Frame): Row {
  const made = new Array<Value>(keys.length + accumulators.length)
  for (let i = 0; i < keys.length; i++) made[i] = row[keys[i] as number] as Value
  for (let i = 0; i < accumulators.length; i++) made[keys.length + i] = (accumulators[i] as Accumulator).finish(frame.context)
  return made
}

function* plain(source: Stream, calls: readonly AggregatePart[], frame: Frame): Stream {
  const accumulators = calls.map((call) => new Accumulator(call))
  const holding = new Holding(frame.run.memory)
  const turns = new Turns(frame.run)
  try {
    for (const item of source) {
      if (item instanceof Suspension) {
        yield item
        continue
      }
      for (const row of item) {
        for (const accumulator of accumulators) {
          const held = accumulator.add(row, frame.context)
          if (held === 0) continue
          holding.take(held)
        }
      }
      if (turns.due(item.length)) yield pause
    }
    yield* settled(accumulators, frame)
    yield [finished([], { row: [], accumulators }, frame)]
  } finally {
    holding.release()
  }
}

type HashRow = (row: Row, slots: readonly number[]) => HashKey | null

function* sorted(source: Stream, parts: AggregateParts, hash: HashRow, frame: Frame): Stream {
  const holding = new Holding(frame.run.memory)
  try {
    yield* sortedHolding(source, parts, hash, holding, frame)
  } finally {
    holding.release()
  }
}

/** Holds one group at a time. */
function* sortedHolding(source: Stream, { keys, calls }: AggregateParts, hash: HashRow, holding: Holding, frame: Frame): Stream {
  let group: Group | undefined
  let key: HashKey | null = null
  let batch: Row[] = []
  const turns = new Turns(frame.run)
  for (const item of source) {
    if (item instanceof Suspension) {
      yield item
      continue
    }
    for (const row of item) {
      const next = hash(row, keys)
      if (group === undefined || next !== key) {
        if (group !== undefined) {
          yield* settled(group.accumulators, frame)
          batch.push(finished(keys, group, frame))
          holding.release()
        }
        group = { row, accumulators: calls.map((call) => new Accumulator(call)) }
        key = next
      }
      for (const accumulator of group.accumulators) {
        const held = accumulator.add(row, frame.context)
        if (held > 0) holding.take(held)
      }
    }
    if (batch.length >= batchRows) {
      yield batch
      batch = []
    }
    if (turns.due(item.length)) yield pause
  }
  if (group !== undefined) {
    yield* settled(group.accumulators, frame)
    batch.push(finished(keys, group, frame))
  }
  if (batch.length > 0) yield batch
}

/** Groups beyond the budget go to files by key, each file then a smaller aggregation of its own. */
function* hashed(source: Stream, parts: AggregateParts, hash: HashRow, depth: number, frame: Frame): Stream {
  const { keys, calls, layout } = parts
  const holding = new Holding(frame.run.memory)
  const groups = new Map<HashKey | null, Group>()
  let spilled: Partitions | undefined
  const turns = new Turns(frame.run)
  try {
    for (const item of source) {
      if (item instanceof Suspension) {
        yield item
        continue
      }
      for (const row of item) {
        const key = hash(row, keys)
        let group = groups.get(key)
        if (group === undefined) {
          const size = rowBytes(row) + 96 + calls.length * 120
          if (spilled !== undefined || (depth < partitionDepthMax && !holding.fits(size))) {
            spilled ??= new Partitions(frame.run, layout, depth, 'An aggregation')
            spilled.add(row, key)
            continue
          }
          holding.take(size)
          group = { row, accumulators: calls.map((call) => new Accumulator(call)) }
          groups.set(key, group)
        }
        for (const accumulator of group.accumulators) {
          const held = accumulator.add(row, frame.context)
          if (held === 0) continue
          holding.take(held)
        }
      }
      if (turns.due(item.length)) yield pause
    }
    yield* emit(groups, keys, frame)
    groups.clear()
    holding.release()
    for (const part of spilled?.parts ?? []) {
      if (part.rows > 0) yield* hashed(part.read(), parts, hash, depth + 1, frame)
    }
  } finally {
    holding.release()
    spilled?.release()
  }
}

function* emit(groups: ReadonlyMap<HashKey | null, Group>, keys: readonly number[], frame: Frame): Stream {
  let batch: Row[] = []
  const turns = new Turns(frame.run)
  for (const group of groups.values()) {
    yield* settled(group.accumulators, frame)
    batch.push(finished(keys, group, frame))
    if (batch.length >= batchRows) {
      yield batch
      batch = []
    }
    if (turns.due()) yield pause
  }
  if (batch.length > 0) yield batch
}

/** DISTINCT, UNION: the first row of each key passes at once; what the budget cannot remember goes to files. */
export function distinctRows(input: Opener, slots: readonly number[], layout: Layout): Opener {
  const hash = rowHashKey(slots.map((slot) => (layout[slot] as Slot).type))
  return (frame) => distinct(input(frame), slots, layout, hash, 0, frame)
}

function* distinct(source: Stream, slots: readonly number[], layout: Layout, hash: HashRow, depth: number, frame: Frame): Stream {
  const holding = new Holding(frame.run.memory)
  const seen = new Set<HashKey | null>()
  let spilled: Partitions | undefined
  const turns = new Turns(frame.run)
  try {
    for (const item of source) {
      if (item instanceof Suspension) {
        yield item
        continue
      }
      const batch: Row[] = []
      for (const row of item) {
        const key = hash(row, slots)
        if (seen.has(key)) continue
        const size = 64 + (typeof key === 'string' ? key.length : 8)
        if (spilled !== undefined || (depth < partitionDepthMax && !holding.fits(size))) {
          spilled ??= new Partitions(frame.run, layout, depth, 'DISTINCT')
          spilled.add(row, key)
          continue
        }
        holding.take(size)
        seen.add(key)
        batch.push(row)
      }
      if (batch.length > 0) yield batch
      if (turns.due(item.length)) yield pause
    }
    seen.clear()
    holding.release()
    for (const part of spilled?.parts ?? []) {
      if (part.rows > 0) yield* distinct(part.read(), slots, layout, hash, depth + 1, frame)
    }
  } finally {
    holding.release()
    spilled?.release()
  }
}
