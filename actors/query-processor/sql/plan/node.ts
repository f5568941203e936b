import type { Oid } from '../../../../protocol/ids.ts'
import type { Expr, OnConflict, OutputColumn, Position, RelationId, RowRules } from '../bind/bound.ts'
import type { Index, IndexColumn, SequenceRelation, Table, TypeRef } from '../catalog/schema.ts'

/**
 * The physical plan: a closed union of plain data. Expressions in it still name (relation, column); every node says in `layout` at which
 * place of its rows those stand, and whoever runs it compiles the expressions against its inputs' layouts. A column that no input has
 * belongs to an enclosing query or to the left side of a lateral join and is read from the frame (`outerSlots`).
 */
export interface Slot {
  readonly relation: RelationId
  readonly column: number
  readonly type: TypeRef
}
export type Layout = readonly Slot[]

/** The row's key, where a scan has been asked for it: UPDATE, DELETE and row locks need it. */
export const rowKeyColumn = -1

interface NodeHead {
  readonly layout: Layout
  /** A guess: there are no statistics. */
  readonly rows: number
}

/* ---------------------------------------------------------------- scans */

/** What is known of one key column. Values are computed when the scan opens: plans outlive their parameters. */
export type KeyPart =
  | { readonly kind: 'equal'; readonly value: Expr }
  | { readonly kind: 'in'; readonly values: readonly Expr[] }
  | { readonly kind: 'anyArray'; readonly array: Expr }
  | { readonly kind: 'isNull' }

export interface KeyLimit {
  readonly value: Expr
  readonly inclusive: boolean
}

interface KeySpan {
  readonly lower: KeyLimit | undefined
  readonly upper: KeyLimit | undefined
  /** LIKE 'x%': the pattern; its literal beginning is the span. */
  readonly pattern: Expr | undefined
  /** IS NOT NULL, and whatever else cannot be true of NULL. */
  readonly notNull: boolean
}

/** Equalities on the first key columns, then at most one span on the next. */
export interface KeyBounds {
  readonly parts: readonly KeyPart[]
  readonly span: KeySpan | undefined
  /** The conditions as they were written, for EXPLAIN. */
  readonly conditions: readonly Expr[]
}

/** What storage decides; values are computed when the scan opens. */
export type StorageFilter =
  | {
      readonly kind: 'compare'
      readonly column: number
      readonly operator: '=' | '<>' | '<' | '<=' | '>' | '>='
      readonly value: Expr
    }
  | { readonly kind: 'in'; readonly column: number; readonly values: readonly Expr[] }
  | { readonly kind: 'anyArray'; readonly column: number; readonly array: Expr }
  | { readonly kind: 'isNull'; readonly column: number; readonly negated: boolean }
  | { readonly kind: 'prefix'; readonly column: number; readonly prefix: string }
  | { readonly kind: 'and' | 'or'; readonly of: readonly StorageFilter[] }

export interface TableScan extends NodeHead {
  readonly kind: 'tableScan'
  readonly relation: RelationId
  readonly table: Table
  /** Undefined: the rows in the order of their own keys. */
  readonly index: Index | undefined
  /** The columns whose order the keys have: of the index or of the primary key. */
  readonly keyColumns: readonly IndexColumn[]
  readonly bounds: KeyBounds | undefined
  /** Every column of a unique key is bound by an equality: gets, not scans. */
  readonly point: boolean
  readonly reverse: boolean
  readonly storageFilter: StorageFilter | undefined
  /** The conditions behind `storageFilter`, for EXPLAIN. */
  readonly storageConditions: readonly Expr[]
  readonly filter: Expr | undefined
  /** No more rows than this are needed by whoever reads. */
  readonly rowsMax: readonly Expr[]
}

export interface StorageAggregateScan extends NodeHead {
  readonly kind: 'storageAggregate'
  readonly scan: TableScan
  readonly aggregates: readonly {
    /** Storage adds up and counts; an average is both. */
    readonly kind: 'countRows' | 'count' | 'min' | 'max' | 'sum' | 'avg'
    readonly column: number
    readonly expr: Expr
  }[]
}

interface SystemScan extends NodeHead {
  readonly kind: 'systemScan'
  readonly relation: RelationId
  readonly table: Table
  readonly filter: Expr | undefined
}

interface SequenceScan extends NodeHead {
  readonly kind: 'sequenceScan'
  readonly relation: RelationId
  readonly sequence: SequenceRelation
}

