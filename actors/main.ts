/** The command line: reads what is asked, starts the database or the journal's reader, and says in one line what went wrong. */
import { resolve } from 'node:path'
import { DirectoryRefused } from '../bus/data-directory.ts'
import { log, stackOf } from '../observability/log.ts'
import { type Cluster, examineServers, StartError, startCluster, version } from './cluster.ts'
import { readCommand } from './command.ts'
import { type Config, ConfigError, helpText } from './config.ts'
import { dumpJournal, verifyJournal } from './journal-reader.ts'
import { movePlaces } from './move-command.ts'
import { showTrace } from './trace-command.ts'

export async function main(): Promise<void> {
  try {
    const command = readCommand(process.argv.slice(2), process.env)
    switch (command.kind) {
      case 'help':
        process.stdout.write(helpText())
        return
      case 'version':
        process.stdout.write(`taudb ${version()}\n`)
        return
      case 'journal':
        // Whoever reads our output may have seen enough: `taudb journal dump | head`.
        process.stdout.on('error', (error: { code?: unknown }) => {
          if (error.code !== 'EPIPE') throw error
        })
        process.exitCode = command.action === 'dump' ? dumpJournal(command.data, print) : verifyJournal(command.data, print)
        return
      case 'trace':
        process.exitCode = await showTrace(command.server, command.transaction, print)
        return
      case 'doctor': {
        const findings = await examineServers(command.config)
        const signs = { good: 'ok  ', unknown: '?   ', bad: 'BAD ' }
        for (const { state, about, words } of findings) print(`${signs[state]}  ${about}: ${words}`)
        process.exitCode = findings.some(({ state }) => state === 'bad') ? 1 : 0
        return
      }
      case 'status': {
        // Its client of NATS is loaded only here: whoever starts without one does not wait for it.
        const { showStatus } = await import('./status-command.ts')
        process.exitCode = await showStatus(command.config, print)
        return
      }
      case 'move':
        process.exitCode = await movePlaces(command, print)
        return
      case 'backup':
      case 'verify-backup':
      case 'restore': {
        const { carryOut } = await import('./backup-command.ts')
        process.exitCode = await carryOut(command, print)
        return
      }
      case 'start':
        await run(command.config)
    }
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof StartError || error instanceof DirectoryRefused)) throw error
    process.stderr.write(`taudb: ${error.message}\n`)
    process.exitCode = 1
  }
}

/** How long an orderly stop may take where it depends on others. */
const farewellMsMax = 10_000

/** Without its NATS servers a process cannot say farewell, and nobody should wait for that: others take over after a lease, and nothing is lost. */
function giveUpLater(): void {
  setTimeout(() => {
    process.stderr.write('taudb: NATS did not take the farewell in time: stopped without it\n')
    process.exit(1)
  }, farewellMsMax).unref()
}

async function run(config: Config): Promise<void> {
  let stopping: Promise<void> | undefined
  let cluster: Cluster | undefined
  const stop = (): void => {
    if (stopping === undefined && config.bus !== undefined) giveUpLater()
    stopping ??= (async () => {
      log('info', 'stopping')
      await cluster?.close()
      process.exit(0)
    })()
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  cluster = await startCluster({
    ...config,
    onFailure: (actor, error) => {
      log('error', `${actor} failed and the database stops`, { error: stackOf(error) })
      process.exit(1)
    },
  })
  if (stopping !== undefined) return
  log('info', 'serving', {
    version: version(),
    roles: [...config.roles].join(','),
    ...(cluster.connectionString !== '' && { host: cluster.host, port: cluster.port }),
  })
  const lines = [`taudb ${version()} is ready`]
  if (cluster.connectionString !== '') lines.push(`  connect  psql "${cluster.connectionString}"`)
  if (cluster.metricsUrl !== undefined) lines.push(`  metrics  ${cluster.metricsUrl}`)
  if (config.bus !== undefined) lines.push(`  roles    ${[...config.roles].join(', ')}`)
  if (config.roles.has('storage'))
    lines.push(`  data     ${config.data === undefined ? 'in memory, gone when it stops' : resolve(config.data)}`)
  print(lines.join('\n'))
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
