import type { Node, RangeVar, SelectStmt, TypeName } from '../bind/parse-tree.ts'

/** The raw parse nodes of DDL, in addition to the binder's; libpg-query leaves fields with default values out. */
export interface DdlNode extends Node {
  readonly AlterObjectSchemaStmt?: AlterObjectSchemaStmt
  readonly AlterOwnerStmt?: AlterOwnerStmt
  readonly AlterSeqStmt?: AlterSeqStmt
  readonly AlterTableStmt?: AlterTableStmt
  readonly AlterTableCmd?: AlterTableCmd
  readonly ColumnDef?: ColumnDef
  readonly CommentStmt?: CommentStmt
  readonly Constraint?: Constraint
  readonly CreateSchemaStmt?: CreateSchemaStmt
  readonly CreateSeqStmt?: CreateSeqStmt
  readonly CreateStmt?: CreateStmt
  readonly DefElem?: DefElem
  readonly DropStmt?: DropStmt
  readonly IndexStmt?: IndexStmt
  readonly ReindexStmt?: ReindexStmt
  readonly RenameStmt?: RenameStmt
  readonly TableLikeClause?: { readonly relation: RangeVar; readonly options?: number }
  readonly TruncateStmt?: TruncateStmt
  readonly TypeName?: TypeName
  readonly ViewStmt?: ViewStmt
  readonly IndexElem?: IndexElem
  readonly RoleSpec?: RoleSpec
  readonly Boolean?: { readonly boolval?: boolean }
  readonly ObjectWithArgs?: { readonly objname?: readonly Node[] }
}

export type Behavior = 'DROP_RESTRICT' | 'DROP_CASCADE'

export interface DdlRangeVar extends RangeVar {
  readonly relpersistence?: string
  readonly inh?: boolean
}

export interface RoleSpec {
  readonly roletype: string
  readonly rolename?: string
  readonly location?: number
}

export interface DefElem {
  readonly defnamespace?: string
  readonly defname: string
  readonly arg?: DdlNode
  readonly location?: number
}

export interface CreateStmt {
  readonly relation: DdlRangeVar
  readonly tableElts?: readonly DdlNode[]
  readonly inhRelations?: readonly DdlNode[]
  readonly partbound?: object
  readonly partspec?: object
  readonly ofTypename?: TypeName
  readonly options?: readonly DdlNode[]
  readonly oncommit?: string
  readonly tablespacename?: string
  readonly accessMethod?: string
  readonly if_not_exists?: boolean
}

export interface ColumnDef {
  readonly colname: string
  readonly typeName: TypeName
  readonly compression?: string
  readonly storage_name?: string
  readonly raw_default?: Node
  readonly collClause?: { readonly collname: readonly Node[]; readonly location?: number }
  readonly constraints?: readonly DdlNode[]
  readonly fdwoptions?: readonly DdlNode[]
  readonly location?: number
}

export interface Constraint {
  readonly contype: string
  readonly conname?: string
  readonly deferrable?: boolean
  readonly initdeferred?: boolean
  readonly location?: number
  readonly is_no_inherit?: boolean
  readonly raw_expr?: Node
  readonly generated_when?: string
  readonly nulls_not_distinct?: boolean
  readonly keys?: readonly Node[]
  readonly including?: readonly Node[]
  readonly options?: readonly DdlNode[]
  readonly indexname?: string
  readonly indexspace?: string
  readonly skip_validation?: boolean
  readonly initially_valid?: boolean
}

export interface DropStmt {
  readonly objects: readonly DdlNode[]
  readonly removeType: string
  readonly behavior: Behavior
  readonly missing_ok?: boolean
  readonly concurrent?: boolean
}

export interface AlterTableStmt {
  readonly relation: DdlRangeVar
  readonly cmds: readonly DdlNode[]
  readonly objtype: string
  readonly missing_ok?: boolean
}

export interface AlterTableCmd {
  readonly subtype: string
  readonly name?: string
  readonly num?: number
  readonly newowner?: RoleSpec
  readonly def?: DdlNode
  readonly behavior?: Behavior
  readonly missing_ok?: boolean
}

export interface RenameStmt {
  readonly renameType: string
  readonly relationType?: string
  readonly relation?: DdlRangeVar
  readonly object?: DdlNode
  readonly subname?: string
  readonly newname: string
  readonly behavior?: Behavior
  readonly missing_ok?: boolean
}

export interface AlterObjectSchemaStmt {
  readonly objectType: string
  readonly relation?: DdlRangeVar
  readonly newschema: string
  readonly missing_ok?: boolean
}

export interface AlterOwnerStmt {
  readonly objectType: string
  readonly relation?: DdlRangeVar
  readonly object?: DdlNode
  readonly newowner: RoleSpec
}

export interface CreateSchemaStmt {
  readonly schemaname?: string
  readonly authrole?: RoleSpec
  readonly schemaElts?: readonly DdlNode[]
  readonly if_not_exists?: boolean
}

export interface CreateSeqStmt {
  readonly sequence: DdlRangeVar
  readonly options?: readonly DdlNode[]
  readonly if_not_exists?: boolean
}

export interface AlterSeqStmt {
  readonly sequence: DdlRangeVar
  readonly options?: readonly DdlNode[]
  readonly missing_ok?: boolean
}

export interface IndexStmt {
  readonly idxname?: string
  readonly relation: DdlRangeVar
  readonly accessMethod?: string
  readonly tableSpace?: string
  readonly indexParams: readonly DdlNode[]
  readonly indexIncludingParams?: readonly DdlNode[]
  readonly options?: readonly DdlNode[]
  readonly whereClause?: Node
  readonly unique?: boolean
  readonly nulls_not_distinct?: boolean
  readonly concurrent?: boolean
  readonly if_not_exists?: boolean
}

export interface IndexElem {
  readonly name?: string
  readonly expr?: Node
  readonly collation?: readonly Node[]
  readonly opclass?: readonly Node[]
  readonly opclassopts?: unknown
  readonly ordering?: string
  readonly nulls_ordering?: string
}

export interface ReindexStmt {
  readonly kind: string
  readonly relation?: DdlRangeVar
  readonly name?: string
}

export interface TruncateStmt {
  readonly relations: readonly DdlNode[]
  readonly restart_seqs?: boolean
  readonly behavior: Behavior
}

export interface ViewStmt {
  readonly view: DdlRangeVar
  readonly aliases?: readonly Node[]
  readonly query: { readonly SelectStmt?: SelectStmt }
  readonly replace?: boolean
  readonly options?: readonly DdlNode[]
  readonly withCheckOption?: string
}

export interface CommentStmt {
  readonly objtype: string
  readonly object: DdlNode
  /** Absent: the comment is removed. */
  readonly comment?: string
}
