/** Every keyword of PostgreSQL 16 that is not unreserved: as a name it must be quoted. */
const keywords: ReadonlySet<string> = new Set(
  [
    'all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both case cast',
    'char character check coalesce collate collation column concurrently constraint create cross current_catalog',
    'current_date current_role current_schema current_time current_timestamp current_user dec decimal default deferrable',
    'desc distinct do else end except exists extract false fetch float for foreign freeze from full grant greatest group',
    'grouping having ilike in initially inner inout int integer intersect interval into is isnull join json_array',
    'json_arrayagg json_object json_objectagg lateral leading least left like limit localtime localtimestamp national',
    'natural nchar none normalize not notnull null nullif numeric offset on only or order out outer overlaps overlay',
    'placing position precision primary real references returning right row select session_user setof similar smallint some',
    'substring symmetric system_user table tablesample then time timestamp to trailing treat trim true union unique user',
    'using values varchar variadic verbose when where window with xmlattributes xmlconcat xmlelement xmlexists xmlforest',
    'xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable',
  ].flatMap((line) => line.split(' ')),
)

/** quote_ident: as it stands where that is read back as the same name, else in double quotes. */
export function quoteIdentifier(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) && !keywords.has(name) ? name : `"${name.replaceAll('"', '""')}"`
}

/** quote_literal without the E'' form: standard_conforming_strings is always on. */
export const quoteLiteral = (text: string): string => `'${text.replaceAll("'", "''")}'`
