import { writeFileSync } from 'node:fs'
import pg from 'pg'

/**
 * Reads the built-in types, functions, operators and casts of a running PostgreSQL 16 and writes them as tab-separated lines into
 * `actors/query-processor/sql/functions/builtin.generated.ts`. Prints nothing.
 *
 *     node test/conformance/generate-builtins.ts postgres://postgres@127.0.0.1:5432/postgres
 */
const output = new URL('../../actors/query-processor/sql/functions/builtin.generated.ts', import.meta.url)

const baseTypes =
  `bool char name int2 int4 int8 float4 float8 numeric text varchar bpchar bytea date time timetz timestamp timestamptz
  interval uuid json jsonb oid xid xid8 cid tid regclass regtype regproc regprocedure regnamespace regrole int2vector oidvector
  pg_node_tree aclitem`.split(/\s+/)
const pseudoTypes = `record cstring any anyarray void trigger internal anyelement anynonarray anycompatible anycompatiblearray
  anycompatiblenonarray unknown`.split(/\s+/)

type Row = readonly (string | null)[]

async function rows(client: pg.Client, text: string, values: unknown[] = []): Promise<Row[]> {
  const result = await client.query({ text, values, rowMode: 'array' })
  return result.rows as Row[]
}

/** One line per row; NULL is an empty field, and so is an empty text. */
function lines(table: readonly Row[]): string {
  for (const row of table) {
    for (const field of row) if (field?.match(/[\t\n]/)) throw new Error(`a tab or newline in ${row.join(' ')}`)
  }
  return table.map((row) => row.map((field) => field ?? '').join('\t')).join('\n')
}

async function main(connectionString: string): Promise<void> {
  const client = new pg.Client({ connectionString, types: { getTypeParser: () => (value: unknown) => value as string } })
  await client.connect()
  const supported = `select oid from pg_type where typnamespace = 11 and (typname = any($1) or typname = any($2)
    or (typcategory = 'A' and typelem in (select oid from pg_type where typnamespace = 11 and typname = any($1) or typname = 'record')))`
  const oids = (await rows(client, `${supported} order by oid`, [baseTypes, pseudoTypes])).map((row) => row[0] as string)

  const types = await rows(
    client,
    `select oid, typname, typlen, typtype, typcategory, case when typispreferred then 1 end, nullif(typelem, 0),
       case when typarray::text = any($1) then typarray end, format_type(oid, null), case when typmodin <> 0 then 1 end,
       case when typbyval then 1 end, typalign, typstorage, typinput::oid, typoutput::oid, nullif(typcollation, 0), typdelim
     from pg_type where oid::text = any($1) order by oid`,
    [oids],
  )
  const refusedTypes = await rows(
    client,
    `select typname from pg_type where typnamespace = 11 and not oid::text = any($1) and typtype in ('b', 'r', 'm', 'p')
       and typcategory <> 'A' order by 1`,
    [oids],
  )

  // Support functions of planner, indexes and types that no query can name, because an argument is internal, stay out.
  const named = `not exists (select from unnest(p.proargtypes) a where a = 'internal'::regtype) and p.prorettype <> 'internal'::regtype`
  const allSupported = `p.prorettype::text = any($1) and not exists (
      select from unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) a where not a::text = any($1))`
  const procedures = await rows(
    client,
    `select p.oid, proname, prokind, case when proisstrict then 1 end, case when proretset then 1 end, provolatile,
       nullif(provariadic, 0), prorettype, array_to_string(proargtypes::oid[], ' '), array_to_string(proallargtypes, ' '),
       array_to_string(proargmodes, ''), array_to_string(proargnames, ' ', ''),
       case when pronargdefaults > 0 then (select json_agg(substring(coalesce(pg_get_function_arg_default(p.oid, i), 'NULL')
           from '^''?(.*?)''?(?:::[a-z ]+(?:\\[\\])?)?$') order by i)
         from generate_series(pronargs - pronargdefaults + 1, pronargs) i) end,
       nullif(case when l.lanname = 'sql' then proname else prosrc end, proname),
       nullif(l.lanname, 'internal'), nullif(aggkind, 'n'), nullif(aggnumdirectargs, 0), nullif(nspname, 'pg_catalog')
     from pg_proc p join pg_language l on l.oid = prolang join pg_namespace n on n.oid = pronamespace
       left join pg_aggregate g on aggfnoid = p.oid
     where (pronamespace = 11 or proname = '_pg_expandarray') and ${allSupported} and ${named} order by proname, p.oid`,
    [oids],
  )
  const refusedProcedures = await rows(
    client,
    `select distinct proname from pg_proc p where pronamespace = 11 and ${named} and prorettype <> 'trigger'::regtype and proname not in
       (select proname from pg_proc p where pronamespace = 11 and ${allSupported} and ${named})
       and not exists (select from pg_type where typinput = p.oid or typoutput = p.oid or typreceive = p.oid or typsend = p.oid)
     order by 1`,
    [oids],
  )

  const operators = await rows(
    client,
    `select oid, oprname, nullif(oprleft, 0), nullif(oprright, 0), oprresult, oprcode::oid, nullif(oprcom, 0), nullif(oprnegate, 0),
       case when oprcanmerge then 1 end, case when oprcanhash then 1 end
     from pg_operator where oprnamespace = 11 and (oprleft = 0 or oprleft::text = any($1)) and oprright::text = any($1)
       and oprresult::text = any($1) order by oprname, oid`,
    [oids],
  )
  const casts = await rows(
    client,
    `select oid, castsource, casttarget, nullif(castfunc, 0), castcontext, castmethod from pg_cast
     where castsource::text = any($1) and casttarget::text = any($1) order by castsource, casttarget`,
    [oids],
  )
  // The default btree operators: <, =, > of each type that has an order.
  const orders = await rows(
    client,
    `select c.opcintype, max(o.amopopr) filter (where o.amopstrategy = 1), max(o.amopopr) filter (where o.amopstrategy = 3),
       max(o.amopopr) filter (where o.amopstrategy = 5)
     from pg_opclass c join pg_am a on a.oid = c.opcmethod
       join pg_amop o on o.amopfamily = c.opcfamily and o.amoplefttype = c.opcintype and o.amoprighttype = c.opcintype
     where a.amname = 'btree' and c.opcdefault and c.opcintype::text = any($1) group by 1 order by 1`,
    [oids],
  )
  await client.end()

  const exported = { types, refusedTypes, procedures, refusedProcedures, operators, casts, orders }
  const text = Object.entries(exported).map(([name, table]) => `export const ${name} = ${JSON.stringify(lines(table))}\n`)
  writeFileSync(output, `// Written by test/conformance/generate-builtins.ts from PostgreSQL 16. Do not edit.\n${text.join('')}`)
}

const connectionString = process.argv[2]
if (connectionString === undefined) throw new Error('usage: node test/conformance/generate-builtins.ts <connection string>')
await main(connectionString)
