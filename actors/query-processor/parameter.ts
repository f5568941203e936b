import { SqlError } from '../../protocol/errors.ts'
import { postgresSettings } from './settings.generated.ts'

/** Who may change a parameter, and when (pg_settings.context). */
type Context = 'internal' | 'postmaster' | 'sighup' | 'superuser-backend' | 'backend' | 'superuser' | 'user'

/**
 * One run-time parameter. Values are kept as canonical texts (numbers in base units, booleans as on/off); `show` makes them what SHOW says.
 */
export interface Parameter {
  readonly name: string
  readonly boot: string
  readonly kind: 'bool' | 'integer' | 'real' | 'string' | 'enum'
  readonly context: Context
  readonly description: string
  /** '' | kB | 8kB | MB | B | ms | s | min */
  readonly unit: string
  readonly min: number
  readonly max: number
  readonly values: readonly string[]
  /** Takes a list: SET x = a, b. 'quoted' items are identifiers. */
  readonly list: 'plain' | 'quoted' | undefined
  /** Told to the client whenever it changes. */
  readonly reported: boolean
  /** Left out of SHOW ALL. */
  readonly hidden: boolean
}

const reported = new Set(
  `application_name client_encoding DateStyle default_transaction_read_only in_hot_standby integer_datetimes IntervalStyle is_superuser
  scram_iterations server_encoding server_version session_authorization standard_conforming_strings TimeZone`.split(/\s+/),
)
const plainLists = new Set([
  'DateStyle',
  'createrole_self_grant',
  'log_destination',
  'listen_addresses',
  'synchronous_standby_names',
])
const quotedLists = new Set([
  'search_path',
  'temp_tablespaces',
  'session_preload_libraries',
  'shared_preload_libraries',
  'local_preload_libraries',
  'unix_socket_directories',
])
/** Where a fresh session of ours differs from a fresh PostgreSQL: what is true here. */
const ours: Readonly<Record<string, string>> = {
  transaction_isolation: 'read committed',
  client_min_messages: 'notice',
  max_stack_depth: '2048',
  listen_addresses: '',
  ssl: 'off',
}

function list(name: string): Parameter['list'] {
  if (quotedLists.has(name)) return 'quoted'
  return plainLists.has(name) ? 'plain' : undefined
}

const parameters = new Map<string, Parameter>()

function define(parameter: Pick<Parameter, 'name' | 'boot' | 'kind' | 'context' | 'description'> & Partial<Parameter>): void {
  const { name } = parameter
  parameters.set(name.toLowerCase(), {
    unit: '',
    min: -Infinity,
    max: Infinity,
    values: [],
    list: list(name),
    reported: reported.has(name),
    hidden: false,
    ...parameter,
  })
}

for (const [name, boot, type, context, description, domain = ''] of postgresSettings) {
  const kind = type as Parameter['kind']
  const [unit = '', min = '', max = ''] = kind === 'enum' ? [] : domain.split(',')
  define({
    name,
    boot: ours[name] ?? boot,
    kind,
    context: context as Context,
    description,
    unit,
    ...(min !== '' && { min: Number(min), max: Number(max) }),
    ...(kind === 'enum' && { values: domain.split(',') }),
  })
}
const session = { kind: 'string', context: 'user', hidden: true } as const
define({
  ...session,
  name: 'is_superuser',
  boot: 'on',
  kind: 'bool',
  context: 'internal',
  description: 'Shows whether the current user is a superuser.',
})
define({ ...session, name: 'role', boot: 'none', description: 'Sets the current role.' })
define({ ...session, name: 'session_authorization', boot: '', description: 'Sets the session user name.' })
define({
  ...session,
  name: 'seed',
  boot: '',
  kind: 'real',
  min: -1,
  max: 1,
  description: 'Sets the seed for random-number generation.',
})
define({
  name: 'taudb.plan_cache',
  boot: 'on',
  kind: 'bool',
  context: 'user',
  description: 'Reuses the plans of statements that differ in literals only.',
})
define({
  ...session,
  name: 'traceparent',
  boot: '',
  description: "Sets the trace that the session's transactions belong to (W3C).",
})

/** By name in any case; undefined for an unknown one. */
export function parameter(name: string): Parameter | undefined {
  return parameters.get(name.toLowerCase())
}

export function allParameters(): Iterable<Parameter> {
  return parameters.values()
}

/** `a.b`: any name with a dot is a parameter of somebody else, kept as text. */
export function isCustomName(name: string): boolean {
  return name.includes('.')
}

