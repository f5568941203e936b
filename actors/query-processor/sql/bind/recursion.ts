import { type CommonTableExpr, locationIn, type Node, type RangeVar } from './parse-tree.ts'
import { mutualRecursion } from './refusal-texts.ts'
import type { Statement } from './scope.ts'

/** Which WITH items need which: found in the raw tree, before any name has a meaning. */

/** Whether the tree names a relation by this bare name where no inner WITH hides it. */
export function mentions(tree: unknown, name: string): boolean {
  if (Array.isArray(tree)) return tree.some((item) => mentions(item, name))
  if (typeof tree !== 'object' || tree === null) return false
  const fields = tree as Readonly<Record<string, unknown>>
  const range = (tree as Node).RangeVar as RangeVar | undefined
  if (range !== undefined) return range.relname === name && range.schemaname === undefined
  const clause = fields.withClause as { readonly ctes?: readonly Node[] } | undefined
  if (clause?.ctes?.some((cte) => cte.CommonTableExpr!.ctename === name)) return false
  return Object.values(fields).some((value) => mentions(value, name))
}

/** WITH RECURSIVE lets items name each other in any order, but not in circles of several. */
export function inDependencyOrder(statement: Statement, items: readonly CommonTableExpr[]): readonly CommonTableExpr[] {
  const ordered: CommonTableExpr[] = []
  let waiting = [...items]
  while (waiting.length > 0) {
    const free = waiting.find((item) => waiting.every((other) => other === item || !mentions(item.ctequery, other.ctename)))
    if (free === undefined) {
      const message = mutualRecursion
      throw statement.error('0A000', message, locationIn(waiting[0]!))
    }
    ordered.push(free)
    waiting = waiting.filter((item) => item !== free)
  }
  return ordered
}
