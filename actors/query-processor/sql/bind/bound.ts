import type { Oid } from '../../../../protocol/ids.ts'
import type { Value } from '../../../../protocol/values/value.ts'
import type { Index, SequenceRelation, Table, TypeRef, View } from '../catalog/schema.ts'

/**
 * What the binder says and the planner reads: names and types are resolved, casts are explicit, `*` is expanded. Plain readonly data.
 *
 * Every range-table entry of a whole statement has its own RelationId, so a column reference needs no "levels up":
 * a reference to a relation of an enclosing query is a correlation.
 */
export type RelationId = number

/** 1-based character position in the statement's text for run-time errors that carry one; undefined where PostgreSQL has none. */
export type Position = number | undefined

export type Expr =
  | { readonly kind: 'constant'; readonly type: TypeRef; readonly value: Value }
  /** $1 is index 0. */
  | { readonly kind: 'parameter'; readonly type: TypeRef; readonly index: number }
  /** `column` is the position in the relation's output (for tables attnum - 1, dropped columns keep their place). */
  | { readonly kind: 'column'; readonly type: TypeRef; readonly relation: RelationId; readonly column: number }
  /** A whole row as a value (`select t from t`). */
  | { readonly kind: 'wholeRow'; readonly type: TypeRef; readonly relation: RelationId; readonly columns: readonly number[] }
  /**
   * A function or operator, by its pg_proc entry. Strict functions answer NULL for a NULL argument without being called.
   * The arguments of a variadic parameter have been gathered into one array, those of VARIADIC "any" have not.
   */
  | {
      readonly kind: 'call'
      readonly type: TypeRef
      readonly procedure: Oid
      readonly arguments: readonly Expr[]
      readonly at: Position
      readonly returnsSet: boolean
      /** The last argument is an array given with VARIADIC to a parameter of type "any" (concat, format ...). */
      readonly variadic?: boolean
    }
  | { readonly kind: 'and' | 'or'; readonly type: TypeRef; readonly arguments: readonly Expr[] }
  | { readonly kind: 'not'; readonly type: TypeRef; readonly argument: Expr }
  | { readonly kind: 'isNull'; readonly type: TypeRef; readonly argument: Expr; readonly negated: boolean }
  /** IS [NOT] TRUE / FALSE / UNKNOWN */
  | {
      readonly kind: 'isBoolean'
      readonly type: TypeRef
      readonly argument: Expr
      readonly test: 'true' | 'false' | 'unknown'
      readonly negated: boolean
    }
  /** `equality`: the pg_proc entry of the `=` operator chosen. IS NOT DISTINCT FROM is negated. */
  | {
      readonly kind: 'isDistinct'
      readonly type: TypeRef
      readonly left: Expr
      readonly right: Expr
      readonly equality: Oid
      readonly negated: boolean
    }
  /** Searched CASE; the simple form has been rewritten into comparisons. NULLIF becomes a case too. */
  | {
      readonly kind: 'case'
      readonly type: TypeRef
      readonly branches: readonly { readonly when: Expr; readonly then: Expr }[]
      readonly otherwise: Expr
    }
  | { readonly kind: 'coalesce'; readonly type: TypeRef; readonly arguments: readonly Expr[] }
  | { readonly kind: 'greatest' | 'least'; readonly type: TypeRef; readonly arguments: readonly Expr[] }
  /** Same bytes under another type (text <-> varchar, int4 -> oid where binary coercible). */
  | { readonly kind: 'relabel'; readonly type: TypeRef; readonly argument: Expr }
  /** Through text: output of one type, input of the other. */
  | { readonly kind: 'viaText'; readonly type: TypeRef; readonly argument: Expr; readonly at: Position }
  /** varchar(n), numeric(p,s), timestamp(p) ...: the type's coerceTypmod. */
  | { readonly kind: 'typmod'; readonly type: TypeRef; readonly argument: Expr; readonly explicit: boolean }
  /** Element by element: int4[] -> int8[]. `element` reads its input as parameter `elementInput`. */
  | { readonly kind: 'arrayCast'; readonly type: TypeRef; readonly argument: Expr; readonly element: Expr }
  | { readonly kind: 'elementInput'; readonly type: TypeRef }
  | { readonly kind: 'array'; readonly type: TypeRef; readonly elements: readonly Expr[] }
  | { readonly kind: 'row'; readonly type: TypeRef; readonly fields: readonly Expr[] }
  /** (a, b) < (c, d): column by column. */
  | {
      readonly kind: 'rowCompare'
      readonly type: TypeRef
      readonly operator: '=' | '<>' | '<' | '<=' | '>' | '>='
      readonly left: readonly Expr[]
      readonly right: readonly Expr[]
    }
  /** A field of a row value, from 0: `(row).f`, the columns of a multi-column SET. */
  | { readonly kind: 'field'; readonly type: TypeRef; readonly argument: Expr; readonly field: number }
  | { readonly kind: 'subscript'; readonly type: TypeRef; readonly argument: Expr; readonly index: Expr }
  | {
      readonly kind: 'slice'
      readonly type: TypeRef
      readonly argument: Expr
      readonly from: Expr | undefined
      readonly to: Expr | undefined
    }
  /** The array or document `argument` with `value` in the place that the subscripts name; of a slice they are its two bounds. */
  | {
      readonly kind: 'assignPart'
      readonly type: TypeRef
      readonly argument: Expr
      readonly subscripts: readonly (Expr | undefined)[]
      readonly isSlice: boolean
      /** Of jsonb: the first subscript is a number. */
      readonly isIndex: boolean
      readonly value: Expr
    }
  /** `x = ANY (array)`, `x < ALL (array)`. */
  | {
      readonly kind: 'anyArray'
      readonly type: TypeRef
      readonly all: boolean
      readonly procedure: Oid
      readonly left: Expr
      readonly array: Expr
    }
  /** `x IN (list)` with one operator for every element, after coercion to a common type. */
  | {
      readonly kind: 'in'
      readonly type: TypeRef
      readonly procedure: Oid
      readonly left: Expr
      readonly list: readonly Expr[]
      readonly negated: boolean
    }
  /**
   * scalar: the one value; exists; array: ARRAY(select ...); any / all: `test` compares the left-hand side with
   * `subqueryOutput` column i.
   */
  | {
      readonly kind: 'subquery'
      readonly type: TypeRef
      readonly how: 'scalar' | 'exists' | 'array' | 'any' | 'all'
      readonly query: Query
      readonly test: Expr | undefined
      /** Relations of enclosing queries that the subquery reads. Empty: it is evaluated once. */
      readonly outer: readonly RelationId[]
    }
  | { readonly kind: 'subqueryOutput'; readonly type: TypeRef; readonly column: number }
  /** Only in targets, having and sort keys of a grouped query. */
  | {
      readonly kind: 'aggregate'
      readonly type: TypeRef
      readonly procedure: Oid
      readonly arguments: readonly Expr[]
      readonly distinct: boolean
      readonly orderBy: readonly SortKey[]
      readonly filter: Expr | undefined
      readonly at: Position
      /** Only among the `lent` ones of a query: column 0 of this relation is its value. */
      readonly lentAs?: RelationId
    }
  /** current_date, current_user ...: evaluated once per statement from the session. */
  | { readonly kind: 'session'; readonly type: TypeRef; readonly value: SessionValue }

