import { SqlError } from '../../../../protocol/errors.ts'
import type { Expr, RelationId } from '../bind/bound.ts'
import { type DeparseOptions, deparse } from '../catalog/deparse.ts'
import { quoteIdentifier } from '../catalog/quote.ts'
import type { Plan, SortSlot } from './node.ts'
import { rewrite } from './walk.ts'

/** Stands for a subquery in an expression that is shown. */
const subqueryRelation = Number.MIN_SAFE_INTEGER

/** Expressions of a plan as EXPLAIN shows them: columns by name, computed ones by what computes them, subqueries by number. */
export class PlanText {
  private readonly plan: Plan
  private readonly options: DeparseOptions
  private readonly qualified: boolean
  private readonly shown = new Map<number, string>()
  private lastShown = 0

  constructor(plan: Plan, qualified: boolean) {
    this.plan = plan
    this.qualified = qualified
    this.options = {
      pretty: false,
      indent: 0,
      columnName: (relation, column) => this.columnName(relation, column),
      wholeRow: (relation) => `${this.relationName(relation)}.*`,
      quotedRelation: (oid) => String(oid),
      query: () => '...',
    }
  }

  relationName(relation: RelationId): string {
    return quoteIdentifier(this.plan.names.get(relation)?.name ?? `relation ${relation}`)
  }

  private columnName(relation: RelationId, column: number): string {
    if (relation === subqueryRelation) return `(${this.shown.get(column) ?? '?'})`
    const known = this.plan.names.get(relation)?.columns[column]
    if (known === undefined) return `${this.relationName(relation)}.${column + 1}`
    if (typeof known !== 'string') return this.expr(known)
    return this.qualified ? `${this.relationName(relation)}.${quoteIdentifier(known)}` : quoteIdentifier(known)
  }

  expr(expr: Expr): string {
    try {
      return deparse(this.withoutSubqueries(expr), this.options)
    } catch (error) {
      if (error instanceof SqlError) return '(expression)'
      throw error
    }
  }

  condition(exprs: readonly Expr[]): string {
    const [first] = exprs
    if (first === undefined) return ''
    const text = exprs.length === 1 ? this.expr(first) : this.expr({ kind: 'and', type: first.type, arguments: exprs })
    return text.startsWith('(') ? text : `(${text})`
  }

  sortKeys(exprs: readonly Expr[], keys: readonly SortSlot[]): string {
    return exprs
      .map((expr, i) => {
        const { descending, nullsFirst } = keys[i] as SortSlot
        const nulls = descending === nullsFirst ? '' : nullsFirst ? ' NULLS FIRST' : ' NULLS LAST'
        return `${this.expr(expr)}${descending ? ' DESC' : ''}${nulls}`
      })
      .join(', ')
  }

  /** A subquery stands as a name that cannot be a column's. */
  private withoutSubqueries(expr: Expr): Expr {
    return rewrite(expr, (part) => {
      if (part.kind !== 'subquery') return undefined
      const planned = this.plan.subqueries.get(part)
      const name = `${planned?.once === true ? 'InitPlan' : 'SubPlan'} ${planned?.number ?? '?'}`
      this.shown.set(--this.lastShown, name)
      return { kind: 'column', type: part.type, relation: subqueryRelation, column: this.lastShown }
    })
  }
}
