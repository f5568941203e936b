import type { Value } from '../../../../../protocol/values/value.ts'
import { int8Oid } from '../../functions/builtin-types.ts'
import type { FunctionContext } from '../../functions/registry.ts'
import { indexDefinition, viewDefinition } from '../definitions.ts'
import type { Table } from '../schema.ts'
import { indexesOf } from '../snapshot.ts'
import { array, type Row, type RowSource, roleNames, roleOid, schemaName } from './record.ts'
import { isSystemSchema, publicSchema } from './schemas.ts'

/** The views of pg_catalog over relations, and roles and databases. */

export const pgNamespace: RowSource = ({ catalog }) =>
  [...catalog.schemas()].map(({ oid, name, owner }) => {
    const isShared = isSystemSchema(oid) || oid === publicSchema.oid
    const acl = isShared ? array([`${owner}=UC/${owner}`, `=U/${owner}`]) : null
    return { oid, nspname: name, nspowner: roleOid(owner), nspacl: acl }
  })

export const pgTables: RowSource = function* ({ catalog }) {
  for (const table of catalog.relations()) {
    if (table.kind !== 'table' || ('relkind' in table && table.relkind !== 'r')) continue
    yield {
      schemaname: schemaName(catalog, table.schemaOid),
      tablename: table.name,
      tableowner: table.owner,
      hasindexes: indexesOf(table).length > 0,
      hasrules: false,
      hastriggers: false,
      rowsecurity: false,
    }
  }
}

export const pgViews: RowSource = function* (context) {
  for (const view of context.catalog.relations()) {
    if (view.kind !== 'view') continue
    const { schemaOid, name, owner } = view
    const head = { schemaname: schemaName(context.catalog, schemaOid), viewname: name, viewowner: owner }
    yield { ...head, definition: viewDefinition(context, view, false) }
  }
}

export const pgIndexes: RowSource = function* (context) {
  for (const table of context.catalog.relations()) {
    if (table.kind !== 'table') continue
    for (const index of indexesOf(table)) {
      const head = { schemaname: schemaName(context.catalog, table.schemaOid), tablename: table.name, indexname: index.name }
      yield { ...head, indexdef: indexDefinition(context, index, 0, false) }
    }
  }
}

/**
 * pg_stat_*_tables and pg_statio_*_tables, as PostgreSQL shows them with track_counts off: nothing is counted, so counters are 0 and
 * times NULL.
 */
export function tableStatistics(view: Table, context: FunctionContext): Iterable<Row> {
  const isWanted = (table: Table): boolean =>
    view.name.includes('_user_') ? !table.system : view.name.includes('_sys_') ? table.system : true
  const counters = Object.fromEntries(view.columns.filter(({ type }) => type.oid === int8Oid).map(({ name }) => [name, 0n]))
  const isForIndexes = view.columns.some(({ name }) => name === 'indexrelid')
  const rows: Row[] = []
  for (const table of context.catalog.relations()) {
    if (table.kind !== 'table' || ('relkind' in table && table.relkind !== 'r') || !isWanted(table)) continue
    const head = { ...counters, relid: table.oid, schemaname: schemaName(context.catalog, table.schemaOid), relname: table.name }
    if (!isForIndexes) rows.push(head)
    else for (const index of indexesOf(table)) rows.push({ ...head, indexrelid: index.oid, indexrelname: index.name })
  }
  return rows
}

/* ---------------------------------------------------------------- roles and databases */

function role(context: FunctionContext, name: string): Row {
  const isSuper = name === 'postgres' || name === context.user
  return {
    oid: roleOid(name),
    rolname: name,
    rolsuper: isSuper,
    rolinherit: true,
    rolcreaterole: isSuper,
    rolcreatedb: isSuper,
    rolcanlogin: true,
    rolreplication: isSuper,
    rolbypassrls: isSuper,
    rolconnlimit: -1,
  }
}

export const pgAuthid: RowSource = (context) => [
  ...roleNames(context).map((name) => role(context, name)),
  { ...role(context, publicSchema.owner), rolcanlogin: false },
]

export const pgRoles: RowSource = function* (context) {
  for (const row of pgAuthid(context)) yield { ...row, rolpassword: '********' }
}

export const pgUser: RowSource = (context) =>
  roleNames(context).map((name) => {
    const { rolsuper, rolcreatedb, rolreplication, rolbypassrls } = role(context, name)
    const can: { readonly [column: string]: Value } = {
      usecreatedb: rolcreatedb as Value,
      usesuper: rolsuper as Value,
      userepl: rolreplication as Value,
      usebypassrls: rolbypassrls as Value,
    }
    return { usename: name, usesysid: roleOid(name), ...can, passwd: '********' }
  })

export const databaseOid = 5

export const pgDatabase: RowSource = ({ database }) => [
  {
    oid: databaseOid,
    datname: database,
    datdba: 10,
    encoding: 6,
    datlocprovider: 'c',
    datistemplate: false,
    datallowconn: true,
    datconnlimit: -1,
    datfrozenxid: 0,
    datminmxid: 0,
    dattablespace: 1_663,
    datcollate: 'C',
    datctype: 'C.UTF-8',
  },
]
