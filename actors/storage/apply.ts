/**
 * storage.apply: puts a record's post-images where readers find them.
 * From: the crossbar, each journal in its own order. To: the version store.
 * Invariant: the position never runs ahead of the rows (rule 16); a replica replays what it lacks and nothing twice.
 */
import type { MaybePromise } from '../../bus/bus.ts'
import { beginStep } from '../../observability/tracing.ts'
import { assert } from '../../protocol/assert.ts'
import type { PostImages } from '../../protocol/messages.ts'
import type { VersionStore } from './version-store.ts'

export function apply(store: VersionStore, images: PostImages): MaybePromise<void> {
  const { partition, sequence, traceparents } = images
  assert(sequence > store.applied(partition).sequence, 'records arrive in order, each once')
  const applied = store.apply(images)
  if (traceparents.length === 0) return applied
  const spans = traceparents.map((traceparent) =>
    beginStep('storage.apply', traceparent, {
      'taudb.tau_commit': images.tau,
      'taudb.sequence': sequence,
      'taudb.writes': images.writes.length,
    }),
  )
  const end = (): void => {
    for (const span of spans) span?.end()
  }
  if (applied instanceof Promise) return applied.then(end)
  end()
  return undefined
}
