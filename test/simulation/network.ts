import { type Bus, BusError, type MaybePromise, type Registration } from '../../bus/bus.ts'
import type { Kernel } from './kernel.ts'
import type { SeededRandom } from './random.ts'

/** Probabilities per message; times in microseconds. */
export interface NetworkFaults {
  drop: number
  duplicate: number
  slow: number
  delayMin: number
  delayMax: number
}

/** One incarnation of a process as the network sees it. */
export interface Endpoint {
  readonly process: string
  alive(): boolean
  /** Runs now, or when a paused process goes on. */
  enter(kind: string, action: () => void): void
}

interface Served {
  readonly endpoint: Endpoint
  readonly handler: (message: never) => unknown
}

const timeoutMsDefault = 1_000

/**
 * The simulated bus. Within one process a request is a call, as on the embedded bus; between processes messages are delayed, reordered, dropped,
 * duplicated and cut off one way. Answers travel under the same conditions.
 */
export class SimulatedNetwork {
  readonly faults: NetworkFaults = { drop: 0, duplicate: 0, slow: 0, delayMin: 50, delayMax: 400 }
  private readonly kernel: Kernel
  private readonly random: SeededRandom
  private readonly served = new Map<string, Served[]>()
  private readonly subscribed = new Map<string, Served[]>()
  private readonly cut = new Set<string>()
  /** Microseconds that a message takes longer between these processes. */
  distance: ((from: string, to: string) => number) | undefined
  /** Hears of every answer to a question between processes when it is given, whether it arrives or not. */
  onAnswer: ((subject: string, message: unknown, answer: unknown) => void) | undefined

  constructor(kernel: Kernel) {
    this.kernel = kernel
    this.random = kernel.random('network')
  }

  /** Messages from one process to another vanish until `heal`. */
  cutOff(way: { from: string; to: string }): void {
    this.cut.add(`${way.from}>${way.to}`)
    this.kernel.count('fault link cut')
  }

  heal(): void {
    this.cut.clear()
  }

  /** A dead process serves nothing. */
  disconnect(endpoint: Endpoint): void {
    for (const list of [...this.served.values(), ...this.subscribed.values()]) {
      for (let i = list.length - 1; i >= 0; i--) if ((list[i] as Served).endpoint === endpoint) list.splice(i, 1)
    }
  }

  attach(endpoint: Endpoint): Bus {
    const register = (into: Map<string, Served[]>, subject: string, handler: (message: never) => unknown): Registration => {
      const entry: Served = { endpoint, handler }
      const list = into.get(subject) ?? []
      into.set(subject, list)
      list.push(entry)
      return {
        close: () => {
          const i = list.indexOf(entry)
          if (i >= 0) list.splice(i, 1)
        },
      }
    }
    let isClosed = false
    return {
      serve: (subject, handler, options) => {
        const others = this.served.get(subject)?.some((entry) => entry.endpoint === endpoint) === true
        if (others && options?.queue === undefined) throw new Error(`${subject} is served already`)
        return register(this.served, subject, handler)
      },
      subscribe: (subject, handler) => register(this.subscribed, subject, handler),
      request: <Answer>(subject: string, message: unknown, options?: { readonly timeoutMs?: number }): MaybePromise<Answer> => {
        if (isClosed) throw new BusError('closed', subject)
        return this.request<Answer>(endpoint, subject, message, options?.timeoutMs ?? timeoutMsDefault)
      },
      publish: (subject, message) => {
        for (const target of [...(this.subscribed.get(subject) ?? [])]) {
          if (target.endpoint === endpoint) target.handler(message as never)
          else this.carry(endpoint, target.endpoint, `publish ${subject}`, () => target.handler(message as never))
        }
      },
      forsake: () => {},
      close: () => {
        isClosed = true
        this.disconnect(endpoint)
      },
    }
  }

  private request<Answer>(from: Endpoint, subject: string, message: unknown, timeoutMs: number): MaybePromise<Answer> {
    const list = this.served.get(subject) ?? []
    const own = list.filter(({ endpoint }) => endpoint === from)
    if (own.length > 0)
      return own[own.length === 1 ? 0 : this.random.integer(own.length)]?.handler(message as never) as MaybePromise<Answer>
    const target = list[this.random.integer(list.length)]
    if (target === undefined) {
      return new Promise<Answer>((_, reject) => {
        this.kernel.after(this.delay(), 'no responders', () =>
          from.enter('no responders', () => reject(new BusError('no-responders', subject))),
        )
      })
    }
    return new Promise<Answer>((resolve, reject) => {
      const timeout = this.kernel.after(timeoutMs * 1_000, 'request timeout', () => {
        from.enter('request timeout', () => reject(new BusError('timeout', subject)))
      })
      const back = (kind: string, settle: () => void): void => {
        this.carry(target.endpoint, from, kind, () => {
          timeout.cancel()
          settle()
        })
      }
      this.carry(from, target.endpoint, `request ${subject}`, () => {
        let answer: MaybePromise<Answer>
        try {
          answer = target.handler(message as never) as MaybePromise<Answer>
        } catch (error) {
          back('error', () => reject(error))
          return
        }
        if (answer instanceof Promise) {
          answer.then(
            (value) => {
              this.onAnswer?.(subject, message, value)
              back('answer', () => resolve(value))
            },
            (error: unknown) => back('error', () => reject(error)),
          )
        } else {
          const value = answer
          this.onAnswer?.(subject, message, value)
          back('answer', () => resolve(value))
        }
      })
    })
  }

  private carry(from: Endpoint, to: Endpoint, kind: string, deliver: () => void): void {
    if (!from.alive()) return
    const copies = this.random.chance(this.faults.duplicate) ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      const delay = this.delay() + (this.distance?.(from.process, to.process) ?? 0)
      if (this.random.chance(this.faults.drop)) {
        this.kernel.count('fault message dropped')
        continue
      }
      if (copy > 0) this.kernel.count('fault message duplicated')
      this.kernel.after(delay, `${kind} ${from.process}>${to.process}`, () => {
        if (this.cut.has(`${from.process}>${to.process}`)) this.kernel.count('fault message cut off')
        else if (to.alive()) to.enter(kind, deliver)
      })
    }
  }

  private delay(): number {
    const { delayMin, delayMax, slow } = this.faults
    const delay = delayMin + this.random.integer(Math.max(1, delayMax - delayMin))
    if (!this.random.chance(slow)) return delay
    this.kernel.count('fault message delayed')
    // Now and then a message turns up long after its sender has given up on it.
    return delay + this.random.integer(this.random.chance(0.15) ? 4_000_000 : 300_000)
  }
}
