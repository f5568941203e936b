import { parsedTraceparent } from '../../observability/traceparent.ts'
import { SqlError } from '../../protocol/errors.ts'
import { identifierBytesMax } from '../../protocol/limits.ts'
import type { OutputSettings } from '../../protocol/values/type.ts'
import { clipUtf8 } from '../../protocol/values/utf8.ts'
import { readDateStyle, readTimeZone } from './date-style.ts'
import {
  allParameters,
  canonical,
  checkChangeable,
  checkCustomName,
  invalidValue,
  isCustomName,
  type Parameter,
  parameter,
  show,
  unrecognized,
} from './parameter.ts'

/** Values that differ from the boot value, by lower-case name. Never changed in place: a mark is a reference. */
type Values = ReadonlyMap<string, string>

/** What ROLLBACK and ROLLBACK TO go back to. */
export interface SettingsMark {
  readonly session: Values
  readonly local: Values
}

export type TransactionParameter = 'transaction_isolation' | 'transaction_read_only' | 'transaction_deferrable'

export interface TransactionModeSettings {
  get(name: TransactionParameter): string
  set(name: TransactionParameter, value: string): void
}

const isolationLevels = ['serializable', 'repeatable read', 'read committed', 'read uncommitted']
const stackKilobytesMax = 7_680
const textSearchConfigs =
  /^(pg_catalog\.)?(simple|arabic|armenian|basque|catalan|danish|dutch|english|finnish|french|german|greek|hindi|hungarian|indonesian|irish|italian|lithuanian|nepali|norwegian|portuguese|romanian|russian|serbian|spanish|swedish|tamil|turkish|yiddish)$/
/** Decided by BEGIN and SET TRANSACTION; RESET ALL and DISCARD leave them alone. */
const transactionParameters: ReadonlySet<string> = new Set([
  'transaction_isolation',
  'transaction_read_only',
  'transaction_deferrable',
])
const keptByResetAll = new Set([...transactionParameters, 'session_authorization', 'role', 'seed'])

/**
 * The run-time parameters of one session. A value set in a transaction goes with it when it is rolled back; SET LOCAL goes with it in any
 * case. Values are canonical texts (see parameter.ts).
 */
export class Settings {
  readonly user: string
  /** What RESET goes back to: the start-up message's. */
  private defaults: Values = new Map()
  private session: Values
  private local: Values = new Map()
  /** Grows with every change: caches built over the settings compare it. */
  version = 0
  private timeoutsMade:
    | { readonly version: number; readonly statement: number; readonly idleInTransaction: number; readonly idle: number }
    | undefined
  /** The running transaction's modes; they belong to the block and are only looked up and set here. */
  transaction: TransactionModeSettings | undefined

  /** Throws what SET would for a start-up parameter. */
  constructor(user: string, start: ReadonlyMap<string, string>) {
    this.user = user
    const given = new Map<string, string>([['session_authorization', user]])
    // Some values are read in the light of those before them: DateStyle.
    this.session = given
    for (const [name, value] of start) {
      const known = parameter(name)
      if (known === undefined) {
        if (!isCustomName(name)) throw unrecognized(name)
        checkCustomName(name)
      } else if (known.context !== 'backend' && known.context !== 'superuser-backend') checkChangeable(known)
      given.set(name.toLowerCase(), this.check(name, known, value))
    }
    this.defaults = given
  }

  /** The canonical value; undefined for an unknown parameter. */
  value(name: string): string | undefined {
    const key = name.toLowerCase()
    if (this.transaction !== undefined && transactionParameters.has(key)) {
      return this.transaction.get(key as TransactionParameter)
    }
    return this.local.get(key) ?? this.session.get(key) ?? parameter(key)?.boot
  }

  /** As SHOW says it; undefined for an unknown parameter. */
  shown(name: string): string | undefined {
    const value = this.value(name)
    const known = parameter(name)
    if (value === undefined || known === undefined) return value
    return known.name === 'seed' ? 'unavailable' : show(known, value)
  }

  show(name: string): string {
    const shown = this.shown(name)
    if (shown === undefined) throw unrecognized(name)
    return shown
  }

  /** Where the value comes from, in pg_settings' words. */
  source(name: string): 'default' | 'client' | 'session' {
    const key = name.toLowerCase()
    if (this.local.has(key) || this.session.get(key) !== this.defaults.get(key)) return 'session'
    return this.defaults.has(key) ? 'client' : 'default'
  }

  /** The canonical value that RESET goes back to. */
  resetValue(name: string): string | undefined {
    return this.defaults.get(name.toLowerCase()) ?? parameter(name)?.boot
  }

  isOn(name: string): boolean {
    return this.value(name) === 'on'
  }