export type SessionValue =
  | 'current_date'
  | 'current_time'
  | 'current_timestamp'
  | 'localtime'
  | 'localtimestamp'
  | 'current_user'
  | 'session_user'
  | 'current_role'
  | 'current_catalog'
  | 'current_schema'

export interface SortKey {
  readonly expr: Expr
  readonly descending: boolean
  readonly nullsFirst: boolean
}

/** What a client is told about a column of a result. */
export interface OutputColumn {
  readonly name: string
  readonly type: TypeRef
  /** Table oid and attnum when the column is a plain column of a table, else 0. */
  readonly tableOid: Oid
  readonly attnum: number
}

/** A FROM item. Every one that produces columns has a RelationId; `columns` are its outputs in order. */
export type FromItem =
  | { readonly kind: 'table'; readonly id: RelationId; readonly table: Table; readonly columns: readonly OutputColumn[] }
  | {
      readonly kind: 'sequence'
      readonly id: RelationId
      readonly sequence: SequenceRelation
      readonly columns: readonly OutputColumn[]
    }
  | {
      readonly kind: 'subquery'
      readonly id: RelationId
      readonly query: Query
      /** May refer to relations to its left. */
      readonly lateral: boolean
      readonly columns: readonly OutputColumn[]
      /** The view it came from, for EXPLAIN and permissions. */
      readonly view?: View
    }
  | { readonly kind: 'cte'; readonly id: RelationId; readonly cte: number; readonly columns: readonly OutputColumn[] }
  | {
      readonly kind: 'function'
      readonly id: RelationId
      /** ROWS FROM: run in step, short ones padded with NULL. One in the ordinary case. Not a set: one row. */
      readonly calls: readonly Expr[]
      readonly ordinality: boolean
      readonly lateral: boolean
      /** Set-returning calls of a target list: one column for each call, a row (several OUT columns) as one value. */
      readonly rowsAsValues?: boolean
      readonly columns: readonly OutputColumn[]
    }
  | {
      readonly kind: 'join'
      readonly join: 'inner' | 'left' | 'right' | 'full'
      readonly left: FromItem
      readonly right: FromItem
      /** CROSS JOIN is an inner join without one. USING and NATURAL have been rewritten. */
      readonly condition: Expr | undefined
      /** Two items of a FROM clause with a comma between them. */
      readonly comma?: true
      /** The columns of USING or NATURAL and its alias: for those who show the query. */
      readonly using?: { readonly columns: readonly UsingColumn[]; readonly alias: string | undefined }
    }

