import { type Format, formats, type Level, levels } from '../observability/log.ts'
import { partitionsMax, transactionBytesDefault } from '../protocol/limits.ts'

/** What a process does in a database on NATS. */
export const roles = ['frontend', 'query-processor', 'adjudicator', 'crossbar', 'storage'] as const
export type Role = (typeof roles)[number]

/** Everything a person may say about a running taudb. Sizes in bytes, times in milliseconds. */
export interface Config {
  readonly host: string
  readonly port: number
  /** The data directory; undefined keeps everything in memory (`--ephemeral`). */
  readonly data: string | undefined
  /** Adjudicators with a journal each; undefined: as many as the data directory has, one in a new one. */
  readonly partitions: number | undefined
  /** NATS servers that carry messages and journals; undefined: this process alone. */
  readonly bus: readonly string[] | undefined
  /** What this process does there. */
  readonly roles: ReadonlySet<Role>
  /** Files that say who we are to NATS. */
  readonly natsCreds: string | undefined
  readonly natsNkey: string | undefined
  readonly natsCa: string | undefined
  readonly natsCert: string | undefined
  readonly natsKey: string | undefined
  /** Monitoring addresses of the NATS servers. */
  readonly natsMonitor: readonly string[] | undefined
  /** Start only where nothing acknowledged can be lost. */
  readonly durable: boolean
  /** Copies of a new journal among the NATS servers; undefined: three in a cluster, else one. */
  readonly journalReplicas: number | undefined
  /** Room for a new journal on NATS. */
  readonly journalBytesMax: number | undefined
  readonly transactionBytesMax: number
  readonly connectionsMax: number
  readonly tlsCert: string | undefined
  readonly tlsKey: string | undefined
  /** Clients of other machines are let in too, without a password. */
  readonly trustNetwork: boolean
  /** `taudb status` goes on showing; or only looks for a process of this machine. */
  readonly watch: boolean
  readonly here: boolean
  /** The share of transactions whose traces are exported, 0 to 1. */
  readonly traceSample: number
  /** Transactions that take longer are traced and exported, sampled or not. */
  readonly traceSlowMs: number
  /** Traces that are kept to be looked at with `taudb trace`. */
  readonly traceRecent: number
  /** Where a backup goes, where it comes from, and the data directory whose journal goes on behind it. */
  readonly to: string | undefined
  readonly from: string | undefined
  readonly journal: string | undefined
  /** `taudb move`: the places, as A-B. */
  readonly places: string | undefined
  /** Where Prometheus fetches metrics; undefined: nowhere. */
  readonly metricsPort: number | undefined
  readonly metricsHost: string
  /** Lines on standard error: of this level and what is worse. */
  readonly logLevel: Level
  readonly logFormat: Format
  /** Statements that take longer are logged; undefined: none is. */
  readonly logSlowMs: number | undefined
}

export const configDefaults: Config = {
  host: '127.0.0.1',
  port: 5432,
  data: './taudb-data',
  partitions: undefined,
  bus: undefined,
  roles: new Set(roles),
  natsCreds: undefined,
  natsNkey: undefined,
  natsCa: undefined,
  natsCert: undefined,
  natsKey: undefined,
  natsMonitor: undefined,
  durable: false,
  journalReplicas: undefined,
  journalBytesMax: undefined,
  transactionBytesMax: transactionBytesDefault,
  connectionsMax: 10_000,
  tlsCert: undefined,
  tlsKey: undefined,
  trustNetwork: false,
  watch: false,
  here: false,
  traceSample: 0,
  traceSlowMs: 1_000,
  traceRecent: 500,
  to: undefined,
  from: undefined,
  journal: undefined,
  places: undefined,
  metricsPort: undefined,
  metricsHost: '127.0.0.1',
  logLevel: 'warning',
  logFormat: 'text',
  logSlowMs: undefined,
}

/** What is wrong with the words on the command line, in one line with the way out. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

interface Option {
  readonly name: string
  /** What stands behind it in `--help`; undefined for a switch. */
  readonly value: string | undefined
  readonly help: string
  readonly apply: (config: Config, value: string, from: string) => Config
}

