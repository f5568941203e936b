import { partitionsMax } from '../protocol/limits.ts'
import { type Config, ConfigError, configure, nearest, split, wholeNumber } from './config.ts'

/** What a command line asks for. */
export type Command =
  | { readonly kind: 'start'; readonly config: Config }
  | { readonly kind: 'journal'; readonly action: 'dump' | 'verify'; readonly data: string }
  | { readonly kind: 'doctor' | 'status'; readonly config: Config }
  | {
      readonly kind: 'trace'
      readonly server: { readonly host: string; readonly port: number }
      readonly transaction: string | undefined
    }
  | {
      readonly kind: 'move'
      readonly server: { readonly host: string; readonly port: number }
      /** Partitions by number, places from the first to the last one. */
      readonly move: { readonly from: number; readonly to: number; readonly first: number; readonly last: number }
    }
  | {
      readonly kind: 'backup' | 'verify-backup' | 'restore'
      readonly place: string
      readonly config: Config & { readonly data: string }
    }
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }

const commands = ['start', 'journal', 'trace', 'doctor', 'status', 'move', 'backup', 'restore'] as const
const journalActions = ['dump', 'verify'] as const

/**
 * Command line and environment to a command. The command line wins over the environment, both over the defaults.
 * Throws ConfigError with one line that names the nearest valid word.
 */
export function readCommand(words: readonly string[], environment: Readonly<Record<string, string | undefined>>): Command {
  if (words.includes('--help') || words.includes('-h')) return { kind: 'help' }
  if (words.includes('--version') || words.includes('-V')) return { kind: 'version' }
  const isLast = words.includes('--last')
  const { names, given } = split(words.filter((word) => word !== '--last'))
  const config = configure(given, environment)
  const [command = 'start', ...rest] = names
  if (isLast && command !== 'trace') throw new ConfigError('--last belongs to "taudb trace"')
  if (command === 'start') {
    if (rest.length > 0) throw new ConfigError(`unexpected "${rest[0]}" behind "start"; see taudb --help`)
    return { kind: 'start', config }
  }
  if (command === 'doctor' || command === 'status') {
    if (rest.length > 0) throw new ConfigError(`unexpected "${rest[0]}" behind "${command}"; see taudb --help`)
    if (config.bus === undefined && !(command === 'status' && config.here))
      throw new ConfigError(`taudb ${command} looks at NATS servers: say which with --bus nats://host:4222`)
    return { kind: command, config }
  }
  if (command === 'trace') return traceCommand(rest, isLast, config)
  if (command === 'split')
    throw new ConfigError(
      'split: a database keeps the partitions it was made with; "taudb move" shares its places out among them',
    )
  if (command === 'move') return moveCommand(rest, config)
  if (command === 'backup' || command === 'restore') return backupCommand(command, rest, config)
  if (command === 'journal') {
    const [action, ...more] = rest
    if (action !== 'dump' && action !== 'verify') {
      throw new ConfigError(
        action === undefined
          ? 'journal: say "journal dump" or "journal verify"'
          : `unknown "journal ${action}"${nearest(action, journalActions)}; say "journal dump" or "journal verify"`,
      )
    }
    if (more.length > 0) throw new ConfigError(`unexpected "${more[0]}" behind "journal ${action}"; see taudb --help`)
    if (config.data === undefined) throw new ConfigError('an ephemeral database has no journal on disk: use --data DIR')
    return { kind: 'journal', action, data: config.data }
  }
  throw new ConfigError(`unknown command "${command}"${nearest(command, commands)}; see taudb --help`)
}

function backupCommand(command: 'backup' | 'restore', rest: readonly string[], config: Config): Command {
  const isVerify = command === 'backup' && rest[0] === 'verify'
  const [unexpected] = isVerify ? rest.slice(1) : rest
  if (unexpected !== undefined) throw new ConfigError(`unexpected "${unexpected}" behind "${command}"; see taudb --help`)
  const { data, to, from, bus } = config
  const place = command === 'backup' && !isVerify ? to : from
  if (place === undefined || place === '') {
    const option = command === 'backup' && !isVerify ? '--to' : '--from'
    throw new ConfigError(`${command}: say where with ${option} DIR or ${option} nats://host:4222/bucket`)
  }
  if (data === undefined) throw new ConfigError('an ephemeral database is not on disk: use --data DIR')
  if (bus !== undefined && !isVerify)
    throw new ConfigError(
      `${command} of a database on NATS is not there yet: it keeps snapshots of itself in the bucket taudb-snapshots; leave --bus out for a data directory`,
    )
  return { kind: isVerify ? 'verify-backup' : command, place, config: { ...config, data } }
}

function moveCommand([unexpected]: readonly string[], { from, to, places, host, port }: Config): Command {
  if (unexpected !== undefined) throw new ConfigError(`unexpected "${unexpected}" behind "move"; see taudb --help`)
  if (from === undefined || to === undefined || places === undefined)
    throw new ConfigError('move: say what and whither, such as "taudb move --from 0 --to 1 --places 0-32767"')
  const [, first = '', last = ''] = /^(\d+)-(\d+)$/.exec(places) ?? []
  const placesMax = 65_535
  const move = {
    from: wholeNumber(from, '--from', 0, partitionsMax - 1),
    to: wholeNumber(to, '--to', 0, partitionsMax - 1),
    first: wholeNumber(first, `--places ${places}`, 0, placesMax),
    last: wholeNumber(last, `--places ${places}`, 0, placesMax),
  }
  if (move.first > move.last) throw new ConfigError(`--places ${places}: the first place lies behind the last one`)
  return { kind: 'move', server: { host, port }, move }
}

function traceCommand([transaction, ...more]: readonly string[], isLast: boolean, { host, port }: Config): Command {
  if (more.length > 0) throw new ConfigError(`unexpected "${more[0]}" behind "trace ${transaction}"; see taudb --help`)
  if (isLast === (transaction !== undefined))
    throw new ConfigError('trace: say which, "taudb trace 1099511627778" (pg_current_xact_id) or "taudb trace --last"')
  return { kind: 'trace', server: { host, port }, transaction }
}
