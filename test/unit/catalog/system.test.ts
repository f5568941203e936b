import { expect, test } from 'vitest'
import type { Table } from '../../../actors/query-processor/sql/catalog/schema.ts'
import { systemRelation, systemRelations } from '../../../actors/query-processor/sql/catalog/system/relations.ts'
import { informationSchemaOid, pgCatalogOid } from '../../../actors/query-processor/sql/catalog/system/schemas.ts'
import { systemRows } from '../../../actors/query-processor/sql/catalog/system/system.ts'
import { identifierText, identifierValue } from '../../../actors/query-processor/sql/functions/catalog-names.ts'
import { SqlError } from '../../../protocol/errors.ts'
import type { SqlArray, Value } from '../../../protocol/values/value.ts'
import { MemoryDatabase } from '../ddl/memory-database.ts'

async function example(): Promise<MemoryDatabase> {
  const database = new MemoryDatabase()
  await database.run(`
    create table t (id int primary key, a varchar(10) default 'x' check (a <> ''), s serial, u int unique, b text collate "C");
    create index i on t (a desc, u);
    create schema s;
    create view s.v as select id, a from t where id > 3;
    alter table t drop column u;
    comment on column t.a is 'first letter'`)
  return database
}

function rows(database: MemoryDatabase, name: string, schemaOid = pgCatalogOid): Record<string, Value>[] {
  const table = systemRelation(schemaOid, name) as Table
  const names = table.columns.map((column) => column.name)
  return [...systemRows(table, database.statementRun(database.rows))].map((row) =>
    Object.fromEntries(names.map((column, i) => [column, row[i] as Value])),
  )
}

const plain = (value: Value | undefined): unknown => (value as SqlArray).elements

test('every system relation answers rows of its width, or is refused by name', async () => {
  const database = await example()
  const refused: string[] = []
  for (const table of systemRelations()) {
    try {
      for (const row of systemRows(table, database.statementRun(database.rows))) expect(row.length).toBe(table.columns.length)
    } catch (error) {
      expect((error as SqlError).message).toContain(`${table.name} is not supported`)
      refused.push(table.name)
    }
  }
  expect(refused).toContain('pg_settings')
  expect(refused).not.toContain('pg_class')
})

test('a table is told by pg_class, pg_attribute, pg_index and pg_constraint', async () => {
  const database = await example()
  const oid = (database.catalog.relation(2200, 't') as Table).oid
  expect(rows(database, 'pg_class').find((row) => row.oid === oid)).toMatchObject({
    relname: 't',
    relkind: 'r',
    relnatts: 5,
    relchecks: 1,
    relhasindex: true,
  })
  const attributes = rows(database, 'pg_attribute').filter((row) => row.attrelid === oid)
  expect(attributes.map((row) => [row.attname, row.atttypid, row.attnotnull, row.attisdropped, row.attcollation])).toEqual([
    ['id', 23, true, false, 0],
    ['a', 1043, false, false, 100],
    ['s', 23, true, false, 0],
    ['........pg.dropped.4........', 0, false, true, 0],
    ['b', 25, false, false, 950],
  ])
  // The index on the dropped column is gone, and with it the unique constraint.
  const indexes = rows(database, 'pg_index').filter((row) => row.indrelid === oid)
  expect(indexes.map((row) => plain(row.indkey))).toEqual([[1]])
  const constraints = rows(database, 'pg_constraint').filter((row) => row.conrelid === oid)
  expect(constraints.map((row) => [row.conname, row.contype, plain(row.conkey)])).toEqual([
    ['t_a_check', 'c', [2]],
    ['t_pkey', 'p', [1]],
  ])
})

test('the information schema says the same in its own words', async () => {
  const database = await example()
  const columns = rows(database, 'columns', informationSchemaOid).filter((row) => row.table_name === 't')
  expect(
    columns.map((row) => [row.column_name, row.ordinal_position, row.column_default, row.data_type, row.is_nullable]),
  ).toEqual([
    ['id', 1, null, 'integer', 'NO'],
    ['a', 2, "'x'::character varying", 'character varying', 'YES'],
    ['s', 3, "nextval('t_s_seq'::regclass)", 'integer', 'NO'],
    ['b', 5, null, 'text', 'YES'],
  ])
})

test('identifiers are names outside and numbers inside', async () => {
  const database = await example()
  const { functions } = database.statementRun(database.rows)
  const view = identifierValue(functions, 2205, 's.v')
  expect(identifierText(functions, 2205, view)).toBe('s.v')
  expect(identifierText(functions, 2205, identifierValue(functions, 2205, 't'))).toBe('t')
  expect(identifierText(functions, 2206, identifierValue(functions, 2206, 'character varying(10)[]'))).toBe('character varying[]')
  expect(identifierText(functions, 2202, identifierValue(functions, 2202, 'lower( text )'))).toBe('lower(text)')
  expect(identifierText(functions, 2205, 0)).toBe('-')
  expect(identifierText(functions, 2205, 99)).toBe('99')
  expect(() => identifierValue(functions, 2205, 'nope')).toThrow(new SqlError('42P01', 'relation "nope" does not exist'))
  expect(() => identifierValue(functions, 4089, 'nope')).toThrow(new SqlError('3F000', 'schema "nope" does not exist'))
})
