import { assert } from '../../../../protocol/assert.ts'
import type { CommonTable, Expr, FromItem, OutputColumn, OutputSort, Query, RelationId, UsingColumn } from '../bind/bound.ts'
import type { Node, SelectStmt } from '../bind/parse-tree.ts'
import {
  type DeparseOptions,
  deparse,
  directionText,
  finishText,
  isCastCall,
  notPrintable,
  sortText,
  startsLine,
} from './deparse.ts'
import { quoteIdentifier } from './quote.ts'
import type { Catalog } from './schema.ts'
import { quotedRelationMark, relationMark } from './stored-text.ts'

/**
 * get_query_def of ruleutils.c: a bound query as pg_get_viewdef prints it, relations as marks. Columns have the names that `catalog` gives them,
 * which may be newer ones than the query was bound with.
 */
export function deparseQuery(
  query: Query,
  raw: SelectStmt | undefined,
  options: { readonly pretty: boolean; readonly catalog: Catalog },
): string {
  return finishText(new QueryText(options, undefined).query(query, raw, 0))
}

/** How a relation of FROM is called, and its columns. */
interface Named {
  readonly name: string
  readonly columns: readonly (string | undefined)[]
}

const line = (indent: number): string => `\n${' '.repeat(indent)}`
/** Each level of subquery moves its clauses so far to the right. */
const step = 8

class QueryText {
  private readonly catalog: Catalog
  private readonly pretty: boolean
  private readonly parent: QueryText | undefined
  private readonly named = new Map<RelationId, Named>()
  private readonly rawSubqueries = new Map<RelationId, SelectStmt | undefined>()
  private readonly merged: UsingColumn[] = []
  private readonly lent = new Map<RelationId, Expr>()
  private readonly cteNames = new Map<number, string>()
  private qualified = true
  private indent = 0
  /** Nobody names the columns of a subquery in an expression. */
  private namesVisible = true

  constructor(options: { readonly pretty: boolean; readonly catalog: Catalog }, parent: QueryText | undefined) {
    this.catalog = options.catalog
    this.pretty = options.pretty
    this.parent = parent
  }

  query(query: Query, raw: SelectStmt | undefined, indent: number): string {
    this.indent = indent
    const head = this.ctes(query.ctes, raw)
    const body = this.body(query, raw)
    const limit = query.limit === undefined ? '' : `${line(indent)} ${this.limitText(query)}`
    const offset = query.offset === undefined ? '' : `${line(indent)} OFFSET ${this.count(query.offset)}`
    return head + body + offset + limit
  }

  private limitText(query: Query): string {
    const count = this.count(query.limit as Expr)
    return query.withTies ? `FETCH FIRST ${count} ROWS WITH TIES` : `LIMIT ${count}`
  }

  /** LIMIT and OFFSET are bigint without being asked. */
  private count(expr: Expr): string {
    const inner = isCastCall(expr) ? (expr as Expr & { kind: 'call' }).arguments[0] : undefined
    return this.expr(inner ?? expr)
  }

  private body(query: Query, raw: SelectStmt | undefined): string {
    switch (query.kind) {
      case 'values': {
        const rows = query.rows.map((row) => `(${row.map((one) => this.expr(one)).join(',')})`)
        return ` VALUES ${rows.join(', ')}${this.outputOrder(query.orderBy)}`
      }
      case 'setOperation':
        return this.setOperation(query, raw) + this.outputOrder(query.orderBy)
      case 'select':
        return this.select(query, raw)
    }
  }

  /** get_setop_query: the names of the whole are those of every arm. */
  private setOperation(query: Query & { kind: 'setOperation' }, raw: SelectStmt | undefined): string {
    const { operation, all, indent } = { ...query, indent: this.indent }
    const word = operation.toUpperCase() + (all ? ' ALL' : '')
    const left = withColumns(query.left, query.columns)
    const right = withColumns(query.right, query.columns)
    const isChain = left.kind === 'setOperation' && left.operation === operation && left.all === all && isBareQuery(left)
    const [before, between] = this.arm(left, raw?.larg, isChain)
    const [after, end] = this.arm(right, raw?.rarg, false)
    return `${before}${between}${word}${after.startsWith('(') ? ' ' : line(indent)}${after}${end === '' ? '' : end.trimEnd()}`
  }

