/**
 * The nats-server program: NATS_SERVER if set, else the one in PATH if it is new enough, else Debian's newest package unpacked into a cache
 * outside the work tree, else built by Go into the same cache.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { keepsWhatItAcknowledges, serverVersionsWanted } from '../../bus/nats-version.ts'

const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'taudb')
const cached = join(cache, 'nats-server')
const goModule = 'github.com/nats-io/nats-server/v2@latest'
const stepMsMax = 300_000

let found: string | undefined

/** The program's path. Throws, saying what was tried and what to do, where none can be had: nothing is skipped in silence. */
export function natsServerProgram(): string {
  found ??= find()
  return found
}

function find(): string {
  const named = process.env.NATS_SERVER
  if (named !== undefined && named !== '') {
    const version = versionOf(named)
    if (version === undefined) throw new Error(`NATS_SERVER=${named} is not a program that answers --version`)
    if (keepsWhatItAcknowledges(version)) return named
    throw new Error(`NATS_SERVER=${named} is ${version}: the tests need ${serverVersionsWanted}`)
  }
  for (const program of ['nats-server', cached]) {
    const version = versionOf(program)
    if (version !== undefined && keepsWhatItAcknowledges(version)) return program
  }
  const reasons: string[] = []
  for (const provide of [fromDebian, fromGo]) {
    const reason = provide()
    if (reason === undefined) return cached
    reasons.push(reason)
  }
  throw new Error(
    `the tests need nats-server ${serverVersionsWanted}: install it, or name it with NATS_SERVER=/path/to/nats-server. ` +
      `Tried without success: ${reasons.join('; ')}`,
  )
}

function versionOf(program: string): string | undefined {
  const { status, stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' })
  return status === 0 ? /v\d+\.\d+\.\d+\S*/.exec(stdout)?.[0] : undefined
}

/** apt with lists of its own: the machine's own suites and packages stay as they are. */
function fromDebian(): string | undefined {
  return provided('Debian package', (directory) => {
    for (const name of ['lists/partial', 'archives/partial', 'out']) mkdirSync(join(directory, name), { recursive: true })
    const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'
    writeFileSync(join(directory, 'sources.list'), `deb [signed-by=${keyring}] http://deb.debian.org/debian sid main\n`)
    writeFileSync(
      join(directory, 'apt.conf'),
      `Dir::State "${directory}"; Dir::State::status "/dev/null"; Dir::Cache "${directory}"; Dir::Etc::sourcelist "${directory}/sources.list";
       Dir::Etc::sourceparts "/dev/null"; Acquire::Languages "none"; Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";\n`,
    )
    run(directory, 'apt-get', ['update', '-qq'])
    run(directory, 'apt-get', ['download', '-qq', 'nats-server'])
    run(directory, 'sh', ['-c', 'dpkg-deb -x nats-server_*.deb out'])
    return join(directory, 'out/usr/sbin/nats-server')
  })
}

function fromGo(): string | undefined {
  return provided('go install', (directory) => {
    run(directory, 'go', ['install', goModule])
    return join(directory, 'bin/nats-server')
  })
}

/** Undefined when the program now lies in the cache; else why it does not. Two test files may provide at a time: the last rename wins. */
function provided(what: string, provide: (directory: string) => string): string | undefined {
  mkdirSync(cache, { recursive: true })
  const directory = mkdtempSync(join(cache, 'nats-server-draft-'))
  try {
    const program = provide(directory)
    const version = existsSync(program) ? versionOf(program) : undefined
    if (version === undefined) return `${what}: its program does not run here`
    if (!keepsWhatItAcknowledges(version)) return `${what}: is ${version}`
    renameSync(program, cached)
    return undefined
  } catch (error) {
    return `${what}: ${error instanceof Error ? error.message : String(error)}`
  } finally {
    spawnSync('chmod', ['-R', 'u+w', directory])
    rmSync(directory, { recursive: true, force: true })
  }
}

function run(directory: string, command: string, words: readonly string[]): void {
  const { status, stderr, error } = spawnSync(command, words, {
    cwd: directory,
    encoding: 'utf8',
    timeout: stepMsMax,
    env: {
      ...process.env,
      APT_CONFIG: join(directory, 'apt.conf'),
      GOBIN: join(directory, 'bin'),
      GOPATH: join(directory, 'go'),
      GOCACHE: join(directory, 'build'),
    },
  })
  if (status !== 0) throw new Error(`${command} ${words.join(' ')}: ${error?.message ?? stderr.trim().split('\n').at(-1)}`)
}
