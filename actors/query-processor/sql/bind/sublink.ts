import type { TypeRef } from '../catalog/schema.ts'
import { arrayElement, arrayOver, boolOid, recordOid } from '../functions/builtin-types.ts'
import type { Expr, Query } from './bound.ts'
import { coerceToBoolean, typeName, typeRef } from './coerce.ts'
import { type AExpr, locationIn, type Node, type SubLink } from './parse-tree.ts'
import { requireSubqueriesAllowed } from './places.ts'
import { compareRows } from './row-comparison.ts'
import type { BoundQuery, QueryScope } from './scope.ts'
import { selectFrom } from './select-from.ts'

/** transformSubLink: subqueries in expressions. */
export function bindSubLink(scope: QueryScope, node: SubLink, bindChild: (node: Node) => Expr): Expr {
  const { statement } = scope
  const location = locationIn(node)
  requireSubqueriesAllowed(scope, location)
  const { query, outer } = statement.grammar.query(node.subselect.SelectStmt!, scope)
  const first = query.columns[0]
  const common = { kind: 'subquery', query, outer } as const
  switch (node.subLinkType) {
    case 'EXISTS_SUBLINK':
      return statement.place({ ...common, type: typeRef(boolOid), how: 'exists', test: undefined }, location)
    case 'EXPR_SUBLINK':
    case 'ARRAY_SUBLINK': {
      if (query.columns.length !== 1) throw statement.error('42601', 'subquery must return only one column', location)
      if (node.subLinkType === 'EXPR_SUBLINK') {
        statement.subqueryNames.set(node, first!.name)
        return statement.place({ ...common, type: first!.type, how: 'scalar', test: undefined }, location)
      }
      if (arrayElement(first!.type.oid) !== 0) throw statement.unsupported('a multidimensional array', location)
      if (first!.type.oid === recordOid) throw statement.unsupported('an array of rows', location)
      const array = arrayOver(first!.type.oid)
      if (array === 0) {
        throw statement.error('42704', `could not find array type for data type ${typeName(first!.type.oid)}`, location)
      }
      return statement.place({ ...common, type: typeRef(array), how: 'array', test: undefined }, location)
    }
    case 'ANY_SUBLINK':
    case 'ALL_SUBLINK': {
      const left = bindChild(node.testexpr!)
      const fields = left.kind === 'row' ? left.fields : [left]
      requireColumns(scope, query, fields.length, location)
      const name = node.operName ?? [{ String: { sval: '=' } }]
      const test = compareRows(statement, name, fields, outputs(query), location)
      return statement.place(
        {
          ...common,
          type: typeRef(boolOid),
          how: node.subLinkType === 'ANY_SUBLINK' ? 'any' : 'all',
          test: coerceToBoolean(statement, test, 'ANY/ALL'),
        },
        location,
      )
    }
    default:
      throw statement.unsupported(node.subLinkType, location)
  }
}

function outputs(query: Query): Expr[] {
  return query.columns.map((output, column) => ({ kind: 'subqueryOutput', type: output.type, column }))
}

function requireColumns(scope: QueryScope, query: Query, wanted: number, location: number): void {
  if (query.columns.length < wanted) throw scope.statement.error('42601', 'subquery has too few columns', location)
  if (query.columns.length > wanted) throw scope.statement.error('42601', 'subquery has too many columns', location)
}

/** `(a, b) = (select ...)`: at most one row, NULLs when there is none. */
export function bindRowComparedToSubquery(scope: QueryScope, node: AExpr, link: SubLink, bindChild: (node: Node) => Expr): Expr {
  const left = bindChild(node.lexpr!)
  const location = locationIn(node)
  requireSubqueriesAllowed(scope, locationIn(link))
  const bound = scope.statement.grammar.query(link.subselect.SelectStmt!, scope)
  const fields = left.kind === 'row' ? left.fields : [left]
  requireColumns(scope, bound.query, fields.length, location)
  return compareRows(scope.statement, node.name, fields, rowFields(scope, bound), location)
}

/** The columns of a query's only row, each as an expression: all read one and the same scalar subquery. */
export function rowFields(scope: QueryScope, { query, outer }: BoundQuery): Expr[] {
  const id = scope.statement.newRelation()
  const columns = query.columns
  const type: TypeRef = {
    ...typeRef(recordOid),
    fields: columns.map((column) => ({ name: column.name, type: column.type })),
  }
  const row: Expr = {
    kind: 'row',
    type,
    fields: columns.map((output, column) => ({ kind: 'column', type: output.type, relation: id, column })),
  }
  const wrapped = selectFrom(query, id, [{ name: 'row', type, tableOid: 0, attnum: 0 }], [row])
  const subquery: Expr = { kind: 'subquery', type, how: 'scalar', query: wrapped, test: undefined, outer }
  return columns.map((output, field) => ({ kind: 'field', type: output.type, argument: subquery, field }))
}
