import type { Chance } from './chance.ts'
import { aggregate, aggregateTypes, type Column, expression, literal, nothing, type Scope } from './expression.ts'
import { plainTypes, type Type, types } from './forms.ts'
import type { Table } from './tables.ts'

export interface Query {
  readonly sql: string
  readonly types: readonly Type[]
}

/** Makes SELECTs: every clause that taudb has, each of them rarely enough that rows remain. */
export class QueryMaker {
  private readonly chance: Chance
  private readonly tables: readonly Table[]
  private aliases = 0

  constructor(chance: Chance, tables: readonly Table[]) {
    this.chance = chance
    this.tables = tables
  }

  /** A whole statement; `ordered` when its rows have one order only. */
  statement(): { sql: string; ordered: boolean } {
    const query = this.query(2, nothing)
    if (!this.chance.percent(40)) return { sql: query.sql, ordered: false }
    const keys = query.types.map((_, i) => `q.c${i + 1}`)
    const directions = keys.map((key) => key + this.chance.pick(['', '', ' desc', ' nulls first', ' desc nulls last']))
    // Equals that look different (1.0 and 1.00) get an order by their looks.
    const looks = query.types.flatMap((type, i) => (plainTypes.includes(type) ? [] : [`q.c${i + 1}::text`]))
    const names = keys.map((key) => key.slice(2)).join(', ')
    const limit = this.chance.percent(40) ? ` limit ${this.chance.below(6)}` : ''
    const offset = this.chance.percent(15) ? ` offset ${this.chance.below(4)}` : ''
    const sql = `select * from (${query.sql}) q(${names}) order by ${[...directions, ...looks].join(', ')}${limit}${offset}`
    return { sql, ordered: true }
  }

  query(depth: number, outer: Scope, wanted?: readonly Type[]): Query {
    if (depth > 0 && this.chance.percent(8)) return this.withQuery(depth, outer, wanted)
    if (depth > 0 && this.chance.percent(12)) return this.combination(depth, outer, wanted)
    return this.select(depth, outer, wanted)
  }

  scope(columns: readonly Column[], depth: number): Scope {
    if (depth <= 0) return { columns }
    return {
      columns,
      subquery: (type, scope) => this.scalar(type, scope, depth - 1),
      condition: (scope) => this.condition(scope, depth - 1),
    }
  }

  private alias(): string {
    return `a${++this.aliases}`
  }

  private withQuery(depth: number, outer: Scope, wanted?: readonly Type[]): Query {
    const name = `w${++this.aliases}`
    const inner = this.query(depth - 1, nothing)
    const columns = inner.types.map((type, i) => ({ name: `c${i + 1}`, type }))
    const table = { name, columns, statements: [] }
    const maker = new QueryMaker(this.chance, [table, this.chance.pick(this.tables)])
    maker.aliases = this.aliases + 100
    const body = maker.select(depth - 1, outer, wanted)
    this.aliases = maker.aliases
    const kept = this.chance.pick(['', '', 'materialized ', 'not materialized '])
    const sql = `with ${name}(${columns.map((column) => column.name).join(', ')}) as ${kept}(${inner.sql}) ${body.sql}`
    return { sql, types: body.types }
  }

  private combination(depth: number, outer: Scope, wanted?: readonly Type[]): Query {
    const kinds = wanted ?? this.chance.some(plainTypes, this.chance.between(1, 3))
    const plain = kinds.every((type) => plainTypes.includes(type))
    const operator = plain
      ? this.chance.pick(['union', 'union all', 'intersect', 'except', 'intersect all', 'except all'])
      : 'union all'
    const [left, right] = [this.select(depth - 1, outer, kinds), this.select(depth - 1, outer, kinds)]
    return { sql: `(${left.sql}) ${operator} (${right.sql})`, types: kinds }
  }

  private select(depth: number, outer: Scope, wanted?: readonly Type[]): Query {
    const from = this.from(depth, outer)
    const columns = [...from.columns, ...(this.chance.percent(50) ? outer.columns : [])]
    const scope = this.scope(columns, depth)
    const where = this.chance.percent(45) ? ` where ${this.where(scope)}` : ''
    if (this.chance.percent(25)) return this.grouped(`${from.sql}${where}`, scope, wanted)
    const kinds = wanted ?? this.chance.some(types, this.chance.between(1, 4))
    const distinct = this.chance.percent(10) && kinds.every((type) => plainTypes.includes(type)) ? 'distinct ' : ''
    const outputs = kinds.map((type) => expression(this.chance, type, 2, scope))
    return { sql: `select ${distinct}${outputs.join(', ')} from ${from.sql}${where}`, types: kinds }
  }

