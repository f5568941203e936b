import type { Oid } from '../../../../../protocol/ids.ts'
import type { Schema } from '../schema.ts'

export const pgCatalogOid: Oid = 11
export const publicOid: Oid = 2200
export const informationSchemaOid: Oid = 13_127
/** Aurora DSQL's own schema: jobs and what belongs to them. */
export const sysOid: Oid = 16_000

/** Owner of everything built in: PostgreSQL's bootstrap role. */
export const bootstrapRole = 'postgres'

/** There from the start; a row of the catalog takes its place once it is changed. */
export const publicSchema: Schema = {
  oid: publicOid,
  name: 'public',
  owner: 'pg_database_owner',
  comment: 'standard public schema',
}

/** Never stored, never changed. */
export const systemSchemas: readonly Schema[] = [
  { oid: pgCatalogOid, name: 'pg_catalog', owner: bootstrapRole, comment: 'system catalog schema' },
  { oid: informationSchemaOid, name: 'information_schema', owner: bootstrapRole },
  { oid: sysOid, name: 'sys', owner: bootstrapRole },
]

export function systemSchema(name: string): Schema | undefined {
  return systemSchemas.find((schema) => schema.name === name)
}

export function systemSchemaByOid(oid: Oid): Schema | undefined {
  return systemSchemas.find((schema) => schema.oid === oid)
}

export function isSystemSchema(oid: Oid): boolean {
  return systemSchemaByOid(oid) !== undefined
}
