import type { CommonTable, OutputColumn, Query } from './bound.ts'
import { type CommonTableExpr, locationIn, type Node, text, type WithClause } from './parse-tree.ts'
import { inDependencyOrder, mentions } from './recursion.ts'
import { bindRecursive } from './recursive.ts'
import type { CteEntry, QueryScope } from './scope.ts'

/** transformWithClause: common table expressions, in the order in which they need each other. */
export function bindWith(scope: QueryScope, clause: WithClause | undefined): readonly CommonTable[] {
  if (clause === undefined) return []
  const { statement } = scope
  const items = clause.ctes.map((node) => node.CommonTableExpr!)
  items.forEach((item, i) => {
    if (items.slice(0, i).some((other) => other.ctename === item.ctename)) {
      throw statement.error('42712', `WITH query name "${item.ctename}" specified more than once`, locationIn(item))
    }
    if (item.search_clause !== undefined || item.cycle_clause !== undefined) {
      throw statement.unsupported('SEARCH and CYCLE', locationIn(item))
    }
    if (isModifying(item.ctequery) && scope.parent !== undefined) {
      const message = 'WITH clause containing a data-modifying statement must be at the top level'
      throw statement.error('0A000', message, locationIn(item))
    }
  })
  const ordered = clause.recursive ? inDependencyOrder(statement, items) : items
  return ordered.map((item, i) => {
    if (!clause.recursive) scope.futureCtes = ordered.slice(i).map((other) => other.ctename)
    const table = bindCommonTable(scope, item, clause.recursive === true)
    scope.futureCtes = []
    return table
  })
}

const isModifying = (node: Node): boolean => node.SelectStmt === undefined

function bindCommonTable(scope: QueryScope, item: CommonTableExpr, mayRecur: boolean): CommonTable {
  const { statement } = scope
  const entry: CteEntry = {
    name: item.ctename,
    id: statement.newCte(),
    columns: undefined,
    visible: false,
    isRecurring: false,
  }
  scope.ctes.push(entry)
  if (mayRecur && mentions(item.ctequery, item.ctename)) return bindRecursive(scope, item, entry)
  if (isModifying(item.ctequery)) {
    const modified = statement.grammar.modify(item.ctequery, scope)
    entry.columns = modified.returning && renamed(scope, item, modified.returning.columns)
    entry.visible = true
    return { kind: 'modifying', id: entry.id, name: entry.name, statement: modified }
  }
  const { query } = statement.grammar.query(item.ctequery.SelectStmt!, scope)
  entry.columns = renamed(scope, item, query.columns)
  entry.visible = true
  return {
    kind: 'plain',
    id: entry.id,
    name: entry.name,
    query: { ...query, columns: entry.columns } as Query,
    materialized:
      item.ctematerialized === 'CTEMaterializeAlways' ? true : item.ctematerialized === 'CTEMaterializeNever' ? false : undefined,
  }
}

/** analyzeCTETargetList: the aliases of `WITH name (a, b)`. */
function renamed(scope: QueryScope, item: CommonTableExpr, columns: readonly OutputColumn[]): readonly OutputColumn[] {
  const aliases = (item.aliascolnames ?? []).map(text)
  if (aliases.length > columns.length) {
    const message = `WITH query "${item.ctename}" has ${columns.length} columns available but ${aliases.length} columns specified`
    throw scope.statement.error('42P10', message, locationIn(item))
  }
  return columns.map((column, i) => ({ ...column, name: aliases[i] ?? column.name }))
}
