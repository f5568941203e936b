import type { TypeRef } from '../catalog/schema.ts'
import { formatType } from '../functions/catalog-names.ts'
import type { CommonTable, OutputColumn, Query } from './bound.ts'
import { selectCommonType, typeName } from './coerce.ts'
import { withTypes } from './output-types.ts'
import { type CommonTableExpr, locationIn, type Node, nodeLocation, type RangeVar, type SelectStmt, text } from './parse-tree.ts'
import { mentions } from './recursion.ts'
import { inRecursiveQuery } from './refusal-texts.ts'
import type { CteEntry, QueryScope } from './scope.ts'

/** A WITH RECURSIVE item that names itself: checked as checkWellFormedRecursion does, bound first arm first. */
export function bindRecursive(scope: QueryScope, item: CommonTableExpr, entry: CteEntry): CommonTable {
  const { statement } = scope
  const select = item.ctequery.SelectStmt
  requireWellFormed(scope, item, select)
  const { larg, rarg } = select!
  const start = statement.grammar.query(larg!, scope).query
  const columns = namedColumns(scope, item, start.columns)
  entry.columns = columns
  entry.visible = true
  entry.isRecurring = true
  const step = statement.grammar.query(rarg!, scope, { keepUnknown: true }).query
  entry.isRecurring = false
  if (step.columns.length !== columns.length) {
    const at = rarg!.targetList?.[0]?.ResTarget?.val
    const message = 'each UNION query must have the same number of columns'
    throw statement.error('42601', message, at === undefined ? -1 : nodeLocation(at))
  }
  const types = columns.map((column, i) => requireSameType(scope, item, start, step, column, i))
  return {
    kind: 'recursive',
    id: entry.id,
    name: entry.name,
    start: { ...start, columns } as Query,
    step: withTypes(scope, step, types, 'UNION'),
    distinct: select!.all !== true,
    columns,
  }
}

function namedColumns(scope: QueryScope, item: CommonTableExpr, columns: readonly OutputColumn[]): readonly OutputColumn[] {
  const aliases = (item.aliascolnames ?? []).map(text)
  if (aliases.length > columns.length) {
    const message = `WITH query "${item.ctename}" has ${columns.length} columns available but ${aliases.length} columns specified`
    throw scope.statement.error('42P10', message, locationIn(item))
  }
  return columns.map((column, i) => ({ name: aliases[i] ?? column.name, type: column.type, tableOid: 0, attnum: 0 }))
}

function requireSameType(
  scope: QueryScope,
  item: CommonTableExpr,
  start: Query,
  step: Query,
  column: OutputColumn,
  i: number,
): TypeRef {
  const { statement } = scope
  const first = { kind: 'subqueryOutput', type: column.type, column: i } as const
  const second = { kind: 'subqueryOutput', type: step.columns[i]!.type, column: i } as const
  if (step.kind === 'select') statement.place(second, statement.locationOf(step.targets[i]!))
  const overall = selectCommonType(statement, [first, second], 'UNION')
  const sameTypmod = second.type.oid === overall && second.type.typmod === column.type.typmod
  if (overall !== column.type.oid || (!sameTypmod && column.type.typmod >= 0)) {
    const shown = ({ oid, typmod }: TypeRef): string => formatType(oid, typmod) ?? typeName(oid)
    const message = `recursive query "${item.ctename}" column ${i + 1} has type ${shown(column.type)} in non-recursive term but type ${typeName(overall)} overall`
    const at = start.kind === 'select' ? statement.locationOf(start.targets[i]!) : -1
    throw statement.error('42804', message, at, {
      hint: 'Cast the output of the non-recursive term to the correct type.',
    })
  }
  return column.type
}