  number(name: string): number {
    return Number(this.value(name))
  }

  /** Milliseconds; asked with every message, so it is computed when the settings change. */
  get timeouts(): { readonly statement: number; readonly idleInTransaction: number; readonly idle: number } {
    if (this.timeoutsMade?.version !== this.version) {
      this.timeoutsMade = {
        version: this.version,
        statement: this.number('statement_timeout'),
        idleInTransaction: this.number('idle_in_transaction_session_timeout'),
        idle: this.number('idle_session_timeout'),
      }
    }
    return this.timeoutsMade
  }

  /** The parameter's own spelling. */
  nameOf(name: string): string {
    return parameter(name)?.name ?? name
  }

  set(name: string, value: string, local: boolean): void {
    const known = parameter(name)
    if (known === undefined) {
      if (!isCustomName(name)) throw unrecognized(name)
      checkCustomName(name)
    } else checkChangeable(known)
    if (known !== undefined && transactionParameters.has(known.name)) {
      this.transaction?.set(known.name as TransactionParameter, this.check(name, known, value))
      return
    }
    this.put(name, this.check(name, known, value), local)
  }

  /** For the transaction's own parameters, and others decided elsewhere: without the checks of SET. */
  put(name: string, value: string | undefined, local: boolean): void {
    const key = name.toLowerCase()
    this.version++
    if (local) {
      this.local = changed(this.local, key, value)
      return
    }
    this.session = changed(this.session, key, value)
    if (this.local.has(key)) this.local = changed(this.local, key, undefined)
  }

  reset(name: string, local = false): void {
    const known = parameter(name)
    if (known === undefined && this.value(name) === undefined) {
      if (!isCustomName(name)) throw unrecognized(name)
      return
    }
    if (known !== undefined) checkChangeable(known)
    const key = name.toLowerCase()
    const fallback = this.defaults.get(key) ?? (known === undefined ? '' : undefined)
    if (local) this.put(name, fallback ?? known?.boot ?? '', true)
    else this.put(name, fallback, false)
  }

  resetAll(): void {
    const kept = new Map(this.defaults)
    for (const name of keptByResetAll) {
      const value = this.session.get(name)
      if (value === undefined) kept.delete(name)
      else kept.set(name, value)
    }
    this.version++
    this.session = kept
    this.local = new Map([...this.local].filter(([name]) => keptByResetAll.has(name)))
  }

  mark(): SettingsMark {
    return { session: this.session, local: this.local }
  }

  backTo(mark: SettingsMark): void {
    if (mark.session === this.session && mark.local === this.local) return
    this.version++
    this.session = mark.session
    this.local = mark.local
  }

  /** SET LOCAL ends with the transaction. */
  dropLocal(): void {
    if (this.local.size === 0) return
    this.version++
    this.local = new Map()
  }