const options: readonly Option[] = [
  {
    name: 'port',
    value: 'PORT',
    help: `TCP port to listen on; 0 picks a free one (default ${configDefaults.port})`,
    apply: (config, value, from) => ({ ...config, port: wholeNumber(value, from, 0, 65_535) }),
  },
  {
    name: 'host',
    value: 'HOST',
    help: `address to listen on (default ${configDefaults.host}); one that is not a loopback address needs --trust-network`,
    apply: (config, value) => ({ ...config, host: value }),
  },
  {
    name: 'data',
    value: 'DIR',
    help: `data directory, created when missing (default ${configDefaults.data})`,
    apply: (config, value, from) => {
      if (value === '') throw new ConfigError(`${from}: a directory is needed, for example ${configDefaults.data}`)
      return { ...config, data: value }
    },
  },
  {
    name: 'ephemeral',
    value: undefined,
    help: 'keep everything in memory and nothing on disk, for tests',
    apply: (config, value, from) => (truth(value, from) ? { ...config, data: undefined } : config),
  },
  {
    name: 'partitions',
    value: 'N',
    help: 'adjudicators with a journal each, said when a database is made (default 1); a transaction may span several',
    apply: (config, value, from) => ({ ...config, partitions: wholeNumber(value, from, 1, partitionsMax) }),
  },
  {
    name: 'bus',
    value: 'URL',
    help: 'NATS servers that carry messages and journals, such as nats://user:password@host:4222; several with commas',
    apply: (config, value, from) => ({ ...config, bus: natsUrls(value, from) }),
  },
  {
    name: 'roles',
    value: 'ROLES',
    help: `what this process does in a database on NATS: ${roles.join(',')} (default all)`,
    apply: (config, value, from) => ({ ...config, roles: rolesOf(value, from) }),
  },
  {
    name: 'nats-creds',
    value: 'FILE',
    help: 'credentials file (user JWT and seed) for NATS',
    apply: (config, value) => ({ ...config, natsCreds: value }),
  },
  {
    name: 'nats-nkey',
    value: 'FILE',
    help: 'file with the seed of an NKey for NATS',
    apply: (config, value) => ({ ...config, natsNkey: value }),
  },
  {
    name: 'nats-ca',
    value: 'FILE',
    help: 'PEM certificates to check the NATS servers with: only TLS will do then',
    apply: (config, value) => ({ ...config, natsCa: value }),
  },
  {
    name: 'nats-cert',
    value: 'FILE',
    help: 'PEM certificate to show to the NATS servers (needs --nats-key)',
    apply: (config, value) => ({ ...config, natsCert: value }),
  },
  {
    name: 'nats-key',
    value: 'FILE',
    help: 'PEM private key of --nats-cert',
    apply: (config, value) => ({ ...config, natsKey: value }),
  },
  {
    name: 'nats-monitor',
    value: 'URL',
    help: 'monitoring addresses of the NATS servers, such as http://host:8222, to see how often they sync',
    apply: (config, value, from) => ({ ...config, natsMonitor: monitorUrls(value, from) }),
  },
  {
    name: 'durable',
    value: undefined,
    help: 'refuse NATS servers that may lose what they acknowledge (needs --nats-monitor)',
    apply: (config, value, from) => ({ ...config, durable: truth(value, from) }),
  },
  {
    name: 'journal-replicas',
    value: 'N',
    help: 'copies of a new journal among the NATS servers: 1, 3 or 5 (default 3 in a cluster, else 1)',
    apply: (config, value, from) => ({ ...config, journalReplicas: wholeNumber(value, from, 1, 5) }),
  },
  {
    name: 'journal-bytes-max',
    value: 'BYTES',
    help: 'room for a new journal on NATS (default 1GB)',
    apply: (config, value, from) => ({ ...config, journalBytesMax: bytes(value, from) }),
  },
  {
    name: 'transaction-bytes-max',
    value: 'BYTES',
    help: 'what one transaction may write, as 1073741824, 512MB or 1GB (default 1GB)',
    apply: (config, value, from) => ({ ...config, transactionBytesMax: bytes(value, from) }),
  },
  {
    name: 'connections-max',
    value: 'N',
    help: `client connections at a time (default ${configDefaults.connectionsMax})`,
    apply: (config, value, from) => ({ ...config, connectionsMax: wholeNumber(value, from, 1, 1_000_000) }),
  },
  {
    name: 'tls-cert',
    value: 'FILE',
    help: 'PEM certificate chain: clients may then use TLS (needs --tls-key)',
    apply: (config, value) => ({ ...config, tlsCert: value }),
  },
  {
    name: 'tls-key',
    value: 'FILE',
    help: 'PEM private key of --tls-cert',
    apply: (config, value) => ({ ...config, tlsKey: value }),
  },
  {
    name: 'trust-network',
    value: undefined,
    help: 'let in whoever reaches the port, from any machine and without a password: for networks with nobody else in them',
    apply: (config, value, from) => ({ ...config, trustNetwork: truth(value, from) }),
  },
  {
    name: 'watch',
    value: undefined,
    help: 'taudb status: show it again every two seconds',
    apply: (config, value, from) => ({ ...config, watch: truth(value, from) }),
  },
  {
    name: 'here',
    value: undefined,
    help: 'taudb status: only whether the taudb of this machine (or container) serves; without --bus, whether its port answers',
    apply: (config, value, from) => ({ ...config, here: truth(value, from) }),
  },
  {
    name: 'trace-sample',
    value: 'SHARE',
    help: 'share of transactions whose traces are exported (OTEL_* variables say where), from 0 (default) to 1; also those that fail or are slow',
    apply: (config, value, from) => ({ ...config, traceSample: share(value, from) }),
  },
  {
    name: 'log-level',
    value: 'LEVEL',
    help: `what is logged on standard error: ${levels.join(', ')} (default ${configDefaults.logLevel}); each includes those before it`,
    apply: (config, value, from) => ({ ...config, logLevel: oneOf(levels, value, from) }),
  },
  {
    name: 'log-format',
    value: 'FORMAT',
    help: 'text for people (default), or json, an object a line',
    apply: (config, value, from) => ({ ...config, logFormat: oneOf(formats, value, from) }),
  },
  {
    name: 'log-slow-ms',
    value: 'MS',
    help: 'log statements that take so long (level warning)',
    apply: (config, value, from) => ({ ...config, logSlowMs: wholeNumber(value, from, 0, 86_400_000) }),
  },
  {
    name: 'metrics-port',
    value: 'PORT',
    help: 'TCP port where Prometheus fetches /metrics; 0 picks a free one (default none)',
    apply: (config, value, from) => ({ ...config, metricsPort: wholeNumber(value, from, 0, 65_535) }),
  },
  {
    name: 'metrics-host',
    value: 'HOST',
    help: `address to listen on for metrics, which tell names of tables and keys to whoever asks (default ${configDefaults.metricsHost})`,
    apply: (config, value) => ({ ...config, metricsHost: value }),
  },
  {
    name: 'trace-slow-ms',
    value: 'MS',
    help: `a transaction is slow that takes so long (default ${configDefaults.traceSlowMs})`,
    apply: (config, value, from) => ({ ...config, traceSlowMs: wholeNumber(value, from, 1, 86_400_000) }),
  },
  {
    name: 'trace-recent',
    value: 'N',
    help: `traces kept in memory for "taudb trace" (default ${configDefaults.traceRecent}); 0 records nothing that is not exported`,
    apply: (config, value, from) => ({ ...config, traceRecent: wholeNumber(value, from, 0, 100_000) }),
  },
  {
    name: 'to',
    value: 'PLACE',
    help: 'move: a partition; backup: a directory, or a bucket of the NATS object store such as nats://host:4222/bucket',
    apply: (config, value) => ({ ...config, to: value }),
  },
  {
    name: 'from',
    value: 'PLACE',
    help: 'move: a partition; restore, backup verify: the directory or bucket of a backup',
    apply: (config, value) => ({ ...config, from: value }),
  },
  {
    name: 'places',
    value: 'A-B',
    help: 'move: the first and the last one of the 65536 places that keys are spread over, such as 0-32767',
    apply: (config, value) => ({ ...config, places: value }),
  },
  {
    name: 'journal',
    value: 'DIR',
    help: 'restore: the data directory that was backed up; what its journal has behind the backup is restored too',
    apply: (config, value) => ({ ...config, journal: value }),
  },
]

