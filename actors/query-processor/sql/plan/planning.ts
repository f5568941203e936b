import { unreachable } from '../../../../protocol/assert.ts'
import type { Expr, ModifyStatement, OutputColumn, Query, RelationId } from '../bind/bound.ts'
import type { TypeRef } from '../catalog/schema.ts'
import {
  type Binding,
  type Layout,
  type Node,
  outerSlotName,
  type RelationName,
  rowKeyColumn,
  type Slot,
  type SubqueryPlan,
  slotOf,
} from './node.ts'
import { eachNode } from './walk.ts'

/** A column read from outside: by a subquery, a lateral item or the bounds of an inner scan. */
export interface Read {
  readonly relation: RelationId
  readonly column: number
}

/** What the planning of one statement knows and hands out. */
export class Planning {
  readonly subqueries = new Map<Expr, SubqueryPlan>()
  readonly outerSlots = new Map<string, number>()
  readonly names = new Map<RelationId, RelationName>()
  /** Columns that anybody in the statement reads, by relation. */
  readonly needed = new Map<RelationId, Set<number>>()
  /** Relations somebody reads as whole rows: those need a mark that tells a row of NULLs from no row. */
  readonly wholeRows = new Set<RelationId>()
  /** How often a common table is read; those with one reader may be planned in its place. */
  readonly cteReaders = new Map<number, number>()
  readonly inlined = new Map<number, Query>()
  /** Common tables that read columns of an enclosing query: another row, another table. */
  readonly correlated = new Set<number>()
  readonly commonTables = new Map<number, { readonly name: string; readonly rows: number }>()
  /** The recursive table whose step is being planned: a scan of it reads the working table. */
  readonly steps = new Set<number>()
  /** Set when the pieces are put together: FROM items hold queries and queries hold FROM items. */
  query: (query: Query, output: RelationId) => Node = () => unreachable(undefined as never)
  modify: (statement: ModifyStatement) => Node = () => unreachable(undefined as never)
  private slotCount = 0
  private lastRelation = 0

  get slots(): number {
    return this.slotCount
  }

  newSlot(count = 1): number {
    const slot = this.slotCount
    this.slotCount += count
    return slot
  }

  /** Ids of the binder grow from 0; ours go down. */
  newRelation(name: string, columns: readonly (string | Expr)[] = []): RelationId {
    const relation = --this.lastRelation
    this.names.set(relation, { name, columns })
    return relation
  }

  outerSlot(relation: RelationId, column: number): number {
    const name = outerSlotName(relation, column)
    let slot = this.outerSlots.get(name)
    if (slot === undefined) this.outerSlots.set(name, (slot = this.newSlot()))
    return slot
  }

  name(relation: RelationId, name: string, columns: readonly OutputColumn[]): void {
    this.names.set(relation, { name, columns: columns.map((column) => column.name) })
  }

  need(relation: RelationId, column: number): void {
    const columns = this.needed.get(relation)
    if (columns === undefined) this.needed.set(relation, new Set([column]))
    else columns.add(column)
  }

  /** Columns of a relation that are read, ascending; the row's key first. */
  columnsNeeded(relation: RelationId): number[] {
    return [...(this.needed.get(relation) ?? [])].sort((a, b) => a - b)
  }

  /** Hands out places in the frame for what `exprs` read of relations that pass. */
  reads(exprs: readonly Expr[], isOuter: (relation: RelationId) => boolean): Read[] {
    const found = new Map<string, Read>()
    const add = (relation: RelationId, column: number): void => {
      if (!isOuter(relation)) return
      found.set(outerSlotName(relation, column), { relation, column })
      this.outerSlot(relation, column)
    }
    for (const expr of exprs) {
      eachNode(expr, (node) => {
        if (node.kind === 'column') add(node.relation, node.column)
        if (node.kind === 'wholeRow') {
          for (const column of node.columns) add(node.relation, column)
          add(node.relation, rowKeyColumn)
        }
      })
    }
    return [...found.values()]
  }

  /** Those of the reads that stand in `layout`: whoever has the rows puts them into the frame. */
  bindings(reads: readonly Read[], layout: Layout): Binding[] {
    return reads.flatMap(({ relation, column }) => {
      const from = slotOf(layout, relation, column)
      return from < 0 ? [] : [{ from, slot: this.outerSlot(relation, column) }]
    })
  }
}

export const rowKeyType: TypeRef = { oid: 25, typmod: -1 }
export const booleanType: TypeRef = { oid: 16, typmod: -1 }

export const columnExpr = ({ relation, column, type }: Slot): Expr => ({ kind: 'column', type, relation, column })

export const outputLayout = (output: RelationId, types: readonly TypeRef[]): Layout =>
  types.map((type, column) => ({ relation: output, column, type }))

export const oneRowNode: Node = { kind: 'oneRow', layout: [], rows: 1 }

/** Passes every column of the input on and adds `exprs` under `output`. */
export function extend(input: Node, output: RelationId, exprs: readonly Expr[]): Node {
  if (exprs.length === 0) return input
  return {
    kind: 'project',
    input,
    exprs: [...input.layout.map(columnExpr), ...exprs],
    layout: [
      ...input.layout,
      ...outputLayout(
        output,
        exprs.map((expr) => expr.type),
      ),
    ],
    rows: input.rows,
  }
}
