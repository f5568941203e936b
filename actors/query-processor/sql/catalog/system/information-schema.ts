import type { Value } from '../../../../../protocol/values/value.ts'
import { findBuiltinType, int4Oid, int8Oid, numericOid } from '../../functions/builtin-types.ts'
import type { FunctionContext } from '../../functions/registry.ts'
import { expressionText, viewDefinition } from '../definitions.ts'
import type { Column, Relation, SequenceRelation, Table, View } from '../schema.ts'
import { indexesOf } from '../snapshot.ts'
import { liveColumns, type Row, type RowSource, schemaName } from './record.ts'

const int2Oid = 21

/** The information schema: SQL's own words for the catalog, chapter 37 of PostgreSQL 16's manual. */

const yes = (is: boolean): string => (is ? 'YES' : 'NO')

type Reader = Pick<FunctionContext, 'catalog' | 'database' | 'searchPath'>

export const schemata: RowSource = ({ catalog, database }) =>
  [...catalog.schemas()].map(({ name, owner }) => ({ catalog_name: database, schema_name: name, schema_owner: owner }))

const isView = (relation: Table | View): boolean =>
  relation.kind === 'view' || ('relkind' in relation && relation.relkind === 'v')

export const tables: RowSource = function* ({ catalog, database }) {
  for (const relation of catalog.relations()) {
    if (relation.kind === 'sequence') continue
    const isTable = !isView(relation)
    yield {
      table_catalog: database,
      table_schema: schemaName(catalog, relation.schemaOid),
      table_name: relation.name,
      table_type: isTable ? 'BASE TABLE' : 'VIEW',
      is_insertable_into: yes(isTable),
      is_typed: 'NO',
    }
  }
}

export const views: RowSource = function* (context) {
  for (const view of context.catalog.relations()) {
    if (view.kind !== 'view') continue
    yield {
      table_catalog: context.database,
      table_schema: schemaName(context.catalog, view.schemaOid),
      table_name: view.name,
      view_definition: viewDefinition(context, view, false),
      check_option: 'NONE',
      is_updatable: 'NO',
      is_insertable_into: 'NO',
      is_trigger_updatable: 'NO',
      is_trigger_deletable: 'NO',
      is_trigger_insertable_into: 'NO',
    }
  }
}

/* ---------------------------------------------------------------- columns */

const charOids = new Set([1042, 1043])
const integerBits: ReadonlyMap<number, number> = new Map([
  [int2Oid, 16],
  [int4Oid, 32],
  [int8Oid, 64],
])

/** _pg_char_max_length, _pg_numeric_precision and their kin. */
function measures({ oid, typmod }: Column['type']): Row {
  const bits = integerBits.get(oid) ?? (oid === 700 ? 24 : oid === 701 ? 53 : undefined)
  const isExact = integerBits.has(oid)
  const isNumeric = oid === numericOid
  const hasTypmod = typmod !== -1
  const isCharacter = charOids.has(oid)
  const isText = isCharacter || oid === 25
  const precision = isNumeric ? (hasTypmod ? ((typmod - 4) >> 16) & 0xffff : null) : (bits ?? null)
  const scale = isNumeric ? (hasTypmod ? (((typmod - 4) & 0x7ff) ^ 1_024) - 1_024 : null) : isExact ? 0 : null
  const isTime = [1083, 1114, 1184, 1266].includes(oid)
  const timePrecision = isTime
    ? hasTypmod
      ? typmod
      : 6
    : oid === 1186
      ? hasTypmod
        ? (typmod & 0xffff) % 0xffff || 6
        : 6
      : null
  return {
    character_maximum_length: isCharacter && hasTypmod ? typmod - 4 : null,
    character_octet_length: isCharacter && hasTypmod ? Math.min((typmod - 4) * 4, 1_073_741_824) : isText ? 1_073_741_824 : null,
    numeric_precision: precision,
    numeric_precision_radix: isNumeric ? 10 : bits === undefined ? null : 2,
    numeric_scale: scale,
    datetime_precision: oid === 1082 ? 0 : timePrecision,
  }
}

function columnRow(context: Reader, relation: Table | View, column: Column, position: number): Row {
  const type = findBuiltinType(column.type.oid)
  const isArray = type !== undefined && type.category === 'A' && type.name.startsWith('_')
  const sequence = column.sequenceOid === undefined ? undefined : context.catalog.relationByOid(column.sequenceOid)
  return {
    table_catalog: context.database,
    table_schema: schemaName(context.catalog, relation.schemaOid),
    table_name: relation.name,
    column_name: column.name,
    ordinal_position: position,
    column_default: column.default === undefined ? null : expressionText(context, column.default, false),
    is_nullable: yes(!column.notNull),
    data_type: isArray ? 'ARRAY' : (type?.displayName ?? 'USER-DEFINED'),
    ...measures(column.type),
    udt_catalog: context.database,
    udt_schema: 'pg_catalog',
    udt_name: type?.name ?? null,
    dtd_identifier: String(position),
    is_self_referencing: 'NO',
    ...identityOf(column, sequence?.kind === 'sequence' ? sequence : undefined),
    is_generated: 'NEVER',
    is_updatable: yes(!isView(relation)),
  }
}

function identityOf(column: Column, sequence: SequenceRelation | undefined): Row {
  if (column.identity === undefined) return { is_identity: 'NO', identity_cycle: 'NO' }
  return {
    is_identity: 'YES',
    identity_generation: column.identity === 'always' ? 'ALWAYS' : 'BY DEFAULT',
    identity_start: sequence === undefined ? null : String(sequence.start),
    identity_increment: sequence === undefined ? null : String(sequence.increment),
    identity_maximum: sequence === undefined ? null : String(sequence.max),
    identity_minimum: sequence === undefined ? null : String(sequence.min),
    identity_cycle: yes(sequence?.cycle === true),
  }
}