  /** An arm, and what stands between it and the word after it. */
  private arm(query: Query, raw: SelectStmt | undefined, isChain: boolean): [string, string] {
    const { indent } = this
    if (query.kind === 'setOperation' && !isChain) {
      const text = this.child().query(query, raw, indent + step)
      return [`(${line(indent + step)}${text}`, `${line(indent)}) `]
    }
    const text = this.child().query(query, raw, indent)
    return [isBareQuery(query) ? text : `(${text})`, line(indent)]
  }

  private select(query: Query & { kind: 'select' }, raw: SelectStmt | undefined): string {
    if (query.locking.length > 0) throw notPrintable('FOR UPDATE')
    const leaves = leavesOf(query.from)
    this.name(leaves, raw?.fromClause ?? [])
    this.noteMerged(query.from, leaves)
    for (const aggregate of query.lent) this.lent.set(aggregate.lentAs!, aggregate)
    this.qualified = this.parent !== undefined || leaves.length !== 1
    const distinct =
      query.distinct === 'none'
        ? ''
        : query.distinct === 'all'
          ? ' DISTINCT'
          : ` DISTINCT ON (${query.distinct.map((one) => this.expr(one)).join(', ')})`
    const targets = query.columns.map((column, i) => this.target(query.targets[i] as Expr, column.name))
    const from = query.from === undefined ? '' : `${line(this.indent + 3)}FROM ${this.fromList(query.from)}`
    const where = query.where === undefined ? '' : `${line(this.indent + 2)}WHERE ${this.expr(query.where)}`
    const groups = query.groupBy.map((one) => this.expr(one)).join(', ')
    const groupBy = groups === '' ? '' : `${line(this.indent + 2)}GROUP BY ${groups}`
    const having = query.having === undefined ? '' : `${line(this.indent + 1)}HAVING ${this.expr(query.having)}`
    const order = query.orderBy.length === 0 ? '' : `${line(this.indent + 2)}ORDER BY ${sortText(query.orderBy, this.options())}`
    const listed = targets.map((target, i) => (i === 0 || startsLine(target) ? target : line(this.indent + 4) + target))
    return ` SELECT${distinct} ${listed.join(',')}${from}${where}${groupBy}${having}${order}`
  }

  private target(expr: Expr, name: string): string {
    const text = this.expr(expr)
    const own =
      expr.kind === 'column' && this.lentOf(expr.relation) === undefined
        ? this.columnOf(expr.relation, expr.column)
        : this.mergedName(expr)
    if (!this.namesVisible && name === '?column?') return text
    return own === name ? text : `${text} AS ${quoteIdentifier(name)}`
  }

  private outputOrder(sorts: readonly OutputSort[]): string {
    if (sorts.length === 0) return ''
    return `${line(this.indent + 2)}ORDER BY ${sorts.map((sort) => `${sort.column + 1}${directionText(sort)}`).join(', ')}`
  }

  /* ---------------------------------------------------------------- FROM */

  private fromList(item: FromItem): string {
    if (item.kind !== 'join' || item.comma !== true) return this.from(item)
    return `${this.fromList(item.left)},${line(this.indent + 4)}${this.from(item.right)}`
  }

  private from(item: FromItem): string {
    if (item.kind !== 'join') return this.leaf(item)
    const { condition, join } = item
    const left = this.from(item.left)
    const right = item.right.kind === 'join' && this.pretty ? `(${this.from(item.right)})` : this.from(item.right)
    const word = condition === undefined ? 'CROSS JOIN' : join === 'inner' ? 'JOIN' : `${join.toUpperCase()} JOIN`
    const using = this.usingText(item)
    const on = using ?? (condition === undefined ? '' : ` ON ${this.pretty ? this.expr(condition) : `(${this.expr(condition)})`}`)
    const text = `${left}${line(this.indent + 5)}${word} ${right}${on}`
    return this.pretty ? text : `(${text})`
  }

