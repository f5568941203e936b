/** The literal beginning of a LIKE pattern, and whether nothing but `%` follows it. */
export function likePrefix(pattern: string): { readonly prefix: string; readonly exact: boolean; readonly rest: boolean } {
  let prefix = ''
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern[i] as string
    if (char === '%' || char === '_') return { prefix, exact: false, rest: pattern.slice(i) !== '%' }
    if (char === '\\') {
      i++
      if (i === pattern.length) return { prefix, exact: false, rest: true }
    }
    prefix += pattern[i]
  }
  return { prefix, exact: true, rest: false }
}
