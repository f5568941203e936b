import type {
  BoundResult,
  BoundStatement,
  CommonTable,
  Expr,
  FromItem,
  Query,
} from '../../../actors/query-processor/sql/bind/bound.ts'
import { builtinType } from '../../../actors/query-processor/sql/functions/builtin-types.ts'
import { procedureByOid } from '../../../actors/query-processor/sql/functions/procedures.ts'
import { Interval } from '../../../protocol/values/interval.ts'
import { Numeric } from '../../../protocol/values/numeric.ts'
import { SqlArray, type Value } from '../../../protocol/values/value.ts'

/** What was bound, on a line: calls by pg_proc name and argument types where they are overloaded, relations as r1, r2 ... */
export function showBound(result: BoundResult): string[] {
  const typeOf = (oid: number) => builtinType(oid).displayName
  const columns = result.columns?.map((column) => {
    const typmod = column.type.typmod < 0 ? '' : `/${column.type.typmod}`
    const origin = column.tableOid === 0 ? '' : ` of ${column.tableOid}.${column.attnum}`
    return `${column.name} ${typeOf(column.type.oid)}${typmod}${origin}`
  })
  return [
    ...(result.parameters.length > 0 ? [`parameters ${result.parameters.map(typeOf).join(', ')}`] : []),
    ...(columns === undefined ? [] : [`columns ${columns.join(', ')}`]),
    showStatement(result.statement),
  ]
}

const list = (exprs: readonly Expr[]): string => exprs.map(show).join(', ')
const when = (word: string, text: string | undefined): string => (text === undefined || text === '' ? '' : ` ${word} ${text}`)
const optional = (word: string, expr: Expr | undefined): string => when(word, expr && show(expr))

function showStatement(statement: BoundStatement): string {
  switch (statement.kind) {
    case 'query':
      return showQuery(statement.query)
    case 'insert': {
      const { onConflict: conflict } = statement
      const update = conflict?.update
      const action = update
        ? `update r${update.existing} r${update.excluded} set ${update.set.map((one) => `${one.position}=${show(one.value)}`).join(', ')}${optional('where', update.where)}`
        : 'nothing'
      return [
        `${ctes(statement.ctes)}insert ${statement.table.name}(${statement.positions.join(',')})`,
        statement.source ? ` ${showQuery(statement.source)}` : '',
        ` defaults ${list(statement.defaults)}`,
        statement.rules.checks.map((check) => ` check r${statement.rules.row} ${show(check.expr)}`).join(''),
        conflict ? ` on conflict ${conflict.arbiters?.map((index) => index.name).join(',') ?? 'any'} do ${action}` : '',
        statement.returning ? ` returning r${statement.returning.row}: ${list(statement.returning.targets)}` : '',
      ].join('')
    }
    case 'update':
      return `${ctes(statement.ctes)}update r${statement.target} from ${showFrom(statement.from)} set ${statement.set
        .map((one) => `${one.position}=${show(one.value)}`)
        .join(
          ', ',
        )}${optional('where', statement.where)}${statement.returning ? ` returning r${statement.returning.row}: ${list(statement.returning.targets)}` : ''}`
    case 'delete':
      return `${ctes(statement.ctes)}delete r${statement.target} from ${showFrom(statement.from)}${optional('where', statement.where)}${
        statement.returning ? ` returning r${statement.returning.row}: ${list(statement.returning.targets)}` : ''
      }`
  }
}

function ctes(tables: readonly CommonTable[]): string {
  return tables
    .map((table) => {
      const body =
        table.kind === 'plain'
          ? showQuery(table.query)
          : table.kind === 'modifying'
            ? showStatement(table.statement)
            : `${showQuery(table.start)} ${table.distinct ? 'union' : 'union all'} ${showQuery(table.step)}`
      return `with ${table.kind} c${table.id} ${table.name} (${body}) `
    })
    .join('')
}

function showQuery(query: Query): string {
  const tail = `${optional('limit', query.limit)}${optional('offset', query.offset)}${query.withTies ? ' with ties' : ''}`
  const direction = (key: { descending: boolean; nullsFirst: boolean }): string =>
    `${key.descending ? ' desc' : ''}${key.nullsFirst === key.descending ? '' : key.nullsFirst ? ' nulls first' : ' nulls last'}`
  switch (query.kind) {
    case 'select': {
      const hidden = query.targets.slice(query.columns.length)
      return [
        `${ctes(query.ctes)}select `,
        query.distinct === 'none' ? '' : query.distinct === 'all' ? 'distinct ' : `distinct on (${list(query.distinct)}) `,
        list(query.targets.slice(0, query.columns.length)),
        hidden.length > 0 ? ` hidden ${list(hidden)}` : '',
        when('from', query.from && showFrom(query.from)),
        optional('where', query.where),
        query.grouped ? ` group by (${list(query.groupBy)})` : '',
        optional('having', query.having),
        when('order by', query.orderBy.map((key) => `${show(key.expr)}${direction(key)}`).join(', ')),
        tail,
        query.locking.map((lock) => ` lock r${lock.relation} ${lock.mode}`).join(''),
      ].join('')
    }
    case 'values':
      return `${ctes(query.ctes)}values ${query.rows.map((row) => `(${list(row)})`).join(', ')}${when('order by', query.orderBy.map((key) => `#${key.column}${direction(key)}`).join(', '))}${tail}`
    case 'setOperation':
      return `${ctes(query.ctes)}(${showQuery(query.left)} ${query.operation}${query.all ? ' all' : ''} ${showQuery(query.right)})${when('order by', query.orderBy.map((key) => `#${key.column}${direction(key)}`).join(', '))}${tail}`
  }
}

