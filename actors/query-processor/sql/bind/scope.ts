import { type Notice, SqlError, type SqlErrorFields } from '../../../../protocol/errors.ts'
import type { Oid } from '../../../../protocol/ids.ts'
import type { InputSettings } from '../../../../protocol/values/type.ts'
import type { Catalog, Relation, Table } from '../catalog/schema.ts'
import { stackDepthExceeded } from '../parse.ts'
import type { AggregateExpr, Expr, ModifyStatement, OutputColumn, Query, RelationId } from './bound.ts'
import type { Node, SelectStmt } from './parse-tree.ts'
import { children } from './walk.ts'

/** What the binder is told beside the parse tree. */
export interface BindScope {
  readonly catalog: Catalog
  /** Schema names in order; pg_catalog comes first unless it is listed. */
  readonly searchPath: readonly string[]
  /** $1 first; 0 = to be inferred. */
  readonly parameterTypes: readonly Oid[]
  /** 1-based character position of a byte offset of the parse tree. */
  positionOf(byteLocation: number): number | undefined
  /** Literals of date and time types are read with them. */
  readonly settings: InputSettings
  /** The simple protocol knows no parameters: `$1` is 42P02. */
  readonly parametersRefused?: boolean
  readonly user: string
  readonly database: string
  /** Warnings of the binder: said once, when the statement is bound. */
  notice?(notice: Notice): void
}

/** Where an expression stands: decides what it may contain, and how an error names the place. */
export type ExpressionPlace =
  | 'SELECT'
  | 'WHERE'
  | 'HAVING'
  | 'FILTER'
  | 'GROUP BY'
  | 'ORDER BY'
  | 'DISTINCT ON'
  | 'JOIN/ON'
  | 'JOIN/USING'
  | 'LIMIT'
  | 'OFFSET'
  | 'VALUES'
  | 'INSERT'
  | 'UPDATE'
  | 'RETURNING'
  | 'FROM'
  | 'function in FROM'
  | 'DEFAULT'
  | 'CHECK'
  | 'index expression'
  | 'generation expression'
  | 'EXECUTE'

/** A name by which columns can be reached; the parser's nsitem. */
export interface NamespaceItem {
  /** The alias, or the relation's own name. '' for a join without alias, which only lends its columns. */
  readonly name: string
  /** The relation behind it, so that `schema.table.column` finds it; undefined when an alias hides it. */
  readonly relation: Relation | undefined
  readonly columns: readonly NamespaceColumn[]
  /** The whole row as a value. */
  readonly wholeRow: () => Expr
  /** For row locks: undefined for joins. */
  readonly id: RelationId | undefined
  /** tableoid answers it: only items of real tables have one. */
  readonly table: Table | undefined
  /** The relation behind it even when an alias hides it: for errors. */
  readonly underlying: Relation | undefined
  /** Can `name.column` and `name.*` be said? */
  relationVisible: boolean
  /** Can a bare column be said? */
  columnsVisible: boolean
  /** Seen only by LATERAL items to its right. */
  lateralOnly: boolean
  /** False on the nullable side of an outer join that the LATERAL item is in. */
  lateralOk: boolean
}

export interface NamespaceColumn {
  readonly name: string
  readonly expr: Expr
  readonly output: OutputColumn
  /** attnum when the column is one of a table: functional dependencies and assignments need it. */
  readonly attnum: number
}

/** A WITH item that a query can name. */
export interface CteEntry {
  readonly name: string
  readonly id: number
  columns: readonly OutputColumn[] | undefined
  /** False while its own query is bound and it is not (yet) allowed to name itself. */
  visible: boolean
  /** While the recursive term is bound, which may name the entry itself. */
  isRecurring: boolean
}

/** Bound later by the room that knows how; breaks the circle between expressions and queries. */
export interface Grammar {
  query(node: SelectStmt, parent: QueryScope | undefined, options?: QueryOptions): BoundQuery
  modify(node: Node, parent: QueryScope | undefined): ModifyStatement
}

export interface QueryOptions {
  /** Outputs of type unknown stay so: the caller coerces them (INSERT ... SELECT, arms of UNION). */
  readonly keepUnknown?: boolean
}

export interface BoundQuery {
  readonly query: Query
  /** Relations of enclosing queries that it reads. */
  readonly outer: readonly RelationId[]
}

// PostgreSQL's default max_stack_depth gives up near 5,000; ours stays below what the JavaScript stack holds.
const depthMax = 4_000

