import { assert } from '../../../../protocol/assert.ts'
import type { Oid } from '../../../../protocol/ids.ts'
import { bindExpression, bindValueExpression } from '../bind/bind.ts'
import type { Expr } from '../bind/bound.ts'
import type { Node } from '../bind/parse-tree.ts'
import { children } from '../bind/walk.ts'
import { type DeparseOptions, deparse, finishText, isCastCall, notPrintable } from '../catalog/deparse.ts'
import { firstUserOid } from '../catalog/keys.ts'
import { quoteIdentifier } from '../catalog/quote.ts'
import type { Catalog, Column, SequenceRelation, StoredExpression, Table } from '../catalog/schema.ts'
import { qualifiedText, quotedRelationMark } from '../catalog/stored-text.ts'
import { regclassOid } from '../functions/builtin-types.ts'
import { parse } from '../parse.ts'
import type { DdlWork } from './context.ts'
import type { DdlNode } from './parse-tree.ts'

/** Expressions of a table's definition on their way into the catalog: bound, and deparsed with every name qualified. */

/** The relation of a CHECK's columns. */
export const rowRelation = 1

/** The node is what the qualified text parses to: it means the same whatever the search path, also after a rename. */
export function storedFrom(
  templates: { readonly full: string; readonly pretty: string },
  catalog: Catalog,
  dependsOn: readonly Oid[],
): StoredExpression {
  const text = qualifiedText(templates.full, catalog)
  return {
    node: parseExpression(text),
    text,
    template: templates.full,
    pretty: templates.pretty,
    ...(dependsOn.length > 0 && { dependsOn }),
  }
}

export function parseExpression(text: string): Node {
  const [statement] = parse(`SELECT (${text})`)
  const node = (statement?.node as Node | undefined)?.SelectStmt?.targetList?.[0]?.ResTarget?.val
  assert(node !== undefined, 'a deparsed expression is an expression')
  return node
}

export function nextvalDefault(work: DdlWork, sequence: SequenceRelation): StoredExpression {
  const text = `nextval('${quotedRelationMark(sequence.oid)}'::regclass)`
  return storedFrom({ full: text, pretty: text }, work.draft, [sequence.oid])
}

/** DEFAULT; undefined for a plain NULL, which is no default. */
export function storedDefault(work: DdlWork, node: DdlNode, column: Column): StoredExpression | undefined {
  const scope = work.bindScope()
  const coerced = bindExpression(node, scope, { place: 'DEFAULT', column: column.name, type: column.type })
  const constant = innermost(coerced)
  if (constant.kind === 'constant' && constant.value === null) return undefined
  // The coercion to the column's type goes without saying; a string literal is of that type already.
  const isLiteral = node.A_Const?.sval !== undefined
  const said = isLiteral ? constant : bindValueExpression(node, scope)
  return storedFrom(templatesOf(said, undefined), work.draft, relationsNamed(said))
}

/** CHECK of a table, with the names of the columns it reads. */
export function storedCheck(work: DdlWork, table: Table, node: DdlNode): StoredCheck {
  const bound = bindExpression(node, work.bindScope(), { place: 'CHECK', table, relation: rowRelation })
  const expression = storedFrom(templatesOf(bound, table), work.draft, relationsNamed(bound))
  return { expression, attnums: columnsRead(bound).map((column) => column + 1) }
}

export interface StoredCheck {
  readonly expression: StoredExpression
  /** Of the columns it reads, each once, in the order of their first mention. */
  readonly attnums: readonly number[]
}

/** A stored expression of a table after something it names was renamed: bound by the old names, told by the new. */
export function renamed(work: DdlWork, expression: StoredExpression, tables: { before: Table; after: Table }): StoredExpression {
  const scope = { ...work.bindScope(), catalog: work.context.catalog }
  const bound = bindExpression(expression.node, scope, { place: 'CHECK', table: tables.before, relation: rowRelation })
  return storedFrom(templatesOf(bound, tables.after), work.draft, expression.dependsOn ?? [])
}

/** The same text with the names its relations have now. */
export function refreshed(work: DdlWork, expression: StoredExpression): StoredExpression {
  const { template, pretty, dependsOn } = expression
  if (template === undefined || dependsOn === undefined) return expression
  return storedFrom({ full: template, pretty: pretty ?? template }, work.draft, dependsOn)
}

export function templatesOf(expr: Expr, table: Table | undefined): { full: string; pretty: string } {
  const options = (pretty: boolean): DeparseOptions => ({
    pretty,
    indent: 0,
    columnName: (_relation, column) => quoteIdentifier(table?.columns[column]?.name ?? ''),
    wholeRow: () => `${quoteIdentifier(table?.name ?? '')}.*`,
    quotedRelation: quotedRelationMark,
    query: () => {
      throw notPrintable('a subquery')
    },
  })
  return { full: finishText(deparse(expr, options(false))), pretty: finishText(deparse(expr, options(true))) }
}

/** What is left of an expression without its casts. */
function innermost(expr: Expr): Expr {
  if (expr.kind === 'typmod' || expr.kind === 'relabel' || expr.kind === 'viaText') return innermost(expr.argument)
  return expr.kind === 'call' && isCastCall(expr) ? innermost(expr.arguments[0] as Expr) : expr
}

/** Users' relations named by regclass literals. */
export function relationsNamed(expr: Expr, into: Set<Oid> = new Set()): readonly Oid[] {
  if (expr.kind === 'constant' && expr.type.oid === regclassOid && typeof expr.value === 'number') {
    if (expr.value >= firstUserOid) into.add(expr.value)
  }
  for (const child of children(expr)) relationsNamed(child, into)
  return [...into]
}

/** Positions of the row's columns. */
export function columnsRead(expr: Expr, into: Set<number> = new Set()): readonly number[] {
  if (expr.kind === 'column' && expr.relation === rowRelation) into.add(expr.column)
  if (expr.kind === 'wholeRow') for (const column of expr.columns) into.add(column)
  for (const child of children(expr)) columnsRead(child, into)
  return [...into]
}
