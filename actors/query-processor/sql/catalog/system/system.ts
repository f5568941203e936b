import type { MaybePromise } from '../../../../../bus/bus.ts'
import { unsupported } from '../../../../../protocol/errors.ts'
import type { Value } from '../../../../../protocol/values/value.ts'
import type { Run } from '../../execute/run.ts'
import type { FunctionContext } from '../../functions/registry.ts'
import type { Catalog, Table } from '../schema.ts'
import { pgAttrdef, pgAttribute, pgClass, pgIndex, pgRewrite, pgSequence } from './class-rows.ts'
import { pgConstraint, pgDepend, pgDescription } from './constraint-rows.ts'
import * as information from './information-schema.ts'
import { jobRows, sequenceRows } from './live-rows.ts'
import { type Row, type RowSource, roleNames, tuples } from './record.ts'
import { informationSchemaOid, pgCatalogOid, sysOid } from './schemas.ts'
import { hasStaticRows, staticRows } from './static-rows.ts'
import { pgCast, pgOperator, pgProc, pgType } from './type-rows.ts'
import { pgAuthid, pgDatabase, pgIndexes, pgNamespace, pgRoles, pgTables, pgUser, pgViews, tableStatistics } from './view-rows.ts'

const sources: ReadonlyMap<string, RowSource> = new Map([
  ['pg_attrdef', pgAttrdef],
  ['pg_attribute', pgAttribute],
  ['pg_authid', pgAuthid],
  ['pg_cast', pgCast],
  ['pg_class', pgClass],
  ['pg_constraint', pgConstraint],
  ['pg_database', pgDatabase],
  ['pg_depend', pgDepend],
  ['pg_description', pgDescription],
  ['pg_index', pgIndex],
  ['pg_indexes', pgIndexes],
  ['pg_namespace', pgNamespace],
  ['pg_operator', pgOperator],
  ['pg_proc', pgProc],
  ['pg_rewrite', pgRewrite],
  ['pg_roles', pgRoles],
  ['pg_sequence', pgSequence],
  ['pg_shadow', pgUser],
  ['pg_tables', pgTables],
  ['pg_type', pgType],
  ['pg_user', pgUser],
  ['pg_views', pgViews],
])

const informationSources: ReadonlyMap<string, RowSource> = new Map([
  ['check_constraints', information.checkConstraints],
  ['columns', information.columns],
  ['constraint_column_usage', information.constraintColumnUsage],
  ['key_column_usage', information.keyColumnUsage],
  ['schemata', information.schemata],
  ['sequences', information.sequences],
  ['table_constraints', information.tableConstraints],
  ['tables', information.tables],
  ['views', information.views],
  ['information_schema_catalog_name', ({ database }) => [{ catalog_name: database }]],
  ['enabled_roles', (context) => roleNames(context).map((role_name) => ({ role_name }))],
])

/** Catalogs of objects that cannot be made here: they are empty, and that is the truth. */
const empty: ReadonlySet<string> = new Set(
  [
    'pg_auth_members pg_conversion pg_db_role_setting pg_default_acl pg_enum pg_event_trigger pg_extension pg_foreign_data_wrapper',
    'pg_foreign_server pg_foreign_table pg_group pg_inherits pg_init_privs pg_largeobject pg_largeobject_metadata pg_matviews',
    'pg_parameter_acl pg_partitioned_table pg_policies pg_policy pg_prepared_xacts pg_publication pg_publication_namespace',
    'pg_publication_rel pg_publication_tables pg_range pg_replication_origin pg_replication_slots pg_rules pg_seclabel pg_seclabels',
    'pg_shdepend pg_shdescription pg_shseclabel pg_stat_replication pg_stat_subscription pg_stat_wal_receiver pg_statistic',
    'pg_statistic_ext pg_statistic_ext_data pg_stats pg_stats_ext pg_stats_ext_exprs pg_subscription pg_subscription_rel pg_transform',
    'pg_trigger pg_ts_config pg_ts_config_map pg_ts_dict pg_ts_parser pg_ts_template pg_user_mapping pg_user_mappings',
    'pg_available_extensions pg_available_extension_versions pg_locks',
  ].flatMap((line) => line.split(' ')),
)

