import type { Oid } from '../../../../../protocol/ids.ts'
import type { Value } from '../../../../../protocol/values/value.ts'
import { boolOid, findBuiltinType, int8Oid } from '../../functions/builtin-types.ts'
import type { Column, Index, Relation, SequenceRelation, Table } from '../schema.ts'
import { indexesOf } from '../snapshot.ts'
import { attrdefOid, type Row, type RowSource, roleOid, ruleOid, vector } from './record.ts'
import type { SystemTable } from './relations.ts'
import { defaultOperatorClass } from './static-rows.ts'

/** pg_class and what hangs on it: one row for each relation, index, column, default and rule. */

const relationKinds = { table: 'r', view: 'v', sequence: 'S' } as const

function relationRow(relation: Relation): Row {
  const isTable = relation.kind === 'table'
  const isSystem = isTable && relation.system
  const kind = isSystem ? (relation as SystemTable).relkind : relationKinds[relation.kind]
  return {
    ...classDefaults,
    oid: relation.oid,
    relname: relation.name,
    relnamespace: relation.schemaOid,
    relowner: roleOid(relation.owner),
    relam: kind === 'r' ? 2 : 0,
    relfilenode: kind === 'v' ? 0 : isTable && !isSystem ? relation.storageId : relation.oid,
    reltuples: relation.kind === 'sequence' ? 1 : -1,
    relhasindex: isTable && indexesOf(relation).length > 0,
    relkind: kind,
    relnatts: relation.kind === 'sequence' ? 3 : relation.columns.length,
    relchecks: isTable ? relation.checks.length : 0,
    relhasrules: kind === 'v',
    relreplident: kind === 'r' ? (isSystem ? 'n' : 'd') : 'n',
  }
}

const classDefaults: Row = {
  reltype: 0,
  reloftype: 0,
  reltablespace: 0,
  relpages: 0,
  reltuples: -1,
  relallvisible: 0,
  reltoastrelid: 0,
  relhasindex: false,
  relisshared: false,
  relpersistence: 'p',
  relchecks: 0,
  relhasrules: false,
  relhastriggers: false,
  relhassubclass: false,
  relrowsecurity: false,
  relforcerowsecurity: false,
  relispopulated: true,
  relispartition: false,
  relrewrite: 0,
  relfrozenxid: 0,
  relminmxid: 0,
}

function indexRow(index: Index, owner: string): Row {
  return {
    ...classDefaults,
    oid: index.oid,
    relname: index.name,
    relnamespace: index.schemaOid,
    relowner: roleOid(owner),
    relam: 403,
    relfilenode: index.storageId,
    reltuples: 0,
    relkind: 'i',
    relnatts: index.columns.length,
    relreplident: 'n',
  }
}

export const pgClass: RowSource = function* ({ catalog }) {
  for (const relation of catalog.relations()) {
    yield relationRow(relation)
    for (const index of indexesOf(relation)) yield indexRow(index, relation.owner)
  }
}

/* ---------------------------------------------------------------- pg_attribute, pg_attrdef */

function attributeRow(relationOid: Oid, column: Column, isSystem: boolean): Row {
  const type = column.dropped ? undefined : findBuiltinType(column.type.oid)
  return {
    attrelid: relationOid,
    attname: column.name,
    atttypid: column.dropped ? 0 : column.type.oid,
    attlen: type?.length ?? -1,
    attnum: column.attnum,
    attcacheoff: -1,
    atttypmod: column.type.typmod,
    attndims: type?.category === 'A' && type.name.startsWith('_') ? 1 : 0,
    attbyval: type?.byValue ?? false,
    attalign: type?.alignment ?? 'i',
    attstorage: type?.storage ?? 'p',
    attcompression: '',
    attnotnull: column.notNull,
    atthasdef: column.default !== undefined,
    atthasmissing: column.missing !== undefined,
    attidentity: column.identity === undefined ? '' : column.identity === 'always' ? 'a' : 'd',
    attgenerated: '',
    attisdropped: column.dropped,
    attislocal: true,
    attinhcount: 0,
    attstattarget: -1,
    // Names in the system's own catalogs are ordered as C orders them.
    attcollation:
      column.collation !== undefined ? column.collation : type?.collation === 100 && isSystem ? 950 : (type?.collation ?? 0),
  }
}

