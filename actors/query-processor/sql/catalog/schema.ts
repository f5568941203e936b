import type { Oid } from '../../../../protocol/ids.ts'
import type { Typmod } from '../../../../protocol/values/type.ts'
import type { Value } from '../../../../protocol/values/value.ts'

/** A type with its modifier, as a column or an expression has it. */
export interface TypeRef {
  readonly oid: Oid
  readonly typmod: Typmod
  /** Of a row value (record) the fields, where they are known. */
  readonly fields?: readonly { readonly name: string; readonly type: TypeRef }[]
}

/** An expression kept in the catalog (DEFAULT, CHECK, view body): the raw parse tree, names qualified when it was stored. */
export interface StoredExpression {
  /** libpg-query's node, as parsed. */
  readonly node: unknown
  /** What pg_get_expr and \d show: PostgreSQL's deparsed spelling, relations qualified. */
  readonly text: string
  /** `text` with \u0001oid\u0002 where a relation's name stands (\u0001oid\u0003 inside a quoted literal): see catalog/stored-text.ts. */
  readonly template?: string
  /** The template with fewer parentheses: pg_get_expr(..., true), which is what psql shows. */
  readonly pretty?: string
  /** Relations the expression names: a sequence in nextval(), the relations of a view's body. */
  readonly dependsOn?: readonly Oid[]
}

export interface Column {
  /** From 1; never reused. Position in the stored row is attnum - 1. */
  readonly attnum: number
  readonly name: string
  readonly type: TypeRef
  readonly notNull: boolean
  readonly default?: StoredExpression
  readonly identity?: 'always' | 'by default'
  /** The sequence behind serial or identity. */
  readonly sequenceOid?: Oid
  /** What rows written before this column existed read as (ADD COLUMN ... DEFAULT constant). */
  readonly missing?: Value
  readonly dropped: boolean
  /** COLLATE of the definition where it is not the type's own; ordering is by bytes in any case. */
  readonly collation?: Oid
  readonly comment?: string
}

export interface IndexColumn {
  readonly attnum: number
  readonly descending: boolean
  readonly nullsFirst: boolean
}

export interface Index {
  readonly oid: Oid
  readonly name: string
  readonly schemaOid: Oid
  readonly tableOid: Oid
  readonly storageId: number
  readonly unique: boolean
  readonly primary: boolean
  readonly nullsNotDistinct: boolean
  readonly columns: readonly IndexColumn[]
  /** Set when a PRIMARY KEY or UNIQUE constraint owns the index; the constraint has the index's name. */
  readonly constraintOid?: Oid
  /** `building` and `invalid` indexes are written (and, when unique, checked) but never read. */
  readonly state: 'building' | 'valid' | 'invalid'
  readonly comment?: string
  /** COMMENT ON CONSTRAINT of the constraint that owns it. */
  readonly constraintComment?: string
}

export interface CheckConstraint {
  readonly oid: Oid
  readonly name: string
  readonly expression: StoredExpression
  readonly validated: boolean
  /** Attnums the expression names: pg_constraint.conkey. */
  readonly columns?: readonly number[]
  readonly comment?: string
}

interface RelationHead {
  readonly oid: Oid
  readonly name: string
  readonly schemaOid: Oid
  readonly owner: string
  readonly comment?: string
}

/** A user table, or a system catalog relation served by the query processor itself (`system`). */
export interface Table extends RelationHead {
  readonly kind: 'table'
  /** The first four bytes of its row keys; changes when TRUNCATE or a rewrite gives it a new, empty key space. */
  readonly storageId: number
  /** In attnum order, dropped ones included: position = attnum - 1. */
  readonly columns: readonly Column[]
  /** Rows lie under the primary key's columns; without one under a hidden 8-byte row id. */
  readonly primaryKey: Index | undefined
  /** Every index but the primary key. */
  readonly indexes: readonly Index[]
  readonly checks: readonly CheckConstraint[]
  readonly system: boolean
}

export interface View extends RelationHead {
  readonly kind: 'view'
  readonly columns: readonly Column[]
  readonly query: StoredExpression
  /** Relations the body names: DROP refuses or cascades. */
  readonly dependsOn: readonly Oid[]
  /** Columns the body names: DROP COLUMN refuses or cascades, ALTER TYPE refuses. */
  readonly dependsOnColumns?: readonly { readonly tableOid: Oid; readonly attnum: number }[]
}

export interface SequenceRelation extends RelationHead {
  readonly kind: 'sequence'
  readonly type: TypeRef
  readonly start: bigint
  readonly increment: bigint
  readonly min: bigint
  readonly max: bigint
  readonly cycle: boolean
  readonly cache: bigint
  readonly ownedBy: { readonly tableOid: Oid; readonly attnum: number } | undefined
  /** Its counter lies under this storage id. */
  readonly storageId: number
  /** Where the counter begins while nothing lies there; absent: at `start`, not called. */
  readonly initial?: { readonly last: bigint; readonly isCalled: boolean }
}

export type Relation = Table | View | SequenceRelation

export interface Schema {
  readonly oid: Oid
  readonly name: string
  readonly owner: string
  readonly comment?: string
}

/**
 * The catalog as one transaction sees it at tauStart, its own DDL included. Immutable: DDL makes another one.
 * Look-ups are by exact name (the caller folded it); `schemaOid` says where to look, the search path is the binder's.
 */
export interface Catalog {
  /** Differs whenever anything in it differs: part of every plan-cache key. */
  readonly version: string
  schema(name: string): Schema | undefined
  schemaByOid(oid: Oid): Schema | undefined
  schemas(): Iterable<Schema>
  relation(schemaOid: Oid, name: string): Relation | undefined
  relationByOid(oid: Oid): Relation | undefined
  relations(): Iterable<Relation>
  /** Indexes share the relations' name space. */
  index(schemaOid: Oid, name: string): Index | undefined
  indexByOid(oid: Oid): Index | undefined
}
