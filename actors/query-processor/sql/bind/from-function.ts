import type { TypeRef } from '../catalog/schema.ts'
import { int8Oid, recordOid } from '../functions/builtin-types.ts'
import { procedureByOid } from '../functions/procedures.ts'
import type { Expr, FromItem, OutputColumn } from './bound.ts'
import { typeRef } from './coerce.ts'
import { bindExpr } from './expression.ts'
import { addItem, type BoundFrom } from './from-names.ts'
import { resolveTypeName } from './names.ts'
import { figureColumnName } from './output-name.ts'
import { locationIn, type Node, type RangeFunction, type TypeName, text } from './parse-tree.ts'
import type { QueryScope } from './scope.ts'
import { relationsRead } from './walk.ts'

interface ColumnDef {
  readonly colname: string
  readonly typeName: TypeName
  readonly location?: number
}

interface OneFunction {
  readonly call: Expr
  readonly columns: readonly { readonly name: string; readonly type: TypeRef }[]
}

/** transformRangeFunction: functions in FROM, ROWS FROM (...), WITH ORDINALITY. Implicitly LATERAL. */
export function bindRangeFunction(scope: QueryScope, range: RangeFunction): BoundFrom {
  const { statement } = scope
  const before = scope.lateralActive
  scope.lateralActive = true
  const nodes = range.functions.flatMap((list) => expandUnnest(list.List!.items))
  const names = nodes.map(([call]) => figureColumnName(statement, call))
  const name = range.alias?.aliasname ?? names[0]!
  const functions = nodes.map(([call, definitions], i) => {
    const expr = bindExpr(scope, call, 'function in FROM')
    const columns = definitions ?? (nodes.length === 1 ? range.coldeflist : undefined)
    const scalarName = range.alias !== undefined && nodes.length === 1 ? range.alias.aliasname : names[i]!
    return columnsOfFunction(scope, expr, columns, scalarName)
  })
  scope.lateralActive = before
  const id = scope.newRelation()
  const columns: OutputColumn[] = functions.flatMap((one) =>
    one.columns.map((column) => ({ name: column.name, type: column.type, tableOid: 0, attnum: 0 })),
  )
  const ordinality = range.ordinality === true
  if (ordinality) columns.push({ name: 'ordinality', type: typeRef(int8Oid), tableOid: 0, attnum: 0 })
  const calls = functions.map((one) => one.call)
  const lateral = calls.some((call) => [...relationsRead(call)].some((relation) => scope.own.has(relation)))
  const item: FromItem = { kind: 'function', id, calls, ordinality, lateral, columns }
  const isScalar = calls.length === 1 && !ordinality && calls[0]!.type.oid !== recordOid
  return { item, namespace: [addItem(scope, { id, name, alias: range.alias, columns, isScalar })] }
}

/** `unnest(a, b)` is ROWS FROM (unnest(a), unnest(b)). */
function expandUnnest(items: readonly Node[]): (readonly [Node, readonly Node[] | undefined])[] {
  const [call, definitions] = items
  const columns = definitions?.List?.items
  const f = call!.FuncCall
  const isUnnest =
    f !== undefined &&
    f.funcname.length === 1 &&
    text(f.funcname[0]!) === 'unnest' &&
    (f.args?.length ?? 0) > 1 &&
    !f.agg_star &&
    !f.agg_distinct &&
    !f.func_variadic &&
    f.agg_order === undefined &&
    columns === undefined
  if (!isUnnest) return [[call!, columns]]
  return f.args!.map((argument) => [{ FuncCall: { ...f, args: [argument] } }, undefined] as const)
}

function columnsOfFunction(
  scope: QueryScope,
  call: Expr,
  definitions: readonly Node[] | undefined,
  scalarName: string,
): OneFunction {
  const { statement } = scope
  const location = statement.locationOf(call)
  const procedure = call.kind === 'call' ? procedureByOid(call.procedure) : undefined
  if (call.type.oid === recordOid) {
    if (call.type.fields !== undefined) {
      if (definitions !== undefined) {
        throw statement.error(
          '42601',
          'a column definition list is redundant for a function with OUT parameters',
          definitionLocation(definitions),
        )
      }
      return { call, columns: call.type.fields }
    }
    if (definitions === undefined) {
      const message = 'a column definition list is required for functions returning "record"'
      throw statement.error('42601', message, location)
    }
    const columns = definitions.map((node) => {
      const definition = (node as { readonly ColumnDef?: ColumnDef }).ColumnDef!
      return { name: definition.colname, type: resolveTypeName(statement, definition.typeName) }
    })
    return { call: { ...call, type: { ...typeRef(recordOid), fields: columns } }, columns }
  }
  if (definitions !== undefined) {
    const message = 'a column definition list is only allowed for functions returning "record"'
    throw statement.error('42601', message, definitionLocation(definitions))
  }
  // One OUT parameter names the column.
  const modes = procedure?.argumentModes ?? ''
  const out = [...modes].findIndex((mode) => mode === 'o' || mode === 'b' || mode === 't')
  const outName = out < 0 ? '' : (procedure?.allArgumentNames?.[out] ?? '')
  return { call, columns: [{ name: outName === '' ? scalarName : outName, type: call.type }] }
}

function definitionLocation(definitions: readonly Node[]): number {
  const definition = (definitions[0] as { readonly ColumnDef?: ColumnDef } | undefined)?.ColumnDef
  return definition === undefined ? -1 : locationIn(definition)
}
