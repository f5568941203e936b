import { SqlError } from '../../../../protocol/errors.ts'
import { arrayElement, int4Oid, recordOid, textOid } from '../functions/builtin-types.ts'
import { proceduresByName } from '../functions/procedures.ts'
import type { Expr } from './bound.ts'
import { coerceToTarget, typeName, typeRef } from './coerce.ts'
import { fieldOf } from './field-of.ts'
import { bindCall } from './function-call.ts'
import { columnOf, findColumn, findItem, missingColumn, missingItem, noteUse } from './namespace.ts'
import { type AIndices, type ColumnRef, locationIn, type Node, nodeLocation, text } from './parse-tree.ts'
import { requireColumnsAllowed } from './places.ts'
import { crossDatabase } from './refusal-texts.ts'
import type { NamespaceItem, QueryScope } from './scope.ts'

/** transformColumnRef: `a`, `t.a`, `s.t.a`, `db.s.t.a`, and whole rows. */
export function bindColumnRef(scope: QueryScope, ref: ColumnRef): Expr {
  const location = locationIn(ref)
  requireColumnsAllowed(scope, location)
  if (ref.fields.length === 1 && ref.fields[0]!.A_Star === undefined) {
    const name = text(ref.fields[0]!)
    const column = findColumn(scope, name, location)
    if (column !== undefined) return column
    const item = findItem(scope, { schema: undefined, name }, location)
    if (item !== undefined) return noteUse(scope, item.wholeRow(), location)
    throw missingColumn(scope, undefined, name, location)
  }
  const item = qualifiedItem(scope, ref)
  const last = ref.fields.at(-1)!
  if (last.A_Star !== undefined) return noteUse(scope, item.wholeRow(), location)
  const column = columnOf(scope, item, text(last), location)
  if (column !== undefined) return noteUse(scope, column, location)
  const called = functionOfRow(scope, item, last, location)
  if (called !== undefined) return called
  throw missingColumn(scope, text(ref.fields.at(-2)!), text(last), location)
}

/** `t.f` means `f(t)` where the row has no such column and a function takes it. */
function functionOfRow(scope: QueryScope, item: NamespaceItem, name: Node, location: number): Expr | undefined {
  if (proceduresByName(text(name)).length === 0) return undefined
  const row = noteUse(scope, item.wholeRow(), location)
  try {
    return bindCall(scope, { funcname: [name], args: [name], location }, () => row)
  } catch (error) {
    if (error instanceof SqlError && error.code === '42883') return undefined
    throw error
  }
}

/** The FROM item that everything before the last dot names. */
export function qualifiedItem(scope: QueryScope, ref: ColumnRef): NamespaceItem {
  const { statement } = scope
  const location = locationIn(ref)
  const parts = ref.fields.slice(0, -1).map(text)
  const shown = ref.fields.map((field) => (field.A_Star === undefined ? text(field) : '*')).join('.')
  if (parts.length > 3) {
    throw statement.error('42601', `improper qualified name (too many dotted names): ${shown}`, location)
  }
  if (parts.length === 3 && parts[0] !== statement.outside.database) {
    throw statement.error('0A000', crossDatabase(shown), location)
  }
  const name = { schema: parts.at(-2), name: parts.at(-1)! }
  const item = findItem(scope, name, location)
  if (item === undefined) throw missingItem(scope, name, location)
  return item
}

/** transformIndirection: subscripts and fields behind an expression. */
export function bindIndirection(
  scope: QueryScope,
  argument: Expr,
  indirection: readonly Node[],
  bindChild: (node: Node) => Expr,
): Expr {
  let expr = argument
  for (let i = 0; i < indirection.length; i++) {
    const step = indirection[i]!
    if (step.A_Star !== undefined) {
      throw scope.statement.error('0A000', 'row expansion via "*" is not supported here', scope.statement.locationOf(expr))
    }
    if (step.A_Indices === undefined) {
      expr = selectField(scope, expr, text(step))
      continue
    }
    const subscripts: AIndices[] = []
    while (indirection[i]?.A_Indices !== undefined) subscripts.push(indirection[i++]!.A_Indices!)
    i--
    expr = bindSubscripts(scope, expr, subscripts, bindChild)
  }
  return expr
}

