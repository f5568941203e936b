import type { Oid } from '../../../../../protocol/ids.ts'
import { SqlArray, type Value } from '../../../../../protocol/values/value.ts'
import type { FunctionContext } from '../../functions/registry.ts'
import type { Catalog, Column, Table } from '../schema.ts'

/** A row of a system relation by column name; what is left out is NULL. */
export interface Row {
  readonly [column: string]: Value
}

export type RowSource = (context: FunctionContext) => Iterable<Row>

/** Each row in the table's column order. */
export function* tuples(table: Table, rows: Iterable<Row>): Iterable<readonly Value[]> {
  const names = table.columns.map(({ name }) => name)
  for (const row of rows) yield names.map((name) => row[name] ?? null)
}

/** int2vector and oidvector count from 0. */
export const vector = (numbers: readonly number[]): SqlArray => new SqlArray(numbers, 0)
export const array = (elements: readonly Value[]): SqlArray => new SqlArray(elements)

export const liveColumns = (relation: { readonly columns: readonly Column[] }): readonly Column[] =>
  relation.columns.filter((column) => !column.dropped)

export function schemaName(catalog: Catalog, oid: Oid): string {
  return catalog.schemaByOid(oid)?.name ?? ''
}

/* ---------------------------------------------------------------- oids of what has no descriptor of its own */

export const classOids = {
  pg_am: 2601,
  pg_attrdef: 2604,
  pg_class: 1259,
  pg_constraint: 2606,
  pg_namespace: 2615,
  pg_operator: 2617,
  pg_proc: 1255,
  pg_rewrite: 2618,
  pg_type: 1247,
} as const

/** A default's row in pg_attrdef. */
export const attrdefOid = (tableOid: Oid, attnum: number): Oid => 0x8000_0000 + ((tableOid * 1_600 + attnum) % 0x4000_0000)
/** A view's _RETURN rule. */
export const ruleOid = (viewOid: Oid): Oid => 0xc000_0000 + (viewOid % 0x3fff_0000)

const fixedRoles: ReadonlyMap<string, Oid> = new Map([
  ['postgres', 10],
  ['pg_database_owner', 6_171],
])

/** Roles are known by name; their oids are made from it. */
export function roleOid(name: string): Oid {
  const fixed = fixedRoles.get(name)
  if (fixed !== undefined) return fixed
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(name)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return 0x4000_0000 + (hash % 0x3fff_0000)
}

/** Everybody who can log in or owns something. */
export function roleNames(context: Pick<FunctionContext, 'catalog' | 'user'>): readonly string[] {
  const names = new Set(['postgres', context.user])
  for (const schema of context.catalog.schemas()) names.add(schema.owner)
  for (const relation of context.catalog.relations()) names.add(relation.owner)
  names.delete('pg_database_owner')
  return [...names]
}

export function roleName(context: Pick<FunctionContext, 'catalog' | 'user'>, oid: Oid): string | undefined {
  if (oid === 6_171) return 'pg_database_owner'
  return roleNames(context).find((name) => roleOid(name) === oid)
}