/** One bind: everything that is counted once per statement. */
export class Statement {
  readonly outside: BindScope
  readonly grammar: Grammar
  /** Types given or inferred so far; 0 and unknown = not yet. */
  readonly parameters: Oid[]
  readonly relations = new Set<Oid>()
  /** Parameters used before anything said their type. */
  readonly openParameters = new Set<Expr>()
  /** Names of scalar subqueries' columns, by SubLink node: an unnamed output takes them. */
  readonly subqueryNames = new WeakMap<object, string>()
  /** What each relation's columns are to a client: an output that is a plain column says where it comes from. */
  readonly origins = new Map<RelationId, readonly OutputColumn[]>()
  /** No WeakMap: what it holds lives as long, and the collector goes through tens of thousands of weak entries again and again. */
  private readonly locations = new Map<Expr, number>()
  private relationCount = 0
  private cteCount = 0
  private depth = 0
  /** Views being expanded: their texts have no positions, and a view cannot contain itself. */
  private viewDepth = 0

  constructor(outside: BindScope, grammar: Grammar) {
    this.outside = outside
    this.grammar = grammar
    this.parameters = [...outside.parameterTypes]
  }

  /** An expression that stood for one already there: its parameters need no type of their own. */
  forget(expr: Expr): void {
    if (this.openParameters.size === 0) return
    this.openParameters.delete(expr)
    for (const child of children(expr)) this.forget(child)
  }

  newRelation(): RelationId {
    return ++this.relationCount
  }

  newCte(): number {
    return ++this.cteCount
  }

  /** Remembers where an expression stands, for errors found later. */
  place<E extends Expr>(expr: E, location: number): E {
    if (location >= 0 && this.viewDepth === 0) this.locations.set(expr, location)
    return expr
  }

  /** Byte offset; -1 where it is not known. */
  locationOf(expr: Expr): number {
    return this.locations.get(expr) ?? -1
  }

  position(location: number): number | undefined {
    return location < 0 || this.viewDepth > 0 ? undefined : this.outside.positionOf(location)
  }

  /** Error fields for a place in the statement. */
  at(location: number): SqlErrorFields {
    const position = this.position(location)
    return position === undefined ? {} : { position }
  }

  error(code: string, message: string, location: number, more: SqlErrorFields = {}): SqlError {
    return new SqlError(code, message, { ...more, ...this.at(location) })
  }

  unsupported(feature: string, location = -1): SqlError {
    return this.error('0A000', `${feature} is not supported`, location)
  }

  enter(): void {
    if (++this.depth > depthMax) throw stackDepthExceeded()
  }

  leave(): void {
    this.depth--
  }

  /** Binds a tree that is not part of the statement's text. */
  insideStored<T>(work: () => T): T {
    this.viewDepth++
    if (this.viewDepth > 100) throw stackDepthExceeded()
    try {
      return work()
    } finally {
      this.viewDepth--
    }
  }
}

/** One query level; the parser's ParseState. */
export class QueryScope {
  readonly statement: Statement
  readonly parent: QueryScope | undefined
  namespace: NamespaceItem[] = []
  /** WITH items of this level, latest definition last. */
  readonly ctes: CteEntry[] = []
  /** Names of WITH items of this level that come later: for the hint. */
  futureCtes: readonly string[] = []
  /** Relations of enclosing queries read by this query or below. */
  readonly outer = new Set<RelationId>()
  place: ExpressionPlace = 'SELECT'
  hasAggregates = false
  /** Aggregates of this query that stand in subqueries. */
  readonly lent: AggregateExpr[] = []
  /** A FROM item is the WITH RECURSIVE query that this one is a term of. */
  readsItself = false
  /** LATERAL is in effect for the FROM item being bound. */
  lateralActive = false
  /** The last set-returning call bound: CASE and COALESCE must not hold one. */
  lastSetReturning: Expr | undefined
  /** Everything in FROM, visible or not, joins left out: what an error about a missing name looks through. */
  readonly rangeTable: NamespaceItem[] = []
  /** Of UPDATE and DELETE the table that is changed. */
  targetItem: NamespaceItem | undefined
  /** Relations bound at this level: anything else a column names is a correlation. */
  readonly own = new Set<RelationId>()

  constructor(statement: Statement, parent: QueryScope | undefined) {
    this.statement = statement
    this.parent = parent
  }

  newRelation(): RelationId {
    const id = this.statement.newRelation()
    this.own.add(id)
    return id
  }
}
