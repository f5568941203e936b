import type { Oid } from '../../../../protocol/ids.ts'
import type { CatalogDraft } from '../catalog/draft.ts'
import type { Column, Index, Relation, Table } from '../catalog/schema.ts'
import { indexesOf } from '../catalog/snapshot.ts'
import type { DdlWork } from './context.ts'
import { visibleName } from './names.ts'

/** Something that DROP can take away, as pg_depend knows it. */
export type DroppedObject =
  | { readonly kind: 'schema'; readonly oid: Oid }
  | { readonly kind: 'relation'; readonly oid: Oid }
  | { readonly kind: 'index'; readonly oid: Oid }
  | { readonly kind: 'column'; readonly tableOid: Oid; readonly attnum: number }
  | { readonly kind: 'default'; readonly tableOid: Oid; readonly attnum: number }
  /** A CHECK, or the constraint that owns an index. */
  | { readonly kind: 'constraint'; readonly tableOid: Oid; readonly oid: Oid }

/** normal: dropping needs CASCADE. auto: goes along without a word. */
export interface Dependent {
  readonly object: DroppedObject
  readonly how: 'normal' | 'auto'
}

export function objectKey(object: DroppedObject): string {
  switch (object.kind) {
    case 'column':
    case 'default':
      return `${object.kind} ${object.tableOid} ${object.attnum}`
    default:
      return `${object.kind} ${object.oid}`
  }
}

/** Newer objects go first, as in PostgreSQL: by oid, defaults and columns with their table's. */
function age(object: DroppedObject): number {
  return object.kind === 'column' || object.kind === 'default' ? object.tableOid + object.attnum / 10_000 : object.oid
}

/** What cannot stay without `object`, newest first. */
export function dependentsOf(draft: CatalogDraft, object: DroppedObject): Dependent[] {
  return [...find(draft, object)].sort((a, b) => age(b.object) - age(a.object))
}

function* find(draft: CatalogDraft, object: DroppedObject): Iterable<Dependent> {
  switch (object.kind) {
    case 'schema':
      for (const { oid, schemaOid } of draft.stored()) if (schemaOid === object.oid) yield normal({ kind: 'relation', oid })
      return
    case 'relation':
      yield* ofRelation(draft, object.oid)
      return
    case 'column':
      yield* ofColumn(draft, object.tableOid, object.attnum)
      return
    case 'constraint': {
      const index = indexOfConstraint(draft, object)
      if (index !== undefined) yield auto({ kind: 'index', oid: index.oid })
      return
    }
    default:
  }
}

const normal = (object: DroppedObject): Dependent => ({ object, how: 'normal' })
const auto = (object: DroppedObject): Dependent => ({ object, how: 'auto' })

function* ofRelation(draft: CatalogDraft, oid: Oid): Iterable<Dependent> {
  for (const relation of draft.stored()) {
    if (relation.kind === 'view' && relation.dependsOn.includes(oid)) yield normal({ kind: 'relation', oid: relation.oid })
    if (relation.kind === 'sequence' && relation.ownedBy?.tableOid === oid) yield auto({ kind: 'relation', oid: relation.oid })
    if (relation.kind === 'table' && relation.oid !== oid) yield* expressionsOn(relation, oid)
  }
  const self = draft.relationByOid(oid)
  if (self?.kind !== 'table') return
  for (const index of indexesOf(self)) yield auto({ kind: 'index', oid: index.oid })
  for (const { attnum, default: expression } of self.columns) {
    if (expression !== undefined) yield auto({ kind: 'default', tableOid: oid, attnum })
  }
  for (const check of self.checks) yield auto({ kind: 'constraint', tableOid: oid, oid: check.oid })
}

/** Defaults and checks of a table that name another relation: nextval of a sequence. */
function* expressionsOn(table: Table, oid: Oid): Iterable<Dependent> {
  for (const column of table.columns) {
    if (!column.dropped && column.default?.dependsOn?.includes(oid) === true) {
      yield normal({ kind: 'default', tableOid: table.oid, attnum: column.attnum })
    }
  }
  for (const check of table.checks) {
    if (check.expression.dependsOn?.includes(oid) === true) {
      yield normal({ kind: 'constraint', tableOid: table.oid, oid: check.oid })
    }
  }
}

function* ofColumn(draft: CatalogDraft, tableOid: Oid, attnum: number): Iterable<Dependent> {
  for (const relation of draft.stored()) {
    if (relation.kind === 'view') {
      const uses = relation.dependsOnColumns?.some((one) => one.tableOid === tableOid && one.attnum === attnum)
      if (uses === true) yield normal({ kind: 'relation', oid: relation.oid })
    } else if (relation.kind === 'sequence') {
      const { ownedBy } = relation
      if (ownedBy?.tableOid === tableOid && ownedBy.attnum === attnum) yield auto({ kind: 'relation', oid: relation.oid })
    }
  }
  const table = draft.relationByOid(tableOid)
  if (table?.kind !== 'table') return
  for (const index of indexesOf(table)) {
    if (!index.columns.some((column) => column.attnum === attnum)) continue
    if (index.constraintOid === undefined) yield auto({ kind: 'index', oid: index.oid })
    else yield auto({ kind: 'constraint', tableOid, oid: index.constraintOid })
  }
  if (table.columns[attnum - 1]?.default !== undefined) yield auto({ kind: 'default', tableOid, attnum })
  for (const check of table.checks) {
    if (check.columns?.includes(attnum) === true) yield auto({ kind: 'constraint', tableOid, oid: check.oid })
  }
}

export function indexOfConstraint(
  draft: CatalogDraft,
  constraint: { readonly tableOid: Oid; readonly oid: Oid },
): Index | undefined {
  const table = draft.relationByOid(constraint.tableOid)
  return table === undefined ? undefined : indexesOf(table).find((index) => index.constraintOid === constraint.oid)
}

/** getObjectDescription: `view a.v`, `column x of table t`. */
export function describe(work: DdlWork, object: DroppedObject): string {
  const { draft } = work
  const relationText = (oid: Oid): string => {
    const relation = draft.relationByOid(oid) as Relation
    return `${relation.kind} ${visibleName(work, relation)}`
  }
  const columnText = (tableOid: Oid, attnum: number): string => {
    const table = draft.relationByOid(tableOid) as Table
    return `column ${(table.columns[attnum - 1] as Column).name} of ${relationText(tableOid)}`
  }
  switch (object.kind) {
    case 'schema':
      return `schema ${draft.schemaByOid(object.oid)?.name}`
    case 'relation':
      return relationText(object.oid)
    case 'index':
      return `index ${visibleName(work, draft.indexByOid(object.oid) as Index)}`
    case 'column':
      return columnText(object.tableOid, object.attnum)
    case 'default':
      return `default value for ${columnText(object.tableOid, object.attnum)}`
    case 'constraint': {
      const table = draft.relationByOid(object.tableOid) as Table
      const name = indexOfConstraint(draft, object)?.name ?? table.checks.find((check) => check.oid === object.oid)?.name ?? ''
      return `constraint ${name} on ${relationText(table.oid)}`
    }
  }
}
