import type { MaybePromise } from '../../bus/bus.ts'

/**
 * Work that seldom waits: a generator that yields the promises it must wait for and gets their values back. Run by `run`, it costs no promise
 * at all while everything is there at once. Waiting inside a task:
 *
 *     const row = answer instanceof Promise ? ((yield answer) as Row) : answer
 */
export type Task<T> = Generator<Promise<unknown>, T, unknown>

/** A task that has not ended at once. */
export class Pending<T> {
  readonly task: Task<T>

  constructor(task: Task<T>) {
    this.task = task
  }
}

/**
 * What is there at once, or the task that waits for it. The calls of every statement answer so: a generator costs a kilobyte and a
 * microsecond, and seldom is there anything to wait for.
 */
export type Step<T> = T | Pending<T>

/** A step's value, within a task. */
export function* arrived<T>(step: Step<T>): Task<T> {
  return step instanceof Pending ? yield* step.task : step
}

/** Runs a task as far as it goes without waiting; a promise for the rest only if there is one. */
export function run<T>(task: Task<T>): MaybePromise<T> {
  const step = task.next()
  return step.done === true ? step.value : runOn(task, step.value)
}

async function runOn<T>(task: Task<T>, first: Promise<unknown>): Promise<T> {
  let waiting = first
  for (;;) {
    let value: unknown
    let failed = false
    try {
      value = await waiting
    } catch (error) {
      failed = true
      value = error
    }
    const step = failed ? task.throw(value) : task.next(value)
    if (step.done === true) return step.value
    waiting = step.value
  }
}
