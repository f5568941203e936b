import { SqlError } from '../../../../protocol/errors.ts'
import type { Oid } from '../../../../protocol/ids.ts'
import { formatNumeric, type Numeric } from '../../../../protocol/values/numeric.ts'
import { SqlArray, type Value } from '../../../../protocol/values/value.ts'
import { indexesOf } from '../catalog/snapshot.ts'
import { effectivePath } from '../catalog/stored-text.ts'
import {
  findIdentifier,
  identifierText,
  identifierValue,
  regclassOid,
  regnamespaceOid,
  regprocedureOid,
  regprocOid,
  regroleOid,
  regtypeOid,
} from './catalog-names.ts'
import type { FunctionContext, Implementations, ScalarFunction } from './registry.ts'

/** The session, the server, sizes and sequences. */

const versionText = 'PostgreSQL 16.14 (taudb 0.1.0)'

function currentSchemas(context: FunctionContext, withImplicit: boolean): readonly string[] {
  const path = withImplicit ? effectivePath(context.searchPath) : context.searchPath
  return path.filter((name) => context.catalog.schema(name) !== undefined)
}

/* ---------------------------------------------------------------- sizes */

function storageOf(context: FunctionContext, oid: Oid): number | undefined {
  const relation = context.catalog.relationByOid(oid)
  if (relation === undefined) return context.catalog.indexByOid(oid)?.storageId
  return relation.kind === 'view' ? undefined : relation.storageId
}

const isThere = (context: FunctionContext, oid: Oid): boolean =>
  (context.catalog.relationByOid(oid) ?? context.catalog.indexByOid(oid)) !== undefined

function bytesOf(context: FunctionContext, storageId: number | undefined): bigint {
  return BigInt(storageId === undefined ? 0 : (context.storageBytes?.(storageId) ?? 0))
}

function relationSize(context: FunctionContext, oid: Oid): bigint | null {
  return isThere(context, oid) ? bytesOf(context, storageOf(context, oid)) : null
}

/** Secondary indexes; the primary key's is the table itself. */
function indexesSize(context: FunctionContext, oid: Oid): bigint | null {
  const relation = context.catalog.relationByOid(oid)
  if (relation === undefined) return isThere(context, oid) ? 0n : null
  return indexesOf(relation).reduce((sum, index) => sum + (index.primary ? 0n : bytesOf(context, index.storageId)), 0n)
}

function totalSize(context: FunctionContext, oid: Oid): bigint | null {
  const own = relationSize(context, oid)
  return own === null ? null : own + (indexesSize(context, oid) ?? 0n)
}

function databaseSize(context: FunctionContext): bigint {
  let sum = 0n
  for (const relation of context.catalog.relations()) sum += totalSize(context, relation.oid) ?? 0n
  return sum
}

function knownDatabase(context: FunctionContext, database: string | Oid): void {
  if (database === context.database || database === 5) return
  throw new SqlError('3D000', `database "${database}" does not exist`)
}

/** pg_size_pretty: units turn at 10 of the next smaller one, and halves are rounded away from zero. */
function sizePretty(bytes: bigint): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB']
  const negative = bytes < 0n
  let size = negative ? -bytes : bytes
  if (size < 10_240n) return `${bytes} bytes`
  // One bit more than the unit is kept for rounding.
  size >>= 9n
  let unit = 1
  while (unit < units.length - 1 && (size + 1n) >> 1n >= 20_480n / 2n) {
    size >>= 10n
    unit++
  }
  return `${negative ? '-' : ''}${(size + 1n) >> 1n} ${units[unit]}`
}

function pretty(value: Numeric): string {
  if (value.special !== '') return `${formatNumeric(value)} PB`
  const whole = value.unscaled / 10n ** BigInt(value.scale)
  // Bytes are shown as they were given.
  return whole < 10_240n && whole > -10_240n ? `${formatNumeric(value)} bytes` : sizePretty(whole)
}

const sizeUnits: Readonly<Record<string, bigint>> = {
  '': 1n,
  bytes: 1n,
  b: 1n,
  kb: 1_024n,
  mb: 1_024n ** 2n,
  gb: 1_024n ** 3n,
  tb: 1_024n ** 4n,
  pb: 1_024n ** 5n,
}

function sizeBytes(text: string): bigint {
  const match = /^\s*([+-]?)(\d*)(?:\.(\d*))?(?:e([+-]?\d+))?\s*([a-z]*)\s*$/i.exec(text)
  if (match === null || (match[2] === '' && (match[3] ?? '') === '')) throw new SqlError('22023', `invalid size: "${text}"`)
  const [, sign, whole = '', fraction = '', exponent = '0', unit = ''] = match
  const factor = sizeUnits[unit.toLowerCase()]
  if (factor === undefined) {
    throw new SqlError('22023', `invalid size: "${text}"`, {
      detail: `Invalid size unit: "${unit}".`,
      hint: 'Valid units are "bytes", "B", "kB", "MB", "GB", "TB", and "PB".',
    })
  }
  const power = Number(exponent) - fraction.length
  const digits = BigInt(whole + fraction) * factor
  const scaled = power >= 0 ? digits * 10n ** BigInt(power) : (digits + 10n ** BigInt(-power) / 2n) / 10n ** BigInt(-power)
  return sign === '-' ? -scaled : scaled
}

