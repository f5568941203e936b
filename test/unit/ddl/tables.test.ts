import { expect, test } from 'vitest'
import { relationNameKey, relationVersionKey, schemaKey } from '../../../actors/query-processor/sql/catalog/keys.ts'
import type { Table } from '../../../actors/query-processor/sql/catalog/schema.ts'
import { MemoryDatabase } from './memory-database.ts'

const table = (database: MemoryDatabase, name: string): Table => database.catalog.relation(2200, name) as Table

test('a table is a row of the catalog, its name and its indexes are keys', async () => {
  const database = new MemoryDatabase()
  expect(await database.tell('create table t (id int primary key, a text unique, b varchar(10) not null)')).toBe('CREATE TABLE')
  const made = table(database, 't')
  expect(made.columns.map(({ name, type, notNull }) => [name, type.oid, type.typmod, notNull])).toEqual([
    ['id', 23, -1, true],
    ['a', 25, -1, false],
    ['b', 1043, 14, true],
  ])
  expect([made.primaryKey?.name, ...made.indexes.map((index) => index.name)]).toEqual(['t_pkey', 't_a_key'])
  for (const key of [relationVersionKey(made.oid), relationNameKey(2200, 't'), relationNameKey(2200, 't_pkey')]) {
    expect(database.rows.written.get(key)).toBe('X')
  }
  expect(database.rows.checks).toEqual([{ key: schemaKey(2200), mode: 'S' }])
})

test('a catalog read again is the catalog that was written', async () => {
  const database = new MemoryDatabase()
  await database.run('create schema s create table t (a serial, b bigint generated always as identity (start 5))')
  const before = database.catalog
  const other = new MemoryDatabase()
  other.rows = database.rows
  expect([...other.catalog.relations()]).toEqual([...before.relations()])
  expect(other.catalog.version).toBe(before.version)
})

test.each([
  ['create table t (a int)', '42P07: relation "t" already exists'],
  ['create table t_pkey (a int)', '42P07: relation "t_pkey" already exists'],
  ['create table nos.x (a int)', '3F000: schema "nos" does not exist\nat 14'],
  ['create table pg_catalog.x (a int)', '42501: permission denied to create "pg_catalog.x"'],
  ['create table x (a int, a int)', '42701: column "a" specified more than once'],
  ['create table x (a int primary key, b int primary key)', '42P16: multiple primary keys for table "x" are not allowed\nat 42'],
  ['create table x (a int, primary key (b))', '42703: column "b" named in key does not exist\nat 24'],
  ['create table x (a int, unique (a, a))', '42701: column "a" appears twice in unique constraint\nat 24'],
  ['create table x (a json primary key)', '42704: data type json has no default operator class for access method "btree"'],
  ['create table x (a int null not null)', '42601: conflicting NULL/NOT NULL declarations for column "a" of table "x"\nat 28'],
  ['create table x (a text generated always as identity)', '22023: identity column type must be smallint, integer, or bigint'],
  ['create table x (a serial[])', '0A000: array of serial is not implemented\nat 19'],
  ['create table x (ctid int)', '42701: column name "ctid" conflicts with a system column name'],
  ['create table x (a foo)', '42704: type "foo" does not exist\nat 19'],
  ['create temp table x (a int)', '0A000: a temporary table is not supported'],
  ['create sequence x increment 0', '22023: INCREMENT must not be zero'],
  ['create sequence x as smallint maxvalue 99999', '22023: MAXVALUE (99999) is out of range for sequence data type smallint'],
  ['create sequence x owned by t.nos', '42703: column "nos" of relation "t" does not exist'],
  ['create schema pg_x', '42939: unacceptable schema name "pg_x"'],
  ['drop index t_pkey', '2BP01: cannot drop index t_pkey because constraint t_pkey on table t requires it'],
  ['drop table v', '42P01: table "v" does not exist'],
  ['drop index t', '42809: "t" is not an index'],
  ['drop table pg_class', '42501: permission denied: "pg_class" is a system catalog'],
  ['drop schema nos', '3F000: schema "nos" does not exist'],
])('%s', async (sql, expected) => {
  const database = new MemoryDatabase()
  await database.run('create table t (id int primary key)')
  const before = database.catalog
  expect(await database.tell(sql)).toContain(`ERROR:  ${expected}`)
  expect(database.catalog).toBe(before)
})

test('names are chosen as PostgreSQL chooses them', async () => {
  const database = new MemoryDatabase()
  const long = 'a'.repeat(40)
  await database.run(`create table t (a int, b int, unique (a), unique (a), unique nulls not distinct (a), unique (a, b))`)
  await database.run(`create table ${long} (${long} int unique)`)
  expect(table(database, 't').indexes.map((index) => index.name)).toEqual(['t_a_key', 't_a_key1', 't_a_b_key'])
  const [index] = table(database, long).indexes
  expect(index?.name).toBe(`${'a'.repeat(29)}_${'a'.repeat(29)}_key`)
})

test('what depends on a dropped object is told, and goes with CASCADE', async () => {
  const database = new MemoryDatabase()
  await database.run('create schema s create table x (a serial); create table t (a serial)')
  expect(await database.tell('drop schema s')).toBe(
    'ERROR:  2BP01: cannot drop schema s because other objects depend on it\n' +
      'DETAIL:  table s.x depends on schema s\nHINT:  Use DROP ... CASCADE to drop the dependent objects too.',
  )
  expect(await database.tell('drop sequence t_a_seq cascade')).toBe(
    'NOTICE:  00000: drop cascades to default value for column a of table t\nDROP SEQUENCE',
  )
  expect(table(database, 't').columns[0]?.default).toBeUndefined()
  expect(await database.tell('drop schema s cascade')).toBe('NOTICE:  00000: drop cascades to table s.x\nDROP SCHEMA')
  expect(await database.tell('drop schema public cascade; create schema public')).toContain('CREATE SCHEMA')
  expect([...database.catalog.content.relations.values()]).toEqual([])
})
