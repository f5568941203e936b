/**
 * The raw parse nodes of PostgreSQL 16 that the binder reads, as libpg-query writes them: fields with default values (0, false, '', empty
 * list) are left out, `location` is a byte offset, -1 or (meaning 0) absent.
 */
export interface Node {
  readonly A_ArrayExpr?: { readonly elements?: readonly Node[]; readonly location?: number }
  readonly A_Const?: AConst
  readonly A_Expr?: AExpr
  readonly A_Indices?: AIndices
  readonly A_Indirection?: { readonly arg: Node; readonly indirection: readonly Node[] }
  readonly A_Star?: object
  readonly BooleanTest?: { readonly arg: Node; readonly booltesttype: string; readonly location?: number }
  readonly BoolExpr?: {
    readonly boolop: 'AND_EXPR' | 'OR_EXPR' | 'NOT_EXPR'
    readonly args: readonly Node[]
    readonly location?: number
  }
  readonly CaseExpr?: CaseExpr
  readonly CaseWhen?: { readonly expr: Node; readonly result: Node; readonly location?: number }
  readonly CoalesceExpr?: { readonly args: readonly Node[]; readonly location?: number }
  readonly CollateClause?: CollateClause
  readonly ColumnRef?: ColumnRef
  readonly CommonTableExpr?: CommonTableExpr
  readonly CurrentOfExpr?: object
  readonly DeleteStmt?: DeleteStmt
  readonly Float?: { readonly fval: string }
  readonly FuncCall?: FuncCall
  readonly GroupingFunc?: { readonly location?: number }
  readonly GroupingSet?: { readonly kind?: string; readonly location?: number }
  readonly IndexElem?: {
    readonly name?: string
    readonly expr?: Node
    readonly collation?: readonly Node[]
    readonly opclass?: readonly Node[]
    readonly ordering?: string
    readonly nulls_ordering?: string
  }
  readonly InsertStmt?: InsertStmt
  readonly Integer?: { readonly ival?: number }
  readonly JoinExpr?: JoinExpr
  readonly List?: { readonly items: readonly Node[] }
  readonly LockingClause?: LockingClause
  readonly MinMaxExpr?: {
    readonly op: 'IS_GREATEST' | 'IS_LEAST'
    readonly args: readonly Node[]
    readonly location?: number
  }
  readonly MultiAssignRef?: { readonly source: Node; readonly colno: number; readonly ncolumns: number }
  readonly NamedArgExpr?: { readonly arg: Node; readonly name: string; readonly location?: number }
  readonly NullTest?: { readonly arg: Node; readonly nulltesttype: 'IS_NULL' | 'IS_NOT_NULL'; readonly location?: number }
  readonly ParamRef?: { readonly number?: number; readonly location?: number }
  readonly RangeFunction?: RangeFunction
  readonly RangeSubselect?: RangeSubselect
  readonly RangeVar?: RangeVar
  readonly ResTarget?: ResTarget
  readonly RowExpr?: RowExpr
  readonly SelectStmt?: SelectStmt
  readonly SetToDefault?: { readonly location?: number }
  readonly SortBy?: SortBy
  readonly SQLValueFunction?: { readonly op: string; readonly typmod?: number; readonly location?: number }
  readonly String?: { readonly sval?: string }
  readonly SubLink?: SubLink
  readonly TypeCast?: TypeCast
  readonly UpdateStmt?: UpdateStmt
}

export interface AConst {
  readonly isnull?: boolean
  readonly ival?: { readonly ival?: number }
  readonly fval?: { readonly fval: string }
  readonly boolval?: { readonly boolval?: boolean }
  readonly sval?: { readonly sval?: string }
  readonly bsval?: { readonly bsval?: string }
  readonly location?: number
}

export interface AExpr {
  readonly kind: string
  readonly name: readonly Node[]
  readonly lexpr?: Node
  readonly rexpr?: Node
  readonly location?: number
}

export interface AIndices {
  readonly is_slice?: boolean
  readonly lidx?: Node
  readonly uidx?: Node
}

export interface CaseExpr {
  readonly arg?: Node
  readonly args: readonly Node[]
  readonly defresult?: Node
  readonly location?: number
}

