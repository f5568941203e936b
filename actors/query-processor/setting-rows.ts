import { formatG } from '../../protocol/values/float.ts'
import { SqlArray, type Value } from '../../protocol/values/value.ts'
import { allParameters, type Parameter } from './parameter.ts'
import { settingCategories } from './setting-categories.generated.ts'
import type { Settings } from './settings.ts'

interface Row {
  readonly [column: string]: Value
}

const categories = new Map(
  Object.entries(settingCategories).flatMap(([category, names]) => names.split(/\s+/).map((name) => [name, category] as const)),
)

/** Permissions of files. */
const octal = new Set(['data_directory_mode', 'log_file_mode', 'unix_socket_permissions'])

/** pg_settings: values in base units, as PostgreSQL shows them there. */
export function* settingRows(settings: Settings): Iterable<Row> {
  for (const known of allParameters()) if (!known.hidden) yield settingRow(settings, known)
}

function settingRow(settings: Settings, known: Parameter): Row {
  const { name, kind, values } = known
  const isNumber = kind === 'integer' || kind === 'real'
  const bound = (value: number): string | null => (isNumber && Number.isFinite(value) ? numberText(known, value) : null)
  return {
    name,
    setting: (octal.has(name) ? settings.shown(name) : settings.value(name)) ?? null,
    unit: known.unit === '' ? null : known.unit,
    category: categories.get(name) ?? 'Customized Options',
    short_desc: known.description,
    context: known.context,
    vartype: kind,
    source: settings.source(name),
    min_val: bound(known.min),
    max_val: bound(known.max),
    enumvals: kind === 'enum' ? new SqlArray([...values]) : null,
    boot_val: known.boot,
    reset_val: settings.resetValue(name) ?? null,
    pending_restart: false,
  }
}

const numberText = ({ kind }: Parameter, value: number): string => (kind === 'real' ? formatG(value, 6) : String(value))
