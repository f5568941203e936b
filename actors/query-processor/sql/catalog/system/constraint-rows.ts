import type { Oid } from '../../../../../protocol/ids.ts'
import type { Index, Relation, Table } from '../schema.ts'
import { indexesOf } from '../snapshot.ts'
import { checkReference } from './class-rows.ts'
import { array, attrdefOid, classOids, type Row, type RowSource, ruleOid } from './record.ts'
import { staticRows } from './static-rows.ts'

/** pg_constraint, pg_depend and pg_description. */

const constraintDefaults: Row = {
  condeferrable: false,
  condeferred: false,
  convalidated: true,
  contypid: 0,
  conindid: 0,
  conparentid: 0,
  confrelid: 0,
  confupdtype: ' ',
  confdeltype: ' ',
  confmatchtype: ' ',
  conislocal: true,
  coninhcount: 0,
}

function keyRow(table: Table, index: Index, oid: Oid): Row {
  return {
    ...constraintDefaults,
    oid,
    conname: index.name,
    connamespace: table.schemaOid,
    contype: index.primary ? 'p' : 'u',
    conrelid: table.oid,
    conindid: index.oid,
    connoinherit: true,
    conkey: array(index.columns.map(({ attnum }) => attnum)),
  }
}

function* constraintsOf(table: Table): Iterable<Row> {
  for (const check of table.checks) {
    yield {
      ...constraintDefaults,
      oid: check.oid,
      conname: check.name,
      connamespace: table.schemaOid,
      contype: 'c',
      convalidated: check.validated,
      conrelid: table.oid,
      connoinherit: false,
      conkey: check.columns === undefined || check.columns.length === 0 ? null : array(check.columns),
      conbin: checkReference(check.oid),
    }
  }
  for (const index of indexesOf(table)) if (index.constraintOid !== undefined) yield keyRow(table, index, index.constraintOid)
}

export const pgConstraint: RowSource = function* ({ catalog }) {
  for (const relation of catalog.relations()) if (relation.kind === 'table') yield* constraintsOf(relation)
}

/* ---------------------------------------------------------------- pg_depend */

interface Place {
  readonly of: Oid
  readonly oid: Oid
  readonly part?: number
}

function depends(on: { readonly from: Place; readonly to: Place; readonly how: 'n' | 'a' | 'i' }): Row {
  const { from, to, how } = on
  return {
    classid: from.of,
    objid: from.oid,
    objsubid: from.part ?? 0,
    refclassid: to.of,
    refobjid: to.oid,
    refobjsubid: to.part ?? 0,
    deptype: how,
  }
}

const inClass = (oid: Oid, part = 0): Place => ({ of: classOids.pg_class, oid, part })

function* dependenciesOf(relation: Relation, isIdentity: (tableOid: Oid, attnum: number) => boolean): Iterable<Row> {
  yield depends({ from: inClass(relation.oid), to: { of: classOids.pg_namespace, oid: relation.schemaOid }, how: 'n' })
  if (relation.kind === 'sequence') {
    const { ownedBy } = relation
    if (ownedBy === undefined) return
    const how = isIdentity(ownedBy.tableOid, ownedBy.attnum) ? 'i' : 'a'
    yield depends({ from: inClass(relation.oid), to: inClass(ownedBy.tableOid, ownedBy.attnum), how })
  } else if (relation.kind === 'view') {
    const rule = { of: classOids.pg_rewrite, oid: ruleOid(relation.oid) }
    yield depends({ from: rule, to: inClass(relation.oid), how: 'i' })
    for (const { tableOid, attnum } of relation.dependsOnColumns ?? []) {
      yield depends({ from: rule, to: inClass(tableOid, attnum), how: 'n' })
    }
  } else yield* dependenciesOfTable(relation)
}

function* dependenciesOfTable(table: Table): Iterable<Row> {
  for (const { attnum, default: expression } of table.columns) {
    if (expression === undefined) continue
    const from = { of: classOids.pg_attrdef, oid: attrdefOid(table.oid, attnum) }
    yield depends({ from, to: inClass(table.oid, attnum), how: 'a' })
    for (const oid of expression.dependsOn ?? []) yield depends({ from, to: inClass(oid), how: 'n' })
  }
  for (const check of table.checks) {
    const from = { of: classOids.pg_constraint, oid: check.oid }
    for (const attnum of check.columns ?? []) yield depends({ from, to: inClass(table.oid, attnum), how: 'a' })
  }
  for (const index of indexesOf(table)) {
    const constraint = index.constraintOid === undefined ? undefined : { of: classOids.pg_constraint, oid: index.constraintOid }
    for (const { attnum } of index.columns) {
      yield depends({ from: constraint ?? inClass(index.oid), to: inClass(table.oid, attnum), how: 'a' })
    }
    if (constraint !== undefined) yield depends({ from: inClass(index.oid), to: constraint, how: 'i' })
  }
}

export const pgDepend: RowSource = function* ({ catalog }) {
  const isIdentity = (tableOid: Oid, attnum: number): boolean => {
    const table = catalog.relationByOid(tableOid)
    return table?.kind === 'table' && table.columns[attnum - 1]?.identity !== undefined
  }
  for (const relation of catalog.relations()) {
    if (relation.kind !== 'table' || !relation.system) yield* dependenciesOf(relation, isIdentity)
  }
}

/* ---------------------------------------------------------------- pg_description */

export const pgDescription: RowSource = function* ({ catalog }) {
  yield* staticRows('pg_description')
  const row = (classoid: Oid, objoid: Oid, comment: string | undefined, objsubid = 0): Row[] =>
    comment === undefined ? [] : [{ objoid, classoid, objsubid, description: comment }]
  for (const { oid, comment } of catalog.schemas()) if (oid !== 11) yield* row(classOids.pg_namespace, oid, comment)
  for (const relation of catalog.relations()) {
    yield* row(classOids.pg_class, relation.oid, relation.comment)
    if (relation.kind === 'sequence') continue
    for (const { attnum, comment } of relation.columns) yield* row(classOids.pg_class, relation.oid, comment, attnum)
    if (relation.kind !== 'table') continue
    for (const check of relation.checks) yield* row(classOids.pg_constraint, check.oid, check.comment)
    for (const index of indexesOf(relation)) {
      yield* row(classOids.pg_class, index.oid, index.comment)
      if (index.constraintOid !== undefined) yield* row(classOids.pg_constraint, index.constraintOid, index.constraintComment)
    }
  }
}
