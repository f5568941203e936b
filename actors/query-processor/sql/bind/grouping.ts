import type { Table } from '../catalog/schema.ts'
import type { Expr, RelationId } from './bound.ts'
import { columnsInside } from './columns-inside.ts'
import { sameExpr } from './same-expr.ts'
import type { QueryScope } from './scope.ts'
import { withChildren } from './walk.ts'

/**
 * parseCheckAggregates: outside aggregates a grouped query may only use its keys, and columns that depend on them because a whole
 * primary key is among them. Such columns become keys too (they split no group), so that in the end keys and aggregates are all there is.
 */
export class Grouping {
  private readonly scope: QueryScope
  private readonly keys: Expr[]
  private readonly dependent = new Map<RelationId, boolean>()

  constructor(scope: QueryScope, keys: readonly Expr[]) {
    this.scope = scope
    this.keys = [...keys]
  }

  get groupBy(): readonly Expr[] {
    return this.keys
  }

  /** The expression with every key in it replaced by the key itself; throws 42803 for a column that is none. */
  check(expr: Expr): Expr {
    if (expr.kind === 'aggregate') return expr
    const key = this.keys.find((candidate) => sameExpr(candidate, expr))
    if (key !== undefined) return key
    if (expr.kind === 'column') {
      this.requireGrouped(expr, false)
      return this.keys.find((candidate) => sameExpr(candidate, expr)) ?? expr
    }
    if (expr.kind === 'wholeRow') this.requireWholeRow(expr)
    if (expr.kind === 'subquery') {
      for (const inner of columnsInside(expr.query)) this.requireGrouped(inner, true)
    }
    return withChildren(expr, (child) => this.check(child))
  }

  private requireGrouped(column: Expr & { kind: 'column' }, inSubquery: boolean, name?: string): void {
    if (!this.scope.own.has(column.relation)) return
    if (this.scope.lent.some(({ lentAs }) => lentAs === column.relation)) return
    if (this.keys.some((key) => sameExpr(key, column))) return
    if (this.dependsOnKeys(column.relation)) {
      this.keys.push(column)
      return
    }
    const { statement } = this.scope
    const shown = this.nameOf(column, name)
    const message = inSubquery
      ? `subquery uses ungrouped column "${shown}" from outer query`
      : `column "${shown}" must appear in the GROUP BY clause or be used in an aggregate function`
    throw statement.error('42803', message, statement.locationOf(column))
  }

  private requireWholeRow(row: Expr & { kind: 'wholeRow' }): void {
    row.columns.forEach((column, i) => {
      const type = row.type.fields![i]!.type
      const expr = this.scope.statement.place(
        { kind: 'column', type, relation: row.relation, column } as const,
        this.scope.statement.locationOf(row),
      )
      this.requireGrouped(expr, false, '*')
    })
  }

  private dependsOnKeys(relation: RelationId): boolean {
    let depends = this.dependent.get(relation)
    if (depends === undefined) this.dependent.set(relation, (depends = this.hasPrimaryKey(relation)))
    return depends
  }

  private hasPrimaryKey(relation: RelationId): boolean {
    const table: Table | undefined = this.scope.rangeTable.find((item) => item.id === relation)?.table
    const primaryKey = table?.primaryKey
    if (primaryKey === undefined) return false
    return primaryKey.columns.every(({ attnum }) =>
      this.keys.some((key) => key.kind === 'column' && key.relation === relation && key.column === attnum - 1),
    )
  }

  private nameOf(column: Expr & { kind: 'column' }, name: string | undefined): string {
    const item = this.scope.rangeTable.find((candidate) => candidate.id === column.relation)
    const found = item?.columns.find(({ expr }) => expr.kind === 'column' && expr.column === column.column)
    return `${item?.name ?? ''}.${name ?? found?.name ?? ''}`
  }
}
