/** An answer that is there at once where the addressee lives in this process, and a promise where it does not. */
export type MaybePromise<T> = T | Promise<T>

export interface Registration {
  close(): void
}

/** Why a request has no answer. The addressee may or may not have acted on it. */
export class BusError extends Error {
  override readonly name = 'BusError'
  readonly reason: 'no-responders' | 'timeout' | 'closed'

  constructor(reason: 'no-responders' | 'timeout' | 'closed', subject: string) {
    super(`${reason}: ${subject}`)
    this.reason = reason
  }
}

/** Why a bus cannot be joined, in one line with the way out. */
export class BusRefused extends Error {
  override readonly name: string = 'BusRefused'
}

/**
 * How messages are carried. Requests are at most once; nothing is promised about order between subjects.
 * In one process the handler is called on the caller's stack, with no copy: messages are deeply readonly.
 * The typed calls stand in `actors/actor.ts`; this port knows subjects, not meanings.
 */
export interface Bus {
  /** One handler a subject; a queue group when `queue` is set. */
  serve(subject: string, handler: (message: never) => unknown, options?: { readonly queue?: string }): Registration
  /** The handler's answer, or a rejected promise / thrown BusError. A thrown error of the handler travels back. */
  request<Answer>(subject: string, message: unknown, options?: { readonly timeoutMs?: number }): MaybePromise<Answer>
  /** At most once, to every subscriber. */
  publish(subject: string, message: unknown): void
  /** Nobody will answer there any more: whoever still waits is told so now (`timeout`), not when his time is over. */
  forsake(subject: string): void
  subscribe(subject: string, handler: (message: never) => void): Registration
  close(): void
}