const hostOption = options.find(({ name }) => name === 'host') as Option

/** Command words, and what was said by options. Throws ConfigError for an option that is none. */
export function split(words: readonly string[]): { names: string[]; given: Map<Option, string> } {
  const names: string[] = []
  const given = new Map<Option, string>()
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as string
    if (!word.startsWith('-') || word === '-') {
      names.push(word)
      continue
    }
    const equals = word.indexOf('=')
    const flag = equals < 0 ? word : word.slice(0, equals)
    const option = options.find(({ name }) => flag === `--${name}`)
    if (option === undefined) {
      const known = [...options.map(({ name }) => `--${name}`), '--help', '--version']
      throw new ConfigError(`unknown option ${flag}${nearest(flag, known)}; see taudb --help`)
    }
    if (given.has(option)) throw new ConfigError(`${flag} is given twice`)
    if (equals >= 0) given.set(option, word.slice(equals + 1))
    else if (option.value === undefined) given.set(option, 'true')
    else {
      const value = words[++i]
      if (value === undefined || value.startsWith('--')) throw new ConfigError(`${flag} needs a value: ${flag} ${option.value}`)
      given.set(option, value)
    }
  }
  return { names, given }
}

/** The environment first, then the command line over it: `--data` also wins over TAUDB_EPHEMERAL. */
export function configure(given: ReadonlyMap<Option, string>, environment: Readonly<Record<string, string | undefined>>): Config {
  const variables = new Map<Option, string>()
  for (const option of options) {
    const value = environment[variableOf(option.name)]
    if (value !== undefined && !given.has(option)) variables.set(option, value)
  }
  const config = applied(applied(configDefaults, variables, variableOf), given, flagOf)
  if ((config.tlsCert === undefined) !== (config.tlsKey === undefined)) {
    throw new ConfigError('--tls-cert and --tls-key go together')
  }
  if ((config.natsCert === undefined) !== (config.natsKey === undefined)) {
    throw new ConfigError('--nats-cert and --nats-key go together')
  }
  if (!config.trustNetwork) checkLoopback(config.host, given.has(hostOption) ? flagOf('host') : variableOf('host'))
  if (config.bus === undefined && config.roles.size < roles.length) {
    throw new ConfigError('--roles divides a database on NATS among processes: say which servers with --bus nats://host:4222')
  }
  if (config.durable && config.bus !== undefined && config.natsMonitor === undefined) {
    throw new ConfigError('--durable looks at the NATS servers: say where with --nats-monitor http://host:8222')
  }
  if (config.bus !== undefined && config.data === undefined && config.roles.has('storage')) {
    throw new ConfigError('a database on NATS keeps its rows in a data directory: use --data DIR, not --ephemeral')
  }
  return config
}