  private where(scope: Scope): string {
    const parts = Array.from({ length: this.chance.between(1, 2) }, () =>
      this.chance.percent(60) ? this.search(scope) : expression(this.chance, 'bool', 2, scope),
    )
    return parts.join(this.chance.pick([' and ', ' and ', ' or ']))
  }

  /** What an index may answer: a column and a constant. */
  private search({ columns }: Scope): string {
    const column = this.chance.pick(columns)
    const value = (): string => literal(this.chance, column.type)
    const operator = this.chance.pick(['=', '=', '<', '<=', '>', '>=', '<>', 'in', 'any', 'between', 'null', 'distinct'])
    if (operator === 'in') return `${column.name} in (${value()}, ${value()}, ${value()})`
    if (operator === 'any')
      return column.type.endsWith('[]') ? `${column.name} = ${value()}` : `${column.name} = any(array[${value()}, ${value()}])`
    if (operator === 'between') return `${column.name} between ${value()} and ${value()}`
    if (operator === 'null') return `${column.name} is ${this.chance.pick(['', 'not '])}null`
    if (operator === 'distinct') return `${column.name} is ${this.chance.pick(['', 'not '])}distinct from ${value()}`
    return `${column.name} ${operator} ${value()}`
  }

  private grouped(from: string, scope: Scope, wanted?: readonly Type[]): Query {
    const kinds = wanted ?? this.chance.some([...new Set([...plainTypes, ...aggregateTypes()])], this.chance.between(1, 4))
    const keys: string[] = []
    const outputs = kinds.map((type) => {
      const plain = plainTypes.includes(type)
      if (aggregateTypes().includes(type) && (!plain || this.chance.percent(70))) return aggregate(this.chance, type, 1, scope)
      if (!plain) return `null::${type}`
      const key = this.chance.percent(60)
        ? this.column(type, scope)
        : expression(this.chance, type, 1, { columns: scope.columns })
      keys.push(key)
      return key
    })
    // A constant key would be a position in the list, or nothing to group by.
    const groups = keys.map((_, i) => String(outputs.indexOf(keys[i] as string) + 1))
    const group = groups.length === 0 ? '' : ` group by ${groups.join(', ')}`
    const having = this.chance.percent(25)
      ? ` having ${aggregate(this.chance, 'int8', 1, scope)} ${this.chance.pick(['>', '<>', '<='])} ${this.chance.below(4)}`
      : ''
    return { sql: `select ${outputs.join(', ')} from ${from}${group}${having}`, types: kinds }
  }

  private column(type: Type, scope: Scope): string {
    const columns = scope.columns.filter((column) => column.type === type)
    return columns.length === 0 ? literal(this.chance, type) : this.chance.pick(columns).name
  }

  private from(depth: number, outer: Scope): { sql: string; columns: Column[] } {
    let { sql, columns } = this.source(depth, outer)
    for (let i = this.chance.pick([0, 0, 0, 1, 1, 2]); i > 0; i--) {
      const lateral = depth > 0 && this.chance.percent(12)
      const right = lateral ? this.derived(depth - 1, { columns }, 'lateral ') : this.source(depth, outer)
      const kind = this.chance.pick(
        lateral
          ? ['join', 'left join', 'cross join']
          : ['join', 'join', 'left join', 'left join', 'right join', 'full join', 'cross join'],
      )
      const on = kind === 'cross join' ? '' : ` on ${this.joinCondition(columns, right.columns, kind, depth)}`
      sql = `${sql} ${kind} ${right.sql}${on}`
      columns = [...columns, ...right.columns]
    }
    return { sql, columns }
  }

  private joinCondition(left: readonly Column[], right: readonly Column[], kind: string, depth: number): string {
    const pairs = left.flatMap((a) => right.filter((b) => b.type === a.type).map((b) => `${a.name} = ${b.name}`))
    const equal = pairs.length === 0 ? undefined : this.chance.pick(pairs)
    // PostgreSQL knows full joins by equality only.
    if (kind === 'full join') return equal ?? 'true'
    const other = expression(this.chance, 'bool', 1, this.scope([...left, ...right], kind === 'join' ? depth : 0))
    if (equal === undefined || this.chance.percent(10)) return other
    return this.chance.percent(25) ? `${equal} and ${other}` : equal
  }

