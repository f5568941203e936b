import { SqlError, unsupported } from '../../protocol/errors.ts'
import { identifierBytesMax } from '../../protocol/limits.ts'
import type { StartupPacket } from '../../protocol/pg/frontend-messages.ts'
import { clipUtf8 } from '../../protocol/values/utf8.ts'
import { isLoopback } from './loopback.ts'

/** Who a client says it is, and what it wants set. */
export interface Client {
  readonly user: string
  readonly database: string
  readonly parameters: ReadonlyMap<string, string>
  /** The protocol spoken from here on, as in a start-up packet. */
  readonly protocol: number
  /** Says that NegotiateProtocolVersion must be answered, and with which unknown protocol options. */
  readonly negotiate: readonly string[] | undefined
}

/** The one database there is, as in Aurora DSQL. */
const databaseName = 'postgres'
const protocolMinorMax = 2
const protocolOf = (minor: number): number => (3 << 16) | minor
/** From this protocol on a cancel key is long. */
const longSecretProtocol = protocolOf(2)

export const cancelSecretBytes = (protocol: number): number => (protocol >= longSecretProtocol ? 32 : 4)

const fatal = (code: string, message: string, fields: { readonly detail?: string; readonly hint?: string } = {}): SqlError =>
  new SqlError(code, message, { severity: 'FATAL', ...fields })

/** Also for a second request for encryption, which has the form of a start-up packet of a strange version. */
export const unsupportedProtocol = (major: number, minor: number): SqlError =>
  fatal('0A000', `unsupported frontend protocol ${major}.${minor}: server supports 3.0 to 3.${protocolMinorMax}`)

/** Reads a StartupMessage; throws a FATAL SqlError for one we cannot serve. */
export function readStartupMessage({ major, minor, parameters }: Extract<StartupPacket, { type: 'startup' }>): Client {
  if (major !== 3) throw unsupportedProtocol(major, minor)
  const user = parameters.get('user') ?? ''
  if (user === '') throw fatal('28000', 'no PostgreSQL user name specified in startup packet')
  const replication = parameters.get('replication')
  if (replication !== undefined && !/^(f|fa|fal|fals|false|n|no|of|off|0)$/i.test(replication))
    throw unsupported('a replication connection').with({ severity: 'FATAL' })

  const unknownOptions: string[] = []
  const settings = parseOptions(parameters.get('options') ?? '')
  for (const [name, value] of parameters) {
    if (name.startsWith('_pq_.')) unknownOptions.push(name)
    else if (name !== 'user' && name !== 'database' && name !== 'options' && name !== 'replication') settings.set(name, value)
  }
  return {
    user: clipUtf8(user, identifierBytesMax),
    database: clipUtf8(parameters.get('database') || user, identifierBytesMax),
    parameters: settings,
    protocol: protocolOf(Math.min(minor, protocolMinorMax)),
    negotiate: minor > protocolMinorMax || unknownOptions.length > 0 ? unknownOptions : undefined,
  }
}

/**
 * Trust, for clients of this machine, or for everybody where the server was started so: any user name, no password. Throws a FATAL SqlError for everybody else, and for a database
 * that is not there.
 */
export function authenticate(
  client: Client,
  from: { readonly address: string; readonly encrypted: boolean; readonly trustNetwork: boolean },
): void {
  const { address, encrypted, trustNetwork } = from
  if (!trustNetwork && !isLoopback(address))
    throw fatal(
      '28000',
      `no pg_hba.conf entry for host "${address}", user "${client.user}", database "${client.database}", ${encrypted ? 'SSL encryption' : 'no encryption'}`,
      { hint: 'Clients are trusted on the loopback interface only: connect from the same machine, for example through ssh -L.' },
    )
  if (client.database !== databaseName)
    throw fatal('3D000', `database "${client.database}" does not exist`, {
      hint: `There is one database, named "${databaseName}".`,
    })
}

/**
 * The start-up parameter `options`: command-line words of a server process, of which `-c name=value` and `--name=value` have a
 * meaning here. Words end at white space; a backslash takes the next character as it is.
 */
function parseOptions(options: string): Map<string, string> {
  const settings = new Map<string, string>()
  const words = splitWords(options)
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as string
    let assignment: string | undefined
    if (word === '-c') assignment = words[++i]
    else if (word.startsWith('-c')) assignment = word.slice(2)
    else if (word.startsWith('--')) assignment = word.slice(2)
    if (assignment === undefined) throw fatal('42601', `invalid command-line argument for server process: ${word}`)
    const equals = assignment.indexOf('=')
    if (equals < 0) {
      const shown = word.startsWith('--') ? `--${assignment}` : `-c ${assignment}`
      throw fatal('42601', `${shown} requires a value`)
    }
    // PostgreSQL lets a name be written with dashes here.
    settings.set(assignment.slice(0, equals).replaceAll('-', '_'), assignment.slice(equals + 1))
  }
  return settings
}

function splitWords(options: string): string[] {
  const words: string[] = []
  let word: string | undefined
  for (let i = 0; i < options.length; i++) {
    const character = options[i] as string
    if (/\s/.test(character)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else if (character === '\\' && i + 1 < options.length) word = (word ?? '') + options[++i]
    else word = (word ?? '') + character
  }
  if (word !== undefined) words.push(word)
  return words
}