function applied(before: Config, said: ReadonlyMap<Option, string>, called: (name: string) => string): Config {
  let config = before
  for (const [option, value] of said) config = option.apply(config, value, called(option.name))
  const saysData = [...said.keys()].some(({ name }) => name === 'data')
  const saysEphemeral = [...said].some(([{ name }, value]) => name === 'ephemeral' && truth(value, called(name)))
  if (saysData && saysEphemeral)
    throw new ConfigError(`${called('ephemeral')} and ${called('data')} exclude each other: in memory, or in a directory`)
  return config
}

const flagOf = (name: string): string => `--${name}`
const variableOf = (name: string): string => `TAUDB_${name.toUpperCase().replaceAll('-', '_')}`

/** Throws ConfigError: `from` is what it was said with. */
export function wholeNumber(value: string, from: string, min: number, max: number): number {
  const n = Number(value)
  if (!/^\d+$/.test(value) || n < min || n > max) {
    throw new ConfigError(`${from}: "${value}" is not a whole number from ${min} to ${max}`)
  }
  return n
}

function oneOf<Word extends string>(known: readonly Word[], value: string, from: string): Word {
  const word = known.find((one) => one === value)
  if (word === undefined) throw new ConfigError(`${from}: "${value}" is none of ${known.join(', ')}`)
  return word
}

function natsUrls(value: string, from: string): readonly string[] | undefined {
  if (value === 'embedded') return undefined
  const urls = value.split(',').map((url) => url.trim())
  for (const url of urls) {
    if (!URL.canParse(url) || !/^(nats|tls):\/\/./.test(url)) {
      throw new ConfigError(`${from}: "${url}" is not an address of a NATS server, such as nats://127.0.0.1:4222`)
    }
  }
  return urls
}

function monitorUrls(value: string, from: string): readonly string[] {
  const urls = value.split(',').map((url) => url.trim())
  for (const url of urls) {
    if (!URL.canParse(url) || !/^https?:\/\/./.test(url))
      throw new ConfigError(`${from}: "${url}" is not a monitoring address, such as http://127.0.0.1:8222`)
  }
  return urls
}