export interface CollateClause {
  readonly arg?: Node
  readonly collname: readonly Node[]
  readonly location?: number
}

export interface ColumnRef {
  readonly fields: readonly Node[]
  readonly location?: number
}

export interface CommonTableExpr {
  readonly ctename: string
  readonly aliascolnames?: readonly Node[]
  readonly ctematerialized?: string
  readonly ctequery: Node
  readonly search_clause?: object
  readonly cycle_clause?: object
  readonly location?: number
}

export interface WithClause {
  readonly ctes: readonly Node[]
  readonly recursive?: boolean
  readonly location?: number
}

export interface FuncCall {
  readonly funcname: readonly Node[]
  readonly args?: readonly Node[]
  readonly agg_order?: readonly Node[]
  readonly agg_filter?: Node
  readonly over?: object
  readonly agg_within_group?: boolean
  readonly agg_star?: boolean
  readonly agg_distinct?: boolean
  readonly func_variadic?: boolean
  readonly funcformat?: string
  readonly location?: number
}

export interface Alias {
  readonly aliasname: string
  readonly colnames?: readonly Node[]
}

export interface JoinExpr {
  readonly jointype: 'JOIN_INNER' | 'JOIN_LEFT' | 'JOIN_RIGHT' | 'JOIN_FULL'
  readonly isNatural?: boolean
  readonly larg: Node
  readonly rarg: Node
  readonly usingClause?: readonly Node[]
  readonly join_using_alias?: Alias
  readonly quals?: Node
  readonly alias?: Alias
}

export interface LockingClause {
  readonly lockedRels?: readonly Node[]
  readonly strength: string
  readonly waitPolicy: string
}

export interface RangeFunction {
  readonly lateral?: boolean
  readonly ordinality?: boolean
  readonly is_rowsfrom?: boolean
  /** Each a List of the call and its column definitions. */
  readonly functions: readonly Node[]
  readonly alias?: Alias
  readonly coldeflist?: readonly Node[]
}

export interface RangeSubselect {
  readonly lateral?: boolean
  readonly subquery: Node
  readonly alias?: Alias
}

export interface RangeVar {
  readonly catalogname?: string
  readonly schemaname?: string
  readonly relname: string
  readonly alias?: Alias
  readonly location?: number
}

export interface ResTarget {
  readonly name?: string
  readonly indirection?: readonly Node[]
  readonly val?: Node
  readonly location?: number
}

interface RowExpr {
  readonly args?: readonly Node[]
  readonly row_format?: string
  readonly location?: number
}

export interface SelectStmt {
  readonly distinctClause?: readonly Node[]
  readonly intoClause?: object
  readonly targetList?: readonly Node[]
  readonly fromClause?: readonly Node[]
  readonly whereClause?: Node
  readonly groupClause?: readonly Node[]
  readonly groupDistinct?: boolean
  readonly havingClause?: Node
  readonly windowClause?: readonly Node[]
  readonly valuesLists?: readonly Node[]
  readonly sortClause?: readonly Node[]
  readonly limitOffset?: Node
  readonly limitCount?: Node
  readonly limitOption?: string
  readonly lockingClause?: readonly Node[]
  readonly withClause?: WithClause
  readonly op?: string
  readonly all?: boolean
  /** Bare SelectStmts, without the usual wrapping. */
  readonly larg?: SelectStmt
  readonly rarg?: SelectStmt
}

export interface SortBy {
  readonly node: Node
  readonly sortby_dir: string
  readonly sortby_nulls: string
  readonly useOp?: readonly Node[]
  readonly location?: number
}

export interface SubLink {
  readonly subLinkType: string
  readonly testexpr?: Node
  readonly operName?: readonly Node[]
  readonly subselect: Node
  readonly location?: number
}

export interface TypeCast {
  readonly arg: Node
  readonly typeName: TypeName
  readonly location?: number
}

export interface TypeName {
  readonly names?: readonly Node[]
  readonly setof?: boolean
  readonly pct_type?: boolean
  readonly typmods?: readonly Node[]
  readonly arrayBounds?: readonly Node[]
  readonly location?: number
}

