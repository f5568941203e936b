/** varstr_levenshtein_less_equal with unit costs: the edit distance, or `max + 1` when it is greater than `max`. */
export function distanceWithin(a: string, b: string, max: number): number {
  const from = [...a]
  const to = [...b]
  if (Math.abs(from.length - to.length) > max) return max + 1
  let row = Array.from({ length: to.length + 1 }, (_, i) => i)
  for (let i = 1; i <= from.length; i++) {
    const next = [i]
    for (let j = 1; j <= to.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return Math.min(row[to.length]!, max + 1)
}
