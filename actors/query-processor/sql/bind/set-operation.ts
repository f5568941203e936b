import type { TypeRef } from '../catalog/schema.ts'
import type { Expr, OutputColumn, OutputSort, Query } from './bound.ts'
import { bindLimits } from './clauses.ts'
import { coerceToCommonType, selectCommonType, typeRef } from './coerce.ts'
import { addItem } from './from-names.ts'
import { missingColumn, missingItem } from './namespace.ts'
import { requireEquality } from './operator.ts'
import { sameType, withTypes } from './output-types.ts'
import { locationIn, type Node, nodeLocation, type SelectStmt, text } from './parse-tree.ts'
import type { QueryScope } from './scope.ts'
import { sortKey } from './sort-key.ts'
import { bindWith } from './with.ts'

type SetOperation = Query & { kind: 'setOperation' }

const operations = { SETOP_UNION: 'union', SETOP_INTERSECT: 'intersect', SETOP_EXCEPT: 'except' } as const

/** transformSetOperationStmt */
export function bindSetOperation(scope: QueryScope, select: SelectStmt): Query {
  const ctes = bindWith(scope, select.withClause)
  if ((select.lockingClause?.length ?? 0) > 0) {
    throw scope.statement.error('0A000', `${lockWord(select)} is not allowed with UNION/INTERSECT/EXCEPT`, -1)
  }
  const query = bindTree(scope, select)
  const orderBy = bindOutputSort(scope, select, query.columns)
  const limits = bindLimits(scope, select)
  return { ...query, ctes, orderBy, ...limits }
}

function lockWord(select: SelectStmt): string {
  const strength = select.lockingClause![0]!.LockingClause!.strength
  const words: Readonly<Record<string, string>> = {
    LCS_FORUPDATE: 'FOR UPDATE',
    LCS_FORNOKEYUPDATE: 'FOR NO KEY UPDATE',
    LCS_FORSHARE: 'FOR SHARE',
    LCS_FORKEYSHARE: 'FOR KEY SHARE',
  }
  return words[strength] ?? 'FOR UPDATE'
}

/** An arm that is a set operation without clauses of its own belongs to the tree; everything else is a query of its own. */
function bindArm(scope: QueryScope, arm: SelectStmt): Query {
  const isPlain =
    arm.op !== undefined &&
    arm.op !== 'SETOP_NONE' &&
    arm.withClause === undefined &&
    arm.sortClause === undefined &&
    arm.limitCount === undefined &&
    arm.limitOffset === undefined &&
    arm.lockingClause === undefined
  if (isPlain) {
    scope.statement.enter()
    const tree = bindTree(scope, arm)
    scope.statement.leave()
    return tree
  }
  const { query } = scope.statement.grammar.query(arm, scope, { keepUnknown: true })
  // An arm has a name in PostgreSQL's messages.
  const leaf = scope.rangeTable.length + 1
  addItem(scope, { id: scope.newRelation(), name: `*SELECT* ${leaf}`, alias: undefined, columns: query.columns })
  return query
}

function bindTree(scope: QueryScope, select: SelectStmt): SetOperation {
  const operation = operations[select.op as keyof typeof operations]
  const left = bindArm(scope, select.larg!)
  const right = bindArm(scope, select.rarg!)
  const all = select.all === true
  return unify(scope, { operation, all, left, right, rightNode: select.rarg! })
}

interface Arms {
  readonly operation: 'union' | 'intersect' | 'except'
  readonly all: boolean
  readonly left: Query
  readonly right: Query
  readonly rightNode: SelectStmt
}

