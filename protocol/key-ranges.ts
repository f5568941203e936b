import type { Key, KeyRange } from './key.ts'

/** Ranges in order, none touching the next one. */
export function merged(ranges: readonly KeyRange[]): KeyRange[] {
  const result: KeyRange[] = []
  for (const range of [...ranges].sort((a, b) => (a.start < b.start ? -1 : 1))) {
    const last = result[result.length - 1]
    if (range.start >= range.end) continue
    if (last === undefined || last.end < range.start) result.push(range)
    else if (range.end > last.end) result[result.length - 1] = { start: last.start, end: range.end }
  }
  return result
}

/** What is left of `ranges` without `taken`. */
export function without(ranges: readonly KeyRange[], taken: KeyRange): KeyRange[] {
  const left: KeyRange[] = []
  for (const { start, end } of ranges) {
    left.push({ start, end: earlier(end, taken.start) })
    left.push({ start: later(start, taken.end), end })
  }
  return merged(left)
}

/** Does all of `part` lie in `ranges`? */
export function includes(ranges: readonly KeyRange[], part: KeyRange): boolean {
  return merged(ranges).some(({ start, end }) => start <= part.start && part.end <= end)
}

function earlier(a: Key, b: Key): Key {
  if (a < b) return a
  return b
}

function later(a: Key, b: Key): Key {
  if (a > b) return a
  return b
}
