import { expect, test } from 'vitest'
import { expressionText, viewDefinition } from '../../../actors/query-processor/sql/catalog/definitions.ts'
import type { Table, View } from '../../../actors/query-processor/sql/catalog/schema.ts'
import { MemoryDatabase } from '../ddl/memory-database.ts'

/** What PostgreSQL 16 prints for each: pg_get_expr(..., true), then pg_get_expr(..., false). */
test.each([
  ["a varchar(10) default 'x'", "'x'::character varying", "'x'::character varying"],
  ['a int default -1', "'-1'::integer", "'-1'::integer"],
  ['a bigint default 5', '5', '5'],
  ['a numeric(10,2) default 0', '0', '0'],
  ['a int default (1 + 2) * 3', '(1 + 2) * 3', '((1 + 2) * 3)'],
  ['a timestamptz default now()', 'now()', 'now()'],
  ['a date default current_date', 'CURRENT_DATE', 'CURRENT_DATE'],
  ["a text default 'a' || 'b'", "'a'::text || 'b'::text", "('a'::text || 'b'::text)"],
  ["a char(3) default 'abc'", "'abc'::bpchar", "'abc'::bpchar"],
  ["a jsonb default '{}'::jsonb", "'{}'::jsonb", "'{}'::jsonb"],
  ['a int default 3 check (a > 0)', 'a > 0', '(a > 0)'],
  ["a varchar(9) default 'b' check (a <> '')", "a::text <> ''::text", "((a)::text <> ''::text)"],
  ['a int default 3 check (a in (1, 2))', 'a = ANY (ARRAY[1, 2])', '(a = ANY (ARRAY[1, 2]))'],
  [
    "a varchar default 'b' check (a in ('b', 'c'))",
    "a::text = ANY (ARRAY['b'::character varying, 'c'::character varying]::text[])",
    "((a)::text = ANY ((ARRAY['b'::character varying, 'c'::character varying])::text[]))",
  ],
  [
    'a int default 3 check (a between 1 and 5 or a is null)',
    'a >= 1 AND a <= 5 OR a IS NULL',
    '(((a >= 1) AND (a <= 5)) OR (a IS NULL))',
  ],
  [
    "a text default 'x' check (not (a like 'x%' and coalesce(a, '') <> 'z'))",
    "NOT (a ~~ 'x%'::text AND COALESCE(a, ''::text) <> 'z'::text)",
    "(NOT ((a ~~ 'x%'::text) AND (COALESCE(a, ''::text) <> 'z'::text)))",
  ],
  [
    "a int default 1 check (case when a > 1 then 'x' else 'y' end = 'y')",
    "\nCASE\n    WHEN a > 1 THEN 'x'::text\n    ELSE 'y'::text\nEND = 'y'::text",
    "(\nCASE\n    WHEN (a > 1) THEN 'x'::text\n    ELSE 'y'::text\nEND = 'y'::text)",
  ],
])('%s', async (definition, pretty, full) => {
  const database = new MemoryDatabase()
  expect(await database.tell(`create table t (${definition})`)).toBe('CREATE TABLE')
  const table = database.catalog.relation(2200, 't') as Table
  const viewer = { catalog: database.catalog, searchPath: ['public'] }
  const expression = table.checks[0]?.expression ?? table.columns[0]?.default
  expect(expression && expressionText(viewer, expression, true)).toBe(pretty)
  expect(expression && expressionText(viewer, expression, false)).toBe(full)
})

const tables = 'create table a (a int primary key, b text, c int); create table b (a int, d numeric, "E f" date)'

test.each([
  ['select * from a', ' SELECT a,\n    b,\n    c\n   FROM a;'],
  [
    "select a, b as x, now() from a where c > 3 and b like 'x%' order by a desc limit 10 offset 2",
    " SELECT a,\n    b AS x,\n    now() AS now\n   FROM a\n  WHERE c > 3 AND b ~~ 'x%'::text\n  ORDER BY a DESC\n OFFSET 2\n LIMIT 10;",
  ],
  [
    'select a.*, z.d from a join b z on a.a = z.a left join a y on y.a = z.a',
    ' SELECT a.a,\n    a.b,\n    a.c,\n    z.d\n   FROM a\n     JOIN b z ON a.a = z.a\n     LEFT JOIN a y ON y.a = z.a;',
  ],
  [
    'select b, count(*) from a group by b having count(*) > 1',
    ' SELECT b,\n    count(*) AS count\n   FROM a\n  GROUP BY b\n HAVING count(*) > 1;',
  ],
  [
    'select a from a union select a from b union all select 3',
    '(\n         SELECT a.a\n           FROM a\n        UNION\n         SELECT b.a\n           FROM b\n) UNION ALL\n SELECT 3 AS a;',
  ],
  [
    'with q as (select a from a) select * from q where exists (select 1 from b where b.a = q.a)',
    ' WITH q AS (\n         SELECT a.a\n           FROM a\n        )\n SELECT a\n   FROM q\n  WHERE (EXISTS ( SELECT 1\n           FROM b\n          WHERE b.a = q.a));',
  ],
  [
    'select x.n, x.m from (select y.a as n, y.b as m from a y) x, generate_series(1, 3) g(i) where x.n = i',
    ' SELECT x.n,\n    x.m\n   FROM ( SELECT y.a AS n,\n            y.b AS m\n           FROM a y) x,\n    generate_series(1, 3) g(i)\n  WHERE x.n = g.i;',
  ],
])('view: %s', async (query, expected) => {
  const database = new MemoryDatabase()
  await database.run(tables)
  expect(await database.tell(`create view v as ${query}`)).toBe('CREATE VIEW')
  const view = database.catalog.relation(2200, 'v') as View
  expect(viewDefinition({ catalog: database.catalog, searchPath: ['public'] }, view, true)).toBe(expected)
})

test('names follow what they name', async () => {
  const database = new MemoryDatabase()
  await database.run(`${tables}; create view v as select a, b from a where a > 1; create view w as select a as q from v;
    create view j as select a.b, b.d from a join b on a.a = b.a;
    create sequence s; create table d (x bigint default nextval('s'), check (x > 0));
    alter table a rename column a to "A a"; alter table a rename to aa; alter view v rename column a to first;
    alter sequence s rename to s2; create schema o; alter view v set schema o; alter table d rename x to y`)
  const viewer = { catalog: database.catalog, searchPath: ['public'] }
  const of = (name: string, schema = 2200): string =>
    viewDefinition(viewer, database.catalog.relation(schema, name) as View, true)
  expect(of('v', database.catalog.schema('o')?.oid)).toBe(' SELECT "A a" AS first,\n    b\n   FROM aa\n  WHERE "A a" > 1;')
  expect(of('w')).toBe(' SELECT first AS q\n   FROM o.v;')
  expect(of('j')).toBe(' SELECT aa.b,\n    b.d\n   FROM aa\n     JOIN b ON aa."A a" = b.a;')
  const d = database.catalog.relation(2200, 'd') as Table
  expect(d.columns[0]?.default && expressionText(viewer, d.columns[0].default, true)).toBe("nextval('s2'::regclass)")
  expect(d.columns[0]?.default?.text).toBe("nextval('public.s2'::regclass)")
  expect(d.checks[0] && expressionText(viewer, d.checks[0].expression, true)).toBe('y > 0')
  expect(await database.tell('drop table aa')).toContain(
    'DETAIL:  view o.v depends on table aa\nview w depends on view o.v\nview j depends on table aa',
  )
})
