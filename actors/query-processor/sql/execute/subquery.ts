import { unreachable } from '../../../../protocol/assert.ts'
import { SqlError } from '../../../../protocol/errors.ts'
import { SqlArray, type Value } from '../../../../protocol/values/value.ts'
import type { TypeRef } from '../catalog/schema.ts'
import type { Binding, SubqueryExpr, SubqueryPlan } from '../plan/node.ts'
import { type Evaluate, type Frame, type Opener, pause, type Row, rowBytes, Turns } from './frame.ts'
import { type Stream, Suspension } from './run.ts'
import { evaluateFilled, Site } from './site.ts'

export interface SubqueryParts {
  readonly how: SubqueryExpr['how']
  readonly type: TypeRef
  readonly planned: SubqueryPlan
  readonly open: Opener
  /** Columns of the present row that the subquery reads; those of rows further out stand in the frame already. */
  readonly reads: readonly Binding[]
  readonly test: Evaluate | undefined
  readonly hashed: { readonly left: Evaluate; readonly hashKey: (value: Value) => unknown } | undefined
  readonly width: number
}

interface Kept {
  readonly rows: readonly Row[]
  keys: Set<unknown> | undefined
  hasNull: boolean
}

/** Computes a subquery's answer when the expression around it really asks. */
export class SubquerySite extends Site {
  private readonly parts: SubqueryParts

  constructor(parts: SubqueryParts) {
    super(parts.planned.slot)
    this.parts = parts
  }

  override *fill(row: Row, frame: Frame): Generator<Suspension, void, void> {
    for (const { from, slot } of this.parts.reads) frame.slots[slot] = row[from] as Value
    frame.slots[this.slot] = yield* this.answer(row, frame)
  }

  private answer(row: Row, frame: Frame): Generator<Suspension, Value, void> {
    switch (this.parts.how) {
      case 'scalar':
        return this.scalar(frame)
      case 'exists':
        return this.exists(frame)
      case 'array':
        return this.array(frame)
      case 'any':
        return this.quantified(row, frame, true)
      case 'all':
        return this.quantified(row, frame, false)
      default:
        return unreachable(this.parts.how)
    }
  }

  private *scalar(frame: Frame): Generator<Suspension, Value, void> {
    let found: Row | undefined
    for (const item of this.parts.open(frame)) {
      if (item instanceof Suspension) {
        yield item
        continue
      }
      if (item.length === 0) continue
      if (found !== undefined || item.length > 1) {
        throw new SqlError('21000', 'more than one row returned by a subquery used as an expression')
      }
      found = item[0] as Row
    }
    return found === undefined ? null : (found[0] as Value)
  }

  private *exists(frame: Frame): Generator<Suspension, Value, void> {
    for (const item of this.parts.open(frame)) {
      if (item instanceof Suspension) yield item
      else if (item.length > 0) return true
    }
    return false
  }

  private *array(frame: Frame): Generator<Suspension, Value, void> {
    const elements: Value[] = []
    for (const item of this.parts.open(frame)) {
      if (item instanceof Suspension) yield item
      else for (const row of item) elements.push(row[0] as Value)
    }
    return new SqlArray(elements)
  }

  private *quantified(row: Row, frame: Frame, decisive: boolean): Generator<Suspension, Value, void> {
    const { planned, hashed, open } = this.parts
    if (!planned.once) return yield* this.testEach(row, frame, decisive, open(frame))
    const kept = yield* this.keep(frame)
    if (hashed === undefined) return yield* this.testEach(row, frame, decisive, rowsAsStream(kept.rows))
    const left = yield* evaluateFilled(hashed.left, row, frame)
    if (kept.rows.length === 0) return false
    if (left === null) return null
    if (kept.keys?.has(hashed.hashKey(left))) return true
    return kept.hasNull ? null : false
  }

  private *testEach(row: Row, frame: Frame, decisive: boolean, stream: Stream): Generator<Suspension, Value, void> {
    const { planned, test, width } = this.parts
    const turns = new Turns(frame.run)
    let unknown = false
    for (const item of stream) {
      if (item instanceof Suspension) {
        yield item
        continue
      }
      for (const inner of item) {
        for (let i = 0; i < width; i++) frame.slots[planned.outputSlot + i] = inner[i] as Value
        const answer = yield* evaluateFilled(test as Evaluate, row, frame)
        if (answer === decisive) return decisive
        if (answer === null) unknown = true
        if (turns.due()) yield pause
      }
    }
    return unknown ? null : !decisive
  }

  /** The rows of an uncorrelated subquery, read once in an execution. */
  private *keep(frame: Frame): Generator<Suspension, Kept, void> {
    const known = frame.kept.get(this)
    if (known !== undefined) return known as Kept
    const rows: Row[] = []
    for (const item of this.parts.open(frame)) {
      if (item instanceof Suspension) {
        yield item
        continue
      }
      for (const row of item) {
        const bytes = rowBytes(row)
        frame.run.memory.take(bytes)
        frame.keptBytes += bytes
        rows.push(row)
      }
    }
    const kept: Kept = { rows, keys: undefined, hasNull: false }
    const { hashed } = this.parts
    if (hashed !== undefined) {
      kept.keys = new Set()
      for (const [value] of rows) {
        if (value === null) kept.hasNull = true
        else kept.keys.add(hashed.hashKey(value as Value))
      }
    }
    frame.kept.set(this, kept)
    return kept
  }
}

function* rowsAsStream(rows: readonly Row[]): Stream {
  yield rows
}
