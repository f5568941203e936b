import type { Oid } from '../../../../protocol/ids.ts'
import type { CommonTable, Expr, FromItem, Query, RelationId } from '../bind/bound.ts'
import { children } from '../bind/walk.ts'
import { firstUserOid } from '../catalog/keys.ts'
import { relationsNamed } from './expressions.ts'

export interface QueryDependencies {
  readonly relations: readonly Oid[]
  readonly columns: readonly { readonly tableOid: Oid; readonly attnum: number }[]
}

/** Users' relations and columns that a query names; what a view in it stands for is the view's business. */
export function queryDependencies(query: Query): QueryDependencies {
  const found = new Dependencies()
  found.query(query)
  return {
    relations: [...found.relations].filter((oid) => oid >= firstUserOid),
    columns: [...found.columns.values()].filter(({ tableOid }) => tableOid >= firstUserOid),
  }
}

class Dependencies {
  readonly relations = new Set<Oid>()
  readonly columns = new Map<string, { readonly tableOid: Oid; readonly attnum: number }>()
  /** Whose columns a RelationId has: by position. */
  private readonly owners = new Map<RelationId, (position: number) => { readonly tableOid: Oid; readonly attnum: number }>()

  query(query: Query): void {
    for (const cte of query.ctes) this.cte(cte)
    for (const expr of [query.limit, query.offset]) if (expr !== undefined) this.expr(expr)
    switch (query.kind) {
      case 'values':
        for (const row of query.rows) for (const expr of row) this.expr(expr)
        return
      case 'setOperation':
        this.query(query.left)
        this.query(query.right)
        return
      case 'select': {
        if (query.from !== undefined) this.from(query.from)
        const keys = query.orderBy.map((key) => key.expr)
        const distinct = typeof query.distinct === 'string' ? [] : query.distinct
        for (const expr of [...query.targets, ...query.groupBy, ...keys, ...distinct, ...query.lent]) this.expr(expr)
        if (query.where !== undefined) this.expr(query.where)
        if (query.having !== undefined) this.expr(query.having)
      }
    }
  }

  private cte(cte: CommonTable): void {
    if (cte.kind === 'plain') this.query(cte.query)
    else if (cte.kind === 'recursive') {
      this.query(cte.start)
      this.query(cte.step)
    }
  }

  private from(item: FromItem): void {
    switch (item.kind) {
      case 'join':
        this.from(item.left)
        this.from(item.right)
        if (item.condition !== undefined) this.expr(item.condition)
        return
      case 'table': {
        const { oid } = item.table
        this.relations.add(oid)
        this.owners.set(item.id, (position) => ({ tableOid: oid, attnum: position + 1 }))
        return
      }
      case 'sequence':
        this.relations.add(item.sequence.oid)
        return
      case 'subquery': {
        const { view } = item
        if (view === undefined) {
          this.query(item.query)
          return
        }
        this.relations.add(view.oid)
        this.owners.set(item.id, (position) => ({ tableOid: view.oid, attnum: position + 1 }))
        return
      }
      case 'function':
        for (const call of item.calls) this.expr(call)
        return
      case 'cte':
    }
  }

  private expr(expr: Expr): void {
    if (expr.kind === 'column') this.column(expr.relation, expr.column)
    else if (expr.kind === 'wholeRow') for (const column of expr.columns) this.column(expr.relation, column)
    else if (expr.kind === 'subquery') this.query(expr.query)
    else if (expr.kind === 'constant') relationsNamed(expr, this.relations)
    for (const child of children(expr)) this.expr(child)
  }

  private column(relation: RelationId, position: number): void {
    const column = this.owners.get(relation)?.(position)
    if (column !== undefined) this.columns.set(`${column.tableOid}.${column.attnum}`, column)
  }
}