export const columns: RowSource = function* (context) {
  for (const relation of context.catalog.relations()) {
    if (relation.kind === 'sequence') continue
    for (const column of liveColumns(relation)) yield columnRow(context, relation, column, column.attnum)
  }
}

export const sequences: RowSource = function* ({ catalog, database }) {
  for (const sequence of catalog.relations()) {
    if (sequence.kind !== 'sequence' || isIdentity(catalog.relations(), sequence)) continue
    yield {
      sequence_catalog: database,
      sequence_schema: schemaName(catalog, sequence.schemaOid),
      sequence_name: sequence.name,
      data_type: findBuiltinType(sequence.type.oid)?.displayName ?? null,
      numeric_precision: integerBits.get(sequence.type.oid) ?? 64,
      numeric_precision_radix: 2,
      numeric_scale: 0,
      start_value: String(sequence.start),
      minimum_value: String(sequence.min),
      maximum_value: String(sequence.max),
      increment: String(sequence.increment),
      cycle_option: yes(sequence.cycle),
    }
  }
}

function isIdentity(relations: Iterable<Relation>, { ownedBy }: SequenceRelation): boolean {
  if (ownedBy === undefined) return false
  for (const table of relations) {
    if (table.oid === ownedBy.tableOid) {
      return table.kind === 'table' && table.columns[ownedBy.attnum - 1]?.identity !== undefined
    }
  }
  return false
}

/* ---------------------------------------------------------------- constraints */

interface NamedConstraint {
  readonly table: Table
  readonly name: string
  readonly type: 'PRIMARY KEY' | 'UNIQUE' | 'CHECK'
  readonly attnums: readonly number[]
  readonly clause: string | undefined
  readonly nullsDistinct: boolean | undefined
}

function* constraints(context: Reader): Iterable<NamedConstraint> {
  for (const table of context.catalog.relations()) {
    if (table.kind !== 'table') continue
    for (const check of table.checks) {
      const clause = `(${expressionText(context, check.expression, false)})`
      yield { table, name: check.name, type: 'CHECK', attnums: check.columns ?? [], clause, nullsDistinct: undefined }
    }
    for (const index of indexesOf(table)) {
      if (index.constraintOid === undefined) continue
      const attnums = index.columns.map(({ attnum }) => attnum)
      const type = index.primary ? 'PRIMARY KEY' : 'UNIQUE'
      const nullsDistinct = index.primary ? undefined : !index.nullsNotDistinct
      yield { table, name: index.name, type, attnums, clause: undefined, nullsDistinct }
    }
  }
}

/** NOT NULL counts as a CHECK without a name of its own. */
function* notNulls(context: Reader): Iterable<{ readonly table: Table; readonly name: string; readonly column: Column }> {
  for (const table of context.catalog.relations()) {
    if (table.kind !== 'table') continue
    for (const column of liveColumns(table)) {
      if (column.notNull) yield { table, name: `${table.schemaOid}_${table.oid}_${column.attnum}_not_null`, column }
    }
  }
}

function constraintHead({ catalog, database }: Reader, table: Table, name: string): Row {
  const schema = schemaName(catalog, table.schemaOid)
  return { constraint_catalog: database, constraint_schema: schema, constraint_name: name }
}

const tableHead = ({ catalog, database }: Reader, table: Table): Row => ({
  table_catalog: database,
  table_schema: schemaName(catalog, table.schemaOid),
  table_name: table.name,
})

export const tableConstraints: RowSource = function* (context) {
  const rest = { is_deferrable: 'NO', initially_deferred: 'NO', enforced: 'YES' }
  for (const { table, name, type, nullsDistinct } of constraints(context)) {
    const distinct: Value = nullsDistinct === undefined ? null : yes(nullsDistinct)
    const head = { ...constraintHead(context, table, name), ...tableHead(context, table) }
    yield { ...head, constraint_type: type, ...rest, nulls_distinct: distinct }
  }
  for (const { table, name } of notNulls(context)) {
    yield { ...constraintHead(context, table, name), ...tableHead(context, table), constraint_type: 'CHECK', ...rest }
  }
}

export const keyColumnUsage: RowSource = function* (context) {
  for (const { table, name, type, attnums } of constraints(context)) {
    if (type === 'CHECK') continue
    for (const [i, attnum] of attnums.entries()) {
      const column = (table.columns[attnum - 1] as Column).name
      yield {
        ...constraintHead(context, table, name),
        ...tableHead(context, table),
        column_name: column,
        ordinal_position: i + 1,
      }
    }
  }
}

export const constraintColumnUsage: RowSource = function* (context) {
  for (const { table, name, attnums } of constraints(context)) {
    for (const attnum of attnums) {
      const column = (table.columns[attnum - 1] as Column).name
      yield { ...tableHead(context, table), column_name: column, ...constraintHead(context, table, name) }
    }
  }
}

export const checkConstraints: RowSource = function* (context) {
  for (const { table, name, clause } of constraints(context)) {
    if (clause !== undefined) yield { ...constraintHead(context, table, name), check_clause: clause }
  }
  for (const { table, name, column } of notNulls(context)) {
    yield { ...constraintHead(context, table, name), check_clause: `${column.name} IS NOT NULL` }
  }
}