export interface InsertStmt {
  readonly relation: RangeVar
  readonly cols?: readonly Node[]
  readonly selectStmt?: Node
  readonly onConflictClause?: OnConflictClause
  readonly returningList?: readonly Node[]
  readonly withClause?: WithClause
  readonly override?: string
}

export interface OnConflictClause {
  readonly action: 'ONCONFLICT_NOTHING' | 'ONCONFLICT_UPDATE'
  readonly infer?: InferClause
  readonly targetList?: readonly Node[]
  readonly whereClause?: Node
  readonly location?: number
}

export interface InferClause {
  readonly indexElems?: readonly Node[]
  readonly whereClause?: Node
  readonly conname?: string
  readonly location?: number
}

export interface UpdateStmt {
  readonly relation: RangeVar
  readonly targetList: readonly Node[]
  readonly whereClause?: Node
  readonly fromClause?: readonly Node[]
  readonly returningList?: readonly Node[]
  readonly withClause?: WithClause
}

export interface DeleteStmt {
  readonly relation: RangeVar
  readonly usingClause?: readonly Node[]
  readonly whereClause?: Node
  readonly returningList?: readonly Node[]
  readonly withClause?: WithClause
}

/** The tag of a node: SelectStmt, A_Const ... */
export function nodeKind(node: Node): keyof Node {
  for (const kind in node) return kind as keyof Node
  return 'A_Star'
}

export const text = (node: Node): string => node.String?.sval ?? ''

/** The names of a dotted list. */
export const texts = (nodes: readonly Node[]): string[] => nodes.map(text)

/** The byte offset of a node's body; -1 where it has none. */
export const locationIn = (body: { readonly location?: number }): number => body.location ?? 0

/** exprLocation of a raw node: the leftmost byte of the expression, -1 where it is not known. */
export function nodeLocation(node: Node | undefined): number {
  if (node === undefined) return -1
  const kind = nodeKind(node)
  switch (kind) {
    case 'A_Expr': {
      // The operator stands behind its left operand.
      const left = node.A_Expr!.lexpr
      return leftmost(locationIn(node.A_Expr!), left === undefined ? -1 : nodeLocation(left))
    }
    case 'A_Indirection':
      return nodeLocation(node.A_Indirection!.arg)
    case 'TypeCast': {
      const cast = node.TypeCast!
      return leftmost(nodeLocation(cast.arg), leftmost(locationIn(cast.typeName), locationIn(cast)))
    }
    case 'FuncCall':
      return leftmost(locationIn(node.FuncCall!), firstLocation(node.FuncCall!.args))
    case 'BoolExpr':
      return leftmost(locationIn(node.BoolExpr!), firstLocation(node.BoolExpr!.args))
    case 'SubLink':
      return leftmost(nodeLocation(node.SubLink!.testexpr), locationIn(node.SubLink!))
    case 'NullTest':
      return leftmost(locationIn(node.NullTest!), nodeLocation(node.NullTest!.arg))
    case 'BooleanTest':
      return leftmost(locationIn(node.BooleanTest!), nodeLocation(node.BooleanTest!.arg))
    case 'CollateClause':
      return nodeLocation(node.CollateClause!.arg)
    case 'ResTarget':
      return locationIn(node.ResTarget!)
    case 'SortBy':
      return nodeLocation(node.SortBy!.node)
    case 'List':
      return firstLocation(node.List!.items)
    case 'SelectStmt':
    case 'InsertStmt':
    case 'UpdateStmt':
    case 'DeleteStmt':
    case 'JoinExpr':
    case 'RangeFunction':
    case 'RangeSubselect':
    case 'String':
    case 'Integer':
    case 'A_Star':
      return -1
    default:
      return (node[kind] as { location?: number }).location ?? 0
  }
}

function leftmost(a: number, b: number): number {
  if (a < 0) return b
  if (b < 0) return a
  return Math.min(a, b)
}

/** Of a list's elements the first that has one. */
export function firstLocation(nodes: readonly Node[] | undefined): number {
  for (const node of nodes ?? []) {
    const location = nodeLocation(node)
    if (location >= 0) return location
  }
  return -1
}