const emptyInformation: ReadonlySet<string> = new Set(
  [
    'attributes check_constraint_routine_usage column_domain_usage column_options column_udt_usage data_type_privileges domain_constraints',
    'domain_udt_usage domains foreign_data_wrapper_options foreign_data_wrappers foreign_server_options foreign_servers',
    'foreign_table_options foreign_tables referential_constraints role_udt_grants transforms triggered_update_columns triggers',
    'user_defined_types user_mapping_options user_mappings',
  ].flatMap((line) => line.split(' ')),
)

/** Rows that follow from the catalog alone are made once for each catalog: introspection joins them again and again. */
const lasting: ReadonlySet<string> = new Set(
  [
    'pg_attrdef pg_attribute pg_cast pg_class pg_constraint pg_depend pg_description pg_index pg_namespace pg_operator pg_proc pg_rewrite',
    'pg_sequence pg_type',
  ].flatMap((line) => line.split(' ')),
)
const made = new WeakMap<Catalog, Map<string, readonly (readonly Value[])[]>>()

/** What storage in another process has answered for a run. */
const answered = new WeakMap<Run, Map<string, Iterable<Row>>>()

/**
 * Some rows (sys.jobs, pg_sequences) lie in storage: where that is another process, its answer must be waited for before `systemRows`.
 * Undefined: nothing to wait for.
 */
export function awaitSystemRows(table: Table, run: Run): Promise<void> | undefined {
  const rows = liveRows(table, run)
  if (!(rows instanceof Promise)) return undefined
  return rows.then((given) => {
    const known = answered.get(run) ?? new Map<string, Iterable<Row>>()
    answered.set(run, known.set(table.name, given))
  })
}

/**
 * The rows of a system relation as this transaction's catalog has them, in the table's column order. A relation that has rows in
 * PostgreSQL and none made here is refused (0A000): an empty answer would be a wrong one.
 */
export function systemRows(table: Table, run: Run): Iterable<readonly Value[]> {
  const { catalog } = run.functions
  const isLasting = table.schemaOid === pgCatalogOid && lasting.has(table.name)
  const known = isLasting ? made.get(catalog)?.get(table.name) : undefined
  if (known !== undefined) return known
  const rows = answered.get(run)?.get(table.name) ?? liveRows(table, run) ?? rowsOf(table, run.functions)
  if (rows instanceof Promise) throw unsupported(`reading ${table.name} from storage in another process`)
  if (!isLasting) return tuples(table, rows)
  const list = [...tuples(table, rows)]
  const all = made.get(catalog) ?? new Map<string, readonly (readonly Value[])[]>()
  made.set(catalog, all.set(table.name, list))
  return list
}

function liveRows(table: Table, run: Run): MaybePromise<Iterable<Row>> | undefined {
  if (table.schemaOid === sysOid) return table.name === 'jobs' ? jobRows(run) : run.functions.awaitedRows?.(table.name)
  return table.name === 'pg_sequences' ? sequenceRows(run) : undefined
}

function rowsOf(table: Table, context: FunctionContext): Iterable<Row> {
  const { name, schemaOid } = table
  const live = context.systemRows?.(name)
  if (live !== undefined) return live
  const source = (schemaOid === informationSchemaOid ? informationSources : sources).get(name)
  if (source !== undefined) return source(context)
  if (schemaOid === informationSchemaOid) {
    if (emptyInformation.has(name)) return []
    throw unsupported(`reading information_schema.${name}`)
  }
  if (/^pg_stat(io)?_(all|user|sys)_(tables|indexes)$/.test(name)) return tableStatistics(table, context)
  if (hasStaticRows(name)) return staticRows(name)
  if (empty.has(name)) return []
  throw unsupported(`reading pg_catalog.${name}`)
}
