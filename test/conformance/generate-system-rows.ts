/** Writes catalog/system/rows.generated.ts from a PostgreSQL 16 (PGHOST, PGPORT ...): `node test/conformance/generate-system-rows.ts`. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { builtinTypes } from '../../actors/query-processor/sql/functions/builtin-types.ts'
import { allOperators } from '../../actors/query-processor/sql/functions/operators.ts'
import { allProcedures } from '../../actors/query-processor/sql/functions/procedures.ts'

const types = [...builtinTypes()].map(({ oid }) => oid).join(',')
const procedures = [...allProcedures()].map(({ oid }) => oid).join(',')
const operators = [...allOperators()].map(({ oid }) => oid).join(',')
/** Catalogs whose rows are the same in every database of ours; what speaks of types we do not have is left out. */
const queries: Readonly<Record<string, string>> = {
  pg_am: "select * from pg_am where amname in ('heap', 'btree', 'hash')",
  pg_opfamily:
    'select f.* from pg_opfamily f join pg_opclass c on c.opcfamily = f.oid where opcmethod in (403, 405) and opcintype in (TYPES) group by f.oid',
  pg_opclass: 'select * from pg_opclass where opcmethod in (403, 405) and opcintype in (TYPES)',
  pg_amop: 'select o.* from pg_amop o where amopmethod in (403, 405) and amoplefttype in (TYPES) and amoprighttype in (TYPES)',
  pg_collation: "select * from pg_collation where collname in ('default', 'C', 'POSIX', 'ucs_basic')",
  pg_language: "select * from pg_language where lanname in ('internal', 'c', 'sql')",
  pg_aggregate:
    'select a.* from pg_aggregate a join pg_proc p on p.oid = aggfnoid where prorettype in (TYPES) and proargtypes::oid[] <@ array[TYPES]::oid[] and aggtranstype in (TYPES)',
  pg_description: `select * from pg_description where classoid in ('pg_am'::regclass, 'pg_namespace'::regclass, 'pg_language'::regclass)
    and objoid < 16384 or classoid = 'pg_type'::regclass and objoid in (TYPES)
    or classoid = 'pg_proc'::regclass and objoid in (PROCEDURES) or classoid = 'pg_operator'::regclass and objoid in (OPERATORS)`,
  pg_tablespace: 'select * from pg_tablespace',
  pg_type: 'select * from pg_type where oid in (TYPES)',
  // Functions that only the catalogs above name: they take or give what no SQL expression has.
  pg_proc: `select * from pg_proc where oid not in (PROCEDURES) and oid in (
    select unnest(array[typsubscript, typinput, typoutput, typreceive, typsend, typmodin, typmodout, typanalyze]::oid[])
      from pg_type where oid in (TYPES)
    union select amhandler from pg_am
    union select unnest(array[aggtransfn, aggfinalfn, aggcombinefn, aggserialfn, aggdeserialfn, aggmtransfn, aggminvtransfn, aggmfinalfn]::oid[])
      from pg_aggregate a join pg_proc p on p.oid = aggfnoid where prorettype in (TYPES) and proargtypes::oid[] <@ array[TYPES]::oid[])`,
}

const client = new pg.Client({ types: { getTypeParser: () => (text: string) => text } as never })
await client.connect()
const lines: string[] = []
for (const [name, query] of Object.entries(queries)) {
  const text = `${query.replaceAll('TYPES', types).replaceAll('PROCEDURES', procedures).replaceAll('OPERATORS', operators)} order by 1`
  const { fields } = await client.query(`select * from (${text}) as catalog limit 0`)
  // regproc by number: names of functions are ambiguous.
  const columns = fields.map((field) => (field.dataTypeID === 24 ? `${field.name}::oid` : field.name)).join(', ')
  const { rows } = await client.query({ text: `select ${columns} from (${text}) as catalog`, rowMode: 'array' })
  const lineText = rows.map((row) => (row as (string | null)[]).map((value) => value ?? '\\N').join('\t')).join('\n')
  lines.push(`  ${name}: [${JSON.stringify(fields.map((field) => field.name).join(' '))}, ${JSON.stringify(lineText)}],`)
}
await client.end()
writeFileSync(
  join(import.meta.dirname, '../../actors/query-processor/sql/catalog/system/rows.generated.ts'),
  `// Written by test/conformance/generate-system-rows.ts from PostgreSQL 16. Do not edit.
/** Column names, then rows in the types' text format, \\N for NULL. */
export const rows: Readonly<Record<string, readonly [string, string]>> = {\n${lines.join('\n')}\n}\n`,
)
