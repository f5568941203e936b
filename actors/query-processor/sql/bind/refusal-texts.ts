/** Refusals whose words are PostgreSQL's own: what PostgreSQL 16 itself leaves out, and we with it. */
const leftOut = (what: string, singular: boolean): string => `${what} ${singular ? 'is' : 'are'} not implemented`

export const crossDatabase = (name: string): string => `${leftOut('cross-database references', false)}: ${name}`
export const anonymousCompositeInput = leftOut('input of anonymous composite types', true)
export const mutualRecursion = leftOut('mutual recursion between WITH items', true)
export const inRecursiveQuery = (clause: string): string => leftOut(`${clause} in a recursive query`, true)