/** The arms with outputs of common types, under the names of the left one. */
function unify(scope: QueryScope, { operation, all, left, right, rightNode }: Arms): SetOperation {
  const { statement } = scope
  const context = operation.toUpperCase()
  if (left.columns.length !== right.columns.length) {
    const at = firstTarget(rightNode)
    throw statement.error('42601', `each ${context} query must have the same number of columns`, at)
  }
  const types: TypeRef[] = left.columns.map((column, i) => {
    const a = outputExpr(scope, left, i)
    const b = outputExpr(scope, right, i)
    const common = selectCommonType(statement, [a, b], context)
    const typmod = sameType(column.type, right.columns[i]!.type) ? column.type.typmod : -1
    for (const expr of [a, b]) coerceToCommonType(statement, expr, common, context)
    return typeRef(common, typmod)
  })
  if (!all) {
    types.forEach((type, i) => {
      const known = left.columns[i]!.type.oid === type.oid ? left : right
      requireEquality(statement, { kind: 'subqueryOutput', type, column: i }, statement.locationOf(outputExpr(scope, known, i)))
    })
  }
  const columns = left.columns.map((column, i) => ({ name: column.name, type: types[i]!, tableOid: 0, attnum: 0 }))
  return {
    kind: 'setOperation',
    ctes: [],
    columns,
    operation,
    all,
    left: withTypes(scope, left, types, context),
    right: withTypes(scope, right, types, context),
    orderBy: [],
    limit: undefined,
    offset: undefined,
    withTies: false,
  }
}

/** What stands in an arm's output column, for its type and its place. */
function outputExpr(scope: QueryScope, query: Query, i: number): Expr {
  if (query.kind === 'select') return query.targets[i]!
  if (query.kind === 'values') return query.rows[0]![i]!
  const inner = outputExpr(scope, query.left, i)
  return scope.statement.place(
    { kind: 'subqueryOutput', type: query.columns[i]!.type, column: i },
    scope.statement.locationOf(inner),
  )
}

function firstTarget(node: SelectStmt): number {
  let select = node
  while (select.larg !== undefined) select = select.larg
  const target = select.targetList?.[0]?.ResTarget
  if (target?.val !== undefined) return nodeLocation(target.val)
  const value = select.valuesLists?.[0]?.List?.items[0]
  return value === undefined ? -1 : nodeLocation(value)
}

/** ORDER BY of a set operation: its columns by name or position. */
function bindOutputSort(scope: QueryScope, select: SelectStmt, columns: readonly OutputColumn[]): OutputSort[] {
  const { statement } = scope
  const sorts: OutputSort[] = []
  for (const node of select.sortClause ?? []) {
    const by = node.SortBy!
    const column = outputIndex(scope, by.node, columns)
    if (sorts.some((sort) => sort.column === column)) continue
    const output: Expr = { kind: 'subqueryOutput', type: columns[column]!.type, column }
    const key = sortKey(statement, by, statement.place(output, nodeLocation(by.node)))
    sorts.push({ column, descending: key.descending, nullsFirst: key.nullsFirst })
  }
  return sorts
}

function outputIndex(scope: QueryScope, node: Node, columns: readonly OutputColumn[]): number {
  const { statement } = scope
  const constant = node.A_Const
  if (constant !== undefined) {
    const location = locationIn(constant)
    if (constant.ival === undefined) throw statement.error('42601', 'non-integer constant in ORDER BY', location)
    const position = constant.ival.ival ?? 0
    if (position >= 1 && position <= columns.length) return position - 1
    throw statement.error('42P10', `ORDER BY position ${position} is not in select list`, location)
  }
  const fields = node.ColumnRef?.fields
  if (fields?.length === 1 && fields[0]!.String !== undefined) {
    const name = text(fields[0]!)
    const found = columns.flatMap((column, i) => (column.name === name ? [i] : []))
    if (found.length > 1) throw statement.error('42702', `ORDER BY "${name}" is ambiguous`, locationIn(node.ColumnRef!))
    if (found.length === 1) return found[0]!
    throw missingColumn(scope, undefined, name, locationIn(node.ColumnRef!))
  }
  if (fields?.length === 2 && fields[1]!.String !== undefined) {
    throw missingItem(scope, { schema: undefined, name: text(fields[0]!) }, locationIn(node.ColumnRef!))
  }
  throw statement.error('0A000', 'invalid UNION/INTERSECT/EXCEPT ORDER BY clause', nodeLocation(node), {
    detail: 'Only result column names can be used, not expressions or functions.',
    hint: 'Add the expression/function to every SELECT, or move the UNION into a FROM clause.',
  })
}
