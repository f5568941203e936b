import { SqlError } from '../../../../protocol/errors.ts'
import { Jsonb, storedForm } from '../../../../protocol/values/jsonb.ts'
import { SqlArray, type Value } from '../../../../protocol/values/value.ts'
import { settled } from './frame.ts'
import type { Suspension } from './run.ts'

interface Done {
  readonly source: string
  readonly values: readonly Value[]
  readonly answer: Value
}

interface Task {
  readonly answer: Promise<Value>
  drop(): void
}

interface Threads {
  ask(source: string, values: readonly Value[]): Task
}

const none: readonly Done[] = []

/** Thrown through an expression whose call is carried out aside: whoever evaluates waits for it, and evaluates again from the start. */
export class AsideCall {
  readonly source: string
  readonly values: readonly Value[]
  /** Where in the statement's text a mistake stands. */
  readonly at: number | undefined

  constructor(source: string, values: readonly Value[], at?: number) {
    this.source = source
    this.values = values
    this.at = at
  }
}

/** Of one function, for one row. */
const callsMax = 5

/** The calls of one statement that are carried out aside. */
export class AsideCalls {
  /** Whoever evaluates just now catches an AsideCall; otherwise the call is carried out in place. */
  canWait = false
  private readonly threads: Threads
  /** Of the row being worked on: it is evaluated again until everything is there. */
  private done: readonly Done[] = none
  private task: Task | undefined

  constructor(threads: Threads) {
    this.threads = threads
  }

  /** The call's answer, if it is there. */
  call(source: string, values: readonly Value[], at?: number): Value {
    const known = this.done.find(
      (one) => one.source === source && one.values.every((value, i) => same(value, values[i] as Value)),
    )
    if (known === undefined) throw new AsideCall(source, values, at)
    return known.answer
  }

  /** The row's value after all: `thrown` is what the first attempt ended with. */
  *finish<T>(thrown: unknown, evaluate: () => T): Generator<Suspension, T, void> {
    let reason = thrown
    try {
      for (;;) {
        this.canWait = false
        if (!(reason instanceof AsideCall)) throw reason
        const { source, values } = reason
        // Volatile values make it another call with every attempt: then it is carried out in place.
        if (this.done.filter((one) => one.source === source).length === callsMax) return evaluate()
        this.task = this.threads.ask(source, values)
        this.done = [...this.done, { source, values, answer: yield* placed(settled(this.task.answer), reason.at) }]
        this.task = undefined
        try {
          this.canWait = true
          return evaluate()
        } catch (error) {
          reason = error
        }
      }
    } finally {
      this.canWait = false
      this.done = none
    }
  }

  /** The statement is over, perhaps amid a call. */
  release(): void {
    this.task?.answer.catch(() => {})
    this.task?.drop()
    this.task = undefined
  }
}

function* placed<T>(answer: Generator<Suspension, T, void>, at: number | undefined): Generator<Suspension, T, void> {
  try {
    return yield* answer
  } catch (error) {
    throw error instanceof SqlError && at !== undefined ? error.with({ position: at }) : error
  }
}

function same(a: Value, b: Value): boolean {
  if (a === b) return true
  if (a instanceof Jsonb) return b instanceof Jsonb && Buffer.compare(storedForm(a), storedForm(b)) === 0
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0
  if (!(a instanceof SqlArray) || !(b instanceof SqlArray)) return false
  return a.elements.length === b.elements.length && a.elements.every((element, i) => element === b.elements[i])
}
