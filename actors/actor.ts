import { createActor, fromPromise, setup } from 'xstate'
import { BusError, type MaybePromise } from '../bus/bus.ts'
import type { Clock, Timer, World } from '../bus/world.ts'

/** The world's clock as statecharts want one. */
export function machineClock(clock: Clock) {
  return {
    setTimeout: (action: (...words: unknown[]) => void, delayMs: number): Timer => clock.after(delayMs, action),
    clearTimeout: (timer: Timer): void => timer.cancel(),
  }
}

/** Questions by kind with their answers, as `AdjudicatorRequests`. */
type Requests<R> = { readonly [K in keyof R]: { readonly ask: unknown; readonly answer: unknown } }

/** The answers an actor owes, one function per kind of question. */
export type Answering<R extends Requests<R>> = { readonly [K in keyof R]: (message: R[K]['ask']) => MaybePromise<R[K]['answer']> }

/** One handler for a subject out of one function per kind: a look-up and a call. */
export function answering<R extends Requests<R>>(answers: Answering<R>): (message: never) => unknown {
  const byKind = new Map<unknown, (message: never) => unknown>(Object.entries(answers) as [string, (message: never) => unknown][])
  return (message: { readonly kind: string }) => {
    const answer = byKind.get(message.kind)
    if (answer === undefined) throw new Error(`nobody answers ${String(message.kind)}`)
    return answer(message as never)
  }
}

/** Asks an actor; the question's kind decides the answer's type. In one process this is a call. */
export function ask<R extends Requests<R>, K extends keyof R>(
  world: World,
  subject: string,
  message: R[K]['ask'] & { readonly kind: K },
  options?: { readonly timeoutMs?: number },
): MaybePromise<R[K]['answer']> {
  return world.bus.request<R[K]['answer']>(subject, message, options)
}

/**
 * The highest wall-clock reading a process knows, its own or one that a message carried: what every message is stamped with.
 * Never a tau and never a horizon, or the commit clock would chase itself.
 */
export class HighestClock {
  private highest = 0
  private readonly clock: Clock

  constructor(clock: Clock) {
    this.clock = clock
  }

  read(): number {
    const now = this.clock.now()
    if (now > this.highest) this.highest = now
    return this.highest
  }

  hear(stamp: number): void {
    if (stamp > this.highest) this.highest = stamp
  }
}

export type LifecycleState = 'booting' | 'recovering' | 'serving' | 'draining' | 'drained' | 'fenced' | 'failed'

/** Another owner has taken over: stop, drop all state, answer nothing; then begin anew. */
export class Fenced extends Error {
  override readonly name = 'Fenced'
}

/** What a component does on the way. Everything it needs is made anew in `recover`; `drain` finishes what is under way. */
export interface LifecycleSteps {
  recover(): Promise<void>
  drain(): Promise<void>
  /** Drops all state at once; called on the way into `fenced` and `failed`. */
  drop(): void
}

type LifecycleEvent = { type: 'start' } | { type: 'drain' } | { type: 'fence' } | { type: 'fail'; error: unknown }

const lifecycleMachine = setup({
  types: {} as {
    context: { steps: LifecycleSteps; failure: unknown }
    input: LifecycleSteps
    events: LifecycleEvent
  },
  actors: {
    recover: fromPromise<void, LifecycleSteps>(({ input }) => input.recover()),
    drain: fromPromise<void, LifecycleSteps>(({ input }) => input.drain()),
  },
  actions: { drop: ({ context }) => context.steps.drop() },
  guards: { isFenced: (_, { error }: { error: unknown }) => error instanceof Fenced },
  delays: { beforeRestart: 200 },
}).createMachine({
  id: 'component',
  context: ({ input }) => ({ steps: input, failure: undefined }),
  initial: 'booting',
  states: {
    booting: { on: { start: 'recovering', drain: 'drained' } },
    recovering: {
      invoke: {
        src: 'recover',
        input: ({ context }) => context.steps,
        onDone: 'serving',
        onError: [
          { guard: { type: 'isFenced', params: ({ event }) => ({ error: event.error }) }, target: 'fenced' },
          { target: 'failed', actions: ({ context, event }) => void (context.failure = event.error) },
        ],
      },
      on: { fence: 'fenced', drain: 'drained' },
    },
    serving: { on: { drain: 'draining', fence: 'fenced' } },
    draining: {
      invoke: {
        src: 'drain',
        input: ({ context }) => context.steps,
        onDone: 'drained',
        onError: { target: 'failed', actions: ({ context, event }) => void (context.failure = event.error) },
      },
      on: { fence: 'drained' },
    },
    fenced: { entry: 'drop', after: { beforeRestart: 'recovering' }, on: { drain: 'drained' } },
    drained: { type: 'final' },
    failed: { type: 'final', entry: 'drop' },
  },
  on: { fail: { target: '.failed', actions: ({ context, event }) => void (context.failure = event.error) } },
})

/** One component's life as a statechart: booting, recovering, serving, draining, drained; fenced and back; failed for good. */
export class Lifecycle {
  readonly name: string
  /** A plain field, because the hot path asks: a machine's snapshot would cost a microsecond. */
  serving = false
  private readonly machine
  private readonly watchers = new Set<(state: LifecycleState) => void>()

  constructor(name: string, world: World, steps: LifecycleSteps) {
    this.name = name
    this.machine = createActor(lifecycleMachine, { input: steps, clock: machineClock(world.clock) })
    this.machine.subscribe({
      next: (snapshot) => {
        const state = snapshot.value as LifecycleState
        this.serving = state === 'serving'
        for (const watcher of [...this.watchers]) watcher(state)
        if (state === 'failed' && this.wasServing) world.failed(name, snapshot.context.failure)
        if (state === 'serving') this.wasServing = true
      },
      error: (error) => world.failed(name, error),
    })
    this.machine.start()
  }

  private wasServing = false

  get state(): LifecycleState {
    return this.machine.getSnapshot().value as LifecycleState
  }

  /** Resolves when the component serves, rejects with the reason when it never will. */
  start(): Promise<void> {
    const served = this.reaches('serving')
    this.machine.send({ type: 'start' })
    return served
  }

  drain(): Promise<void> {
    if (this.state === 'failed') return Promise.resolve()
    const drained = this.reaches('drained')
    this.machine.send({ type: 'drain' })
    return drained
  }

  fence(): void {
    this.machine.send({ type: 'fence' })
  }

  fail(error: unknown): void {
    this.machine.send({ type: 'fail', error })
  }

  private reaches(wanted: LifecycleState): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (state: LifecycleState): void => {
        if (state !== wanted && state !== 'failed' && state !== 'drained') return
        this.watchers.delete(look)
        if (state === wanted) resolve()
        else reject(this.machine.getSnapshot().context.failure ?? new BusError('closed', this.name))
      }
      this.watchers.add(look)
      look(this.state)
    })
  }
}
