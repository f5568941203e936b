/**
 * `npm run bench [-- --rounds 5 --seconds 5 --only name]`: taudb and PostgreSQL on loopback, the same work in alternation (A B A B ...) after
 * one round each that does not count, medians and ratios. Machines are shared and noisy: only the ratios mean something.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startServer } from '../integration/server-process.ts'
import { startNats } from '../support/nats-server.ts'
import { startPeer } from './postgres.ts'
import { header, report, reportStart } from './report.ts'
import { type Measure, median, type Side } from './side.ts'
import { startMs } from './starts.ts'
import { loadAccounts, loadTable, natsWorkloads, type Workload, workloads, writeFiles } from './workloads.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '5' },
    only: { type: 'string' },
    port: { type: 'string', default: '25432' },
  },
})
const rounds = Number(values.rounds)
const seconds = Number(values.seconds)
/** PostgreSQL's; servers that are started again and again take the one after the next. */
const port = Number(values.port)
const startPort = port + 2
const wanted = (name: string): boolean => values.only === undefined || name.includes(values.only)

const peer = startPeer(port)
if (peer === undefined) {
  process.stdout.write('PostgreSQL is not installed (Debian: apt-get install postgresql-15): nothing to compare with, skipped.\n')
  process.exit(0)
}
const directory = mkdtempSync(join(tmpdir(), 'taudb-bench-'))
const postgres: Side = { name: 'postgres', port: peer.port, pids: peer.pids }
const isWanted = ({ name, clients }: Workload): boolean => wanted(`${name} ${clients}`)
try {
  const machine = `${cpus().length} cores, Node ${process.version}`
  process.stdout.write(`${peer.version}, ${machine}, ${rounds} rounds of ${seconds} s in alternation; loading ...\n\n`)
  writeFiles(directory)
  loadAccounts(postgres, directory)
  const isEmbedded = workloads.some(isWanted) || wanted('start')
  if (isEmbedded) loadTable(postgres, directory)
  header()
  if (isEmbedded) await embedded()
  if (natsWorkloads.some(isWanted)) await onNats()
} finally {
  peer.stop()
  rmSync(directory, { recursive: true, force: true })
}

/** One process, its journal in its data directory. */
async function embedded(): Promise<void> {
  const data = join(directory, 'data')
  const taudb = await startServer(['--port', '0', '--data', data])
  try {
    const side: Side = { name: 'taudb', port: taudb.port, pids: () => [taudb.pid] }
    loadAccounts(side, directory)
    loadTable(side, directory)
    for (const workload of workloads) if (isWanted(workload)) compare(workload, side)
  } finally {
    await taudb.stop()
  }
  if (!wanted('start')) return
  const sql = 'SELECT count(*) FROM scanned WHERE id = 5'
  reportStart('start with 1M rows on disk, to first answer', '< 1 s', await startMs(['--data', data], sql, 5, startPort))
  reportStart('start --ephemeral, to first answer', '< 300 ms', await startMs(['--ephemeral'], 'SELECT 1', 5, startPort))
}

/** One process with every role, its journal on a nats-server whose CPU counts as well. */
async function onNats(): Promise<void> {
  const nats = await startNats()
  try {
    const taudb = await startServer(['--port', '0', '--bus', nats.url, '--data', join(directory, 'nats')])
    try {
      const side: Side = { name: 'taudb', port: taudb.port, pids: () => [taudb.pid, nats.server.pid ?? 0] }
      loadAccounts(side, directory)
      for (const workload of natsWorkloads) if (isWanted(workload)) compare(workload, side)
    } finally {
      await taudb.stop()
    }
  } finally {
    await nats.dispose()
  }
}

function compare(workload: Workload, taudb: Side): void {
  const sides = [taudb, postgres] as const
  const measures: Record<Side['name'], Measure[]> = { taudb: [], postgres: [] }
  const count = Math.min(rounds, workload.roundsMax ?? rounds)
  for (let round = 0; round <= count; round++) {
    const both = sides.map((side) => workload.round(side, seconds, directory))
    const [ours, theirs] = both.map(({ answer }) => answer)
    if (ours !== theirs) throw new Error(`${workload.name}: taudb answers ${ours}, PostgreSQL ${theirs}`)
    // Compilers and caches are cold in the first round.
    if (round > 0) for (const [i, side] of sides.entries()) measures[side.name].push(both[i] as Measure)
  }
  report(workload, median(measures.taudb), median(measures.postgres))
}
