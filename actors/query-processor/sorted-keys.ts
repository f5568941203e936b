import type { Key, KeyRange } from '../../protocol/key.ts'

/** A sorted run: keys ascending. */
type Run = readonly Key[]

/**
 * The keys of a write set in key order, for scans that must see own writes. Keys come in any order and never leave; sorting is put off until
 * somebody asks, and runs of similar size are merged, so that a million inserts with scans in between cost n log n and not n squared.
 * A key may stand in more than one run.
 */
export class SortedKeys {
  private fresh: Key[] = []
  private runs: Run[] = []

  add(key: Key): void {
    this.fresh.push(key)
  }

  clear(): void {
    this.fresh = []
    this.runs = []
  }

  /** The keys inside the range, ascending (descending when `reverse`), each once. */
  *within(range: KeyRange, reverse: boolean): Generator<Key, void, void> {
    this.settle()
    const cursors: { readonly run: Run; at: number; readonly last: number }[] = []
    for (const run of this.runs) {
      const first = lowerBound(run, range.start)
      const end = lowerBound(run, range.end)
      if (first < end) cursors.push(reverse ? { run, at: end - 1, last: first } : { run, at: first, last: end - 1 })
    }
    const step = reverse ? -1 : 1
    let previous: Key | undefined
    while (cursors.length > 0) {
      let best = 0
      for (let i = 1; i < cursors.length; i++) {
        const a = at(cursors[i] as { run: Run; at: number })
        const b = at(cursors[best] as { run: Run; at: number })
        if (reverse ? a > b : a < b) best = i
      }
      const cursor = cursors[best] as { run: Run; at: number; last: number }
      const key = at(cursor)
      if (cursor.at === cursor.last) cursors.splice(best, 1)
      else cursor.at += step
      if (key !== previous) yield key
      previous = key
    }
  }

  private settle(): void {
    if (this.fresh.length === 0) return
    let run = this.fresh
    this.fresh = []
    if (!isAscending(run)) run.sort(compare)
    while (this.runs.length > 0 && (this.runs.at(-1) as Run).length <= run.length * 2) run = merged(this.runs.pop() as Run, run)
    this.runs.push(run)
  }
}

const at = (cursor: { readonly run: Run; readonly at: number }): Key => cursor.run[cursor.at] as Key
const compare = (a: Key, b: Key): number => (a < b ? -1 : a > b ? 1 : 0)

function isAscending(run: Run): boolean {
  for (let i = 1; i < run.length; i++) if ((run[i - 1] as Key) > (run[i] as Key)) return false
  return true
}

function lowerBound(run: Run, key: Key): number {
  let low = 0
  let high = run.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((run[middle] as Key) < key) low = middle + 1
    else high = middle
  }
  return low
}

function merged(a: Run, b: Run): Key[] {
  if (a.length > 0 && b.length > 0 && (a.at(-1) as Key) < (b[0] as Key)) return a.concat(b)
  const out: Key[] = []
  let i = 0
  let j = 0
  while (i < a.length && j < b.length) out.push(((a[i] as Key) <= (b[j] as Key) ? a[i++] : b[j++]) as Key)
  while (i < a.length) out.push(a[i++] as Key)
  while (j < b.length) out.push(b[j++] as Key)
  return out
}
