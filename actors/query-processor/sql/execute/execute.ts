import { SqlError } from '../../../../protocol/errors.ts'
import type { Value } from '../../../../protocol/values/value.ts'
import type { Plan } from '../plan/node.ts'
import { type Counters, type Frame, unset } from './frame.ts'
import { type PointStatement, preparePoint } from './point.ts'
import { type Prepared, prepare } from './prepare.ts'
import type { Affected, Batch, Run, Stream } from './run.ts'

interface Compiled {
  readonly prepared: Prepared
  readonly point: PointStatement | undefined
}

/** Plans are cached by their owners; what they compile to lives exactly as long. */
const compiled = new WeakMap<Plan, Compiled>()

function compiledOf(plan: Plan): Compiled {
  let known = compiled.get(plan)
  if (known === undefined) {
    try {
      known = { prepared: prepare(plan), point: preparePoint(plan) }
    } catch (error) {
      throw stackExceeded(error)
    }
    compiled.set(plan, known)
  }
  return known
}

const stackExceeded = (error: unknown): unknown =>
  error instanceof RangeError && error.message.includes('call stack')
    ? new SqlError('54001', 'stack depth limit exceeded')
    : error

/** Compiles the plan's expressions now: 0A000 for a function we do not have comes before anything is done. */
export function compilePlan(plan: Plan): void {
  compiledOf(plan)
}

export function newFrame(slots: number, run: Run, affected: Affected, counters?: Counters): Frame {
  return {
    run,
    context: run.functions,
    parameters: run.parameters,
    slots: new Array<Value>(slots).fill(unset),
    commonTables: new Map(),
    kept: new Map(),
    keptBytes: 0,
    affected,
    counters,
  }
}

/** Rows and suspensions of one execution; nothing happens before the first pull. `affected` counts inserted, updated, deleted rows. */
export function execute(plan: Plan, run: Run, affected: Affected): Stream {
  const { prepared } = compiledOf(plan)
  const frame = newFrame(prepared.slots, run, affected)
  return guarded(prepared.open(frame), frame)
}

function* guarded(stream: Stream, frame: Frame): Stream {
  try {
    yield* stream
  } catch (error) {
    throw stackExceeded(error)
  } finally {
    frame.run.memory.give(frame.keptBytes)
  }
}

/**
 * A point select, point update, point delete or single-row insert carried out at once, without a stream. Undefined when the plan is none
 * or something it needs is not at hand: nothing has been done then, and `execute` does it.
 */
export function executeAtOnce(plan: Plan, run: Run, affected: Affected): Batch | undefined {
  const { point } = compiledOf(plan)
  return point?.(run, affected)
}
