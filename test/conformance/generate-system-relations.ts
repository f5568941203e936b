/** Writes catalog/system/relations.generated.ts from a PostgreSQL 16 (PGHOST, PGPORT ...): `node test/conformance/generate-system-relations.ts`. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'

const client = new pg.Client()
await client.connect()
const { rows } = await client.query<{ line: string }>(`
  select concat_ws(E'\\t', c.oid, case when n.nspname = 'pg_catalog' then 'p' else 'i' end, c.relkind, c.relname,
    (select string_agg(concat(a.attname, ':', case when t.typtype = 'd' then t.typbasetype else t.oid end,
      case when t.typtypmod >= 0 then concat('/', t.typtypmod) end, case when a.attnotnull then '!' end), ' ' order by a.attnum)
     from pg_attribute a join pg_type t on t.oid = a.atttypid where a.attrelid = c.oid and a.attnum > 0)) as line
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname in ('pg_catalog', 'information_schema') and c.relkind in ('r', 'v') and c.oid < 16384
  order by c.oid`)
await client.end()
const text = rows.map((row) => row.line).join('\n')
writeFileSync(
  join(import.meta.dirname, '../../actors/query-processor/sql/catalog/system/relations.generated.ts'),
  `// Written by test/conformance/generate-system-relations.ts from PostgreSQL 16. Do not edit.\nexport const relations = ${JSON.stringify(text)}\n`,
)