/* ---------------------------------------------------------------- names of objects */

const outOf =
  (type: Oid): ScalarFunction =>
  (context, oid: Oid) =>
    identifierText(context, type, oid)
const inTo =
  (type: Oid): ScalarFunction =>
  (context, text: string) =>
    identifierValue(context, type, text)
const find =
  (type: Oid): ScalarFunction =>
  (context, text: string) =>
    findIdentifier(context, type, text) ?? null

const identifierTypes = {
  regclass: regclassOid,
  regtype: regtypeOid,
  regproc: regprocOid,
  regprocedure: regprocedureOid,
  regnamespace: regnamespaceOid,
  regrole: regroleOid,
} as const

const identifierFunctions: Record<string, ScalarFunction> = Object.fromEntries(
  Object.entries(identifierTypes).flatMap(([name, type]): [string, ScalarFunction][] => [
    [`${name}in`, inTo(type)],
    [`${name}out`, outOf(type)],
    [`to_${name}`, find(type)],
  ]),
)

const encodings: readonly (readonly [number, string])[] = [
  [0, 'SQL_ASCII'],
  [6, 'UTF8'],
  [8, 'LATIN1'],
]

/** pg_char_to_encoding reads over case and punctuation. */
const encodingNumber = (name: string): number => {
  const folded = name.toLowerCase().replace(/[^a-z0-9]/g, '')
  const spelled = folded === 'unicode' ? 'utf8' : folded === 'iso88591' ? 'latin1' : folded
  return encodings.find(([, known]) => known.toLowerCase().replace('_', '') === spelled)?.[0] ?? -1
}

const nothing = (): Value => null

export const catalogSessionFunctions: Implementations = {
  scalar: {
    ...identifierFunctions,
    text_regclass: inTo(regclassOid),
    pgsql_version: () => versionText,
    current_database: (context) => context.database,
    current_schema: (context) => currentSchemas(context, false)[0] ?? null,
    current_schemas: (context, withImplicit: boolean) => new SqlArray(currentSchemas(context, withImplicit)),
    current_query: (context) => context.currentQuery?.() ?? null,
    pg_backend_pid: (context) => context.backendId,
    pg_is_in_recovery: () => false,
    pg_my_temp_schema: () => 0,
    pg_is_other_temp_schema: () => false,
    pg_jit_available: () => false,
    pg_trigger_depth: () => 0,
    pg_blocking_pids: () => new SqlArray([]),
    pg_safe_snapshot_blocking_pids: () => new SqlArray([]),
    pg_notification_queue_usage: () => 0,
    row_security_active: () => false,
    row_security_active_name: () => false,
    inet_client_port: nothing,
    inet_server_port: nothing,
    getdatabaseencoding: () => 'UTF8',
    pg_client_encoding: () => 'UTF8',
    PG_encoding_to_char: (_context, encoding: number) => encodings.find(([number]) => number === encoding)?.[1] ?? '',
    PG_char_to_encoding: (_context, name: string) => encodingNumber(name),
    pg_collation_actual_version: nothing,
    pg_tablespace_location: () => '',
    pg_relation_size: (context, oid: Oid) => relationSize(context, oid),
    pg_table_size: (context, oid: Oid) => relationSize(context, oid),
    pg_indexes_size: (context, oid: Oid) => indexesSize(context, oid),
    pg_total_relation_size: (context, oid: Oid) => totalSize(context, oid),
    pg_relation_filenode: (context, oid: Oid) => storageOf(context, oid) ?? null,
    pg_database_size_oid: (context, database: Oid) => {
      knownDatabase(context, database)
      return databaseSize(context)
    },
    pg_database_size_name: (context, database: string) => {
      knownDatabase(context, database)
      return databaseSize(context)
    },
    pg_tablespace_size_oid: (context) => databaseSize(context),
    pg_tablespace_size_name: (context) => databaseSize(context),
    pg_size_pretty: (_context, bytes: bigint) => sizePretty(bytes),
    pg_size_pretty_numeric: (_context, bytes: Numeric) => pretty(bytes),
    pg_size_bytes: (_context, text: string) => sizeBytes(text),
    nextval_oid: (context, oid: Oid) => context.nextval(oid),
    currval_oid: (context, oid: Oid) => context.currval(oid),
    lastval: (context) => context.lastval(),
    setval_oid: (context, oid: Oid, value: bigint) => context.setval(oid, value, true),
    setval3_oid: (context, oid: Oid, value: bigint, isCalled: boolean) => context.setval(oid, value, isCalled),
    show_config_by_name: (context, name: string) => {
      const value = context.setting(name)
      if (value === undefined) throw new SqlError('42704', `unrecognized configuration parameter "${name}"`)
      return value
    },
    show_config_by_name_missing_ok: (context, name: string, isMissingOk: boolean) => {
      const value = context.setting(name)
      if (value === undefined && !isMissingOk) throw new SqlError('42704', `unrecognized configuration parameter "${name}"`)
      return value ?? null
    },
    set_config_by_name: (context, name: string | null, value: string | null, isLocal: boolean | null) => {
      if (name === null) throw new SqlError('22004', 'SET requires parameter name')
      context.setSetting(name, value ?? '', isLocal === true)
      return context.setting(name) ?? null
    },
  },
}
