import type { Sequence } from '../../protocol/ids.ts'
import type { Tau } from '../../protocol/time.ts'
import type { JournalEnd } from './chain.ts'

interface Boundary {
  readonly sequence: Sequence
  readonly tau: Tau
}

const everyMicros = 1_000_000
const everyMessages = 1_024

/** Remembers where records end, sparsely, so that a trim finds a record boundary of a given age (rule 17). */
export class Retention {
  private boundaries: Boundary[] = []
  /** Records whose messages stand apart: as long as one is needed, so is its beginning. */
  private spans: { readonly from: Sequence; readonly to: Sequence }[] = []

  note(sequence: Sequence, tau: Tau, from: Sequence): void {
    if (from < sequence) this.spans.push({ from, to: sequence })
    const last = this.boundaries[this.boundaries.length - 1]
    if (last !== undefined && tau - last.tau < everyMicros && sequence - last.sequence < everyMessages) return
    this.boundaries.push({ sequence, tau })
  }

  /**
   * The last boundary at or below `synced`, itself one; unless space is short, the last known one of a tau at or below `olderThan`. What a
   * record above `synced`, or the open stage, began with stays.
   */
  upTo(synced: Sequence, olderThan: Tau | undefined, openStage: Sequence | undefined): Sequence | undefined {
    const wanted = olderThan === undefined ? synced : this.olderThan(synced, olderThan)
    if (wanted === undefined) return undefined
    this.spans = this.spans.filter(({ to }) => to > synced)
    let bound = openStage === undefined || openStage > wanted ? wanted : openStage
    for (const { from } of this.spans) if (from < bound) bound = from
    return bound
  }

  /** A boundary with nothing above `bound` before it; undefined when the first one kept lies above already. */
  atOrBelow(bound: Tau): Sequence | undefined {
    return this.boundaries.findLast(({ tau }) => tau <= bound)?.sequence
  }

  private olderThan(synced: Sequence, olderThan: Tau): Sequence | undefined {
    let found: Sequence | undefined
    for (const { sequence, tau } of this.boundaries) {
      if (sequence > synced || tau > olderThan) break
      found = sequence
    }
    return found
  }

  trimmed(to: Sequence): void {
    this.boundaries = this.boundaries.filter(({ sequence }) => sequence >= to)
  }
}

/** What must stay whatever its age: the last record and the last statement of ranges. */
export function trimmable(wanted: Sequence, end: JournalEnd): { readonly to: Sequence; readonly rangesAreInTheWay: boolean } {
  const bound = Math.min(end.recordAt, end.rangesAt) as Sequence
  return { to: wanted < bound ? wanted : bound, rangesAreInTheWay: end.rangesAt < wanted }
}
