import { assert } from '../../../../protocol/assert.ts'
import type { Delete, Expr, Insert, ModifyStatement, Query, Returning, Update } from '../bind/bound.ts'
import type { Index, Table } from '../catalog/schema.ts'
import { fold } from './fold.ts'
import { type ConflictPlan, type Layout, type Node, rowKeyColumn, type Slot, slotOf } from './node.ts'
import { columnExpr, oneRowNode, outputLayout, type Planning, rowKeyType } from './planning.ts'
import { planCommonTables, planSourceOf, projected } from './query.ts'
import { columnOfOutput } from './target-sets.ts'
import { conjuncts, eachNode, relationsIn } from './walk.ts'

const tableColumns = (table: Table, relation: number): Layout =>
  table.columns.map((column) => ({ relation, column: column.attnum - 1, type: column.type }))

export function planModify(planning: Planning, statement: ModifyStatement): Node {
  const plans = planCommonTables(planning, statement.ctes)
  const body = planStatement(planning, statement)
  return plans.length === 0 ? body : { kind: 'with', ctes: plans, body, layout: body.layout, rows: body.rows }
}

function planStatement(planning: Planning, statement: ModifyStatement): Node {
  const { returning } = statement
  const node = statement.kind === 'insert' ? planInsert(planning, statement) : planChange(planning, statement)
  if (returning === undefined) return node
  planning.names.set(returning.row, tableName(statement.table))
  return projected(node, returning.targets.map(fold), planning.newRelation('returning', returning.targets))
}

const tableName = (table: Table) => ({ name: table.name, columns: table.columns.map((column) => column.name) })

function planInsert(planning: Planning, statement: Insert): Node {
  const { table, positions, source, onConflict, rules, returning } = statement
  const input = insertInput(planning, statement.defaults.map(fold), source, positions, table)
  planning.names.set(rules.row, tableName(table))
  return {
    kind: 'insert',
    table,
    input,
    rules,
    onConflict: onConflict && planConflict(planning, statement),
    returning: returning !== undefined,
    layout: returning === undefined ? [] : tableColumns(table, returning.row),
    rows: input.rows,
  }
}

/** Rows of the table's full width: what the source gives, defaults for the rest. */
function insertInput(
  planning: Planning,
  defaults: readonly Expr[],
  source: Query | undefined,
  positions: readonly number[],
  table: Table,
): Node {
  const relation = planning.newRelation('row')
  const layout = tableColumns(table, relation)
  const fill = (given: (i: number) => Expr): Expr[] =>
    table.columns.map((_, position) => {
      const i = positions.indexOf(position)
      return i < 0 ? (defaults[position] as Expr) : given(i)
    })
  if (source === undefined)
    return { kind: 'project', input: oneRowNode, exprs: fill(() => assert(false, 'no source')!), layout, rows: 1 }
  const plain =
    source.limit === undefined && source.offset === undefined && source.orderBy.length === 0 && source.ctes.length === 0
  if (source.kind === 'values' && plain) {
    const valuesRows = source.rows.map((row) => fill((i) => fold(row[i] as Expr)))
    return { kind: 'values', valuesRows, layout, rows: valuesRows.length }
  }
  const output = planning.newRelation('source')
  const input = planning.query(source, output)
  return {
    kind: 'project',
    input,
    exprs: fill((i) => columnOfOutput(output, i, source.columns[i]!.type)),
    layout,
    rows: input.rows,
  }
}

function planConflict(planning: Planning, { table, onConflict }: Insert): ConflictPlan {
  assert(onConflict !== undefined, 'only with ON CONFLICT')
  const unique: Index[] = [...(table.primaryKey ? [table.primaryKey] : []), ...table.indexes.filter((index) => index.unique)]
  const { update } = onConflict
  if (update !== undefined) {
    planning.names.set(update.existing, tableName(table))
    planning.names.set(update.excluded, { ...tableName(table), name: 'excluded' })
  }
  return {
    arbiters: onConflict.arbiters ?? unique,
    update: update && {
      existing: update.existing,
      excluded: update.excluded,
      set: update.set.map(({ position, value }) => ({ position, value: fold(value) })),
      where: update.where && fold(update.where),
      layout: [...tableColumns(table, update.existing), ...tableColumns(table, update.excluded)],
    },
  }
}

function planChange(planning: Planning, statement: Update | Delete): Node {
  const { table, target, from, where, returning } = statement
  planning.need(target, rowKeyColumn)
  for (let column = 0; column < table.columns.length; column++) planning.need(target, column)
  const source = planSourceOf(planning, from, conjuncts(where && fold(where)))
  const old: Layout = [{ relation: target, column: rowKeyColumn, type: rowKeyType }, ...tableColumns(table, target)]
  const extras = extraColumns(
    returning,
    source,
    relationsIn(from).filter((relation) => relation !== target),
  )
  const set = statement.kind === 'update' ? statement.set.map(({ position, value }) => ({ position, value: fold(value) })) : []
  const relation = planning.newRelation(
    'set',
    set.map(({ value }) => value),
  )
  const layout: Layout = [
    ...old,
    ...outputLayout(
      relation,
      set.map(({ value }) => value.type),
    ),
    ...extras,
  ]
  const exprs = [...old.map(columnExpr), ...set.map(({ value }) => value), ...extras.map(columnExpr)]
  const isSame =
    layout.length === source.layout.length && layout.every((slot, i) => slotOf(source.layout, slot.relation, slot.column) === i)
  const input: Node = isSame ? source : { kind: 'project', input: source, exprs, layout, rows: source.rows }
  const head = {
    table,
    target,
    input,
    returning: returning !== undefined,
    once: from.kind === 'join',
    layout: returning === undefined ? [] : [...tableColumns(table, returning.row), ...extras],
    rows: source.rows,
  }
  if (statement.kind === 'delete') return { kind: 'delete', ...head }
  planning.names.set(statement.rules.row, tableName(table))
  return { kind: 'update', positions: set.map(({ position }) => position), rules: statement.rules, ...head }
}

/** Columns of other FROM items that RETURNING reads. */
function extraColumns(returning: Returning | undefined, source: Node, others: readonly number[]): Slot[] {
  const found: Slot[] = []
  const read = (relation: number, column: number): void => {
    if (!others.includes(relation)) return
    const slot = slotOf(source.layout, relation, column)
    if (slot < 0 || slotOf(found, relation, column) >= 0) return
    found.push(source.layout[slot] as Slot)
  }
  for (const target of returning?.targets ?? []) {
    eachNode(target, (node) => {
      if (node.kind === 'column') read(node.relation, node.column)
      if (node.kind === 'wholeRow') for (const column of [...node.columns, rowKeyColumn]) read(node.relation, column)
    })
  }
  return found
}