function requireWellFormed(scope: QueryScope, item: CommonTableExpr, select: SelectStmt | undefined): void {
  const { statement } = scope
  const name = item.ctename
  const reference = (tree: unknown) => referenceLocation(tree, name)
  if (select === undefined) {
    const message = `recursive query "${name}" must not contain data-modifying statements`
    throw statement.error('42P19', message, locationIn(item))
  }
  if (select.op !== 'SETOP_UNION') {
    const message = `recursive query "${name}" does not have the form non-recursive-term UNION [ALL] recursive-term`
    throw statement.error('42P19', message, locationIn(item))
  }
  if (mentions(select.larg, name)) {
    const message = `recursive reference to query "${name}" must not appear within its non-recursive term`
    throw statement.error('42P19', message, reference(select.larg))
  }
  const refused: readonly (readonly [unknown, string])[] = [
    [select.sortClause, inRecursiveQuery('ORDER BY')],
    [select.limitOffset, inRecursiveQuery('OFFSET')],
    [select.limitCount, inRecursiveQuery('LIMIT')],
    [select.lockingClause, inRecursiveQuery('FOR UPDATE/SHARE')],
  ]
  for (const [part, message] of refused) {
    if (part === undefined) continue
    throw statement.error('0A000', message, Array.isArray(part) ? nodeLocation(part[0] as Node) : nodeLocation(part as Node))
  }
  checkStep(scope, select.rarg!, name)
}

/** The recursive term names the query exactly once, in its FROM, not below an outer join, EXCEPT or subquery. */
function checkStep(scope: QueryScope, step: SelectStmt, name: string): void {
  const { statement } = scope
  let seen = 0
  const refuse = (where: string, tree: unknown): never => {
    const message = `recursive reference to query "${name}" must not appear ${where}`
    throw statement.error('42P19', message, referenceLocation(tree, name))
  }
  const visitFrom = (node: Node): void => {
    if (node.RangeVar !== undefined) {
      if (mentions(node, name) && ++seen > 1) refuse('more than once', node)
    } else if (node.JoinExpr !== undefined) {
      const { jointype, larg, rarg, quals } = node.JoinExpr
      if ((jointype === 'JOIN_LEFT' || jointype === 'JOIN_FULL') && mentions(rarg, name)) refuse('within an outer join', rarg)
      if ((jointype === 'JOIN_RIGHT' || jointype === 'JOIN_FULL') && mentions(larg, name)) refuse('within an outer join', larg)
      visitFrom(larg)
      visitFrom(rarg)
      if (mentions(quals, name)) refuse('within a subquery', quals)
    } else if (node.RangeSubselect !== undefined) {
      const inner = node.RangeSubselect.subquery.SelectStmt
      if (inner !== undefined && mentions(inner, name)) visitSelect(inner)
    }
  }
  const visitSelect = (select: SelectStmt): void => {
    if (select.op === 'SETOP_UNION') {
      visitSelect(select.larg!)
      visitSelect(select.rarg!)
      return
    }
    if (select.op === 'SETOP_EXCEPT') {
      visitSelect(select.larg!)
      if (mentions(select.rarg, name)) refuse('within EXCEPT', select.rarg)
      return
    }
    if (select.op === 'SETOP_INTERSECT') {
      if (mentions(select, name)) refuse('within INTERSECT', select)
      return
    }
    for (const node of select.fromClause ?? []) visitFrom(node)
    const { fromClause: _, withClause, ...rest } = select
    if (mentions(rest, name)) refuse('within a subquery', rest)
    for (const cte of withClause?.ctes ?? []) {
      const inner = cte.CommonTableExpr!.ctequery.SelectStmt
      if (inner !== undefined && mentions(inner, name)) visitSelect(inner)
    }
  }
  visitSelect(step)
}

function referenceLocation(tree: unknown, name: string): number {
  if (Array.isArray(tree)) {
    for (const item of tree) {
      const found = referenceLocation(item, name)
      if (found >= 0) return found
    }
    return -1
  }
  if (typeof tree !== 'object' || tree === null) return -1
  const range = (tree as Node).RangeVar as RangeVar | undefined
  if (range !== undefined) return range.relname === name && range.schemaname === undefined ? locationIn(range) : -1
  for (const value of Object.values(tree)) {
    const found = referenceLocation(value, name)
    if (found >= 0) return found
  }
  return -1
}