  private source(depth: number, outer: Scope): { sql: string; columns: Column[] } {
    const alias = this.alias()
    if (depth > 0 && this.chance.percent(12)) return this.derived(depth - 1, nothing, '')
    if (this.chance.percent(6)) {
      return {
        sql: `generate_series(${this.chance.between(-1, 2)}, ${this.chance.between(0, 4)}) ${alias}(n)`,
        columns: [{ name: `${alias}.n`, type: 'int4' }],
      }
    }
    if (this.chance.percent(5)) {
      const array = expression(this.chance, 'int4[]', 1, { columns: outer.columns })
      return {
        sql: `unnest(${array}) with ordinality ${alias}(u, o)`,
        columns: [
          { name: `${alias}.u`, type: 'int4' },
          { name: `${alias}.o`, type: 'int8' },
        ],
      }
    }
    if (this.chance.percent(5)) return this.valuesList(alias)
    const table = this.chance.pick(this.tables)
    return { sql: `${table.name} ${alias}`, columns: table.columns.map(({ name, type }) => ({ name: `${alias}.${name}`, type })) }
  }

  private valuesList(alias: string): { sql: string; columns: Column[] } {
    const kinds = this.chance.some(types, 2)
    const rows = Array.from(
      { length: this.chance.between(1, 4) },
      () => `(${kinds.map((type) => literal(this.chance, type)).join(', ')})`,
    )
    return {
      sql: `(values ${rows.join(', ')}) ${alias}(v1, v2)`,
      columns: kinds.map((type, i) => ({ name: `${alias}.v${i + 1}`, type })),
    }
  }

  private derived(depth: number, outer: Scope, lateral: string): { sql: string; columns: Column[] } {
    const alias = this.alias()
    const inner = this.query(depth, outer)
    const names = inner.types.map((_, i) => `c${i + 1}`)
    return {
      sql: `${lateral}(${inner.sql}) ${alias}(${names.join(', ')})`,
      columns: inner.types.map((type, i) => ({ name: `${alias}.${names[i]}`, type })),
    }
  }

  /** One value at most, by an aggregate or by a key. */
  private scalar(type: Type, outer: Scope, depth: number): string {
    const table = this.chance.pick(this.tables)
    const alias = this.alias()
    const columns = table.columns.map((column) => ({ name: `${alias}.${column.name}`, type: column.type }))
    const scope = this.scope([...columns, ...outer.columns], depth)
    const where = this.chance.percent(70) ? ` where ${this.correlation(columns, outer)}` : ''
    if (aggregateTypes().includes(type) && this.chance.percent(60)) {
      return `(select ${aggregate(this.chance, type, 1, { columns })} from ${table.name} ${alias}${where})`
    }
    return `(select ${expression(this.chance, type, 1, scope)} from ${table.name} ${alias}${where} order by ${alias}.id limit 1)`
  }

  private correlation(inner: readonly Column[], outer: Scope): string {
    const pairs = inner.flatMap((a) => outer.columns.filter((b) => b.type === a.type).map((b) => `${a.name} = ${b.name}`))
    const equal = pairs.length === 0 || this.chance.percent(20) ? undefined : this.chance.pick(pairs)
    const other = expression(this.chance, 'bool', 1, { columns: [...inner, ...outer.columns] })
    return equal === undefined ? other : this.chance.percent(30) ? `${equal} and ${other}` : equal
  }

  private condition(outer: Scope, depth: number): string {
    const table = this.chance.pick(this.tables)
    const alias = this.alias()
    const columns = table.columns.map((column) => ({ name: `${alias}.${column.name}`, type: column.type }))
    const from = `from ${table.name} ${alias}`
    const where = `where ${this.correlation(columns, outer)}`
    const type = this.chance.pick(plainTypes)
    const left = expression(this.chance, type, 1, { columns: outer.columns })
    const right = expression(this.chance, type, 1, this.scope(columns, depth))
    switch (this.chance.below(6)) {
      case 0:
        return `exists (select 1 ${from} ${where})`
      case 1:
        return `not exists (select ${alias}.id ${from} ${where})`
      case 2:
        return `${left} in (select ${right} ${from}${this.chance.percent(50) ? ` ${where}` : ''})`
      case 3:
        return `${left} not in (select ${right} ${from} ${where})`
      case 4:
        return `${left} ${this.chance.pick(['<', '>=', '<>', '='])} any (select ${right} ${from} ${where})`
      default:
        return `${left} ${this.chance.pick(['<', '>=', '<>', '='])} all (select ${right} ${from})`
    }
  }
}