interface ValuesScan extends NodeHead {
  readonly kind: 'values'
  readonly valuesRows: readonly (readonly Expr[])[]
}

/** One empty row, or none when the condition (over outer columns and parameters only) does not hold. */
interface OneRow extends NodeHead {
  readonly kind: 'oneRow'
}

export interface FunctionScan extends NodeHead {
  readonly kind: 'functionScan'
  readonly relation: RelationId
  readonly calls: readonly Expr[]
  readonly ordinality: boolean
  /** A row is one value, not several columns. */
  readonly rowsAsValues: boolean
}

interface CteScan extends NodeHead {
  readonly kind: 'cteScan'
  readonly relation: RelationId
  readonly cte: number
  readonly name: string
  /** Inside the step of a recursive one: what the last round added, not all. */
  readonly working: boolean
}

/* ---------------------------------------------------------------- one input */

interface Filter extends NodeHead {
  readonly kind: 'filter'
  readonly input: Node
  readonly condition: Expr
  /** The condition reads no row: it is decided once. */
  readonly once: boolean
}

interface Project extends NodeHead {
  readonly kind: 'project'
  readonly input: Node
  readonly exprs: readonly Expr[]
}

/** Set-returning calls among the targets, run in step. */
interface ProjectSet extends NodeHead {
  readonly kind: 'projectSet'
  readonly input: Node
  readonly exprs: readonly Expr[]
}

export interface SortSlot {
  readonly slot: number
  readonly descending: boolean
  readonly nullsFirst: boolean
}

export interface AggregateCall {
  readonly procedure: Oid
  readonly type: TypeRef
  /** Places in the input row. */
  readonly arguments: readonly number[]
  readonly distinct: boolean
  readonly orderBy: readonly SortSlot[]
  readonly filter: number | undefined
  readonly at: Position
  /** For EXPLAIN. */
  readonly expr: Expr
}

interface Aggregate extends NodeHead {
  readonly kind: 'aggregate'
  readonly input: Node
  /** Places of the group keys in the input row; none: one row, also over no input. */
  readonly keys: readonly number[]
  readonly calls: readonly AggregateCall[]
  /** The input comes group by group. */
  readonly sorted: boolean
}

interface Sort extends NodeHead {
  readonly kind: 'sort'
  readonly input: Node
  readonly keys: readonly SortSlot[]
  readonly keyExprs: readonly Expr[]
  /** Sum of these many rows suffices (top-n). */
  readonly rowsMax: readonly Expr[]
}

interface Limit extends NodeHead {
  readonly kind: 'limit'
  readonly input: Node
  readonly limit: Expr | undefined
  readonly offset: Expr | undefined
  /** WITH TIES: rows equal to the last one in these places belong to it. */
  readonly ties: readonly SortSlot[] | undefined
}

/** The first row of each combination of `slots`. */
interface Distinct extends NodeHead {
  readonly kind: 'distinct'
  readonly input: Node
  readonly slots: readonly number[]
}

export interface LockRows extends NodeHead {
  readonly kind: 'lockRows'
  readonly input: Node
  readonly locks: readonly { readonly slot: number; readonly mode: 'update' | 'keyShare' }[]
}

/* ---------------------------------------------------------------- two inputs */

export type JoinKind = 'inner' | 'left' | 'right' | 'full' | 'semi' | 'anti'

/** `lateral`: the right side reads the left row through the frame and is opened for each one. Else it is read once and kept. */
interface NestedLoop extends NodeHead {
  readonly kind: 'nestedLoop'
  readonly join: JoinKind
  readonly left: Node
  readonly right: Node
  readonly condition: Expr | undefined
  readonly lateral: boolean
  /** Left columns the right side reads. */
  readonly bindings: readonly Binding[]
}

export interface Binding {
  /** Place in the left (or reading) row. */
  readonly from: number
  /** Place in the frame. */
  readonly slot: number
}

/** The right side is built into a table. */
interface HashJoin extends NodeHead {
  readonly kind: 'hashJoin'
  readonly join: JoinKind
  readonly left: Node
  readonly right: Node
  readonly leftKeys: readonly Expr[]
  readonly rightKeys: readonly Expr[]
  /** NOT IN: a NULL on either side makes the answer unknown. */
  readonly nullAware: boolean
  readonly condition: Expr | undefined
}

