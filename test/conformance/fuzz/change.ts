import type { Chance } from './chance.ts'
import { type Column, expression, literal, type Scope } from './expression.ts'
import type { QueryMaker } from './query.ts'
import type { Table } from './tables.ts'

const prefixed = (table: Table, alias: string): Column[] =>
  table.columns.map(({ name, type }) => ({ name: `${alias}.${name}`, type }))

/** An INSERT, UPDATE or DELETE whose effect does not hang on the order of rows. */
export function change(chance: Chance, queries: QueryMaker, tables: readonly Table[]): { sql: string; table: Table } {
  const table = chance.pick(tables)
  const sql = chance.pick([insert, insert, upsert, update, update, updateFrom, remove, removeUsing])(
    chance,
    queries,
    table,
    tables,
  )
  return { sql, table }
}

function returning(chance: Chance, scope: Scope): string {
  if (chance.percent(30)) return ''
  if (chance.percent(50)) return ' returning *'
  return ` returning ${expression(chance, 'text', 2, scope)}, ${expression(chance, 'int4', 2, scope)} as n`
}

type Make = (chance: Chance, queries: QueryMaker, table: Table, tables: readonly Table[]) => string

const insert: Make = (chance, queries, table) => {
  const columns = chance.some(table.columns.slice(1), chance.between(1, 5))
  const names = ['id', ...columns.map(({ name }) => name)].join(', ')
  const scope = { columns: prefixed(table, table.name) }
  if (chance.percent(40)) {
    const query = queries.query(
      1,
      { columns: [] },
      columns.map(({ type }) => type),
    )
    const outputs = columns.map((_, i) => `q.c${i + 1}`)
    const keys = outputs.map((output) => `${output}::text`).join(', ')
    const rows = `select 1000 + row_number, ${outputs.join(', ')} from (select * from (${query.sql}) q(${outputs.map((name) => name.slice(2)).join(', ')}) order by ${keys}) q, lateral (select 1 as row_number) r limit 1`
    return `insert into ${table.name} (${names}) ${rows}${returning(chance, scope)}`
  }
  const rows = Array.from({ length: chance.between(1, 3) }, (_, i) => {
    const values = columns.map(({ type }) => (chance.percent(15) ? 'default' : expression(chance, type, 2, { columns: [] })))
    return `(${[chance.percent(15) ? 1 : 2000 + i, ...values].join(', ')})`
  })
  return `insert into ${table.name} (${names}) values ${rows.join(', ')}${returning(chance, scope)}`
}

const upsert: Make = (chance, _, table) => {
  const columns = chance.some(table.columns.slice(1), chance.between(1, 3))
  const rows = Array.from(
    { length: chance.between(1, 4) },
    (_, i) => `(${[chance.between(i * 4, i * 4 + 3), ...columns.map(({ type }) => literal(chance, type))].join(', ')})`,
  )
  const both = { columns: [...prefixed(table, 'o'), ...columns.map(({ name, type }) => ({ name: `excluded.${name}`, type }))] }
  const sets = columns.map(({ name, type }) => `${name} = ${expression(chance, type, 2, both)}`)
  const where = chance.percent(40) ? ` where ${expression(chance, 'bool', 2, both)}` : ''
  const action = chance.percent(30) ? 'nothing' : `update set ${sets.join(', ')}${where}`
  const names = ['id', ...columns.map(({ name }) => name)].join(', ')
  return `insert into ${table.name} as o (${names}) values ${rows.join(', ')} on conflict (id) do ${action}${returning(chance, { columns: prefixed(table, 'o') })}`
}

function assignments(chance: Chance, table: Table, scope: Scope): string {
  const columns = chance.some(table.columns.slice(1), chance.between(1, 3))
  if (columns.length > 1 && chance.percent(25)) {
    const values = columns.map(({ type }) => expression(chance, type, 1, scope))
    return `(${columns.map(({ name }) => name).join(', ')}) = (${chance.percent(50) ? 'select ' : ''}${values.join(', ')})`
  }
  return columns
    .map(({ name, type }) => `${name} = ${chance.percent(8) ? 'default' : expression(chance, type, 2, scope)}`)
    .join(', ')
}

const update: Make = (chance, queries, table) => {
  const scope = queries.scope(prefixed(table, 'o'), 1)
  const where = chance.percent(80) ? ` where ${expression(chance, 'bool', 2, scope)}` : ''
  return `update ${table.name} o set ${assignments(chance, table, scope)}${where}${returning(chance, scope)}`
}

/** Joined by the other table's key: each row is met once. */
const updateFrom: Make = (chance, queries, table, tables) => {
  const other = chance.pick(tables)
  const scope = queries.scope([...prefixed(table, 'o'), ...prefixed(other, 'f')], 1)
  const numbers = table.columns.filter(({ type }) => type === 'int4')
  const join = `o.${chance.pick(numbers).name} = f.id`
  const where = chance.percent(50) ? ` and ${expression(chance, 'bool', 2, scope)}` : ''
  return `update ${table.name} o set ${assignments(chance, table, scope)} from ${other.name} f where ${join}${where}${returning(chance, scope)}`
}

const remove: Make = (chance, queries, table) => {
  const scope = queries.scope(prefixed(table, 'o'), 1)
  return `delete from ${table.name} o where ${expression(chance, 'bool', 2, scope)}${returning(chance, scope)}`
}

const removeUsing: Make = (chance, queries, table, tables) => {
  const other = chance.pick(tables)
  const scope = queries.scope([...prefixed(table, 'o'), ...prefixed(other, 'f')], 1)
  return `delete from ${table.name} o using ${other.name} f where o.int4_a = f.id and ${expression(chance, 'bool', 2, scope)}${returning(chance, scope)}`
}
