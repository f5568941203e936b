import { assert } from '../../../../protocol/assert.ts'
import { SqlError } from '../../../../protocol/errors.ts'
import { bind } from '../bind/bind.ts'
import type { Query } from '../bind/bound.ts'
import { type Node, type SelectStmt, texts } from '../bind/parse-tree.ts'
import { typeText } from '../catalog/deparse.ts'
import { deparseQuery } from '../catalog/deparse-query.ts'
import type { Catalog, Column, StoredExpression, View } from '../catalog/schema.ts'
import { qualifiedText } from '../catalog/stored-text.ts'
import { builtinType } from '../functions/builtin-types.ts'
import { parse } from '../parse.ts'
import type { DdlWork } from './context.ts'
import { checkColumnName } from './create-table.ts'
import { creationSchema, isIndex, relationExists } from './names.ts'
import type { ViewStmt } from './parse-tree.ts'
import { queryDependencies } from './query-dependencies.ts'

/** CREATE [OR REPLACE] VIEW: the query is kept as text with everything qualified, `*` expanded. */
export async function createView(work: DdlWork, statement: ViewStmt): Promise<string> {
  const { view: name } = statement
  if (name.relpersistence === 't') throw work.refuse('a temporary view')
  if (statement.withCheckOption !== undefined && statement.withCheckOption !== 'NO_CHECK_OPTION') {
    throw work.refuse('WITH CHECK OPTION')
  }
  if (statement.options !== undefined) throw work.refuse('WITH (...) of a view')
  const select = statement.query.SelectStmt
  assert(select !== undefined, 'a view is a SELECT')
  if (select.intoClause !== undefined) throw new SqlError('42601', 'views must not contain SELECT INTO')
  const query = boundQuery(work, { SelectStmt: select })
  const columns = viewColumns(query, texts(statement.aliases ?? []))
  const schema = creationSchema(work, name)
  const existing = work.draft.relation(schema.oid, name.relname) ?? work.draft.index(schema.oid, name.relname)
  if (existing !== undefined) {
    if (statement.replace !== true) throw relationExists(name.relname)
    if (isIndex(existing) || existing.kind !== 'view') throw new SqlError('42809', `"${name.relname}" is not a view`)
    checkReplacement(existing, columns)
  }
  const before = existing as View | undefined
  const oid = before?.oid ?? (await work.oid())
  const dependencies = queryDependencies(query)
  if (dependencies.relations.includes(oid)) {
    throw new SqlError('42P17', `infinite recursion detected in rules for relation "${name.relname}"`)
  }
  for (const relation of dependencies.relations) work.draft.needRelation(relation)
  const named = withNames(
    query,
    columns.map((column) => column.name),
  )
  work.draft.put({
    kind: 'view',
    oid,
    name: name.relname,
    schemaOid: schema.oid,
    owner: before?.owner ?? work.context.user,
    columns: columns.map((column, i) => {
      const comment = before?.columns[i]?.comment
      return comment === undefined ? column : { ...column, comment }
    }),
    query: storedQuery(named, select, work.draft),
    dependsOn: dependencies.relations,
    dependsOnColumns: dependencies.columns,
    ...(before?.comment !== undefined && { comment: before.comment }),
  })
  return 'CREATE VIEW'
}

function boundQuery(work: DdlWork, node: Node): Query {
  const { statement } = bind(node, work.bindScope())
  assert(statement.kind === 'query', 'a SELECT is a query')
  return statement.query
}

function viewColumns(query: Query, aliases: readonly string[]): readonly Column[] {
  if (aliases.length > query.columns.length) {
    throw new SqlError('42601', 'CREATE VIEW specifies more column names than columns')
  }
  const columns = query.columns.map(
    ({ name, type }, i): Column => ({ attnum: i + 1, name: aliases[i] ?? name, type, notNull: false, dropped: false }),
  )
  const seen = new Set<string>()
  for (const { name, type } of columns) {
    checkColumnName(name)
    if (seen.has(name)) throw new SqlError('42701', `column "${name}" specified more than once`)
    seen.add(name)
    const { kind, displayName } = builtinType(type.oid)
    if (kind === 'p') throw new SqlError('42P16', `column "${name}" has pseudo-type ${displayName}`)
  }
  return columns
}

/** checkViewTupleDesc: a view may grow, and nothing else. */
function checkReplacement(before: View, columns: readonly Column[]): void {
  if (columns.length < before.columns.length) throw new SqlError('42P16', 'cannot drop columns from view')
  for (const [i, old] of before.columns.entries()) {
    const column = columns[i] as Column
    if (column.name !== old.name) {
      throw new SqlError('42P16', `cannot change name of view column "${old.name}" to "${column.name}"`, {
        hint: 'Use ALTER VIEW ... RENAME COLUMN ... to change name of view column instead.',
      })
    }
    if (column.type.oid !== old.type.oid || column.type.typmod !== old.type.typmod) {
      const [from, to] = [typeText(old.type), typeText(column.type)]
      throw new SqlError('42P16', `cannot change data type of view column "${old.name}" from ${from} to ${to}`)
    }
  }
}

/** The outputs by the view's own names; of a set operation the first arm names them. */
function withNames(query: Query, names: readonly string[]): Query {
  const columns = query.columns.map((column, i) => ({ ...column, name: names[i] ?? column.name }))
  return query.kind === 'setOperation' ? { ...query, columns, left: withNames(query.left, names) } : { ...query, columns }
}

function storedQuery(query: Query, select: SelectStmt | undefined, catalog: Catalog): StoredExpression {
  const [full, pretty] = [false, true].map((isPretty) => deparseQuery(query, select, { pretty: isPretty, catalog }))
  return storedFromTemplates(full as string, pretty as string, catalog)
}

function storedFromTemplates(template: string, pretty: string, catalog: Catalog): StoredExpression {
  const text = qualifiedText(template, catalog)
  const [statement] = parse(text)
  assert(statement !== undefined, 'a deparsed query is a query')
  return { node: statement.node, text, template, pretty }
}

/**
 * The view's query after its relations, their columns or its own got other names: bound by the names before, told by those of the draft.
 * `names` are the view's own columns as they are to be.
 */
export function renamedView(work: DdlWork, view: View, names: readonly string[]): View {
  const scope = { ...work.bindScope(), catalog: work.context.catalog }
  const { statement } = bind(view.query.node, scope)
  assert(statement.kind === 'query', 'a view is a query')
  const select = (view.query.node as Node).SelectStmt
  const columns = view.columns.map((column, i) => ({ ...column, name: names[i] ?? column.name }))
  return { ...view, columns, query: storedQuery(withNames(statement.query, names), select, work.draft) }
}