export interface SetOperation extends NodeHead {
  readonly kind: 'setOperation'
  readonly operation: 'intersect' | 'except'
  readonly all: boolean
  readonly left: Node
  readonly right: Node
}

interface Append extends NodeHead {
  readonly kind: 'append'
  readonly inputs: readonly Node[]
}

/* ---------------------------------------------------------------- common tables */

export type CommonPlan =
  | { readonly kind: 'plain'; readonly id: number; readonly name: string; readonly node: Node }
  /** Run to its end before the body; its RETURNING rows are kept. */
  | { readonly kind: 'modifying'; readonly id: number; readonly name: string; readonly node: Node }
  | {
      readonly kind: 'recursive'
      readonly id: number
      readonly name: string
      readonly start: Node
      readonly step: Node
      readonly distinct: boolean
    }

interface With extends NodeHead {
  readonly kind: 'with'
  readonly ctes: readonly CommonPlan[]
  readonly body: Node
}

/* ---------------------------------------------------------------- data modification */

export interface InsertNode extends NodeHead {
  readonly kind: 'insert'
  readonly table: Table
  /** Rows of the table's full width. */
  readonly input: Node
  readonly rules: RowRules
  readonly onConflict: ConflictPlan | undefined
  /** Emits the new rows, for RETURNING. */
  readonly returning: boolean
}

export interface ConflictPlan {
  readonly arbiters: readonly Index[]
  /** `layout`: the existing row, then the excluded one. */
  readonly update: (NonNullable<OnConflict['update']> & { readonly layout: Layout }) | undefined
}

/** Input rows: the row's key, the old row in full width, the new values of `positions`, then what RETURNING reads besides. */
export interface UpdateNode extends NodeHead {
  readonly kind: 'update'
  readonly table: Table
  readonly target: RelationId
  readonly input: Node
  readonly positions: readonly number[]
  readonly rules: RowRules
  readonly returning: boolean
  readonly once: boolean
}

/** Input rows: the row's key, the old row in full width, then what RETURNING reads besides. */
export interface DeleteNode extends NodeHead {
  readonly kind: 'delete'
  readonly table: Table
  readonly target: RelationId
  readonly input: Node
  readonly returning: boolean
  readonly once: boolean
}

export type Node =
  | TableScan
  | StorageAggregateScan
  | SystemScan
  | SequenceScan
  | ValuesScan
  | OneRow
  | FunctionScan
  | CteScan
  | Filter
  | Project
  | ProjectSet
  | Aggregate
  | Sort
  | Limit
  | Distinct
  | LockRows
  | NestedLoop
  | HashJoin
  | SetOperation
  | Append
  | With
  | InsertNode
  | UpdateNode
  | DeleteNode

/* ---------------------------------------------------------------- the whole */

export type SubqueryExpr = Extract<Expr, { kind: 'subquery' }>

export interface SubqueryPlan {
  readonly node: Node
  /** Its answer lies here in the frame while a row is worked on (for ever when nothing outside is read). */
  readonly slot: number
  /** The first of the places where `test` finds the subquery's current row. */
  readonly outputSlot: number
  /** Columns of enclosing queries it reads: relation, column and place in the frame. */
  readonly reads: readonly { readonly relation: RelationId; readonly column: number; readonly slot: number }[]
  /** Reads nothing outside and is not volatile: evaluated once. */
  readonly once: boolean
  readonly number: number
}

/** How EXPLAIN names relations and their columns. */
export interface RelationName {
  readonly name: string
  readonly columns: readonly (string | Expr)[]
}

export interface Plan {
  readonly root: Node
  /** Places a frame needs for outer columns and subquery answers. */
  readonly slots: number
  readonly subqueries: ReadonlyMap<Expr, SubqueryPlan>
  /** `relation:column` -> place in the frame. */
  readonly outerSlots: ReadonlyMap<string, number>
  /** Highest CTE id + 1. */
  readonly names: ReadonlyMap<RelationId, RelationName>
  readonly columns: readonly OutputColumn[] | undefined
  readonly parameters: readonly Oid[]
  readonly relations: readonly Oid[]
  readonly writes: boolean
}

export const outerSlotName = (relation: RelationId, column: number): string => `${relation}:${column}`

export function slotOf(layout: Layout, relation: RelationId, column: number): number {
  for (let i = 0; i < layout.length; i++) {
    const slot = layout[i] as Slot
    if (slot.relation === relation && slot.column === column) return i
  }
  return -1
}
