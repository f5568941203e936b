import type { Layout, SetOperation, Slot } from '../plan/node.ts'
import { type Frame, type Opener, pause, type Row, Turns } from './frame.ts'
import { Holding } from './holding.ts'
import { type HashKey, rowHashKey } from './kernels.ts'
import { Partitions } from './partitions.ts'
import { type Stream, Suspension } from './run.ts'

/** INTERSECT and EXCEPT: the right side is counted by key, the left side passes by. */
export function setOperationRows(node: SetOperation, left: Opener, right: Opener): Opener {
  const slots = node.layout.map((_, i) => i)
  const hash = rowHashKey(node.layout.map((slot: Slot) => slot.type))
  const parts = { node, key: (row: Row) => hash(row, slots), layout: node.layout }
  return (frame) => combine(parts, left(frame), right(frame), 0, frame)
}

interface Parts {
  readonly node: SetOperation
  readonly key: (row: Row) => HashKey | null
  readonly layout: Layout
}

function* combine(parts: Parts, left: Stream, right: Stream, depth: number, frame: Frame): Stream {
  const holding = new Holding(frame.run.memory)
  const counts = new Map<HashKey | null, number>()
  let spilled: { readonly lefts: Partitions; readonly rights: Partitions } | undefined
  const turns = new Turns(frame.run)
  try {
    for (const item of right) {
      if (item instanceof Suspension) {
        yield item
        continue
      }
      for (const row of item) {
        const key = parts.key(row)
        const count = spilled === undefined ? counts.get(key) : undefined
        if (count !== undefined) {
          counts.set(key, count + 1)
          continue
        }
        const size = 72 + (typeof key === 'string' ? key.length : 8)
        if (spilled === undefined && holding.fits(size)) {
          holding.take(size)
          counts.set(key, 1)
          continue
        }
        spilled ??= {
          lefts: new Partitions(frame.run, parts.layout, depth, 'A set operation'),
          rights: new Partitions(frame.run, parts.layout, depth, 'A set operation'),
        }
        spilled.rights.add(row, key)
      }
      if (turns.due(item.length)) yield pause
    }
    if (spilled === undefined) {
      yield* pass(parts, left, counts, frame)
      return
    }
    // Keys counted before the budget ran out may come again in the files: those rows count there, so the counts are split by key.
    const { lefts, rights } = spilled
    for (const item of left) {
      if (item instanceof Suspension) {
        yield item
        continue
      }
      for (const row of item) lefts.add(row, parts.key(row))
      if (turns.due(item.length)) yield pause
    }
    holding.release()
    for (let i = 0; i < lefts.parts.length; i++) {
      const known = new Map<HashKey | null, number>()
      for (const [key, count] of counts) if (lefts.partitionOf(key) === i) known.set(key, count)
      yield* combineKnown(parts, lefts.parts[i]!.read(), rights.parts[i]!.read(), known, frame)
    }
  } finally {
    holding.release()
    spilled?.lefts.release()
    spilled?.rights.release()
  }
}

/** One partition, with what had been counted of it before. */
function* combineKnown(parts: Parts, left: Stream, right: Stream, counts: Map<HashKey | null, number>, frame: Frame): Stream {
  const holding = new Holding(frame.run.memory)
  const turns = new Turns(frame.run)
  try {
    for (const item of right) {
      if (item instanceof Suspension) {
        yield item
        continue
      }
      for (const row of item) {
        const key = parts.key(row)
        const count = counts.get(key)
        counts.set(key, (count ?? 0) + 1)
        if (count !== undefined) continue
        const size = 72 + (typeof key === 'string' ? key.length : 8)
        holding.take(size)
      }
      if (turns.due(item.length)) yield pause
    }
    yield* pass(parts, left, counts, frame)
  } finally {
    holding.release()
  }
}

function* pass({ node, key }: Parts, left: Stream, counts: Map<HashKey | null, number>, frame: Frame): Stream {
  const { operation, all } = node
  const holding = new Holding(frame.run.memory)
  const emitted = new Set<HashKey | null>()
  const turns = new Turns(frame.run)
  try {
    for (const item of left) {
      if (item instanceof Suspension) {
        yield item
        continue
      }
      const batch: Row[] = []
      for (const row of item) {
        const k = key(row)
        const count = counts.get(k) ?? 0
        if (all) {
          if (count > 0) counts.set(k, count - 1)
          if (count > 0 === (operation === 'intersect')) batch.push(row)
          continue
        }
        if (count > 0 !== (operation === 'intersect') || emitted.has(k)) continue
        const size = 64 + (typeof k === 'string' ? k.length : 8)
        holding.take(size)
        emitted.add(k)
        batch.push(row)
      }
      if (batch.length > 0) yield batch
      if (turns.due(item.length)) yield pause
    }
  } finally {
    holding.release()
  }
}

export function appendRows(inputs: readonly Opener[]): Opener {
  return function* (frame): Stream {
    for (const input of inputs) yield* input(frame)
  }
}
