import { assert } from '../../../../protocol/assert.ts'
import type { Layout } from '../plan/node.ts'
import { type CommonTableState, type Frame, type Opener, pause, type Row, Turns } from './frame.ts'
import { Holding } from './holding.ts'
import { type HashKey, rowHashKey } from './kernels.ts'
import { RowStore } from './row-store.ts'
import { type Stream, Suspension } from './run.ts'

export interface CommonTableParts {
  readonly id: number
  readonly layout: Layout
  readonly open: (frame: Frame, state: CommonTableState) => Stream
  /** Data modification: what nobody has drawn of it runs behind the statement itself. */
  readonly changes: boolean
}

export function withTables(tables: readonly CommonTableParts[], body: Opener): Opener {
  return function* (frame): Stream {
    const states: CommonTableState[] = []
    const before = tables.map(({ id }) => frame.commonTables.get(id))
    try {
      for (const table of tables) {
        const state: CommonTableState = {
          store: new RowStore(frame.run, table.layout, 'A common table'),
          source: undefined,
          working: undefined,
        }
        states.push(state)
        frame.commonTables.set(table.id, state)
        state.source = table.open(frame, state)
      }
      yield* body(frame)
      yield* runOut(tables, states)
    } finally {
      states.forEach((state, i) => {
        state.source?.return()
        state.store.clear()
        const table = tables[i] as CommonTableParts
        const outer = before[i]
        if (outer === undefined) frame.commonTables.delete(table.id)
        else frame.commonTables.set(table.id, outer)
      })
    }
  }
}

/** ExecPostprocessPlan: changes run to their ends, the later ones first, since they read the earlier ones. */
function* runOut(tables: readonly CommonTableParts[], states: readonly CommonTableState[]): Stream {
  for (let i = tables.length - 1; i >= 0; i--) {
    const state = states[i] as CommonTableState
    if (!tables[i]!.changes || state.source === undefined) continue
    for (const item of state.source) if (item instanceof Suspension) yield item
    state.source = undefined
  }
}

/** Reads what is there and draws more as it goes: a LIMIT above stops an endless recursion. */
export function scanCommonTable(id: number): Opener {
  return function* (frame): Stream {
    const state = frame.commonTables.get(id)
    assert(state !== undefined, 'a common table is read inside its WITH')
    const reader = state.store.reader()
    for (;;) {
      const batch = reader.next()
      if (batch !== undefined) {
        yield batch
        continue
      }
      if (state.source === undefined) return
      const next = state.source.next()
      if (next.done) state.source = undefined
      else if (next.value instanceof Suspension) yield next.value
      else for (const row of next.value) state.store.add(row)
    }
  }
}

export function scanWorkingTable(id: number): Opener {
  return function* (frame): Stream {
    const working = frame.commonTables.get(id)?.working
    assert(working !== undefined, 'the step of a recursion reads what the last round added')
    const reader = working.reader()
    for (let batch = reader.next(); batch !== undefined; batch = reader.next()) yield batch
  }
}

export interface RecursiveParts {
  readonly layout: Layout
  readonly start: Opener
  readonly step: Opener
  readonly distinct: boolean
}

export function recursiveUnion({ layout, start, step, distinct }: RecursiveParts): CommonTableParts['open'] {
  const slots = layout.map((_, i) => i)
  const hash = distinct ? rowHashKey(layout.map((slot) => slot.type)) : undefined
  return function* (frame, state): Stream {
    const holding = new Holding(frame.run.memory)
    const seen = new Set<HashKey | null>()
    const fresh = (rows: readonly Row[]): readonly Row[] => {
      if (hash === undefined) return rows
      return rows.filter((row) => {
        const key = hash(row, slots)
        if (seen.has(key)) return false
        const size = 64 + (typeof key === 'string' ? key.length : 8)
        holding.take(size)
        seen.add(key)
        return true
      })
    }
    let round = start
    let next: RowStore | undefined
    const turns = new Turns(frame.run)
    try {
      for (;;) {
        next = new RowStore(frame.run, layout, 'A recursive query')
        for (const item of round(frame)) {
          if (item instanceof Suspension) {
            yield item
            continue
          }
          const rows = fresh(item)
          for (const row of rows) next.add(row)
          if (rows.length > 0) yield rows
        }
        state.working?.clear()
        state.working = next
        const { length } = next
        next = undefined
        if (length === 0) return
        round = step
        if (turns.due(16)) yield pause
      }
    } finally {
      holding.release()
      next?.clear()
      state.working?.clear()
      state.working = undefined
    }
  }
}
