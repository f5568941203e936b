import type { Node } from '../../../actors/query-processor/sql/bind/parse-tree.ts'
import type { Column, Index, Relation, Schema, Table } from '../../../actors/query-processor/sql/catalog/schema.ts'
import { type CatalogContent, CatalogSnapshot } from '../../../actors/query-processor/sql/catalog/snapshot.ts'
import { builtinTypeByName } from '../../../actors/query-processor/sql/functions/builtin-types.ts'
import { parse } from '../../../actors/query-processor/sql/parse.ts'

/** A catalog from a few lines: tables as `name type`, keys, a view. Oids count up from 20000 in order. */
const schemas: readonly Schema[] = [
  { oid: 2200, name: 'public', owner: 'postgres' },
  { oid: 20_900, name: 's2', owner: 'postgres' },
]

function columnsOf(spec: string): Column[] {
  return spec.split(',').map((part, i) => {
    const [name, type, ...rest] = part.trim().split(' ')
    const [typeName, typmod] = type!.split('/')
    const identity = rest.includes('always') ? 'always' : rest.includes('identity') ? 'by default' : undefined
    const text = rest.find((word) => word.startsWith('='))?.slice(1)
    return {
      attnum: i + 1,
      name: name!,
      type: { oid: builtinTypeByName(typeName!)!.oid, typmod: Number(typmod ?? -1) },
      notNull: rest.includes('not-null'),
      dropped: rest.includes('dropped'),
      ...(identity === undefined ? {} : { identity, sequenceOid: 20_800 }),
      ...(text === undefined ? {} : { default: { text, node: expressionNode(text) } }),
    }
  })
}

function expressionNode(text: string): Node {
  return (parse(`SELECT ${text}`)[0]!.node as Node).SelectStmt!.targetList![0]!.ResTarget!.val!
}

interface TableSpec {
  readonly columns: string
  readonly key?: readonly number[]
  readonly unique?: Readonly<Record<string, readonly number[]>>
  readonly check?: string
  readonly schema?: number
}

function table(oid: number, name: string, { columns, key, unique = {}, check, schema = 2200 }: TableSpec): Table {
  const index = (at: number, indexName: string, attnums: readonly number[], primary: boolean): Index => ({
    oid: oid + at,
    name: indexName,
    schemaOid: schema,
    tableOid: oid,
    storageId: oid + at,
    unique: true,
    primary,
    nullsNotDistinct: false,
    columns: attnums.map((attnum) => ({ attnum, descending: false, nullsFirst: false })),
    constraintOid: oid + at + 50,
    state: 'valid',
  })
  return {
    kind: 'table',
    oid,
    name,
    schemaOid: schema,
    owner: 'postgres',
    storageId: oid,
    columns: columnsOf(columns),
    primaryKey: key && index(1, `${name}_pkey`, key, true),
    indexes: Object.entries(unique).map(([indexName, attnums], i) => index(2 + i, indexName, attnums, false)),
    checks:
      check === undefined
        ? []
        : [{ oid: oid + 90, name: `${name}_check`, validated: true, expression: { text: check, node: expressionNode(check) } }],
    system: false,
  }
}

const viewText = 'SELECT t.id, upper(t.b) AS upper FROM public.t WHERE t.c'

const relations: readonly Relation[] = [
  table(20_000, 't', {
    columns:
      'id int4 not-null, a int4, b text, c bool, d numeric/655366, e varchar/24, f timestamptz, g date, h int8, i float8, arr _int4, j jsonb',
    key: [1],
  }),
  table(20_100, 'u', {
    columns: "id int4 not-null, t_id int4, name text ='x', qty int2 =1",
    key: [1],
    unique: { u_name_key: [3] },
    check: 'qty > 0',
  }),
  table(20_200, 'w', { columns: 'k1 int4, k2 int4, v text', key: [1, 2] }),
  table(20_300, 'ident', { columns: 'id int8 always, id2 int4 identity, v text' }),
  table(20_400, 'gap', { columns: 'a int4, gone int4 dropped, c text' }),
  table(20_500, 't', { columns: 'id int4, x text', schema: 20_900 }),
  {
    kind: 'view',
    oid: 20_600,
    name: 'v',
    schemaOid: 2200,
    owner: 'postgres',
    columns: columnsOf('id int4, ub text'),
    query: { text: viewText, node: parse(viewText)[0]!.node },
    dependsOn: [20_000],
  },
  {
    kind: 'sequence',
    oid: 20_800,
    name: 'sq',
    schemaOid: 2200,
    owner: 'postgres',
    type: { oid: 20, typmod: -1 },
    start: 1n,
    increment: 1n,
    min: 1n,
    max: 9_223_372_036_854_775_807n,
    cycle: false,
    cache: 1n,
    ownedBy: undefined,
    storageId: 20_800,
  },
]

const content: CatalogContent = {
  schemas: new Map(schemas.map((schema) => [schema.oid, schema])),
  relations: new Map(relations.map((relation) => [relation.oid, relation])),
}

export const smallCatalog = new CatalogSnapshot('1', content)