  /** USING, as long as its columns are still called alike and it is clear whose they are; undefined: ON says the same. */
  private usingText({ using }: FromItem & { kind: 'join' }): string | undefined {
    if (using === undefined) return undefined
    const names: string[] = []
    for (const { left, right } of using.columns) {
      const name = this.nameOf(left)
      if (name === undefined || name !== this.nameOf(right)) return undefined
      names.push(quoteIdentifier(name))
    }
    const alias = using.alias === undefined ? '' : ` AS ${quoteIdentifier(using.alias)}`
    return ` USING (${names.join(', ')})${alias}`
  }

  /** What a column of a join's side is called by itself. */
  private nameOf(expr: Expr): string | undefined {
    if (expr.kind === 'column') return this.columnOf(expr.relation, expr.column)
    const [first] = expr.kind === 'coalesce' ? expr.arguments : []
    return first === undefined ? undefined : this.nameOf(first)
  }

  /** The bare name of a merged column of this query, or of an enclosing one that nothing here hides. */
  private mergedName(expr: Expr): string | undefined {
    const own = this.merged.find(({ merged }) => isCopy(expr, merged))
    if (own !== undefined) return this.nameOf(own.left)
    const name = this.parent?.mergedName(expr)
    return name === undefined || [...this.named.values()].some(({ columns }) => columns.includes(name)) ? undefined : name
  }

  /** Columns of FULL JOIN ... USING and of sides of several types have no table: their bare names, where no other column has them. */
  private noteMerged(item: FromItem | undefined, leaves: readonly FromLeaf[]): void {
    if (item?.kind !== 'join') return
    this.noteMerged(item.left, leaves)
    this.noteMerged(item.right, leaves)
    for (const column of item.using?.columns ?? []) {
      if (column.merged.kind === 'column' || this.usingText(item) === undefined) continue
      const name = this.nameOf(column.left)
      const inside = leavesOf(item)
      const others = leaves.filter((leaf) => !inside.includes(leaf))
      if (!others.some((leaf) => this.named.get(leaf.id)?.columns.includes(name) === true)) this.merged.push(column)
    }
  }

  private leaf(item: FromLeaf): string {
    const named = this.named.get(item.id)
    assert(named !== undefined, 'a FROM item has a name')
    const alias = quoteIdentifier(named.name)
    switch (item.kind) {
      case 'table':
      case 'sequence': {
        const relation = item.kind === 'table' ? item.table : item.sequence
        return relationMark(relation.oid) + aliasText(this.nameNow(relation), named)
      }
      case 'subquery': {
        if (item.view !== undefined) {
          return relationMark(item.view.oid) + aliasText(this.nameNow(item.view), named)
        }
        const text = this.child().query(item.query, this.rawSubqueries.get(item.id), this.indent + step)
        const own = item.query.columns.map(({ name }) => name)
        return `${item.lateral ? 'LATERAL ' : ''}(${text}) ${alias}${columnList(named, own)}`
      }
      case 'cte': {
        const name = this.cteName(item.cte)
        return quoteIdentifier(name) + aliasText(name, named)
      }
      case 'function': {
        const [call] = item.calls
        if (call === undefined || item.calls.length > 1 || item.rowsAsValues === true) throw notPrintable('ROWS FROM')
        const ordinality = item.ordinality ? ' WITH ORDINALITY' : ''
        return `${item.lateral ? 'LATERAL ' : ''}${this.expr(call)}${ordinality} ${alias}(${named.columns.map((one) => quoteIdentifier(one ?? '')).join(', ')})`
      }
    }
  }