function rolesOf(value: string, from: string): ReadonlySet<Role> {
  const said = new Set<Role>()
  for (const word of value.split(',').map((one) => one.trim())) {
    const role = roles.find((one) => one === word)
    if (role === undefined) throw new ConfigError(`${from}: there is no role "${word}"${nearest(word, roles)}`)
    said.add(role)
  }
  if (said.has('frontend') !== said.has('query-processor'))
    throw new ConfigError(`${from}: frontend and query-processor live in one process for now: say both or none`)
  if (said.has('crossbar') && !said.has('storage'))
    throw new ConfigError(`${from}: a crossbar serves the storage of its own process for now: say storage too`)
  return said
}

function share(value: string, from: string): number {
  const n = Number(value)
  if (!/^[\d.]+$/.test(value) || !(n >= 0 && n <= 1)) throw new ConfigError(`${from}: "${value}" is not a share from 0 to 1`)
  return n
}

const units: Readonly<Record<string, number>> = { '': 1, B: 1, KB: 2 ** 10, MB: 2 ** 20, GB: 2 ** 30 }

function bytes(value: string, from: string): number {
  const [, digits, unit] = /^(\d+)\s*([KMG]?B)?$/i.exec(value) ?? []
  const scale = units[(unit ?? '').toUpperCase()]
  const size = Number(digits) * (scale ?? Number.NaN)
  if (!(size >= 2 ** 16 && size <= 2 ** 36))
    throw new ConfigError(`${from}: "${value}" is not a size from 64KB to 64GB, such as 512MB`)
  return size
}

function truth(value: string, from: string): boolean {
  if (['true', '1', 'yes', 'on', ''].includes(value.toLowerCase())) return true
  if (['false', '0', 'no', 'off'].includes(value.toLowerCase())) return false
  throw new ConfigError(`${from}: "${value}" is neither true nor false`)
}

function checkLoopback(value: string, from: string): void {
  if (value === 'localhost' || value === '::1' || /^127(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}$/.test(value)) return
  throw new ConfigError(
    `${from}: "${value}" is not a loopback address, and others are refused until taudb can authenticate clients; use 127.0.0.1, ::1 or localhost, or say --trust-network`,
  )
}

/** `; did you mean X?` for a near miss, else the list of what there is. */
export function nearest(word: string, known: readonly string[]): string {
  let best: string | undefined
  let least = Math.max(2, Math.floor(word.length / 3)) + 1
  for (const candidate of known) {
    const distance = editDistance(word, candidate)
    if (distance < least) [best, least] = [candidate, distance]
  }
  return best === undefined ? `; there are ${known.join(', ')}` : `; did you mean ${best}?`
}

function editDistance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const swap = (above[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)
      row.push(Math.min(swap, (above[j] as number) + 1, (row[j - 1] as number) + 1))
    }
    above = row
  }
  return above[b.length] as number
}

export function helpText(): string {
  const lines = options.map(({ name, value, help }) => {
    const flag = `--${name}${value === undefined ? '' : ` ${value}`}`
    return `  ${flag.padEnd(32)}${help}\n  ${''.padEnd(32)}also ${variableOf(name)}`
  })
  return `taudb: a PostgreSQL-compatible distributed SQL database

Usage:
  taudb [start] [options]          run the database
  taudb journal dump [--data DIR]  print every record of the journal
  taudb journal verify [--data DIR]  check the journal against the invariants of the commit protocol
  taudb trace ID | --last [--port PORT]  draw one transaction of a running database, by its pg_current_xact_id
  taudb backup --to PLACE [--data DIR]  copy a database, running or not, into a directory or a bucket of NATS
  taudb backup verify --from PLACE  read a backup and say what is wrong with it
  taudb restore --from PLACE --data DIR [--journal DIR]  make a new data directory of a backup
  taudb doctor --bus URL           look at the NATS servers and say what to change
  taudb move --from P --to Q --places A-B
                                 give places of one partition of a running database to another, while clients write
  taudb status --bus URL [--watch] show processes, partitions and replicas of a database on NATS, and what is missing

Options:
${lines.join('\n')}
  ${'--help'.padEnd(32)}this text
  ${'--version'.padEnd(32)}the version

Connect with: psql "postgres://postgres@127.0.0.1:5432/postgres"
`
}