function showFrom(item: FromItem): string {
  switch (item.kind) {
    case 'table':
      return `${item.table.name} r${item.id}`
    case 'sequence':
      return `sequence ${item.sequence.name} r${item.id}`
    case 'subquery':
      return `${item.lateral ? 'lateral ' : ''}${item.view ? `view ${item.view.name} ` : ''}(${showQuery(item.query)}) r${item.id}`
    case 'cte':
      return `c${item.cte} r${item.id}`
    case 'function':
      return `${item.lateral ? 'lateral ' : ''}${item.rowsAsValues ? 'rows as values ' : ''}functions(${list(item.calls)})${item.ordinality ? ' with ordinality' : ''} r${item.id}`
    case 'join':
      return `(${showFrom(item.left)} ${item.join} join ${showFrom(item.right)}${optional('on', item.condition)})`
  }
}

function showValue(value: Value): string {
  if (typeof value === 'string') return `'${value}'`
  if (value instanceof SqlArray) return `{${value.elements.map(showValue).join(',')}}`
  if (value instanceof Numeric) return `${value.unscaled}e-${value.scale}`
  if (value instanceof Interval) return `${value.months}mon ${value.days}d ${value.micros}us`
  return String(value)
}

function show(expr: Expr): string {
  const name = builtinType(expr.type.oid).name
  switch (expr.kind) {
    case 'constant':
      return `${showValue(expr.value)}:${name}`
    case 'parameter':
      return `$${expr.index + 1}:${name}`
    case 'column':
      return `r${expr.relation}.${expr.column}`
    case 'wholeRow':
      return `r${expr.relation}.*`
    case 'call':
      return `${procedureByOid(expr.procedure)!.source}(${list(expr.arguments)})${expr.variadic ? 'variadic' : ''}`
    case 'and':
    case 'or':
      return `(${expr.arguments.map(show).join(` ${expr.kind} `)})`
    case 'coalesce':
    case 'greatest':
    case 'least':
      return `${expr.kind}:${name}(${list(expr.arguments)})`
    case 'not':
      return `not ${show(expr.argument)}`
    case 'isNull':
      return `(${show(expr.argument)} is ${expr.negated ? 'not ' : ''}null)`
    case 'isBoolean':
      return `(${show(expr.argument)} is ${expr.negated ? 'not ' : ''}${expr.test})`
    case 'isDistinct':
      return `(${show(expr.left)} is ${expr.negated ? 'not ' : ''}distinct by ${procedureByOid(expr.equality)!.source} from ${show(expr.right)})`
    case 'case':
      return `case:${name}(${expr.branches.map((branch) => `${show(branch.when)} ? ${show(branch.then)}`).join(', ')} : ${show(expr.otherwise)})`
    case 'relabel':
      return `relabel:${name}(${show(expr.argument)})`
    case 'viaText':
      return `viaText:${name}(${show(expr.argument)})`
    case 'typmod':
      return `${expr.explicit ? 'cut' : 'fit'}:${name}/${expr.type.typmod}(${show(expr.argument)})`
    case 'arrayCast':
      return `arrayCast:${name}(${show(expr.argument)}, ${show(expr.element)})`
    case 'elementInput':
      return 'element'
    case 'array':
      return `${name}[${list(expr.elements)}]`
    case 'row':
      return `row(${list(expr.fields)})`
    case 'field':
      return `field ${expr.field} of ${show(expr.argument)}`
    case 'rowCompare':
      return `((${list(expr.left)}) ${expr.operator} (${list(expr.right)}))`
    case 'subscript':
      return `${show(expr.argument)}[${show(expr.index)}]`
    case 'slice':
      return `${show(expr.argument)}[${expr.from ? show(expr.from) : ''}:${expr.to ? show(expr.to) : ''}]`
    case 'assignPart': {
      const places = expr.subscripts.map((part) => (part === undefined ? '' : show(part)))
      return `${show(expr.argument)} with [${places.join(expr.isSlice ? ':' : '][')}] = ${show(expr.value)}`
    }
    case 'anyArray':
      return `(${show(expr.left)} ${procedureByOid(expr.procedure)!.source} ${expr.all ? 'all' : 'any'} ${show(expr.array)})`
    case 'in':
      return `(${show(expr.left)} ${expr.negated ? 'not ' : ''}in by ${procedureByOid(expr.procedure)!.source} (${list(expr.list)}))`
    case 'subquery': {
      const outer = expr.outer.length > 0 ? ` of ${expr.outer.map((id) => `r${id}`).join(',')}` : ''
      return `${expr.how}${outer}(${showQuery(expr.query)}${optional('test', expr.test)})`
    }
    case 'subqueryOutput':
      return `#${expr.column}`
    case 'aggregate': {
      const order = when('order by', expr.orderBy.map((key) => show(key.expr) + (key.descending ? ' desc' : '')).join(', '))
      return `agg ${procedureByOid(expr.procedure)!.name}:${name}(${expr.distinct ? 'distinct ' : ''}${list(expr.arguments)}${order})${optional('filter', expr.filter)}`
    }
    case 'session':
      return expr.value
  }
}