/** A name that both sides have, and what it means by itself. */
export interface UsingColumn {
  readonly name: string
  readonly left: Expr
  readonly right: Expr
  readonly merged: Expr
}

/** A common table expression, computed at most once unless inlined. `id` is what FromItem 'cte' names. */
export type CommonTable =
  | {
      readonly kind: 'plain'
      readonly id: number
      readonly name: string
      readonly query: Query
      readonly materialized: boolean | undefined
    }
  | { readonly kind: 'modifying'; readonly id: number; readonly name: string; readonly statement: ModifyStatement }
  | {
      readonly kind: 'recursive'
      readonly id: number
      readonly name: string
      readonly start: Query
      /** Reads the working table through FromItem 'cte' of the same id. */
      readonly step: Query
      /** UNION drops duplicates, UNION ALL does not. */
      readonly distinct: boolean
      readonly columns: readonly OutputColumn[]
    }

/** What all queries have: CTEs in order of definition, then order and limits over the body's output. */
interface QueryHead {
  readonly ctes: readonly CommonTable[]
  readonly columns: readonly OutputColumn[]
  readonly limit: Expr | undefined
  readonly offset: Expr | undefined
  /** WITH TIES */
  readonly withTies: boolean
}

export type Select = Extract<Query, { kind: 'select' }>
export type AggregateExpr = Extract<Expr, { kind: 'aggregate' }>

export type Query =
  | (QueryHead & {
      readonly kind: 'select'
      /** Comma-separated FROM items have been joined (inner, no condition). Undefined: one empty row. */
      readonly from: FromItem | undefined
      readonly where: Expr | undefined
      /** Grouped when it has keys, an aggregate or HAVING. */
      readonly grouped: boolean
      readonly groupBy: readonly Expr[]
      readonly having: Expr | undefined
      /** The first `columns.length` are visible; the rest exist for ORDER BY and DISTINCT ON only. */
      readonly targets: readonly Expr[]
      readonly distinct: 'none' | 'all' | readonly Expr[]
      /** Expressions over the FROM items (or, for grouped queries, over keys and aggregates), evaluated before DISTINCT drops rows. */
      readonly orderBy: readonly SortKey[]
      readonly locking: readonly RowLock[]
      /** Aggregates that stand in subqueries but whose arguments are of this query: computed here, read there as columns. */
      readonly lent: readonly AggregateExpr[]
    })
  | (QueryHead & {
      readonly kind: 'values'
      readonly rows: readonly (readonly Expr[])[]
      readonly orderBy: readonly OutputSort[]
    })
  | (QueryHead & {
      readonly kind: 'setOperation'
      readonly operation: 'union' | 'intersect' | 'except'
      readonly all: boolean
      readonly left: Query
      readonly right: Query
      readonly orderBy: readonly OutputSort[]
    })