  /** Aliases as the text had them where its FROM clause is at hand; no two alike in one query. */
  private name(leaves: readonly FromLeaf[], rawFrom: readonly Node[]): void {
    const raws = rawFrom.flatMap(rawLeaves)
    const isAligned = raws.length === leaves.length
    for (const [i, leaf] of leaves.entries()) {
      const raw = isAligned ? raws[i] : undefined
      const alias = raw?.RangeVar?.alias ?? raw?.RangeSubselect?.alias ?? raw?.RangeFunction?.alias
      this.rawSubqueries.set(leaf.id, raw?.RangeSubselect?.subquery.SelectStmt)
      const wanted = alias?.aliasname ?? this.ownName(leaf)
      let name = wanted
      for (let n = 1; this.isTaken(name); n++) name = `${wanted}_${n}`
      const given = leaf.kind === 'function' ? texts(alias?.colnames ?? []) : []
      const columns = this.columnNames(leaf).map((own, position) => given[position] ?? own)
      this.named.set(leaf.id, { name, columns })
    }
  }

  /** By position in the relation's output; of tables that is attnum - 1. */
  private columnNames(leaf: FromLeaf): readonly (string | undefined)[] {
    const oid = leaf.kind === 'table' ? leaf.table.oid : leaf.kind === 'subquery' ? leaf.view?.oid : undefined
    const relation = oid === undefined ? undefined : this.catalog.relationByOid(oid)
    if (relation === undefined || relation.kind === 'sequence') return leaf.columns.map(({ name }) => name)
    return relation.columns.map((column) => (column.dropped ? undefined : column.name))
  }

  private isTaken(name: string): boolean {
    for (const named of this.named.values()) if (named.name === name) return true
    return this.parent?.isTaken(name) === true
  }

  private nameNow({ oid, name }: { readonly oid: number; readonly name: string }): string {
    return this.catalog.relationByOid(oid)?.name ?? name
  }

  private ownName(leaf: FromLeaf): string {
    switch (leaf.kind) {
      case 'table':
        return this.nameNow(leaf.table)
      case 'sequence':
        return this.nameNow(leaf.sequence)
      case 'cte':
        return this.cteName(leaf.cte)
      case 'subquery':
        return leaf.view === undefined ? 'unnamed_subquery' : this.nameNow(leaf.view)
      case 'function':
        return leaf.columns[0]?.name ?? 'function'
    }
  }

  /* ---------------------------------------------------------------- WITH */

  private ctes(ctes: readonly CommonTable[], raw: SelectStmt | undefined): string {
    if (ctes.length === 0) return ''
    for (const cte of ctes) this.cteNames.set(cte.id, cte.name)
    const rawQuery = (name: string): SelectStmt | undefined =>
      raw?.withClause?.ctes.find((one) => one.CommonTableExpr?.ctename === name)?.CommonTableExpr?.ctequery.SelectStmt
    const texts = ctes.map((cte) => this.cte(cte, rawQuery(cte.name)))
    const isRecursive = ctes.some(({ kind }) => kind === 'recursive')
    return ` WITH ${isRecursive ? 'RECURSIVE ' : ''}${texts.join(', ')}${line(this.indent)}`
  }

  private cte(cte: CommonTable, raw: SelectStmt | undefined): string {
    const inside = this.indent + step
    const wrap = (columns: string, how: string, body: string): string =>
      `${quoteIdentifier(cte.name)}${columns} AS ${how}(${line(inside)}${body}${line(inside)})`
    if (cte.kind === 'plain') {
      const how = cte.materialized === undefined ? '' : cte.materialized ? 'MATERIALIZED ' : 'NOT MATERIALIZED '
      return wrap('', how, this.child().query(cte.query, raw, inside))
    }
    if (cte.kind === 'modifying') throw notPrintable('a data-modifying statement in WITH')
    const start = this.child().query(cte.start, raw?.larg, inside)
    const again = this.child().query(cte.step, raw?.rarg, inside)
    const names = `(${cte.columns.map(({ name }) => quoteIdentifier(name)).join(', ')})`
    return wrap(names, '', `${start}${line(inside)}UNION${cte.distinct ? '' : ' ALL'}${line(inside)}${again}`)
  }

