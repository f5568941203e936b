import type { Thread, World } from '../../bus/world.ts'
import { outOfMemory, SqlError } from '../../protocol/errors.ts'
import type { Value } from '../../protocol/values/value.ts'
import type { Interrupts } from './interrupts.ts'
import { type Answer, packed, type Question, unpacked } from './sql/functions/aside.ts'

import type { Task } from './task.ts'

const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
const module = new URL(`./sql/functions/aside.${extension}`, import.meta.url)

/** Threads at a time: more statements with huge values wait for each other. */
const threadsMax = 2

/** A call under way. */
export interface AsideTask {
  readonly answer: Promise<Value>
  /** Nobody wants the answer any more. */
  drop(): void
}

/** The answer, or what ended the statement: then the call ends, too. */
export function* awaited({ answer, drop }: AsideTask, interrupts: Interrupts): Task<Value> {
  let isThere = false
  try {
    const value = (yield interrupts.guard(answer)) as Value
    isThere = true
    return value
  } finally {
    if (!isThere) drop()
  }
}

/** The threads in which calls with huge values are carried out. They are started when first needed, and one that is idle is kept. */
export class AsideThreads {
  private readonly start: NonNullable<World['startThread']>
  private readonly idle: Thread[] = []
  private readonly line: (() => void)[] = []
  private running = 0

  constructor(start: NonNullable<World['startThread']>) {
    this.start = start
  }

  ask(source: string, values: readonly Value[]): AsideTask {
    let thread: Thread | undefined
    let dropped = false
    const answer = async (): Promise<Value> => {
      if (this.running >= threadsMax) await new Promise<void>((resolve) => this.line.push(resolve))
      else this.running++
      try {
        if (dropped) throw new Error('the call was dropped')
        thread = this.idle.pop() ?? this.start(module)
        const question: Question = { source, values: values.map(packed) }
        const told = (await thread.ask(question)) as Answer
        if (!dropped) this.idle.push(thread)
        thread = undefined
        return toldValue(told)
      } catch (error) {
        thread?.end()
        throw failure(error)
      } finally {
        const next = this.line.shift()
        if (next === undefined) this.running--
        else next()
      }
    }
    const drop = (): void => {
      dropped = true
      thread?.end()
    }
    return { answer: answer(), drop }
  }

  close(): void {
    for (const thread of this.idle.splice(0)) thread.end()
  }
}

function toldValue(told: Answer): Value {
  switch (told.kind) {
    case 'value':
      return unpacked(told.value)
    case 'mistake':
      throw new SqlError(told.code, told.message, told.fields)
    case 'bug':
      throw new Error(told.stack)
  }
}

/** A thread has a heap of its own, and ends alone when that is full. */
const failure = (error: unknown): unknown =>
  (error as { code?: unknown }).code === 'ERR_WORKER_OUT_OF_MEMORY' ? outOfMemory('a call with huge values') : error
