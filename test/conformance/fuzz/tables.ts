import type { Chance } from './chance.ts'
import { type Column, literal } from './expression.ts'
import { type Type, types } from './forms.ts'

export interface Table {
  readonly name: string
  readonly columns: readonly Column[]
  /** Names of columns that tell rows apart; the first is `id`. */
  readonly statements: readonly string[]
}

const nameOf = (type: Type, i: number): string => `${type.replace('[]', 's').replace('timestamp', 'ts')}_${'abc'[i]}`

/** Tables of most types, one of them empty, the others with a few rows each, nulls and equals among them, indexes here and there. */
export function makeTables(chance: Chance): Table[] {
  return ['t1', 't2', 't3', 't4', 't5', 't6'].map((name, i) => makeTable(chance, name, [12, 25, 6, 0, 18, 9][i] as number))
}

function makeTable(chance: Chance, name: string, rows: number): Table {
  const columns: Column[] = [{ name: 'id', type: 'int4' }]
  for (const type of types) {
    const count = type === 'int4' || type === 'text' ? 2 : Number(chance.percent(75))
    for (let i = 0; i < count; i++) columns.push({ name: nameOf(type, i), type })
  }
  const defined = columns.map((column) => `${column.name} ${column.type}${column.name === 'id' ? ' primary key' : ''}`)
  const statements = [`create table ${name} (${defined.join(', ')})`]
  for (let id = 1; id <= rows; id++) {
    const values = columns.slice(1).map(({ type }) => (chance.percent(20) ? 'null' : literal(chance, type)))
    statements.push(`insert into ${name} values (${[chance.percent(80) ? id : id + 100, ...values].join(', ')})`)
  }
  const indexed = columns.filter(({ type }) => type !== 'jsonb' && type !== 'bool')
  for (let i = 0; i < 4; i++) {
    const parts = chance
      .some(indexed, chance.between(1, 2))
      .map((column) => column.name + chance.pick(['', '', ' desc', ' nulls first', ' desc nulls last']))
    statements.push(`create index on ${name} (${parts.join(', ')})`)
  }
  return { name, columns, statements }
}