const sequenceColumns: readonly Column[] = (
  [
    ['last_value', int8Oid],
    ['log_cnt', int8Oid],
    ['is_called', boolOid],
  ] as const
).map(([name, oid], i) => ({ attnum: i + 1, name, type: { oid, typmod: -1 }, notNull: true, dropped: false }))

function indexColumns(table: Table, index: Index): readonly Column[] {
  return index.columns.map(({ attnum }, i) => {
    const { name, type } = table.columns[attnum - 1] as Column
    return { attnum: i + 1, name, type, notNull: false, dropped: false }
  })
}

export const pgAttribute: RowSource = function* ({ catalog }) {
  for (const relation of catalog.relations()) {
    const isSystem = relation.kind === 'table' && relation.system
    const columns = relation.kind === 'sequence' ? sequenceColumns : relation.columns
    for (const column of columns) yield attributeRow(relation.oid, column, isSystem)
    if (relation.kind !== 'table') continue
    for (const index of indexesOf(relation)) {
      for (const column of indexColumns(relation, index)) yield attributeRow(index.oid, column, isSystem)
    }
  }
}

/** Names the default; pg_get_expr looks it up. */
export const defaultReference = (tableOid: Oid, attnum: number): string => `{DEFAULT ${tableOid} ${attnum}}`
export const checkReference = (constraintOid: Oid): string => `{CHECK ${constraintOid}}`

export const pgAttrdef: RowSource = function* ({ catalog }) {
  for (const relation of catalog.relations()) {
    if (relation.kind === 'sequence') continue
    for (const { attnum, default: expression } of relation.columns) {
      if (expression === undefined) continue
      const adbin = defaultReference(relation.oid, attnum)
      yield { oid: attrdefOid(relation.oid, attnum), adrelid: relation.oid, adnum: attnum, adbin }
    }
  }
}

/* ---------------------------------------------------------------- pg_index, pg_sequence, pg_rewrite */

export const pgIndex: RowSource = function* ({ catalog }) {
  for (const table of catalog.relations()) {
    if (table.kind !== 'table') continue
    for (const index of indexesOf(table)) yield indexDetails(table, index)
  }
}

function indexDetails(table: Table, index: Index): Row {
  const types = index.columns.map(({ attnum }) => (table.columns[attnum - 1] as Column).type.oid)
  return {
    indexrelid: index.oid,
    indrelid: table.oid,
    indnatts: index.columns.length,
    indnkeyatts: index.columns.length,
    indisunique: index.unique,
    indnullsnotdistinct: index.nullsNotDistinct,
    indisprimary: index.primary,
    indisexclusion: false,
    indimmediate: true,
    indisclustered: false,
    indisvalid: index.state === 'valid',
    indcheckxmin: false,
    indisready: true,
    indislive: true,
    indisreplident: false,
    indkey: vector(index.columns.map(({ attnum }) => attnum)),
    indcollation: vector(types.map((type) => findBuiltinType(type)?.collation ?? 0)),
    indclass: vector(types.map(defaultOperatorClass)),
    indoption: vector(index.columns.map(({ descending, nullsFirst }) => (descending ? 1 : 0) + (nullsFirst ? 2 : 0))),
  }
}

export function sequences(relations: Iterable<Relation>): SequenceRelation[] {
  return [...relations].filter((relation) => relation.kind === 'sequence')
}

export const pgSequence: RowSource = ({ catalog }) =>
  sequences(catalog.relations()).map((sequence): Row => {
    const { oid, start, increment, max, min, cache, cycle } = sequence
    const type: Value = sequence.type.oid
    return {
      seqrelid: oid,
      seqtypid: type,
      seqstart: start,
      seqincrement: increment,
      seqmax: max,
      seqmin: min,
      seqcache: cache,
      seqcycle: cycle,
    }
  })

export const pgRewrite: RowSource = function* ({ catalog }) {
  for (const { kind, oid } of catalog.relations()) {
    if (kind !== 'view') continue
    const rule = { rulename: '_RETURN', ev_class: oid, ev_type: '1', ev_enabled: 'O', is_instead: true, ev_qual: '<>' }
    yield { oid: ruleOid(oid), ...rule, ev_action: `{VIEW ${oid}}` }
  }
}
