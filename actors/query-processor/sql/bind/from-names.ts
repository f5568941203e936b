import type { Relation, Table } from '../catalog/schema.ts'
import type { Expr, FromItem, OutputColumn, RelationId } from './bound.ts'
import { rowType } from './namespace.ts'
import { type Alias, text } from './parse-tree.ts'
import type { NamespaceItem, QueryScope } from './scope.ts'

export interface BoundFrom {
  readonly item: FromItem
  readonly namespace: readonly NamespaceItem[]
}

interface NewItem {
  readonly id: RelationId
  readonly name: string
  readonly alias: Alias | undefined
  /** A function of one scalar: its row is its value. */
  readonly isScalar?: boolean
  /** A dropped column has the name ''. */
  readonly columns: readonly OutputColumn[]
  readonly relation?: Relation
  readonly table?: Table
}

/** Makes the name by which an item's columns are reached, aliases applied. */
export function addItem(scope: QueryScope, made: NewItem): NamespaceItem {
  const { id, alias } = made
  const name = alias?.aliasname ?? made.name
  scope.statement.origins.set(id, made.columns)
  const visible = made.columns.map((output, column) => ({ output, column })).filter(({ output }) => output.name !== '')
  const renamed = (alias?.colnames ?? []).map(text)
  if (renamed.length > visible.length) {
    const message = `table "${name}" has ${visible.length} columns available but ${renamed.length} columns specified`
    throw scope.statement.error('42P10', message, -1)
  }
  const columns = visible.map(({ output, column }, i) => ({
    name: renamed[i] ?? output.name,
    expr: { kind: 'column', type: output.type, relation: id, column } as Expr,
    output,
    attnum: output.attnum,
  }))
  const item: NamespaceItem = {
    name,
    relation: alias === undefined ? made.relation : undefined,
    columns,
    wholeRow: () =>
      made.isScalar === true
        ? columns[0]!.expr
        : { kind: 'wholeRow', type: rowType(columns), relation: id, columns: visible.map(({ column }) => column) },
    id,
    table: made.table,
    underlying: made.relation,
    relationVisible: true,
    columnsVisible: true,
    lateralOnly: false,
    lateralOk: true,
  }
  scope.rangeTable.push(item)
  return item
}
