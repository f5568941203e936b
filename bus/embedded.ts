import { type Bus, BusError, type MaybePromise, type Registration } from './bus.ts'

type Handler = (message: never) => unknown

/**
 * The bus of one process. A request calls the handler on the caller's stack: no copy, no promise where the handler needs none, and an error
 * travels as it was thrown. Messages are deeply readonly, so nobody notices that they are shared.
 */
export class EmbeddedBus implements Bus {
  private readonly handlers = new Map<string, Handler[]>()
  private readonly subscribers = new Map<string, Handler[]>()
  private turn = 0
  private isClosed = false

  serve(subject: string, handler: Handler, options?: { readonly queue?: string }): Registration {
    if (this.isClosed) throw new BusError('closed', subject)
    const served = this.handlers.get(subject) ?? []
    // Without a queue group a subject has one handler; a second one would silently share its requests.
    if (served.length > 0 && options?.queue === undefined) throw new Error(`${subject} is served already`)
    return added(this.handlers, subject, handler)
  }

  request<Answer>(subject: string, message: unknown): MaybePromise<Answer> {
    const served = this.handlers.get(subject)
    if (served === undefined) throw new BusError(this.isClosed ? 'closed' : 'no-responders', subject)
    const handler = (served.length === 1 ? served[0] : served[this.turn++ % served.length]) as (message: unknown) => unknown
    return handler(message) as MaybePromise<Answer>
  }

  publish(subject: string, message: unknown): void {
    const subscribed = this.subscribers.get(subject)
    if (subscribed === undefined) return
    for (const handler of [...subscribed]) (handler as (message: unknown) => void)(message)
  }

  /** Who is asked here answers or throws: nobody waits for a process that is gone. */
  forsake(): void {}

  subscribe(subject: string, handler: (message: never) => void): Registration {
    if (this.isClosed) throw new BusError('closed', subject)
    return added(this.subscribers, subject, handler)
  }

  close(): void {
    this.isClosed = true
    this.handlers.clear()
    this.subscribers.clear()
  }
}

function added(to: Map<string, Handler[]>, subject: string, handler: Handler): Registration {
  const list = to.get(subject) ?? []
  list.push(handler)
  to.set(subject, list)
  let isOpen = true
  return {
    close() {
      if (!isOpen) return
      isOpen = false
      list.splice(list.indexOf(handler), 1)
      if (list.length === 0 && to.get(subject) === list) to.delete(subject)
    },
  }
}
