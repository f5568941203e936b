/**
 * `npm run bench [-- --rounds 5 --seconds 5 --only name]`: taudb and PostgreSQL on loopback, the same work in alternation (A B A B ...) after
 * one round each that does not count, medians and ratios. Machines are shared and noisy: only the ratios mean something.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startServer } from '../integration/server-process.ts'
import { startPeer } from './postgres.ts'
import { header, report, reportStart } from './report.ts'
import { type Measure, median, type Side } from './side.ts'
import { startMs } from './starts.ts'
import { loadAccounts, loadTable, type Workload, workloads, writeFiles } from './workloads.ts'

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, seconds: { type: 'string', default: '5' }, only: { type: 'string' } },
})
const rounds = Number(values.rounds)
const seconds = Number(values.seconds)
const startPort = 25_434
const wanted = (name: string): boolean => values.only === undefined || name.includes(values.only)

const peer = startPeer(25_432)
if (peer === undefined) {
  process.stdout.write('PostgreSQL is not installed (Debian: apt-get install postgresql-15): nothing to compare with, skipped.\n')
  process.exit(0)
}
const directory = mkdtempSync(join(tmpdir(), 'taudb-bench-'))
const data = join(directory, 'data')
const taudb = await startServer(['--port', '0', '--data', data])
const sides: readonly Side[] = [
  { name: 'taudb', port: taudb.port, pids: () => [taudb.pid] },
  { name: 'postgres', port: peer.port, pids: peer.pids },
]
try {
  const machine = `${cpus().length} cores, Node ${process.version}`
  process.stdout.write(`${peer.version}, ${machine}, ${rounds} rounds of ${seconds} s in alternation; loading ...\n\n`)
  writeFiles(directory)
  for (const side of sides) loadAccounts(side, directory)
  for (const side of sides) loadTable(side, directory)
  header()
  for (const workload of workloads) if (wanted(`${workload.name} ${workload.clients}`)) compare(workload)
  await taudb.stop()
  const recovery = ['--data', data]
  if (wanted('start')) {
    const sql = 'SELECT count(*) FROM scanned WHERE id = 5'
    reportStart('start with 1M rows on disk, to first answer', '< 1 s', await startMs(recovery, sql, 5, startPort))
    reportStart('start --ephemeral, to first answer', '< 300 ms', await startMs(['--ephemeral'], 'SELECT 1', 5, startPort))
  }
} finally {
  await taudb.stop()
  peer.stop()
  rmSync(directory, { recursive: true, force: true })
}

function compare(workload: Workload): void {
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