  private cteName(id: number): string {
    const name = this.cteNames.get(id) ?? this.parent?.cteName(id)
    assert(name !== undefined, 'a CTE was defined before it is read')
    return name
  }

  /* ---------------------------------------------------------------- expressions */

  private child(): QueryText {
    return new QueryText({ pretty: this.pretty, catalog: this.catalog }, this)
  }

  private expr(expr: Expr): string {
    return deparse(expr, this.options())
  }

  private options(): DeparseOptions {
    return {
      pretty: this.pretty,
      indent: this.indent + step,
      columnName: (relation, column) => {
        const lent = this.lentOf(relation)
        if (lent !== undefined) return this.expr(lent)
        const name = quoteIdentifier(this.columnOf(relation, column) ?? '')
        return this.qualified ? `${quoteIdentifier(this.relationOf(relation).name)}.${name}` : name
      },
      wholeRow: (relation) => `${quoteIdentifier(this.relationOf(relation).name)}.*`,
      quotedRelation: quotedRelationMark,
      merged: (expr) => {
        const name = this.mergedName(expr)
        return name === undefined ? undefined : quoteIdentifier(name)
      },
      query: (query) => {
        const child = this.child()
        child.namesVisible = false
        return child.query(query, undefined, this.indent + step)
      },
    }
  }

  /** An aggregate of this or an enclosing query that a subquery reads like a column. */
  private lentOf(relation: RelationId): Expr | undefined {
    return this.lent.get(relation) ?? this.parent?.lentOf(relation)
  }

  private relationOf(relation: RelationId): Named {
    const named = this.named.get(relation) ?? this.parent?.relationOf(relation)
    assert(named !== undefined, 'a column belongs to a FROM item')
    return named
  }

  private columnOf(relation: RelationId, column: number): string | undefined {
    return this.relationOf(relation).columns[column]
  }
}

/** Every use of a merged column is a copy of it with the same parts. */
function isCopy(expr: Expr, merged: Expr): boolean {
  if (expr === merged) return true
  if (expr.kind === 'coalesce') return merged.kind === 'coalesce' && expr.arguments === merged.arguments
  if (expr.kind === 'call') return merged.kind === 'call' && expr.arguments === merged.arguments
  if (expr.kind !== 'relabel' && expr.kind !== 'viaText' && expr.kind !== 'typmod') return false
  return merged.kind === expr.kind && expr.argument === merged.argument
}

type FromLeaf = Exclude<FromItem, { readonly kind: 'join' }>

function leavesOf(item: FromItem | undefined): readonly FromLeaf[] {
  if (item === undefined) return []
  return item.kind === 'join' ? [...leavesOf(item.left), ...leavesOf(item.right)] : [item]
}

/** The items of a FROM clause that are no joins, from left to right. */
function rawLeaves(node: Node): readonly Node[] {
  return node.JoinExpr === undefined ? [node] : [...rawLeaves(node.JoinExpr.larg), ...rawLeaves(node.JoinExpr.rarg)]
}

/** libpg-query's names; catalog does not import the binder at run time. */
const texts = (nodes: readonly Node[]): string[] => nodes.map((node) => node.String?.sval ?? '')

const isBareQuery = (query: Query): boolean =>
  query.limit === undefined && query.offset === undefined && query.orderBy.length === 0 && query.ctes.length === 0

function withColumns(query: Query, columns: readonly OutputColumn[]): Query {
  return { ...query, columns: query.columns.map((column, i) => ({ ...column, name: columns[i]?.name ?? column.name })) }
}

/** Nothing where the relation goes by its own name. */
const aliasText = (own: string, named: Named): string => (named.name === own ? '' : ` ${quoteIdentifier(named.name)}`)

function columnList(named: Named, own: readonly string[] | undefined): string {
  if (own === undefined || named.columns.every((name, i) => name === undefined || name === own[i])) return ''
  return `(${named.columns.flatMap((name) => (name === undefined ? [] : [quoteIdentifier(name)])).join(', ')})`
}