export function checkCustomName(name: string): void {
  if (/^[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*(\.[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)+$/.test(name)) return
  throw new SqlError('42602', `invalid configuration parameter name "${name}"`, {
    detail: 'Custom parameter names must be two or more simple identifiers separated by dots.',
  })
}

export const unrecognized = (name: string): SqlError => new SqlError('42704', `unrecognized configuration parameter "${name}"`)

/** May it be changed by SET? */
export function checkChangeable(known: Parameter): void {
  const { name, context } = known
  if (context === 'user' || context === 'superuser') return
  const how =
    context === 'internal'
      ? 'cannot be changed'
      : context === 'postmaster'
        ? 'cannot be changed without restarting the server'
        : context === 'sighup'
          ? 'cannot be changed now'
          : 'cannot be set after connection start'
  throw new SqlError('55P02', `parameter "${name}" ${how}`)
}

export function invalidValue(name: string, value: string, more: { detail?: string; hint?: string } = {}): SqlError {
  return new SqlError('22023', `invalid value for parameter "${name}": "${value}"`, more)
}

/** The canonical form of a given value; throws 22023 with PostgreSQL's texts. `name` as the user wrote it. */
export function canonical(known: Parameter, name: string, given: string): string {
  switch (known.kind) {
    case 'bool': {
      const value = truth(given)
      if (value === undefined) throw new SqlError('22023', `parameter "${name}" requires a Boolean value`)
      return value ? 'on' : 'off'
    }
    case 'integer':
    case 'real':
      return number(known, name, given)
    case 'enum':
      return enumValue(known, name, given)
    case 'string':
      return given
  }
}

/** PostgreSQL's parse_bool: unique prefixes of true, false, yes, no; on, off; 1, 0. */
export function truth(given: string): boolean | undefined {
  const text = given.toLowerCase()
  if (text === '') return undefined
  if ('true'.startsWith(text) || 'yes'.startsWith(text) || text === 'on' || text === '1') return true
  if ('false'.startsWith(text) || 'no'.startsWith(text) || text === 'off' || text === 'of' || text === '0') return false
  return undefined
}

/** Values that are accepted beside the listed ones. */
const synonyms: Readonly<Record<string, string>> = { true: 'on', yes: 'on', 1: 'on', false: 'off', no: 'off', 0: 'off' }

function enumValue(known: Parameter, name: string, given: string): string {
  const text = given.toLowerCase()
  if (known.values.includes(text)) return text
  const synonym = synonyms[text]
  if (synonym !== undefined && known.values.includes(synonym)) return synonym
  throw invalidValue(name, given, { hint: `Available values: ${known.values.join(', ')}.` })
}

/** Units in terms of one base unit each: bytes and microseconds. */
const memoryUnits = { B: 1, kB: 1024, MB: 1024 ** 2, GB: 1024 ** 3, TB: 1024 ** 4 } as const
const timeUnits = { us: 1, ms: 1_000, s: 1_000_000, min: 60_000_000, h: 3_600_000_000, d: 86_400_000_000 } as const

interface UnitFamily {
  readonly units: Readonly<Record<string, number>>
  /** How much of the family's smallest unit one of the parameter's is. */
  readonly base: number
  readonly hint: string
}

function family(unit: string): UnitFamily | undefined {
  if (unit === '') return undefined
  if (unit in timeUnits) {
    const hint = 'Valid units for this parameter are "us", "ms", "s", "min", "h", and "d".'
    return { units: timeUnits, base: timeUnits[unit as keyof typeof timeUnits], hint }
  }
  const hint = 'Valid units for this parameter are "B", "kB", "MB", "GB", and "TB".'
  return { units: memoryUnits, base: unit === '8kB' ? 8_192 : memoryUnits[unit as keyof typeof memoryUnits], hint }
}

function number(known: Parameter, name: string, given: string): string {
  const match = /^\s*([+-]?(?:0[xX][0-9a-fA-F]+|0[0-7]+(?![\d.eE])|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?))\s*([A-Za-z]*)\s*$/.exec(
    given,
  )
  const units = family(known.unit)
  if (match === null) throw invalidValue(name, given)
  const [, digits = '', unit = ''] = match
  let value = /^[+-]?0[0-7]+$/.test(digits) && known.kind === 'integer' ? parseInt(digits, 8) : hexOrDecimal(digits)
  if (unit !== '') {
    const factor = units?.units[unit]
    if (factor === undefined) throw invalidValue(name, given, units === undefined ? {} : { hint: units.hint })
    value = (value * factor) / (units as UnitFamily).base
  }
  if (known.kind === 'integer') {
    value = roundHalfEven(value)
    if (Math.abs(value) > 2_147_483_647) throw invalidValue(name, given, { hint: 'Value exceeds integer range.' })
  } else if (!Number.isFinite(value)) throw invalidValue(name, given)
  if (value < known.min || value > known.max) {
    const said = known.kind === 'integer' ? String : short
    const shown = known.unit === '' ? said(value) : `${said(value)} ${known.unit}`
    throw new SqlError(
      '22023',
      `${shown} is outside the valid range for parameter "${name}" (${said(known.min)} .. ${said(known.max)})`,
    )
  }
  return String(value)
}

function hexOrDecimal(digits: string): number {
  const sign = digits.startsWith('-') ? -1 : 1
  const bare = digits.replace(/^[+-]/, '')
  return sign * Number(bare)
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  if (rest !== 0.5) return Math.round(value)
  return floor % 2 === 0 ? floor : floor + 1
}

/** C's %g */
function short(value: number): string {
  const text = String(Number(value.toPrecision(6)))
  return text.replace(/e([+-])(\d)$/, 'e$10$2')
}

/** What SHOW says: the largest unit that leaves a whole number. */
export function show(known: Parameter, value: string): string {
  const units = family(known.unit)
  if (units === undefined || (known.kind !== 'integer' && known.kind !== 'real')) {
    return known.kind === 'real' && value !== '' ? short(Number(value)) : value
  }
  const n = Number(value)
  // Special values (-1, 0) stand for themselves.
  if (n <= 0) return known.kind === 'real' ? short(n) : value
  const small = n * units.base
  for (const [unit, factor] of Object.entries(units.units).reverse()) {
    if (Number.isInteger(small / factor)) return `${small / factor}${unit}`
  }
  return `${short(n)}${known.unit}`
}
