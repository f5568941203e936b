import type { Oid } from '../../../../../protocol/ids.ts'
import { noTypmod } from '../../../../../protocol/values/type.ts'
import { findBuiltinType, int8Oid, oidOid, textOid, timestamptzOid } from '../../functions/builtin-types.ts'
import type { Column, Table } from '../schema.ts'
import { relations } from './relations.generated.ts'
import { bootstrapRole, informationSchemaOid, pgCatalogOid, sysOid } from './schemas.ts'

/** A relation of the system catalog: a Table to the binder, whatever PostgreSQL makes it. */
export interface SystemTable extends Table {
  readonly system: true
  /** pg_class.relkind */
  readonly relkind: 'r' | 'v'
}

interface Loaded {
  readonly byOid: ReadonlyMap<Oid, SystemTable>
  readonly byName: ReadonlyMap<string, SystemTable>
}

let loaded: Loaded | undefined

function column(name: string, type: Oid, notNull: boolean, attnum: number, typmod = noTypmod): Column {
  // pg_node_tree, pg_lsn and the like are texts to whoever reads them.
  const oid = findBuiltinType(type) === undefined ? textOid : type
  return { attnum, name, type: { oid, typmod }, notNull, dropped: false }
}

function table(oid: Oid, schemaOid: Oid, relkind: 'r' | 'v', name: string, columns: readonly Column[]): SystemTable {
  const head = { kind: 'table', oid, name, schemaOid, owner: bootstrapRole, storageId: 0, system: true, relkind } as const
  return { ...head, columns, primaryKey: undefined, indexes: [], checks: [] }
}

function parse(line: string): SystemTable {
  const [oid = '', schema, relkind, name = '', columns = ''] = line.split('\t')
  return table(
    Number(oid),
    schema === 'p' ? pgCatalogOid : informationSchemaOid,
    relkind as 'r' | 'v',
    name,
    columns.split(' ').map((text, i) => {
      const [columnName = '', type = ''] = text.split(':')
      const [, typmod] = /\/(\d+)/.exec(type) ?? []
      return column(
        columnName,
        Number.parseInt(type, 10),
        type.endsWith('!'),
        i + 1,
        typmod === undefined ? noTypmod : Number(typmod),
      )
    }),
  )
}

/** Aurora DSQL's view of background jobs. */
const jobs = (): SystemTable =>
  table(sysOid + 1, sysOid, 'v', 'jobs', [
    column('job_id', textOid, false, 1),
    column('status', textOid, false, 2),
    column('details', textOid, false, 3),
    column('job_type', textOid, false, 4),
    column('class_id', oidOid, false, 5),
    column('object_id', oidOid, false, 6),
    column('object_name', textOid, false, 7),
    column('start_time', timestamptzOid, false, 8),
    column('update_time', timestamptzOid, false, 9),
  ])

/** Recent traces, a span a row: what `taudb trace` draws. */
const spans = (): SystemTable =>
  table(sysOid + 2, sysOid, 'v', 'spans', [
    column('trace_id', textOid, false, 1),
    column('span_id', textOid, false, 2),
    column('parent_id', textOid, false, 3),
    column('name', textOid, false, 4),
    column('start_time', timestamptzOid, false, 5),
    column('duration_us', int8Oid, false, 6),
    column('attributes', textOid, false, 7),
    column('failure', textOid, false, 8),
  ])

function load(): Loaded {
  const byOid = new Map<Oid, SystemTable>()
  const byName = new Map<string, SystemTable>()
  for (const made of [...relations.split('\n').map(parse), jobs(), spans()]) {
    byOid.set(made.oid, made)
    byName.set(`${made.schemaOid}.${made.name}`, made)
  }
  return { byOid, byName }
}

const all = (): Loaded => (loaded ??= load())

export const systemRelations = (): Iterable<SystemTable> => all().byOid.values()

export const systemRelationByOid = (oid: Oid): SystemTable | undefined => all().byOid.get(oid)

export const systemRelation = (schemaOid: Oid, name: string): SystemTable | undefined => all().byName.get(`${schemaOid}.${name}`)