  /** Every parameter for SHOW ALL: name, value, description, by name. */
  *all(): Iterable<readonly [name: string, value: string, description: string]> {
    const rows: [string, string, string][] = []
    for (const known of allParameters()) {
      if (!known.hidden) rows.push([known.name, this.show(known.name), known.description])
    }
    for (const name of [...this.session.keys(), ...this.local.keys()]) {
      if (parameter(name) === undefined) rows.push([name, this.show(name), ''])
    }
    rows.sort(([a], [b]) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1))
    yield* rows
  }

  *reported(): Iterable<readonly [string, string]> {
    for (const known of allParameters()) if (known.reported) yield [known.name, this.show(known.name)]
  }

  /** How values look. */
  output(): OutputSettings {
    const { style, order } = readDateStyle(this.value('DateStyle') as string, { style: 'ISO', order: 'MDY' })
    return {
      dateStyle: style,
      dateOrder: order,
      intervalStyle: this.value('IntervalStyle') as OutputSettings['intervalStyle'],
      timeZone: this.value('TimeZone') as string,
      extraFloatDigits: this.number('extra_float_digits'),
      byteaOutput: this.value('bytea_output') as 'hex' | 'escape',
    }
  }

  /** Schema names in order, `"$user"` included as that. */
  searchPath(): readonly string[] {
    return splitIdentifiers(this.value('search_path') as string) ?? []
  }

  private check(name: string, known: Parameter | undefined, given: string): string {
    if (known === undefined) return given
    switch (known.name) {
      case 'DateStyle': {
        const value = this.value('DateStyle') as string
        const { style, order } = readDateStyle(given, readDateStyle(value, { style: 'ISO', order: 'MDY' }), known.boot)
        return `${style}, ${order}`
      }
      case 'TimeZone': {
        const zone = readTimeZone(given)
        if (zone === undefined) throw invalidValue(known.name, given)
        return zone
      }
      case 'client_encoding':
        return encoding(given)
      case 'traceparent':
        if (given !== '' && parsedTraceparent(given) === undefined) throw invalidValue(known.name, given)
        return given
      case 'search_path':
        if (splitIdentifiers(given) === undefined) throw invalidValue(name, given, { detail: 'List syntax is invalid.' })
        return given
      case 'role':
        if (given !== 'none' && given !== this.user) throw new SqlError('22023', `role "${given}" does not exist`)
        return given
      case 'session_authorization':
        if (given !== this.user) throw new SqlError('22023', `role "${given}" does not exist`)
        return given
      case 'default_transaction_isolation':
      case 'transaction_isolation':
        return isolation(known, name, given)
      case 'standard_conforming_strings':
        if (canonical(known, name, given) === 'off') throw refusedValue(known.name, 'off')
        return 'on'
      case 'temp_tablespaces':
        if (given !== '' && given !== 'pg_default') throw new SqlError('42704', `tablespace "${given}" does not exist`)
        return given
      case 'lc_messages':
      case 'lc_monetary':
      case 'lc_numeric':
      case 'lc_time':
        if (!/^(C|POSIX|)$/.test(given)) throw invalidValue(known.name, given)
        return given
      case 'default_text_search_config':
        if (!textSearchConfigs.test(given)) throw invalidValue(known.name, given)
        return given.includes('.') ? given : `pg_catalog.${given}`
      case 'max_stack_depth':
        if (Number(canonical(known, name, given)) <= stackKilobytesMax) return canonical(known, name, given)
        throw new SqlError('22023', `invalid value for parameter "max_stack_depth": ${canonical(known, name, given)}`, {
          detail: `"max_stack_depth" must not exceed ${stackKilobytesMax}kB.`,
          hint: 'Increase the platform\'s stack depth limit via "ulimit -s" or local equivalent.',
        })
      case 'default_tablespace':
        if (given !== '' && given !== 'pg_default')
          throw invalidValue(known.name, given, { detail: `Tablespace "${given}" does not exist.` })
        return given
      default: {
        const value = canonical(known, name, given)
        return known.name === 'application_name' ? printable(clipUtf8(value, identifierBytesMax)) : value
      }
    }
  }
}

function changed(values: Values, key: string, value: string | undefined): Values {
  const next = new Map(values)
  if (value === undefined) next.delete(key)
  else next.set(key, value)
  return next
}

const refusedValue = (name: string, value: string): SqlError => new SqlError('0A000', `${name} = ${value} is not supported`)

function isolation(known: Parameter, name: string, given: string): string {
  const value = canonical({ ...known, values: isolationLevels }, name, given)
  if (value === 'serializable') throw unsupportedIsolation()
  return value
}

export const unsupportedIsolation = (): SqlError =>
  new SqlError('0A000', 'isolation level SERIALIZABLE is not supported', {
    hint: 'Every transaction runs under snapshot isolation; SELECT ... FOR UPDATE prevents write skew.',
  })

const otherEncodings =
  /^(sqlascii|euccn|eucjp|eucjis2004|euckr|euctw|iso8859[5-8]|johab|koi8[ru]?|latin\d+|iso8859\d+|mulehinternal|muleinternal|win\d+|windows\d+|big5|gb18030|gbk|sjis|shiftjis|shiftjis2004|uhc|abc|tcvn\d*|vscii|alt|win)$/

function encoding(given: string): string {
  const plain = given.toLowerCase().replace(/[^a-z0-9]/g, '')
  if (plain === 'utf8' || plain === 'unicode') return 'UTF8'
  if (otherEncodings.test(plain)) throw refusedValue('client_encoding', given)
  throw invalidValue('client_encoding', given)
}

/** What is not printable ASCII becomes \xNN, as PostgreSQL does for names that go to logs. */
function printable(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text)) return text
  let out = ''
  for (const byte of Buffer.from(text)) {
    out += byte >= 0x20 && byte <= 0x7e ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`
  }
  return out
}

/** A list of identifiers: unquoted ones folded, quoted ones as they are; undefined when it is malformed. */
function splitIdentifiers(text: string): readonly string[] | undefined {
  const names: string[] = []
  const pattern = /\s*(?:"((?:[^"]|"")*)"|([^\s",]+))\s*(,|$)/y
  if (text.trim() === '') return names
  for (;;) {
    const match = pattern.exec(text)
    if (match === null) return undefined
    names.push(match[1] !== undefined ? match[1].replaceAll('""', '"') : (match[2] as string).toLowerCase())
    if (match[3] === '') return names
  }
}

/** As quote_identifier: names that need no quotes stay bare. */
export function quoteIdentifier(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`
}
