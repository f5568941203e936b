import { recordOid, unknownOid } from '../functions/builtin-types.ts'
import type { Expr, OutputColumn } from './bound.ts'
import { coerceType, typeName, typeRef } from './coerce.ts'
import { bindColumnRef, bindIndirection, qualifiedItem } from './column-ref.ts'
import { bindExpr, transform } from './expression.ts'
import { fieldOf } from './field-of.ts'
import { noteUse } from './namespace.ts'
import { figureColumnName } from './output-name.ts'
import { locationIn, type Node } from './parse-tree.ts'
import type { ExpressionPlace, NamespaceColumn, QueryScope, Statement } from './scope.ts'

/** An output column while its query is being bound: ORDER BY and GROUP BY may still give it its type. */
export interface Target {
  readonly name: string
  expr: Expr
  /** Only there for ORDER BY or DISTINCT ON. */
  readonly hidden: boolean
}

/** transformTargetList: stars expanded, names figured out. */
export function bindTargets(scope: QueryScope, nodes: readonly Node[] | undefined, place: ExpressionPlace): Target[] {
  return (nodes ?? []).flatMap((node) => bindTarget(scope, node, place))
}

function bindTarget(scope: QueryScope, node: Node, place: ExpressionPlace): Target[] {
  const { name, val } = node.ResTarget!
  const fields = val!.ColumnRef?.fields
  if (fields?.at(-1)?.A_Star !== undefined) return expandStar(scope, val!)
  if (val!.A_Indirection?.indirection.at(-1)?.A_Star !== undefined) return expandRow(scope, val!, place)
  const expr = bindExpr(scope, val!, place)
  return [{ name: name ?? figureColumnName(scope.statement, val!), expr, hidden: false }]
}

function expandStar(scope: QueryScope, node: Node): Target[] {
  const ref = node.ColumnRef!
  const location = locationIn(ref)
  let columns: readonly NamespaceColumn[]
  if (ref.fields.length > 1) columns = qualifiedItem(scope, ref).columns
  else {
    const visible = scope.namespace.filter((item) => item.columnsVisible && !item.lateralOnly)
    if (visible.length === 0) {
      throw scope.statement.error('42601', 'SELECT * with no tables specified is not valid', location)
    }
    columns = visible.flatMap((item) => item.columns)
  }
  return columns.map((column) => ({ name: column.name, expr: noteUse(scope, column.expr, location), hidden: false }))
}

/** `(row).*` */
function expandRow(scope: QueryScope, node: Node, place: ExpressionPlace): Target[] {
  const { arg, indirection } = node.A_Indirection!
  const before = scope.place
  scope.place = place
  const base = arg.ColumnRef === undefined ? transform(scope, arg) : bindColumnRef(scope, arg.ColumnRef)
  const row = bindIndirection(scope, base, indirection.slice(0, -1), (inner) => transform(scope, inner))
  scope.place = before
  const { statement } = scope
  const location = statement.locationOf(row)
  if (row.type.oid !== recordOid) {
    throw statement.error('42809', `type ${typeName(row.type.oid)} is not composite`, location)
  }
  const { fields } = row.type
  if (fields === undefined) {
    throw statement.error('42809', 'record type has not been registered', location)
  }
  return fields.map((field, i) => ({
    name: field.name,
    expr: statement.place({ ...fieldOf(row, i) }, location),
    hidden: false,
  }))
}

/** resolveTargetListUnknowns: what is still a literal without type is a text. */
export function resolveUnknown(statement: Statement, expr: Expr): Expr {
  return expr.type.oid === unknownOid ? coerceType(statement, expr, typeRef(25), 'implicit') : expr
}

/** What the client is told; a plain column says where it comes from. */
function outputColumn(statement: Statement, name: string, expr: Expr): OutputColumn {
  const origins = expr.kind === 'column' || expr.kind === 'wholeRow' ? statement.origins.get(expr.relation) : undefined
  if (expr.kind === 'wholeRow') return { name, type: expr.type, tableOid: origins?.[0]?.tableOid ?? 0, attnum: 0 }
  const origin = expr.kind === 'column' ? origins?.[expr.column] : undefined
  return { name, type: expr.type, tableOid: origin?.tableOid ?? 0, attnum: origin?.attnum ?? 0 }
}

export function outputColumns(statement: Statement, targets: readonly Target[]): OutputColumn[] {
  return targets.filter((target) => !target.hidden).map((target) => outputColumn(statement, target.name, target.expr))
}