function selectField(scope: QueryScope, expr: Expr, name: string): Expr {
  const { statement } = scope
  const location = statement.locationOf(expr)
  const { oid, fields } = expr.type
  if (oid !== recordOid) {
    throw statement.error(
      '42809',
      `column notation .${name} applied to type ${typeName(oid)}, which is not a composite type`,
      location,
    )
  }
  const field = fields?.findIndex((candidate) => candidate.name === name) ?? -1
  if (field < 0 && expr.kind === 'wholeRow') {
    const item = scope.rangeTable.find((candidate) => candidate.id === expr.relation)
    throw statement.error('42703', `column ${item?.name ?? '?'}.${name} does not exist`, location)
  }
  if (field < 0) throw statement.error('42703', `could not identify column "${name}" in record data type`, location)
  return statement.place(fieldOf(expr, field), location)
}

const jsonbOid = 3802
/** jsonb_extract_path(jsonb, variadic text[]) */
const jsonbExtractPath = 3217

function bindSubscripts(
  scope: QueryScope,
  container: Expr,
  subscripts: readonly AIndices[],
  bindChild: (node: Node) => Expr,
): Expr {
  const { statement } = scope
  const location = statement.locationOf(container)
  if (container.type.oid === jsonbOid) return bindJsonbSubscripts(scope, container, subscripts, bindChild)
  const element = arrayElement(container.type.oid)
  if (element === 0) {
    const type = typeName(container.type.oid)
    if (container.type.oid === 19) throw statement.unsupported('a subscript on type name', location)
    throw statement.error('42804', `cannot subscript type ${type} because it does not support subscripting`, location)
  }
  if (subscripts.length > 1) throw statement.unsupported('a multidimensional subscript', location)
  const { is_slice, lidx, uidx } = subscripts[0]!
  const from = lidx && bindArrayIndex(scope, lidx, bindChild)
  const to = uidx && bindArrayIndex(scope, uidx, bindChild)
  if (is_slice) return statement.place({ kind: 'slice', type: container.type, argument: container, from, to }, location)
  const type = typeRef(element, container.type.typmod)
  return statement.place({ kind: 'subscript', type, argument: container, index: to! }, location)
}

export function bindArrayIndex(scope: QueryScope, node: Node, bindChild: (node: Node) => Expr): Expr {
  const expr = bindChild(node)
  const index = coerceToTarget(scope.statement, expr, typeRef(int4Oid), 'assignment')
  if (index !== undefined) return index
  throw scope.statement.error('42804', 'array subscript must have type integer', nodeLocation(node))
}

/** `j['a'][1]` reads what `j #> '{a,1}'` reads. */
function bindJsonbSubscripts(
  scope: QueryScope,
  container: Expr,
  subscripts: readonly AIndices[],
  bindChild: (node: Node) => Expr,
): Expr {
  const { statement } = scope
  const path = subscripts.map((subscript) => bindJsonbSubscript(scope, subscript, bindChild).path)
  return statement.place(
    {
      kind: 'call',
      type: typeRef(jsonbOid),
      procedure: jsonbExtractPath,
      arguments: [container, { kind: 'array', type: typeRef(1009), elements: path }],
      at: undefined,
      returnsSet: false,
    },
    statement.locationOf(container),
  )
}

/** One step of the path, as a text. */
export function bindJsonbSubscript(
  scope: QueryScope,
  { is_slice, uidx }: AIndices,
  bindChild: (node: Node) => Expr,
): { readonly path: Expr; readonly isIndex: boolean } {
  const { statement } = scope
  if (is_slice) throw statement.error('42804', 'jsonb subscript does not support slices', nodeLocation(uidx))
  const expr = bindChild(uidx!)
  const { oid } = expr.type
  const number = oid === textOid || oid === 705 ? undefined : coerceToTarget(statement, expr, typeRef(int4Oid), 'implicit')
  const known = number ?? coerceToTarget(statement, expr, typeRef(textOid), oid === 705 ? 'explicit' : 'implicit')
  if (known === undefined) {
    throw statement.error('42804', `subscript type ${typeName(oid)} is not supported`, statement.locationOf(expr), {
      hint: 'jsonb subscript must be coercible to either integer or text.',
    })
  }
  return { path: coerceToTarget(statement, known, typeRef(textOid), 'explicit')!, isIndex: number !== undefined }
}
