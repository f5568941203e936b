/** A broken promise of our own code. Never caused by what a client sends; see `errors.ts` for that. */
export class AssertionFailed extends Error {
  override readonly name = 'AssertionFailed'
}

/** Holds in production too: a wrong answer is worse than a stopped actor. */
export function assert(condition: unknown, promise: string): asserts condition {
  if (!condition) throw new AssertionFailed(promise)
}

/** Closes a switch over a closed union. */
export function unreachable(value: never): never {
  throw new AssertionFailed(`unreachable: ${JSON.stringify(value)}`)
}