/** ORDER BY of VALUES and set operations: output columns only. */
export interface OutputSort {
  readonly column: number
  readonly descending: boolean
  readonly nullsFirst: boolean
}

export interface RowLock {
  readonly relation: RelationId
  readonly mode: 'update' | 'keyShare'
}

/* ---------------------------------------------------------------- data modification */

/** What a row of a table must satisfy, bound against RelationId `row`. */
export interface RowRules {
  readonly row: RelationId
  readonly checks: readonly { readonly name: string; readonly expr: Expr }[]
}

export interface Insert {
  readonly kind: 'insert'
  readonly ctes: readonly CommonTable[]
  readonly table: Table
  /** Produces one column per entry of `positions`, already coerced to the column's type. Undefined: DEFAULT VALUES. */
  readonly source: Query | undefined
  /** Source column i fills table column positions[i]. */
  readonly positions: readonly number[]
  /** For every table column the expression to use when the source does not fill it (default, NULL, nextval). */
  readonly defaults: readonly Expr[]
  readonly rules: RowRules
  readonly onConflict: OnConflict | undefined
  readonly returning: Returning | undefined
}

export interface OnConflict {
  /** Undefined: any unique index (DO NOTHING only). */
  readonly arbiters: readonly Index[] | undefined
  readonly update:
    | {
        /** Relation ids under which `set` and `where` see the row there is and the row that was proposed. */
        readonly existing: RelationId
        readonly excluded: RelationId
        readonly set: readonly Assignment[]
        readonly where: Expr | undefined
      }
    | undefined
}

/** Table column `position` gets `value`, already coerced. */
export interface Assignment {
  readonly position: number
  readonly value: Expr
}

export interface Returning {
  /** The table's new row (old row for DELETE) under this id; for UPDATE and DELETE other FROM items keep theirs. */
  readonly row: RelationId
  readonly targets: readonly Expr[]
  readonly columns: readonly OutputColumn[]
}

/**
 * UPDATE and DELETE read `from` (the target table under id `target`, joined with FROM / USING items), keep rows where `where` holds,
 * and change each target row at most once.
 */
export interface Update {
  readonly kind: 'update'
  readonly ctes: readonly CommonTable[]
  readonly table: Table
  readonly target: RelationId
  readonly from: FromItem
  readonly where: Expr | undefined
  readonly set: readonly Assignment[]
  readonly rules: RowRules
  readonly returning: Returning | undefined
}

export interface Delete {
  readonly kind: 'delete'
  readonly ctes: readonly CommonTable[]
  readonly table: Table
  readonly target: RelationId
  readonly from: FromItem
  readonly where: Expr | undefined
  readonly returning: Returning | undefined
}

export type ModifyStatement = Insert | Update | Delete

/** A statement that the planner plans. Everything else (DDL, SET, BEGIN ...) is carried out from its parse tree. */
export type BoundStatement = { readonly kind: 'query'; readonly query: Query } | ModifyStatement

export interface BoundResult {
  readonly statement: BoundStatement
  /** Parameter types, given or inferred; $1 first. */
  readonly parameters: readonly Oid[]
  /** Columns of the result; undefined where the statement returns none. */
  readonly columns: readonly OutputColumn[] | undefined
  /** Relations read or written, by oid: what the plan depends on and a commit R-checks. */
  readonly relations: readonly Oid[]
}
